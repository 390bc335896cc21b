//! How a program ends: the message for people, the file of `--report`, and the exit code.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Exit};
use crate::files;
use crate::messages::{self, say};
use crate::progress::Style;
use crate::summary::{Reject, Rejects, Summary};

/// The file of `--report`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReportFile {
    /// Always `recto/report`.
    #[schemars(extend("const" = "recto/report"))]
    pub contract: String,
    /// Version of the contract.
    pub version: u32,
    /// The program that ran: digest, extract, download, reformat, serve, shard.
    #[schemars(extend("enum" = ["digest", "extract", "download", "reformat", "serve", "shard"]))]
    pub stage: String,
    /// The exit code of the program.
    pub exit: u8,
    /// The error that ended the stage, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Number of records before the user's filters: `read + filtered`.
    pub seen: u64,
    /// Number of records that the user's filters left out.
    pub filtered: u64,
    /// Number of records after the filters: `kept + rejected`.
    pub read: u64,
    /// Number of records in the output.
    pub kept: u64,
    /// Number of records that could not be used.
    pub rejected: u64,
    /// How often each reason occurs among the rejects.
    pub reasons: BTreeMap<String, u64>,
    /// With `recto-download --refresh`, ids of images by what has become of them: `new`, `changed`, `gone`, `unknown`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changes: BTreeMap<String, Vec<String>>,
    /// Notes for the user.
    pub notes: Vec<String>,
    /// Wall time of the stage, in seconds.
    pub elapsed_seconds: f64,
    /// Counts by kind, different for each stage.
    #[serde(flatten)]
    pub counts: BTreeMap<String, u64>,
}

/// Options of every stage.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Common {
    /// Write a JSON report of the numbers of records read, kept and rejected (by reason) to FILE
    #[arg(long, value_name = "FILE", global = true)]
    pub report: Option<PathBuf>,
    /// Exit with code 0 even if some records were left out
    #[arg(long, global = true)]
    pub partial_ok: bool,
    /// Print only errors on stderr
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// How progress is shown on stderr; json also reports how each stage ended, including errors
    #[arg(long, global = true, value_enum, value_name = "STYLE", default_value_t = Style::Auto)]
    pub progress: Style,
    /// In CSV files, put an apostrophe before cells that spreadsheets would calculate: those that begin with = + - @
    #[arg(long, global = true)]
    pub csv_safe: bool,
}

/// A stage as its program sees it: options that can be run.
pub trait Stage: clap::Args {
    /// The name of the stage in reports and messages: `digest`, `extract`…
    const NAME: &'static str;

    /// Whether it runs until it is stopped, as a server does.
    const IS_SERVER: bool = false;

    /// The options that all stages have.
    fn common(&self) -> &Common;

    /// Runs the stage.
    ///
    /// # Errors
    /// The stage could not finish. The error holds the summary of what was done until then.
    fn run(&self) -> Result<Summary, Error>;

    /// Options from the arguments of a command line, without the name of the program. Defaults are those of the program.
    ///
    /// ```
    /// use recto::{Stage, extract};
    ///
    /// let options = extract::Options::parse(["digest.json", "-o", "boxes.json"])?;
    /// assert_eq!(options.output, std::path::Path::new("boxes.json"));
    /// assert!(extract::Options::parse(["--no-such-option"]).is_err());
    /// # Ok::<(), recto::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// The arguments are not valid.
    fn parse<I>(arguments: I) -> Result<Self, Error>
    where
        I: IntoIterator<Item: Into<OsString> + Clone>,
    {
        let command = clap::Command::new(Self::NAME).no_binary_name(true);
        let parsed = Self::augment_args(command)
            .try_get_matches_from(arguments)
            .and_then(|matches| Self::from_arg_matches(&matches));
        parsed.map_err(|e| {
            let text = e.to_string();
            Error::usage(text.strip_prefix("error: ").unwrap_or(&text).trim_end())
        })
    }
}

/// Runs a stage, prints how it ended, and writes `--report`.
pub fn run<Options: Stage>(options: &Options) -> Exit {
    let exit = run_and_report(options);
    messages::settle();
    exit
}

fn run_and_report<Options: Stage>(options: &Options) -> Exit {
    let start = Instant::now();
    let common = options.common();
    let writable = common.report.as_deref().map_or(Ok(()), files::rehearse);
    let ended = writable.and_then(|()| options.run()).and_then(print_output);
    let (summary, error) = parts(ended);
    let end = End {
        stage: Options::NAME,
        exit: exit(&summary, error.as_ref(), common.partial_ok),
        summary: &summary,
        error: error.as_ref(),
    };
    if common.progress == Style::Json && !common.quiet {
        say(&end.event());
    } else if !common.quiet || error.is_some() {
        say(&end.message());
    }
    // An invalid command line may name an input as the report.
    let report_to = common.report.as_deref().filter(|_| end.exit != Exit::Usage);
    let seconds = start.elapsed().as_secs_f64();
    match report_to.map_or(Ok(()), |path| files::write_json(path, &end.file(seconds))) {
        Ok(()) => end.exit,
        Err(error) => {
            say(&error.to_string());
            match end.exit {
                Exit::Complete => Exit::Failed,
                exit => exit,
            }
        }
    }
}

