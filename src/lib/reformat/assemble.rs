//! Decides, on the facts of the survey, what the dataset is: classes and their ids, splits, and which images are left out.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::box_options::Unboxed;
use super::classes;
use super::classes::names::{ClassRules, ConceptTable};
use super::image_notes::first_few;
use super::negatives::{self, Negatives};
use super::owners::Owners;
use super::split::{self, Assigned, Member, SplitRules};
use super::survey::{Particulars, Survey, SurveyedTile};
use super::tiles::names::TileNames;
use crate::files;
use crate::formats::{Dataset, Facts, ImageFacts, NewFacts};
use crate::pixels::Header;
use crate::summary::counted;
use crate::texts::Texts;

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
    /// What becomes of images that are annotated and have no box, if the user says so.
    pub unboxed: Option<Unboxed>,
}

/// A dataset, and how its images and boxes are found in the input.
#[derive(Debug, Default)]
pub struct Assembled {
    /// Facts, classes and splits.
    pub dataset: Dataset,
    /// The place in the input of each image of the dataset.
    pub records: Vec<u32>,
    /// SHA-256 of the file of each image, where known; empty if none is.
    pub hashes: Vec<Option<[u8; 32]>>,
    /// The class of the dataset for each class met; none if it is left out.
    pub classes: Vec<Option<u32>>,
    /// The split of each group, those of images that are left out included.
    pub groups: BTreeMap<String, String>,
    /// Whose the images are; known when all are written.
    pub owners: Owners,
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
    /// Its path.
    pub file: Box<str>,
    /// What the image map says of it.
    pub entry: Box<str>,
    /// The header of its file.
    pub header: Header,
    /// The grid on which its tiles begin; none if they are not cut without loss.
    pub grid: Option<[u32; 2]>,
}

/// An image of the dataset to be: one of the input, or a tile of it, by their places.
#[derive(Clone, Copy, Debug)]
struct Unit {
    image: u32,
    /// [`NO_TILE`] for the image itself.
    tile: u32,
}

const NO_TILE: u32 = u32::MAX;

impl Unit {
    fn image(&self) -> usize {
        self.image as usize
    }

    fn tile<'a>(&self, particulars: &'a [Particulars]) -> Option<&'a SurveyedTile> {
        let tiles = particulars.get(self.image())?.tiles.as_ref()?;
        tiles.tiles.get(self.tile as usize)
    }
}

/// Makes a dataset of what was surveyed.
pub fn assemble(
    mut survey: Survey,
    table: &ConceptTable,
    naming: &ClassRules,
    rules: &SetRules,
) -> Assembled {
    let mut made = Assembled::default();
    let Groups { names, of } = own_groups(&mut survey, rules, &mut made);
    if let Some(split) = &rules.split {
        let members: Vec<Member> = (0..of.len())
            .map(|at| member(&survey, at, of[at]))
            .collect();
        let assigned = split::assign(&members, &names, split);
        made.groups = undivided(&names, &of, &assigned);
        made.dataset.splits.clone_from(&assigned.names);
        made.notes.extend(leaks(&assigned, &survey.facts));
        made.notes.extend(classes::similar::note_on_groups(&names));
        let splits = classes::similar::note_on_splits(&assigned.names);
        made.notes.extend(splits);
        made.assigned = Some(assigned);
    }
    classes(&survey, table, naming, rules, &mut made);
    survey.facts.set_classes(made.classes.clone());
    if rules.is_detection {
        note_labels(&survey, table, &mut made);
    }
    let kept = kept(&survey, rules, &mut made);
    made.dataset.box_keys = std::mem::take(&mut survey.box_keys);
    made.dataset.image_keys = std::mem::take(&mut survey.image_keys);
    made.dataset.rights = std::mem::take(&mut survey.rights);
    let is_labelled = |unit: &&Unit| survey.marks[unit.image()].is_labelled;
    made.dataset.labelled = kept.iter().filter(is_labelled).count() as u64;
    let labels = survey.labels.iter();
    let labels = labels.map(|class| table.classes[*class as usize].class.clone());
    made.dataset.labels = labels.collect();
    put_in_order(survey, kept, &names, &of, &mut made);
    made
}

