//! What differs between two records of one image. Pure.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::boxes::{iou, matched};
use super::record::{Record, RecordBox};
use crate::contracts::{BBox, Changed, Difference, Frame};

/// All that differs, but for the bytes of files.
pub fn compare(a: &Record, b: &Record) -> Vec<Difference> {
    let mut found = Found {
        id: &b.id,
        list: Vec::new(),
    };
    // The path of a file in a folder is its id.
    let is_file = a.path.as_ref() == Some(&a.id);
    for (member, from, to) in [
        (
            "id",
            Some(&a.id).filter(|_| !is_file),
            Some(&b.id).filter(|_| !is_file),
        ),
        ("url", a.url.as_ref(), b.url.as_ref()),
        ("path", a.path.as_ref(), b.path.as_ref()),
    ] {
        found.differ(Changed::Moved, Some(member), from, to);
    }
    if a.is_bare || b.is_bare {
        return found.list;
    }
    found.differ(Changed::Size, None, a.size.as_ref(), b.size.as_ref());
    if a.size.is_none() || b.size.is_none() || a.size == b.size {
        found.differ(
            Changed::Size,
            Some("frame"),
            a.frame.as_ref(),
            b.frame.as_ref(),
        );
    }
    let some = |labels: &Vec<String>| (!labels.is_empty()).then(|| labels.clone());
    let (from, to) = (some(&a.labels), some(&b.labels));
    found.differ(Changed::Labels, None, from.as_ref(), to.as_ref());
    for (change, from, to) in [
        (Changed::Rights, &a.rights, &b.rights),
        (Changed::Attribution, &a.attribution, &b.attribution),
        (Changed::Group, &a.group, &b.group),
    ] {
        found.differ(change, None, from.as_ref(), to.as_ref());
    }
    let keys: BTreeSet<&String> = a.metadata.keys().chain(b.metadata.keys()).collect();
    for key in keys {
        let (from, to) = (a.metadata.get(key), b.metadata.get(key));
        found.differ(Changed::Metadata, Some(key), from, to);
    }
    found.boxes(&in_frame(a, b.frame), &b.boxes);
    found.list
}

/// The differences of an image.
struct Found<'a> {
    id: &'a str,
    list: Vec<Difference>,
}

impl Found<'_> {
    /// Adds a difference if there is one.
    fn differ<T: PartialEq + Serialize>(
        &mut self,
        change: Changed,
        member: Option<&str>,
        from: Option<&T>,
        to: Option<&T>,
    ) {
        if from != to {
            let difference = self.of(change, member, from.map(value), to.map(value));
            self.list.push(difference);
        }
    }

    fn of(
        &self,
        change: Changed,
        member: Option<&str>,
        from: Option<Value>,
        to: Option<Value>,
    ) -> Difference {
        Difference {
            recto: Difference::NAME.into(),
            change,
            id: self.id.to_owned(),
            member: member.map(str::to_owned),
            from,
            to,
            ..Difference::default()
        }
    }

    fn boxes(&mut self, a: &[RecordBox], b: &[RecordBox]) {
        let matched = matched(a, b);
        for (from, to) in matched.pairs {
            self.of_box(&a[from], &b[to]);
        }
        for at in matched.gone {
            let gone = self.of(Changed::GoneBox, None, Some(whole(&a[at])), None);
            self.list.push(named(gone, &a[at].id));
        }
        for at in matched.new {
            let new = self.of(Changed::NewBox, None, None, Some(whole(&b[at])));
            self.list.push(named(new, &b[at].id));
        }
    }

    /// Adds what differs between two boxes that belong together.
    fn of_box(&mut self, a: &RecordBox, b: &RecordBox) {
        let first = self.list.len();
        self.differ(Changed::BoxId, None, Some(&a.id), Some(&b.id));
        let is_same = match (&a.bbox, &b.bbox) {
            (Some(from), Some(to)) => is_equal(from, to),
            (None, None) => true,
            _ => false,
        };
        if !is_same {
            self.differ(Changed::Box, None, a.bbox.as_ref(), b.bbox.as_ref());
            if let (Some(last), Some(from), Some(to)) = (self.list.last_mut(), &a.bbox, &b.bbox) {
                last.iou = Some((iou(from, to) * 1e4).round() / 1e4);
            }
        } else if a.outline != b.outline {
            let outline = self.of(Changed::Outline, None, None, None);
            self.list.push(outline);
        }
        self.differ(Changed::Label, None, Some(&a.label), Some(&b.label));
        let names: BTreeSet<&String> = a.attributes.keys().chain(b.attributes.keys()).collect();
        for name in names {
            let (from, to) = (a.attributes.get(name), b.attributes.get(name));
            self.differ(Changed::Attribute, Some(name), from, to);
        }
        for difference in &mut self.list[first..] {
            difference.box_id = Some(b.id.clone()).filter(|id| !id.is_empty());
        }
    }
}

