//! The source as a value, and the requests that it makes.

use serde_json::Value;

use super::config::{ServiceUrl, ServiceUrls};
use super::options::M3Options;
use super::task::Task;
use crate::error::Error;
use crate::sources::concept_names::{below, encoded};
use crate::sources::{ConceptOptions, DocumentRequest, FetchFailure};
use crate::values;

/// The source `m3`.
#[derive(Debug)]
pub struct M3 {
    /// The concepts to search for, as typed.
    pub concepts: Vec<String>,
    /// What to search for besides the concepts.
    pub query: ConceptOptions,
    /// URLs of the services.
    pub services: ServiceUrls,
    /// How images and labels are chosen.
    pub options: M3Options,
}

impl M3 {
    /// The source.
    ///
    /// # Errors
    /// Descendants are wanted, and there is no knowledge base.
    pub fn new(
        concepts: Vec<String>,
        query: ConceptOptions,
        services: ServiceUrls,
        options: M3Options,
    ) -> Result<Self, Error> {
        if query.descendants && services.trees.is_none() {
            return Err(Error::usage("--descendants needs a knowledge base")
                .hint("set it with --kb URL, or with `kb` in the file of -c FILE"));
        }
        Ok(M3 {
            concepts,
            query,
            services,
            options,
        })
    }
}

impl M3 {
    /// Requests all names that observations have.
    pub(super) fn ask_known(&self, typed: &str, similar: &[String]) -> DocumentRequest {
        let task = Task::Known {
            typed: typed.to_owned(),
            similar: similar.to_vec(),
        };
        task.ask(&below(&self.services.anno.url, "observations/concepts"))
    }

    /// Requests all names of the knowledge base, if there is one.
    pub(super) fn ask_names(&self, typed: &str) -> Vec<DocumentRequest> {
        let kb = self.services.kb.iter();
        kb.map(|kb| Task::Names(typed.to_owned()).ask(&below(&kb.url, "concept")))
            .collect()
    }

    /// Requests an image reference.
    pub(super) fn ask_reference(
        &self,
        uuid: &str,
        moment: &str,
        video: Option<String>,
    ) -> DocumentRequest {
        Task::reference(moment, video).ask(&below(&self.services.references.url, uuid))
    }

    /// Requests everything observed at a moment.
    pub(super) fn ask_moment(&self, uuid: &str) -> DocumentRequest {
        Task::Moment.ask(&below(&self.services.moments.url, &encoded(uuid)))
    }

    /// The error for a document without which the run cannot continue.
    pub(super) fn cannot_read(&self, url: &str, failure: &FetchFailure) -> Error {
        self.advise(Error::new(format!("{url}: {}", failure.problem)), url)
    }

    /// Adds the setting behind a URL as a hint.
    pub(super) fn advise(&self, error: Error, url: &str) -> Error {
        match self.services.behind(url) {
            Some(setting) => error.hint(hint(setting)),
            None => error,
        }
    }
}

/// The hint to check a setting.
pub fn hint(setting: &ServiceUrl) -> String {
    format!(
        "check the URL {}, which is set by {}",
        setting.url, setting.name
    )
}

/// The message in an error object of a service, as the end of a problem.
pub fn message(document: &Value) -> String {
    match values::text(&document["message"]) {
        Some(message) => format!(": the service reports \"{message}\""),
        None => String::new(),
    }
}