/// The split of each group whose images are all in one.
fn undivided(names: &[String], of: &[u32], assigned: &Assigned) -> BTreeMap<String, String> {
    let mut one: BTreeMap<u32, Option<u16>> = BTreeMap::new();
    for (&group, &split) in of.iter().zip(&assigned.of) {
        let known = one.entry(group).or_insert(Some(split));
        if *known != Some(split) {
            *known = None;
        }
    }
    let place = |(group, split): (u32, Option<u16>)| {
        let split = &assigned.names[usize::from(split?)];
        Some((names[group as usize].clone(), split.clone()))
    };
    one.into_iter().filter_map(place).collect()
}

/// A note about files that are equal, byte for byte, and in different splits.
fn leaks(assigned: &Assigned, facts: &Facts) -> Option<String> {
    let name = |at: u32| {
        let split = &assigned.names[usize::from(assigned.of[at as usize])];
        format!("{} in {split}", facts.file(at as usize))
    };
    let leaks = assigned.leaks.iter();
    let leaks = leaks.map(|pair| {
        let mut both = pair.map(name);
        both.sort();
        both.join(", ")
    });
    let what = "equal files in different splits, as --split-by or --split-like says: what is tested there was learnt";
    (!assigned.leaks.is_empty()).then(|| first_few(what, &sorted(leaks.collect())))
}

/// Sorts the images that stay, numbers them and their boxes.
fn put_in_order(
    survey: Survey,
    mut units: Vec<Unit>,
    names: &[String],
    of: &[u32],
    made: &mut Assembled,
) {
    let Survey {
        mut facts,
        particulars,
        records,
        ids,
        ..
    } = survey;
    // Not needed any more, and much.
    drop(ids);
    let (ranks, used) = ranked(names, units.iter().map(|unit| of[unit.image()]));
    let rank = |image: usize| ranks[of[image] as usize];
    units.sort_unstable_by_key(|unit| (rank(unit.image()), facts.file(unit.image()), unit.tile));
    for at in 0..facts.len() {
        let assigned = made.assigned.as_ref();
        facts.set_place(at, rank(at), assigned.map(|assigned| assigned.of[at]));
    }
    let record = |unit: &Unit| records[facts.file_number(unit.image()) as usize];
    made.records = units.iter().map(record).collect();
    made.dataset.groups = used;
    if particulars.iter().any(|of_image| of_image.tiles.is_some()) {
        made.dataset.facts = tiles(&facts, &particulars, &units, made);
        return;
    }
    if !particulars.is_empty() {
        let hash = |unit: &Unit| particulars[unit.image()].sha256;
        made.hashes = units.iter().map(hash).collect();
    }
    let order: Vec<u32> = units.into_iter().map(|unit| unit.image).collect();
    facts.arrange(&order);
    let boxes: u64 = facts.iter().map(|facts| u64::from(facts.boxes())).sum();
    made.kept = facts.len() as u64 + boxes;
    made.dataset.facts = facts;
}

/// The place of the name of each group among those that are used, and the names of these, sorted.
fn ranked(names: &[String], used: impl Iterator<Item = u32>) -> (Vec<u32>, Vec<String>) {
    let mut is_used = vec![false; names.len()];
    used.for_each(|group| is_used[group as usize] = true);
    let groups = 0..names.len() as u32;
    let mut sorted: Vec<u32> = groups.filter(|group| is_used[*group as usize]).collect();
    sorted.sort_unstable_by_key(|group| &names[*group as usize]);
    let mut ranks = vec![0; names.len()];
    for (&group, rank) in sorted.iter().zip(0..) {
        ranks[group as usize] = rank;
    }
    let sorted = sorted.iter().map(|group| names[*group as usize].clone());
    (ranks, sorted.collect())
}