/// The boxes of an image as they are in another space of the same shape or not.
fn in_frame(a: &Record, frame: Option<Frame>) -> Vec<RecordBox> {
    let (Some(from), Some(to)) = (a.frame, frame) else {
        return a.boxes.clone();
    };
    if from == to {
        return a.boxes.clone();
    }
    let [sx, sy] = [to.width / from.width, to.height / from.height];
    let scaled = |found: &RecordBox| RecordBox {
        bbox: found.bbox.map(|bbox| bbox.scale(sx, sy)),
        ..found.clone()
    };
    a.boxes.iter().map(scaled).collect()
}

/// Whether two boxes are the same but for the last digits of their numbers.
fn is_equal(a: &BBox, b: &BBox) -> bool {
    let numbers = |b: &BBox| [b.x, b.y, b.right(), b.bottom()];
    let largest = numbers(b).map(f64::abs).into_iter().fold(1.0, f64::max);
    let mut pairs = numbers(a).into_iter().zip(numbers(b));
    pairs.all(|(a, b)| (a - b).abs() <= largest * 1e-9)
}

/// A box in one value.
fn whole(found: &RecordBox) -> Value {
    json!({"label": found.label, "bbox": found.bbox})
}

fn named(difference: Difference, id: &str) -> Difference {
    Difference {
        box_id: Some(id.to_owned()).filter(|id| !id.is_empty()),
        ..difference
    }
}

fn value<T: Serialize>(value: &T) -> Value {
    // Texts, numbers and lists of them: always JSON.
    serde_json::to_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            id: "a".into(),
            url: Some("u".into()),
            frame: Frame::try_from([100.0, 100.0]).ok(),
            rights: Some("free".into()),
            boxes: vec![RecordBox {
                id: "1".into(),
                label: "alef".into(),
                bbox: BBox::try_from([10.0, 10.0, 10.0, 10.0]).ok(),
                ..RecordBox::default()
            }],
            ..Record::default()
        }
    }

    #[test]
    fn every_member_counts() {
        assert_eq!(compare(&record(), &record()), []);
        type Change = fn(&mut Record);
        let cases: [(Change, Changed); 12] = [
            (|r| r.url = Some("v".into()), Changed::Moved),
            (|r| r.path = Some("p".into()), Changed::Moved),
            (|r| r.size = Some([1, 2]), Changed::Size),
            (|r| r.labels = vec!["x".into()], Changed::Labels),
            (|r| r.rights = None, Changed::Rights),
            (|r| r.attribution = Some("x".into()), Changed::Attribution),
            (|r| r.group = Some("x".into()), Changed::Group),
            (
                |r| drop(r.metadata.insert("k".into(), vec![])),
                Changed::Metadata,
            ),
            (|r| r.boxes[0].label = "bet".into(), Changed::Label),
            (|r| r.boxes[0].id = "2".into(), Changed::BoxId),
            (|r| r.boxes[0].outline = 7, Changed::Outline),
            (|r| r.boxes.clear(), Changed::GoneBox),
        ];
        for (change, wanted) in cases {
            let mut other = record();
            change(&mut other);
            let found = compare(&record(), &other);
            assert_eq!((found.len(), found[0].change), (1, wanted), "{found:?}");
        }
    }

    #[test]
    fn boxes_in_another_space_are_the_same_where_they_are_in_one_place() {
        let mut other = record();
        other.frame = Frame::try_from([300.0, 300.0]).ok();
        other.boxes[0].bbox = BBox::try_from([30.0, 30.0, 30.0, 30.0]).ok();
        let found = compare(&record(), &other);
        assert_eq!((found.len(), found[0].change), (1, Changed::Size));
        other.boxes[0].bbox = BBox::try_from([30.0, 30.0, 30.0, 15.0]).ok();
        let found = compare(&record(), &other);
        assert_eq!((found[1].change, found[1].iou), (Changed::Box, Some(0.5)));
    }
}
