//! `--split-like`: where images and groups were in an earlier set, from its `dataset.json`, a table or a COCO file that it holds.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::shares::Splits;
use crate::contracts::{self, DatasetEntry, DatasetFile};
use crate::error::Error;
use crate::files;
use crate::reformat::image_notes::first_few;
use crate::reformat::option_tables::OptionTable;
use crate::reformat::secrets::clean_name;

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
    /// What messages call it.
    pub name: String,
    /// An image or a group that it names, as it names it.
    pub example: String,
    /// What people should know of it.
    pub notes: Vec<String>,
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

    /// Whether it names images, and not only groups.
    pub fn has_images(&self) -> bool {
        !self.images.is_empty()
    }

    /// Its split, if it names only one, and nothing says that there were no others.
    pub fn only_split(&self) -> Option<&str> {
        match self.counts.as_slice() {
            [(name, _)] if self.asked.is_none() => Some(name),
            _ => None,
        }
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

/// Reads a `dataset.json`, a folder with one, a COCO file that recto wrote and with it the set that it belongs to, or a CSV with
/// the column `split` and at least one of `image` and `group`.
///
/// # Errors
/// The file cannot be read, or says nothing of splits.
pub fn read(path: &Path) -> Result<Earlier, Error> {
    let within = path.join("dataset.json");
    let path = if path.is_dir() { &within } else { path };
    let name = path.display().to_string();
    let bytes = files::read(path)?;
    let start = bytes.iter().find(|b| !b.is_ascii_whitespace());
    let mut earlier = match start {
        Some(b'{') => match of_coco(&bytes) {
            Some(part) => whole_set(path, &name, part),
            None => of_dataset_file(path, contracts::parse(&bytes, &name)?),
        },
        _ => of_table(&bytes, &name)?,
    };
    earlier.name.clone_from(&name);
    match earlier.images.is_empty() && earlier.groups.is_empty() {
        false => Ok(earlier),
        true => Err(Error::new(format!("{name}: no image or group has a split"))
            .hint("--split-like needs the dataset.json, or a table, of a set that was split")),
    }
}

/// What a `dataset.json` says, and with it what the tables beside it say of images: that holds even if this set has other groups.
fn of_dataset_file(path: &Path, dataset: DatasetFile) -> Earlier {
    let beside = images_beside(path, &dataset);
    let earlier = of_dataset(dataset);
    match beside {
        None => Earlier {
            example: earlier.groups.keys().min().cloned().unwrap_or_default(),
            ..earlier
        },
        Some(beside) => Earlier {
            images: beside.images,
            example: beside.example,
            notes: beside.notes,
            ..earlier
        },
    }
}

/// All splits of the set that a COCO file belongs to, if they are known: the file alone is one of them.
fn whole_set(path: &Path, name: &str, part: Earlier) -> Earlier {
    let has_it = |whole: &Earlier| part.names().all(|name| whole.names().any(|n| n == name));
    let Some(mut whole) = set_of(path).filter(has_it) else {
        return part;
    };
    whole.notes.push(format!(
        "--split-like {name} is one file of a set whose dataset.json names it: places in all of its splits are kept"
    ));
    whole.images.extend(part.images);
    Earlier {
        example: part.example,
        ..whole
    }
}

/// The set whose `dataset.json` names a file: it is in the folder of that, or up to two above, where sets in several formats have
/// theirs.
fn set_of(file: &Path) -> Option<Earlier> {
    if files::is_in_store(file) {
        return None;
    }
    let folder = files::folder_of(file).canonicalize().ok()?;
    let file = folder.join(file.file_name()?);
    folder.ancestors().take(3).find_map(|above| {
        let path = above.join("dataset.json");
        let bytes = path.is_file().then(|| files::read(&path).ok())??;
        let dataset: DatasetFile = contracts::parse(&bytes, "dataset.json").ok()?;
        let is_it = |entry: &DatasetEntry| above.join(&entry.path) == file;
        let names_it = dataset.files.iter().any(is_it);
        names_it.then(|| of_dataset_file(&path, dataset))
    })
}

/// The tables of images in a set, or in the folders of its formats. Sets of before have no `image-splits.csv`.
const TABLES: [&str; 3] = ["image-splits.csv", "sources.csv", "annotations.csv"];

/// The splits of images by the tables beside a `dataset.json`, or by COCO's files. None without such files.
fn images_beside(path: &Path, dataset: &DatasetFile) -> Option<Earlier> {
    let formats = dataset.format.split(',').map(|name| format!("{name}/"));
    let folders: Vec<String> = std::iter::once(String::new()).chain(formats).collect();
    let tables = folders.iter().flat_map(|folder| {
        let tables = TABLES.iter();
        tables.map(move |table| path.with_file_name(format!("{folder}{table}")))
    });
    let read = |file: &Path| file.is_file().then(|| files::read(file).ok()).flatten();
    let of_tables = tables.filter_map(|table| {
        let listed = of_table(&read(&table)?, &table.display().to_string()).ok()?;
        listed.has_images().then_some(listed)
    });
    let of_coco = folders.iter().filter_map(|folder| {
        let mut all = Earlier::default();
        for split in dataset.splits.keys() {
            let name = format!("{folder}annotations/instances_{split}.json");
            let found = of_coco(&read(&path.with_file_name(name))?)?;
            let images = found.images.into_keys();
            all.images
                .extend(images.map(|image| (image, split.clone())));
            all.example = found.example;
        }
        all.has_images().then_some(all)
    });
    of_tables.chain(of_coco).next()
}

/// As much of a COCO file as shows where images were.
#[derive(Deserialize)]
struct CocoFile {
    contract: Option<IgnoredAny>,
    #[serde(default)]
    info: CocoInfo,
    images: Vec<CocoImage>,
}

#[derive(Default, Deserialize)]
struct CocoInfo {
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct CocoImage {
    uuid: Option<String>,
    group: Option<String>,
}

/// The images of a COCO file: its description is the name of their split. None if it is not such a file.
fn of_coco(bytes: &[u8]) -> Option<Earlier> {
    let file: CocoFile = serde_json::from_slice(bytes).ok()?;
    let split = file.info.description;
    if file.contract.is_some() || split.is_empty() {
        return None;
    }
    let count = file.images.len() as u64;
    let mut earlier = Earlier {
        counts: vec![(split.clone(), count)],
        ..Earlier::default()
    };
    for image in file.images {
        if let Some(id) = image.uuid {
            earlier.images.insert(number_of(&id), split.clone());
            earlier.example = id;
        }
        if let Some(group) = image.group {
            earlier.groups.insert(group, split.clone());
        }
    }
    Some(earlier)
}

/// The number made of an image's id, which has no secrets in a set.
fn number_of(id: &str) -> u64 {
    files::hash_number(clean_name(id).as_bytes())
}

fn of_dataset(dataset: DatasetFile) -> Earlier {
    let count = |(name, part): (String, contracts::PartCount)| (name, part.images);
    let mut counts: Vec<(String, u64)> = dataset.splits.into_iter().map(count).collect();
    // Largest first: train before val and test.
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let asked = dataset.split.parse().ok();
    Earlier {
        groups: dataset.groups.into_iter().collect(),
        counts,
        asked: asked.or_else(|| asked_in(&dataset.command)),
        ..Earlier::default()
    }
}

/// The shares in a command: sets of before have them only there.
fn asked_in(command: &str) -> Option<Splits> {
    let mut words = command.split(' ').skip_while(|word| *word != "--split");
    words.nth(1)?.parse().ok()
}

/// The columns of splits, images and groups; one of the last two may be missing.
fn columns(header: &csv::StringRecord) -> Option<(usize, Option<usize>, Option<usize>)> {
    let column = |wanted: &[&str]| {
        let is = |found: &str| wanted.iter().any(|w| found.trim().eq_ignore_ascii_case(w));
        header.iter().position(is)
    };
    let (image, group) = (column(&["image", "id"]), column(&["group"]));
    let split = column(&["split"]).filter(|_| image.is_some() || group.is_some())?;
    Some((split, image, group))
}

fn unknown_columns(header: &csv::StringRecord, name: &str) -> Error {
    let found: Vec<&str> = header.iter().collect();
    let what = format!(
        "{name}:1: the columns are {}; `split` and `image` or `group` were expected",
        found.join(",")
    );
    Error::new(what).hint("image-splits.csv of an earlier set has these columns")
}

fn of_table(bytes: &[u8], name: &str) -> Result<Earlier, Error> {
    let fault = |e: csv::Error| Error::new(format!("{name}: cannot be read as CSV")).because(e);
    let table = OptionTable::new(name, bytes, |row| columns(row).is_some());
    let mut rows = table.reader().into_records();
    let header = rows.next().transpose().map_err(fault)?.unwrap_or_default();
    let (split, image, group) = columns(&header).ok_or_else(|| unknown_columns(&header, name))?;
    let mut earlier = Earlier::default();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut votes: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut moved: Vec<String> = Vec::new();
    for row in rows {
        let row = row.map_err(fault)?;
        let cell = |column: Option<usize>| {
            let text = column.and_then(|column| row.get(column));
            text.map(files::plain_cell).filter(|text| !text.is_empty())
        };
        // Blanks that a spreadsheet does not show.
        let split = cell(Some(split)).map(str::trim);
        let Some(split) = split.filter(|split| !split.is_empty()) else {
            continue;
        };
        if let Some(image) = cell(image) {
            let before = earlier.images.insert(number_of(image), split.to_owned());
            match before {
                None => *counts.entry(split.to_owned()).or_default() += 1,
                Some(before) if before != split => moved.push(format!("`{image}`")),
                Some(_) => {}
            }
            if earlier.example.is_empty() {
                image.clone_into(&mut earlier.example);
            }
        }
        if let Some(group) = cell(group) {
            let vote = (clean_name(group), split.to_owned());
            *votes.entry(vote).or_default() += 1;
        }
    }
    let divided = earlier.take_groups(votes, image.is_none(), &mut counts);
    if earlier.example.is_empty() {
        earlier.example = earlier.groups.keys().min().cloned().unwrap_or_default();
    }
    moved.sort();
    moved.dedup();
    if !moved.is_empty() {
        let what = format!("images with several splits in {name}, of which the last counts");
        earlier.notes.push(first_few(&what, &moved));
    }
    if !divided.is_empty() {
        let what = format!(
            "groups with several splits in {name}: what is new in them comes to the split of most of their rows"
        );
        earlier.notes.push(first_few(&what, &divided));
    }
    earlier.counts = counts.into_iter().collect();
    earlier
        .counts
        .sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    Ok(earlier)
}

impl Earlier {
    /// Takes the split that most rows give each group. The names of those that have several are returned; `counts` is of groups
    /// if there are no images.
    fn take_groups(
        &mut self,
        votes: BTreeMap<(String, String), u64>,
        are_counted: bool,
        counts: &mut BTreeMap<String, u64>,
    ) -> Vec<String> {
        let mut most: HashMap<String, u64> = HashMap::new();
        let mut divided = Vec::new();
        for ((group, split), n) in votes {
            if are_counted {
                *counts.entry(split.clone()).or_default() += n;
            }
            let known = most.get(&group).copied();
            if known.is_some() {
                divided.push(format!("`{group}`"));
            }
            if known.is_none_or(|known| n > known) {
                most.insert(group.clone(), n);
                self.groups.insert(group, split);
            }
        }
        divided.dedup();
        divided
    }
}
