//! Decides, on the facts of the survey, what the dataset is: classes and their ids, splits, and which images are left out.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::class_list;
use super::class_names::{ClassRules, ConceptTable};
use super::image_notes::first_few;
use super::lookalikes;
use super::negatives::{self, Negatives};
use super::split::{self, Assigned, Member, SplitRules};
use super::survey::{Survey, SurveyedImage, SurveyedTile};
use super::tile_names::TileNames;
use crate::files;
use crate::formats::{Dataset, ImageFacts};
use crate::pixels::Header;
use crate::summary::counted;

/// The choices of the user that concern all images together.
#[derive(Clone, Debug)]
pub struct SetRules<'a> {
    /// How images are split, if they are.
    pub split: Option<SplitRules<'a>>,
    /// Classes whose ids are fixed, in order.
    pub listed: Vec<String>,
    /// Classes with fewer boxes are left out.
    pub least_boxes: u64,
    /// What becomes of images without boxes.
    pub negatives: Negatives,
    /// What decides which of them stay.
    pub seed: u64,
    /// Whether a detector learns from the set.
    pub is_detection: bool,
    /// Whether images that are labelled as a whole, without a box, stay all the same.
    pub keeps_unboxed: bool,
}

/// A dataset, and how its images and boxes are found in the input.
#[derive(Debug, Default)]
pub struct Assembled {
    /// Facts, classes and splits.
    pub dataset: Dataset,
    /// The place in the input of each image of the dataset.
    pub records: Vec<u32>,
    /// SHA-256 of the file of each image, where known.
    pub hashes: Vec<Option<[u8; 32]>>,
    /// The class of the dataset for each class met; none if it is left out.
    pub classes: Vec<Option<u32>>,
    /// The split of each group, those of images that are left out included.
    pub groups: BTreeMap<String, String>,
    /// Rights and attribution → number of images.
    pub owners: BTreeMap<(String, String), u64>,
    /// For each image of the dataset the part that it is of an image of the input; empty if images are not cut into tiles.
    pub tiles: Vec<TilePlace>,
    /// The images of the input that are cut.
    pub tiled: Vec<TiledImage>,
    /// How many images of the input, and boxes on them, are in the dataset.
    pub kept: u64,
    /// How the splits came out.
    pub assigned: Option<Assigned>,
    /// How many boxes and images the user's choices leave out here.
    pub filtered: u64,
    /// Notes for the summary.
    pub notes: Vec<String>,
}

/// Where a tile is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TilePlace {
    /// `[x, y, width, height]` in pixels of its image.
    pub at: [u32; 4],
    /// Its image: an index into [`Assembled::tiled`].
    pub image: u32,
}

/// An image that is cut into tiles.
#[derive(Clone, Debug)]
pub struct TiledImage {
    /// Its path in the image map.
    pub file: Box<str>,
    /// The header of its file.
    pub header: Header,
    /// The grid on which its tiles begin; none if they are not cut without loss.
    pub grid: Option<[u32; 2]>,
}

/// An image of the dataset to be: one of the input, or a tile of it, by their places.
#[derive(Clone, Copy, Debug)]
struct Unit {
    image: usize,
    tile: Option<usize>,
}

impl Unit {
    /// How many boxes of each class are on it, by number.
    fn classes<'a>(&self, images: &'a [SurveyedImage]) -> &'a [(u32, u32)] {
        match self.tile(images) {
            Some(tile) => &tile.classes,
            None => &images[self.image].classes,
        }
    }

    fn tile<'a>(&self, images: &'a [SurveyedImage]) -> Option<&'a SurveyedTile> {
        let tiles = images[self.image].tiles.as_ref()?;
        tiles.tiles.get(self.tile?)
    }
}

