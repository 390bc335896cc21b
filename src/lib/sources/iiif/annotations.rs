//! Annotations of Open Annotation and of the W3C model: targets, motivations, attributes. What bodies say is read in `bodies`.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::bodies::{
    body, each_body, held_xml, is_structured, names_of_texts, plain_word, unread, word,
};
use super::data_urls;
use super::described::{Rights, metadata};
use super::hanging::{Hanging, PageStatements, granularity, stated_granularity};
use super::selecting::unread_member;
use super::targets::{TargetPart, part, targets};
use super::texts::{is_read_as_text, named_text, put};
use super::values::{
    FORMAT, absolute, all, first_text, id, label, named, spelled, spelled_as, texts,
};
use crate::contracts::{Annotation, Body};
use crate::sources::{Hung, Placed};

/// Where an annotation was found.
pub struct AnnotationPlace<'a> {
    /// URL or file of the document, as it was requested.
    pub document: &'a str,
    /// Base of relative references. Annotations without id are named after it, so that a saved copy gives the same names.
    pub base: &'a str,
    /// What holds it.
    pub on: Hanging<'a>,
    /// What its page says.
    pub page: &'a PageStatements,
    /// Its position on its page, counted from 1.
    pub order: Option<usize>,
    /// Its position in the document, counted from 1.
    pub number: usize,
}

/// What was read of an annotation.
#[derive(Default)]
pub struct ReadAnnotation<'v> {
    /// Its id, or one made from its position.
    pub id: String,
    /// One for each resource that it is about, with the target that names it.
    pub placed: Vec<(Placed, &'v Value)>,
    /// Parts that cannot be used, with the reason. Not empty if `placed` is empty.
    pub unused: Vec<(&'v Value, String)>,
    /// What the targets among them are or are a part of, if they name it.
    pub lost: Vec<Option<String>>,
    /// Bodies that are texts in documents of their own, with their URLs.
    pub texts: Vec<(String, &'v Value)>,
}

/// Reads one annotation. A target that cannot be used does not affect the others.
pub fn read<'v>(value: &'v Value, place: &AnnotationPlace) -> ReadAnnotation<'v> {
    let mut read = ReadAnnotation {
        id: match id(value).filter(|_| value.is_object()) {
            Some(id) => absolute(place.base, id),
            None => format!("{}#annotation-{}", place.base, place.number),
        },
        ..ReadAnnotation::default()
    };
    let parts = parts(value, place, &mut read);
    if parts.is_empty() {
        return read;
    }
    let bodies = spelled(value, &BODY);
    let bodies: Vec<&Value> = bodies.into_iter().flat_map(each_body).collect();
    let motivation = motivation(value);
    let annotation = Annotation {
        id: read.id.clone(),
        attributes: attributes(value, &bodies, place),
        bodies: read_bodies(bodies, &motivation, &mut read),
        motivation,
        regions: Vec::new(),
    };
    let (mut known, mut seen) = (HashMap::new(), HashSet::new());
    for (part, target) in parts {
        if !seen.insert((part.target.clone(), format!("{:?}", part.region))) {
            continue;
        }
        match known.get(&part.target) {
            Some(&same) => {
                let (same, _): &mut (Placed, &Value) = &mut read.placed[same];
                same.annotation.regions.push(part.region);
            }
            None => {
                known.insert(part.target.clone(), read.placed.len());
                let placed = placed(part, annotation.clone(), place);
                read.placed.push((placed, target));
            }
        }
    }
    read
}

/// The parts that an annotation is about, with the targets that name them. What cannot be used is noted.
fn parts<'v>(
    value: &'v Value,
    place: &AnnotationPlace,
    read: &mut ReadAnnotation<'v>,
) -> Vec<(TargetPart<'v>, &'v Value)> {
    let beside = unread_member(value, &BESIDE);
    let mut parts = Vec::new();
    for target in targets(value) {
        match part(target, place.base) {
            Ok(found) => {
                let name = beside.filter(|_| found.region.is_whole());
                read.unused.extend(found.unused.iter().cloned());
                match name {
                    None => parts.push((found, target)),
                    Some(name) => {
                        let problem =
                            format!("annotation selects a part in an unknown way: {name}");
                        read.lost.push(super::targets::name(target, place.base));
                        read.unused.push((target, problem));
                    }
                }
            }
            Err(problem) => {
                read.lost.push(super::targets::name(target, place.base));
                read.unused.push((target, problem));
            }
        }
    }
    if parts.is_empty() && read.unused.is_empty() {
        let problem = "target of the annotation is missing";
        read.lost.push(None);
        read.unused.push((value, problem.into()));
    }
    parts
}

