//! `reformat`: localizations.json + image_map.json → a training set.
//!
//! The core, [`join`], puts boxes on the pixels of the files really downloaded; [`split`] deals groups to train,
//! val and test; [`naming`] renames concepts and rolls them up. The shell reads, measures files, and hands the dataset to a
//! [`Format`](crate::formats::Format). It needs no network.
//!
//! A record is an image, and each box of an image that is there: `read == kept + rejected` counts both. Boxes of
//! images that are left out are told in the image's reject, not counted one by one.

pub mod concepts;
pub mod join;
pub mod naming;
pub mod remap;
mod shape;
pub mod split;
pub mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use rayon::prelude::*;

use crate::contracts::{
    self, ClassCount, Contract, DatasetFile, ImageMap, Localizations, LocalizedImage, PartCount,
};
use crate::error::Error;
use crate::files::folder::{self, Folder, MARKER, Placing, Single};
use crate::formats::{self, Choices, Dataset, Format, Picture, Sink};
use crate::report::{self, Common, Stage};
use crate::summary::Summary;
use crate::{files, pixels};
use join::{File, Rules};
use split::Splits;

/// Options of `recto-reformat`.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// What `recto-extract` wrote, or the localizations.json of m3-download; `-` is standard input
    pub localizations: PathBuf,
    /// How to write the dataset
    #[arg(short, long, ignore_case = true, value_parser = formats())]
    pub format: String,
    /// Folder to make; formats that are one file also take a name with its suffix (coco .json, csv, vgg and counts
    /// .csv, sheet .png)
    #[arg(short, long, value_name = "FOLDER|FILE")]
    pub output: PathBuf,
    /// What `recto-download` wrote; its paths start from its own folder
    #[arg(long, value_name = "FILE", default_value = "image_map.json")]
    pub image_map: PathBuf,
    /// Shares of images, such as `train=0.8,val=0.1,test=0.1`; a group is never divided
    #[arg(long, value_name = "NAME=SHARE,…")]
    pub split: Option<Splits>,
    /// Deal the groups another way; the same number gives the same split
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// What to do with images without boxes
    #[arg(long, value_name = "RULE", value_enum, default_value_t = Negatives::Keep)]
    pub negatives: Negatives,
    /// How image files get into the output folder
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Placing::Link)]
    pub images: Placing,
    /// voc: count as the devkit does, first pixel 1 and xmax the last pixel
    #[arg(long)]
    pub voc_inclusive: bool,
    /// tf: megabytes of images per shard
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub shard_mb: u64,
    /// sheet: pictures on it
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub sheet_images: u64,
    /// counts: add a row with the sum of every column
    #[arg(long)]
    pub total: bool,
    /// List of what was left out [default: rejects.csv in the folder, OUTPUT.rejects.csv beside a file]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// What every stage has.
    #[command(flatten)]
    pub common: Common,
    /// How concepts become classes.
    #[command(flatten)]
    pub concepts: concepts::Options,
}

/// What to do with images without boxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Negatives {
    /// Write them: a detector learns from them what is not there
    Keep,
    /// Leave them out
    Drop,
}

fn formats() -> impl TypedValueParser<Value = String> {
    let known = |format: &&dyn Format| PossibleValue::new(format.name()).help(format.about());
    PossibleValuesParser::new(formats::ALL.iter().map(known).collect::<Vec<_>>())
}

/// Writes a training set.
///
/// # Errors
/// Why the stage could not finish, with the summary of what it had done by then.
pub fn reformat(options: &Options) -> Result<Summary, Error> {
    Error::with_summary(|summary| stage(options, summary))
}

impl Stage for Options {
    const NAME: &'static str = "reformat";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(&self) -> Result<Summary, Error> {
        reformat(self)
    }
}

