//! The version of a set that comes after another: Croissant's rule for data. Annotation files and lists count by what they say,
//! all others by their bytes.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::annotation_files::{AnnotationFiles, Growth, growth_of_file};
use crate::contracts::{DatasetFile, DatasetSource, PreviousDataset};
use crate::error::Error;
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

/// What has become of an earlier set, as its files are seen in the new one.
pub struct Seen<'a, T> {
    /// Its files that were not seen yet, with their hashes.
    left: HashMap<&'a str, &'a str>,
    growth: Growth,
    contents: T,
}

/// Reads files of both sets that are not the same, to see whether the new one only has more.
pub trait Contents {
    /// How the new form of a file stands to the old one.
    ///
    /// # Errors
    /// A file cannot be read.
    fn growth(&mut self, path: &str) -> Result<Growth, Error>;
}

impl<'a, T: Contents> Seen<'a, T> {
    /// None of the files of a set were seen; the new one has these classes.
    pub fn none_of(before: &'a DatasetFile, classes: &[String], contents: T) -> Self {
        let data = before
            .files
            .iter()
            .filter(|file| !is_about_the_set(&file.path));
        // A class has another number where those before it are others.
        let known = before.classes.iter().map(|class| &class.name);
        let growth = match classes.iter().zip(known.clone()).all(|(a, b)| a == b) {
            false => Growth::Changed,
            true => match classes.len().cmp(&known.count()) {
                Ordering::Less => Growth::Changed,
                Ordering::Equal => Growth::Same,
                Ordering::Greater => Growth::More,
            },
        };
        Seen {
            left: data.map(|file| (&*file.path, &*file.sha256)).collect(),
            growth,
            contents,
        }
    }

    /// Notes the rights statements and attributions of an earlier set that are for fewer images of the new one, which is not said
    /// by the files of every format. `images` counts those of the new set.
    pub fn with_sources(
        mut self,
        before: &DatasetFile,
        images: impl Fn(&DatasetSource) -> u64,
    ) -> Self {
        let mut sources = before.sources.iter();
        if sources.any(|source| images(source) < source.images) {
            self.growth = Growth::Changed;
        }
        self
    }

    /// A file of the new set.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn take(&mut self, file: &WrittenFile) -> Result<(), Error> {
        let growth = match self.left.remove(&*file.path) {
            Some(sha256) if files::hex(&file.sha256) == sha256 => Growth::Same,
            // Once something is changed, more of it makes no difference.
            Some(_) if self.growth == Growth::Changed => Growth::Changed,
            Some(_) => self.contents.growth(&file.path)?,
            None if is_about_the_set(&file.path) => Growth::Same,
            None => Growth::More,
        };
        self.growth = self.growth.max(growth);
        Ok(())
    }

    /// What has become of it, when all files are seen.
    fn end(&self) -> Growth {
        match self.left.is_empty() {
            true => self.growth,
            false => Growth::Changed,
        }
    }
}

/// An earlier set, and the new one.
pub struct Both {
    /// The earlier one.
    pub before: AnnotationFiles,
    /// The new one.
    pub after: AnnotationFiles,
}

impl Contents for Both {
    fn growth(&mut self, path: &str) -> Result<Growth, Error> {
        growth_of_file(&mut self.before, &mut self.after, path)
    }
}

/// The version after `before`, whose description has this SHA-256: what was changed or is gone makes a new major version, what was
/// added a new minor one. The same set is the same version, and has the same one before.
pub fn after<T: Contents>(before: &DatasetFile, sha256: String, seen: &Seen<T>) -> Release {
    let version = match &*before.dataset_version {
        "" => FIRST,
        version => version,
    };
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0_u64));
    let [major, minor] = [(); 2].map(|()| parts.next().unwrap_or(0));
    let next = match seen.end() {
        Growth::Changed => format!("{}.0.0", major + 1),
        Growth::More => format!("{major}.{}.0", minor + 1),
        Growth::Same => {
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
    [
        "README.md",
        "croissant.json",
        "rejects.csv",
        "image-splits.csv",
    ]
    .contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::{ClassCount, DatasetEntry};

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
        let (same, more) = (Ok(Growth::Same), Ok(Growth::More));
        let cases = [
            (
                vec![file("a", 1), file("b", 2), file("rejects.csv", 1)],
                same,
                "2.3.0",
            ),
            (
                vec![file("a", 1), file("b", 2), file("c", 3)],
                same,
                "2.4.0",
            ),
            (vec![file("a", 1), file("b", 7)], same, "2.3.0"),
            (vec![file("a", 1), file("b", 7)], more, "2.4.0"),
            (
                vec![file("a", 1), file("b", 7)],
                Ok(Growth::Changed),
                "3.0.0",
            ),
            (vec![file("a", 1), file("c", 3)], same, "3.0.0"),
        ];
        for (written, of_texts, wanted) in cases {
            let mut seen = Seen::none_of(&before, &[], Always(of_texts));
            written.iter().for_each(|file| seen.take(file).unwrap());
            let release = after(&before, "x".into(), &seen);
            assert_eq!(release.version, wanted);
            assert_eq!(release.previous.is_some(), wanted != "2.3.0");
        }
        let none = DatasetFile::default();
        let mut seen = Seen::none_of(&none, &[], Always(same));
        seen.take(&file("a", 1)).unwrap();
        let first = after(&none, "x".into(), &seen);
        assert_eq!(first.version, "1.1.0");
    }

    /// Two files that are not the same always stand to each other so.
    struct Always(Result<Growth, ()>);

    impl Contents for Always {
        fn growth(&mut self, _: &str) -> Result<Growth, Error> {
            self.0.map_err(|()| Error::new("not read"))
        }
    }

    #[test]
    fn classes_have_their_numbers_as_long_as_those_before_them_stay() {
        let class = |name: &str| ClassCount {
            name: name.into(),
            boxes: 1,
        };
        let before = DatasetFile {
            classes: vec![class("alef"), class("gimel")],
            ..DatasetFile::default()
        };
        let cases: [(&[&str], &str); 4] = [
            (&["alef", "gimel"], "1.0.0"),
            (&["alef", "gimel", "shin"], "1.1.0"),
            (&["alef", "bet", "gimel"], "2.0.0"),
            (&["alef"], "2.0.0"),
        ];
        for (classes, wanted) in cases {
            let classes: Vec<String> = classes.iter().map(|name| (*name).to_owned()).collect();
            let seen = Seen::none_of(&before, &classes, Always(Err(())));
            assert_eq!(
                after(&before, "x".into(), &seen).version,
                wanted,
                "{classes:?}"
            );
        }
    }
}
