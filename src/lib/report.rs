//! How a stage ends: what it read, kept and left out, the words people see, and the exit code.
//!
//! Two kinds of trouble, never mixed. A record that cannot be used is data: a [`Reject`], counted, listed in a
//! file, and the run goes on. A stage that cannot finish is an [`Error`]: what happened, why, what to do.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::files;

/// Every way a program of recto can end. README's table of exit codes lists the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for was done.
    Complete = 0,
    /// The stage could not finish; nothing was published.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// Published, but some records were left out (0 with `--partial-ok`).
    Partial = 3,
    /// Stopped by Ctrl-C or SIGTERM; state is saved, the same command goes on.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// A record that was left out, and why. One row of `rejects.csv`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Reject {
    /// The file or URL that holds the record.
    pub input: String,
    /// The record inside it: an id, or a position such as `row 12`.
    pub record: String,
    /// The member of the record that is at fault.
    pub field: String,
    /// What is wrong: what was found and what was wanted. Starts with a reason that repeats from reject to
    /// reject; after `: ` come the particulars.
    pub problem: String,
}

impl Reject {
    /// A reject; see the fields for what each argument holds.
    pub fn new(
        input: impl Into<String>,
        record: impl Into<String>,
        field: &str,
        problem: impl Into<String>,
    ) -> Self {
        Reject {
            input: input.into(),
            record: record.into(),
            field: field.into(),
            problem: problem.into(),
        }
    }

    /// The part of the problem that repeats: the text before the first `: `.
    pub fn reason(&self) -> &str {
        self.problem.split(": ").next().unwrap_or(&self.problem)
    }
}

/// Why a stage could not finish: what happened, the chain of causes, and what to do about it.
#[derive(Debug)]
pub struct Error {
    what: String,
    because: Vec<String>,
    hint: Option<String>,
    exit: Exit,
}

impl Error {
    /// What happened and where, greppable: `file:line:column: found and wanted`, no final period.
    pub fn new(what: impl Into<String>) -> Self {
        Error {
            what: what.into(),
            because: Vec::new(),
            hint: None,
            exit: Exit::Failed,
        }
    }

    /// A command line that makes no sense (exit code 2).
    pub fn usage(what: impl Into<String>) -> Self {
        Error {
            exit: Exit::Usage,
            ..Error::new(what)
        }
    }

    /// Stopped on request; state is saved (exit code 130).
    pub fn interrupted(what: impl Into<String>) -> Self {
        Error {
            exit: Exit::Interrupted,
            ..Error::new(what)
        }
    }

    /// Adds a cause and the causes of that cause.
    pub fn because(mut self, cause: impl std::error::Error) -> Self {
        let mut next: Option<&dyn std::error::Error> = Some(&cause);
        while let Some(cause) = next {
            let text = cause.to_string();
            if self.because.last() != Some(&text) {
                self.because.push(text);
            }
            next = cause.source();
        }
        self
    }

    /// Names the exact flag, file or command that helps. No hint is better than a vague one.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What happened and where, without causes and hint.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What happened and why, in one line, without a hint.
    pub fn line(&self) -> String {
        let causes = self.because.iter().map(|cause| format!(": {cause}"));
        self.what.clone() + &causes.collect::<String>()
    }