fn stage(options: &Options, summary: &mut Summary) -> Result<(), Error> {
    let format = formats::named(&options.format).ok_or_else(|| Error::usage("unknown format"))?;
    let single = is_single(format, &options.output)?;
    refuse_overwriting(options, single)?;
    let localizations: Localizations = contracts::read(&options.localizations)?;
    let map = contracts::read_image_map(&options.image_map)?;
    let input = options.localizations.display().to_string();
    let (naming, news) = options.concepts.rules(&input, &localizations.taxonomy)?;
    let files = measure(&localizations.images, &map, options);
    let rules = Rules {
        input,
        naming,
        drop_negatives: options.negatives == Negatives::Drop,
    };
    let joined = join::join(localizations, &files, &rules);
    let mut dataset = joined.dataset;
    summary.read = joined.read;
    summary.kept = joined.kept;
    summary.filtered = joined.filtered;
    summary.rejects = joined.rejects;
    summary.notes = [news, joined.notes].concat();
    if options.concepts.taxonomy && !format.head().holds_ranks {
        let words = format!(
            "{} holds no ranks: --taxonomy adds nothing to it",
            format.name()
        );
        summary.notes.push(words);
    }
    if dataset.images.is_empty() {
        return Err(nothing(summary, options));
    }
    if let Some(splits) = &options.split {
        summary
            .notes
            .extend(deal(&mut dataset, splits, options.seed)?);
    }
    count(summary, &dataset);
    publish(options, format, single, dataset, summary)
}

/// Zero images is news: which reason is the likely one, and what shows or changes it.
fn nothing(summary: &Summary, options: &Options) -> Error {
    let reasons = summary.reasons();
    let (why, hint) = match reasons.iter().max_by_key(|(_, n)| **n) {
        Some((reason, n)) => (
            format!(": {n} left out, {reason}"),
            match reasons.contains_key(ELSEWHERE) {
                true => "the image map has absolute paths: copy it to the folder above the images and name \
                         it with --image-map"
                    .to_owned(),
                false => format!(
                    "`recto-download {} images --image-map {}` fetches the images",
                    options.localizations.display(),
                    options.image_map.display()
                ),
            },
        ),
        None if summary.filtered > 0 => (
            format!(": {} set aside", summary.filtered),
            "--negatives keep writes images without boxes too".to_owned(),
        ),
        None => (
            format!(": {} holds none", options.localizations.display()),
            "`recto-extract` writes them from digests".to_owned(),
        ),
    };
    Error::new(format!("no image is left to write{why}")).hint(hint)
}

/// Whether the output's name is that of a single file.
fn is_single(format: &dyn Format, output: &Path) -> Result<bool, Error> {
    if output.file_name().is_none() || files::is_dash(output) {
        let what = format!("{}: is no name of a folder", output.display());
        return Err(Error::usage(what).hint("name a folder to make with -o"));
    }
    let suffix = output.extension().unwrap_or_default().to_string_lossy();
    Ok(format
        .head()
        .single_file
        .is_some_and(|single| suffix.eq_ignore_ascii_case(single) && !output.is_dir()))
}

