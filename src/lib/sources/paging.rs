//! Pages of records: lists as services wrap them, and which records a page holds.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::values::count;

/// The members that hold the records of a page, in snake case.
const LISTS: [&str; 8] = [
    "content",
    "results",
    "items",
    "records",
    "rows",
    "data",
    "images",
    "annotations",
];
/// The members that hold the number of all records.
const TOTALS: [&str; 6] = [
    "total",
    "total_elements",
    "total_count",
    "total_records",
    "total_items",
    "count",
];
/// The members in which a page or its numbers may be wrapped once more.
const WRAPPERS: [&str; 6] = [
    "content",
    "data",
    "result",
    "embedded",
    "page",
    "pagination",
];

/// A page of records.
#[derive(Debug, PartialEq)]
pub struct Page<'a> {
    /// The records.
    pub rows: &'a [Value],
    /// How many records there are on all pages, if the page says so.
    pub total: Option<u64>,
}

/// The page that a document (with names in snake case) holds: a list, or an object with a list, such as
/// `{"content": […], "limit": 100, "offset": 0}`.
pub fn page(document: &Value) -> Option<Page<'_>> {
    page_within(document, 2)
}

fn page_within(document: &Value, depth: usize) -> Option<Page<'_>> {
    if let Value::Array(rows) = document {
        return Some(Page { rows, total: None });
    }
    let own = LISTS
        .iter()
        .find_map(|key| document.get(key)?.as_array().map(|rows| (*key, rows)));
    match own {
        Some((key, rows)) => {
            // Beside `content`, a `count` is mostly that of the page alone.
            let totals = TOTALS.iter().filter(|t| **t != "count" || key == "results");
            let within = WRAPPERS.iter().filter_map(|wrapper| document.get(wrapper));
            let mut places = std::iter::once(document).chain(within);
            let total =
                places.find_map(|place| totals.clone().find_map(|total| count(place.get(total)?)));
            Some(Page { rows, total })
        }
        None if depth > 0 => WRAPPERS
            .iter()
            .find_map(|key| page_within(document.get(key)?, depth - 1)),
        None => None,
    }
}

/// The number in a document that holds only one: `{"count": 12}`, `{"content": {"count": "12"}}`, `12`.
pub fn total(document: &Value) -> Option<u64> {
    let of = |place: &Value| TOTALS.iter().find_map(|key| count(place.get(*key)?));
    let mut within = WRAPPERS.iter().filter_map(|key| document.get(*key));
    count(document)
        .or_else(|| of(document))
        .or_else(|| within.find_map(of))
}

/// A short text that is the same for pages of the same records, in whatever order; none for an empty page. Pages of a service
/// whose order is not stable share records, which does not make them the same.
pub fn fingerprint(ids: impl Iterator<Item = String>) -> Option<String> {
    let mut ids: Vec<String> = ids.collect();
    ids.sort();
    let mut hasher = DefaultHasher::new();
    ids.hash(&mut hasher);
    (!ids.is_empty()).then(|| format!("{:016x}", hasher.finish()))
}

/// A range of the records of a name, in the order of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// How many records come before it.
    pub offset: u64,
    /// How many records are requested.
    pub limit: u64,
    /// How many records to request at a time from here on: fewer where a larger page failed.
    pub step: u64,
    /// How many pages of this step were read in a row.
    pub passed: u32,
    /// How many records the service reports in total.
    pub counted: Option<u64>,
    /// Where the next planned range begins; none for the last one, whose answer leads to the rest.
    pub until: Option<u64>,
    /// The [`fingerprint`] of the previous page, to detect a service that returns the same page for ever.
    pub before: Option<String>,
    /// How many records in a row, directly before this range, could not be read even alone.
    pub lost: u32,
}

/// Pages of a smaller step that are read before a larger one is tried again.
const PROVEN: u32 = 10;
/// By what the step is divided after a failure.
const DIVISOR: u64 = 10;
/// Records in a row that fail even alone before the rest of their range is given up.
const HOPELESS: u32 = 5;

/// What follows from a page that failed.
#[derive(Debug, PartialEq)]
pub enum Divided {
    /// Its beginning is requested alone.
    Smaller(Span),
    /// A single record cannot be read; the rest of the range is requested, if there is any.
    Lost(Option<Span>),
    /// So many in a row that nothing more is requested of the range; its length in records, if it has an end.
    Hopeless(Option<u64>),
}

impl Span {
    /// The range of page number `page` of `pages` planned ones.
    pub fn planned(page: u64, pages: u64, page_size: u64, counted: Option<u64>) -> Self {
        let offset = page * page_size;
        Span {
            offset,
            limit: page_size,
            step: page_size,
            passed: 0,
            counted,
            until: (page + 1 < pages).then_some(offset + page_size),
            before: None,
            lost: 0,
        }
    }

    /// The range to request after `read` records of this one were returned, whose [`fingerprint`] is `page`; none at the end. A page that is shorter than
    /// requested is not the end: the service may have a limit of its own.
    pub fn rest(&self, read: u64, page: Option<String>, page_size: u64) -> Option<Span> {
        let reached = self.offset + read;
        let is_short = read < self.limit;
        let is_end = match self.until {
            _ if read == 0 => true,
            Some(until) => reached >= until,
            None => is_short && self.counted.is_some_and(|counted| reached >= counted),
        };
        let passed = if is_short {
            self.passed
        } else {
            self.passed + 1
        };
        let (step, passed) = match passed >= PROVEN && self.step < page_size {
            true => ((self.step * DIVISOR).min(page_size), 0),
            false => (self.step, passed),
        };
        (!is_end).then(|| Span {
            offset: reached,
            limit: self.within(reached, step),
            step,
            passed,
            before: page,
            lost: 0,
            ..self.clone()
        })
    }

