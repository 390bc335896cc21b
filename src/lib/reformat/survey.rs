//! The first pass over the images: finds their files, puts boxes on pixels, and keeps a few facts of each. What needs all
//! images at once (classes, splits, which to leave out) is decided on these facts; the boxes are read again to be written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use super::classes::names::{ClassNames, Fate};
use super::image_notes::{Few, ImageNotes};
use super::keys;
use super::measure::{self, ImageFile};
use super::parts::looks::{Look, Looks};
use super::place::{self, BoxRules, Placed, PlacedBox};
use super::secrets;
use super::tiles::cut::{TileRules, is_on};
use crate::contracts::{self, BorrowedImage, ImageFiles, ImageRecords, MappedFile, Text};
use crate::error::Error;
use crate::files;
use crate::formats::{Facts, NewFacts, is_further_attribute};
use crate::pixels::Fingerprint;
use crate::summary::Reject;

/// The choices of the user that the survey follows.
#[derive(Clone, Copy, Debug)]
pub struct SurveyRules<'a> {
    /// What rejects call the localizations.
    pub input: &'a str,
    /// The image map, and its path.
    pub map: &'a ImageFiles,
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
    /// What is known about files, and what is to be found out: those that are equal or look alike.
    pub looks: &'a Looks,
    /// How images are cut into tiles, if they are.
    pub tiles: Option<TileRules>,
    /// Whether the boxes of each concept are counted on every image, to share them out among splits.
    pub counts_concepts: bool,
}

impl SurveyRules<'_> {
    /// Whether more is held of each image than its facts.
    fn needs_particulars(&self) -> bool {
        let wanted = self.looks.wanted();
        wanted.hash
            || wanted.fingerprint
            || self.counts_concepts
            || self.split_by.is_some()
            || self.tiles.is_some()
    }
}

/// What is known after the first pass.
#[derive(Debug, Default)]
pub struct Survey {
    /// The images that have a file, in the order of the input; their classes are numbers of those met.
    pub facts: Facts,
    /// What is labelled as a whole, or has boxes in the source, of these.
    pub marks: Vec<Marks>,
    /// What else is needed of each of these; empty if nothing is.
    pub particulars: Vec<Particulars>,
    /// The numbers made of the ids of the entries of the image map.
    pub ids: Vec<u64>,
    /// The place in the input of each entry of the image map; [`u32::MAX`] where none has it.
    pub records: Vec<u32>,
    /// Names of the groups of these.
    pub groups: Vec<String>,
    /// Pairs of groups that have a value in common.
    pub links: Vec<(u32, u32)>,
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
    /// Numbers of the classes that images are labelled with as a whole.
    pub labels: BTreeSet<u32>,
    /// Rights statements of the images.
    pub rights: BTreeSet<String>,
    /// Entries of the image map whose ids have secrets, with the numbers made of the ids without these.
    pub cleaned: Vec<(u32, u64)>,
    /// Images that are labelled with a class as a whole and have boxes, but none of it, by number of that class.
    pub labels_without_box: BTreeMap<u32, Few>,
    /// Whether all groups are those of tables that have no column for them.
    pub groups_are_tables: bool,
    /// Numbers of groups of which each is a whole table: its images have no group.
    pub table_groups: BTreeSet<u32>,
    /// Keys of `--group-by` and `--split-by` → how many images lack them.
    pub lacking: BTreeMap<String, u64>,
    /// Keys that images have, as far as needed for a hint.
    pub keys: BTreeSet<String>,
}

impl Survey {
    /// Takes the numbers made of the ids of the image map: of those with secrets, the numbers without these.
    pub fn set_ids(&mut self, ids: Vec<u64>) {
        self.ids = ids;
        for (entry, number) in self.cleaned.drain(..) {
            self.ids[entry as usize] = number;
        }
    }

    /// A number made of the id of an image.
    pub fn id_hash(&self, at: usize) -> u64 {
        self.ids[self.facts.file_number(at) as usize]
    }
}

/// What an image has in the source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks {
    /// Whether it is labelled as a whole.
    pub is_labelled: bool,
    /// Whether it has boxes.
    pub has_boxes: bool,
    /// Whether it has annotations that could not be used.
    pub is_rejected: bool,
    /// Whether its file is smaller than wanted: it has its place among splits, and is not written.
    pub is_small: bool,
}

