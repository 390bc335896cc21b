//! The state of reading one document. The other files of this folder add the methods for each kind of resource.

use std::collections::HashMap;

use serde_json::Value;

use super::canvases::Canvases;
use super::hanging::Hanging;
use super::paths::paths;
use super::values::{self, id};
use crate::sources::{
    ANNOTATIONS, Answer, DocumentRequest, Found, Hung, Lost, Placed, Referrer, is_url,
};
use crate::summary::Reject;

/// Reads one document into what was found.
pub struct Reader<'a> {
    /// URL or file by which the document is known.
    pub(super) name: &'a str,
    /// Base of relative references.
    pub(super) base: String,
    /// What led to the document.
    pub(super) from: Option<&'a Referrer>,
    /// What the document that led to it knew of it.
    pub(super) memo: &'a str,
    /// What was found so far.
    pub(super) found: &'a mut Found,
    /// Number of annotations read so far: names those that do not have an id.
    pub(super) annotations_read: usize,
    /// Those numbers, by hashes of what such annotations say and where.
    pub(super) nameless: HashMap<u64, usize>,
    /// The canvases of the manifest that is read.
    pub(super) canvases: Canvases<'a>,
    /// Images that stand in the document, and the numbers of the observations that they became.
    pub(super) painted: Vec<(&'a Value, usize)>,
    /// What stands in the document and is not used.
    unused: Vec<Unused<'a>>,
    /// Where documents are named: their numbers among those to read next.
    led: Vec<(usize, &'a Value)>,
    /// Where what was found of annotations stands: a target, and bodies by the URLs of their texts.
    located: Vec<Located<'a>>,
}

struct Located<'a> {
    /// Number of the annotation among those found.
    number: usize,
    target: &'a Value,
    texts: Vec<(String, &'a Value)>,
}

struct Unused<'a> {
    value: &'a Value,
    /// The member of it that is at fault; empty: all of it.
    member: &'static str,
    /// What the reject calls it; none: its id, else its path.
    record: Option<String>,
    problem: String,
}

impl<'a> Reader<'a> {
    /// A reader for a document.
    pub(super) fn new(answer: &'a Answer, document: &'a Value, found: &'a mut Found) -> Self {
        // In a saved copy, references are relative to its place on the web, not on this disk.
        let own =
            id(document).filter(|own| document.is_object() && is_url(own) && !is_url(&answer.url));
        Reader {
            name: &answer.request.location,
            base: own.unwrap_or(&answer.url).to_owned(),
            from: answer.request.from.as_ref(),
            memo: &answer.request.memo,
            found,
            annotations_read: 0,
            nameless: HashMap::new(),
            canvases: Canvases::default(),
            painted: Vec::new(),
            unused: Vec::new(),
            led: Vec::new(),
            located: Vec::new(),
        }
    }

    /// Rejects the whole document.
    pub(super) fn refuse_document(&mut self, problem: &str) {
        self.found.is_unread = true;
        self.found
            .rejects
            .push(Reject::new(self.name, "document", "type", problem));
    }

    /// Lists something that stands in the document and is not used.
    pub(super) fn not_used(&mut self, value: &'a Value, problem: impl Into<String>) {
        self.unused.push(Unused {
            value,
            member: "",
            record: None,
            problem: problem.into(),
        });
    }

    /// Lists a part of a record that is not used.
    pub(super) fn part_not_used(&mut self, record: &str, value: &'a Value, problem: String) {
        self.member_not_used(record, value, "", problem);
    }

    /// Lists a part of a record that is not used because of one of its members.
    pub(super) fn member_not_used(
        &mut self,
        record: &str,
        value: &'a Value,
        member: &'static str,
        problem: String,
    ) {
        self.unused.push(Unused {
            value,
            member,
            record: Some(record.to_owned()),
            problem,
        });
    }

