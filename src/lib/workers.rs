//! `--shard`: which of several workers this is, as the user or a scheduler says.

use std::str::FromStr;

use crate::error::Error;
use crate::files;

/// Which part of the work this worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardChoice {
    /// The one that a scheduler gives this worker.
    Auto,
    /// This one.
    Part(Shard),
}

impl FromStr for ShardChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(ShardChoice::Auto),
            _ => text.parse().map(ShardChoice::Part),
        }
    }
}

impl ShardChoice {
    /// The shard: the one that was named, or that of a scheduler. `planned` is the number of shards of a plan, if there is one.
    ///
    /// # Errors
    /// `auto`, and no scheduler says which worker this is, or how many there are.
    pub fn resolved(self, planned: Option<u64>) -> Result<Shard, Error> {
        match self {
            ShardChoice::Part(shard) => Ok(shard),
            ShardChoice::Auto => numbered(&|name| std::env::var(name).ok(), planned),
        }
    }
}

/// One of several parts of the work, which workers do side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 0.
    pub index: u64,
    /// How many there are.
    pub count: u64,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let parts =
            parts.and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parts {
            Some((index, count)) if index < count && count <= 10_000 => Ok(Shard { index, count }),
            _ => Err(format!("`{text}` is not a part such as 0/4 or 3/4")),
        }
    }
}

impl Shard {
    /// Whether something is in it, by a hash of its id or URL: the same whatever else there is.
    pub fn has(self, id: &str) -> bool {
        let digits = files::hex_digest(id.as_bytes(), 15);
        u64::from_str_radix(&digits, 16).unwrap_or_default() % self.count == self.index
    }

    /// Which one of how many workers share the rate limit of each host.
    pub fn workers(self) -> (u64, u64) {
        (self.index, self.count)
    }
}

/// Where a scheduler says which of its workers this is: the variables with its number, the first number, and how many there are.
struct Scheduler {
    name: &'static str,
    index: &'static str,
    first: Option<&'static str>,
    last: Option<&'static str>,
    count: Option<&'static str>,
}

impl Scheduler {
    /// Refuses numbers of workers that are not that of the shards of a plan: those that a person counts (`own`), or that always count
    /// from 0, are all that there are. Of others some may be started again.
    fn refuse_contradictions(
        &self,
        counted: Option<u64>,
        own: Option<u64>,
        shards: u64,
    ) -> Result<(), Error> {
        let of_array = self
            .count
            .filter(|name| *name == "AWS_BATCH_JOB_ARRAY_SIZE");
        let said = [(Some(COUNT), own), (of_array, counted)];
        let said = said
            .into_iter()
            .filter_map(|(name, workers)| name.zip(workers));
        match { said }.find(|(_, workers)| *workers != shards) {
            None => Ok(()),
            Some((name, workers)) => Err(Error::usage(format!(
                "--shard auto: {name}={workers}, and there are {shards} shards"
            ))
            .hint(format!(
                "start {shards} workers, or make a plan for {workers}"
            ))),
        }
    }
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

/// A number or count of workers. No scheduler has more than 10⁹.
fn number_of_workers(text: &str) -> Option<u64> {
    text.trim()
        .parse()
        .ok()
        .filter(|number| *number <= 1_000_000_000)
}

/// The shard that a scheduler gives this worker. Of a plan the number of the worker is that of the shard, so that some of them
/// can be started again; else workers are counted from the first one.
fn numbered(
    environment: &impl Fn(&str) -> Option<String>,
    planned: Option<u64>,
) -> Result<Shard, Error> {
    let number = |name: &str| environment(name).and_then(|text| number_of_workers(&text));
    let given = SCHEDULERS
        .iter()
        .find_map(|of| Some((of, number(of.index)?)));
    let own = number(COUNT).filter(|count| *count > 0);
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
    let counted = scheduler.count.and_then(number);
    let last = scheduler.last.and_then(number);
    if let Some(count) = planned.or(own) {
        scheduler.refuse_contradictions(counted, own, count)?;
        // Grid Engine counts from 1.
        let base = if variable == "SGE_TASK_ID" { 1 } else { 0 };
        // One number too large means that all are meant otherwise: no worker begins, in place of all but one.
        let is_past = last.is_some_and(|last| last >= count + base);
        let index_from_0 = index.checked_sub(base);
        return match index_from_0.filter(|index| *index < count && !is_past) {
            Some(index) => Ok(Shard { index, count }),
            None => Err(Error::usage(format!(
                "--shard auto: {name} says {variable}={index}{}, and the number of shards is {count}",
                last.map_or(String::new(), |last| format!(" of numbers up to {last}"))
            ))
            .hint(format!(
                "number the workers from {base} to {}",
                count + base - 1
            ))),
        };
    }
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
        let cases: [Case; 22] = [
            ("", None, Err("no scheduler")),
            (
                "JOB_COMPLETION_INDEX=1 RECTO_SHARDS=0",
                None,
                Err("nothing says how many"),
            ),
            (
                "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=18446744073709551615 SLURM_ARRAY_TASK_COUNT=2",
                None,
                Ok((1, 2)),
            ),
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
            (
                "SLURM_ARRAY_TASK_ID=8",
                Some(8),
                Err("the number of shards is 8"),
            ),
            ("JOB_COMPLETION_INDEX=1", None, Err("how many")),
            ("JOB_COMPLETION_INDEX=1 RECTO_SHARDS=3", None, Ok((1, 3))),
            (
                "JOB_COMPLETION_INDEX=3 RECTO_SHARDS=3",
                None,
                Err("the number of shards is 3"),
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
            (
                "AWS_BATCH_JOB_ARRAY_INDEX=0 AWS_BATCH_JOB_ARRAY_SIZE=3",
                Some(4),
                Err("AWS_BATCH_JOB_ARRAY_SIZE=3, and there are 4 shards"),
            ),
            (
                "AWS_BATCH_JOB_ARRAY_INDEX=0 AWS_BATCH_JOB_ARRAY_SIZE=4",
                Some(4),
                Ok((0, 4)),
            ),
            (
                "JOB_COMPLETION_INDEX=1 RECTO_SHARDS=3",
                Some(4),
                Err("RECTO_SHARDS=3, and there are 4 shards"),
            ),
            ("JOB_COMPLETION_INDEX=1 RECTO_SHARDS=4", Some(4), Ok((1, 4))),
            (
                "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=4 SLURM_ARRAY_TASK_COUNT=4",
                Some(4),
                Err("of numbers up to 4, and the number of shards is 4"),
            ),
            (
                "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=3 SLURM_ARRAY_TASK_COUNT=2",
                Some(4),
                Ok((3, 4)),
            ),
            (
                "SGE_TASK_ID=4 SGE_TASK_FIRST=1 SGE_TASK_LAST=4",
                Some(4),
                Ok((3, 4)),
            ),
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
