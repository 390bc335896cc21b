//! The source `iiif`: Presentation API 2.0, 2.1 and 3.0, their drafts, and what is really published under their names.
//!
//! Documents are read leniently. What a document is, is decided by its type, else by its members, never by its context
//! or suffix; one bad member never affects the rest.

mod annotation_pages;
mod annotations;
mod collection;
mod document;
mod images;
mod manifest;
mod reader;
mod service;
mod targets;
mod text_files;
mod text_links;
mod values;

use serde_json::Value;

use super::source::{ANNOTATIONS, Answer, DocumentRequest, Found, Source, TEXT};
use super::text::{self, Granularity};
use super::text_options::TextChoice;
use crate::error::Error;
use crate::summary::Reject;
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
        let request = |input: &String| DocumentRequest {
            location: input.clone(),
            ..DocumentRequest::default()
        };
        self.inputs.iter().map(request).collect()
    }

    fn expects(&self) -> &'static str {
        "JSON"
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
        if answer.request.is_for(TEXT) {
            return Ok(text_files::read(answer, self.text, &self.granularity));
        }
        let mut found = Found::default();
        let bytes = answer
            .bytes
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(&answer.bytes);
        match serde_json::from_slice::<Value>(bytes) {
            Err(e) => found.rejects.push(not_json(answer, bytes, &e)),
            Ok(document) => Reader::new(answer, &document, &mut found).document(&document),
        }
        if self.no_annotations {
            let is_wanted = |r: &DocumentRequest| !r.is_for(ANNOTATIONS) && !r.is_for(TEXT);
            found.next.retain(is_wanted);
        }
        text_files::choose(self.text, &mut found);
        Ok(found)
    }

    fn finish(&self, mut found: Found) -> Found {
        text::unite_notes(&mut found.notes);
        found
    }
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

    proptest! {
        #[test]
        fn anything_is_read_without_panic_and_every_image_is_accounted_for(document in document()) {
            let request = DocumentRequest { location: "https://a/m".into(), ..DocumentRequest::default() };
            let answer = Answer { request, url: "https://a/m".into(), bytes: document.to_string().into_bytes() };
            let found = Iiif::default().read(&answer).unwrap();
            let images = found.counts.get("images").copied().unwrap_or(0) as usize;
            prop_assert!(found.observations.len() + found.rejects.len() >= images);
        }
    }
}
