//! What a stage did, as a value: what it read and kept, and all records that it left out, with reasons.

use std::collections::BTreeMap;

mod reject;
mod rejects;

pub use reject::Reject;
pub use rejects::Rejects;

/// What a stage read, kept and left out. `read == kept + rejects` always holds. Records that the user's filters left out
/// are counted in `filtered` and are not part of `read`.
#[derive(Debug, Default)]
pub struct Summary {
    /// Number of records after the user's filters.
    pub read: u64,
    /// Number of records in the output.
    pub kept: u64,
    /// Number of records that the user's filters left out.
    pub filtered: u64,
    /// Records that cannot be used.
    pub rejects: Rejects,
    /// Counts by kind: `manifests`, `requests`, `boxes`…
    pub counts: BTreeMap<String, u64>,
    /// Ids of images by what has become of them since an earlier run: `new`, `changed`, `gone`, `unknown`.
    pub changes: BTreeMap<String, Vec<String>>,
    /// Notes for the user: adjusted limits, clipped boxes, aspect ratios that differ.
    pub notes: Vec<String>,
    /// One line that names what was published: `2275 images in digest.json`.
    pub done: String,
    /// What to run next, or how to get what is missing.
    pub hint: Option<String>,
    /// Whether what was published lacks something that it needs to be of use, as a note says: then the exit code is not 0.
    pub is_incomplete: bool,
    /// Text for standard output, for runs whose result is not a file. Programs print it, the library does not.
    pub output: String,
}

impl Summary {
    /// Adds `n` to a count.
    pub fn count(&mut self, kind: &str, n: u64) {
        *self.counts.entry(kind.to_owned()).or_default() += n;
    }

    /// How often each reason occurs among the rejects.
    pub fn reasons(&self) -> BTreeMap<String, u64> {
        let mut reasons = BTreeMap::new();
        for reject in self.rejects.iter() {
            *reasons.entry(reject.reason().to_owned()).or_default() += 1;
        }
        reasons
    }
}

/// A number with its noun: `counted(1, "box", "boxes")` is `1 box`.
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_are_grouped_by_the_part_of_the_problem_that_repeats() {
        let reject = |problem: &str| Reject::new("a", "1", "bbox", problem);
        let summary = Summary {
            rejects: vec![reject("box is empty: 0 x 3"), reject("box is empty: 2 x 0")].into(),
            ..Summary::default()
        };
        assert_eq!(
            summary.reasons(),
            BTreeMap::from([("box is empty".to_owned(), 2)])
        );
    }
}
