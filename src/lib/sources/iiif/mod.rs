//! IIIF Presentation 2.0, 2.1 and 3.0, their drafts, and what is really published under their names.
//!
//! Read leniently: what a document is, is told by its type, else by its members, never by its context or suffix;
//! one bad member never costs the rest.

mod annotations;
mod collection;
mod images;
mod manifest;
mod service;
mod values;

use serde_json::Value;

use crate::contracts::{ImageRef, Observation, Provenance};
use crate::error::Error;
use crate::sources::{self, Answer, Found, From, Request, Source, is_url};
use crate::summary::Reject;
use values::{all, id, kind, list};

/// The source `iiif`.
#[derive(Debug, Default)]
pub struct Iiif {
    /// URLs and files of the command line.
    pub inputs: Vec<String>,
    /// Do not fetch annotations that documents only refer to.
    pub no_annotations: bool,
}

impl Source for Iiif {
    fn name(&self) -> &'static str {
        "iiif"
    }

    fn first(&self) -> Vec<Request> {
        let request = |input: &String| Request {
            location: input.clone(),
            ..Request::default()
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
        ]
    }

    fn read(&self, answer: &Answer) -> Result<Found, Error> {
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
            found
                .next
                .retain(|request| !request.is_for(sources::ANNOTATIONS));
        }
        Ok(found)
    }
}

fn not_json(answer: &Answer, bytes: &[u8], e: &serde_json::Error) -> Reject {
    let start = bytes.trim_ascii_start();
    let place = format!("line {}, column {}", e.line(), e.column());
    let text = e.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    let problem = match start.first() {
        None => "nothing was found where JSON was expected".to_owned(),
        Some(b'<') => "an HTML page was found where JSON was expected".to_owned(),
        Some(_) => format!("not JSON: {text}, {place}"),
    };
    Reject::new(&answer.request.location, place, "document", problem)
}

/// Reads one document into what was found.
struct Reader<'a> {
    /// URL or file by which the document is known.
    name: &'a str,
    /// What relative references are joined to.
    base: String,
    from: Option<&'a From>,
    found: &'a mut Found,
    /// Annotations read so far: names those that have no id.
    annotations_read: usize,
}

impl<'a> Reader<'a> {
    fn new(answer: &'a Answer, document: &Value, found: &'a mut Found) -> Self {
        // A saved copy refers to its neighbours on the web, not on this disk.
        let own =
            id(document).filter(|own| document.is_object() && is_url(own) && !is_url(&answer.url));
        Reader {
            name: &answer.request.location,
            base: own.unwrap_or(&answer.url).to_owned(),
            from: answer.request.from.as_ref(),
            found,
            annotations_read: 0,
        }
    }

    fn document(&mut self, document: &Value) {
        if let Value::Array(values) = document {
            return self.array(values);
        }
        match kind_of_document(document).as_str() {
            "collection" => self.collection(document),
            "manifest" => self.manifest(document),
            "sequence" => self.lone_sequence(document),
            "canvas" => self.lone_canvas(document),
            "annotationlist" | "annotationpage" => self.annotation_list(document),
            "annotationcollection" | "layer" => self.annotation_collection(document),
            "annotation" => self.lone_annotation(document),
            "imageservice" => self.image_service(document),
            "orderedcollection" | "orderedcollectionpage" => {
                self.refuse_document("is a Change Discovery stream: it lists changes, not images");
            }
            "" if !document.is_object() => {
                self.refuse_document("is no IIIF document: not an object")
            }
            "" => self.refuse_document("is no IIIF document: it has no type"),
            other => {
                self.refuse_document(&format!("is no IIIF document that holds images: {other}"))
            }
        }
    }

    fn array(&mut self, values: &[Value]) {
        let is_annotation = |v: &Value| kind_of_document(v) == "annotation";
        if values.is_empty() || !values.iter().any(is_annotation) {
            return self.refuse_document("is no IIIF document: a list");
        }
        let values: Vec<&Value> = values.iter().collect();
        self.annotations(&values, None);
    }

    /// An image service's own description: one image.
    fn image_service(&mut self, info: &Value) {
        let Some(mut service) = service::described(info) else {
            return self.refuse_document(
                "is no image service that can be used: it has no id or no version",
            );
        };
        // Some call themselves by a bare name or by localhost: where it was asked for is where it is.
        if is_url(self.name) {
            service.id = service::base(self.name);
        } else if !is_url(&service.id) {
            return self.refuse_document("image service has no web address: its id is no URL");
        }
        self.found.count("services", 1);
        self.found.observations.push(Observation {
            id: service.id.clone(),
            group: service.id.clone(),
            image: ImageRef {
                width: values::pixels(&info["width"]),
                height: values::pixels(&info["height"]),
                service: Some(service),
                ..ImageRef::default()
            },
            source: Provenance {
                kind: "iiif".into(),
                ..Provenance::default()
            },
            ..Observation::default()
        });
    }

    /// A content state or another annotation that stands alone.
    fn lone_annotation(&mut self, annotation: &Value) {
        let state = annotations::motivation(annotation)
            .iter()
            .any(|m| m == "contentState");
        if !state {
            return self.annotations(&[annotation], None);
        }
        let targets = list(annotation, "target");
        let wanted: Vec<&Value> = targets
            .into_iter()
            .flat_map(|t| within(t, "manifest"))
            .collect();
        if wanted.is_empty() {
            self.refuse_document("is a content state that names no manifest");
        }
        for manifest in wanted {
            self.lead_to(manifest, "target of a content state", None, None);
        }
    }

