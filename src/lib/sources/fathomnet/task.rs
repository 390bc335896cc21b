//! What each document is requested for: the memo of its request.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sources::paging::Span;
use crate::sources::{DocumentRequest, Referrer};

/// What a document is requested for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Task {
    /// Everything below a concept. If one service fails, the other one is used.
    Descendants {
        /// The concept.
        concept: String,
        /// URL and problem of the service that failed; empty for the first service.
        failed: String,
    },
    /// The concepts above a concept, with ranks.
    Ancestors(String),
    /// The concept directly above a concept, if the service with all of them does not answer.
    Parent(String),
    /// All concepts of boxes, to find those similar to an unknown one.
    Names(String),
    /// The taxonomies that there are, after one that was chosen has failed.
    Providers {
        /// The concept whose descendants are searched.
        concept: String,
        /// URL and problem of the service that failed.
        failed: String,
    },
    /// A page of the images of a concept.
    Page {
        /// The concept.
        concept: String,
        /// Which of them.
        span: Span,
    },
}

impl Task {
    /// The request of a document for this task.
    pub(super) fn ask(self, url: &str, body: Option<Value>, from: &str) -> DocumentRequest {
        let role = match &self {
            Task::Descendants { .. } => "descendants",
            Task::Ancestors(_) | Task::Parent(_) => "ranks",
            Task::Names(_) => "names of concepts",
            Task::Providers { .. } => "taxonomies",
            Task::Page { .. } => "images",
        };
        DocumentRequest {
            location: url.to_owned(),
            body: body.map(|body| body.to_string()),
            // An enum of texts and numbers is always JSON.
            memo: serde_json::to_string(&self).unwrap_or_default(),
            from: Some(Referrer {
                document: from.to_owned(),
                role,
                manifest: None,
                canvas: None,
                ..Referrer::default()
            }),
        }
    }

    /// The task of a request.
    pub(super) fn of(request: &DocumentRequest) -> Self {
        // All requests of this source are made by `ask`.
        serde_json::from_str(&request.memo).unwrap_or(Task::Names(String::new()))
    }
}
