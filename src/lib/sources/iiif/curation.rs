//! Curations (CODH's IIIF Curation API 1.0): parts of canvases that somebody has collected, each with a label and metadata.

use serde_json::{Map, Value, json};

use super::hanging::{Hanging, PageStatements};
use super::range_members::target;
use super::reader::Reader;
use super::targets;
use super::values::{all, id, kind, label, list, members_of, texts};

impl<'a> Reader<'a> {
    /// A curation: its members become annotations of the canvases of the manifests that it names, which are followed.
    pub(super) fn curation(&mut self, curation: &'a Value) {
        self.found.count("collections", 1);
        let mut followed = Vec::new();
        let selections = members_of(curation, &["selections", "items", "structures"]);
        if selections.is_empty() {
            self.not_used(curation, "curation does not have selections");
        }
        for selection in selections {
            let around = ["within", "partOf"].iter().flat_map(|m| list(selection, m));
            let around: Vec<&Value> = around.collect();
            let manifest = around.iter().find_map(|manifest| id(manifest));
            for named in around {
                if let Some(name) = id(named).filter(|name| !followed.contains(name)) {
                    followed.push(name);
                    self.lead_to(named, "curated manifest", Some(name), None);
                }
            }
            let on = Hanging {
                manifest,
                ..Hanging::default()
            };
            let page = PageStatements {
                label: label(&selection["label"]),
                granularity: None,
            };
            let curated = members_of(selection, &["members", "canvases", "items"]);
            if curated.is_empty() {
                self.not_a(selection, "a selection of canvases");
            }
            for (at, member) in curated.into_iter().enumerate() {
                self.curated(member, on, &page, at + 1);
            }
        }
    }

    fn curated(&mut self, member: &'a Value, on: Hanging, page: &PageStatements, order: usize) {
        let target = target(member);
        let Some(canvas) = targets::name(&target, &self.base) else {
            return self.not_a(member, "a canvas");
        };
        let on_canvas = Hanging {
            canvas: Some(&canvas),
            ..on
        };
        self.annotations_on(member, on_canvas);
        let mut attributes = Map::new();
        let mut embedded = Vec::new();
        for pair in list(member, "metadata") {
            let values = all(&pair["value"]);
            let (annotations, others): (Vec<&Value>, Vec<&Value>) = values
                .into_iter()
                .partition(|value| kind(value) == "annotation");
            embedded.extend(annotations);
            let said: Vec<String> = others.into_iter().flat_map(texts).collect();
            if let Some(name) = label(&pair["label"]).filter(|_| !said.is_empty()) {
                attributes.insert(name, said.join("; ").into());
            }
        }
        for annotation in &embedded {
            self.member_of_page(annotation, on, page, Some(order));
        }
        let named = label(&member["label"]);
        if named.is_none() && attributes.is_empty() && !embedded.is_empty() {
            return;
        }
        let part = targets::part(&target, &self.base);
        let is_whole = part.is_ok_and(|part| part.region.is_whole());
        if named.is_none() && is_whole {
            return self.not_used(member, "curated canvas without a part or a label");
        }
        let label =
            named.map(|name| json!({"type": "TextualBody", "purpose": "tagging", "value": name}));
        let made = json!({
            "type": "Annotation",
            "motivation": label.as_ref().map_or("highlighting", |_| "tagging"),
            "body": label,
            "target": target,
            "attributes": attributes,
        });
        self.made_annotation(&made, member, on, page, order);
    }
}