    fn refuse_document(&mut self, problem: &str) {
        self.found
            .rejects
            .push(Reject::new(self.name, "document", "type", problem));
    }

    /// Names a document to read next.
    fn lead_to(
        &mut self,
        reference: &Value,
        role: &'static str,
        manifest: Option<&str>,
        canvas: Option<&str>,
    ) {
        let Some(location) = id(reference).and_then(|id| values::resolve(&self.base, id)) else {
            let record = id(reference).unwrap_or("reference without id");
            self.found.rejects.push(Reject::new(
                self.name,
                record,
                role,
                "reference leads nowhere: it is no web address",
            ));
            return;
        };
        let inherited =
            |of: fn(&From) -> &Option<String>| self.from.and_then(|from| of(from).clone());
        self.found.next.push(Request {
            location,
            from: Some(From {
                document: self.name.to_owned(),
                role,
                manifest: manifest
                    .map(str::to_owned)
                    .or_else(|| inherited(|f| &f.manifest)),
                canvas: canvas
                    .map(str::to_owned)
                    .or_else(|| inherited(|f| &f.canvas)),
            }),
            ..Request::default()
        });
    }
}

/// A resource of a kind: the value itself, or what it is part of.
fn within<'a>(value: &'a Value, wanted: &str) -> Vec<&'a Value> {
    if kind(value) == wanted {
        return vec![value];
    }
    let around = ["source", "partOf", "within"]
        .iter()
        .flat_map(|m| list(value, m));
    around.flat_map(|v| within(v, wanted)).collect()
}

/// What a document is: by its type, else by its members.
fn kind_of_document(document: &Value) -> String {
    let named = kind(document);
    match named.as_str() {
        "collectionpage" => return "collection".into(),
        k if k.starts_with("imageservice") || k == "imageprofile" => return "imageservice".into(),
        "" => {}
        _ if is_known(&named) => return named,
        _ => {}
    }
    let has = |member: &str| !document[member].is_null();
    let first_item = list(document, "items")
        .first()
        .map(|item| kind(item))
        .unwrap_or_default();
    let by_members = match first_item.as_str() {
        _ if has("sequences") => "manifest",
        "canvas" => "manifest",
        "manifest" | "collection" => "collection",
        "annotation" => "annotationpage",
        "annotationpage" => "canvas",
        _ if has("manifests") || has("collections") || has("members") => "collection",
        _ if has("canvases") => "sequence",
        _ if has("images") => "canvas",
        _ if has("resources") => "annotationlist",
        _ if has("motivation") && (has("target") || has("on")) => "annotation",
        _ if has("width") && has("height") && service::is_image_service(document) => "imageservice",
        _ => return named,
    };
    by_members.into()
}

fn is_known(kind: &str) -> bool {
    const KNOWN: &[&str] = &[
        "collection",
        "manifest",
        "sequence",
        "canvas",
        "annotationlist",
        "annotationpage",
        "annotationcollection",
        "layer",
        "annotation",
        "orderedcollection",
        "orderedcollectionpage",
    ];
    KNOWN.contains(&kind)
}

impl Reader<'_> {
    /// A list or page of annotations, and the pages that follow it.
    fn annotation_list(&mut self, list_: &Value) {
        self.annotations(&annotations_of(list_), None);
        if let Some(next) = all(&list_["next"]).first() {
            self.lead_to(next, sources::ANNOTATIONS, None, None);
        }
    }

    /// A collection of annotation pages, or a layer of annotation lists.
    fn annotation_collection(&mut self, collection: &Value) {
        let pages = ["first", "otherContent", "items"]
            .iter()
            .flat_map(|m| list(collection, m));
        for page in pages.collect::<Vec<_>>() {
            match annotations_of(page).is_empty() {
                true => self.lead_to(page, sources::ANNOTATIONS, None, None),
                false => self.annotation_list(page),
            }
        }
    }

    fn annotations(&mut self, values: &[&Value], manifest: Option<&str>) {
        for value in values {
            self.found.count("annotations", 1);
            self.annotation(value, manifest);
        }
    }

    fn annotation(&mut self, value: &Value, manifest: Option<&str>) {
        self.annotations_read += 1;
        let place = annotations::Place {
            document: self.name,
            base: &self.base,
            manifest,
            number: self.annotations_read,
        };
        match annotations::read(value, &place) {
            Ok(placed) => self.found.annotations.extend(placed),
            Err(reject) => self.found.rejects.push(reject),
        }
    }
}

/// The annotations that a list or page holds itself.
fn annotations_of(page: &Value) -> Vec<&Value> {
    let held = ["resources", "items"].iter().flat_map(|m| list(page, m));
    held.filter(|v| v.is_object()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// JSON made of the words of IIIF in any order.
    fn document() -> impl Strategy<Value = Value> {
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
            let request = Request { location: "https://a/m".into(), ..Request::default() };
            let answer = Answer { request, url: "https://a/m".into(), bytes: document.to_string().into_bytes() };
            let found = Iiif::default().read(&answer).unwrap();
            let images = found.counts.get("images").copied().unwrap_or(0) as usize;
            prop_assert!(found.observations.len() + found.rejects.len() >= images);
        }
    }
}
