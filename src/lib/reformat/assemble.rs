//! Decides, on the facts of the survey, what the dataset is: classes and their ids, splits, and which images are left out.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::class_list;
use super::class_names::{ClassRules, ConceptTable};
use super::image_notes::first_few;
use super::lookalikes;
use super::negatives::{self, Negatives};
use super::split::{self, Assigned, Member, SplitRules};
use super::survey::{Survey, SurveyedImage};
use crate::formats::{Dataset, ImageFacts};
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
    /// How the splits came out.
    pub assigned: Option<Assigned>,
    /// How many boxes and images the user's choices leave out here.
    pub filtered: u64,
    /// Notes for the summary.
    pub notes: Vec<String>,
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
    put_in_order(&images, &kept, &names, &of, &mut made);
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
    kept: &[bool],
    names: &[String],
    of: &[u32],
    made: &mut Assembled,
) {
    let name = |at: usize| &names[of[at] as usize];
    let mut order: Vec<usize> = (0..images.len()).filter(|&at| kept[at]).collect();
    order.sort_by(|&a, &b| {
        let key = |at: usize| (name(at), &images[at].file);
        key(a).cmp(&key(b))
    });
    let used: BTreeSet<&String> = order.iter().map(|&at| name(at)).collect();
    let used: Vec<&String> = used.into_iter().collect();
    let mut boxes = 0;
    for at in order {
        let image = &images[at];
        let group = used.binary_search(&name(at)).unwrap_or(0);
        let split = made.assigned.as_ref().map(|assigned| assigned.of[at]);
        let facts = facts(image, &made.classes, group as u32, split, boxes);
        boxes += facts.boxes();
        made.records.push(image.record);
        made.hashes.push(image.sha256);
        made.dataset.facts.push(facts);
    }
    made.dataset.groups = used.into_iter().cloned().collect();
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

/// Which images stay.
fn kept(images: &[SurveyedImage], rules: &SetRules, made: &mut Assembled) -> Vec<bool> {
    let has_boxes = |image: &SurveyedImage| {
        let mut classes = image.classes.iter();
        classes.any(|(class, _)| made.classes[*class as usize].is_some())
    };
    let is_unboxed = |image: &SurveyedImage| {
        rules.is_detection && !rules.keeps_unboxed && image.is_labelled && image.concepts.is_empty()
    };
    let mut kept: Vec<bool> = images.iter().map(|image| !is_unboxed(image)).collect();
    let unboxed = kept.iter().filter(|kept| !**kept).count() as u64;
    if unboxed > 0 {
        made.notes.push(format!(
            "{} labelled as a whole and without a box, left out: to a detector it would say that nothing is there; \
             --unboxed keep writes it",
            counted(unboxed, "image is", "images are")
        ));
    }
    let empty: Vec<usize> = (0..images.len())
        .filter(|&at| kept[at] && !has_boxes(&images[at]))
        .collect();
    let positives = kept.iter().filter(|kept| **kept).count() - empty.len();
    let places: Vec<u64> = empty.iter().map(|&at| images[at].id_hash).collect();
    let left_out = negatives::left_out(&places, positives, rules.negatives, rules.seed);
    made.filtered += unboxed + left_out.len() as u64;
    if matches!(rules.negatives, Negatives::Ratio(_)) && !left_out.is_empty() {
        made.notes.push(format!(
            "{} of {} left out by --negatives",
            left_out.len(),
            counted(
                empty.len() as u64,
                "image without boxes",
                "images without boxes"
            )
        ));
    }
    for at in left_out {
        kept[empty[at]] = false;
    }
    kept
}

fn facts(
    image: &SurveyedImage,
    classes: &[Option<u32>],
    group: u32,
    split: Option<u16>,
    boxes_before: u32,
) -> ImageFacts {
    let class = |&(class, n): &(u32, u32)| Some((classes[class as usize]?, n));
    let mut counts: Vec<(u32, u32)> = image.classes.iter().filter_map(class).collect();
    counts.sort_unstable();
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
        classes: counts.into(),
        outlines: image.outlines,
        texts: image.texts,
    }
}
