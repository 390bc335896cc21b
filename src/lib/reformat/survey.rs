//! The first pass over the images: finds their files, puts boxes on pixels, and keeps a few facts of each. What needs all
//! images at once (classes, splits, which to leave out) is decided on these facts; the boxes are read again to be written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use super::class_names::{ClassNames, Fate};
use super::image_notes::ImageNotes;
use super::keys;
use super::measure::{self, ImageFile};
use super::place::{self, BoxRules, Placed, PlacedBox};
use super::tiles::TileRules;
use crate::contracts::{self, ImageMap, ImageRecords, LocalizedImage};
use crate::error::Error;
use crate::files;
use crate::pixels::{self, Fingerprint};
use crate::summary::Reject;

/// The choices of the user that the survey follows.
#[derive(Clone, Copy, Debug)]
pub struct SurveyRules<'a> {
    /// What rejects call the localizations.
    pub input: &'a str,
    /// The image map, and its path.
    pub map: &'a ImageMap,
    /// The path of the image map.
    pub image_map: &'a Path,
    /// How boxes are placed.
    pub boxes: BoxRules,
    /// Images with a side of fewer pixels are left out.
    pub least_image_side: u32,
    /// The keys whose values name the group of an image; empty: the group that it has.
    pub group_by: &'a [String],
    /// The key whose value names the split of an image.
    pub split_by: Option<&'a str>,
    /// Whether files are hashed, to find those that are equal.
    pub finds_equal: bool,
    /// How images are cut into tiles, if they are.
    pub tiles: Option<TileRules>,
    /// Whether images are decoded, to find those that look alike.
    pub finds_alike: bool,
}

/// What is known after the first pass.
#[derive(Debug, Default)]
pub struct Survey {
    /// The images that have a file, in the order of the input.
    pub images: Vec<SurveyedImage>,
    /// Names of the groups of these.
    pub groups: Vec<String>,
    /// Records that cannot be used.
    pub rejects: Vec<Reject>,
    /// What people should know of single images.
    pub notes: ImageNotes,
    /// How often each concept occurs, by number, boxes and labels.
    pub uses: Vec<u64>,
    /// Number of records that the user's choices left out.
    pub filtered: u64,
    /// Names of the attributes of boxes.
    pub box_keys: BTreeSet<String>,
    /// Names of the metadata of images.
    pub image_keys: BTreeSet<String>,
    /// Rights and attribution → number of images, of those that have either.
    pub owners: BTreeMap<(String, String), u64>,
    /// Whether all groups are those of tables that have no column for them.
    pub groups_are_tables: bool,
    /// Keys of `--group-by` and `--split-by` → how many images lack them.
    pub lacking: BTreeMap<String, u64>,
    /// Keys that images have, as far as needed for a hint.
    pub keys: BTreeSet<String>,
}

/// The facts about an image.
#[derive(Clone, Debug, Default)]
pub struct SurveyedImage {
    /// Its place in the input.
    pub record: u32,
    /// A number made of its id.
    pub id_hash: u64,
    /// Its path in the image map.
    pub file: Box<str>,
    /// Index into [`Survey::groups`].
    pub group: u32,
    /// The split that the source names.
    pub official: Option<Box<str>>,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Header of the file: size, channels, bits, orientation.
    pub header: Option<pixels::Header>,
    /// How many of its boxes are kept, by number of their class.
    pub classes: Box<[(u32, u32)]>,
    /// How many boxes it has in the source, by number of their concept.
    pub concepts: Box<[(u32, u32)]>,
    /// Whether it is labelled as a whole.
    pub is_labelled: bool,
    /// How many of its boxes have an outline, a text, and a line or points.
    pub shapes: ShapeCounts,
    /// SHA-256 of its file.
    pub sha256: Option<[u8; 32]>,
    /// What it looks like.
    pub fingerprint: Option<Fingerprint>,
    /// Its tiles, if it is cut.
    pub tiles: Option<Box<SurveyedTiles>>,
}

