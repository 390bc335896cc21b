//! What each document is asked for: the memo of its request.

use serde::{Deserialize, Serialize};

use super::pages::Span;
use crate::sources::{From, Request};

/// What a document is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Task {
    /// What the knowledge base says of a concept as typed, and what is below it.
    Entry(String),
    /// What is above a concept.
    Branch,
    /// The whole tree.
    Tree,
    /// All names of the knowledge base, to find those near one that it does not know.
    Names(String),
    /// All names that observations bear, to find one as typed.
    Known {
        /// The name as typed.
        typed: String,
        /// Names near it that are known elsewhere.
        near: Vec<String>,
    },
    /// How many observations of moments with a picture bear a name.
    Count(String),
    /// How many observations bear a name, with a picture or without.
    CountAll {
        /// How many of them are of moments with a picture.
        pictured: u64,
    },
    /// Some of the observations that bear a name.
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

    /// The request of a document for this.
    pub fn ask(self, url: &str) -> Request {
        Request {
            location: url.to_owned(),
            // An enum of texts and numbers is always JSON.
            memo: serde_json::to_string(&self).unwrap_or_default(),
            from: Some(From {
                document: "command line".into(),
                role: self.role(),
                manifest: None,
                canvas: None,
            }),
            ..Request::default()
        }
    }

    /// What a document was asked for.
    pub fn of(request: &Request) -> Self {
        // Every request of this source is made by `ask`.
        serde_json::from_str(&request.memo).unwrap_or(Task::Tree)
    }

    fn role(&self) -> &'static str {
        match self {
            Task::Entry(_) => "concept",
            Task::Branch | Task::Tree => "tree of concepts",
            Task::Names(_) | Task::Known { .. } => "names of concepts",
            Task::Count(_) | Task::CountAll { .. } => "count of observations",
            Task::Page { .. } => "observations",
            Task::Moment => "imaged moment",
            Task::Reference { .. } => "image reference",
            Task::Video(_) => "video",
        }
    }
}

impl Request {
    /// The same, named by a document.
    pub(super) fn after(mut self, document: &str) -> Self {
        if let Some(from) = &mut self.from {
            from.document = document.to_owned();
        }
        self
    }
}
