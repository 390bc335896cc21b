//! `reformat`: localizations.json + image_map.json → a training set.
//!
//! Two passes over the images. The first, [`survey`], finds files, puts boxes on pixels (the arithmetic is in
//! `box_to_pixels`) and keeps a few facts of each image. On these [`assemble`] decides what needs all images at once:
//! classes, splits, which images are left out. The second, [`write`], reads the boxes again and hands image after image to
//! the formats. No network is needed.
//!
//! A record is an image, and each box of an image that was downloaded: `read == kept + rejected` counts both. Boxes of
//! images that are left out are mentioned in the reject of the image, not counted one by one.

mod assemble;
mod box_options;
mod box_to_pixels;
mod card;
pub mod classes;
mod counts;
mod croissant;
mod cut_points;
mod description;
mod file_clashes;
mod image_notes;
mod image_tables;
mod keys;
mod measure;
mod near_duplicates;
mod negatives;
mod option_tables;
mod options;
mod output;
mod owners;
pub mod parts;
mod place;
mod publish;
mod release;
mod secrets;
mod similar_images;
pub mod split;
mod survey;
mod tiles;
mod unused_options;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

pub use crate::exif_boxes::ExifBoxes;
use assemble::{Assembled, SetRules};
pub use box_options::{BoxOptions, Unboxed};
use classes::names::ClassNames;
pub use classes::options::ClassOptions;
use image_notes::Emptied;
pub use negatives::Negatives;
pub use options::Options;
pub use output::Placing;
use parts::looks::{Looks, Pixels, Wanted};
use similar_images::AlikePair;
use split::SplitRules;
pub use split::options::{NearDuplicates, SplitOptions, Stratify};
use survey::{Survey, SurveyRules};
use tiles::cut::TileRules;
pub use tiles::options::TileOptions;
use write::Images;

use crate::contracts::{self, ImageFiles, ImageRecords};
use crate::error::Error;
use crate::files;
use crate::formats::{Dataset, Format};
use crate::report::{Common, Stage};
use crate::summary::{Summary, counted};
use crate::workers::Shard;

/// Writes a training set.
///
/// # Errors
/// The stage could not finish: an input cannot be read, the options contradict each other, the output cannot be written
/// or would overwrite something, or no image is left. The error holds the summary of what was done until then.
pub fn reformat(options: &Options) -> Result<Summary, Error> {
    Error::with_summary(|summary| stage(options, summary))
}

impl Stage for Options {
    const NAME: &'static str = "reformat";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(&self) -> Result<Summary, Error> {
        let Some(jobs) = self.jobs else {
            return reformat(self);
        };
        let threads = rayon::ThreadPoolBuilder::new().num_threads(jobs.into());
        let threads = threads
            .build()
            .map_err(|e| Error::new("threads cannot be started").because(e))?;
        threads.install(|| reformat(self))
    }
}