/// The tiles of an image.
#[derive(Clone, Debug, Default)]
pub struct SurveyedTiles {
    /// The grid on which they begin; none if they are not cut without loss.
    pub grid: Option<[u32; 2]>,
    /// The tiles, row by row.
    pub tiles: Box<[SurveyedTile]>,
}

/// The facts about a tile.
#[derive(Clone, Debug, Default)]
pub struct SurveyedTile {
    /// Where it is in its image: `[x, y, width, height]`.
    pub at: [u32; 4],
    /// How many of its boxes are kept, by number of their class.
    pub classes: Box<[(u32, u32)]>,
    /// How many of its boxes have an outline, a text, and a line or points.
    pub shapes: ShapeCounts,
    /// Whether parts of boxes are on it that are too small to stay.
    pub has_rests: bool,
}

/// How many boxes have more than their sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShapeCounts {
    /// How many have an outline.
    pub outlines: u32,
    /// How many have a text.
    pub texts: u32,
    /// How many have a line or points.
    pub pointed: u32,
}

/// What is found out about an image on its own.
struct Looked {
    id: String,
    boxes: usize,
    found: Result<Box<Found>, (&'static str, String)>,
}

struct Found {
    image: SurveyedImage,
    placed: Placed,
    notes: ImageNotes,
    labels: Vec<u32>,
    image_keys: Vec<String>,
    box_keys: BTreeSet<String>,
    owner: (String, String),
    is_small: bool,
    grouped: Grouped,
}

struct Grouped {
    group: String,
    official: Option<String>,
    /// Whether the group is a whole table, which has no column for groups.
    is_of_table: bool,
    /// The keys that the image lacks, and if it lacks any those that it has.
    lacks: Vec<String>,
    keys: BTreeSet<String>,
}

/// Looks at every image.
///
/// # Errors
/// The localizations cannot be read.
pub fn survey(
    records: &ImageRecords,
    names: &ClassNames,
    rules: &SurveyRules,
) -> Result<Survey, Error> {
    let mut taking = Taking {
        rules,
        survey: Survey {
            rejects: records.others.rejects.clone(),
            groups_are_tables: true,
            ..Survey::default()
        },
        groups: HashMap::new(),
        ids: HashSet::new(),
        files: HashMap::new(),
        records,
    };
    records.visit(
        0..records.len(),
        |record, image| look(record, image, names, rules),
        |looked| taking.take(looked),
    )?;
    Ok(taking.survey)
}

fn look(record: usize, image: LocalizedImage, names: &ClassNames, rules: &SurveyRules) -> Looked {
    let file = match rules.map.get(&image.id) {
        None => Err((
            "id",
            "not downloaded: the image map does not list it".to_owned(),
        )),
        Some(file) => {
            measure::measure(files::folder_of(rules.image_map), file).map_err(|e| ("file", e))
        }
    };
    Looked {
        id: image.id.clone(),
        boxes: image.localizations.len(),
        found: file.map(|file| Box::new(found(record, image, file, names, rules))),
    }
}

fn found(
    record: usize,
    image: LocalizedImage,
    file: ImageFile,
    names: &ClassNames,
    rules: &SurveyRules,
) -> Found {
    let header = &file.header;
    let mapping = place::mapping(&image, header, &rules.boxes);
    let mut notes = ImageNotes::default();
    notes.of_image(&image, header, mapping, rules.boxes.exif.is_some());
    let grouped = grouped(&image, rules);
    let labels: Vec<(u32, Fate)> = image.labels.iter().map(|l| names.of_label(l)).collect();
    let is_class = |(_, fate): &(u32, Fate)| matches!(fate, Fate::Class(_));
    let id = image.id;
    let placed = place::place(image.localizations, mapping, header, names, &rules.boxes);
    if placed.boxes.is_empty() && !placed.concepts.is_empty() {
        notes.emptied.add(&id);
    }
    let box_keys = placed.boxes.iter().flat_map(|b| b.attributes.keys());
    let box_keys = box_keys.cloned().collect();
    let surveyed = SurveyedImage {
        record: record as u32,
        id_hash: files::hash_number(id.as_bytes()),
        official: grouped.official.as_deref().map(Into::into),
        is_labelled: labels.iter().any(is_class),
        ..facts(&file, &placed, rules)
    };
    Found {
        image: surveyed,
        placed,
        notes,
        labels: labels.into_iter().map(|(concept, _)| concept).collect(),
        image_keys: image.metadata.into_keys().collect(),
        box_keys,
        owner: (
            image.source.rights.unwrap_or_default(),
            image.source.attribution.unwrap_or_default(),
        ),
        is_small: header.width.min(header.height) < rules.least_image_side,
        grouped,
    }
}

/// The group and the split of an image as its metadata name them.
fn grouped(image: &LocalizedImage, rules: &SurveyRules) -> Grouped {
    let (group, mut lacks) = keys::group(image, rules.group_by);
    let official = rules.split_by.and_then(|key| keys::value(image, key));
    if official.is_none() {
        lacks.extend(rules.split_by.map(str::to_owned));
    }
    let is_of_table = image.source.kind == "table"
        && image.source.manifest.as_deref() == Some(image.group.as_str())
        && rules.group_by.is_empty();
    Grouped {
        group,
        official,
        is_of_table,
        keys: match lacks.is_empty() {
            true => BTreeSet::new(),
            false => keys::known(image),
        },
        lacks,
    }
}

/// What the file and the boxes of an image say.
fn facts(file: &ImageFile, placed: &Placed, rules: &SurveyRules) -> SurveyedImage {
    let hash = || files::sha256_bytes_of_file(&file.path).ok();
    let look = || pixels::fingerprint(&file.path).ok();
    SurveyedImage {
        file: file.file.as_str().into(),
        bytes: file.bytes,
        header: Some(file.header.clone()),
        classes: tally(placed.boxes.iter().map(|b| b.class)),
        concepts: tally(placed.concepts.iter().copied()),
        shapes: shapes(&placed.boxes),
        sha256: rules.finds_equal.then(hash).flatten(),
        fingerprint: rules.finds_alike.then(look).flatten(),
        tiles: rules
            .tiles
            .map(|tiles| Box::new(tiled(file, placed, tiles))),
        ..SurveyedImage::default()
    }
}

/// The tiles of an image, and what is on them.
fn tiled(file: &ImageFile, placed: &Placed, rules: TileRules) -> SurveyedTiles {
    let is_jpeg = file.header.media_type == "image/jpeg";
    let grid = is_jpeg.then(|| pixels::lossless_grid(&file.path)).flatten();
    let grid = grid.filter(|grid| rules.fits(*grid));
    let size = [file.header.width, file.header.height];
    let places = rules.places(size, grid.unwrap_or([1, 1]));
    let cut = rules.cut(&placed.boxes, &places);
    let tiles = places.into_iter().zip(cut).map(|(at, cut)| SurveyedTile {
        at,
        classes: tally(cut.boxes.iter().map(|b| b.class)),
        shapes: shapes(&cut.boxes),
        has_rests: cut.has_rests,
    });
    SurveyedTiles {
        grid,
        tiles: tiles.collect(),
    }
}

fn shapes(boxes: &[PlacedBox]) -> ShapeCounts {
    let count = |is: fn(&PlacedBox) -> bool| boxes.iter().filter(|b| is(b)).count() as u32;
    ShapeCounts {
        outlines: count(|b| b.outline.is_some()),
        texts: count(|b| b.attributes.contains_key("text")),
        pointed: count(|b| {
            contracts::baseline(&b.attributes).is_some()
                || contracts::keypoints(&b.attributes).is_some()
        }),
    }
}

/// How often each number occurs.
fn tally(numbers: impl Iterator<Item = u32>) -> Box<[(u32, u32)]> {
    let mut counts: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match counts.iter_mut().find(|(known, _)| *known == number) {
            Some((_, n)) => *n += 1,
            None => counts.push((number, 1)),
        }
    }
    counts.sort_unstable();
    counts.into()
}