/// What is held of an image where the choices of the user need it.
#[derive(Clone, Debug, Default)]
pub struct Particulars {
    /// The split that the source names.
    pub official: Option<Box<str>>,
    /// How many boxes it has in the source, by number of their concept.
    pub concepts: Box<[(u32, u32)]>,
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
    pub shapes: [u32; 4],
    /// How many parts of boxes are on it that are too small to stay.
    pub rests: u32,
    /// Whether a box is on it, or a part of one, that is smaller than wanted.
    pub has_small: bool,
    /// How many boxes on it are parts of one with a text.
    pub texts_left_out: u32,
}

/// What is found out about an image on its own.
struct Looked<'a> {
    /// Its place in the input.
    record: u32,
    /// Its entry in the image map.
    entry: Option<u32>,
    id: Text<'a>,
    boxes: usize,
    found: Result<Box<Found<'a>>, (&'static str, String)>,
}

struct Found<'a> {
    /// Its entry in the image map.
    entry: u32,
    facts: NewFacts,
    marks: Marks,
    particulars: Option<Particulars>,
    placed: Placed<'a>,
    notes: ImageNotes,
    labels: Vec<(u32, Fate)>,
    /// Classes that it is labelled with, where it has boxes of other classes only.
    labels_without_box: Vec<u32>,
    image_keys: Vec<Text<'a>>,
    box_keys: Vec<Text<'a>>,
    rights: Text<'a>,
    /// A number made of its id, if that of the image map has secrets.
    cleaned: Option<u64>,
    grouped: Grouped<'a>,
}

struct Grouped<'a> {
    group: Text<'a>,
    /// Groups with one of the values of this one.
    linked: Vec<String>,
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
            records: vec![u32::MAX; rules.map.len()],
            ..Survey::default()
        },
        groups: HashMap::new(),
        holders: HashMap::new(),
        records,
    };
    records.visit_blocks(0..records.len(), |block| {
        let looked = block.make(|record, image| look(record, image, names, rules))?;
        looked
            .into_iter()
            .try_for_each(|looked| taking.take(looked))
    })?;
    Ok(taking.survey)
}

fn look<'a>(
    record: usize,
    mut image: BorrowedImage<'a>,
    names: &ClassNames,
    rules: &SurveyRules,
) -> Looked<'a> {
    let entry = rules.map.find(&image.id);
    let undecided = rules.split_by.and_then(|key| keys::several(&image, key));
    let file = match entry {
        _ if undecided.is_some() => Err(("split", undecided.unwrap_or_default())),
        None => Err((
            "id",
            "not downloaded: the image map does not list it".to_owned(),
        )),
        Some(entry) => {
            let folder = files::folder_of(rules.image_map);
            let measured = measure::measure(folder, rules.map.file(entry));
            measured.map(|file| (entry, file)).map_err(|e| ("file", e))
        }
    };
    let given = image.id.clone();
    secrets::remove(&mut image);
    let cleaned = (given != *image.id.as_str()).then(|| files::hash_number(image.id.as_bytes()));
    Looked {
        record: record as u32,
        entry,
        id: image.id.clone(),
        boxes: image.localizations.len(),
        found: file.and_then(|file| {
            let found = found(image, file, names, rules)?;
            Ok(Box::new(Found { cleaned, ..found }))
        }),
    }
}

/// What is found out about an image and its file; the error is field and problem of a reject.
fn found<'a>(
    image: BorrowedImage<'a>,
    (entry, file): (u32, ImageFile),
    names: &ClassNames,
    rules: &SurveyRules,
) -> Result<Found<'a>, (&'static str, String)> {
    let header = &file.header;
    let mapping = place::mapping(&image, header, &rules.boxes);
    let mut notes = ImageNotes::default();
    notes.of_image(&image, header, mapping, rules.boxes.exif.is_some());
    let grouped = grouped(&image, rules);
    let labels: Vec<(u32, Fate)> = image.labels.iter().map(|l| names.of_label(l)).collect();
    let is_class = |(_, fate): &(u32, Fate)| matches!(fate, Fate::Class(_));
    let id = image.id;
    let mut placed = place::place(image.localizations, mapping, header, names, &rules.boxes);
    placed.count();
    notes.of_attributes(&id, &placed.boxes);
    if placed.boxes.is_empty() && !placed.concepts.is_empty() {
        notes.emptied.add(&id);
    }
    let mut box_keys: Vec<Text> = Vec::new();
    for key in placed.boxes.iter().flat_map(|b| b.attributes.keys()) {
        if !box_keys.contains(key) {
            box_keys.push(key.clone());
        }
    }
    let is_small = header.width.min(header.height) < rules.least_image_side;
    let look = look_at((entry, &file), &placed, is_small, rules)?;
    if let Some(cause) = &look.unseen {
        notes.uncompared.add(&format!("{id}: {cause}"));
    }
    let particulars = rules.needs_particulars().then(|| Particulars {
        official: grouped.official.as_deref().map(Into::into),
        ..particulars(&file, look, &placed, rules)
    });
    let facts = facts(entry, &file, &placed);
    let labels_without_box = labels_without_box(&labels, &facts.classes);
    // Freed by the thread that made them, which costs far less.
    placed.boxes = Vec::new();
    Ok(Found {
        entry,
        facts,
        marks: Marks {
            is_labelled: labels.iter().any(is_class),
            has_boxes: !placed.concepts.is_empty(),
            is_rejected: image.rejected,
            is_small,
        },
        particulars,
        placed,
        notes,
        labels,
        labels_without_box,
        image_keys: image.metadata.into_keys().collect(),
        box_keys,
        rights: image.source.rights.unwrap_or_default(),
        cleaned: None,
        grouped,
    })
}

