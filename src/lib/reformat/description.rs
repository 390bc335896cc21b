//! The contents of `dataset.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::assemble::Assembled;
use super::counts::part_count;
use super::options::Options;
use super::output::{DatasetFolder, MARKER};
use super::release::Release;
use super::split::options::NearDuplicates;
use crate::contracts::{
    ClassCount, CommandLine, Contract, DatasetEntry, DatasetFile, DatasetInput, DatasetSource,
    PartCount, SetFolder, name_of,
};
use crate::error::Error;
use crate::files::{self, WrittenFile};
use crate::formats::{Format, FormatOptions, LineMask};
use crate::summary::Summary;

/// What was made, and how.
pub struct Made<'a> {
    /// The choices of the user.
    pub options: &'a Options,
    /// The formats.
    pub formats: &'a [&'static dyn Format],
    /// What the formats were told.
    pub format_options: &'a FormatOptions,
    /// The dataset.
    pub assembled: &'a Assembled,
    /// What was read, kept and left out.
    pub summary: &'a Summary,
    /// The files that it was made from.
    pub inputs: Vec<DatasetInput>,
    /// Which version it is.
    pub release: Release,
}

/// Writes `dataset.json`, which lists every other file, one by one.
///
/// # Errors
/// The file cannot be written.
pub fn put(made: &Made, out: &mut DatasetFolder) -> Result<(), Error> {
    let json = files::to_json(&description(made), MARKER)?;
    // Its last member is the list of files, which is empty.
    let (head, tail) = match json.strip_suffix(b"[]\n}\n") {
        Some(head) => (head, &b"\n  ]\n}\n"[..]),
        None => (json.as_slice(), &b""[..]),
    };
    let mut is_first = true;
    let entry = |file: &WrittenFile| {
        let entry = DatasetEntry {
            path: file.path.to_string(),
            bytes: file.bytes,
            sha256: files::hex(&file.sha256),
        };
        let entry = files::to_json(&entry, MARKER)?;
        let mut element = if is_first {
            b"[".to_vec()
        } else {
            b",".to_vec()
        };
        is_first = false;
        // Line ends within texts are escaped: these are all between members.
        for line in entry.trim_ascii_end().split(|byte| *byte == b'\n') {
            element.extend_from_slice(b"\n    ");
            element.extend_from_slice(line);
        }
        Ok(element)
    };
    out.put_list(MARKER, head, entry, tail)
}

/// The contents of `dataset.json` without its files.
fn description(made: &Made) -> DatasetFile {
    let dataset = &made.assembled.dataset;
    let boxes = dataset.boxes_per_class(dataset.facts.iter());
    let class = |(name, boxes): (&String, u64)| ClassCount {
        name: name.clone(),
        boxes,
    };
    let names: Vec<&str> = made.formats.iter().map(|format| format.name()).collect();
    let asked = made.assembled.assigned.as_ref();
    let asked = asked.and_then(|assigned| assigned.asked.as_ref());
    DatasetFile {
        contract: DatasetFile::NAME.into(),
        version: DatasetFile::VERSION,
        format: names.join(","),
        conventions: conventions(made),
        dataset_version: made.release.version.clone(),
        previous: made.release.previous.clone(),
        recto: env!("CARGO_PKG_VERSION").into(),
        command: command(made.options),
        inputs: made.inputs.clone(),
        sources: sources(made),
        classes: dataset.classes.iter().zip(boxes).map(class).collect(),
        total: part_count(dataset.facts.iter()),
        splits: splits(made),
        groups: made.assembled.groups.clone(),
        left_out: made.summary.reasons(),
        filtered: made.summary.filtered,
        split: asked.map(ToString::to_string).unwrap_or_default(),
        seed: made.options.splits.seed,
        notes: made.summary.notes.clone(),
        files: Vec::new(),
    }
}

/// Whose the images are.
fn sources(made: &Made) -> Vec<DatasetSource> {
    let owners = made.assembled.owners.iter();
    let source = owners.map(|((rights, attribution), owned)| DatasetSource {
        rights: rights.clone(),
        attribution: attribution.clone(),
        images: owned.images,
        manifest_count: owned.manifest_count(),
        manifests: owned.manifests.iter().cloned().collect(),
    });
    source.collect()
}

