//! The source `iiif`: Presentation API 2.0, 2.1 and 3.0, their drafts, and what is really published under their names.
//!
//! Documents are read leniently. What a document is, is decided by its type, else by its members, never by its context
//! or suffix; one bad member never affects the rest.

mod annotation_pages;
mod annotations;
mod bodies;
mod canvases;
pub mod change_discovery;
mod collection;
mod curation;
mod data_urls;
mod described;
mod document;
mod elsewhere;
mod hanging;
mod images;
mod json;
mod manifest;
mod painted_part;
mod painting;
mod paths;
mod range_members;
mod ranges;
mod reader;
mod selecting;
mod service;
mod styles;
mod surrogates;
mod targets;
mod text_files;
mod text_links;
mod texts;
mod values;

use std::collections::HashMap;

use serde_json::Value;

use super::source::{
    ANNOTATIONS, Answer, BODY_TEXT, DocumentRequest, FetchFailure, FetchedText, Found, Hung, Lost,
    Placed, Source, TEXT,
};
use super::text::{self, Granularity};
use super::text_options::TextChoice;
use super::unpack::without_mark;
use crate::error::Error;
use crate::summary::{Reject, counted};
use reader::Reader;

/// The source `iiif`.
#[derive(Debug, Default)]
pub struct Iiif {
    /// URLs and files of the command line.
    pub inputs: Vec<String>,
    /// Do not fetch annotations that documents only refer to.
    pub no_annotations: bool,
    /// Which transcriptions are read.
    pub text: TextChoice,
    /// Which parts of them; all if none is given.
    pub granularity: Vec<Granularity>,
}

impl Source for Iiif {
    fn name(&self) -> &'static str {
        "iiif"
    }

    fn first(&self) -> Vec<DocumentRequest> {
        DocumentRequest::of_inputs(&self.inputs)
    }

    fn expects(&self) -> &'static str {
        "JSON"
    }

    fn finishes(&self) -> bool {
        false
    }

    fn may_be_left(&self, request: &DocumentRequest) -> bool {
        request.is_for(collection::MEMBER)
    }

    fn counts(&self) -> &'static [&'static str] {
        &[
            "collections",
            "manifests",
            "canvases",
            "images",
            "services",
            "annotations",
            "text_files",
        ]
    }

    fn read(&self, answer: &Answer) -> Result<Found, Error> {
        // What was taken for a transcription may be a page of annotations.
        let is_json = answer.bytes.trim_ascii_start().starts_with(b"{");
        if answer.request.is_for(TEXT) && !is_json {
            return Ok(text_files::read(answer, self.text, &self.granularity));
        }
        let mut found = Found::default();
        if answer.request.is_for(BODY_TEXT) {
            let text = texts::read(answer);
            found.texts.push((answer.request.location.clone(), text));
            return Ok(found);
        }
        let bytes = without_mark(&answer.bytes);
        let document = json::read(bytes).or_else(|e| {
            let repaired = surrogates::replaced(bytes).ok_or(e)?;
            let name = &answer.request.location;
            let note = "unpaired surrogates (half of a \\uXXXX pair) are read as U+FFFD";
            found.notes.push(format!("{name}: {note}"));
            json::read(&repaired)
        });
        match document {
            Err(e) => {
                found.is_unread = true;
                found.rejects.push(not_json(answer, bytes, &e));
            }
            Ok((document, repeated)) => {
                found.rejects.extend(repeated_members(answer, &repeated));
                let mut reader = Reader::new(answer, &document, &mut found);
                match serde_json::from_str::<Value>(&answer.request.memo) {
                    Ok(memo) if answer.request.is_for(painting::PAINTING) => {
                        reader.painting_document(&document, &memo);
                    }
                    _ => reader.document(&document),
                }
                reader.finish(&document);
            }
        }
        if self.no_annotations {
            found.next.retain(|request| !request.is_about_annotations());
        }
        text_files::choose(self.text, &mut found);
        Ok(found)
    }

    fn failed(
        &self,
        request: &DocumentRequest,
        failure: &FetchFailure,
    ) -> Result<Option<Found>, Error> {
        // The annotations that need the text tell of it.
        let lost = request.is_for(BODY_TEXT).then(|| Found {
            texts: vec![(
                request.location.clone(),
                Err(format!("text cannot be fetched: {}", failure.problem)),
            )],
            ..Found::default()
        });
        Ok(lost)
    }

    fn lost(&self, request: &DocumentRequest) -> Option<Lost> {
        if request.is_for(TEXT) {
            return text_files::lost(request);
        }
        let from = request
            .from
            .as_ref()
            .filter(|from| from.role == ANNOTATIONS)?;
        Some(Lost {
            document: request.location.clone(),
            manifest: from.manifest.clone(),
            hung: Hung {
                canvas: from.canvas.clone(),
                image: None,
            },
            target: None,
            is_document: true,
        })
    }

    fn unite_notes(&self, notes: &mut Vec<String>) {
        text::unite_notes(notes);
    }

    fn fill_texts(&self, placed: &mut Placed, texts: &HashMap<String, FetchedText>) -> Vec<Reject> {
        texts::fill(placed, texts)
    }
}

