//! What a run leaves behind: the map, the list of failures, the account.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use super::fetch::{self, Places, Wish};
use super::finished::{Finished, Slot};
use super::{Options, names};
use crate::contracts::{self, Download, Failure, LocalizedImage};
use crate::error::Error;
use crate::files;
use crate::http::{self, Kind};
use crate::summary::{Reject, Summary};

#[derive(Default)]
pub(super) struct Outcome {
    /// What is there, from this run and from earlier ones.
    pub(super) had: Vec<Slot>,
    /// Images fetched in this run.
    pub(super) fetched: u64,
    /// Images that were had anew and are what they were before.
    pub(super) alike: u64,
    /// How they came to be.
    pub(super) methods: BTreeMap<String, u64>,
    /// What was adjusted on the way to the first of them.
    pub(super) adjusted: Vec<String>,
    /// Images that lost alpha or depth when they were encoded anew.
    pub(super) flattened: u64,
    pub(super) failures: Vec<Failure>,
    pub(super) hosts: Vec<(String, http::Tally)>,
    pub(super) notes: Vec<String>,
    pub(super) stopped: Option<Error>,
}

/// What was adjusted is told of so many images.
const TOLD: usize = 5;

impl Outcome {
    pub(super) fn take(&mut self, download: Download, slot: Slot) {
        self.had.push(slot);
        self.fetched += 1;
        let Download {
            path,
            method,
            notes,
            ..
        } = download;
        let flattened = notes
            .iter()
            .any(|note| note.starts_with(fetch::ENCODED_ANEW));
        self.flattened += u64::from(flattened);
        *self.methods.entry(method).or_default() += 1;
        let room = TOLD.saturating_sub(self.adjusted.len());
        let told = notes.iter().map(|note| format!("{path}: {note}"));
        self.adjusted.extend(told.take(room));
    }
}

pub(super) fn publish(
    options: &Options,
    finished: &Finished,
    had: &[Slot],
    failures: &[Failure],
) -> Result<(), Error> {
    let prefix = relative(&options.output_dir, files::folder_of(&options.image_map))?;
    let path = |slot: &Slot| {
        (
            finished.id(*slot),
            format!("{prefix}{}", finished.path(*slot)),
        )
    };
    contracts::write_image_map(&options.image_map, had.iter().map(path))?;
    let mut failures: Vec<&Failure> = failures.iter().collect();
    failures.sort();
    files::write_csv(&options.failures, &Failure::HEADER, failures)?;
    if let Some(list) = &options.downloaded_images {
        let names: BTreeSet<&str> = had.iter().map(|slot| finished.path(*slot)).collect();
        let text: String = names.iter().map(|name| format!("{name}\n")).collect();
        files::write(list, text.as_bytes())?;
    }
    Ok(())
}

/// Removes work under way on images that are there now, or that are no longer asked for.
pub(super) fn tidy(places: &Places, images: &[LocalizedImage], wish: Wish, failures: &[Failure]) {
    let failed: HashSet<&str> = failures.iter().map(|failure| &*failure.id).collect();
    let goes_on = images.iter().filter(|image| failed.contains(&*image.id));
    let goes_on: HashSet<String> = goes_on
        .map(|image| names::work(&image.id, &fetch::asked(image, wish)))
        .collect();
    // What cannot be listed lies there until the next run.
    let Ok(entries) = std::fs::read_dir(&places.hidden) else {
        return;
    };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some((work, "pack" | "part" | "part.json" | "out" | "band")) = name.split_once('.')
        else {
            continue;
        };
        if !goes_on.contains(work) {
            files::Part::new(path).discard();
        }
    }
}

