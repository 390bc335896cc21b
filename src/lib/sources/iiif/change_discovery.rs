//! IIIF Change Discovery API 1.0: streams of activities, which say what an archive published, changed and deleted.
//!
//! A stream is an OrderedCollection of pages. It is read from its last page backwards, and of each resource the newest
//! activity counts (section 3, "Activity Streams Processing Algorithm").

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use url::Url;

use super::values::{self, id, kind, list, members};
use crate::summary::Reject;

/// A document of a stream: the stream itself or a page of it.
#[derive(Debug, Default)]
pub struct StreamPage {
    /// Its activities, in their order: the oldest first.
    pub activities: Vec<Activity>,
    /// Activities that cannot be used.
    pub rejects: Vec<Reject>,
    /// Its last page, if it is the stream itself, else the page before.
    pub earlier: Option<String>,
    /// Its first page, or the page after: for streams that do not say which is their last.
    pub later: Option<String>,
}

/// What happened to a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// What happened.
    pub change: Change,
    /// URL of the resource; empty for `Refresh`, which is about all.
    pub object: String,
    /// Type of the resource, as it is written: `Manifest`.
    pub object_type: String,
    /// When it ended, if that is said.
    pub time: Option<Timestamp>,
}

/// What an activity means for someone who holds a copy of the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is there, new or changed: `Create`, `Update`, `Add`, and the target of `Move`.
    There,
    /// It is not there any more: `Delete`, `Remove`, and the object of `Move`.
    Gone,
    /// The activities that follow name all resources again: `Refresh`.
    Refresh,
}

/// Reads a document of a stream; none if it is something else. `url` is its own, the base of references.
pub fn read(bytes: &[u8], url: &str) -> Option<StreamPage> {
    // Most documents are none, and are not parsed twice.
    memchr::memmem::find(bytes, b"OrderedCollection")?;
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let kind = kind(&document);
    if !matches!(kind.as_str(), "orderedcollection" | "orderedcollectionpage") {
        return None;
    }
    let base = Url::parse(url).ok();
    let link = |member: &str| {
        let named = list(&document, member).into_iter().find_map(id)?;
        Some(absolute(named, base.as_ref()))
    };
    let mut page = StreamPage {
        earlier: link(if kind == "orderedcollection" {
            "last"
        } else {
            "prev"
        }),
        later: link(if kind == "orderedcollection" {
            "first"
        } else {
            "next"
        }),
        ..StreamPage::default()
    };
    for (at, item) in members(&document, "orderedItems").into_iter().enumerate() {
        match activities(item, base.as_ref()) {
            Ok(activities) => page.activities.extend(activities),
            Err((member, problem)) => {
                let record = id(item).map_or_else(|| format!("orderedItems[{at}]"), str::to_owned);
                let field = format!("orderedItems[{at}]{member}");
                page.rejects.push(Reject::new(url, record, &field, problem));
            }
        }
    }
    Some(page)
}

/// What an item of a page says, or the member that is at fault and the problem with it.
fn activities(item: &Value, base: Option<&Url>) -> Result<Vec<Activity>, (&'static str, String)> {
    if !item.is_object() {
        let problem = format!(
            "an activity was expected: found {}",
            values::described(item)
        );
        return Err(("", problem));
    }
    let time = ["endTime", "published", "updated"]
        .iter()
        .find_map(|member| item[*member].as_str().and_then(timestamp));
    let of = |change: Change, resource: &Value| {
        id(resource).map(|named| Activity {
            change,
            object: absolute(named, base),
            object_type: values::types(resource)
                .next()
                .unwrap_or_default()
                .to_owned(),
            time,
        })
    };
    let object = || {
        let missing = || {
            (
                ".object",
                "the activity does not name its object".to_owned(),
            )
        };
        list(item, "object").into_iter().next().ok_or_else(missing)
    };
    let one = |change: Change| {
        let object = object()?;
        let missing = || (".object", "the object of the activity has no id".to_owned());
        of(change, object).map(|a| vec![a]).ok_or_else(missing)
    };
    match kind(item).as_str() {
        "create" | "update" | "add" => one(Change::There),
        "delete" | "remove" => one(Change::Gone),
        "move" => {
            let mut moved = one(Change::Gone)?;
            let target = list(item, "target").into_iter().next();
            moved.extend(target.and_then(|target| of(Change::There, target)));
            Ok(moved)
        }
        "refresh" => Ok(vec![Activity {
            change: Change::Refresh,
            object: String::new(),
            object_type: String::new(),
            time: item["startTime"].as_str().and_then(timestamp).or(time),
        }]),
        "" => Err((".type", "the activity has no type".into())),
        other => Err((
            ".type",
            format!("activities of the type {other} are not known"),
        )),
    }
}

fn absolute(named: &str, base: Option<&Url>) -> String {
    let url = base.and_then(|base| base.join(named).ok());
    url.map_or_else(|| named.to_owned(), String::from)
}