/// The facts about the tiles of images.
fn tiles(
    images: &Facts,
    particulars: &[Particulars],
    units: &[Unit],
    made: &mut Assembled,
) -> Facts {
    let (mut facts, mut files) = (Facts::default(), Texts::default());
    let mut tile_names = TileNames::default();
    let mut before = None;
    for unit in units {
        let whole = images.get(unit.image());
        if before.replace(unit.image) != Some(unit.image) {
            made.kept += 1 + u64::from(whole.boxes());
            let entry = images.entry(unit.image());
            made.tiled
                .extend(tiled(&whole, entry, &particulars[unit.image()]));
        }
        let (Some(tile), Some(tiled)) = (unit.tile(particulars), made.tiled.last()) else {
            continue;
        };
        made.tiles.push(TilePlace {
            at: tile.at,
            image: made.tiled.len() as u32 - 1,
        });
        let is_jpeg = tiled.grid.is_some();
        let file = files.push(&tile_names.name(whole.file, tile.at, is_jpeg));
        facts.push(&tile_facts(&whole, tile, file, is_jpeg));
        facts.set_place(facts.len() - 1, whole.group, whole.split);
    }
    facts.set_files(files);
    facts.set_classes(made.classes.clone());
    note_parts(units, particulars, made);
    let order: Vec<u32> = (0..facts.len() as u32).collect();
    facts.arrange(&order);
    facts
}

/// Says what is not on the tiles, though a part of it is to be seen there.
fn note_parts(units: &[Unit], particulars: &[Particulars], made: &mut Assembled) {
    let tiles = || units.iter().filter_map(|unit| unit.tile(particulars));
    let rests: u64 = tiles().map(|tile| u64::from(tile.rests)).sum();
    let texts: u64 = tiles().map(|tile| u64::from(tile.texts_left_out)).sum();
    if rests > 0 {
        made.notes.push(format!(
            "{} left out of tiles that hold other boxes: there it is background",
            counted(
                rests,
                "part of a box below --min-visible is",
                "parts of boxes below --min-visible are"
            )
        ));
    }
    if texts > 0 {
        made.notes.push(format!(
            "{} a text in the source, which is that of the whole box and left out",
            counted(
                texts,
                "part of a box on a tile has",
                "parts of boxes on tiles have"
            )
        ));
    }
}

fn tiled(facts: &ImageFacts, entry: &str, particulars: &Particulars) -> Option<TiledImage> {
    Some(TiledImage {
        file: facts.file.into(),
        entry: entry.into(),
        header: header(facts),
        grid: particulars.tiles.as_ref()?.grid,
    })
}

/// The header of the file of an image.
pub fn header(facts: &ImageFacts) -> Header {
    Header {
        width: facts.size[0],
        height: facts.size[1],
        channels: facts.channels,
        depth: facts.depth,
        media_type: facts.media_type,
        orientation: facts.orientation,
        // Of no meaning here: the survey has said it.
        is_cmyk: false,
    }
}

struct Groups {
    names: Vec<String>,
    /// Of each image.
    of: Vec<u32>,
}

/// The groups of the images. Rows of a table without a group would all be one, which no split divides: each of these images is a
/// group of its own then.
fn own_groups(survey: &mut Survey, rules: &SetRules, made: &mut Assembled) -> Groups {
    let mut names = std::mem::take(&mut survey.groups);
    let facts = &survey.facts;
    let is_one_each = facts.len() == names.len();
    let tables = &survey.table_groups;
    if tables.is_empty() || rules.split.is_none() || is_one_each {
        return Groups {
            of: facts.iter().map(|facts| facts.group).collect(),
            names,
        };
    }
    let mut apart = 0;
    let mut group = |facts: ImageFacts| {
        if !tables.contains(&facts.group) {
            return facts.group;
        }
        apart += 1;
        names.push(facts.file.to_owned());
        names.len() as u32 - 1
    };
    let of = facts.iter().map(&mut group).collect();
    made.notes.push(match survey.groups_are_tables {
        true => {
            "the table has no column for groups: every image is a group of its own, so that related images may be in \
             different splits; `recto-digest table --group-column NAME` or --group-by KEY keeps them together"
                .into()
        }
        false => format!(
            "{}: each is a group of its own",
            counted(apart, "image is in no group", "images are in no group")
        ),
    });
    Groups { of, names }
}

fn member(survey: &Survey, at: usize, group: u32) -> Member<'_> {
    let particulars = survey.particulars.get(at);
    Member {
        id_hash: survey.id_hash(at),
        group,
        sha256: particulars.and_then(|held| held.sha256.as_ref()),
        official: particulars.and_then(|held| held.official.as_deref()),
        concepts: particulars.map_or(&[], |held| &held.concepts),
    }
}

