//! Annotations, Open Annotation and W3C alike: bodies, targets and the parts of targets that selectors choose.

use std::collections::BTreeMap;

use serde_json::Value;

use super::service;
use super::values::{
    all, bare, id, kind, label, list, pixels, resolve, split_fragment, texts, xywh,
};
use crate::contracts::{
    Annotation, Body, ImageRef, Observation, Provenance, Region, Service, Space,
};
use crate::iiif::QuotedRequest;
use crate::selectors;
use crate::sources::{Placed, is_url};
use crate::summary::Reject;

/// Where an annotation stands.
pub struct Place<'a> {
    /// URL or file of the document, as it was asked for.
    pub document: &'a str,
    /// What the document's references are relative to: names annotations without id, wherever a copy was read.
    pub base: &'a str,
    /// Id of the manifest around it, if any.
    pub manifest: Option<&'a str>,
    /// Its place in the document, counted from 1.
    pub number: usize,
}

/// Reads one annotation: one [`Placed`] per resource it is about.
pub fn read(value: &Value, place: &Place) -> Result<Vec<Placed>, Reject> {
    let name = match id(value).filter(|_| value.is_object()) {
        Some(id) => id.to_owned(),
        None => format!("{}#annotation-{}", place.base, place.number),
    };
    let refuse = |field: &str, problem: String| Reject::new(place.document, &name, field, problem);
    let mut parts: Vec<Part> = Vec::new();
    for target in targets(value) {
        parts.extend(part(target, place.base).map_err(|problem| refuse("target", problem))?);
    }
    if parts.is_empty() {
        return Err(refuse("target", "annotation has no target".into()));
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

/// Why it was made, without the prefixes of vocabularies.
pub fn motivation(value: &Value) -> Vec<String> {
    let plain = |text: &str| match text {
        text if is_url(text) => bare(text).to_owned(),
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

/// Whether a motivation is to paint, however it is written.
pub fn is_painting(value: &Value) -> bool {
    motivation(value)
        .iter()
        .any(|m| m.eq_ignore_ascii_case("painting"))
}

/// What is said: words, tags, or the names of things.
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
    let words = ["chars", "value", "cnt:chars"]
        .iter()
        .find_map(|m| value[*m].as_str());
    let source = match &value["source"] {
        Value::Null => &value["full"],
        source => source,
    };
    let named = label(&value["label"]).or_else(|| label(&source["label"]));
    let said = match words {
        Some(words) => Some(words),
        None => id(source).or_else(|| id(value).filter(|id| !id.starts_with("_:"))),
    };
    let Some(said) = said.or(named.as_deref()) else {
        return Vec::new();
    };
    let made = Body {
        purpose: purpose(value),
        label: named.clone().filter(|label| label != said),
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
    text_body(said, Some(made)).into_iter().collect()
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

/// What else is worth carrying. A body that is no words (the control points of a map) is carried whole.
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
    let wordless = bodies
        .iter()
        .filter(|b| b.is_object() && body(b).is_empty() && is_structured(b));
    let wordless: Vec<Value> = wordless.map(|b| (*b).clone()).collect();
    if !wordless.is_empty() {
        attributes.insert("body".into(), Value::Array(wordless));
    }
    // What recto-serve says of a box, and no word of Web Annotation does.
    let others = value["attributes"].as_object().into_iter().flatten();
    // By that one boxes are told to be of one annotation, which is ours to say.
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

/// Every target: one, many, or many in a list.
fn targets(value: &Value) -> Vec<&Value> {
    let named = ["target", "on"].iter().flat_map(|m| list(value, m));
    named
        .flat_map(|target| match kind(target).as_str() {
            "list" | "composite" | "independents" | "choice" => list(target, "items"),
            _ => vec![target],
        })
        .collect()
}

/// A part of one resource.
struct Part {
    target: String,
    regions: Vec<Region>,
    image: Option<Observation>,
}

fn part(target: &Value, document: &str) -> Result<Option<Part>, String> {
    let resource = ["full", "source"]
        .iter()
        .map(|m| &target[*m])
        .find(|r| !r.is_null());
    let resource = resource
        .and_then(|r| all(r).into_iter().next())
        .unwrap_or(target);
    let Some(whole) = id(resource).or_else(|| id(target)) else {
        return Ok(None);
    };
    let (base, fragment) = split_fragment(whole);
    let selectors: Vec<&Value> = [target, resource]
        .into_iter()
        .filter(|v| v.is_object())
        .flat_map(|v| list(v, "selector"))
        .collect();
    let mut regions = regions(&selectors)?;
    if regions.is_empty() {
        regions.push(Region {
            fragment: fragment.and_then(xywh).map(str::to_owned),
            ..Region::default()
        });
    }
    let image = image(target, resource, base, document);
    let frame = if image.is_some() {
        Space::Image
    } else {
        Space::Canvas
    };
    regions.iter_mut().for_each(|region| region.frame = frame);
    let target = match &image {
        Some(image) => image.id.clone(),
        None => base.to_owned(),
    };
    Ok(Some(Part {
        target,
        regions,
        image,
    }))
}

/// The regions of selectors. Selectors of different kinds side by side say the same thing in different ways.
fn regions(selectors: &[&Value]) -> Result<Vec<Region>, String> {
    let mut regions: Vec<Region> = Vec::new();
    for selector in selectors {
        let Some(region) = region(selector)? else {
            continue;
        };
        match regions
            .last_mut()
            .filter(|last| are_compatible(last, &region))
        {
            Some(last) => *last = merged(std::mem::take(last), region),
            None => regions.push(region),
        }
    }
    Ok(regions)
}

fn are_compatible(a: &Region, b: &Region) -> bool {
    !(a.fragment.is_some() && b.fragment.is_some()
        || a.svg.is_some() && b.svg.is_some()
        || a.point.is_some()
        || b.point.is_some())
}

fn merged(a: Region, b: Region) -> Region {
    Region {
        frame: a.frame,
        fragment: a.fragment.or(b.fragment),
        svg: a.svg.or(b.svg),
        point: a.point.or(b.point),
    }
}

/// The region a selector chooses; a selector that refines it chooses within that region, in its coordinates
/// (Web Annotation §4.2.9).
fn region(selector: &Value) -> Result<Option<Region>, String> {
    let outer = plain_region(selector)?;
    let mut inner = Vec::new();
    for refining in list(selector, "refinedBy") {
        // Times and styles refine too, and choose no part.
        inner.extend(region(refining)?);
    }
    match (outer, inner.pop()) {
        (outer, None) => Ok(outer),
        (None, inner) => Ok(inner),
        (Some(outer), Some(inner)) => within(&outer, &inner).map(Some),
    }
}

fn within(outer: &Region, inner: &Region) -> Result<Region, String> {
    let fragment = match (&outer.fragment, &inner.fragment, &outer.svg, &inner.svg) {
        (Some(outer), Some(inner), None, None) => selectors::nested_fragment(outer, inner),
        _ => None,
    };
    let fragment = fragment
        .ok_or("selector is refined by another (refinedBy), which no box of the whole can say")?;
    Ok(Region {
        fragment: Some(fragment),
        ..Region::default()
    })
}

fn plain_region(selector: &Value) -> Result<Option<Region>, String> {
    let text = || {
        ["value", "chars", "cnt:chars"]
            .iter()
            .find_map(|m| selector[*m].as_str())
    };
    let number = |member: &str| match &selector[member] {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_f64(),
    };
    let made = match kind(selector).as_str() {
        "fragmentselector" => Region {
            fragment: text().and_then(xywh).map(str::to_owned),
            ..Region::default()
        },
        "svgselector" => Region {
            svg: Some(text().ok_or("SVG selector has no value")?.to_owned()),
            ..Region::default()
        },
        "pointselector" => match (number("x"), number("y")) {
            (Some(x), Some(y)) => Region {
                point: Some([x, y]),
                ..Region::default()
            },
            _ => return Ok(None),
        },
        "imageapiselector" => Region {
            fragment: selector["region"].as_str().and_then(as_fragment),
            ..Region::default()
        },
        "choice" => return choice(selector),
        "" if selector.is_string() => Region {
            fragment: selector.as_str().and_then(xywh).map(str::to_owned),
            ..Region::default()
        },
        "" if text().is_some_and(|t| t.trim_start().starts_with('<')) => Region {
            svg: text().map(str::to_owned),
            ..Region::default()
        },
        "" => Region {
            fragment: text().and_then(xywh).map(str::to_owned),
            ..Region::default()
        },
        other => return Err(format!("selector names no part of an image: {other}")),
    };
    // Times (`t=3`) and empty values choose no part: the whole.
    Ok((made != Region::default()).then_some(made))
}

/// Open Annotation's Choice of selectors: a box by default, and its outline.
fn choice(selector: &Value) -> Result<Option<Region>, String> {
    let alternatives: Vec<&Value> = ["default", "item", "items"]
        .iter()
        .flat_map(|m| list(selector, m))
        .collect();
    let mut whole: Option<Region> = None;
    for alternative in alternatives {
        let next = region(alternative)?;
        whole = match (whole, next) {
            (Some(a), Some(b)) => Some(merged(a, b)),
            (a, b) => a.or(b),
        };
    }
    Ok(whole)
}

fn as_fragment(region: &str) -> Option<String> {
    match region.strip_prefix("pct:") {
        Some(share) => Some(format!("xywh=percent:{share}")),
        None => region.contains(',').then(|| format!("xywh={region}")),
    }
}

/// The image a target is, when it is one: an image service, or an image resource with or without one.
fn image(target: &Value, resource: &Value, base: &str, document: &str) -> Option<Observation> {
    let services = [resource, target]
        .into_iter()
        .find_map(|v| service::services(v).best);
    let is_image = |v: &Value| kind(v) == "image";
    let service = match services {
        Some(service) => Some(service),
        None if resource.is_object() && kind(resource).starts_with("imageservice") => {
            service::described(resource)
        }
        None if !(is_image(resource) || is_image(target)) => return None,
        None => service_of_request(base),
    };
    let url = service.is_none().then(|| resolve(document, base)).flatten();
    let name = service
        .as_ref()
        .map(|s| s.id.clone())
        .or_else(|| url.clone())?;
    let part_of = |kinds: &str| {
        list(resource, "partOf")
            .into_iter()
            .find(|p| kind(p) == kinds)
    };
    let canvas = part_of("canvas");
    let manifest = canvas.and_then(|c| {
        list(c, "partOf")
            .into_iter()
            .find(|p| kind(p) == "manifest")
    });
    let mut source = Provenance {
        kind: "iiif".into(),
        ..Provenance::default()
    };
    source.manifest = manifest.and_then(|m| id(m)).map(str::to_owned);
    source.canvas = canvas.and_then(|c| id(c)).map(str::to_owned);
    source.labels.manifest = manifest.and_then(|m| label(&m["label"]));
    source.labels.canvas = canvas.and_then(|c| label(&c["label"]));
    source.labels.image = label(&resource["label"]);
    Some(Observation {
        group: source
            .manifest
            .clone()
            .unwrap_or_else(|| document.to_owned()),
        id: name,
        image: ImageRef {
            url,
            service,
            width: pixels(&resource["width"]),
            height: pixels(&resource["height"]),
            media_type: None,
            sha256: None,
        },
        source,
        ..Observation::default()
    })
}

/// The service of a URL that asks the Image API for a whole image.
fn service_of_request(url: &str) -> Option<Service> {
    let asked = QuotedRequest::parse(url).filter(|a| a.region == "full" && a.is_full_size())?;
    Some(Service {
        id: asked.base.to_owned(),
        version: 2,
        level: None,
        region: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_one(value: Value) -> Result<Vec<Placed>, Reject> {
        let place = Place {
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
            (json!({}), "annotation has no target"),
            (json!({"target": null}), "annotation has no target"),
            (
                json!({"target": {"source": "c", "selector": {"type": "TextQuoteSelector"}}}),
                "selector names no part of an image: textquoteselector",
            ),
            (
                json!({"target": {"source": "c", "selector": {"type": "FragmentSelector", "value": "xywh=1,2,3,4",
                    "refinedBy": {"type": "SvgSelector", "value": "<svg/>"}}}}),
                "selector is refined by another (refinedBy), which no box of the whole can say",
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