/// Makes a dataset of what was surveyed.
pub fn assemble(
    survey: Survey,
    table: &ConceptTable,
    naming: &ClassRules,
    rules: &SetRules,
) -> Assembled {
    let mut made = Assembled::default();
    let images = survey.images;
    let groups = own_groups(
        &images,
        survey.groups,
        survey.groups_are_tables,
        rules,
        &mut made,
    );
    let Groups { names, of } = groups;
    if let Some(split) = &rules.split {
        let members: Vec<Member> = images
            .iter()
            .zip(&of)
            .map(|(image, &group)| member(image, group))
            .collect();
        let assigned = split::assign(&members, &names, split);
        for (&group, &split) in of.iter().zip(&assigned.of) {
            let place = assigned.names[usize::from(split)].clone();
            made.groups
                .entry(names[group as usize].clone())
                .or_insert(place);
        }
        made.dataset.splits.clone_from(&assigned.names);
        made.assigned = Some(assigned);
    }
    classes(&images, table, naming, rules, &mut made);
    let kept = kept(&images, rules, &mut made);
    put_in_order(&images, kept, &names, &of, &mut made);
    made.dataset.box_keys = survey.box_keys;
    made.dataset.image_keys = survey.image_keys;
    let rights = survey.owners.keys().map(|(rights, _)| rights);
    let rights = rights.filter(|rights| !rights.is_empty());
    made.dataset.rights = rights.cloned().collect();
    made.owners = survey.owners;
    made
}

/// Sorts the images that stay, numbers them and their boxes, and gives each its facts.
fn put_in_order(
    images: &[SurveyedImage],
    mut units: Vec<Unit>,
    names: &[String],
    of: &[u32],
    made: &mut Assembled,
) {
    let name = |unit: &Unit| &names[of[unit.image] as usize];
    units.sort_by(|a, b| {
        let file = |unit: &Unit| &images[unit.image].file;
        (name(a), file(a), a.tile).cmp(&(name(b), file(b), b.tile))
    });
    let used: BTreeSet<&String> = units.iter().map(name).collect();
    let used: Vec<&String> = used.into_iter().collect();
    let mut tile_names = TileNames::default();
    let mut boxes = 0;
    let mut before = None;
    for unit in units {
        let image = &images[unit.image];
        let group = used.binary_search(&name(&unit)).unwrap_or(0) as u32;
        let split = made
            .assigned
            .as_ref()
            .map(|assigned| assigned.of[unit.image]);
        let whole = facts(image, &made.classes, group, split, boxes);
        if before.replace(unit.image) != Some(unit.image) {
            made.kept += 1 + u64::from(whole.boxes());
            made.tiled.extend(tiled(image));
        }
        made.hashes
            .push(image.sha256.filter(|_| unit.tile.is_none()));
        let facts = match (unit.tile(images), made.tiled.last()) {
            (Some(tile), Some(tiled)) => {
                let is_jpeg = tiled.grid.is_some();
                made.tiles.push(TilePlace {
                    at: tile.at,
                    image: made.tiled.len() as u32 - 1,
                });
                let file = tile_names.name(&image.file, tile.at, is_jpeg);
                tile_facts(whole, tile, &made.classes, file, is_jpeg)
            }
            _ => whole,
        };
        boxes += facts.boxes();
        made.records.push(image.record);
        made.dataset.facts.push(facts);
    }
    made.dataset.groups = used.into_iter().cloned().collect();
}

fn tiled(image: &SurveyedImage) -> Option<TiledImage> {
    Some(TiledImage {
        file: image.file.clone(),
        header: image.header.clone()?,
        grid: image.tiles.as_ref()?.grid,
    })
}

struct Groups {
    names: Vec<String>,
    /// Of each image.
    of: Vec<u32>,
}

/// The groups of the images. The rows of a table without a column for groups would all be one, which no split divides: then
/// each image is a group of its own.
fn own_groups(
    images: &[SurveyedImage],
    names: Vec<String>,
    are_tables: bool,
    rules: &SetRules,
    made: &mut Assembled,
) -> Groups {
    let of = images.iter().map(|image| image.group);
    if !are_tables || rules.split.is_none() || names.is_empty() || images.len() == names.len() {
        return Groups {
            of: of.collect(),
            names,
        };
    }
    made.notes.push(
        "the table has no column for groups: every image is a group of its own, so that related images may be in \
         different splits; `recto-digest table --group-column NAME` or --group-by KEY keeps them together"
            .into(),
    );
    Groups {
        names: images.iter().map(|image| image.file.to_string()).collect(),
        of: (0..images.len() as u32).collect(),
    }
}