/// Decides which classes there are, and their ids.
fn classes(
    survey: &Survey,
    table: &ConceptTable,
    naming: &ClassRules,
    rules: &SetRules,
    made: &mut Assembled,
) {
    let facts = &survey.facts;
    let mut boxes = vec![0u64; table.classes.len()];
    for (class, n) in facts.iter().flat_map(|facts| facts.classes.iter()) {
        boxes[class as usize] += u64::from(n);
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
        made.notes.extend(note_emptied(survey, &rare));
    }
    let found: BTreeSet<String> = (0..boxes.len())
        .filter(|class| boxes[*class] > 0 && !rare.contains(class))
        .map(|class| table.classes[class].class.clone())
        .collect();
    let (classes, others) = classes::list::in_order(&rules.listed, found.clone());
    if !rules.listed.is_empty() && !others.is_empty() {
        let quoted: Vec<String> = others.iter().map(|name| format!("`{name}`")).collect();
        let what = "classes that --classes does not list, with ids after those that it lists";
        made.notes.push(first_few(what, &quoted));
    }
    let places: BTreeMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
    let place = |(class, named): (usize, &super::classes::names::NamedClass)| {
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
    made.notes.extend(classes::similar::note(&classes));
    made.dataset.classes = classes;
}

/// Says how many images, or tiles, have boxes of classes alone that are left out for being rare.
fn note_emptied(survey: &Survey, rare: &[usize]) -> Option<String> {
    let is_rare = |class: &u32| rare.contains(&(*class as usize));
    let cut = survey.particulars.iter();
    let mut cut = cut
        .filter_map(|of_image| of_image.tiles.as_ref())
        .peekable();
    let (emptied, one, many) = match cut.peek() {
        Some(_) => {
            let tiles = cut.flat_map(|of_image| of_image.tiles.iter());
            let is_emptied = |tile: &&SurveyedTile| {
                let mut classes = tile.classes.iter().map(|(class, _)| class);
                let is_written = tile.rests == 0 && !tile.has_small;
                is_written && !tile.classes.is_empty() && classes.all(is_rare)
            };
            (tiles.filter(is_emptied).count(), "tile is", "tiles are")
        }
        None => {
            let is_emptied = |image: &ImageFacts| {
                let mut classes = image.classes.iter();
                image.boxes() > 0 && classes.all(|(class, _)| is_rare(&class))
            };
            let images = survey.facts.iter();
            (images.filter(is_emptied).count(), "image is", "images are")
        }
    };
    (emptied > 0).then(|| {
        format!(
            "{} written without boxes: all of theirs are of these classes",
            counted(emptied as u64, one, many)
        )
    })
}

/// Says which classes of the set a detector would learn not to see on images that are labelled with them.
fn note_labels(survey: &Survey, table: &ConceptTable, made: &mut Assembled) {
    let classes = survey.labels_without_box.iter();
    let mut notes: Vec<String> = classes
        .filter(|(class, _)| made.classes[**class as usize].is_some())
        .filter_map(|(class, images)| {
            let class = &table.classes[*class as usize].class;
            images.message(&format!(
                "images labelled `{class}` as a whole that have boxes of other classes only, written as if no `{class}` were there"
            ))
        })
        .collect();
    notes.sort();
    made.notes.extend(notes);
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

/// Which images stay, or which tiles.
fn kept(survey: &Survey, rules: &SetRules, made: &mut Assembled) -> Vec<Unit> {
    let (mut units, mut unboxed, mut unusable) = (Vec::new(), 0, 0);
    let is_told = rules.is_detection && rules.unboxed != Some(Unboxed::Keep);
    let drops_unusable = rules.unboxed == Some(Unboxed::Drop);
    let large = survey
        .marks
        .iter()
        .zip(0..)
        .filter(|(marks, _)| !marks.is_small);
    for (marks, image) in large {
        if is_told && !marks.has_boxes && (marks.is_labelled || marks.is_rejected) {
            unboxed += u64::from(marks.is_labelled);
            unusable += u64::from(!marks.is_labelled);
            if marks.is_labelled || drops_unusable {
                continue;
            }
        }
        let particulars = survey.particulars.get(image as usize);
        match particulars.and_then(|held| held.tiles.as_ref()) {
            None => units.push(Unit {
                image,
                tile: NO_TILE,
            }),
            Some(tiles) => {
                let tiles = 0..tiles.tiles.len() as u32;
                units.extend(tiles.map(|tile| Unit { image, tile }));
            }
        }
    }
    if unboxed > 0 {
        made.notes.push(format!(
            "{} labelled as a whole and without a box, left out: to a detector it would say that nothing is there; \
             --unboxed keep writes it",
            counted(unboxed, "image is", "images are")
        ));
    }
    if unusable > 0 {
        let what = match drops_unusable {
            true => "left out by --unboxed",
            false => {
                "written without boxes, as if nothing were there; --unboxed drop leaves it out"
            }
        };
        made.notes.push(format!(
            "{} annotated, but nothing of it can be used: {what}",
            counted(unusable, "image is", "images are")
        ));
    }
    made.filtered += unboxed + if drops_unusable { unusable } else { 0 };
    leave_out_rests(survey, &mut units, made);
    leave_out_negatives(survey, &mut units, rules, made);
    units
}

fn has_boxes(unit: &Unit, survey: &Survey, made: &Assembled) -> bool {
    match unit.tile(&survey.particulars) {
        None => survey.facts.get(unit.image()).boxes() > 0,
        Some(tile) => {
            let mut classes = tile.classes.iter();
            classes.any(|(class, _)| made.classes[*class as usize].is_some())
        }
    }
}

/// Leaves out tiles on which there are only boxes, or parts of boxes, that are too small to stay: as tiles without boxes they
/// would say that nothing is there.
fn leave_out_rests(survey: &Survey, units: &mut Vec<Unit>, made: &mut Assembled) {
    let (mut of_parts, mut of_small) = (0, 0);
    units.retain(|unit| {
        let Some(tile) = unit.tile(&survey.particulars) else {
            return true;
        };
        let is_rest = tile.rests > 0 || tile.has_small;
        if !is_rest || has_boxes(unit, survey, made) {
            return true;
        }
        let n = if tile.rests > 0 {
            &mut of_parts
        } else {
            &mut of_small
        };
        *n += 1;
        false
    });
    for (n, what) in [
        (of_parts, "parts of boxes below --min-visible"),
        (of_small, "boxes below --min-box"),
    ] {
        if n > 0 {
            made.notes.push(format!(
                "{} left out, since only {what} are on {}",
                counted(n, "tile is", "tiles are"),
                if n == 1 { "it" } else { "them" }
            ));
        }
    }
}

fn leave_out_negatives(
    survey: &Survey,
    units: &mut Vec<Unit>,
    rules: &SetRules,
    made: &mut Assembled,
) {
    let empty: Vec<usize> = (0..units.len())
        .filter(|&at| !has_boxes(&units[at], survey, made))
        .collect();
    let positives = units.len() - empty.len();
    let place = |unit: &Unit| match unit.tile {
        NO_TILE => survey.id_hash(unit.image()),
        tile => {
            let name = format!("{}\n{tile}", survey.id_hash(unit.image()));
            files::hash_number(name.as_bytes())
        }
    };
    let places: Vec<u64> = empty.iter().map(|&at| place(&units[at])).collect();
    let left_out = negatives::left_out(&places, positives, rules.negatives, rules.seed);
    let are_tiles = units.first().is_some_and(|unit| unit.tile != NO_TILE);
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

/// The facts about a tile, of those about its image.
fn tile_facts(whole: &ImageFacts, tile: &SurveyedTile, file: u32, is_jpeg: bool) -> NewFacts {
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
    NewFacts {
        file,
        group: whole.group,
        bytes,
        size: [width, height],
        channels: whole.channels,
        // As PNG stores it.
        depth: if is_jpeg || whole.depth != 16 { 8 } else { 16 },
        orientation: 1,
        media_type,
        shapes: tile.shapes,
        classes: tile.classes.to_vec(),
    }
}