fn stage(options: &Options, summary: &mut Summary) -> Result<(), Error> {
    let formats = options.formats();
    let single = is_single(&formats, &options.output)?;
    refuse_overwriting(options, single)?;
    let shard = parts::make::shard(options, &formats, single)?;
    let (earlier, splits) = options.splits.read()?;
    let listed = options.classes.classes.as_deref().map(classes::list::read);
    let records = ImageRecords::open(&options.localizations)?;
    let folder = files::folder_of(&options.image_map);
    let map = ImageFiles::open(&options.image_map, |file| measure::relative(folder, file))?;
    let input = options.localizations.display().to_string();
    let (naming, notes) = options.classes.rules(&input, &records.others.taxonomy)?;
    summary.notes = notes;
    let names = ClassNames::new(&naming);
    let tiles = tile_rules(options, &formats, single)?;
    let looks = looks(options, Pixels::of(&formats, tiles), &map, shard)?;
    let rules = survey_rules(options, &input, &map, &looks, tiles);
    let mut survey = survey::survey(&records, &names, &rules)?;
    let (ids, image_files) = map.into_parts();
    survey.set_ids(ids);
    survey.facts.set_files(image_files);
    check_keys(options, &survey)?;
    let alike = pairs(options, &survey);
    let split = options.splits.is_split().then(|| SplitRules {
        splits: splits.clone(),
        earlier: earlier.as_ref(),
        ..split_rules(options, &survey, &alike)
    });
    let listed = listed.transpose()?.unwrap_or_default();
    let set_rules = set_rules(options, &formats, split, listed);
    let assembled = assembled(options, &formats, survey, &names, &set_rules, summary);
    refuse_unusable(options, &formats, &assembled.dataset, summary)?;
    let (splits, earlier) = (splits.as_ref(), earlier.as_ref());
    let notes = assembled
        .assigned
        .as_ref()
        .map(|assigned| split::notes::notes(&assembled.dataset, assigned, splits, earlier));
    summary.notes.extend(notes.into_iter().flatten());
    counts::count(summary, &assembled.dataset);
    let images = Images {
        records: &records,
        names: &names,
        boxes: options.boxes.rules(),
        tiles,
    };
    let set = publish::Set {
        options,
        formats,
        single,
        images,
        alike,
    };
    match shard {
        Some(shard) => parts::make::make(&set, assembled, shard, summary),
        None => publish_set(&set, assembled, summary),
    }
}

/// Writes the set, and says what has changed from the one that was there: the set itself does not depend on that.
fn publish_set(
    set: &publish::Set,
    assembled: Assembled,
    summary: &mut Summary,
) -> Result<(), Error> {
    let moved = moved(set.options, &assembled);
    set.publish(assembled, summary)?;
    summary.notes.extend(moved);
    Ok(())
}

/// A note about groups that are in another split than in the set that is replaced.
fn moved(options: &Options, assembled: &Assembled) -> Option<String> {
    let earlier = options.output.join(output::MARKER);
    if options.splits.split_like.is_some() || !earlier.is_file() {
        return None;
    }
    /// As much of `dataset.json` as is needed: it lists every file.
    #[derive(serde::Deserialize)]
    struct Earlier {
        groups: BTreeMap<String, String>,
    }
    let earlier = std::io::BufReader::new(files::open(&earlier).ok()?);
    let earlier: Earlier = serde_json::from_reader(earlier).ok()?;
    let groups = assembled.groups.iter();
    let moved: Vec<String> = groups
        .filter_map(|(group, split)| {
            let before = earlier
                .groups
                .get(group)
                .filter(|before| *before != split)?;
            Some(format!("`{group}` from {before} to {split}"))
        })
        .collect();
    let what = format!(
        "groups that were in another split in the set that was replaced; --split-like {} in later commands keeps every group where it is now",
        options.output.display()
    );
    (!moved.is_empty()).then(|| image_notes::first_few(&what, &moved))
}

/// Refuses a set without images, or without those that its tools need.
fn refuse_unusable(
    options: &Options,
    formats: &[&dyn Format],
    dataset: &Dataset,
    summary: &Summary,
) -> Result<(), Error> {
    match dataset.facts.is_empty() {
        true => Err(no_images(summary, options)),
        false => refuse_without_train(formats, dataset),
    }
}

/// Refuses a set without images for training in a format whose tools need them: another split must not stand for them, since
/// what is tested would be learnt.
fn refuse_without_train(formats: &[&dyn Format], dataset: &Dataset) -> Result<(), Error> {
    let needs = formats.iter().find(|format| format.info().needs_val);
    let is_train = |name: &str| ["train", "training"].contains(&name.to_lowercase().as_str());
    let parts = dataset.parts("train").into_iter().enumerate();
    let mut trains = parts.filter(|(_, name)| is_train(name));
    let has_train = trains.any(|(part, _)| dataset.facts_of(part).next().is_some());
    let Some(format) = needs.filter(|_| !has_train) else {
        return Ok(());
    };
    let name = format.name();
    let what = format!(
        "{name}: no image is in a split `train`, which its trainers need: the splits are {}",
        dataset.splits.join(", ")
    );
    let hint = "--split train=0.8,val=0.1,test=0.1 makes one; with --split-by or --split-like one of the splits must be called \
                train";
    Err(Error::new(what).hint(hint))
}