/// Puts together what was found out about single images, in the order of the input.
struct Taking<'a> {
    rules: &'a SurveyRules<'a>,
    survey: Survey,
    groups: HashMap<String, u32>,
    /// Ids, as numbers made of them: of a million texts only these are held.
    ids: HashSet<u64>,
    /// File, as a number made of its path → the image it belongs to.
    files: HashMap<u64, u32>,
    records: &'a ImageRecords,
}

impl Taking<'_> {
    fn take(&mut self, looked: Looked) -> Result<(), Error> {
        let id = files::hash_number(looked.id.as_bytes());
        let fault = match looked.found {
            _ if self.ids.contains(&id) => {
                let problem = "id occurs more than once: only the first is used";
                ("id", problem.to_owned())
            }
            Err(fault) => fault,
            Ok(found) => {
                let file = files::hash_number(found.image.file.as_bytes());
                match self.files.get(&file) {
                    None => {
                        self.ids.insert(id);
                        self.files.insert(file, found.image.record);
                        self.keep(looked.id, *found);
                        return Ok(());
                    }
                    Some(&other) => {
                        let (file, other) = (&found.image.file, self.id_of(other)?);
                        let problem = format!("file belongs to another image: {file} to {other}");
                        ("file", problem)
                    }
                }
            }
        };
        let with = match looked.boxes {
            0 => String::new(),
            1 => ", 1 box with it".into(),
            n => format!(", {n} boxes with it"),
        };
        self.reject(&looked.id, fault.0, fault.1 + &with);
        Ok(())
    }

    fn id_of(&self, record: u32) -> Result<String, Error> {
        let mut id = String::new();
        self.records.visit(
            std::iter::once(record as usize),
            |_, image| image.id,
            |found| {
                id = found;
                Ok(())
            },
        )?;
        Ok(id)
    }

    fn keep(&mut self, id: String, found: Found) {
        let Found {
            image,
            placed,
            grouped,
            ..
        } = found;
        let survey = &mut self.survey;
        for key in grouped.lacks {
            *survey.lacking.entry(key).or_default() += 1;
        }
        if survey.keys.len() < 100 {
            survey.keys.extend(grouped.keys);
        }
        for &concept in placed.concepts.iter().chain(&found.labels) {
            let concept = concept as usize;
            if survey.uses.len() <= concept {
                survey.uses.resize(concept + 1, 0);
            }
            survey.uses[concept] += 1;
        }
        if found.is_small {
            survey.filtered += 1 + placed.concepts.len() as u64;
            return;
        }
        survey.filtered += u64::from(placed.dropped + placed.small + placed.merged);
        survey.notes.join(found.notes);
        survey.notes.of_boxes(&placed);
        survey.image_keys.extend(found.image_keys);
        survey.box_keys.extend(found.box_keys);
        if found.owner != Default::default() {
            *survey.owners.entry(found.owner).or_default() += 1;
        }
        survey.groups_are_tables &= grouped.is_of_table;
        let next = self.groups.len() as u32;
        let group = *self
            .groups
            .entry(grouped.group)
            .or_insert_with_key(|group| {
                survey.groups.push(group.clone());
                next
            });
        survey.images.push(SurveyedImage { group, ..image });
        for (localization, field, problem) in placed.rejects {
            self.reject(&format!("{id} {localization}"), field, problem);
        }
    }

    fn reject(&mut self, record: &str, field: &str, problem: String) {
        let reject = Reject::new(self.rules.input, record, field, problem);
        self.survey.rejects.push(reject);
    }
}
