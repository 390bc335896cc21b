//! Annotations of Open Annotation and of the W3C model: bodies, motivations, attributes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::targets::{TargetPart, part, targets};
use super::values::{all, id, kind, label, list, local_name, texts};
use crate::contracts::{Annotation, Body};
use crate::sources::{Placed, is_url};
use crate::summary::Reject;

/// Where an annotation was found.
pub struct AnnotationPlace<'a> {
    /// URL or file of the document, as it was requested.
    pub document: &'a str,
    /// Base of relative references. Annotations without id are named after it, so that a saved copy gives the same names.
    pub base: &'a str,
    /// Id of the manifest that contains it, if any.
    pub manifest: Option<&'a str>,
    /// Its position in the document, counted from 1.
    pub number: usize,
}

/// Reads one annotation: one [`Placed`] per resource that it is about.
///
/// # Errors
/// The annotation does not have a target, or its selector cannot be used.
pub fn read(value: &Value, place: &AnnotationPlace) -> Result<Vec<Placed>, Reject> {
    let name = match id(value).filter(|_| value.is_object()) {
        Some(id) => id.to_owned(),
        None => format!("{}#annotation-{}", place.base, place.number),
    };
    let refuse = |field: &str, problem: String| Reject::new(place.document, &name, field, problem);
    let mut parts: Vec<TargetPart> = Vec::new();
    for target in targets(value) {
        parts.extend(part(target, place.base).map_err(|problem| refuse("target", problem))?);
    }
    if parts.is_empty() {
        return Err(refuse(
            "target",
            "target of the annotation is missing".into(),
        ));
    }
    let bodies = ["body", "resource", "bodyValue"]
        .iter()
        .flat_map(|m| list(value, m));
    let bodies: Vec<&Value> = bodies.collect();
    let annotation = Annotation {
        id: name.clone(),
        motivation: motivation(value),
        bodies: bodies.iter().flat_map(|b| body(b)).collect(),
        regions: Vec::new(),
        attributes: attributes(value, &bodies),
    };
    let mut placed: Vec<Placed> = Vec::new();
    for part in parts {
        match placed.iter_mut().find(|p| p.target == part.target) {
            Some(same) => same.annotation.regions.extend(part.regions),
            None => placed.push(Placed {
                document: place.document.to_owned(),
                manifest: place.manifest.map(str::to_owned),
                target: part.target,
                image: part.image.map(Box::new),
                annotation: Annotation {
                    regions: part.regions,
                    ..annotation.clone()
                },
            }),
        }
    }
    Ok(placed)
}

/// The motivations of an annotation, without the prefixes of vocabularies.
pub fn motivation(value: &Value) -> Vec<String> {
    let plain = |text: &str| match text {
        text if is_url(text) => local_name(text).to_owned(),
        text => text
            .trim()
            .trim_start_matches("oa:")
            .trim_start_matches("sc:")
            .to_owned(),
    };
    let mut motivation: Vec<String> = Vec::new();
    for text in list(value, "motivation")
        .into_iter()
        .filter_map(Value::as_str)
        .map(plain)
    {
        if !text.is_empty() && !motivation.contains(&text) {
            motivation.push(text);
        }
    }
    motivation
}

/// Whether the motivation is `painting`, in any spelling.
pub fn is_painting(value: &Value) -> bool {
    motivation(value)
        .iter()
        .any(|m| m.eq_ignore_ascii_case("painting"))
}

/// The bodies: texts, tags, or names of things.
fn body(value: &Value) -> Vec<Body> {
    if let Value::String(text) = value {
        return text_body(text, None).into_iter().collect();
    }
    if matches!(kind(value).as_str(), "choice" | "list" | "composite") {
        let alternatives = ["default", "item", "items"]
            .iter()
            .flat_map(|m| list(value, m));
        return alternatives.flat_map(body).collect();
    }
    let text = ["chars", "value", "cnt:chars"]
        .iter()
        .find_map(|m| value[*m].as_str());
    let source = match &value["source"] {
        Value::Null => &value["full"],
        source => source,
    };
    let named = label(&value["label"]).or_else(|| label(&source["label"]));
    let stated = match text {
        Some(text) => Some(text),
        None => id(source).or_else(|| id(value).filter(|id| !id.starts_with("_:"))),
    };
    let Some(body_text) = stated.or(named.as_deref()) else {
        return Vec::new();
    };
    let made = Body {
        purpose: purpose(value),
        label: named.clone().filter(|label| label != body_text),
        format: value["format"]
            .as_str()
            .filter(|f| !f.is_empty())
            .map(str::to_owned),
        language: list(value, "language")
            .into_iter()
            .find_map(Value::as_str)
            .map(str::to_owned),
        ..Body::default()
    };
    text_body(body_text, Some(made)).into_iter().collect()
}

fn text_body(text: &str, made: Option<Body>) -> Option<Body> {
    let value = text.trim().to_owned();
    (!value.is_empty()).then(|| Body {
        value,
        ..made.unwrap_or_default()
    })
}