fn set_rules<'a>(
    options: &Options,
    formats: &[&dyn Format],
    split: Option<SplitRules<'a>>,
    listed: Vec<String>,
) -> SetRules<'a> {
    SetRules {
        split,
        listed,
        least_boxes: options.classes.min_count,
        negatives: options.boxes.negatives,
        seed: options.splits.seed,
        is_detection: formats.iter().any(|format| format.info().is_detection),
        unboxed: options.boxes.unboxed,
    }
}

/// How groups are distributed, apart from names and places.
fn split_rules(options: &Options, survey: &Survey, alike: &[AlikePair]) -> SplitRules<'static> {
    SplitRules {
        seed: options.splits.seed,
        by_class: options.splits.stratify.is_some(),
        alike: match options.splits.near_duplicates {
            NearDuplicates::Group => alike.iter().map(|pair| pair.images).collect(),
            _ => Vec::new(),
        },
        links: survey.links.clone(),
        ..SplitRules::default()
    }
}

/// How images are cut into tiles, if they are.
fn tile_rules(
    options: &Options,
    formats: &[&dyn Format],
    single: bool,
) -> Result<Option<TileRules>, Error> {
    let rules = options.tiles.rules(options.boxes.min_box)?;
    let other = formats.iter().find(|format| !format.info().is_detection);
    let is_placed = !single && options.images != Some(Placing::None);
    match (rules, other) {
        (Some(_), Some(other)) => {
            let what = format!(
                "--tiles is for detectors: {} is not one of their formats",
                other.name()
            );
            Err(Error::usage(what).hint("write this format on its own, without --tiles"))
        }
        (Some(_), _) if !is_placed => Err(Error::usage(
            "--tiles writes images: the output must be a folder that holds them",
        )
        .hint("name a folder with -o, and leave out --images none")),
        _ => Ok(rules),
    }
}

/// What is known about files before the survey: what workers have found out.
fn looks(
    options: &Options,
    pixels: Pixels,
    map: &ImageFiles,
    shard: Option<Shard>,
) -> Result<Looks, Error> {
    let finds_alike = options.splits.near_duplicates != NearDuplicates::Off;
    let wanted = Wanted {
        hash: options.splits.is_split() || finds_alike,
        fingerprint: finds_alike,
        pixels,
    };
    let looks = Looks::new(wanted, &options.output);
    let folder = files::folder_of(&options.image_map);
    match options.from_shards || shard.is_some() {
        true => looks.share(map, folder, &options.output, shard),
        false => Ok(looks),
    }
}

fn survey_rules<'a>(
    options: &'a Options,
    input: &'a str,
    map: &'a ImageFiles,
    looks: &'a Looks,
    tiles: Option<TileRules>,
) -> SurveyRules<'a> {
    SurveyRules {
        input,
        map,
        image_map: &options.image_map,
        boxes: options.boxes.rules(),
        least_image_side: options.boxes.min_image,
        group_by: &options.splits.group_by,
        split_by: options.splits.split_by.as_deref(),
        looks,
        tiles,
        counts_concepts: options.splits.stratify.is_some(),
    }
}

/// The images that look alike or have equal files, if they are to be found.
fn pairs(options: &Options, survey: &Survey) -> Vec<AlikePair> {
    if options.splits.near_duplicates == NearDuplicates::Off {
        return Vec::new();
    }
    let held = &survey.particulars;
    let fingerprints: Vec<_> = held.iter().map(|held| held.fingerprint.clone()).collect();
    let pairs = similar_images::pairs(&fingerprints, options.splits.near_duplicates_distance);
    let mut pairs: Vec<AlikePair> = pairs
        .into_iter()
        .map(|(a, b)| {
            let (a, b) = match survey.facts.file(a) <= survey.facts.file(b) {
                true => (a, b),
                false => (b, a),
            };
            let both = [a, b].map(|at| survey.facts.get(at));
            AlikePair {
                images: (a, b),
                files: both.map(|image| image.file.into()),
                groups: both.map(|image| survey.groups[image.group as usize].clone()),
                is_equal: held[a].sha256.is_some() && held[a].sha256 == held[b].sha256,
            }
        })
        .collect();
    pairs.sort_by(|a, b| a.files.cmp(&b.files));
    pairs
}