/// A point in time: a date with time and offset (RFC 3339), without offset in UTC, or a date, whose day begins it.
pub fn timestamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let in_utc = |time: DateTime| TimeZone::UTC.to_timestamp(time).ok();
    let instant = text.parse::<Timestamp>().ok();
    let day = || text.parse::<Date>().ok().and_then(|day| in_utc(day.into()));
    let moment = || text.parse::<DateTime>().ok().and_then(in_utc);
    instant.or_else(|| match text.len() {
        10 => day(),
        _ => moment(),
    })
}

/// A stream, as far as it was read.
#[derive(Debug, Default)]
pub struct Stream {
    /// What it says of each resource at last, and the place of that in the stream.
    latest: HashMap<String, (usize, Activity)>,
    /// Whether an older activity was a `Refresh`: then only deletions before it count.
    is_refreshed: bool,
    /// Number of activities that were read.
    read: usize,
}

impl Stream {
    /// Takes the activities of a page that is older than all before. Returns whether nothing older matters: the stream
    /// was refreshed since, or all of the page was before `since`.
    pub fn take_earlier(&mut self, activities: Vec<Activity>, since: Option<Timestamp>) -> bool {
        let is_before = |activity: &Activity| since.zip(activity.time).is_some_and(|(s, t)| t < s);
        let is_old = !activities.is_empty() && activities.iter().all(is_before);
        let mut is_over = is_old;
        for activity in activities.into_iter().rev() {
            self.read += 1;
            match activity.change {
                Change::Refresh => {
                    self.is_refreshed = true;
                    is_over |= since.is_none();
                }
                Change::There if self.is_refreshed => {}
                _ => {
                    let place = usize::MAX - self.read;
                    let object = activity.object.clone();
                    self.latest.entry(object).or_insert((place, activity));
                }
            }
        }
        is_over
    }

    /// When the resource last changed; the inner none: at a time that is not said.
    pub fn changed(&self, url: &str) -> Option<Option<Timestamp>> {
        self.latest.get(url).map(|(_, activity)| activity.time)
    }

    /// Number of resources that it names.
    pub fn resources(&self) -> usize {
        self.latest.len()
    }

    /// A collection of the resources that are there, those that changed first at first.
    pub fn collection(&self, id: &str) -> Value {
        let there = self.latest.values();
        let mut there: Vec<&(usize, Activity)> = there
            .filter(|(_, activity)| activity.change == Change::There)
            .collect();
        there.sort_by_key(|(place, _)| *place);
        let member = |activity: &Activity| match activity.object_type.is_empty() {
            true => json!({"id": activity.object}),
            false => json!({"id": activity.object, "type": activity.object_type}),
        };
        let items: Vec<Value> = there.iter().map(|(_, a)| member(a)).collect();
        json!({"id": id, "type": "Collection", "items": items})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(change: Change, object: &str, time: &str) -> Activity {
        Activity {
            change,
            object: object.into(),
            object_type: "Manifest".into(),
            time: timestamp(time),
        }
    }

    #[test]
    fn times_are_read_with_and_without_offset_and_as_days() {
        let same = [
            "2026-03-01T00:00:00Z",
            "2026-03-01T01:00:00+01:00",
            "2026-03-01T00:00:00",
            "2026-03-01",
        ];
        let first = timestamp(same[0]);
        assert!(first.is_some());
        assert!(same.iter().all(|text| timestamp(text) == first));
        assert_eq!(timestamp("yesterday"), None);
    }

    #[test]
    fn the_newest_activity_of_a_resource_counts() {
        let mut stream = Stream::default();
        let newer = vec![
            activity(Change::Gone, "a", "2026-03-01"),
            activity(Change::There, "b", "2026-03-02"),
        ];
        let older = vec![
            activity(Change::There, "c", "2026-01-01"),
            activity(Change::There, "a", "2026-01-02"),
            activity(Change::Gone, "b", "2026-01-03"),
        ];
        assert!(!stream.take_earlier(newer, None));
        assert!(!stream.take_earlier(older, None));
        let items = &stream.collection("s")["items"];
        let there: Vec<&str> = items.as_array().unwrap().iter().filter_map(id).collect();
        assert_eq!(there, ["c", "b"]);
        assert_eq!(stream.changed("a"), Some(timestamp("2026-03-01")));
        assert_eq!(stream.changed("d"), None);
    }

    #[test]
    fn a_refresh_ends_what_is_there_and_a_page_before_since_ends_the_reading() {
        let page = vec![
            activity(Change::There, "old", "2025-12-01"),
            activity(Change::Refresh, "", "2026-01-01"),
            activity(Change::There, "a", "2026-01-02"),
        ];
        let mut stream = Stream::default();
        assert!(stream.take_earlier(page.clone(), None));
        assert_eq!(stream.resources(), 1);
        let mut stream = Stream::default();
        assert!(!stream.take_earlier(page.clone(), timestamp("2026-01-02")));
        assert!(stream.take_earlier(page, timestamp("2026-02-01")));
    }
}
