//! `--split-like`: where images and groups were in an earlier set, from its `dataset.json` or a table that it holds.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::shares::Splits;
use crate::contracts::{self, DatasetFile};
use crate::error::Error;
use crate::files;

/// Where images and groups were.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    /// By the number made of an image's id.
    images: HashMap<u64, String>,
    groups: HashMap<String, String>,
    /// How many images each split had, in order.
    counts: Vec<(String, u64)>,
    /// The shares that were asked for.
    asked: Option<Splits>,
}

impl Earlier {
    /// The split of an image.
    pub fn of_image(&self, id_hash: u64) -> Option<&str> {
        self.images.get(&id_hash).map(String::as_str)
    }

    /// The split of a group.
    pub fn of_group(&self, group: &str) -> Option<&str> {
        self.groups.get(group).map(String::as_str)
    }

    /// Splits of the same names and shares: those that were asked for, if they are known, else those that it got.
    pub fn splits(&self) -> Splits {
        let has_all = |splits: &&Splits| {
            let names = splits.names();
            self.names()
                .all(|name| names.iter().any(|known| known == name))
        };
        let asked = self.asked.as_ref().filter(has_all).cloned();
        asked.unwrap_or_else(|| Splits::in_proportion(self.counts.clone()))
    }

    /// The names of its splits.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.counts.iter().map(|(name, _)| name.as_str())
    }

    /// Of images and groups.
    #[cfg(test)]
    pub fn of(images: HashMap<u64, String>, groups: HashMap<String, String>) -> Self {
        Earlier {
            images,
            groups,
            ..Earlier::default()
        }
    }
}

/// Reads a `dataset.json`, a folder with one, or a CSV with the column `split` and at least one of `image` and `group`.
///
/// # Errors
/// The file cannot be read, or says nothing of splits.
pub fn read(path: &Path) -> Result<Earlier, Error> {
    let within = path.join("dataset.json");
    let path = if path.is_dir() { &within } else { path };
    let name = path.display().to_string();
    let bytes = files::read(path)?;
    let start = bytes.iter().find(|b| !b.is_ascii_whitespace());
    let earlier = match start {
        Some(b'{') => Earlier {
            images: images_beside(path),
            ..of_dataset(contracts::parse(&bytes, &name)?)
        },
        _ => of_table(&bytes, &name)?,
    };
    match earlier.images.is_empty() && earlier.groups.is_empty() {
        false => Ok(earlier),
        true => Err(Error::new(format!("{name}: no image or group has a split"))
            .hint("--split-like needs the dataset.json, or a table, of a set that was split")),
    }
}

/// The splits of images by the tables beside a `dataset.json`: they hold even if this set has other groups. None without such
/// tables.
fn images_beside(dataset: &Path) -> HashMap<u64, String> {
    let tables = ["sources.csv", "annotations.csv"].map(|name| dataset.with_file_name(name));
    let read = |table: &std::path::PathBuf| {
        let bytes = table.is_file().then(|| files::read(table).ok()).flatten()?;
        let listed = of_table(&bytes, &table.display().to_string()).ok()?;
        (!listed.images.is_empty()).then_some(listed.images)
    };
    tables.iter().find_map(read).unwrap_or_default()
}

fn of_dataset(dataset: DatasetFile) -> Earlier {
    let count = |(name, part): (String, contracts::PartCount)| (name, part.images);
    let mut counts: Vec<(String, u64)> = dataset.splits.into_iter().map(count).collect();
    // Largest first: train before val and test.
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let asked = dataset.split.parse().ok();
    Earlier {
        images: HashMap::new(),
        groups: dataset.groups.into_iter().collect(),
        counts,
        asked: asked.or_else(|| asked_in(&dataset.command)),
    }
}

/// The shares in a command: sets of before have them only there.
fn asked_in(command: &str) -> Option<Splits> {
    let mut words = command.split(' ').skip_while(|word| *word != "--split");
    words.nth(1)?.parse().ok()
}

fn of_table(bytes: &[u8], name: &str) -> Result<Earlier, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let fault = |e: csv::Error| Error::new(format!("{name}: cannot be read as CSV")).because(e);
    let mut table = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let header = table.headers().map_err(fault)?.clone();
    let column = |wanted: &[&str]| {
        let is = |found: &str| wanted.iter().any(|w| found.trim().eq_ignore_ascii_case(w));
        header.iter().position(is)
    };
    let (split, image) = (column(&["split"]), column(&["image", "id"]));
    let group = column(&["group"]);
    let Some(split) = split.filter(|_| image.is_some() || group.is_some()) else {
        let found: Vec<&str> = header.iter().collect();
        let what = format!(
            "{name}:1: the columns are {}; `split` and `image` or `group` were expected",
            found.join(",")
        );
        return Err(Error::new(what)
            .hint("sources.csv and annotations.csv of an earlier set have these columns"));
    };
    let mut earlier = Earlier::default();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut votes: BTreeMap<(String, String), u64> = BTreeMap::new();
    for row in table.records() {
        let row = row.map_err(fault)?;
        let cell = |column: Option<usize>| {
            let text = column.and_then(|column| row.get(column));
            text.filter(|text| !text.is_empty())
        };
        let Some(split) = cell(Some(split)) else {
            continue;
        };
        if let Some(image) = cell(image) {
            let id = files::hash_number(image.as_bytes());
            if earlier.images.insert(id, split.to_owned()).is_none() {
                *counts.entry(split.to_owned()).or_default() += 1;
            }
        }
        if let Some(group) = cell(group) {
            let vote = (group.to_owned(), split.to_owned());
            *votes.entry(vote).or_default() += 1;
        }
    }
    let mut most: HashMap<String, u64> = HashMap::new();
    for ((group, split), n) in votes {
        if image.is_none() {
            *counts.entry(split.clone()).or_default() += n;
        }
        if most.get(&group).is_none_or(|known| n > *known) {
            most.insert(group.clone(), n);
            earlier.groups.insert(group, split);
        }
    }
    earlier.counts = counts.into_iter().collect();
    earlier
        .counts
        .sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    Ok(earlier)
}