/// Refuses keys that no image has, and images without the split that the source is to name.
fn check_keys(options: &Options, survey: &Survey) -> Result<(), Error> {
    let splits = &options.splits;
    let keys: Vec<&str> = survey.keys.iter().map(String::as_str).take(20).collect();
    let hint = || format!("images have {}", keys.join(", "));
    for key in splits.group_by.iter().chain(&splits.split_by) {
        let lacking = survey.lacking.get(key).copied().unwrap_or(0);
        if lacking > 0 && lacking == survey.facts.len() as u64 {
            let what = format!("no image has the key `{key}`");
            return Err(Error::new(what).hint(hint()));
        }
    }
    let unnamed = splits
        .split_by
        .as_ref()
        .and_then(|key| survey.lacking.get(key));
    match (unnamed, &splits.split, &splits.split_like) {
        (Some(n), None, None) => {
            let lacking = counted(*n, "image has no split", "images have no split");
            let key = splits.split_by.as_deref().unwrap_or_default();
            Err(Error::new(format!("{lacking} in `{key}`"))
                .hint("--split train=0.8,val=0.1,test=0.1 distributes these"))
        }
        _ => Ok(()),
    }
}

/// Assembles the dataset, and tells the summary of it.
fn assembled(
    options: &Options,
    formats: &[&dyn Format],
    mut survey: Survey,
    names: &ClassNames,
    rules: &SetRules,
    summary: &mut Summary,
) -> Assembled {
    let has_copies = formats
        .iter()
        .any(|format| format.info().holds_images && options.placing(*format) != Placing::None);
    let single = is_single(formats, &options.output).unwrap_or(false);
    let has_copies = has_copies && !single;
    let unused = unused_options::notes(options, formats, single);
    summary.notes.extend(unused);
    let negatives = options.boxes.negatives;
    let writes_negatives = formats.iter().any(|format| {
        // Formats of parts of images have nothing of those without boxes.
        let info = format.info();
        info.holds_images || !info.has_picture_files
    });
    let emptied = match negatives.is_ratio() {
        _ if negatives.is_none() || !writes_negatives => Emptied::LeftOut,
        true => Emptied::SomeWritten,
        false => Emptied::Written,
    };
    let messages = survey.notes.messages(has_copies, emptied);
    summary.notes.extend(messages);
    summary.filtered = survey.filtered;
    summary.rejects = std::mem::take(&mut survey.rejects).into();
    summary.rejects.sort();
    let uses = std::mem::take(&mut survey.uses);
    let naming = names.rules();
    let mut made = names.with_table(|table| {
        let notes = naming.notes(table, &uses);
        let made = assemble::assemble(survey, table, naming, rules);
        (made, notes)
    });
    let assembled = &mut made.0;
    summary.notes.append(&mut assembled.notes);
    if naming.taxonomy {
        summary.notes.extend(unplaced(&assembled.dataset));
        let silent = formats.iter().filter(|format| !format.info().holds_ranks);
        summary.notes.extend(silent.map(|format| {
            format!(
                "the format {} cannot hold ranks: --taxonomy has no effect",
                format.name()
            )
        }));
    }
    for (what, names) in made.1.iter().filter(|(_, names)| !names.is_empty()) {
        summary.notes.push(image_notes::first_few(what, names));
    }
    summary.filtered += assembled.filtered;
    summary.kept = assembled.kept;
    summary.read = summary.kept + summary.rejects.len() as u64;
    made.0
}