    /// Takes an annotation, and what of the document its target and the bodies are that are texts elsewhere.
    pub(super) fn annotation_found(
        &mut self,
        placed: Placed,
        target: &'a Value,
        texts: Vec<(String, &'a Value)>,
    ) {
        self.located.push(Located {
            number: self.found.annotations.len(),
            target,
            texts,
        });
        self.found.annotations.push(placed);
    }

    /// Notes that an annotation, or what stands in the place of annotations, is lost: without it the images that it is about, or
    /// those of the canvas that holds it, are not without annotations.
    pub(super) fn annotation_lost(&mut self, on: Hanging, target: Option<String>) {
        let around = |on: Option<&str>, led: fn(&Referrer) -> &Option<String>| {
            let led = || self.from.and_then(|from| led(from).clone());
            on.map(str::to_owned).or_else(led)
        };
        let lost = Lost {
            document: self.name.to_owned(),
            manifest: around(on.manifest, |from| &from.manifest),
            hung: Hung {
                canvas: around(on.canvas, |from| &from.canvas),
                image: on.image.map(str::to_owned),
            },
            target,
            is_document: false,
        };
        if self.found.lost.last() != Some(&lost) {
            self.found.lost.push(lost);
        }
    }

    /// Lists something that stands where another kind of resource was expected.
    pub(super) fn not_a(&mut self, value: &'a Value, expected: &str) {
        let problem = format!(
            "{expected} was expected: found {}",
            values::described(value)
        );
        self.not_used(value, problem);
    }

    /// Makes rejects of what was not used, with their paths in the document, and gives annotations theirs.
    pub(super) fn finish(self, document: &Value) {
        let unused = self.unused.iter().map(|unused| unused.value);
        let located = self.located.iter().flat_map(|located| {
            let texts = located.texts.iter().map(|(_, body)| *body);
            texts.chain([located.target])
        });
        let led = self.led.iter().map(|(_, reference)| *reference);
        let values: Vec<&Value> = unused.chain(located).chain(led).collect();
        let paths = paths(document, &values);
        let path = |value: &Value| -> &str {
            let path = paths.get(&std::ptr::from_ref(value));
            path.map_or("", String::as_str)
        };
        for Located {
            number,
            target,
            texts,
        } in self.located
        {
            let placed = &mut self.found.annotations[number];
            placed.place = path(target).to_owned();
            let texts = texts.into_iter();
            placed.texts = texts
                .map(|(url, body)| (url, path(body).to_owned()))
                .collect();
        }
        for (number, reference) in self.led {
            let from = &mut self.found.next[number].from;
            from.iter_mut()
                .for_each(|from| from.place = path(reference).to_owned());
        }
        for unused in self.unused {
            let path = match (path(unused.value), unused.member) {
                ("", "") => "document".to_owned(),
                ("", member) => member.to_owned(),
                (path, "") => path.to_owned(),
                (path, member) => format!("{path}.{member}"),
            };
            let own = id(unused.value).filter(|_| unused.value.is_object());
            let record = unused.record.as_deref().or(own).unwrap_or(&path);
            let reject = Reject::new(self.name, record, &path, unused.problem);
            self.found.rejects.push(reject);
        }
    }

    /// Adds a document to read next.
    pub(super) fn lead_to(
        &mut self,
        reference: &'a Value,
        role: &'static str,
        manifest: Option<&str>,
        canvas: Option<&str>,
    ) {
        self.lead_to_with(reference, role, manifest, canvas, String::new());
    }

    /// Adds a document to read next, with what this source needs to know to read it.
    pub(super) fn lead_to_with(
        &mut self,
        reference: &'a Value,
        role: &'static str,
        manifest: Option<&str>,
        canvas: Option<&str>,
        memo: String,
    ) {
        let Some(location) = id(reference).and_then(|id| values::resolve(&self.base, id)) else {
            let shown = values::described(reference);
            let shown = id(reference).map_or(shown, str::to_owned);
            let problem =
                format!("reference cannot be followed, it is not a URL ({role}): {shown}");
            if role == ANNOTATIONS {
                let image = None;
                let on = Hanging {
                    manifest,
                    canvas,
                    image,
                };
                self.annotation_lost(on, None);
            }
            return self.not_used(reference, problem);
        };
        let inherited =
            |of: fn(&Referrer) -> &Option<String>| self.from.and_then(|from| of(from).clone());
        let request = DocumentRequest {
            location,
            memo,
            from: Some(Referrer {
                document: self.name.to_owned(),
                role,
                manifest: manifest
                    .map(str::to_owned)
                    .or_else(|| inherited(|f| &f.manifest)),
                canvas: canvas
                    .map(str::to_owned)
                    .or_else(|| inherited(|f| &f.canvas)),
                ..Referrer::default()
            }),
            ..DocumentRequest::default()
        };
        self.will_read(request, reference);
    }

    /// Adds a document to read next, which a part of this document names.
    pub(super) fn will_read(&mut self, request: DocumentRequest, reference: &'a Value) {
        self.led.push((self.found.next.len(), reference));
        self.found.next.push(request);
    }
}
