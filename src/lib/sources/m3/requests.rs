//! The source as a value, and the requests that it makes.

use std::collections::BTreeSet;

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
    /// Requests the names that observations have, after `offset` of them.
    pub(super) fn ask_known(
        &self,
        typed: &str,
        similar: &[String],
        offset: u64,
    ) -> DocumentRequest {
        let task = Task::Known {
            typed: typed.to_owned(),
            similar: similar.to_vec(),
            offset,
        };
        let names = below(&self.services.anno.url, "observations/concepts");
        task.ask(&page_of_names(names, offset))
    }

    /// Requests the names of the knowledge base, after `offset` of them, if there is one.
    pub(super) fn ask_names(
        &self,
        typed: &str,
        similar: Vec<String>,
        offset: u64,
    ) -> Vec<DocumentRequest> {
        let task = Task::Names {
            typed: typed.to_owned(),
            similar,
            offset,
        };
        let kb = self.services.kb.iter();
        kb.map(|kb| {
            let names = below(&kb.url, "concept");
            task.clone().ask(&page_of_names(names, offset))
        })
        .collect()
    }

    /// Which hosts receive no token of `--login`, because only raziel names them.
    pub(super) fn untold(&self) -> Option<String> {
        self.options.login.as_ref()?;
        let host = |url: &str| {
            let url = url::Url::parse(url).ok()?;
            Some(format!(
                "{}:{}",
                url.host_str()?,
                url.port_or_known_default()?
            ))
        };
        let all = || self.services.all();
        let named: BTreeSet<String> = all()
            .filter(|s| s.is_named)
            .filter_map(|s| host(&s.url))
            .collect();
        let others: BTreeSet<String> = all()
            .filter_map(|s| host(&s.url))
            .filter(|host| !named.contains(host))
            .collect();
        (!others.is_empty()).then(|| {
            let others: Vec<String> = others.into_iter().collect();
            format!(
                "the token of --login is not sent to {}, which only raziel names: --anno, --kb and --vam name services yourself",
                others.join(", ")
            )
        })
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
        let error = Error::new(format!("{url}: {}", failure.problem)).temporary(failure.may_pass);
        match (failure.status, self.services.behind(url)) {
            (Some(401 | 403), Some(setting)) => error.hint(format!(
                "log in with --login raziel, --bearer TOKEN or --header 'X-API-Key: KEY'; the URL {} is set by {}",
                setting.url, setting.name
            )),
            _ => self.advise(error, url),
        }
    }

    /// Adds the setting behind a URL as a hint.
    pub(super) fn advise(&self, error: Error, url: &str) -> Error {
        match self.services.behind(url) {
            Some(setting) => error.hint(hint(setting)),
            None => error,
        }
    }
}

/// The most names that are requested at a time, of services that do not give all at once.
pub const NAMES_AT_ONCE: u64 = 1000;

/// The URL of a list of names; the first request leaves it to the service how many there are.
fn page_of_names(url: String, offset: u64) -> String {
    match offset {
        0 => url,
        offset => format!("{url}?limit={NAMES_AT_ONCE}&offset={offset}"),
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