/// The members that stand twice, of which one is not used.
fn repeated_members<'r>(
    answer: &'r Answer,
    repeated: &'r json::Repeated,
) -> impl Iterator<Item = Reject> + 'r {
    let location = &answer.request.location;
    let told = repeated.paths.iter().map(move |path| {
        let problem = "member stands twice in its object with different values: the last is used";
        Reject::new(location, path, path, problem)
    });
    let more = (repeated.more > 0).then(|| {
        let problem = format!(
            "{} stand twice in their objects with different values: the last is used",
            counted(repeated.more, "more member", "more members")
        );
        Reject::new(location, "document", "document", problem)
    });
    told.chain(more)
}

fn not_json(answer: &Answer, bytes: &[u8], e: &serde_json::Error) -> Reject {
    let start = bytes.trim_ascii_start();
    let place = format!("line {}, column {}", e.line(), e.column());
    let text = e.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    let problem = match start.first() {
        _ if text::kind_of(bytes).is_some() => {
            "a transcription was found where JSON was expected: name its manifest, and files with --text-files".to_owned()
        }
        None => "nothing was found where JSON was expected".to_owned(),
        Some(b'<') => "an HTML page was found where JSON was expected".to_owned(),
        Some(_) => format!("not JSON: {text}, {place}"),
    };
    Reject::new(&answer.request.location, place, "document", problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Members that documents of IIIF have.
    const WORDS: &[&str] = &[
        "@id",
        "id",
        "@type",
        "type",
        "label",
        "items",
        "sequences",
        "canvases",
        "images",
        "resource",
        "body",
        "target",
        "on",
        "selector",
        "value",
        "service",
        "profile",
        "motivation",
        "annotations",
        "members",
        "first",
        "next",
        "full",
        "region",
        "width",
        "height",
        "default",
        "item",
        "source",
        "metadata",
        "otherContent",
    ];

    /// Values of such members, good and bad.
    const TEXTS: &[&str] = &[
        "",
        "Manifest",
        "sc:Canvas",
        "Canvas",
        "Collection",
        "Annotation",
        "AnnotationPage",
        "oa:Choice",
        "SpecificResource",
        "dctypes:Image",
        "ImageService2",
        "FragmentSelector",
        "SvgSelector",
        "ImageApiSelector",
        "painting",
        "https://a/é",
        "https://a/1/full/full/0/default.jpg",
        "https://a/1/pct:1,2,3,4/full/0/default.jpg",
        "x#xywh=1,2,-3,4",
        "pct:0,0,0,0",
        "1e400",
        "#",
        "level",
        "é",
    ];

    /// JSON of these members and values in any order.
    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            prop::sample::select(TEXTS).prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 80, 6, |inner| {
            let member = (prop::sample::select(WORDS), inner.clone());
            let member = member.prop_map(|(word, value)| (word.to_owned(), value));
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::Array),
                prop::collection::vec(member, 0..6)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    /// Valid documents, in which each kind of member stands.
    fn documents() -> Vec<Value> {
        let image = |n: u8| json!({"id": format!("https://a/i/{n}.jpg"), "type": "Image", "format": "image/jpeg"});
        let tag = |n: u8, target: Value| {
            json!({"id": format!("https://a/tag/{n}"), "type": "Annotation",
            "motivation": "tagging", "body": [{"type": "TextualBody", "value": "x"}], "target": target})
        };
        let page = |items: Value| json!({"id": "https://a/page", "type": "AnnotationPage", "items": items});
        let painting = |n: u8, body: Value| {
            json!({"id": format!("https://a/painting/{n}"), "type": "Annotation",
            "motivation": "painting", "body": body, "target": format!("https://a/c/{n}")})
        };
        let canvas = |n: u8, body: Value| {
            json!({"id": format!("https://a/c/{n}"), "type": "Canvas", "width": 100, "height": 80,
            "items": [page(json!([painting(n, body)]))],
            "annotations": [page(json!([tag(n, json!(format!("https://a/c/{n}#xywh=1,2,3,4")))]))]})
        };
        let choice = json!({"type": "Choice", "items": [image(2), image(3)]});
        let manifest = json!({"id": "https://a/m", "type": "Manifest", "label": {"none": ["m"]},
            "items": [canvas(1, json!([image(1)])), canvas(2, choice)],
            "annotations": [page(json!([tag(9, json!(["https://a/c/1", "https://a/c/2"]))]))]});
        let old_canvas = |n: u8| {
            json!({"@id": format!("https://a/c/{n}"), "@type": "sc:Canvas", "width": 100, "height": 80,
            "images": [{"@type": "oa:Annotation", "motivation": "sc:painting", "on": format!("https://a/c/{n}"),
                "resource": {"@id": format!("https://a/i/{n}.jpg"), "@type": "dctypes:Image"}}],
            "otherContent": [{"@type": "sc:AnnotationList", "resources": [{"@type": "oa:Annotation", "motivation": "oa:tagging",
                "resource": {"@type": "oa:Tag", "chars": "x"}, "on": format!("https://a/c/{n}")}]}]})
        };
        let old = json!({"@id": "https://a/old", "@type": "sc:Manifest", "label": "old",
            "sequences": [{"@type": "sc:Sequence", "canvases": [old_canvas(1), old_canvas(2)]}]});
        let collection = json!({"id": "https://a/top", "type": "Collection",
            "items": [{"id": "https://a/m/1", "type": "Manifest"}, manifest.clone()]});
        let old_collection = json!({"@id": "https://a/top", "@type": "sc:Collection",
            "members": [{"@id": "https://a/m/1", "@type": "sc:Manifest"}, old.clone()]});
        vec![manifest, old, collection, old_collection]
    }

    /// The pointers of all members that stand where canvases, images, bodies and annotations stand.
    fn members_in(value: &Value, at: &str, found: &mut Vec<String>) {
        const LISTS: &[&str] = &[
            "canvases",
            "items",
            "images",
            "body",
            "resource",
            "annotations",
            "members",
            "sequences",
            "otherContent",
            "resources",
        ];
        match value {
            Value::Array(values) => {
                for (n, value) in values.iter().enumerate() {
                    members_in(value, &format!("{at}/{n}"), found);
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    let at = format!("{at}/{name}");
                    match value {
                        Value::Array(values) if LISTS.contains(&name.as_str()) => {
                            found.extend((0..values.len()).map(|n| format!("{at}/{n}")));
                        }
                        _ if LISTS.contains(&name.as_str()) => found.push(at.clone()),
                        _ => {}
                    }
                    members_in(value, &at, found);
                }
            }
            _ => {}
        }
    }

    /// `/items/3/body` as rejects write it: `items[3].body`.
    fn path(pointer: &str) -> String {
        let mut path = String::new();
        for step in pointer.split('/').skip(1) {
            match step.parse::<usize>() {
                Ok(n) => path.push_str(&format!("[{n}]")),
                Err(_) if path.is_empty() => path.push_str(step),
                Err(_) => path.push_str(&format!(".{step}")),
            }
        }
        path
    }

    fn read_document(document: &Value) -> Found {
        let request = DocumentRequest {
            location: "https://a/m".into(),
            ..DocumentRequest::default()
        };
        let answer = Answer {
            request,
            url: "https://a/m".into(),
            bytes: document.to_string().into_bytes(),
            media_type: None,
        };
        Iiif::default().read(&answer).unwrap()
    }

    #[test]
    fn whatever_stands_in_a_document_is_used_or_listed_with_its_path() {
        let others = [
            json!(7),
            json!(true),
            json!(""),
            json!({}),
            json!([[]]),
            json!({"type": "Scene", "items": []}),
            json!({"type": "Timeline", "items": [7]}),
            json!({"@type": ["x:Thing", "y:Other"], "state": [1]}),
        ];
        let mut tried = 0;
        for document in documents() {
            let whole = read_document(&document);
            assert!(whole.rejects.is_empty(), "{:?}", whole.rejects);
            let mut members = Vec::new();
            members_in(&document, "", &mut members);
            for pointer in members {
                for other in &others {
                    let mut changed = document.clone();
                    *changed.pointer_mut(&pointer).unwrap() = other.clone();
                    let found = read_document(&changed);
                    let path = path(&pointer);
                    let is_listed = found.rejects.iter().any(|r| r.field.starts_with(&path));
                    // Where the body of a tag stands, a number is a text, and what is no text is kept as it is.
                    let is_tag = pointer.ends_with("/body/0") || pointer.ends_with("/resource");
                    let is_text = is_tag
                        && found.annotations.iter().any(|p| {
                            let kept = p.annotation.attributes.get("body");
                            let mut bodies = p.annotation.bodies.iter();
                            let text = other.to_string();
                            kept.is_some_and(|kept| kept[0] == *other)
                                || bodies.any(|b| b.value == text)
                        });
                    assert!(
                        is_listed || is_text,
                        "{path} = {other}: {:?}",
                        found.rejects
                    );
                    tried += 1;
                }
            }
        }
        assert!(tried > 400, "{tried}");
    }

    proptest! {
        #[test]
        fn anything_is_read_without_panic_and_every_image_is_accounted_for(document in document()) {
            let found = read_document(&document);
            let images = found.counts.get("images").copied().unwrap_or(0) as usize;
            prop_assert!(found.observations.len() + found.rejects.len() >= images);
        }
    }
}