/// Members of an annotation that do not select a part of its target, whatever they hold.
pub const BESIDE: [&str; 9] = [
    "body",
    "bodyValue",
    "chars",
    "motivatedBy",
    "motivation",
    "on",
    "resource",
    "target",
    "value",
];

/// What bodies say. Of a text in a document of its own its URL stands there until it is fetched.
fn read_bodies<'v>(
    bodies: Vec<&'v Value>,
    motivation: &[String],
    read: &mut ReadAnnotation<'v>,
) -> Vec<Body> {
    let mut said = Vec::new();
    for value in bodies {
        let format = first_text(value, &Value::Null, &FORMAT);
        let format = format.filter(|format| !is_read_as_text(format));
        if let Some(format) = format.or_else(|| held_xml(value)) {
            let problem = format!("body is a text in a format that is not read: {format}");
            read.unused.push((value, problem));
            continue;
        }
        match data_urls::text_of(value) {
            Some(Ok(resource)) => {
                said.extend(body(value).into_iter().take(1).map(|mut body| {
                    put(&mut body, &resource, resource.text.trim().to_owned());
                    body
                }));
                continue;
            }
            Some(Err(problem)) => {
                read.unused.push((value, problem));
                continue;
            }
            None => {}
        }
        match named_text(value, motivation) {
            Ok(Some(url)) => {
                said.extend(body(value).into_iter().map(|body| Body {
                    value: url.clone(),
                    ..body
                }));
                read.texts.push((url, value));
            }
            Ok(None) => {
                said.extend(body(value));
                read.unused.extend(unread(value));
            }
            Err(problem) => {
                said.extend(body(value));
                read.unused.push((value, problem));
            }
        }
    }
    said
}

/// An annotation with one target.
fn placed(part: TargetPart, said: Annotation, place: &AnnotationPlace) -> Placed {
    Placed {
        document: place.document.to_owned(),
        manifest: place.on.manifest.map(str::to_owned),
        hung: Hung {
            canvas: place.on.canvas.map(str::to_owned),
            image: place.on.image.map(str::to_owned),
        },
        target: part.target,
        named: part.named,
        image: part.image.map(Box::new),
        annotation: Annotation {
            regions: vec![part.region],
            ..said
        },
        ..Placed::default()
    }
}

/// Members that hold bodies, now and in Open Annotation.
pub const BODY: [&str; 3] = ["body", "resource", "bodyValue"];

