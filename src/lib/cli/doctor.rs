//! `recto doctor`: what the programs need of this machine and of the way to the network, looked at one by one.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Task;
use crate::error::{Error, Exit};
use crate::http::{self, Client, Request};
use crate::summary::Summary;
use crate::{files, report};

/// Below this many free bytes a disk is nearly full.
const FEW_BYTES: u64 = 1 << 30;
/// Below this many free entries a disk is nearly full, whatever bytes it has.
const FEW_FILES: u64 = 10_000;
/// Below this many open files, downloads from many hosts side by side are slow.
const FEW_OPEN: usize = 1024;

/// Check proxy, certificates, disk, limits, and whether hosts answer
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Request these too, once each, and say how they answer
    #[arg(value_name = "URL")]
    urls: Vec<String>,
    /// The folder that downloads are for
    #[arg(long, value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Print the checks as JSON to standard output
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    http: http::Options,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    /// `proxy`, `certificates`, `disk`, `limits`, `host`.
    check: &'static str,
    /// Whether it is as recto needs it.
    ok: bool,
    /// What was found.
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Check {
    fn new(check: &'static str, ok: bool, found: impl Into<String>) -> Self {
        Check {
            check,
            ok,
            found: found.into(),
            hint: None,
        }
    }

    /// Help, where something is wrong.
    fn hint(mut self, hint: &str) -> Self {
        self.hint = (!self.ok).then(|| hint.into());
        self
    }
}

impl Task for Options {
    const NAME: &'static str = "doctor";

    fn run(&self) -> Exit {
        report::end(Self::NAME, examined(self))
    }
}

fn examined(options: &Options) -> Result<Summary, Error> {
    let mut checks = vec![proxy(), certificates(options.http.insecure)];
    checks.extend(disk(&options.folder));
    checks.push(limits());
    checks.extend(hosts(options)?);
    let output = match options.json {
        true => serde_json::to_string_pretty(&serde_json::json!({ "checks": checks })),
        false => Ok(checks.iter().map(line).collect::<Vec<_>>().join("\n")),
    };
    let output =
        output.map_err(|e| Error::new("the checks cannot be written as JSON").because(e))? + "\n";
    let wrong = checks.iter().filter(|check| !check.ok).count();
    files::write("-".as_ref(), output.as_bytes())?;
    match wrong {
        0 => Ok(Summary {
            done: format!("all {} checks passed", checks.len()),
            ..Summary::default()
        }),
        n => Err(Error::new(format!("{n} of {} checks failed", checks.len()))),
    }
}

fn line(check: &Check) -> String {
    let state = if check.ok { "ok   " } else { "FAIL " };
    let hint = check
        .hint
        .iter()
        .map(|hint| format!("\n     {:<13} hint: {hint}", ""));
    format!(
        "{state}{:<13} {}{}",
        check.check,
        check.found,
        hint.collect::<String>()
    )
}

fn proxy() -> Check {
    if let Err(error) = http::proxies::refuse_unusable() {
        let hint = error.advice().unwrap_or_default().to_owned();
        return Check::new("proxy", false, error.what()).hint(&hint);
    }
    let named = http::proxies::named();
    match named.is_empty() {
        true => Check::new("proxy", true, "none set: requests are sent directly"),
        false => Check::new("proxy", true, named.join(", ")),
    }
}

fn certificates(insecure: bool) -> Check {
    if insecure {
        return Check::new("certificates", true, "not verified: --insecure");
    }
    let (trusted, errors) = http::certificates::trusted();
    let found = format!("{trusted} authorities are trusted");
    let found = match errors.first() {
        Some(error) => format!("{found}; {error}"),
        None => found,
    };
    Check::new("certificates", trusted > 0, found)
        .hint("install the system's certificates (Debian: ca-certificates), or name a file with SSL_CERT_FILE")
}

/// What is known of the disk of a folder. Nothing is created: of a folder that does not exist yet, the nearest one above it that
/// does is looked at.
fn disk(folder: &Path) -> Vec<Check> {
    let mut checks = Vec::new();
    let existing = match files::is_in_store(folder) {
        true => folder,
        false => nearest_existing(folder),
    };
    let writable = files::rehearse(&existing.join("recto-doctor"));
    let place = folder.display();
    checks.push(match writable {
        Ok(()) if existing != folder => {
            let found = format!(
                "{place}: does not exist; a download would create it in {}, which can be written",
                existing.display()
            );
            Check::new("disk", true, found)
        }
        Ok(()) => Check::new("disk", true, format!("{place}: can be written")),
        Err(error) => {
            Check::new("disk", false, error.line()).hint("name a folder of your own with --folder")
        }
    });
    if let Some((bytes, entries)) = files::free_space(existing) {
        let gib = bytes as f64 / (1_u64 << 30) as f64;
        let found = format!("{place}: {gib:.1} GiB free");
        checks.push(Check::new("disk", bytes >= FEW_BYTES, found).hint("free some space"));
        // File systems without a fixed number of files count none.
        if let Some(entries) = entries {
            let found = format!("{place}: {entries} more files fit");
            let check = Check::new("disk", entries >= FEW_FILES, found);
            checks.push(
                check.hint("the file system has no room for more files, whatever their size"),
            );
        }
    }
    checks
}

/// The folder, or the first above it that exists.
fn nearest_existing(folder: &Path) -> &Path {
    let mut above = folder.ancestors();
    let found = above.find(|path| path.exists());
    // A relative path ends in nothing, which is the current folder.
    found.unwrap_or(Path::new("."))
}

fn limits() -> Check {
    match files::most_open() {
        usize::MAX => Check::new("limits", true, "no limit on open files is known"),
        most => Check::new(
            "limits",
            most >= FEW_OPEN,
            format!("{most} files may be open at once"),
        )
        .hint("raise the limit: ulimit -n 4096, or ask whoever runs this machine"),
    }
}

/// Requests every URL once, as a stage would: with robots.txt, by the proxy, with the user's secrets.
fn hosts(options: &Options) -> Result<Vec<Check>, Error> {
    if options.urls.is_empty() {
        return Ok(Vec::new());
    }
    let urls = options.urls.iter().map(String::as_str);
    let client = Client::new(&options.http, &options.http.hosts(urls))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|e| Error::new("the network client cannot be set up").because(e))?;
    let asked = options
        .urls
        .iter()
        .map(|url| runtime.block_on(host(&client, url)));
    Ok(asked.collect())
}

async fn host(client: &Client, url: &str) -> Check {
    let request = Request {
        url: url.into(),
        max_retries: Some(0),
        ..Request::default()
    };
    match client.head_of_answer(&request).await {
        Ok(head) => Check::new(
            "host",
            true,
            format!("{url}: answered with status {}", head.status),
        ),
        Err(error) => Check::new("host", false, format!("{url}: {}", error.message)),
    }
}
