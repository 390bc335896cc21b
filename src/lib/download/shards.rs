//! `--shard`: which part of a set this worker downloads, of a file or of a plan.

use std::path::Path;

use super::names::{Naming, Template};
use super::options::Options;
use super::shard_mark::{HashPart, MergedInto, ShardMark};
use crate::contracts::{self, ImageRecords, Parts, ShardPlan};
use crate::error::Error;
use crate::files;
use crate::summary::counted;
use crate::workers::{Shard, ShardChoice};

/// The options with the shard that is meant, and with the files of its plan if there is one.
///
/// # Errors
/// There is no such shard; the plan cannot be read, or is of another set than what is in the folder.
pub fn resolved(options: &Options) -> Result<Options, Error> {
    let folder = &options.localizations;
    let plan = folder.join(ShardPlan::FILE);
    let is_plan = folder.is_dir() && plan.is_file();
    let plan: Option<ShardPlan> = is_plan.then(|| contracts::read(&plan)).transpose()?;
    let count = plan.as_ref().map(|plan| plan.shards.len() as u64);
    let shard = options.shard.map(|choice| choice.resolved(count));
    let shard = shard.transpose()?;
    let Some(plan) = plan else {
        let mut of_part = Options {
            shard: shard.map(ShardChoice::Part),
            leaves_missing: shard.is_some(),
            ..options.clone()
        };
        if let Some(shard) = shard {
            let folder = &options.output_dir;
            HashPart::of(shard).keep_to(folder, options.dry_run)?;
            lists_into(folder, &mut of_part);
            of_part.merged = MergedInto::in_folder(folder);
        }
        return Ok(of_part);
    };
    let count = plan.shards.len();
    let some = format!("--shard I/{count}, I from 0, or --shard auto");
    match shard {
        Some(shard) if shard.count == count as u64 => of_plan(options, &plan, shard),
        Some(shard) => Err(Error::usage(format!(
            "--shard {}/{}: the plan in {} has {}",
            shard.index,
            shard.count,
            folder.display(),
            counted(count as u64, "shard", "shards")
        ))
        .hint(some)),
        None => Err(Error::usage(format!(
            "{} is a plan: --shard is missing",
            folder.display()
        ))
        .hint(some)),
    }
}

/// The options for a shard of a plan: its file, its folder, its lists there, and the part of the rate limits of its hosts.
fn of_plan(options: &Options, plan: &ShardPlan, shard: Shard) -> Result<Options, Error> {
    // A shard has a number below that of all.
    let number = shard.index as usize;
    let planned = &plan.shards[number];
    let file = options.localizations.join(&planned.file);
    let found = files::sha256_of_file(&file)
        .map_err(|e| Error::new(format!("{}: cannot be read", file.display())).because(e))?;
    if found != planned.sha256 {
        return Err(Error::new(format!(
            "{}: is not the file that {} names: its SHA-256 differs",
            file.display(),
            ShardPlan::FILE
        ))
        .hint("make the plan again with recto-shard plan"));
    }
    let output_dir = options.output_dir.join(ShardPlan::folder(number));
    let mark = ShardMark {
        set_sha256: plan.set_sha256.clone(),
        set_images: plan.images,
        shard: shard.index,
        shards: shard.count,
        images: planned.images,
    };
    let scratch = options.scratch.as_ref();
    let scratch = scratch.map(|scratch| scratch.join(ShardPlan::folder(number)));
    let mut of_shard = Options {
        scratch,
        localizations: file,
        leaves_missing: true,
        shard: None,
        shared_names: shared_names(options, plan)?,
        ..options.clone()
    };
    lists_into(&output_dir, &mut of_shard);
    of_shard.http.shared = plan.sharing(number);
    of_shard.merged = MergedInto::in_folder(&output_dir);
    refuse_other_sets(&output_dir, &mark, options.dry_run)?;
    of_shard.output_dir = output_dir;
    Ok(of_shard)
}

/// A bare name is that of a list in the folder of each worker, where they do not overwrite each other's and `recto-shard merge`
/// finds them.
fn lists_into(folder: &Path, options: &mut Options) {
    let lists = [
        (
            &mut options.image_map,
            &["image_map.json", "image_map.jsonl", "image_map.jsonl.zst"][..],
        ),
        (&mut options.failures, &["failures.csv"]),
        (&mut options.changes, &["changes.csv"]),
    ];
    for (list, usual) in lists {
        if usual.iter().any(|usual| list == Path::new(usual)) {
            *list = folder.join(&*list);
        }
    }
}

/// The keys of names that images of several shards would have. Files of one name are told apart when they are merged; in tar files
/// nothing can be renamed.
fn shared_names(options: &Options, plan: &ShardPlan) -> Result<Vec<u64>, Error> {
    let listed = match (options.name.is_some(), options.pack.is_some()) {
        (false, false) => Some(&plan.shared_names),
        (true, false) => return Ok(Vec::new()),
        (false, true) => plan.shared_names_in_packs.as_ref(),
        (true, true) => None,
    };
    if let Some(listed) = listed {
        let keys = listed.iter();
        let keys = keys.filter_map(|key| u64::from_str_radix(key, 16).ok());
        return Ok(keys.collect());
    }
    // The plan does not know what --name asks for: all shards are read.
    let naming = Naming::new(options.name.as_ref(), options.pack.is_some());
    let mut keys = Vec::new();
    for shard in &plan.shards {
        let file = options.localizations.join(&shard.file);
        let parts = options
            .name
            .as_ref()
            .map_or(Parts::NoBoxesNoMetadata, |_: &Template| Parts::NoBoxes);
        let (_, of_shard) =
            ImageRecords::open_with(&file, parts, |image| Naming::key(&naming.plain(image)))?;
        keys.extend(of_shard);
    }
    Ok(Naming::several(keys))
}

/// A shard of another set in the folder of one would leave what is there without a place in any list.
fn refuse_other_sets(folder: &Path, mark: &ShardMark, is_dry: bool) -> Result<(), Error> {
    match ShardMark::in_folder(folder) {
        Some(found) if found.set_sha256 == mark.set_sha256 => {}
        Some(_) => return Err(of_another_set(folder)),
        None => {}
    }
    match is_dry {
        true => Ok(()),
        false => files::write_json(&ShardMark::path(folder), mark),
    }
}

/// The error for a folder with a shard of another set.
pub fn of_another_set(folder: &Path) -> Error {
    Error::new(format!(
        "{}: holds a shard of another set",
        folder.display()
    ))
    .hint("merge what is there with recto-shard merge, or name another output folder")
}
