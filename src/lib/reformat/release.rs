//! The version of a set that comes after another: Croissant's rule for data. Pure.

use std::collections::HashMap;

use crate::contracts::{DatasetFile, PreviousDataset};
use crate::files::{self, WrittenFile};

/// Which version of a set this is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// `MAJOR.MINOR.PATCH`; empty where no earlier set is known.
    pub version: String,
    /// The earlier one.
    pub previous: Option<PreviousDataset>,
}

/// The version of a set that has none of its own.
pub const FIRST: &str = "1.0.0";

/// What has become of the files of an earlier set.
pub struct Seen<'a> {
    /// Those that were not seen yet, with their hashes.
    left: HashMap<&'a str, &'a str>,
    is_changed: bool,
    has_more: bool,
}

impl<'a> Seen<'a> {
    /// None of the files of a set were seen.
    pub fn none_of(before: &'a DatasetFile) -> Self {
        let data = before
            .files
            .iter()
            .filter(|file| !is_about_the_set(&file.path));
        Seen {
            left: data.map(|file| (&*file.path, &*file.sha256)).collect(),
            is_changed: false,
            has_more: false,
        }
    }

    /// A file of the new set.
    pub fn take(&mut self, file: &WrittenFile) {
        match self.left.remove(&*file.path) {
            Some(sha256) => self.is_changed |= files::hex(&file.sha256) != sha256,
            None => self.has_more |= !is_about_the_set(&file.path),
        }
    }
}

/// The version after `before`, whose description has this SHA-256: files that were changed or are gone make a new major version,
/// files that were added a new minor one. The same files are the same version, and have the same one before.
pub fn after(before: &DatasetFile, sha256: String, seen: &Seen) -> Release {
    let version = match &*before.dataset_version {
        "" => FIRST,
        version => version,
    };
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0_u64));
    let [major, minor] = [(); 2].map(|()| parts.next().unwrap_or(0));
    let next = match (seen.is_changed || !seen.left.is_empty(), seen.has_more) {
        (true, _) => format!("{}.0.0", major + 1),
        (false, true) => format!("{major}.{}.0", minor + 1),
        (false, false) => {
            return Release {
                version: version.to_owned(),
                previous: before.previous.clone(),
            };
        }
    };
    Release {
        version: next,
        previous: Some(PreviousDataset {
            version: version.to_owned(),
            sha256,
        }),
    }
}

/// Whether a file tells of the set and does not belong to its data.
fn is_about_the_set(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    ["README.md", "croissant.json", "rejects.csv"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::DatasetEntry;

    #[test]
    fn added_is_minor_and_changed_or_gone_is_major() {
        let entry = |path: &str, byte: u8| DatasetEntry {
            path: path.into(),
            bytes: 1,
            sha256: files::hex(&[byte; 32]),
        };
        let file = |path: &str, byte: u8| WrittenFile {
            path: path.into(),
            bytes: 1,
            sha256: [byte; 32],
        };
        let before = DatasetFile {
            dataset_version: "2.3.0".into(),
            files: vec![entry("README.md", 9), entry("a", 1), entry("b", 2)],
            ..DatasetFile::default()
        };
        let cases = [
            (
                vec![file("a", 1), file("b", 2), file("rejects.csv", 1)],
                "2.3.0",
            ),
            (vec![file("a", 1), file("b", 2), file("c", 3)], "2.4.0"),
            (vec![file("a", 1), file("b", 7)], "3.0.0"),
            (vec![file("a", 1), file("c", 3)], "3.0.0"),
        ];
        for (written, wanted) in cases {
            let mut seen = Seen::none_of(&before);
            written.iter().for_each(|file| seen.take(file));
            let release = after(&before, "x".into(), &seen);
            assert_eq!(release.version, wanted);
            assert_eq!(release.previous.is_some(), wanted != "2.3.0");
        }
        let none = DatasetFile::default();
        let mut seen = Seen::none_of(&none);
        seen.take(&file("a", 1));
        let first = after(&none, "x".into(), &seen);
        assert_eq!(first.version, "1.1.0");
    }
}