/// The way from one folder to another as a prefix for paths: `../images/`, or nothing.
fn relative(to: &Path, from: &Path) -> Result<String, Error> {
    let absolute = |path: &Path| {
        std::fs::create_dir_all(path)
            .and_then(|()| path.canonicalize())
            .map_err(|e| files::cannot_write(path, e))
    };
    let (to, from) = (absolute(to)?, absolute(from)?);
    let shared = to
        .components()
        .zip(from.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.components().skip(shared).map(|_| "..".to_owned());
    let down = to
        .components()
        .skip(shared)
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    Ok(up.chain(down).map(|part| part + "/").collect())
}

/// What is wrong with a list of m3-download.
pub(super) fn account_for_unusable(summary: &mut Summary, unusable: Vec<Reject>) {
    summary.read += unusable.len() as u64;
    let hint = (!unusable.is_empty()).then(|| HINT_UNUSABLE.to_owned());
    summary.rejects.extend(unusable);
    summary.hint = summary.hint.take().or(hint);
}

const HINT_UNUSABLE: &str =
    "`recto-reformat` lists the records that cannot be used in its rejects.csv";

pub(super) fn account(
    summary: &mut Summary,
    options: &Options,
    images: usize,
    finished: &Finished,
    had: &[Slot],
    outcome: &Outcome,
) {
    summary.read = match outcome.stopped {
        Some(_) => (had.len() + outcome.failures.len()) as u64,
        None => images as u64,
    };
    summary.kept = summary.read - outcome.failures.len() as u64;
    summary.rejects = outcome
        .failures
        .iter()
        .map(|f| {
            let status = f.status.map(|s| format!(", HTTP {s}")).unwrap_or_default();
            Reject::new(
                &f.url,
                &f.id,
                "image",
                format!("{}: {}{status}, {} requests", f.kind, f.message, f.attempts),
            )
        })
        .collect();
    summary.count("images", had.len() as u64);
    let bytes = had.iter().map(|slot| finished.bytes(*slot));
    summary.count("bytes", bytes.sum());
    summary.count("fetched", outcome.fetched);
    for (method, images) in &outcome.methods {
        summary.count(&format!("method_{method}"), *images);
    }
    summary.notes.extend(outcome.notes.iter().cloned());
    for (host, tally) in &outcome.hosts {
        summary.count("requests", tally.requests);
        summary.notes.push(words_of(host, tally));
    }
    if outcome.flattened > 0 {
        summary.count("flattened", outcome.flattened);
        summary.notes.push(format!(
            "{} images lost alpha or bits beyond 8 a sample when they were encoded anew: the journal's notes name them",
            outcome.flattened
        ));
    }
    summary.notes.extend(outcome.adjusted.iter().cloned());
    // What could not be had anew and is there from before is in the map, and among the failures.
    let stale = (had.len() as u64).saturating_sub(summary.kept);
    if stale > 0 {
        summary.notes.push(format!(
            "{stale} images could not be had anew and are kept as they were before"
        ));
    }
    let before = (had.len() as u64 - outcome.fetched).saturating_sub(stale);
    let before = if before > 0 {
        format!(", {before} of them from before")
    } else {
        String::new()
    };
    summary.done = format!(
        "{} of {} images in {}{before}",
        had.len() as u64 - stale,
        images,
        options.output_dir.display()
    );
    summary.hint = (!outcome.failures.is_empty()).then(|| hint(options, &outcome.failures));
}

/// What to do about what is missing.
fn hint(options: &Options, failures: &[Failure]) -> String {
    let list = options.failures.display();
    let is_there = |is_it: fn(Kind) -> bool| {
        let of_name = |name: &str| Kind::ALL.into_iter().find(|kind| kind.name() == name);
        let mut kinds = failures.iter().filter_map(|failure| of_name(&failure.kind));
        kinds.any(is_it)
    };
    let distrusted = match is_there(|kind| kind == Kind::Certificate) {
        true => "; --insecure accepts any certificate",
        false => "",
    };
    match is_there(|kind| kind.passes() || matches!(kind, Kind::Budget | Kind::Disk)) {
        true => format!(
            "{list} lists what is missing; run the same command again to try only that{distrusted}"
        ),
        false => format!(
            "{list} lists what is missing and why; the same command would end the same way now{distrusted}"
        ),
    }
}

/// How it went with a host, and why it was not faster.
fn words_of(host: &str, tally: &http::Tally) -> String {
    let ms = |share| {
        let latency = tally.percentile(share)?;
        Some(format!("{:.0} ms", latency.as_secs_f64() * 1000.0))
    };
    let answers = match (ms(0.5), ms(0.99)) {
        (Some(half), Some(nearly_all)) => {
            format!("answers within {half} (p50) and {nearly_all} (p99)")
        }
        _ => "no answer".into(),
    };
    let waits = [
        (tally.waited, "for its pace and a place"),
        (
            tally.quiet,
            "because it asked for quiet, was under strain or out of reach",
        ),
    ];
    let waits = waits.iter().filter(|(time, _)| time.as_secs() > 0);
    let waits: String = waits
        .map(|(time, why)| format!(", requests waited {} s in all {why}", time.as_secs()))
        .collect();
    let stopped = tally.stopped.as_ref();
    let stopped = stopped.map(|why| format!("; left alone before the end: {why}"));
    format!(
        "{host}: {} request{}, {} of them again, {}, {answers}{waits}{}",
        tally.requests,
        if tally.requests == 1 { "" } else { "s" },
        tally.retries,
        indicatif::HumanBytes(tally.bytes),
        stopped.unwrap_or_default()
    )
}

/// What `--verify` found.
pub(super) struct Verified {
    /// Files that are as they were written.
    pub(super) whole: usize,
    /// Files whose content is another.
    pub(super) differ: Vec<String>,
    /// Files that are missing, or of another length.
    pub(super) gone: Vec<String>,
}

impl Verified {
    /// Moves files that are not what they should be out of the way: no later run takes them for whole.
    pub(super) fn set_aside(&self, places: &Places) -> Result<(), Error> {
        let aside = Self::aside(places);
        let mut paths = self.differ.iter();
        paths.try_for_each(|path| files::move_to(&places.folder.join(path), &aside.join(path)))
    }

    /// Where such files lie.
    fn aside(places: &Places) -> PathBuf {
        places.hidden.join("altered")
    }

    /// How it went; `had` are the files that are there in the end.
    pub(super) fn words(&self, places: &Places, had: &HashSet<&str>) -> Vec<String> {
        let (altered, gone) = (self.differ.len(), self.gone.len());
        let files = self.whole + altered + gone;
        let mut words = vec![match altered + gone {
            0 => format!("--verify: {files} files are as they were written"),
            _ => format!(
                "--verify: {} of {files} files are as they were written",
                self.whole
            ),
        }];
        let kinds = [
            (
                &self.differ,
                format!("altered, and lie in {} now", Self::aside(places).display()),
            ),
            (&self.gone, "missing or of another length".to_owned()),
        ];
        for (paths, what) in kinds {
            if let Some(first) = paths.first() {
                let back = paths.iter().filter(|path| had.contains(&***path)).count();
                words.push(format!(
                    "--verify: {} were {what}: {back} of them fetched anew, first: {first}",
                    paths.len()
                ));
            }
        }
        words
    }
}
