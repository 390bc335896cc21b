//! What each document is requested for: the memo of its request.

use serde::{Deserialize, Serialize};

use crate::sources::paging::Span;
use crate::sources::{DocumentRequest, Referrer};

/// What a document is requested for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Task {
    /// A concept, as typed, in the knowledge base, and everything below it.
    Entry(String),
    /// The concepts above a concept.
    Branch,
    /// The whole tree of the knowledge base.
    Tree,
    /// All names of the knowledge base, to find those similar to an unknown one.
    Names {
        /// The name as typed.
        typed: String,
        /// Similar names on the pages before.
        similar: Vec<String>,
        /// How many names are on the pages before.
        offset: u64,
    },
    /// All names that observations have, to find one as typed.
    Known {
        /// The name as typed.
        typed: String,
        /// Similar names in the knowledge base, and on the pages before.
        similar: Vec<String>,
        /// How many names are on the pages before.
        offset: u64,
    },
    /// How many observations of moments with an image have a name.
    Count(String),
    /// How many observations have a name, with an image or without.
    CountAll {
        /// How many of them are of moments with an image.
        pictured: u64,
    },
    /// Some of the observations of a name.
    Page {
        /// The name.
        name: String,
        /// Which of them.
        span: Span,
    },
    /// Everything observed at a moment.
    Moment,
    /// An image reference.
    Reference {
        /// The moment whose boxes name it.
        moment: String,
        /// The video of that moment.
        video: Option<String>,
    },
    /// A video, by its UUID.
    Video(String),
}

impl Task {
    /// An image reference that boxes of a moment name.
    pub fn reference(moment: &str, video: Option<String>) -> Self {
        Task::Reference {
            moment: moment.to_owned(),
            video,
        }
    }

    /// The request of a document for this task.
    pub fn ask(self, url: &str) -> DocumentRequest {
        DocumentRequest {
            location: url.to_owned(),
            // An enum of texts and numbers is always JSON.
            memo: serde_json::to_string(&self).unwrap_or_default(),
            from: Some(Referrer {
                document: "command line".into(),
                role: self.role(),
                manifest: None,
                canvas: None,
                ..Referrer::default()
            }),
            ..DocumentRequest::default()
        }
    }

    /// The task of a request.
    pub fn of(request: &DocumentRequest) -> Self {
        // All requests of this source are made by `ask`.
        serde_json::from_str(&request.memo).unwrap_or(Task::Tree)
    }

    fn role(&self) -> &'static str {
        match self {
            Task::Entry(_) => "concept",
            Task::Branch | Task::Tree => "tree of concepts",
            Task::Names { .. } | Task::Known { .. } => "names of concepts",
            Task::Count(_) | Task::CountAll { .. } => "count of observations",
            Task::Page { .. } => "observations",
            Task::Moment => "imaged moment",
            Task::Reference { .. } => "image reference",
            Task::Video(_) => "video",
        }
    }
}

impl DocumentRequest {
    /// The same request, with the document that led to it.
    pub(super) fn after(mut self, document: &str) -> Self {
        if let Some(from) = &mut self.from {
            from.document = document.to_owned();
        }
        self
    }
}