/// Prints how a command ended that is no stage: its output to standard output, what it did to standard error.
pub fn end(name: &'static str, ended: Result<Summary, Error>) -> Exit {
    end_in(name, ended, Style::Auto)
}

/// The same, in the style of [`Common::progress`].
pub fn end_in(name: &'static str, ended: Result<Summary, Error>, style: Style) -> Exit {
    let (summary, error) = parts(ended.and_then(print_output));
    let end = End {
        stage: name,
        exit: exit(&summary, error.as_ref(), false),
        summary: &summary,
        error: error.as_ref(),
    };
    if style == Style::Json {
        say(&end.event());
    } else if error.is_some() || !summary.done.is_empty() {
        say(&end.message());
    }
    messages::settle();
    end.exit
}

/// What was done, and the error that ended it.
fn parts(ended: Result<Summary, Error>) -> (Summary, Option<Error>) {
    match ended {
        Ok(summary) => (summary, None),
        Err(mut error) => (error.take_summary(), Some(error)),
    }
}

/// Prints the text of a summary for standard output.
fn print_output(summary: Summary) -> Result<Summary, Error> {
    if !summary.output.is_empty() {
        files::write("-".as_ref(), summary.output.as_bytes())?;
    }
    Ok(summary)
}

fn exit(summary: &Summary, error: Option<&Error>, partial_ok: bool) -> Exit {
    match error {
        Some(error) => error.exit(),
        // What may still come is to be asked for, whatever is missing for good.
        None if summary.rejects.may_pass() && !partial_ok => Exit::Temporary,
        None if summary.is_incomplete => Exit::Partial,
        None if summary.rejects.is_empty() || partial_ok => Exit::Complete,
        None => Exit::Partial,
    }
}

const EXAMPLES: usize = 3;

/// How often each reason occurs, and the first rejects for it.
fn examples(rejects: &Rejects) -> BTreeMap<String, (u64, Vec<Reject>)> {
    let mut by_reason: BTreeMap<String, (u64, Vec<Reject>)> = BTreeMap::new();
    for reject in rejects.iter() {
        let reason = reject.reason();
        if !by_reason.contains_key(reason) {
            by_reason.insert(reason.to_owned(), (0, Vec::new()));
        }
        if let Some((n, examples)) = by_reason.get_mut(reject.reason()) {
            *n += 1;
            if examples.len() < EXAMPLES {
                examples.push(reject);
            }
        }
    }
    by_reason
}

/// How a stage ended, for each of the forms in which that is reported.
struct End<'a> {
    stage: &'static str,
    exit: Exit,
    summary: &'a Summary,
    error: Option<&'a Error>,
}

impl End<'_> {
    /// The message for people, on standard error.
    fn message(&self) -> String {
        let summary = self.summary;
        let mut lines = Vec::new();
        if self.error.is_none() {
            lines.push(format!("{}: {}", self.stage, summary.done));
        }
        lines.extend(summary.notes.iter().map(|note| format!("  {note}")));
        for (reason, (n, examples)) in examples(&summary.rejects) {
            lines.push(format!("  left out {n}: {reason}"));
            let shown =
                |r: &Reject| format!("    {}, {}, {}: {}", r.input, r.record, r.field, r.problem);
            lines.extend(examples.iter().map(shown));
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

    /// The contents of the file of `--report`.
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
            changes: summary.changes.clone(),
            notes: summary.notes.clone(),
            elapsed_seconds,
            counts: summary.counts.clone(),
        }
    }
}

/// Writes rejects as CSV, sorted, with the header even without rejects, so that no row of an earlier run stays.
///
/// # Errors
/// The file cannot be written.
pub fn write_rejects(path: &Path, rejects: &Rejects, common: &Common) -> Result<(), Error> {
    files::write_csv_through(path, &REJECTS, common.csv_safe, |put| {
        rejects.sorted().try_for_each(|reject| put(&reject))
    })
}

/// Rejects as CSV, sorted, with the header even without rejects.
///
/// # Errors
/// A reject cannot be represented in CSV.
pub fn rejects_csv(rejects: &Rejects, common: &Common) -> Result<Vec<u8>, Error> {
    let bytes = files::to_csv("rejects", &REJECTS, rejects.sorted())?;
    files::safe_csv(bytes, common.csv_safe)
}

/// The header of `rejects.csv`.
const REJECTS: [&str; 4] = ["input", "record", "field", "problem"];
