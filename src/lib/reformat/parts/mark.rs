//! What a part of a set says of itself: which one it is, and what it was made of. Parts that were made otherwise than the set would
//! be are refused.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::place;
use crate::contracts::{DatasetInput, name_of};
use crate::error::Error;
use crate::files;
use crate::reformat::assemble::Assembled;
use crate::reformat::description;
use crate::reformat::options::Options;
use crate::report::Common;
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
    /// The choices of the user, a line for each or for a piece of one.
    options: Vec<String>,
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
        if self.options != wanted.options {
            let what = different_choice(&self.options, &wanted.options);
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

/// The choices of the user that may decide what pictures there are: all, without where things are, and without those that only
/// decide what is told. Files are known by their hashes.
fn choices(options: &Options) -> Vec<String> {
    let name = |path: &PathBuf| PathBuf::from(name_of(path));
    let name_if = |path: &Option<PathBuf>| path.as_ref().map(name);
    let mut chosen = Options {
        localizations: name(&options.localizations),
        image_map: name(&options.image_map),
        output: PathBuf::new(),
        rejects: None,
        previous: None,
        common: Common::default(),
        jobs: None,
        shard: None,
        from_shards: false,
        ..options.clone()
    };
    chosen.splits.split_like = name_if(&options.splits.split_like);
    chosen.classes.remap = name_if(&options.classes.remap);
    chosen.classes.taxonomy_file = name_if(&options.classes.taxonomy_file);
    chosen.classes.classes = name_if(&options.classes.classes);
    let text = format!("{chosen:#?}");
    text.lines().map(str::to_owned).collect()
}

/// The first choice that is not the same, as it is called on the command line, with both values if they are short.
fn different_choice(made: &[String], here: &[String]) -> String {
    let same = made.iter().zip(here).take_while(|(a, b)| a == b).count();
    fn member(line: &str) -> Option<(&str, &str)> {
        let (name, value) = line.trim().trim_end_matches(',').split_once(": ")?;
        let is_name = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        is_name.then_some((name, value))
    }
    let option = |name: &str| format!("--{}", name.replace('_', "-"));
    let at = |lines: &[String]| {
        lines
            .get(same)
            .and_then(|line| member(line))
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
    };
    match (at(made), at(here)) {
        (Some((name, made)), Some((other, here)))
            if name == other && !made.contains('(') && !here.contains('(') =>
        {
            format!("{} was {made}, and is {here}", option(&name))
        }
        _ => {
            let before = here.iter().take(same + 1).rev();
            let name = before
                .filter_map(|line| member(line))
                .map(|(name, _)| option(name))
                .next();
            format!("{} is not the same", name.unwrap_or_default())
        }
    }
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

    #[test]
    fn what_differs_is_named_as_on_the_command_line() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let cases = [
            (
                "O {\n    crop_margin: 0.1,\n}",
                "O {\n    crop_margin: 0.0,\n}",
                "--crop-margin was 0.1, and is 0.0",
            ),
            (
                "O {\n    no_val: true,\n}",
                "O {\n    no_val: false,\n}",
                "--no-val was true, and is false",
            ),
            (
                "O {\n    tiles: Some(\n        64,\n    ),\n}",
                "O {\n    tiles: Some(\n        100,\n    ),\n}",
                "--tiles is not the same",
            ),
            (
                "O {\n    split: None,\n}",
                "O {\n    split: Some(\n        A,\n    ),\n}",
                "--split is not the same",
            ),
        ];
        for (made, here, wanted) in cases {
            assert_eq!(different_choice(&lines(made), &lines(here)), wanted);
        }
    }
}
