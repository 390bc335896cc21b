//! Options that have no effect on the formats that are written: told, since somebody expected one. Pure.

use super::options::Options;
use super::output::Placing;
use crate::formats::{Format, LineMask};

/// Notes about options that none of the formats uses.
pub fn notes(options: &Options, formats: &[&dyn Format], single: bool) -> Vec<String> {
    let is_any = |names: &[&str]| formats.iter().any(|format| names.contains(&format.name()));
    let holds_images = !single && formats.iter().any(|format| format.info().holds_images);
    let needs_val = formats.iter().any(|format| format.info().needs_val);
    let shards = ["tf", "parquet", "webdataset"];
    let is_not_default = options.line_mask != LineMask::default();
    // (option, whether it is given, whether it is used, what it is for)
    let all = [
        ("--no-val", options.no_val, needs_val, "-f yolo"),
        (
            "--voc-inclusive",
            options.voc_inclusive,
            is_any(&["voc"]),
            "-f voc",
        ),
        (
            "--crop-margin",
            options.crop_margin != 0.0,
            is_any(&["crops"]),
            "-f crops",
        ),
        (
            "--crop-square",
            options.crop_square,
            is_any(&["crops"]),
            "-f crops",
        ),
        ("--rectify", options.rectify, is_any(&["lines"]), "-f lines"),
        (
            "--line-mask",
            is_not_default,
            is_any(&["lines"]),
            "-f lines",
        ),
        (
            "--keypoints",
            options.keypoints.is_some(),
            is_any(&["coco", "roboflow"]),
            "-f coco",
        ),
        (
            "--shard-mb",
            options.shard_mb != 256,
            is_any(&shards),
            "-f tf, parquet and webdataset",
        ),
        (
            "--iiif-base",
            options.iiif_base.is_some(),
            is_any(&["iiif"]),
            "-f iiif",
        ),
        (
            "--sheet-images",
            options.sheet_images != 24,
            is_any(&["sheet", "report"]),
            "-f sheet and report",
        ),
        ("--total", options.total, is_any(&["counts"]), "-f counts"),
        (
            "--images",
            !matches!(options.images, None | Some(Placing::None)),
            holds_images,
            "formats that hold image files, in a folder",
        ),
    ];
    let unused = all
        .iter()
        .filter(|(_, is_given, is_used, _)| *is_given && !is_used);
    let mut notes: Vec<String> = unused
        .map(|(option, _, _, what)| format!("{option} has no effect here: it is for {what}"))
        .collect();
    if options.splits.seed != 0 && !options.splits.is_split() && !options.boxes.negatives.is_ratio()
    {
        notes.push("--seed has no effect here: it is for --split and --negatives ratio:…".into());
    }
    notes
}
