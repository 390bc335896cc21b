//! The state of reading one document. The other files of this folder add the methods for each kind of resource.

use serde_json::Value;

use super::paths::paths;
use super::values::{self, id};
use crate::sources::{Answer, DocumentRequest, Found, Referrer, is_url};
use crate::summary::Reject;

/// Reads one document into what was found.
pub struct Reader<'a> {
    /// URL or file by which the document is known.
    pub(super) name: &'a str,
    /// Base of relative references.
    pub(super) base: String,
    /// What led to the document.
    pub(super) from: Option<&'a Referrer>,
    /// What was found so far.
    pub(super) found: &'a mut Found,
    /// Number of annotations read so far: names those that do not have an id.
    pub(super) annotations_read: usize,
    /// What stands in the document and is not used.
    unused: Vec<Unused<'a>>,
}

struct Unused<'a> {
    value: &'a Value,
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
            found,
            annotations_read: 0,
            unused: Vec::new(),
        }
    }

    /// Rejects the whole document.
    pub(super) fn refuse_document(&mut self, problem: &str) {
        self.found
            .rejects
            .push(Reject::new(self.name, "document", "type", problem));
    }

    /// Lists something that stands in the document and is not used.
    pub(super) fn not_used(&mut self, value: &'a Value, problem: impl Into<String>) {
        self.unused.push(Unused {
            value,
            record: None,
            problem: problem.into(),
        });
    }

    /// Lists a part of a record that is not used.
    pub(super) fn part_not_used(&mut self, record: &str, value: &'a Value, problem: String) {
        self.unused.push(Unused {
            value,
            record: Some(record.to_owned()),
            problem,
        });
    }

    /// Lists something that stands where another kind of resource was expected.
    pub(super) fn not_a(&mut self, value: &'a Value, expected: &str) {
        let problem = format!(
            "{expected} was expected: found {}",
            values::described(value)
        );
        self.not_used(value, problem);
    }

    /// Makes rejects of what was not used, with their paths in the document.
    pub(super) fn finish(self, document: &Value) {
        let values: Vec<&Value> = self.unused.iter().map(|unused| unused.value).collect();
        let paths = paths(document, &values);
        for unused in self.unused {
            let path = paths.get(&std::ptr::from_ref(unused.value));
            let path = path.filter(|path| !path.is_empty());
            let path = path.map_or("document", String::as_str);
            let own = id(unused.value).filter(|_| unused.value.is_object());
            let record = unused.record.as_deref().or(own).unwrap_or(path);
            let reject = Reject::new(self.name, record, path, unused.problem);
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
            return self.not_used(reference, problem);
        };
        let inherited =
            |of: fn(&Referrer) -> &Option<String>| self.from.and_then(|from| of(from).clone());
        self.found.next.push(DocumentRequest {
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
            }),
            ..DocumentRequest::default()
        });
    }
}
