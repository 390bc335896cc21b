//! What a part of a set says of itself: which one it is, and what it was made of. Parts that were made otherwise than the set would
//! be are refused.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::place;
use crate::contracts::DatasetInput;
use crate::error::Error;
use crate::files;
use crate::reformat::assemble::Assembled;
use crate::reformat::description;
use crate::reformat::options::Options;
use crate::workers::Shard;

/// The mark of a part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartMark {
    /// Which part, from 0.
    pub part: u64,
    /// How many there are.
    pub of: u64,
    /// Number of images of the set.
    pub set_images: u64,
    /// Version of recto.
    recto: String,
    /// The files that it was made from.
    inputs: Vec<DatasetInput>,
    /// The options that decide what pictures there are.
    options: BTreeMap<String, String>,
    /// SHA-256 of what was found out about all images: their files, sizes, splits and boxes.
    found: String,
}

impl PartMark {
    /// That of a part of the set that a command makes.
    ///
    /// # Errors
    /// An input cannot be read.
    pub fn of(options: &Options, assembled: &Assembled, shard: Shard) -> Result<Self, Error> {
        Ok(PartMark {
            part: shard.index,
            of: shard.count,
            set_images: assembled.dataset.facts.len() as u64,
            recto: env!("CARGO_PKG_VERSION").into(),
            inputs: description::inputs(options)?,
            options: choices(options),
            found: found(assembled),
        })
    }

    /// That of a part in a folder.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn in_folder(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(place::MARK);
        let what = |cause| format!("{}: cannot be read: {cause}", path.display());
        let bytes = std::fs::read(&path).map_err(|e| Error::new(what(e.to_string())))?;
        serde_json::from_slice(&bytes).map_err(|e| Error::new(what(e.to_string())))
    }

    /// What is not the same about what a part was made of and what a set is to be made of.
    pub fn difference(&self, wanted: &Self) -> Option<String> {
        if self.recto != wanted.recto {
            let (made, here) = (&self.recto, &wanted.recto);
            return Some(format!("was made by recto {made}, and this is {here}"));
        }
        if (self.part, self.of) != (wanted.part, wanted.of) {
            return Some(format!("holds part {} of {}", self.part, self.of));
        }
        if let Some(what) = different_choice(&self.options, &wanted.options) {
            return Some(format!("was made with other options: {what}"));
        }
        let others = wanted.inputs.iter().find(|at| !self.inputs.contains(at));
        if let Some(input) = others {
            return Some(format!("was made from another {}", input.name));
        }
        if self.inputs != wanted.inputs {
            return Some("was made from other files".into());
        }
        (self.found != wanted.found).then(|| {
            format!(
                "was made of other images: the worker found {}, here are {}, and not all of them are the same",
                self.set_images, wanted.set_images
            )
        })
    }
}

/// The options that decide what pictures there are, by their names. Files are named without folders: their hashes are compared too.
fn choices(options: &Options) -> BTreeMap<String, String> {
    let format = ("format", Some(options.format.join(",").to_lowercase()));
    let given = description::given(options).filter(|(name, _)| *name != "previous");
    let chosen = given.chain([format]);
    chosen
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// The first choice that is not the same, with both values.
fn different_choice(
    made: &BTreeMap<String, String>,
    here: &BTreeMap<String, String>,
) -> Option<String> {
    let said = |choices: &BTreeMap<String, String>, name: &str| match choices.get(name) {
        None => "not given".to_owned(),
        Some(value) if value.is_empty() => "given".to_owned(),
        Some(value) => value.clone(),
    };
    let mut names = made.keys().chain(here.keys());
    let name = names.find(|name| made.get(*name) != here.get(*name))?;
    let [made, here] = [made, here].map(|choices| said(choices, name));
    Some(format!("--{name} was {made}, and is {here}"))
}

/// A hash of what is known of all images.
fn found(assembled: &Assembled) -> String {
    let dataset = &assembled.dataset;
    let mut all = format!("{:?}\n{:?}\n", dataset.classes, dataset.splits);
    let mut hash = String::new();
    for (at, facts) in dataset.facts.iter().enumerate() {
        all += &format!(
            "{}\n{} {:?} {:?} {} {} {:?}\n",
            facts.file,
            facts.bytes,
            facts.size,
            facts.split,
            facts.orientation,
            facts.boxes_before,
            assembled.hashes.get(at).copied().flatten(),
        );
        if all.len() > 1 << 20 {
            hash = files::hex_digest_of(&[hash.as_bytes(), all.as_bytes()], 64);
            all.clear();
        }
    }
    files::hex_digest_of(&[hash.as_bytes(), all.as_bytes()], 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Stage as _;

    #[test]
    fn what_differs_is_named_as_on_the_command_line() {
        let chosen = |more: &[&str]| {
            let line = [&["l.json", "-f", "yolo", "-o", "set"], more].concat();
            choices(&Options::parse(line).unwrap())
        };
        let cases: [(&[&str], &[&str], Option<&str>); 5] = [
            (&["--jobs", "2"], &["--previous", "old"], None),
            (
                &["--crop-margin", "0.1"],
                &[],
                Some("--crop-margin was 0.1, and is not given"),
            ),
            (
                &[],
                &["--no-val"],
                Some("--no-val was not given, and is given"),
            ),
            (
                &["--tiles", "64"],
                &["--tiles", "100"],
                Some("--tiles was 64, and is 100"),
            ),
            (
                &[],
                &["--format", "crops"],
                Some("--format was yolo, and is yolo,crops"),
            ),
        ];
        for (made, here, wanted) in cases {
            let found = different_choice(&chosen(made), &chosen(here));
            assert_eq!(found.as_deref(), wanted);
        }
    }
}