/// What the file of an image looks like; the error is field and problem of a reject, where pixels are needed that cannot be used. A
/// small file is not written.
fn look_at(
    (entry, file): (u32, &ImageFile),
    placed: &Placed,
    is_small: bool,
    rules: &SurveyRules,
) -> Result<Look, (&'static str, String)> {
    let has_boxes = !placed.boxes.is_empty();
    let look = rules
        .looks
        .look(entry, rules.map.file(entry), file, has_boxes);
    match look.fault {
        Some(cause) if !is_small => {
            let problem = format!("file cannot be used: {}: {cause}", file.content);
            Err(("file", problem))
        }
        _ => Ok(look),
    }
}

/// Classes that an image with boxes is labelled with and has no box of.
fn labels_without_box(labels: &[(u32, Fate)], boxed: &[(u32, u32)]) -> Vec<u32> {
    let is_boxed = |class: &u32| boxed.iter().any(|(other, _)| other == class);
    classes(labels)
        .filter(|class| !boxed.is_empty() && !is_boxed(class))
        .collect()
}

/// The classes among labels.
fn classes(labels: &[(u32, Fate)]) -> impl Iterator<Item = u32> {
    labels.iter().filter_map(|(_, fate)| match fate {
        Fate::Class(class) => Some(*class),
        Fate::Dropped | Fate::Nameless => None,
    })
}

/// The group and the split of an image as its metadata name them.
fn grouped<'a>(image: &BorrowedImage<'a>, rules: &SurveyRules) -> Grouped<'a> {
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
        linked: keys::linked(image, rules.group_by),
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
fn facts(entry: u32, file: &ImageFile, placed: &Placed) -> NewFacts {
    let header = &file.header;
    NewFacts {
        file: entry,
        group: 0,
        bytes: file.bytes,
        size: [header.width, header.height],
        channels: header.channels,
        depth: header.depth,
        orientation: header.orientation,
        media_type: header.media_type,
        shapes: shapes(&placed.boxes),
        classes: occurrences(placed.boxes.iter().map(|b| b.class)),
    }
}

fn particulars(file: &ImageFile, look: Look, placed: &Placed, rules: &SurveyRules) -> Particulars {
    let concepts = || occurrences(placed.concepts.iter().copied()).into();
    Particulars {
        concepts: rules.counts_concepts.then(concepts).unwrap_or_default(),
        sha256: look.sha256,
        fingerprint: look.fingerprint,
        tiles: rules
            .tiles
            .map(|tiles| Box::new(tiled(file, placed, tiles))),
        ..Particulars::default()
    }
}

/// The tiles of an image, and what is on them.
fn tiled(file: &ImageFile, placed: &Placed, rules: TileRules) -> SurveyedTiles {
    let grid = file.lossless_grid(&rules);
    let size = [file.header.width, file.header.height];
    let places = rules.places(size, grid.unwrap_or([1, 1]));
    let cut = rules.cut(&placed.boxes, &places);
    let tiles = places.into_iter().zip(cut).map(|(at, cut)| SurveyedTile {
        at,
        classes: occurrences(cut.boxes.iter().map(|b| b.class)).into(),
        shapes: shapes(&cut.boxes),
        rests: cut.rests,
        has_small: placed.small.iter().any(|bbox| is_on(bbox, at)),
        texts_left_out: cut.texts_left_out,
    });
    SurveyedTiles {
        grid,
        tiles: tiles.collect(),
    }
}

/// How many boxes have an outline, a text, a line or points, and further attributes.
fn shapes(boxes: &[PlacedBox]) -> [u32; 4] {
    let count = |is: fn(&PlacedBox) -> bool| boxes.iter().filter(|b| is(b)).count() as u32;
    [
        count(|b| b.outline.is_some()),
        count(|b| b.attributes.contains_key("text")),
        count(|b| {
            contracts::baseline(&b.attributes).is_some()
                || contracts::keypoints(&b.attributes).is_some()
        }),
        count(|b| {
            let mut names = b.attributes.keys();
            names.any(|name| is_further_attribute(name))
        }),
    ]
}