fn member(image: &SurveyedImage, group: u32) -> Member<'_> {
    Member {
        id_hash: image.id_hash,
        group,
        sha256: image.sha256,
        official: image.official.as_deref(),
        concepts: &image.concepts,
    }
}

/// Decides which classes there are, and their ids.
fn classes(
    images: &[SurveyedImage],
    table: &ConceptTable,
    naming: &ClassRules,
    rules: &SetRules,
    made: &mut Assembled,
) {
    let mut boxes = vec![0u64; table.classes.len()];
    for (class, n) in images.iter().flat_map(|image| &image.classes) {
        boxes[*class as usize] += u64::from(*n);
    }
    let rare: Vec<usize> = (0..boxes.len())
        .filter(|&class| boxes[class] > 0 && boxes[class] < rules.least_boxes)
        .collect();
    let names: Vec<String> = rare
        .iter()
        .map(|&class| format!("`{}`, {}", table.classes[class].class, boxes[class]))
        .collect();
    made.filtered += rare.iter().map(|&class| boxes[class]).sum::<u64>();
    if !rare.is_empty() {
        made.notes
            .push(first_few("classes left out by --min-count", &sorted(names)));
    }
    let found: BTreeSet<String> = (0..boxes.len())
        .filter(|class| boxes[*class] > 0 && !rare.contains(class))
        .map(|class| table.classes[class].class.clone())
        .collect();
    let (classes, others) = class_list::in_order(&rules.listed, found.clone());
    if !rules.listed.is_empty() && !others.is_empty() {
        let quoted: Vec<String> = others.iter().map(|name| format!("`{name}`")).collect();
        let what = "classes that --classes does not list, with ids after those that it lists";
        made.notes.push(first_few(what, &quoted));
    }
    let places: BTreeMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
    let place = |(class, named): (usize, &super::class_names::NamedClass)| {
        let is_kept = boxes[class] > 0 && found.contains(&named.class);
        is_kept.then(|| places[named.class.as_str()])
    };
    made.classes = table.classes.iter().enumerate().map(place).collect();
    let mut taxa = vec![""; classes.len()];
    for (named, place) in table.classes.iter().zip(&made.classes) {
        if let Some(place) = place {
            taxa[*place as usize] = &named.taxon;
        }
    }
    made.dataset.lineages = taxa.iter().map(|taxon| naming.lineage(taxon)).collect();
    made.notes.extend(lookalikes::note(&classes));
    made.dataset.classes = classes;
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

/// Which images stay, or which tiles.
fn kept(images: &[SurveyedImage], rules: &SetRules, made: &mut Assembled) -> Vec<Unit> {
    let is_unboxed = |image: &SurveyedImage| {
        rules.is_detection && !rules.keeps_unboxed && image.is_labelled && image.concepts.is_empty()
    };
    let (mut units, mut unboxed) = (Vec::new(), 0);
    for (at, image) in images.iter().enumerate() {
        if is_unboxed(image) {
            unboxed += 1;
            continue;
        }
        match &image.tiles {
            None => units.push(Unit {
                image: at,
                tile: None,
            }),
            Some(tiles) => units.extend((0..tiles.tiles.len()).map(|tile| Unit {
                image: at,
                tile: Some(tile),
            })),
        }
    }
    if unboxed > 0 {
        made.notes.push(format!(
            "{} labelled as a whole and without a box, left out: to a detector it would say that nothing is there; \
             --unboxed keep writes it",
            counted(unboxed, "image is", "images are")
        ));
    }
    made.filtered += unboxed;
    leave_out_rests(images, &mut units, made);
    leave_out_negatives(images, &mut units, rules, made);
    units
}

fn has_boxes(unit: &Unit, images: &[SurveyedImage], made: &Assembled) -> bool {
    let mut classes = unit.classes(images).iter();
    classes.any(|(class, _)| made.classes[*class as usize].is_some())
}

/// Leaves out tiles on which there are only parts of boxes that are too small to stay: as tiles without boxes they would say
/// that nothing is there.
fn leave_out_rests(images: &[SurveyedImage], units: &mut Vec<Unit>, made: &mut Assembled) {
    let before = units.len();
    units.retain(|unit| {
        let has_rests = unit.tile(images).is_some_and(|tile| tile.has_rests);
        !has_rests || has_boxes(unit, images, made)
    });
    let left_out = (before - units.len()) as u64;
    if left_out > 0 {
        made.notes.push(format!(
            "{} left out, since only parts of boxes below --min-visible are on them",
            counted(left_out, "tile is", "tiles are")
        ));
    }
}

fn leave_out_negatives(
    images: &[SurveyedImage],
    units: &mut Vec<Unit>,
    rules: &SetRules,
    made: &mut Assembled,
) {
    let empty: Vec<usize> = (0..units.len())
        .filter(|&at| !has_boxes(&units[at], images, made))
        .collect();
    let positives = units.len() - empty.len();
    let place = |unit: &Unit| match unit.tile {
        None => images[unit.image].id_hash,
        Some(tile) => {
            let name = format!("{}\n{tile}", images[unit.image].id_hash);
            files::hash_number(name.as_bytes())
        }
    };
    let places: Vec<u64> = empty.iter().map(|&at| place(&units[at])).collect();
    let left_out = negatives::left_out(&places, positives, rules.negatives, rules.seed);
    let are_tiles = units.first().is_some_and(|unit| unit.tile.is_some());
    if matches!(rules.negatives, Negatives::Ratio(_)) && !left_out.is_empty() {
        let [one, many] = match are_tiles {
            true => ["tile without boxes", "tiles without boxes"],
            false => ["image without boxes", "images without boxes"],
        };
        made.notes.push(format!(
            "{} of {} left out by --negatives",
            left_out.len(),
            counted(empty.len() as u64, one, many)
        ));
    }
    let gone: BTreeSet<usize> = left_out.into_iter().map(|at| empty[at]).collect();
    if !are_tiles {
        made.filtered += gone.len() as u64;
    }
    let mut at = 0..;
    units.retain(|_| !at.next().is_some_and(|at| gone.contains(&at)));
}

fn facts(
    image: &SurveyedImage,
    classes: &[Option<u32>],
    group: u32,
    split: Option<u16>,
    boxes_before: u32,
) -> ImageFacts {
    let header = image.header.as_ref();
    ImageFacts {
        file: image.file.clone(),
        group,
        split,
        bytes: image.bytes,
        size: header.map_or([0, 0], |header| [header.width, header.height]),
        channels: header.map_or(0, |header| header.channels),
        depth: header.map_or(0, |header| header.depth),
        orientation: header.map_or(1, |header| header.orientation),
        media_type: header.map_or("", |header| header.media_type),
        boxes_before,
        classes: counts(&image.classes, classes),
        outlines: image.shapes.outlines,
        texts: image.shapes.texts,
        pointed: image.shapes.pointed,
    }
}

/// How often each class of the dataset occurs, of counts by number of the classes met.
fn counts(found: &[(u32, u32)], classes: &[Option<u32>]) -> Box<[(u32, u32)]> {
    let class = |&(class, n): &(u32, u32)| Some((classes[class as usize]?, n));
    let mut counts: Vec<(u32, u32)> = found.iter().filter_map(class).collect();
    counts.sort_unstable();
    counts.into()
}

/// The facts about a tile, of those about its image.
fn tile_facts(
    whole: ImageFacts,
    tile: &SurveyedTile,
    classes: &[Option<u32>],
    file: String,
    is_jpeg: bool,
) -> ImageFacts {
    let [_, _, width, height] = tile.at;
    let pixels = |[width, height]: [u32; 2]| u64::from(width) * u64::from(height);
    let part = pixels([width, height]) as f64 / pixels(whole.size).max(1) as f64;
    let (media_type, bytes) = match is_jpeg {
        true => ("image/jpeg", (whole.bytes as f64 * part) as u64),
        false => (
            "image/png",
            pixels([width, height]) * u64::from(whole.channels),
        ),
    };
    ImageFacts {
        file: file.into(),
        bytes,
        size: [width, height],
        depth: 8,
        orientation: 1,
        media_type,
        classes: counts(&tile.classes, classes),
        outlines: tile.shapes.outlines,
        texts: tile.shapes.texts,
        pointed: tile.shapes.pointed,
        ..whole
    }
}
