//! Pages of observations, followed to the last one: by what the service counts, and by what it really answers.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::rows::Row;
use super::task::Task;
use super::{M3, said};
use crate::sources::names::{below, encoded};
use crate::sources::{Answer, Found, Request, Tally};
use crate::summary::Reject;

/// Some of the observations that bear a name, in the order of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// How many come before.
    pub offset: u64,
    /// How many are asked for.
    pub limit: u64,
    /// How many there are in all, as the service counts them.
    pub counted: Option<u64>,
    /// Whether those after these are asked for when these are read.
    pub is_last: bool,
    /// The first observation of the page before, by which a service is found out that gives one page for ever.
    pub before: Option<String>,
}

/// The most pages that are planned before one of them is read.
const MOST_AT_ONCE: u64 = 10_000;

impl Span {
    /// What to ask for after `read` of these were answered; none when that is all.
    fn rest(&self, read: u64, first: Option<String>, page_size: u64) -> Option<Span> {
        let is_full = read >= self.limit;
        let reached = self.offset + read;
        let limit = match (is_full, self.is_last, self.counted) {
            _ if read == 0 => return None,
            (true, false, _) => return None,
            (true, true, _) => page_size,
            (false, _, Some(counted)) if reached >= counted => return None,
            // Shorter than asked for, and not the end: a cap. Go on from what was really answered.
            (false, true, _) => page_size,
            (false, false, _) => self.limit - read,
        };
        Some(Span {
            offset: reached,
            limit,
            before: first,
            ..self.clone()
        })
    }
}

/// Count: observations that have no picture to put boxes on, and are not asked for.
pub const UNPICTURED: &str = "observations_without_picture";

impl M3 {
    pub(super) fn ask_count(&self, name: &str) -> Request {
        let path = match self.options.unpictured {
            true => format!("observations/concept/count/{}", encoded(name)),
            false => format!("observations/concept/images/count/{}", encoded(name)),
        };
        Task::Count(name.to_owned()).ask(&below(&self.services.anno.url, &path))
    }

    pub(super) fn ask_count_all(&self, name: &str, pictured: u64) -> Request {
        let path = format!("observations/concept/count/{}", encoded(name));
        Task::CountAll { pictured }.ask(&below(&self.services.anno.url, &path))
    }

    /// The pages of a name: all at once where their number is known, else one after the other.
    pub(super) fn plan(&self, name: &str, counted: Option<u64>, url: &str) -> Vec<Request> {
        let limit = self.asked.page_size();
        // However many are counted, so many are asked for at once; the last of these leads to the rest.
        let pages = counted.unwrap_or(0).div_ceil(limit).clamp(1, MOST_AT_ONCE);
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

    fn ask_page(&self, name: &str, span: Span) -> Request {
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

    /// The same page by a search that takes the name in its body. It finds parts of that name too.
    pub(super) fn ask_search(&self, name: &str, span: Span) -> Request {
        let body =
            json!({"concepts": [name], "limit": span.limit, "offset": span.offset, "data": true});
        let name = name.to_owned();
        // It finds more than what is counted by concept.
        let span = Span {
            counted: None,
            ..span
        };
        let page = Task::Page { name, span };
        Request {
            body: Some(body.to_string()),
            ..page.ask(&below(&self.services.anno.url, "fast"))
        }
    }

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
            let problem = format!("is no list of observations{}", said(document));
            let reject = Reject::new(url, name, "observations", problem);
            found.rejects.push(reject);
            return found;
        };
        // A search matches the other concept of associations too, and moments without images.
        let is_meant = |row: &&Value| !is_search || row["concept"].as_str() == Some(name);
        let meant: Vec<Row> = rows.iter().filter(is_meant).map(Row::flat).collect();
        found.tallies.push(Tally {
            name: name.to_owned(),
            counted: span.counted,
            met: meant.iter().map(Row::name).collect(),
        });
        let first = rows.first().map(|row| Row::flat(row).name());
        if first.is_some() && first == span.before {
            return found;
        }
        for row in meant {
            if self.asked.all {
                let moment = self.ask_moment(&row.moment());
                found.next.push(moment.after(url));
            }
            self.row(&row, url, &mut found);
        }
        let read = rows.len() as u64;
        if let Some(rest) = span.rest(read, first, self.asked.page_size()) {
            if read < span.limit && span.counted.is_some() {
                found.notes.push(
                    "pages are shorter than asked for: the service has a limit of its own, and was asked for the rest".into(),
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

    /// Holds what was met against what the service counts: of every name as many as it says.
    pub(super) fn reconcile(&self, found: &mut Found) {
        let mut names: BTreeMap<String, (Option<u64>, HashSet<String>)> = BTreeMap::new();
        for tally in std::mem::take(&mut found.tallies) {
            let (counted, met) = names.entry(tally.name).or_default();
            *counted = counted.or(tally.counted);
            met.extend(tally.met);
        }
        found.count("names", names.len() as u64);
        match found.counts.get(UNPICTURED).copied().unwrap_or(0) {
            0 => {}
            n => found.notes.push(format!(
                "{n} observations are of moments without a picture: --unpictured lists their boxes"
            )),
        }
        for (name, (counted, met)) in names {
            let met = met.len() as u64;
            found.count("observations", met);
            match counted {
                Some(counted) if met < counted => {
                    let url = below(&self.services.images.url, &encoded(&name));
                    let problem = format!("observations are missing: the service counts {counted} of \"{name}\" and gives {met}");
                    found.rejects.push(Reject::new(url, name, "count", problem));
                }
                Some(counted) if met > counted => found.notes.push(format!(
                    "there are more observations of \"{name}\" than the service counts: all are read"
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