fn conventions(made: &Made) -> String {
    let of = |format: &&'static dyn Format| format.conventions(made.format_options);
    match made.formats {
        [format] => of(format),
        formats => {
            let each = formats
                .iter()
                .map(|format| format!("{}: {}", format.name(), of(format)));
            each.collect::<Vec<_>>().join("; ")
        }
    }
}

/// Counts of each split.
pub fn splits(made: &Made) -> BTreeMap<String, PartCount> {
    let dataset = &made.assembled.dataset;
    let part = |(part, name): (usize, &String)| (name.clone(), part_count(dataset.facts_of(part)));
    dataset.splits.iter().enumerate().map(part).collect()
}

/// The files that the set was made from, with their hashes. Standard input has none.
///
/// # Errors
/// A file cannot be read again.
pub fn inputs(options: &Options) -> Result<Vec<DatasetInput>, Error> {
    let classes = &options.classes;
    let paths = [Some(&options.localizations), Some(&options.image_map)];
    let more = [
        &classes.remap,
        &classes.taxonomy_file,
        &classes.classes,
        &options.splits.split_like,
    ];
    let paths = paths.into_iter().chain(more.map(Option::as_ref)).flatten();
    // A set in parts is known by the file that names them with their hashes.
    let hashed = paths.map(|path| (path, path.join(SetFolder::FILE)));
    let files = hashed.filter_map(|(path, parts)| match files::is_there(&parts) {
        true => Some((path, parts)),
        false => files::is_there(path).then(|| (path, path.clone())),
    });
    let input = |(path, hashed): (&PathBuf, PathBuf)| {
        let sha256 = files::sha256_of_file(&hashed)
            .map_err(|e| Error::new(format!("{}: cannot be read", path.display())).because(e))?;
        Ok(DatasetInput {
            name: name_of(path),
            sha256,
        })
    };
    files.map(input).collect()
}

/// The command that makes the set again, with the options that are not the usual ones. Files are named without folders.
pub fn command(options: &Options) -> String {
    let mut line = CommandLine::of("recto-reformat");
    line.word(&name_of(&options.localizations));
    line.word("-f");
    line.word(&options.format.join(",").to_lowercase());
    for (option, value) in given(options) {
        if let Some(value) = value {
            line.option(option, &value);
        }
    }
    line.into_text()
}

