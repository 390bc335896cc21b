//! `--shard`: which part of a set this worker downloads, as the user, a scheduler or a plan says.

use std::path::Path;

use super::options::{Options, Shard, ShardChoice};
use super::shard_mark::{HashPart, ShardMark};
use crate::contracts::{self, ShardPlan};
use crate::error::Error;
use crate::files;

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
    let shard = match options.shard {
        Some(ShardChoice::Part(shard)) => Some(shard),
        Some(ShardChoice::Auto) => Some(numbered(&|name| std::env::var(name).ok(), count)?),
        None => None,
    };
    let Some(plan) = plan else {
        if let Some(shard) = shard {
            HashPart::of(shard).keep_to(&options.output_dir, options.dry_run)?;
        }
        return Ok(Options {
            shard: shard.map(ShardChoice::Part),
            leaves_missing: shard.is_some(),
            ..options.clone()
        });
    };
    let count = plan.shards.len();
    let some = format!("--shard I/{count}, I from 0, or --shard auto");
    match shard {
        Some(shard) if shard.count == count as u64 => of_plan(options, &plan, shard),
        Some(shard) => Err(Error::usage(format!(
            "--shard {}/{}: the plan in {} has {count} shards",
            shard.index,
            shard.count,
            folder.display()
        ))
        .hint(some)),
        None => Err(Error::usage(format!(
            "{} is a plan: which of its shards?",
            folder.display()
        ))
        .hint(some)),
    }
}

