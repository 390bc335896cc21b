//! How a program ends: the words people see, the file of `--report`, and the exit code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Exit};
use crate::files;
use crate::summary::{Reject, Summary};

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

/// A stage as its program sees it: options that can be run.
pub trait Stage {
    /// What `--report`, progress and messages call it: `digest`, `extract`, ….
    const NAME: &'static str;

    /// The options that all stages share.
    fn common(&self) -> &Common;

    /// Whether the end is told as JSON, as `--progress json` tells everything.
    fn ends_in_json(&self) -> bool {
        false
    }

    /// Does the work.
    ///
    /// # Errors
    /// Why the stage could not finish, with the summary of what it had done by then.
    fn run(&self) -> Result<Summary, Error>;
}

/// Parses the command line and runs the stage to its end: times it, says how it went, writes `--report`, and gives the
/// exit code. What is wrong with a command line is explained, and the program ends with code 2.
pub fn main<Args: clap::Parser, Options: Stage>(options: impl FnOnce(Args) -> Options) -> ExitCode {
    finish(&options(Args::parse()))
}

fn finish<Options: Stage>(options: &Options) -> ExitCode {
    let start = Instant::now();
    let common = options.common();
    let writable = common.report.as_deref().map_or(Ok(()), files::rehearse);
    let ended = writable.and_then(|()| options.run()).and_then(print_output);
    let (summary, error) = match ended {
        Ok(summary) => (summary, None),
        Err(mut error) => (error.take_summary(), Some(error)),
    };
    let end = End {
        stage: Options::NAME,
        exit: exit(&summary, error.as_ref(), common.partial_ok),
        summary: &summary,
        error: error.as_ref(),
    };
    if options.ends_in_json() {
        say(&end.event());
    } else if !common.quiet || error.is_some() {
        say(&end.words());
    }
    // A command line that makes no sense may name an input as the report.
    let report_to = common.report.as_deref().filter(|_| end.exit != Exit::Usage);
    let seconds = start.elapsed().as_secs_f64();
    match report_to.map_or(Ok(()), |path| files::write_json(path, &end.file(seconds))) {
        Ok(()) => end.exit.into(),
        Err(error) => {
            say(&error.to_string());
            match end.exit {
                Exit::Complete => Exit::Failed.into(),
                exit => exit.into(),
            }
        }
    }
}

/// What was requested on standard output.
fn print_output(summary: Summary) -> Result<Summary, Error> {
    if !summary.output.is_empty() {
        files::write("-".as_ref(), summary.output.as_bytes())?;
    }
    Ok(summary)
}

fn exit(summary: &Summary, error: Option<&Error>, partial_ok: bool) -> Exit {
    match error {
        Some(error) => error.exit(),
        None if !summary.rejects.is_empty() && !partial_ok => Exit::Partial,
        None => Exit::Complete,
    }
}

fn say(text: &str) {
    use std::io::Write;
    // A closed stderr is nobody's failure.
    let _ = writeln!(std::io::stderr(), "{text}");
}

const EXAMPLES: usize = 3;

/// How a stage ended, in each of the forms in which that is told.
struct End<'a> {
    stage: &'static str,
    exit: Exit,
    summary: &'a Summary,
    error: Option<&'a Error>,
}

impl End<'_> {
    /// For people, on standard error.
    fn words(&self) -> String {
        let summary = self.summary;
        let mut lines = Vec::new();
        if self.error.is_none() {
            lines.push(format!("{}: {}", self.stage, summary.done));
        }
        lines.extend(summary.notes.iter().map(|note| format!("  {note}")));
        for (reason, n) in summary.reasons() {
            lines.push(format!("  left out {n}: {reason}"));
            let of_reason = summary.rejects.iter().filter(|r| r.reason() == reason);
            lines.extend(
                of_reason
                    .take(EXAMPLES)
                    .map(|r| format!("    {}, {}, {}: {}", r.input, r.record, r.field, r.problem)),
            );
        }
        match self.error {
            Some(error) => lines.push(error.to_string()),
            None => lines.extend(summary.hint.iter().map(|hint| format!("  hint: {hint}"))),
        }
        lines.join("\n")
    }

    /// The last event of `--progress json`.
    fn event(&self) -> String {
        let (summary, error) = (self.summary, self.error);
        let event = serde_json::json!({
            "event": "end",
            "stage": self.stage,
            "exit": self.exit as u8,
            "read": summary.read,
            "kept": summary.kept,
            "rejected": summary.rejects.len(),
            "done": summary.done,
            "notes": summary.notes,
            "error": error.map(Error::what),
            "because": error.map(Error::causes),
            "hint": error.map_or(summary.hint.as_deref(), Error::advice),
        });
        event.to_string()
    }

    /// What `--report FILE` holds.
    fn file(&self, elapsed_seconds: f64) -> ReportFile {
        let summary = self.summary;
        ReportFile {
            contract: "recto/report".into(),
            version: 1,
            stage: self.stage.into(),
            exit: self.exit as u8,
            error: self.error.map(|error| error.what().to_owned()),
            seen: summary.read + summary.filtered,
            filtered: summary.filtered,
            read: summary.read,
            kept: summary.kept,
            rejected: summary.rejects.len() as u64,
            reasons: summary.reasons(),
            notes: summary.notes.clone(),
            elapsed_seconds,
            counts: summary.counts.clone(),
        }
    }
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
