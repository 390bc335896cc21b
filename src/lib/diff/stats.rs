//! How much differs, and the sentence that says so. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::input::Kind;
use crate::contracts::{Changed, Difference};
use crate::summary::counted;

/// What was counted.
#[derive(Debug, Default)]
pub struct DiffStats {
    /// Images of the newer one.
    pub images: u64,
    /// Its boxes.
    pub boxes: u64,
    changes: BTreeMap<Changed, Count>,
}

#[derive(Debug, Default)]
struct Count {
    number: u64,
    first: Vec<String>,
}

/// Names that are shown of each change.
const FIRST: usize = 3;

impl DiffStats {
    /// Counts the differences of one image: several of one kind are one, but for those of boxes.
    pub fn add(&mut self, differences: &[Difference]) {
        let mut seen = BTreeSet::new();
        for found in differences {
            if !seen.insert(found.change) && !found.change.is_of_box() {
                continue;
            }
            let count = self.changes.entry(found.change).or_default();
            count.number += 1;
            if count.first.len() < FIRST && count.first.last() != Some(&found.id) {
                count.first.push(found.id.clone());
            }
        }
    }

    /// Whether anything differs.
    pub fn differs(&self) -> bool {
        !self.changes.is_empty()
    }

    /// What differs, in a sentence without an end.
    pub fn sentence(&self, kind: Kind) -> String {
        if !self.differs() {
            let [one, many] = kind.nouns();
            let mut same = counted(self.images, one, many);
            if self.boxes > 0 {
                same += &format!(" with {}", counted(self.boxes, "box", "boxes"));
            }
            return same;
        }
        let parts = self.changes.iter();
        let parts: Vec<String> = parts
            .map(|(change, count)| words(*change, count.number, kind))
            .collect();
        parts.join(", ")
    }

    /// Examples of each change, a line each.
    pub fn examples(&self, kind: Kind) -> Vec<String> {
        let line = |(change, count): (&Changed, &Count)| {
            let more = count.number - count.first.len() as u64;
            let more = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let words = words(*change, count.number, kind);
            format!("{words}: {}{more}", count.first.join(", "))
        };
        self.changes.iter().map(line).collect()
    }
}

/// How many of a kind there are.
fn words(change: Changed, number: u64, kind: Kind) -> String {
    let [one, many] = kind.nouns();
    let is = if number == 1 { "is" } else { "are" };
    let has = if number == 1 { "has" } else { "have" };
    let differ = if number == 1 { "differs" } else { "differ" };
    let look = if number == 1 { "looks" } else { "look" };
    let of = |one: &str, many: &str, rest: String| format!("{} {rest}", counted(number, one, many));
    match change {
        Changed::New => of(one, many, format!("{is} new")),
        Changed::Gone => of(one, many, format!("{is} gone")),
        Changed::Missing => of("file", "files", format!("{is} missing")),
        Changed::Moved => of(one, many, format!("{has} moved")),
        Changed::Picture => of("picture", "pictures", format!("{has} changed")),
        Changed::Bytes => of(
            "picture",
            "pictures",
            format!("{differ} in bytes but {look} the same"),
        ),
        Changed::Contents => of("file", "files", format!("{differ} in content")),
        Changed::Size => of("image", "images", format!("{has} another size")),
        Changed::NewBox => of("box", "boxes", format!("{is} new")),
        Changed::GoneBox => of("box", "boxes", format!("{is} gone")),
        Changed::Box => of("box", "boxes", format!("{has} another place or size")),
        Changed::Outline => of("outline", "outlines", format!("{has} changed")),
        Changed::Label => of("box", "boxes", format!("{has} another class")),
        Changed::BoxId => of("box", "boxes", format!("{has} another id")),
        Changed::Attribute => of(
            "attribute of boxes",
            "attributes of boxes",
            format!("{has} changed"),
        ),
        Changed::Labels => of("image", "images", format!("{has} other classes")),
        Changed::Rights => of("image", "images", format!("{has} other rights")),
        Changed::Attribution => of("image", "images", format!("{has} another attribution")),
        Changed::Group => of("image", "images", format!("{is} in another group")),
        Changed::Metadata => of("image", "images", format!("{has} other metadata")),
        Changed::Class => of("class", "classes", format!("{has} more or fewer boxes")),
        Changed::Split => of("group", "groups", format!("{is} in another split")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_agree_and_the_first_names_are_shown() {
        let of = |change, id: &str| Difference {
            change,
            id: id.into(),
            ..Difference::default()
        };
        let mut stats = DiffStats {
            images: 6,
            boxes: 1,
            ..DiffStats::default()
        };
        assert_eq!(stats.sentence(Kind::Images), "6 images with 1 box");
        stats.add(&[of(Changed::New, "a")]);
        // Two members of one image, two boxes of one image.
        stats.add(&[of(Changed::Metadata, "b"), of(Changed::Metadata, "b")]);
        stats.add(&[of(Changed::Box, "b"), of(Changed::Box, "b")]);
        let sentence =
            "1 image is new, 2 boxes have another place or size, 1 image has other metadata";
        assert_eq!(stats.sentence(Kind::Images), sentence);
        for id in ["c", "d", "e"] {
            stats.add(&[of(Changed::New, id)]);
        }
        assert_eq!(
            stats.examples(Kind::Folder)[0],
            "4 files are new: a, c, d and 1 more"
        );
    }
}
