//! Options that have no effect on the formats that are written: told, since somebody expected one. Pure.

use super::options::Options;
use super::output::Placing;
use super::split::options::NearDuplicates;
use crate::formats::{Format, LineMask};

/// Notes about options that none of the formats uses.
pub fn notes(options: &Options, formats: &[&dyn Format], single: bool) -> Vec<String> {
    let is_any = |names: &[&str]| formats.iter().any(|format| names.contains(&format.name()));
    let given = given(options)
        .into_iter()
        .filter(|(_, is_given, _)| *is_given);
    let mut notes: Vec<String> = given
        .filter(|(_, _, names)| !is_any(names))
        .map(|(option, _, names)| {
            let names = names.join(", ");
            format!("{option} has no effect here: it is for -f {names}")
        })
        .collect();
    let holds_images = !single && formats.iter().any(|format| format.info().holds_images);
    if !holds_images && !matches!(options.images, None | Some(Placing::None)) {
        notes.push("--images has no effect here: no image files are written".into());
    }
    if options.no_val && !formats.iter().any(|format| format.info().needs_val) {
        notes.push("--no-val has no effect here: it is for -f yolo".into());
    }
    let uses_seed = options.splits.is_split() || options.boxes.negatives.is_ratio();
    if options.splits.seed != 0 && !uses_seed {
        notes.push("--seed has no effect here: it is for --split and --negatives ratio:…".into());
    }
    let splits = &options.splits;
    if splits.near_duplicates_distance != 6 && splits.near_duplicates == NearDuplicates::Off {
        notes.push(
            "--near-duplicates-distance has no effect here: it is for --near-duplicates".into(),
        );
    }
    notes
}

/// Options for some formats alone: whether each is given, and the formats.
fn given(options: &Options) -> [(&'static str, bool, &'static [&'static str]); 10] {
    let is_masked = options.line_mask != LineMask::default();
    [
        ("--voc-inclusive", options.voc_inclusive, &["voc"]),
        ("--crop-margin", options.crop_margin != 0.0, &["crops"]),
        ("--crop-square", options.crop_square, &["crops"]),
        ("--rectify", options.rectify, &["lines"]),
        ("--line-mask", is_masked, &["lines"]),
        (
            "--keypoints",
            options.keypoints.is_some(),
            &["coco", "roboflow"],
        ),
        (
            "--shard-mb",
            options.shard_mb != 256,
            &["tf", "parquet", "webdataset"],
        ),
        ("--iiif-base", options.iiif_base.is_some(), &["iiif"]),
        (
            "--sheet-images",
            options.sheet_images != 24,
            &["sheet", "report"],
        ),
        ("--total", options.total, &["counts"]),
    ]
}