/// The motivations of an annotation, without the prefixes of vocabularies.
pub fn motivation(value: &Value) -> Vec<String> {
    let given = spelled(value, &["motivation", "motivatedBy"]).into_iter();
    let mut motivation: Vec<String> = Vec::new();
    for text in given.filter_map(word).map(plain_word) {
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

/// Everything else worth keeping. A body without text, such as the control points of a map, is kept as it is.
fn attributes(
    value: &Value,
    bodies: &[&Value],
    place: &AnnotationPlace,
) -> BTreeMap<String, Value> {
    let mut attributes = stated(value, bodies);
    let of_bodies = |members: &[&str]| {
        let mut held = bodies.iter();
        held.find_map(|body| first_text(body, &Value::Null, members))
    };
    let granularity = granularity(value)
        .or_else(|| bodies.iter().find_map(|body| granularity(body)))
        .or_else(|| targets(value).into_iter().find_map(stated_granularity))
        .or_else(|| place.page.granularity.clone());
    for (name, text) in [
        (
            "label",
            label(&value["label"]).or_else(|| names_of_texts(bodies)),
        ),
        (
            "creator",
            people(value, bodies, &["creator", "annotatedBy"]),
        ),
        (
            "generator",
            people(value, &[], &["generator", "serializedBy"]),
        ),
        ("rights", rights(value, bodies)),
        ("granularity", granularity),
        ("text_direction", of_bodies(&["textDirection"])),
        ("format", of_bodies(&FORMAT)),
    ] {
        attributes.extend(text.map(|text| (name.to_owned(), Value::String(text))));
    }
    attributes.extend(structured(bodies).map(|bodies| ("body".to_owned(), bodies)));
    // Attributes that `recto-serve` writes and that Web Annotation has no property for.
    let others = value["attributes"].as_object().into_iter().flatten();
    // `annotation` is set by `extract` to mark boxes of one annotation.
    for (name, value) in others.filter(|(name, _)| *name != "annotation") {
        let entry = attributes.entry(name.clone());
        entry.or_insert_with(|| value.clone());
    }
    for (name, values) in metadata(value) {
        let entry = attributes.entry(name);
        entry.or_insert_with(|| values.join("; ").into());
    }
    // What `recto-serve` writes says where an annotation stood before.
    let page = place.page.label.clone().map(Value::String);
    for (name, value) in [
        ("annotation_page", page),
        ("order", place.order.map(Value::from)),
    ] {
        if let Some(value) = value {
            attributes.entry(name.into()).or_insert(value);
        }
    }
    attributes
}

/// When an annotation was made and how sure it is, also as Open Annotation says it. How sure a body is holds for the annotation.
fn stated(value: &Value, bodies: &[&Value]) -> BTreeMap<String, Value> {
    let mut attributes = BTreeMap::new();
    for (name, members, with_bodies) in [
        ("created", ["created", "annotatedAt"], false),
        ("modified", ["modified", "modified"], false),
        ("confidence", ["confidence", "confidence"], true),
        ("score", ["score", "score"], true),
    ] {
        let said = bodies.iter().copied().filter(|_| with_bodies);
        let said = std::iter::once(value).chain(said);
        // Also as the value of something, or with a type.
        let held = |said| named(said, &["value", "@value"]).next().unwrap_or(said);
        let mut said = said.flat_map(|said| spelled(said, &members)).map(held);
        if let Some(stated) = said.find(|stated| stated.is_string() || stated.is_number()) {
            attributes.insert(name.into(), stated.clone());
        }
    }
    attributes
}

/// Bodies that are no texts, as they are.
fn structured(bodies: &[&Value]) -> Option<Value> {
    let structured = bodies
        .iter()
        .filter(|b| b.is_object() && body(b).is_empty() && is_structured(b));
    let structured: Vec<Value> = structured.map(|b| (*b).clone()).collect();
    (!structured.is_empty()).then_some(Value::Array(structured))
}

/// What may be done with an annotation, else with its bodies.
fn rights(value: &Value, bodies: &[&Value]) -> Option<String> {
    let mut said = std::iter::once(value).chain(bodies.iter().copied());
    said.find_map(|said| Rights::of(said).rights)
}

/// Who made an annotation, else who made its bodies, or the programs that did: all their names, else their ids.
fn people(value: &Value, bodies: &[&Value], members: &[&str; 2]) -> Option<String> {
    let of = |said: &Value| -> Vec<String> {
        let members = members.map(|member| spelled(said, &[member]));
        let given = members.into_iter().find(|given| !given.is_empty());
        given
            .into_iter()
            .flatten()
            .flat_map(all)
            .filter_map(person)
            .collect()
    };
    let mut named = of(value);
    if named.is_empty() {
        named = bodies.iter().flat_map(|body| of(body)).collect();
    }
    let mut seen = HashSet::new();
    named.retain(|name| seen.insert(name.clone()));
    (!named.is_empty()).then(|| named.join("; "))
}

fn person(value: &Value) -> Option<String> {
    let names = spelled_as(value, &["name", "nickname", "nick"]);
    let mut names = names.flat_map(|(_, name)| texts(name));
    names
        .next()
        .or_else(|| id(value).map(str::to_owned))
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::{Region, Space};
    use serde_json::json;

    fn read_one(value: Value) -> Result<Vec<Placed>, String> {
        let place = AnnotationPlace {
            document: "d",
            base: "d",
            on: Hanging::default(),
            page: &PageStatements::default(),
            order: None,
            number: 1,
        };
        let mut read = read(&value, &place);
        match read.unused.is_empty() {
            true => Ok(read.placed.into_iter().map(|(placed, _)| placed).collect()),
            false => Err(read.unused.remove(0).1),
        }
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
                json!({"source": "c", "selector": {"type": "FragmentSelector", "value": "xywh=100,50,200,100",
                    "refinedBy": {"type": "SvgSelector", "value": "<?xml version='1.0'?><svg/>"}}}),
                region(
                    None,
                    Some(r#"<g transform="translate(100 50)"><svg/></g>"#),
                    None,
                ),
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
            (json!({"de": ["Hund"], "en": ["dog"]}), Some(("dog", None))),
            (json!({"none": "dog"}), Some(("dog", None))),
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
                json!({"target": 7}),
                "target does not have an id: the value 7",
            ),
            (
                json!({"target": {"source": "c", "selector": {"type": "FragmentSelector", "value": "somewhere"}}}),
                "xywh is missing from the fragment: somewhere",
            ),
            (
                json!({"target": {"source": "c", "selector": {}}}),
                "selector cannot be read: an object without type",
            ),
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
                    "refinedBy": {"type": "PointSelector", "x": 1, "y": 2}}}}),
                "selector is refined by another (refinedBy) in a way that a box cannot express",
            ),
        ];
        for (value, problem) in cases {
            assert_eq!(read_one(value.clone()).unwrap_err(), problem, "{value}");
        }
    }
}
