//! The state of reading one document. The other files of this folder add the methods for each kind of resource.

use serde_json::Value;

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
}

impl<'a> Reader<'a> {
    /// A reader for a document.
    pub(super) fn new(answer: &'a Answer, document: &Value, found: &'a mut Found) -> Self {
        // In a saved copy, references are relative to its place on the web, not on this disk.
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

    /// Rejects the whole document.
    pub(super) fn refuse_document(&mut self, problem: &str) {
        self.found
            .rejects
            .push(Reject::new(self.name, "document", "type", problem));
    }

    /// Adds a document to read next.
    pub(super) fn lead_to(
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
                "reference cannot be followed: it is not a URL",
            ));
            return;
        };
        let inherited =
            |of: fn(&Referrer) -> &Option<String>| self.from.and_then(|from| of(from).clone());
        self.found.next.push(DocumentRequest {
            location,
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