fn purpose(value: &Value) -> Option<String> {
    let given = list(value, "purpose").into_iter().find_map(Value::as_str);
    let given = given.map(|p| p.trim_start_matches("oa:").to_owned());
    let tag = ["tag", "semantictag"].contains(&kind(value).as_str());
    given.or_else(|| tag.then(|| "tagging".into()))
}

/// Everything else worth keeping. A body without text, such as the control points of a map, is kept as it is.
fn attributes(value: &Value, bodies: &[&Value]) -> BTreeMap<String, Value> {
    let mut attributes = BTreeMap::new();
    for (name, member) in [
        ("created", "created"),
        ("created", "dcterms:created"),
        ("modified", "modified"),
        ("modified", "dcterms:modified"),
        ("confidence", "confidence"),
        ("score", "score"),
    ] {
        if value[member].is_string() || value[member].is_number() {
            attributes.insert(name.into(), value[member].clone());
        }
    }
    for (name, text) in [
        ("label", label(&value["label"])),
        ("creator", creator(&value["creator"])),
    ] {
        attributes.extend(text.map(|text| (name.to_owned(), Value::String(text))));
    }
    let structured = bodies
        .iter()
        .filter(|b| b.is_object() && body(b).is_empty() && is_structured(b));
    let structured: Vec<Value> = structured.map(|b| (*b).clone()).collect();
    if !structured.is_empty() {
        attributes.insert("body".into(), Value::Array(structured));
    }
    // Attributes that `recto-serve` writes and that Web Annotation has no property for.
    let others = value["attributes"].as_object().into_iter().flatten();
    // `annotation` is set by `extract` to mark boxes of one annotation.
    for (name, value) in others.filter(|(name, _)| *name != "annotation") {
        let entry = attributes.entry(name.clone());
        entry.or_insert_with(|| value.clone());
    }
    attributes
}

fn is_structured(body: &Value) -> bool {
    body.as_object()
        .is_some_and(|members| members.values().any(|v| v.is_object() || v.is_array()))
}

