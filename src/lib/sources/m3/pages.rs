//! Pages of observations, followed to the last one: as many as the service reports, and as many as it really returns.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use super::observations::ObservationRow;
use super::requests::{M3, message};
use super::span::{Span, UNPICTURED};
use super::task::Task;
use crate::sources::concept_names::{below, encoded};
use crate::sources::{Answer, Count, DocumentRequest, Found};
use crate::summary::{Reject, counted};

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
        let limit = self.query.page_size();
        // As many pages as the service reports are requested at once; the last of them leads to the rest.
        let pages = counted.unwrap_or(0).div_ceil(limit).clamp(1, MAX_PLANNED);
        let span = |page: u64| Span {
            offset: page * limit,
            limit,
            counted,
            is_last: page + 1 == pages,
            before: None,
        };
        (0..pages)
            .map(|page| self.ask_page(name, span(page)).after(url))
            .collect()
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
    pub(super) fn page(&self, name: &str, span: &Span, document: &Value, answer: &Answer) -> Found {
        let mut found = Found::default();
        let url = &answer.request.location;
        let is_search = answer.request.body.is_some();
        let list = if is_search {
            &document["content"]
        } else {
            document
        };
        let Value::Array(rows) = list else {
            let problem = format!(
                "response is not a list of observations{}",
                message(document)
            );
            let reject = Reject::new(url, name, "observations", problem);
            found.rejects.push(reject);
            return found;
        };
        // A search also matches the second concept of associations, and moments without images.
        let is_meant = |row: &&Value| !is_search || row["concept"].as_str() == Some(name);
        let meant: Vec<ObservationRow> = rows
            .iter()
            .filter(is_meant)
            .map(ObservationRow::flat)
            .collect();
        found.expected.push(Count {
            name: name.to_owned(),
            counted: span.counted,
            found: meant.iter().map(ObservationRow::name).collect(),
        });
        let first = rows.first().map(|row| ObservationRow::flat(row).name());
        if first.is_some() && first == span.before {
            return found;
        }
        for row in meant {
            if self.query.all {
                let moment = self.ask_moment(&row.moment());
                found.next.push(moment.after(url));
            }
            self.row(&row, url, &mut found);
        }
        let read = rows.len() as u64;
        if let Some(rest) = span.rest(read, first, self.query.page_size()) {
            if read < span.limit && span.counted.is_some() {
                found.notes.push(
                    "pages are shorter than requested: the service has a limit of its own; all observations were requested nevertheless".into(),
                );
            }
            let request = match is_search {
                true => self.ask_search(name, rest),
                false => self.ask_page(name, rest),
            };
            found.next.push(request.after(url));
        }
        found
    }

    /// Compares the number of observations found with the number that the service reports, for each name.
    pub(super) fn reconcile(&self, found: &mut Found) {
        let mut names: BTreeMap<String, (Option<u64>, HashSet<String>)> = BTreeMap::new();
        for count in std::mem::take(&mut found.expected) {
            let (counted, met) = names.entry(count.name).or_default();
            *counted = counted.or(count.counted);
            met.extend(count.found);
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
        for (name, (counted, met)) in names {
            let met = met.len() as u64;
            found.count("observations", met);
            match counted {
                Some(counted) if met < counted => {
                    let url = below(&self.services.images.url, &encoded(&name));
                    let problem = format!("observations are missing: the service reports {counted} of \"{name}\" and returns {met}");
                    found.rejects.push(Reject::new(url, name, "count", problem));
                }
                Some(counted) if met > counted => found.notes.push(format!(
                    "there are more observations of \"{name}\" than the service reports: all are used"
                )),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_followed_by_what_was_really_answered() {
        let span = |offset, limit, counted, is_last| Span {
            offset,
            limit,
            counted,
            is_last,
            before: None,
        };
        // (span, answered, what is asked for next: offset and limit)
        let cases = [
            (span(0, 10, Some(25), false), 10, None),
            (span(0, 10, Some(25), false), 4, Some((4, 6))),
            (span(4, 6, Some(25), false), 4, Some((8, 2))),
            (span(20, 10, Some(25), true), 5, None),
            (span(20, 10, Some(25), true), 4, Some((24, 10))),
            (span(20, 10, Some(30), true), 10, Some((30, 10))),
            (span(30, 10, Some(30), true), 0, None),
            (span(0, 10, None, true), 4, Some((4, 10))),
            (span(0, 10, None, true), 10, Some((10, 10))),
            (span(4, 10, None, true), 0, None),
        ];
        for (span, read, wanted) in cases {
            let rest = span.rest(read, None, 10).map(|s| (s.offset, s.limit));
            assert_eq!(rest, wanted, "{span:?} {read}");
        }
    }
}
