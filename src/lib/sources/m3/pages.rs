//! Pages of observations, followed to the last one: as many as the service reports, and as many as it really returns.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use super::observations::ObservationRow;
use super::requests::{M3, message};
use super::task::Task;
use crate::sources::concept_names::{below, encoded};
use crate::sources::paging::{self, Divided, Span};
use crate::sources::{Count, DocumentRequest, FetchFailure, Found};
use crate::summary::{Reject, counted};
use crate::values;

/// The count of observations that do not have an image for their boxes and are not requested.
pub const UNPICTURED: &str = "observations_without_picture";

/// The most pages that are planned before one of them is read.
const MAX_PLANNED: u64 = 10_000;

impl M3 {
    /// Requests how many observations have a name.
    pub(super) fn ask_count(&self, name: &str) -> DocumentRequest {
        let path = match self.options.unpictured {
            true => format!("observations/concept/count/{}", encoded(name)),
            false => format!("observations/concept/images/count/{}", encoded(name)),
        };
        Task::Count(name.to_owned()).ask(&below(&self.services.anno.url, &path))
    }

    /// Requests how many observations have a name, including those without an image.
    pub(super) fn ask_count_all(&self, name: &str, pictured: u64) -> DocumentRequest {
        let path = format!("observations/concept/count/{}", encoded(name));
        Task::CountAll { pictured }.ask(&below(&self.services.anno.url, &path))
    }

    /// The pages of a name: all at once if their number is known, else one after the other.
    pub(super) fn plan(&self, name: &str, counted: Option<u64>, url: &str) -> Vec<DocumentRequest> {
        let size = self.query.page_size();
        // As many pages as the service reports are requested at once; the last of them leads to the rest.
        let pages = counted.unwrap_or(0).div_ceil(size).clamp(1, MAX_PLANNED);
        let span = |page: u64| Span::planned(page, pages, size, counted);
        (0..pages)
            .map(|page| self.ask_page(name, span(page)).after(url))
            .collect()
    }

    /// What follows from the number of observations of a name: its pages, and the number of those without an image.
    pub(super) fn counted(
        &self,
        name: &str,
        counted: Option<u64>,
        url: &str,
    ) -> Vec<DocumentRequest> {
        let mut next = self.plan(name, counted, url);
        let pictured = counted.filter(|_| !self.options.unpictured);
        let all = pictured.map(|pictured| self.ask_count_all(name, pictured).after(url));
        next.extend(all);
        next
    }

    fn ask_page(&self, name: &str, span: Span) -> DocumentRequest {
        let url = match self.options.unpictured {
            true => below(
                &self.services.anno.url,
                &format!("fast/concept/{}", encoded(name)),
            ),
            false => below(&self.services.images.url, &encoded(name)),
        };
        let url = format!(
            "{url}?limit={}&offset={}&data=true",
            span.limit, span.offset
        );
        let name = name.to_owned();
        Task::Page { name, span }.ask(&url)
    }

    /// Requests the same page by a search with the name in the request body. It also finds names that contain it.
    pub(super) fn ask_search(&self, name: &str, span: Span) -> DocumentRequest {
        let body =
            json!({"concepts": [name], "limit": span.limit, "offset": span.offset, "data": true});
        let name = name.to_owned();
        // The search finds more than the service counts by concept.
        let span = Span {
            counted: None,
            ..span
        };
        let page = Task::Page { name, span };
        DocumentRequest {
            body: Some(body.to_string()),
            ..page.ask(&below(&self.services.anno.url, "fast"))
        }
    }

    /// Reads a page.
    pub(super) fn page(
        &self,
        name: &str,
        span: &Span,
        document: &Value,
        request: &DocumentRequest,
    ) -> Found {
        let mut found = Found::default();
        let url = &request.location;
        let is_search = request.body.is_some();
        let Some(page) = paging::page(document) else {
            let problem = format!(
                "response is not a list of observations{}",
                message(document)
            );
            return self.divided(name, span, &FetchFailure::of(problem), request);
        };
        // A search also matches the second concept of associations, and moments without images: its total is not that of
        // the name.
        let is_meant = |row: &&Value| !is_search || row["concept"].as_str() == Some(name);
        let total = page.total.filter(|_| !is_search);
        let span = Span {
            counted: span.counted.or(total),
            ..span.clone()
        };
        let names = page.rows.iter().map(|row| ObservationRow::flat(row).name());
        let fingerprint = paging::fingerprint(names);
        let is_repeated = fingerprint.is_some() && fingerprint == span.before;
        let meant = page.rows.iter().filter(is_meant);
        let meant = meant.filter(|_| !is_repeated).map(ObservationRow::flat);
        let meant: Vec<ObservationRow> = meant.collect();
        found.expected.push(count(name, span.counted, &meant));
        if is_repeated {
            return found;
        }
        for row in &meant {
            if self.query.all && row.problem().is_none() {
                self.ask_whole_moment(row, url, &mut found);
            }
            self.row(row, url, &mut found);
        }
        let read = page.rows.len() as u64;
        if let Some(rest) = span.rest(read, fingerprint, self.query.page_size()) {
            if read < span.limit && span.counted.is_some() {
                found.notes.push(
                    "pages are shorter than requested: the service has a limit of its own; all observations were requested nevertheless".into(),
                );
            }
            found.next.push(self.ask_again(name, rest, request));
        }
        found
    }