/// The note about classes that the taxonomy does not contain.
fn unplaced(dataset: &Dataset) -> Option<String> {
    let classes = dataset.classes.iter().zip(&dataset.lineages);
    let unknown = classes.filter(|(_, lineage)| lineage.is_empty());
    let names: Vec<String> = unknown.map(|(name, _)| format!("`{name}`")).collect();
    let what = "classes that the taxonomy does not contain";
    (!names.is_empty()).then(|| image_notes::first_few(what, &names))
}

/// The error for a run that would write no images: the most frequent reason, and what helps.
fn no_images(summary: &Summary, options: &Options) -> Error {
    let reasons = summary.reasons();
    let (why, hint) = match reasons.iter().max_by_key(|(_, n)| **n) {
        Some((reason, n)) => (
            format!(
                "; {} left out: {reason}",
                counted(*n, "record was", "records were")
            ),
            match reasons.contains_key(measure::ELSEWHERE) {
                true => "the image map has absolute paths: copy it to the folder above the images and set \
                         it with --image-map"
                    .to_owned(),
                false => format!(
                    "`recto-download {} images --image-map {}` fetches the images",
                    contracts::quoted_path(&options.localizations),
                    contracts::quoted_path(&options.image_map)
                ),
            },
        ),
        None if summary.filtered > 0 => (
            format!(
                "; {} filtered out, images and boxes",
                counted(summary.filtered, "record was", "records were")
            ),
            what_filters(options).to_owned(),
        ),
        None => (
            format!("; there are none in {}", options.localizations.display()),
            "`recto-extract` writes them from digests".to_owned(),
        ),
    };
    Error::new(format!("no images to write{why}")).hint(hint)
}

/// What leaves images out, and how they stay.
fn what_filters(options: &Options) -> &'static str {
    match options.boxes.negatives {
        _ if options.boxes.min_image > 0 => "a smaller --min-image keeps smaller images",
        Negatives::Keep => "--unboxed keep also writes images that are labelled as a whole",
        _ => "--negatives keep also writes images without boxes",
    }
}

/// Whether the output is a single file, by its suffix.
fn is_single(formats: &[&dyn Format], output: &Path) -> Result<bool, Error> {
    if output.as_os_str().is_empty() || files::is_dash(output) {
        let what = format!("{}: is not a valid folder name", output.display());
        return Err(Error::usage(what).hint("set the folder with -o"));
    }
    let suffix = output.extension().unwrap_or_default().to_string_lossy();
    let is_file = |format: &&dyn Format| {
        let single = format.info().single_file;
        single.is_some_and(|single| suffix.eq_ignore_ascii_case(single)) && !output.is_dir()
    };
    match formats {
        [format] => Ok(is_file(format)),
        formats if formats.iter().any(is_file) => {
            let what = format!("{}: a file cannot hold several formats", output.display());
            Err(Error::usage(what).hint("name a folder with -o"))
        }
        _ => Ok(false),
    }
}

/// Refuses to overwrite inputs, outputs of other stages, and one output with another.
fn refuse_overwriting(options: &Options, single: bool) -> Result<(), Error> {
    let classes = &options.classes;
    let inputs = [&options.localizations, &options.image_map];
    let inputs = inputs
        .into_iter()
        .chain(&classes.remap)
        .chain(&classes.taxonomy_file)
        .chain(&classes.classes)
        .chain(&options.splits.split_like);
    // Parts of workers lie beside what a link leads to.
    files::landing(&options.output)?;
    let output = single.then_some(options.output.as_path());
    let outputs = [
        ("-o", output),
        ("--rejects", options.rejects.as_deref()),
        ("--report", options.common.report.as_deref()),
    ];
    files::refuse_overwriting(inputs, &outputs)?;
    if single && options.previous.is_some() {
        let what = "--previous: a single file has no version";
        return Err(Error::usage(what).hint("name a folder with -o"));
    }
    // A pipe is not read: it would never answer.
    match output.filter(|path| !files::is_device(path) && contracts::is_contract(path)) {
        None => Ok(()),
        Some(path) => {
            let what = format!(
                "{}: was written by another stage, and would be overwritten",
                path.display()
            );
            Err(Error::usage(what).hint("name another file with -o"))
        }
    }
}