fn creator(value: &Value) -> Option<String> {
    let first = all(value).into_iter().next()?;
    let name = texts(&first["name"]).into_iter().next();
    name.or_else(|| id(first).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::{Region, Space};
    use serde_json::json;

    fn read_one(value: Value) -> Result<Vec<Placed>, Reject> {
        let place = AnnotationPlace {
            document: "d",
            base: "d",
            manifest: None,
            number: 1,
        };
        read(&value, &place)
    }

    fn region(fragment: Option<&str>, svg: Option<&str>, point: Option<[f64; 2]>) -> Region {
        Region {
            frame: Space::Canvas,
            fragment: fragment.map(Into::into),
            svg: svg.map(Into::into),
            point,
        }
    }

    #[test]
    fn targets_are_read_in_every_shape() {
        let fragment = |v: &str| json!({"type": "FragmentSelector", "value": v});
        let refined = |outer: &str, inner: &str| json!({"type": "FragmentSelector", "value": outer, "refinedBy": fragment(inner)});
        let svg = json!({"@type": "oa:SvgSelector", "value": "<svg/>"});
        let choice =
            json!({"@type": "oa:Choice", "default": fragment("xywh=1,2,3,4"), "item": svg});
        let boxed = || region(Some("xywh=1,2,3,4"), None, None);
        let both = || region(Some("xywh=1,2,3,4"), Some("<svg/>"), None);
        let cases = [
            (json!("c#xywh=1,2,3,4"), boxed()),
            (json!("c"), Region::default()),
            (json!("c#t=1,2"), Region::default()),
            (json!(["c#xywh=1,2,3,4"]), boxed()),
            (json!({"id": "c#xywh=1,2,3,4", "type": "Canvas"}), boxed()),
            (json!({"full": "c", "selector": choice}), both()),
            (
                json!({"full": {"@id": "c"}, "selector": fragment("xywh=1,2,3,4")}),
                boxed(),
            ),
            (json!({"source": "c#xywh=1,2,3,4"}), boxed()),
            (
                json!({"source": "c", "selector": [fragment("xywh=1,2,3,4"), svg]}),
                both(),
            ),
            (
                json!({"source": {"id": "c", "selector": fragment("xywh=1,2,3,4")}}),
                boxed(),
            ),
            (
                json!({"source": "c", "selector": fragment("#xywh=percent:1,2,3,4")}),
                region(Some("xywh=percent:1,2,3,4"), None, None),
            ),
            (
                json!({"source": "c", "selector": {"type": "PointSelector", "x": 3, "y": "4"}}),
                region(None, None, Some([3.0, 4.0])),
            ),
            (
                json!({"source": "c", "selector": {"type": "PointSelector", "t": 3}}),
                Region::default(),
            ),
            (
                json!({"source": "c", "selector": refined("xywh=100,50,200,100", "xywh=10,20,30,40")}),
                region(Some("xywh=110,70,30,40"), None, None),
            ),
            (
                json!({"source": "c", "selector": refined("xywh=100,50,200,100", "xywh=percent:50,50,25,10")}),
                region(Some("xywh=200,100,50,10"), None, None),
            ),
            (
                json!({"source": "c", "selector": refined("xywh=percent:50,50,50,50", "xywh=percent:50,0,50,50")}),
                region(Some("xywh=percent:75,50,25,25"), None, None),
            ),
            (
                json!({"source": "c", "selector": refined("t=1,2", "xywh=1,2,3,4")}),
                boxed(),
            ),
            (
                json!({"source": "c", "selector": refined("xywh=1,2,3,4", "t=1,2")}),
                boxed(),
            ),
        ];
        for (target, wanted) in cases {
            let placed = read_one(json!({"target": target})).unwrap();
            assert_eq!(placed.len(), 1, "{target}");
            assert_eq!(placed[0].target, "c", "{target}");
            assert_eq!(placed[0].annotation.regions, vec![wanted], "{target}");
        }
    }

    #[test]
    fn targets_are_grouped_by_what_they_are_parts_of() {
        let placed = read_one(json!({"on": ["a#xywh=1,1,1,1", "b", "a#xywh=2,2,2,2"]})).unwrap();
        let seen: Vec<(&str, usize)> = placed
            .iter()
            .map(|p| (p.target.as_str(), p.annotation.regions.len()))
            .collect();
        assert_eq!(seen, [("a", 2), ("b", 1)]);
    }

    #[test]
    fn bodies_are_read_in_every_shape() {
        let cases = [
            (json!({"chars": "x"}), Some(("x", None))),
            (
                json!({"@type": "oa:Tag", "chars": "x"}),
                Some(("x", Some("tagging"))),
            ),
            (
                json!({"type": "TextualBody", "value": "x", "purpose": "tagging"}),
                Some(("x", Some("tagging"))),
            ),
            (
                json!({"type": "SpecificResource", "source": {"id": "https://a/1", "label": "n"}, "purpose": "classifying"}),
                Some(("https://a/1", Some("classifying"))),
            ),
            (json!("https://a/1"), Some(("https://a/1", None))),
            (
                json!({"id": "https://a/1.jpg", "type": "Image"}),
                Some(("https://a/1.jpg", None)),
            ),
            (json!({"chars": " "}), None),
            (json!([]), None),
            (json!(null), None),
        ];
        for (body, wanted) in cases {
            let placed = read_one(json!({"on": "c", "resource": body})).unwrap();
            let first = placed[0].annotation.bodies.first();
            assert_eq!(
                first.map(|b| (b.value.as_str(), b.purpose.as_deref())),
                wanted,
                "{body}"
            );
        }
    }

    #[test]
    fn motivations_lose_their_prefixes() {
        let cases = [
            (json!("sc:painting"), vec!["painting"]),
            (
                json!(["oa:tagging", "oa:commenting"]),
                vec!["tagging", "commenting"],
            ),
            (json!("http://www.w3.org/ns/oa#tagging"), vec!["tagging"]),
            (json!("iconograpy"), vec!["iconograpy"]),
            (json!(""), vec![]),
        ];
        for (given, wanted) in cases {
            assert_eq!(motivation(&json!({"motivation": given})), wanted, "{given}");
        }
    }

    #[test]
    fn a_target_that_is_an_image_is_drawn_in_its_pixels() {
        let services = json!([{"@id": "https://a/i", "type": "ImageService2"}]);
        let cases = [
            json!({"type": "Image", "source": "https://a/i/full/full/0/default.jpg", "service": services}),
            json!({"type": "Image", "source": "https://a/i/full/full/0/default.jpg"}),
            json!({"type": "SpecificResource", "source": {"id": "https://a/i", "type": "ImageService2", "width": 9}}),
        ];
        for target in cases {
            let placed = read_one(json!({"target": target})).unwrap();
            assert_eq!(placed[0].target, "https://a/i", "{target}");
            assert_eq!(placed[0].annotation.regions[0].frame, Space::Image);
        }
    }

    #[test]
    fn what_cannot_be_placed_is_rejected_with_its_reason() {
        let cases = [
            (json!({}), "target of the annotation is missing"),
            (
                json!({"target": null}),
                "target of the annotation is missing",
            ),
            (
                json!({"target": {"source": "c", "selector": {"type": "TextQuoteSelector"}}}),
                "selector does not select a part of an image: textquoteselector",
            ),
            (
                json!({"target": {"source": "c", "selector": {"type": "FragmentSelector", "value": "xywh=1,2,3,4",
                    "refinedBy": {"type": "SvgSelector", "value": "<svg/>"}}}}),
                "selector is refined by another (refinedBy) in a way that a box cannot express",
            ),
        ];
        for (value, problem) in cases {
            assert_eq!(
                read_one(value.clone()).unwrap_err().problem,
                problem,
                "{value}"
            );
        }
    }
}