    /// The code the program ends with.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        for cause in &self.because {
            write!(f, "\n  because {cause}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// What a stage read, kept and left out. `read == kept + rejects` always holds; what a filter asked by the user
/// set aside is counted in `filtered` and is not part of `read`.
#[derive(Debug, Default)]
pub struct Report {
    /// Records taken up after the user's filters.
    pub read: u64,
    /// Records in the output.
    pub kept: u64,
    /// Records set aside because the user asked for it.
    pub filtered: u64,
    /// Records left out against the user's wish.
    pub rejects: Vec<Reject>,
    /// Counts per kind, by stage: `manifests`, `requests`, `boxes`…
    pub counts: BTreeMap<String, u64>,
    /// News that is no reject: adjusted limits, clipped boxes, aspect ratios that disagree.
    pub notes: Vec<String>,
    /// The line that says what was published: `2275 observations in digest.json`.
    pub done: String,
    /// What to run next, or how to get what is missing.
    pub hint: Option<String>,
    /// Whether the account is told as JSON, as `--progress json` tells all.
    pub as_json: bool,
}

impl Report {
    /// Adds to a count.
    pub fn count(&mut self, kind: &str, n: u64) {
        *self.counts.entry(kind.to_owned()).or_default() += n;
    }

    /// How often each reason for a reject occurs.
    pub fn reasons(&self) -> BTreeMap<String, u64> {
        let mut reasons = BTreeMap::new();
        for reject in &self.rejects {
            *reasons.entry(reject.reason().to_owned()).or_default() += 1;
        }
        reasons
    }
}

/// What `--report FILE` holds.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReportFile {
    /// Always `recto/report`.
    #[schemars(extend("const" = "recto/report"))]
    pub contract: String,
    /// Version of this shape.
    pub version: u32,
    /// The stage that ran: digest, extract, download, reformat, serve.
    #[schemars(extend("enum" = ["digest", "extract", "download", "reformat", "serve"]))]
    pub stage: String,
    /// The exit code.
    pub exit: u8,
    /// The error that ended the stage, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Records before the user's filters: `read + filtered`.
    pub seen: u64,
    /// Records set aside by the user's filters.
    pub filtered: u64,
    /// Records taken up: `kept + rejected`.
    pub read: u64,
    /// Records in the output.
    pub kept: u64,
    /// Records left out.
    pub rejected: u64,
    /// How often each reason for a reject occurs.
    pub reasons: BTreeMap<String, u64>,
    /// News that is no reject.
    pub notes: Vec<String>,
    /// Wall time of the stage.
    pub elapsed_seconds: f64,
    /// Counts per kind, by stage.
    #[serde(flatten)]
    pub counts: BTreeMap<String, u64>,
}

/// Options every stage has.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Common {
    /// Write a JSON account of what was read, kept and rejected (by reason) to FILE
    #[arg(long, value_name = "FILE", global = true)]
    pub report: Option<PathBuf>,
    /// Exit with 0 although some records were left out
    #[arg(long, global = true)]
    pub partial_ok: bool,
    /// Say nothing on stderr but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

impl Common {
    /// Runs a stage to its end: times it, says how it went, writes `--report`, and gives the exit code.
    pub fn conclude(
        &self,
        stage: &str,
        work: impl FnOnce(&mut Report) -> Result<(), Error>,
    ) -> ExitCode {
        let start = Instant::now();
        let mut report = Report::default();
        let rehearsed = self.report.as_deref().map_or(Ok(()), files::rehearse);
        let ended = rehearsed.and_then(|()| work(&mut report));
        let exit = match &ended {
            Err(error) => error.exit(),
            Ok(()) if !report.rejects.is_empty() && !self.partial_ok => Exit::Partial,
            Ok(()) => Exit::Complete,
        };
        let error = ended.err();
        if report.as_json {
            say(&end(stage, exit, &report, error.as_ref()));
        } else if !self.quiet || error.is_some() {
            say(&words(stage, &report, error.as_ref()));
        }
        // A command line that makes no sense may name an input as the report.
        let report_to = self.report.as_deref().filter(|_| exit != Exit::Usage);
        let written = report_to.map(|path| {
            write_report(
                path,
                stage,
                exit,
                &report,
                error.as_ref(),
                start.elapsed().as_secs_f64(),
            )
        });
        match written {
            Some(Err(error)) => {
                say(&error.to_string());
                if exit == Exit::Complete {
                    Exit::Failed.into()
                } else {
                    exit.into()
                }
            }
            _ => exit.into(),
        }
    }
}

/// Parses the command line, or explains what is wrong with it and ends the program with code 2.
pub fn parse<Args: clap::Parser>() -> Args {
    Args::parse()
}

fn say(text: &str) {
    use std::io::Write;
    // A closed stderr is nobody's failure.
    let _ = writeln!(std::io::stderr(), "{text}");
}

const EXAMPLES: usize = 3;

fn words(stage: &str, report: &Report, error: Option<&Error>) -> String {
    let mut lines = Vec::new();
    if error.is_none() {
        lines.push(format!("{stage}: {}", report.done));
    }
    lines.extend(report.notes.iter().map(|note| format!("  {note}")));
    for (reason, n) in report.reasons() {
        lines.push(format!("  left out {n}: {reason}"));
        let examples = report
            .rejects
            .iter()
            .filter(|r| r.reason() == reason)
            .take(EXAMPLES);
        lines.extend(
            examples.map(|r| format!("    {}, {}, {}: {}", r.input, r.record, r.field, r.problem)),
        );
    }
    match error {
        Some(error) => lines.push(error.to_string()),
        None => lines.extend(report.hint.iter().map(|hint| format!("  hint: {hint}"))),
    }
    lines.join("\n")
}

/// The last event of `--progress json`.
fn end(stage: &str, exit: Exit, report: &Report, error: Option<&Error>) -> String {
    let event = serde_json::json!({
        "event": "end",
        "stage": stage,
        "exit": exit as u8,
        "read": report.read,
        "kept": report.kept,
        "rejected": report.rejects.len(),
        "done": report.done,
        "notes": report.notes,
        "error": error.map(|e| &e.what),
        "because": error.map(|e| &e.because),
        "hint": error.map_or(report.hint.as_ref(), |e| e.hint.as_ref()),
    });
    event.to_string()
}

fn write_report(
    path: &Path,
    stage: &str,
    exit: Exit,
    report: &Report,
    error: Option<&Error>,
    elapsed_seconds: f64,
) -> Result<(), Error> {
    let file = ReportFile {
        contract: "recto/report".into(),
        version: 1,
        stage: stage.into(),
        exit: exit as u8,
        error: error.map(|e| e.what.clone()),
        seen: report.read + report.filtered,
        filtered: report.filtered,
        read: report.read,
        kept: report.kept,
        rejected: report.rejects.len() as u64,
        reasons: report.reasons(),
        notes: report.notes.clone(),
        elapsed_seconds,
        counts: report.counts.clone(),
    };
    files::write_json(path, &file)
}

/// Writes rejects as CSV, in a fixed order, header always: no stale row of an earlier run lingers.
pub fn write_rejects(path: &Path, rejects: &[Reject]) -> Result<(), Error> {
    files::write(path, &rejects_csv(rejects)?)
}

/// Rejects as CSV, in a fixed order, header always.
pub fn rejects_csv(rejects: &[Reject]) -> Result<Vec<u8>, Error> {
    let mut rejects: Vec<&Reject> = rejects.iter().collect();
    rejects.sort();
    files::to_csv("rejects", &["input", "record", "field", "problem"], rejects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_what_because_and_hint_one_per_line() {
        let cause = serde_json::from_str::<u8>("x").unwrap_err();
        let text = Error::new("a.json:1:1: not JSON")
            .because(cause)
            .hint("run it again")
            .to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert_eq!(lines[0], "error: a.json:1:1: not JSON");
        assert!(lines[1].starts_with("  because expected value"), "{text}");
        assert_eq!(lines[2], "  hint: run it again");
    }

    #[test]
    fn rejects_are_grouped_by_the_part_of_the_problem_that_repeats() {
        let reject = |problem: &str| Reject::new("a", "1", "bbox", problem);
        let report = Report {
            rejects: vec![reject("box is empty: 0 x 3"), reject("box is empty: 2 x 0")],
            ..Report::default()
        };
        assert_eq!(
            report.reasons(),
            BTreeMap::from([("box is empty".to_owned(), 2)])
        );
    }
}
