//! Boxes as annotations: Web Annotation for Presentation 3, Open Annotation for 2.1. Pure.

use serde_json::{Map, Value, json};

use super::canvases::{self, Canvas};
use super::uris::Uris;
use crate::contracts::canvas::annotation_of;
use crate::contracts::{BBox, Localization};
use crate::selectors::svg;

/// Why labels are there, and boxes of which nothing else is stated.
pub const TAGGING: &str = "tagging";

/// The labels and boxes of a canvas as Web Annotations: first labels of the whole, then boxes. `uri` is that of the canvas.
pub fn all(canvas: &Canvas, uri: &str, uris: &Uris) -> Vec<Value> {
    let page = uris.annotations(uri);
    let labels = canvas.first().about.labels.iter().enumerate();
    let whole = labels.map(|(n, concept)| {
        json!({"id": format!("{page}#label-{}", n + 1), "type": "Annotation", "motivation": "tagging",
            "body": [tag(concept)], "target": uri})
    });
    let regions = canvases::annotations(canvas);
    let boxes = regions.map(|boxes| annotation(boxes, &page, uri));
    whole.chain(boxes).collect()
}

/// The annotation that these boxes are regions of.
fn annotation(boxes: &[Localization], page: &str, canvas: &str) -> Value {
    let first = &boxes[0];
    let mut targets: Vec<Value> = boxes.iter().map(|b| target(b, canvas)).collect();
    let mut annotation = json!({
        "id": canvases::annotation_id(annotation_of(first), page),
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
    let further = further_attributes(first);
    if !further.is_empty() {
        annotation["attributes"] = further.into();
    }
    annotation
}

/// The attributes of a box that have no place in Web Annotation, as `recto-digest` reads them back.
fn further_attributes(localization: &Localization) -> Map<String, Value> {
    const PLACED: [&str; 13] = [
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
    let others = all.filter(|(name, _)| !PLACED.contains(&name.as_str()));
    let others = others.map(|(name, value)| (name.clone(), value.clone()));
    others.collect()
}

fn motivation(localization: &Localization) -> Value {
    let words: Vec<&str> = motivations(localization).collect();
    match words[..] {
        [one] => json!(one),
        _ => json!(words),
    }
}

/// Why people made the annotation that a box comes from; tagging if nothing is stated.
pub fn motivations(localization: &Localization) -> impl Iterator<Item = &str> {
    let stated = localization.attributes.get("motivation");
    let stated = stated.and_then(Value::as_str).map(str::trim);
    let stated = stated.filter(|words| !words.is_empty());
    stated.unwrap_or(TAGGING).split_whitespace()
}

/// The texts of the bodies of a box, for search: those of [`bodies`], without making them.
pub fn texts(localization: &Localization) -> impl Iterator<Item = &str> {
    let attributes = &localization.attributes;
    let listed = |name: &str| attributes.get(name).and_then(Value::as_array);
    let tags = listed("tags").into_iter().flatten();
    let tags = tags.filter_map(Value::as_str);
    let tags = tags.filter(|tag| *tag != localization.concept);
    let text = attributes.get("text").and_then(Value::as_str);
    let others = listed("body").into_iter().flatten();
    let others = others.filter_map(|body| body["value"].as_str().or(body["chars"].as_str()));
    [localization.concept.as_str()]
        .into_iter()
        .chain(tags)
        .chain(text)
        .chain(others)
}

/// The same for its Open Annotation, that of [`all_2`].
pub fn texts_2(localization: &Localization) -> impl Iterator<Item = &str> {
    let text = localization.attributes.get("text");
    let text = text.and_then(Value::as_str);
    [localization.concept.as_str()].into_iter().chain(text)
}

/// The motivations of the Open Annotation of a box: viewers of 2.1 expect text beside a tag to be a comment.
pub fn motivations_2(localization: &Localization) -> &'static [&'static str] {
    match localization.attributes.contains_key("text") {
        true => &["oa:tagging", "oa:commenting"],
        false => &["oa:tagging"],
    }
}

/// The bodies of a box: the concept as a tag, further tags, the transcribed text, links, and bodies kept as they were.
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

/// A tag as a body.
pub fn tag(concept: &str) -> Value {
    json!({"type": "TextualBody", "purpose": "tagging", "format": "text/plain", "value": concept})
}

fn target(localization: &Localization, canvas: &str) -> Value {
    match &localization.polygon {
        Some(polygon) => json!({
            "type": "SpecificResource",
            "source": canvas,
            "selector": {"type": "SvgSelector", "value": svg::print(polygon, &localization.holes)},
        }),
        None => json!(format!("{canvas}#xywh={}", xywh(&localization.bbox))),
    }
}

/// The same as Open Annotations, for Presentation 2.1 (§5.4, and what its viewers read). `uri` and `uri_3` are those of the
/// canvas in versions 2.1 and 3.0.
pub fn all_2(canvas: &Canvas, uri: &str, uri_3: &str, uris: &Uris) -> Vec<Value> {
    let page = uris.annotations(uri_3);
    let labels = canvas.first().about.labels.iter().enumerate();
    let whole = labels.map(|(n, concept)| {
        open(
            &format!("{page}#label-{}", n + 1),
            &["oa:tagging"],
            vec![tag_2(concept)],
            json!(uri),
        )
    });
    let boxes = canvas
        .first()
        .about
        .localizations
        .iter()
        .map(|localization| {
            let id = canvases::annotation_id(&localization.id, &page);
            let mut bodies = vec![tag_2(&localization.concept)];
            if let Some(text) = localization.attributes.get("text") {
                bodies
                    .push(json!({"@type": "dctypes:Text", "format": "text/plain", "chars": text}));
            }
            let why = motivations_2(localization);
            open(&id, why, bodies, on(localization, uri))
        });
    whole.chain(boxes).collect()
}

fn open(id: &str, motivations: &[&str], bodies: Vec<Value>, on: Value) -> Value {
    let mut annotation = Map::new();
    annotation.insert("@id".into(), json!(id));
    annotation.insert("@type".into(), json!("oa:Annotation"));
    let motivation = match motivations {
        [one] => json!(one),
        all => json!(all),
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
            "item": {"@type": "oa:SvgSelector", "value": svg::print(polygon, &localization.holes)},
        },
    })
}

fn xywh(b: &BBox) -> String {
    // `Display` of f64 prints neither an exponent nor a trailing `.0`.
    format!("{},{},{},{}", b.x, b.y, b.width, b.height)
}