    /// With `--all`: the other observations of a moment.
    fn ask_whole_moment(&self, row: &ObservationRow, url: &str, found: &mut Found) {
        match row.moment_uuid() {
            Some(uuid) => found.next.push(self.ask_moment(&uuid).after(url)),
            None => found.notes.push(
                "some moments have no uuid: --all finds only those of their observations that are searched for".into(),
            ),
        }
    }

    /// Requests another range in the way in which a page was requested.
    fn ask_again(&self, name: &str, span: Span, request: &DocumentRequest) -> DocumentRequest {
        let again = match request.body.is_some() {
            true => self.ask_search(name, span),
            false => self.ask_page(name, span),
        };
        again.after(&request.location)
    }

    /// What to do after a page could not be read, although its service can be reached: fewer observations are requested at
    /// a time, and one that fails even alone is rejected.
    pub(super) fn divided(
        &self,
        name: &str,
        span: &Span,
        failure: &FetchFailure,
        request: &DocumentRequest,
    ) -> Found {
        let mut found = Found::default();
        let from = span.offset + 1;
        let (next, unread, which) = match span.divided(self.query.page_size()) {
            Divided::Smaller(smaller) => {
                found.notes.push(format!(
                    "a page of observations of \"{name}\" was requested again in smaller parts: {}",
                    failure.problem
                ));
                (Some(smaller), 0, String::new())
            }
            Divided::Lost(next) => (next, 1, format!("observation {from}")),
            Divided::Hopeless(Some(n)) => (
                None,
                n,
                format!("observations {from} to {}", span.offset + n),
            ),
            Divided::Hopeless(None) => (None, 1, format!("observations from {from} on")),
        };
        if unread > 0 {
            let problem = format!(
                "{}: {which} of \"{name}\", in the order of the service",
                failure.problem
            );
            let reject = Reject::new(&request.location, name, "observations", problem)
                .temporary(failure.may_pass);
            found.rejects.push(reject);
            found.expected.push(Count {
                name: name.to_owned(),
                counted: span.counted,
                found: Vec::new(),
                unread,
            });
        }
        found
            .next
            .extend(next.map(|span| self.ask_again(name, span, request)));
        found
    }

    /// Compares the number of observations found with the number that the service reports, for each name.
    pub(super) fn reconcile(&self, found: &mut Found) {
        let mut names: BTreeMap<String, Reported> = BTreeMap::new();
        for count in std::mem::take(&mut found.expected) {
            let name = names.entry(count.name).or_default();
            name.counted = name.counted.or(count.counted);
            name.unread += count.unread;
            for id in count.found {
                let is_made = values::is_content_id(&id);
                name.repeated[usize::from(is_made)] += u64::from(!name.met.insert(id));
            }
        }
        found.count("names", names.len() as u64);
        match found.counts.get(UNPICTURED).copied().unwrap_or(0) {
            0 => {}
            n => found.notes.push(format!(
                "{}: --unpictured lists their boxes",
                counted(
                    n,
                    "observation of a moment without an image",
                    "observations of moments without an image"
                )
            )),
        }
        for (name, reported) in names {
            let met = reported.met.len() as u64;
            found.count("observations", met);
            found.notes.extend(reported.notes(&name));
            if let Some(counted) = reported
                .counted
                .filter(|counted| met + reported.unread < *counted)
            {
                let url = below(&self.services.images.url, &encoded(&name));
                let problem = format!(
                    "observations are missing: the service reports {counted} of \"{name}\" and returns {met}"
                );
                found.rejects.push(Reject::new(url, name, "count", problem));
            }
        }
    }
}

/// The observations of a page, for the comparison with the number that the service reports.
fn count(name: &str, counted: Option<u64>, rows: &[ObservationRow]) -> Count {
    let sound = rows.iter().filter(|row| row.problem().is_none());
    let found: Vec<String> = sound.map(ObservationRow::name).collect();
    Count {
        name: name.to_owned(),
        counted,
        unread: (rows.len() - found.len()) as u64,
        found,
    }
}

/// What a service reports of a name, and what its pages held.
#[derive(Default)]
struct Reported {
    counted: Option<u64>,
    met: HashSet<String>,
    unread: u64,
    /// Observations that came again: those with an id of the service, and those whose id is made from their content.
    repeated: [u64; 2],
}

impl Reported {
    fn notes(&self, name: &str) -> Vec<String> {
        let mut notes = Vec::new();
        let [repeated, alike] = self.repeated;
        let number = |n: u64| counted(n, "observation", "observations");
        if repeated > 0 {
            notes.push(format!(
                "{} of \"{name}\" came on more than one page, and {} used once: the order of the service is not stable",
                number(repeated),
                if repeated == 1 { "is" } else { "are" }
            ));
        }
        if alike > 0 {
            notes.push(format!(
                "{} of \"{name}\" without uuid: the same as another one in every member, used once",
                number(alike)
            ));
        }
        let made = self
            .met
            .iter()
            .filter(|id| values::is_content_id(id))
            .count() as u64;
        if made > 0 {
            notes.push(format!(
                "{} of \"{name}\" without uuid: ids are made from their content",
                number(made)
            ));
        }
        if self
            .counted
            .is_some_and(|counted| (self.met.len() as u64) > counted)
        {
            notes.push(format!(
                "there are more observations of \"{name}\" than the service reports: all are used"
            ));
        }
        notes
    }
}