/// The number of a group, which is a new one if it is not known.
fn number(known: &mut HashMap<String, u32>, group: &str, names: &mut Vec<String>) -> u32 {
    if let Some(number) = known.get(group) {
        return *number;
    }
    let next = names.len() as u32;
    known.insert(group.to_owned(), next);
    names.push(group.to_owned());
    next
}

/// Adds names to those that are known.
fn add_names(known: &mut BTreeSet<String>, names: &[Text]) {
    for name in names {
        if !known.contains(name.as_str()) {
            known.insert(name.to_string());
        }
    }
}

/// How often each number occurs.
fn occurrences(numbers: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut counts: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match counts.iter_mut().find(|(known, _)| *known == number) {
            Some((_, n)) => *n += 1,
            None => counts.push((number, 1)),
        }
    }
    counts.sort_unstable();
    counts
}

/// Puts together what was found out about single images, in the order of the input.
struct Taking<'a> {
    rules: &'a SurveyRules<'a>,
    survey: Survey,
    groups: HashMap<String, u32>,
    /// Files of several entries of the image map → the image that has it, by its place in the input.
    holders: HashMap<u32, u32>,
    records: &'a ImageRecords,
}

impl Taking<'_> {
    fn take(&mut self, looked: Looked) -> Result<(), Error> {
        let map = self.rules.map;
        let is_again = looked
            .entry
            .is_some_and(|at| self.survey.records[at as usize] != u32::MAX);
        let fault = match looked.found {
            _ if is_again => {
                let problem = "id occurs more than once: only the first is used";
                ("id", problem.to_owned())
            }
            Err(fault) => fault,
            Ok(found) => {
                let shared = map.shared(found.entry);
                let holder = shared.and_then(|file| self.holders.get(&file));
                match holder.copied() {
                    None => {
                        self.survey.records[found.entry as usize] = looked.record;
                        let holds = |file| (file, looked.record);
                        self.holders.extend(shared.map(holds));
                        self.keep(&looked.id, *found);
                        return Ok(());
                    }
                    Some(other) => {
                        let other = self.id_of(other)?;
                        let file = MappedFile::parse(map.file(found.entry)).path();
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
        Ok(self.records.get(record as usize)?.id)
    }

    fn keep(&mut self, id: &str, found: Found) {
        let Found {
            facts,
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
        let of_labels = found.labels.iter().map(|(concept, _)| concept);
        for concept in placed.concepts.iter().chain(of_labels) {
            let concept = *concept as usize;
            if survey.uses.len() <= concept {
                survey.uses.resize(concept + 1, 0);
            }
            survey.uses[concept] += 1;
        }
        let is_small = found.marks.is_small;
        match is_small {
            true => survey.filtered += 1 + placed.concepts.len() as u64,
            false => {
                let small = placed.small.len() as u64;
                survey.filtered += u64::from(placed.dropped + placed.merged) + small;
                survey.notes.join(found.notes);
                survey.notes.of_boxes(&placed);
                survey.labels.extend(classes(&found.labels));
                for class in found.labels_without_box {
                    survey.labels_without_box.entry(class).or_default().add(id);
                }
                add_names(&mut survey.image_keys, &found.image_keys);
                add_names(&mut survey.box_keys, &found.box_keys);
                if !found.rights.is_empty() {
                    add_names(&mut survey.rights, &[found.rights]);
                }
            }
        }
        let cleaned = found.cleaned.map(|number| (facts.file, number));
        survey.cleaned.extend(cleaned);
        survey.groups_are_tables &= grouped.is_of_table;
        let group = number(&mut self.groups, &grouped.group, &mut survey.groups);
        if grouped.is_of_table {
            survey.table_groups.insert(group);
        }
        for linked in grouped.linked {
            let linked = number(&mut self.groups, &linked, &mut survey.groups);
            survey.links.push((group, linked));
        }
        survey.facts.push(&NewFacts { group, ..facts });
        survey.marks.push(found.marks);
        survey.particulars.extend(found.particulars);
        let rejects = placed.rejects.into_iter().filter(|_| !is_small);
        for (localization, field, problem) in rejects {
            self.reject(&format!("{id} {localization}"), field, problem);
        }
    }

    fn reject(&mut self, record: &str, field: &str, problem: String) {
        let reject = Reject::new(self.rules.input, record, field, problem);
        self.survey.rejects.push(reject);
    }
}
