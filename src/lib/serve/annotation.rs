//! Boxes as annotations: W3C for Presentation 3, Open Annotation for 2.1. Pure.

use serde_json::{Map, Value, json};

use super::ids::Ids;
use super::sides::{self, Side};
use crate::contracts::canvas::annotation_of as name;
use crate::contracts::{BBox, Localization};
use crate::selectors::svg;

/// Everything said about a side as W3C annotations: labels of the whole, then boxes.
pub fn all(side: &Side, canvas: &str, ids: &Ids) -> Vec<Value> {
    let page = ids.annotations(canvas);
    let labels = side.first().about.labels.iter().enumerate();
    let whole = labels.map(|(n, concept)| {
        json!({"id": format!("{page}#label-{}", n + 1), "type": "Annotation", "motivation": "tagging",
            "body": [tag(concept)], "target": canvas})
    });
    let regions = sides::annotations(side);
    let boxes = regions.iter().map(|boxes| annotation(boxes, &page, canvas));
    whole.chain(boxes).collect()
}

/// The boxes that are regions of one annotation.
fn annotation(boxes: &[&Localization], page: &str, canvas: &str) -> Value {
    let first = boxes[0];
    let mut targets: Vec<Value> = boxes.iter().map(|b| target(b, canvas)).collect();
    let mut annotation = json!({
        "id": sides::annotation_id(name(first), page),
        "type": "Annotation",
        "motivation": motivation(first),
        "body": bodies(first),
        "target": if targets.len() == 1 { targets.remove(0) } else { targets.into() },
    });
    for member in ["created", "modified", "confidence", "score", "label"] {
        if let Some(value) = first.attributes.get(member) {
            annotation[member] = value.clone();
        }
    }
    if let Some(Value::String(name)) = first.attributes.get("creator") {
        annotation["creator"] = match name.starts_with("http") {
            true => json!(name),
            false => json!({"type": "Person", "name": name}),
        };
    }
    let others = others(first);
    if !others.is_empty() {
        annotation["attributes"] = others.into();
    }
    annotation
}

/// What is known of a box and no word of Web Annotation says, as `recto-digest` reads it back.
fn others(localization: &Localization) -> Map<String, Value> {
    const SAID: [&str; 13] = [
        "annotation",
        "body",
        "confidence",
        "created",
        "creator",
        "label",
        "language",
        "links",
        "modified",
        "motivation",
        "score",
        "tags",
        "text",
    ];
    let all = localization.attributes.iter();
    let others = all.filter(|(name, _)| !SAID.contains(&name.as_str()));
    let others = others.map(|(name, value)| (name.clone(), value.clone()));
    others.collect()
}

fn motivation(localization: &Localization) -> Value {
    let stated = localization.attributes.get("motivation");
    let words: Vec<&str> = (stated.and_then(Value::as_str).unwrap_or("tagging"))
        .split_whitespace()
        .collect();
    match words[..] {
        [] => json!("tagging"),
        [one] => json!(one),
        _ => json!(words),
    }
}

/// The concept as a tag, further tags, the words that stand in the box, links, and what no words say.
fn bodies(localization: &Localization) -> Vec<Value> {
    let attributes = &localization.attributes;
    let listed = |name: &str| attributes.get(name).and_then(Value::as_array);
    let words = |name: &str| -> Vec<&str> {
        listed(name)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    };
    let mut bodies = vec![tag(&localization.concept)];
    let further = words("tags")
        .into_iter()
        .filter(|t| *t != localization.concept);
    bodies.extend(further.map(tag));
    if let Some(text) = attributes.get("text").and_then(Value::as_str) {
        let mut body = json!({"type": "TextualBody", "purpose": "transcribing", "value": text});
        if let Some(language) = attributes.get("language") {
            body["language"] = language.clone();
        }
        bodies.push(body);
    }
    let links = words("links")
        .into_iter()
        .filter(|l| *l != localization.concept);
    bodies.extend(
        links.map(|l| json!({"type": "SpecificResource", "purpose": "linking", "source": l})),
    );
    bodies.extend(listed("body").into_iter().flatten().cloned());
    bodies
}

/// A concept as a body.
pub fn tag(concept: &str) -> Value {
    json!({"type": "TextualBody", "purpose": "tagging", "format": "text/plain", "value": concept})
}

fn target(localization: &Localization, canvas: &str) -> Value {
    match &localization.polygon {
        Some(polygon) => json!({
            "type": "SpecificResource",
            "source": canvas,
            "selector": {"type": "SvgSelector", "value": svg::print(polygon)},
        }),
        None => json!(format!("{canvas}#xywh={}", xywh(&localization.bbox))),
    }
}

/// The same as Open Annotation, as Presentation 2.1 has it (§5.4 of it, and what its viewers read).
pub fn all_2(side: &Side, canvas: &str, canvas_3: &str, ids: &Ids) -> Vec<Value> {
    let page = ids.annotations(canvas_3);
    let labels = side.first().about.labels.iter().enumerate();
    let whole = labels.map(|(n, concept)| {
        open(
            &format!("{page}#label-{}", n + 1),
            vec![tag_2(concept)],
            json!(canvas),
        )
    });
    let boxes = side.first().about.localizations.iter().map(|localization| {
        let id = sides::annotation_id(&localization.id, &page);
        let mut bodies = vec![tag_2(&localization.concept)];
        if let Some(text) = localization.attributes.get("text") {
            bodies.push(json!({"@type": "dctypes:Text", "format": "text/plain", "chars": text}));
        }
        open(&id, bodies, on(localization, canvas))
    });
    whole.chain(boxes).collect()
}

fn open(id: &str, bodies: Vec<Value>, on: Value) -> Value {
    let mut annotation = Map::new();
    annotation.insert("@id".into(), json!(id));
    annotation.insert("@type".into(), json!("oa:Annotation"));
    // Viewers of 2.1 write words beside a tag as a comment.
    let motivation = match bodies.len() {
        1 => json!("oa:tagging"),
        _ => json!(["oa:tagging", "oa:commenting"]),
    };
    annotation.insert("motivation".into(), motivation);
    annotation.insert("resource".into(), bodies.into());
    annotation.insert("on".into(), on);
    annotation.into()
}

fn tag_2(concept: &str) -> Value {
    json!({"@type": "oa:Tag", "format": "text/plain", "chars": concept})
}

fn on(localization: &Localization, canvas: &str) -> Value {
    let fragment = format!("xywh={}", xywh(&localization.bbox));
    let Some(polygon) = &localization.polygon else {
        return json!(format!("{canvas}#{fragment}"));
    };
    json!({
        "@type": "oa:SpecificResource",
        "full": canvas,
        "selector": {
            "@type": "oa:Choice",
            "default": {"@type": "oa:FragmentSelector", "value": fragment},
            "item": {"@type": "oa:SvgSelector", "value": svg::print(polygon)},
        },
    })
}

fn xywh(b: &BBox) -> String {
    // Display of f64 has neither exponent nor a needless `.0`.
    format!("{},{},{},{}", b.x, b.y, b.width, b.height)
}