/// The options for a shard of a plan: its file, its folder, its lists there, and the part of the pace of its hosts.
fn of_plan(options: &Options, plan: &ShardPlan, shard: Shard) -> Result<Options, Error> {
    // A shard has a number below that of all.
    let number = shard.index as usize;
    let planned = &plan.shards[number];
    let file = options.localizations.join(&planned.file);
    let found = files::sha256_of_file(&file)
        .map_err(|e| Error::new(format!("{}: cannot be read", file.display())).because(e))?;
    if found != planned.sha256 {
        return Err(Error::new(format!(
            "{}: is not the file that {} names: its SHA-256 is another",
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
    refuse_other_sets(&output_dir, &mark, options.dry_run)?;
    let mut of_shard = Options {
        localizations: file,
        leaves_missing: true,
        shard: None,
        shared_names: plan
            .shared_names
            .iter()
            .filter_map(|key| u64::from_str_radix(key, 16).ok())
            .collect(),
        ..options.clone()
    };
    // A bare name is that of a list in each folder.
    let lists = [
        (
            &mut of_shard.image_map,
            &["image_map.json", "image_map.jsonl", "image_map.jsonl.zst"][..],
        ),
        (&mut of_shard.failures, &["failures.csv"]),
        (&mut of_shard.changes, &["changes.csv"]),
    ];
    for (list, usual) in lists {
        if usual.iter().any(|usual| list == Path::new(usual)) {
            *list = output_dir.join(&*list);
        }
    }
    let hosts = planned.hosts.iter();
    of_shard.http.shared = hosts
        .map(|host| (host.host.clone(), host.shared_by))
        .collect();
    of_shard.output_dir = output_dir;
    Ok(of_shard)
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
    .hint("unite what is there with recto-shard merge, or name another output folder")
}

/// Where a scheduler says which of its workers this is: the variables with its number, the first number, and how many there are.
struct Scheduler {
    name: &'static str,
    index: &'static str,
    first: Option<&'static str>,
    last: Option<&'static str>,
    count: Option<&'static str>,
}

const SCHEDULERS: [Scheduler; 5] = [
    Scheduler {
        name: "Slurm",
        index: "SLURM_ARRAY_TASK_ID",
        first: Some("SLURM_ARRAY_TASK_MIN"),
        last: Some("SLURM_ARRAY_TASK_MAX"),
        count: Some("SLURM_ARRAY_TASK_COUNT"),
    },
    Scheduler {
        name: "Kubernetes",
        index: "JOB_COMPLETION_INDEX",
        first: None,
        last: None,
        count: None,
    },
    Scheduler {
        name: "AWS Batch",
        index: "AWS_BATCH_JOB_ARRAY_INDEX",
        first: None,
        last: None,
        count: Some("AWS_BATCH_JOB_ARRAY_SIZE"),
    },
    Scheduler {
        name: "PBS",
        index: "PBS_ARRAY_INDEX",
        first: None,
        last: None,
        count: None,
    },
    Scheduler {
        name: "Grid Engine",
        index: "SGE_TASK_ID",
        first: Some("SGE_TASK_FIRST"),
        last: Some("SGE_TASK_LAST"),
        count: None,
    },
];

/// The number of the variable that counts workers where a scheduler does not.
const COUNT: &str = "RECTO_SHARDS";

/// The shard that a scheduler gives this worker. Of a plan the number of the worker is that of the shard, so that some of them
/// can be started again; else workers are counted from the first one.
fn numbered(
    environment: &impl Fn(&str) -> Option<String>,
    planned: Option<u64>,
) -> Result<Shard, Error> {
    let number = |name: &str| environment(name).and_then(|text| text.trim().parse::<u64>().ok());
    let given = SCHEDULERS
        .iter()
        .find_map(|of| Some((of, number(of.index)?)));
    let own = number(COUNT);
    let Some((scheduler, index)) = given else {
        let names: Vec<&str> = SCHEDULERS.iter().map(|of| of.index).collect();
        return Err(
            Error::usage("--shard auto: no scheduler says which worker this is").hint(format!(
                "one of {} says so; or give --shard I/N",
                names.join(", ")
            )),
        );
    };
    let (name, variable) = (scheduler.name, scheduler.index);
    let first = scheduler.first.and_then(number).unwrap_or(0);
    if let Some(count) = planned.or(own) {
        // Grid Engine counts from 1.
        let base = if variable == "SGE_TASK_ID" { 1 } else { 0 };
        return match index.checked_sub(base).filter(|index| *index < count) {
            Some(index) => Ok(Shard { index, count }),
            None => Err(Error::usage(format!(
                "--shard auto: {name} says {variable}={index}, and there are {count} shards"
            ))
            .hint(format!(
                "number the workers from {base} to {}",
                count + base - 1
            ))),
        };
    }
    let counted = scheduler.count.and_then(number);
    let last = scheduler.last.and_then(number);
    let spanned = last.and_then(|last| Some(last.checked_sub(first)? + 1));
    match (counted.or(spanned), spanned) {
        (Some(count), Some(span)) if count != span => Err(Error::usage(format!(
            "--shard auto: {name} runs {count} workers with numbers up to {span} apart: it is not known which is which"
        ))
        .hint(format!("set {COUNT} to the number of shards and number the workers from 0, or make a plan with recto-shard plan"))),
        (Some(count), _) if index >= first && index - first < count => Ok(Shard {
            index: index - first,
            count,
        }),
        _ => Err(Error::usage(format!(
            "--shard auto: {name} says {variable}={index}, and nothing says how many workers there are"
        ))
        .hint(format!("set {COUNT} to their number"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_numbered_as_schedulers_number_them() {
        // (variables, shards of the plan, index and count; or words of the error)
        type Case = (&'static str, Option<u64>, Result<(u64, u64), &'static str>);
        let cases: [Case; 13] = [
            ("", None, Err("no scheduler")),
            (
                "SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=6 SLURM_ARRAY_TASK_COUNT=4",
                None,
                Ok((2, 4)),
            ),
            (
                "SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=9 SLURM_ARRAY_TASK_COUNT=4",
                None,
                Err("which is which"),
            ),
            ("SLURM_ARRAY_TASK_ID=5", None, Err("how many")),
            (
                "SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_MAX=5 SLURM_ARRAY_TASK_COUNT=1",
                Some(8),
                Ok((5, 8)),
            ),
            ("SLURM_ARRAY_TASK_ID=8", Some(8), Err("there are 8 shards")),
            ("JOB_COMPLETION_INDEX=1", None, Err("how many")),
            ("JOB_COMPLETION_INDEX=1 RECTO_SHARDS=3", None, Ok((1, 3))),
            (
                "JOB_COMPLETION_INDEX=3 RECTO_SHARDS=3",
                None,
                Err("there are 3 shards"),
            ),
            (
                "AWS_BATCH_JOB_ARRAY_INDEX=0 RECTO_SHARDS=2",
                None,
                Ok((0, 2)),
            ),
            ("PBS_ARRAY_INDEX=1 RECTO_SHARDS=2", None, Ok((1, 2))),
            (
                "SGE_TASK_ID=3 SGE_TASK_FIRST=1 SGE_TASK_LAST=4",
                None,
                Ok((2, 4)),
            ),
            ("SGE_TASK_ID=3", Some(4), Ok((2, 4))),
        ];
        for (variables, planned, wanted) in cases {
            let value = |name: &str| {
                let mut pairs = variables.split(' ').filter_map(|pair| pair.split_once('='));
                pairs
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| value.to_owned())
            };
            match (numbered(&value, planned), wanted) {
                (Ok(shard), Ok(wanted)) => {
                    assert_eq!((shard.index, shard.count), wanted, "{variables}")
                }
                (Err(error), Err(words)) => {
                    assert!(error.to_string().contains(words), "{variables}: {error}")
                }
                (found, _) => panic!("{variables}: {found:?}"),
            }
        }
    }
}