/// An option, and its value if it is not the usual one; empty for one without a value.
pub type Given = (&'static str, Option<String>);

/// All options that decide what is written, each with its value where that is not the usual one.
pub fn given(options: &Options) -> impl Iterator<Item = Given> {
    let parts = [of_splits, of_boxes, of_classes, of_formats];
    parts.into_iter().flat_map(|part| part(options))
}

fn of_splits(options: &Options) -> Vec<Given> {
    let splits = &options.splits;
    let near = Some(splits.near_duplicates).filter(|near| *near != NearDuplicates::Off);
    vec![
        ("split", splits.split.as_ref().map(ToString::to_string)),
        ("seed", number(splits.seed as f64)),
        ("split-like", file(&splits.split_like)),
        ("split-by", splits.split_by.clone()),
        ("group-by", list(&splits.group_by)),
        ("stratify", word(splits.stratify)),
        ("near-duplicates", word(near)),
        (
            "near-duplicates-distance",
            unusual(splits.near_duplicates_distance, 6).filter(|_| near.is_some()),
        ),
    ]
}

fn of_boxes(options: &Options) -> Vec<Given> {
    let boxes = &options.boxes;
    let negatives = Some(boxes.negatives.to_string()).filter(|rule| rule != "keep");
    vec![
        ("negatives", negatives),
        ("unboxed", word(boxes.unboxed)),
        (
            "merge-equal",
            boxes.merge_equal.map(|part| part.to_string()),
        ),
        ("min-box", number(boxes.min_box)),
        ("min-image", number(boxes.min_image.into())),
        ("exif-boxes", word(boxes.exif_boxes)),
        ("tiles", options.tiles.tiles.map(|side| side.to_string())),
        ("overlap", unusual(options.tiles.overlap, 0)),
        ("min-visible", unusual(options.tiles.min_visible, 0.25)),
    ]
}

fn of_formats(options: &Options) -> Vec<Given> {
    vec![
        ("images", word(options.images)),
        ("no-croissant", flag(options.no_croissant)),
        ("published", options.published.map(|date| date.to_string())),
        ("previous", file(&options.previous)),
        ("no-val", flag(options.no_val)),
        ("voc-inclusive", flag(options.voc_inclusive)),
        ("crop-margin", number(options.crop_margin)),
        ("crop-square", flag(options.crop_square)),
        ("rectify", flag(options.rectify)),
        (
            "line-mask",
            word(Some(options.line_mask).filter(|mask| *mask != LineMask::default())),
        ),
        ("keypoints", options.keypoints.map(|n| n.to_string())),
        ("shard-mb", unusual(options.shard_mb, 256)),
        ("iiif-base", options.iiif_base.clone()),
        ("sheet-images", unusual(options.sheet_images, 24)),
        ("total", flag(options.total)),
    ]
}

fn of_classes(options: &Options) -> Vec<Given> {
    let classes = &options.classes;
    vec![
        ("remap", file(&classes.remap)),
        ("remap-descendants", flag(classes.remap_descendants)),
        ("to-rank", classes.to_rank.clone()),
        ("to-rank-strict", flag(classes.to_rank_strict)),
        ("taxonomy", flag(classes.taxonomy)),
        ("taxonomy-file", file(&classes.taxonomy_file)),
        ("supercategory", classes.supercategory.clone()),
        ("keep", list(&classes.keep)),
        ("min-count", number(classes.min_count as f64)),
        ("classes", file(&classes.classes)),
    ]
}

/// A value that is not the usual one.
fn unusual<T: PartialEq + ToString>(value: T, usual: T) -> Option<String> {
    (value != usual).then(|| value.to_string())
}

fn flag(is: bool) -> Option<String> {
    is.then(String::new)
}

fn number(n: f64) -> Option<String> {
    (n > 0.0).then(|| n.to_string())
}

fn file(path: &Option<PathBuf>) -> Option<String> {
    path.as_deref().map(name_of)
}

fn list(list: &[String]) -> Option<String> {
    (!list.is_empty()).then(|| list.join(","))
}

fn word(value: Option<impl std::fmt::Debug>) -> Option<String> {
    value.map(|value| format!("{value:?}").to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Stage as _;

    /// With the command in its description a set can be made again: no option is forgotten in it but those that say where files
    /// are and how the program works.
    #[test]
    fn every_option_that_decides_what_is_written_is_in_the_command() {
        const OTHERS: [&str; 14] = [
            "csv-safe",
            "format",
            "from-shards",
            "image-map",
            "jobs",
            "output",
            "partial-ok",
            "progress",
            "quiet",
            "rejects",
            "report",
            "shard",
            "help",
            "version",
        ];
        let options = Options::parse(["l.json", "-f", "coco", "-o", "set"]).unwrap();
        let known: Vec<&str> = given(&options).map(|(option, _)| option).collect();
        let command = <Options as clap::Args>::augment_args(clap::Command::new("reformat"));
        for option in command.get_arguments().filter_map(clap::Arg::get_long) {
            let is_known = known.contains(&option) || OTHERS.contains(&option);
            assert!(is_known, "--{option} is not in the command of dataset.json");
        }
        assert!(
            given(&options).all(|(_, value)| value.is_none()),
            "the usual is not told"
        );
        assert_eq!(
            command_of(&["--tiles", "64", "--overlap", "8"]),
            "--tiles 64 --overlap 8"
        );
        assert_eq!(
            command_of(&["--total", "--keypoints", "3"]),
            "--keypoints 3 --total"
        );
    }

    fn command_of(more: &[&str]) -> String {
        let line = [&["l.json", "-f", "coco", "-o", "set"], more].concat();
        let command = command(&Options::parse(line).unwrap());
        let rest = command
            .strip_prefix("recto-reformat l.json -f coco ")
            .unwrap();
        rest.to_owned()
    }
}