    /// What to do after the range could not be read, although the service can be reached.
    pub fn divided(&self, page_size: u64) -> Divided {
        if self.limit > 1 {
            let step = (self.limit / DIVISOR).max(1);
            return Divided::Smaller(Span {
                limit: step,
                step,
                passed: 0,
                before: None,
                ..self.clone()
            });
        }
        let next = self.offset + 1;
        let end = self.until.or(self.counted);
        if self.lost + 1 >= HOPELESS {
            return Divided::Hopeless(end.map(|end| end.saturating_sub(self.offset).max(1)));
        }
        Divided::Lost(end.is_none_or(|end| next < end).then(|| Span {
            offset: next,
            limit: self.within(next, page_size),
            step: page_size,
            passed: 0,
            before: None,
            lost: self.lost + 1,
            ..self.clone()
        }))
    }

    fn within(&self, offset: u64, step: u64) -> u64 {
        self.until.map_or(step, |until| step.min(until - offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_are_found_however_they_are_wrapped() {
        let rows = json!([1, 2]);
        let cases = [
            (json!([1, 2]), Some(None)),
            (
                json!({"content": [1, 2], "limit": 2, "offset": 0}),
                Some(None),
            ),
            (
                json!({"content": [1, 2], "total_elements": "7", "count": 2}),
                Some(Some(7)),
            ),
            (json!({"results": [1, 2], "count": 7}), Some(Some(7))),
            (
                json!({"data": {"items": [1, 2], "total": 7}}),
                Some(Some(7)),
            ),
            (
                json!({"content": [1, 2], "page": {"total_elements": 7}}),
                Some(Some(7)),
            ),
            (json!({"message": "no", "errors": [1, 2]}), None),
            (json!("x"), None),
        ];
        for (document, wanted) in cases {
            let found = page(&document);
            assert_eq!(found.as_ref().map(|page| page.total), wanted, "{document}");
            if let Some(page) = found {
                assert_eq!(json!(page.rows), rows, "{document}");
            }
        }
        for (document, wanted) in [
            (json!({"concept": "x", "count": 7}), Some(7)),
            (json!({"content": {"count": "1,234"}}), Some(1234)),
            (json!("12"), Some(12)),
            (json!({"concept": "x"}), None),
        ] {
            assert_eq!(total(&document), wanted, "{document}");
        }
    }

    fn span(offset: u64, limit: u64, counted: Option<u64>, is_last: bool) -> Span {
        Span {
            offset,
            limit,
            step: 10,
            passed: 0,
            counted,
            until: (!is_last).then_some(10),
            before: None,
            lost: 0,
        }
    }

    #[test]
    fn spans_are_followed_by_what_was_really_answered() {
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

    /// Reads a range from a service that gives no page larger than `most` and none that holds a record of `bad`. Returns
    /// the records read, those lost, and how many requests failed.
    fn read(all: u64, most: u64, bad: &[u64], page_size: u64) -> (Vec<u64>, Vec<u64>, usize) {
        let (mut got, mut lost, mut failed) = (Vec::new(), Vec::new(), 0);
        let mut next = Some(Span::planned(0, 1, page_size, Some(all)));
        while let Some(span) = next {
            let end = (span.offset + span.limit).min(all);
            let is_bad = |record: &u64| (span.offset..end).contains(record);
            if span.limit <= most && !bad.iter().any(is_bad) {
                got.extend(span.offset..end);
                next = span.rest(end - span.offset, None, page_size);
                continue;
            }
            failed += 1;
            next = match span.divided(page_size) {
                Divided::Smaller(span) => Some(span),
                Divided::Lost(rest) => {
                    lost.push(span.offset);
                    rest
                }
                Divided::Hopeless(length) => {
                    lost.extend(span.offset..span.offset + length.unwrap_or(1));
                    None
                }
            };
        }
        (got, lost, failed)
    }

    #[test]
    fn a_failing_page_costs_only_the_records_that_fail() {
        let all = |except: &[u64]| {
            (0..2500)
                .filter(|n| !except.contains(n))
                .collect::<Vec<_>>()
        };
        for bad in [&[][..], &[0], &[555], &[2499], &[7, 8, 9, 1234]] {
            let (got, lost, failed) = read(2500, 5000, bad, 1000);
            assert_eq!((got, &lost[..]), (all(bad), bad));
            assert!(failed <= 8 * bad.len(), "{bad:?}: {failed}");
        }
        let (got, lost, failed) = read(2500, 100, &[], 1000);
        assert_eq!((got, lost), (all(&[]), vec![]));
        assert!(failed <= 4, "a limit of the service is learnt: {failed}");
        let (got, lost, failed) = read(2500, 0, &[], 1000);
        assert_eq!((got.len(), lost.len()), (0, 2500));
        assert!(
            failed <= 20,
            "a service that fails always is given up: {failed}"
        );
    }
}