/// No file takes the place of what is read, of what another stage wrote, or of another list.
fn refuse_overwriting(options: &Options, single: bool) -> Result<(), Error> {
    let concepts = &options.concepts;
    let inputs = [&options.localizations, &options.image_map];
    let inputs = inputs
        .into_iter()
        .chain(&concepts.remap)
        .chain(&concepts.taxonomy_file);
    let output = single.then_some(options.output.as_path());
    let outputs = [
        ("-o", output),
        ("--rejects", options.rejects.as_deref()),
        ("--report", options.common.report.as_deref()),
    ];
    files::refuse_overwriting(inputs, &outputs)?;
    match output.filter(|path| contracts::is_contract(path)) {
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

/// Reads the header of every file that the map names for an image.
fn measure(
    images: &[LocalizedImage],
    map: &ImageMap,
    options: &Options,
) -> BTreeMap<String, Result<File, String>> {
    let folder = files::folder_of(&options.image_map);
    let wanted: Vec<(&String, &String)> = images
        .iter()
        .filter_map(|image| map.get_key_value(&image.id))
        .collect();
    wanted
        .par_iter()
        .map(|(id, file)| ((*id).clone(), measure_one(folder, file)))
        .collect()
}

fn measure_one(folder: &Path, file: &str) -> Result<File, String> {
    let file = &below(folder, file)?;
    let path = folder.join(file);
    let fault = |e: Error| format!("file cannot be used: {}", e.what());
    Ok(File {
        file: file.to_owned(),
        header: pixels::measure(&path).map_err(fault)?,
        bytes: std::fs::metadata(&path).map_or(0, |found| found.len()),
        path,
    })
}

const ELSEWHERE: &str = "absolute path is not below the folder of the image map";

/// A path of the image map as seen from the map's folder. m3-download writes absolute paths where its output folder
/// was given as one.
fn below(folder: &Path, file: &str) -> Result<String, String> {
    let relative = match Path::new(file).is_absolute() {
        false => Some(file.to_owned()),
        true => relative_to(folder, Path::new(file)),
    };
    let relative = relative.ok_or_else(|| format!("{ELSEWHERE}: {file}"))?;
    let plain = |c: std::path::Component| matches!(c, std::path::Component::Normal(_));
    match !relative.is_empty() && Path::new(&relative).components().all(plain) {
        true => Ok(relative),
        false => Err(format!("path leaves the folder of the image map: {file}")),
    }
}

fn relative_to(folder: &Path, file: &Path) -> Option<String> {
    let as_said = std::path::absolute(folder).ok();
    // The same folder may have two names, such as a link to it.
    let real = || Some((folder.canonicalize().ok()?, file.canonicalize().ok()?));
    let relative = (as_said.as_deref())
        .and_then(|folder| file.strip_prefix(folder).ok().map(Path::to_owned))
        .or_else(|| {
            real().and_then(|(folder, file)| Some(file.strip_prefix(folder).ok()?.to_owned()))
        })?;
    Some(relative.to_str()?.replace(std::path::MAIN_SEPARATOR, "/"))
}

/// Gives every picture its split.
fn deal(dataset: &mut Dataset, splits: &Splits, seed: u64) -> Result<Vec<String>, Error> {
    let hashed: Result<Vec<String>, Error> = dataset
        .images
        .par_iter()
        .map(|p| {
            folder::sha256(&p.path)
                .map_err(|e| Error::new(format!("{}: cannot be read", p.path.display())).because(e))
        })
        .collect();
    let hashed = hashed?;
    let members: Vec<split::Member> = dataset
        .images
        .iter()
        .zip(&hashed)
        .map(|(p, sha256)| split::Member {
            group: &p.group,
            sha256,
        })
        .collect();
    let dealt = split::deal(&members, splits, seed);
    for (picture, split) in dataset.images.iter_mut().zip(dealt.names) {
        picture.split = Some(split);
    }
    dataset.splits = splits.names();
    Ok(dealt.notes)
}

fn count(summary: &mut Summary, dataset: &Dataset) {
    let all: Vec<&Picture> = dataset.images.iter().collect();
    let total = part_count(&all);
    let mut add = |prefix: &str, part: &PartCount| {
        summary.count(&format!("{prefix}images"), part.images);
        summary.count(&format!("{prefix}boxes"), part.boxes);
        summary.count(&format!("{prefix}negatives"), part.negatives);
        summary.count(&format!("{prefix}groups"), part.groups);
    };
    add("", &total);
    if !dataset.splits.is_empty() {
        for (name, pictures) in dataset.parts("") {
            add(&format!("{name}_"), &part_count(&pictures));
        }
    }
    summary.count("classes", dataset.classes.len() as u64);
}

fn part_count(pictures: &[&Picture]) -> PartCount {
    let groups: BTreeSet<&str> = pictures.iter().map(|p| p.group.as_str()).collect();
    PartCount {
        images: pictures.len() as u64,
        boxes: pictures.iter().map(|p| p.boxes.len() as u64).sum(),
        negatives: pictures.iter().filter(|p| p.boxes.is_empty()).count() as u64,
        groups: groups.len() as u64,
    }
}

fn publish(
    options: &Options,
    format: &dyn Format,
    single: bool,
    mut dataset: Dataset,
    summary: &mut Summary,
) -> Result<(), Error> {
    let choices = Choices {
        supercategory: options.concepts.supercategory.clone(),
        total: options.total,
        single,
        voc_inclusive: options.voc_inclusive,
        shard_bytes: options.shard_mb * 1_000_000,
        sheet_images: options.sheet_images as usize,
    };
    if single {
        let note = name_from(&mut dataset, files::folder_of(&options.output));
        summary.notes.extend(note);
        publish_file(options, format, &dataset, &choices, summary)?;
    } else {
        dataset.placed = options.images != Placing::None;
        publish_folder(options, format, &dataset, &choices, summary)?;
    }
    let all: Vec<&Picture> = dataset.images.iter().collect();
    let total = part_count(&all);
    summary.done = format!(
        "{} images with {} boxes of {} classes in {} ({})",
        total.images,
        total.boxes,
        dataset.classes.len(),
        options.output.display(),
        format.name()
    );
    Ok(())
}

/// A single file names its images from the folder it lies in, where they lie below it.
fn name_from(dataset: &mut Dataset, folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let below = |p: &Picture| {
        let path = p.path.canonicalize().ok()?;
        let file = path.strip_prefix(&folder).ok()?.to_str()?;
        Some(file.replace(std::path::MAIN_SEPARATOR, "/"))
    };
    let names: Option<Vec<String>> = dataset.images.iter().map(below).collect();
    match names {
        Some(names) => {
            for (picture, name) in dataset.images.iter_mut().zip(names) {
                picture.file = name;
            }
            None
        }
        None => Some("files are named from the folder of the image map: not all lie below that of the output".into()),
    }
}

fn publish_file(
    options: &Options,
    format: &dyn Format,
    dataset: &Dataset,
    choices: &Choices,
    summary: &mut Summary,
) -> Result<(), Error> {
    let mut out = Single::create(&options.output);
    summary
        .notes
        .extend(format.write(dataset, choices, &mut out)?);
    let beside = || {
        let mut name = options.output.clone().into_os_string();
        name.push(".rejects.csv");
        PathBuf::from(name)
    };
    let rejects = options.rejects.clone().unwrap_or_else(beside);
    report::write_rejects(&rejects, &summary.rejects)?;
    out.publish()?;
    summary.hint = where_rejects_are(summary, &rejects);
    Ok(())
}

fn publish_folder(
    options: &Options,
    format: &dyn Format,
    dataset: &Dataset,
    choices: &Choices,
    summary: &mut Summary,
) -> Result<(), Error> {
    const REJECTS: &str = "rejects.csv";
    let own = [options.common.report.as_deref(), options.rejects.as_deref()];
    let own: Vec<&Path> = own.into_iter().flatten().collect();
    let mut out = Folder::create(&options.output, options.images, &own)?;
    summary
        .notes
        .extend(format.write(dataset, choices, &mut out)?);
    let rejects = match &options.rejects {
        Some(path) => path.clone(),
        None => {
            let bytes = report::rejects_csv(&summary.rejects)?;
            let fault = |e| files::cannot_write(&options.output.join(REJECTS), e);
            out.file(REJECTS)?.write_all(&bytes).map_err(fault)?;
            options.output.join(REJECTS)
        }
    };
    let card = card(format, dataset, choices, &mut out)?;
    let json = files::to_json(&card, MARKER)?;
    let fault = |e| files::cannot_write(&options.output.join(MARKER), e);
    out.file(MARKER)?.write_all(&json).map_err(fault)?;
    if options.rejects.is_some() {
        report::write_rejects(&rejects, &summary.rejects)?;
    }
    out.publish()?;
    summary.hint = where_rejects_are(summary, &rejects);
    Ok(())
}

fn where_rejects_are(summary: &Summary, path: &Path) -> Option<String> {
    (!summary.rejects.is_empty()).then(|| format!("{} lists what was left out", path.display()))
}

fn card(
    format: &dyn Format,
    dataset: &Dataset,
    choices: &Choices,
    out: &mut Folder,
) -> Result<DatasetFile, Error> {
    let mut boxes = vec![0; dataset.classes.len()];
    for labelled in dataset.images.iter().flat_map(|p| &p.boxes) {
        boxes[labelled.class] += 1;
    }
    let class = |(name, boxes): (&String, u64)| ClassCount {
        name: name.clone(),
        boxes,
    };
    let all: Vec<&Picture> = dataset.images.iter().collect();
    let part = |(name, pictures): (&str, Vec<&Picture>)| (name.to_owned(), part_count(&pictures));
    Ok(DatasetFile {
        contract: DatasetFile::NAME.into(),
        version: DatasetFile::VERSION,
        format: format.name().into(),
        conventions: format.conventions(choices),
        classes: dataset.classes.iter().zip(boxes).map(class).collect(),
        total: part_count(&all),
        splits: match dataset.splits.is_empty() {
            true => BTreeMap::new(),
            false => dataset.parts("").into_iter().map(part).collect(),
        },
        files: out.entries()?,
    })
}
