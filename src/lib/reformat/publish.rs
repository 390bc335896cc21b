//! Hands the dataset to its format and publishes what that writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::counts::part_count;
use super::options::Options;
use super::output::{DatasetFolder, MARKER, Placing, SingleFile};
use crate::contracts::{ClassCount, Contract, DatasetFile};
use crate::error::Error;
use crate::formats::{Dataset, DatasetImage, Format, FormatOptions, Sink};
use crate::summary::{Summary, counted};
use crate::{files, report};

/// Writes the dataset, its description and the rejects.
///
/// # Errors
/// An image cannot be read, or the output cannot be written.
pub fn publish(
    options: &Options,
    format: &dyn Format,
    single: bool,
    mut dataset: Dataset,
    summary: &mut Summary,
) -> Result<(), Error> {
    let format_options = FormatOptions {
        supercategory: options.classes.supercategory.clone(),
        total: options.total,
        single,
        voc_inclusive: options.voc_inclusive,
        shard_bytes: options.shard_mb * 1_000_000,
        sheet_images: options.sheet_images as usize,
        csv_safe: options.common.csv_safe,
    };
    if single {
        let note = rebase_paths(&mut dataset, files::folder_of(&options.output));
        summary.notes.extend(note);
        publish_file(options, format, &dataset, &format_options, summary)?;
    } else {
        dataset.placed = options.images != Placing::None;
        publish_folder(options, format, &dataset, &format_options, summary)?;
    }
    let all: Vec<&DatasetImage> = dataset.images.iter().collect();
    let total = part_count(&all);
    summary.done = format!(
        "{} with {} of {} in {} ({})",
        counted(total.images, "image", "images"),
        counted(total.boxes, "box", "boxes"),
        counted(dataset.classes.len() as u64, "class", "classes"),
        options.output.display(),
        format.name()
    );
    Ok(())
}

/// Makes the paths of images relative to the folder of a single file. If not all images are below it, they stay relative
/// to the image map, and a note says so.
fn rebase_paths(dataset: &mut Dataset, folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let below = |p: &DatasetImage| {
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
        None => Some("paths are relative to the folder of the image map: not all images are below the folder of the output".into()),
    }
}

fn publish_file(
    options: &Options,
    format: &dyn Format,
    dataset: &Dataset,
    format_options: &FormatOptions,
    summary: &mut Summary,
) -> Result<(), Error> {
    let mut out = SingleFile::create(&options.output);
    summary
        .notes
        .extend(format.write(dataset, format_options, &mut out)?);
    let beside = || {
        let mut name = options.output.clone().into_os_string();
        name.push(".rejects.csv");
        PathBuf::from(name)
    };
    let rejects = options.rejects.clone().unwrap_or_else(beside);
    report::write_rejects(&rejects, &summary.rejects, &options.common)?;
    out.publish()?;
    summary.hint = where_rejects_are(summary, &rejects);
    Ok(())
}

fn publish_folder(
    options: &Options,
    format: &dyn Format,
    dataset: &Dataset,
    format_options: &FormatOptions,
    summary: &mut Summary,
) -> Result<(), Error> {
    const REJECTS: &str = "rejects.csv";
    let own = [options.common.report.as_deref(), options.rejects.as_deref()];
    let own: Vec<&Path> = own.into_iter().flatten().collect();
    let mut out = DatasetFolder::create(&options.output, options.images, &own)?;
    summary
        .notes
        .extend(format.write(dataset, format_options, &mut out)?);
    let rejects = match &options.rejects {
        Some(path) => path.clone(),
        None => {
            let bytes = report::rejects_csv(&summary.rejects, &options.common)?;
            let fault = |e| files::cannot_write(&options.output.join(REJECTS), e);
            out.file(REJECTS)?.write_all(&bytes).map_err(fault)?;
            options.output.join(REJECTS)
        }
    };
    let description = description(format, dataset, format_options, &mut out)?;
    let json = files::to_json(&description, MARKER)?;
    let fault = |e| files::cannot_write(&options.output.join(MARKER), e);
    out.file(MARKER)?.write_all(&json).map_err(fault)?;
    if options.rejects.is_some() {
        report::write_rejects(&rejects, &summary.rejects, &options.common)?;
    }
    out.publish()?;
    summary.hint = where_rejects_are(summary, &rejects);
    Ok(())
}

fn where_rejects_are(summary: &Summary, path: &Path) -> Option<String> {
    (!summary.rejects.is_empty()).then(|| format!("{} lists what was left out", path.display()))
}

/// The contents of `dataset.json`.
fn description(
    format: &dyn Format,
    dataset: &Dataset,
    format_options: &FormatOptions,
    out: &mut DatasetFolder,
) -> Result<DatasetFile, Error> {
    let mut boxes = vec![0; dataset.classes.len()];
    for labelled in dataset.images.iter().flat_map(|p| &p.boxes) {
        boxes[labelled.class] += 1;
    }
    let class = |(name, boxes): (&String, u64)| ClassCount {
        name: name.clone(),
        boxes,
    };
    let all: Vec<&DatasetImage> = dataset.images.iter().collect();
    let part =
        |(name, pictures): (&str, Vec<&DatasetImage>)| (name.to_owned(), part_count(&pictures));
    Ok(DatasetFile {
        contract: DatasetFile::NAME.into(),
        version: DatasetFile::VERSION,
        format: format.name().into(),
        conventions: format.conventions(format_options),
        classes: dataset.classes.iter().zip(boxes).map(class).collect(),
        total: part_count(&all),
        splits: match dataset.splits.is_empty() {
            true => BTreeMap::new(),
            false => dataset.parts("").into_iter().map(part).collect(),
        },
        files: out.entries()?,
    })
}
