//! What a run leaves behind: the image map, the list of failures, the summary.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use super::encode::RE_ENCODED;
use super::failures::{Failures, may_pass};
use super::names::{self, OutputFolder};
use super::network::NetworkSummary;
use super::options::{Options, Placeholder};
use super::state::index::{Index, Slot, sha256_start};
use super::state::input::Set;
use super::state::moves;
use super::state::resume::Sorted;
use crate::contracts::{self, Change, Download, Failure, LocalizedImage, MappedFile};
use crate::error::Error;
use crate::files;
use crate::http::{self, HostStats, Kind};
use crate::summary::{Reject, Rejects, Summary, counted};

/// What came of a run.
#[derive(Default)]
pub struct Results {
    /// Images that are there, from this run and from earlier ones.
    pub there: Vec<Slot>,
    /// Images downloaded in this run.
    pub fetched: u64,
    /// With `--refresh`, images downloaded again that are the same as before.
    pub unchanged: u64,
    /// Files of earlier downloads with another suffix, moved away in this run.
    pub superseded: u64,
    /// Images downloaded in this run by the way in which they were made.
    pub methods: BTreeMap<String, u64>,
    /// What was adjusted for the first of them.
    pub adjusted: Vec<String>,
    /// Images that lost alpha or depth when they were re-encoded.
    pub flattened: u64,
    /// Images that could not be downloaded.
    pub failures: Failures,
    /// The same as records that were left out, once the list of them is written.
    pub rejects: Rejects,
    /// Statistics of each host, by name.
    pub hosts: Vec<(String, HostStats)>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// With `--refresh`, what is not the same as before, by id.
    pub changes: Option<BTreeMap<String, Change>>,
    /// With `--refresh`, images that are no longer at the server.
    pub gone: Vec<Slot>,
    /// What ended the run early.
    pub stopped: Option<Error>,
    /// Whether that was the disk.
    pub is_disk_full: bool,
    /// Whether something is not there that no image of the set lacks: with `--locked`, images that are no longer in the set.
    pub is_incomplete: bool,
}

/// The most notes about adjustments of single images.
const MAX_ADJUSTED: usize = 5;

impl Results {
    /// Adds an image that was downloaded.
    pub fn add(&mut self, download: Download, slot: Slot) {
        self.there.push(slot);
        self.fetched += 1;
        let Download {
            path,
            method,
            notes,
            ..
        } = download;
        let is_flattened = notes.iter().any(|note| note.starts_with(RE_ENCODED));
        self.flattened += u64::from(is_flattened);
        *self.methods.entry(method).or_default() += 1;
        let room = MAX_ADJUSTED.saturating_sub(self.adjusted.len());
        let adjusted = notes.iter().map(|note| format!("{path}: {note}"));
        self.adjusted.extend(adjusted.take(room));
    }

    /// Adds what the network has learnt when the run has ended.
    pub fn end(&mut self, network: NetworkSummary) {
        self.hosts = network.hosts;
        self.notes.extend(network.notes);
        if self.unchanged > 0 {
            self.notes.push(format!(
                "--refresh: {} downloaded again without any change",
                counted(self.unchanged, "image", "images")
            ));
        }
    }

    /// Fills the summary of the stage. `images` is the number of images in the set.
    pub fn summarize(
        &mut self,
        summary: &mut Summary,
        options: &Options,
        images: usize,
        index: &Index,
    ) {
        let there = self.there.len() as u64;
        summary.read = match self.stopped {
            Some(_) => there + self.failures.len() as u64,
            None => images as u64,
        };
        summary.kept = summary.read - self.failures.len() as u64;
        summary.rejects = std::mem::take(&mut self.rejects);
        summary.is_incomplete |= self.is_incomplete;
        for change in self.changes.iter().flat_map(BTreeMap::values) {
            let of_kind = summary.changes.entry(change.change.clone()).or_default();
            of_kind.push(http::id_without_secrets(&change.id));
        }
        self.count(summary, index);
        self.note(summary);
        // An image that could not be downloaded again and is there from before is in the map and among the failures.
        let stale = there.saturating_sub(summary.kept);
        if stale > 0 {
            summary.notes.push(format!(
                "{} could not be downloaded again and {} kept as before",
                counted(stale, "image", "images"),
                if stale == 1 { "is" } else { "are" }
            ));
        }
        // Of what was downloaded some may be left out.
        let before = match there.saturating_sub(self.fetched).saturating_sub(stale) {
            0 => String::new(),
            before => format!(", {before} from earlier runs"),
        };
        summary.done = format!(
            "{} of {} in {}{before}",
            there - stale,
            counted(images as u64, "image", "images"),
            options.output_dir.display()
        );
        summary.hint = (!self.failures.is_empty()).then(|| hint(options, &self.failures));
    }

    fn count(&self, summary: &mut Summary, index: &Index) {
        summary.count("images", self.there.len() as u64);
        let bytes = self.there.iter().map(|slot| index.bytes(*slot));
        summary.count("bytes", bytes.sum());
        summary.count("fetched", self.fetched);
        for (method, images) in &self.methods {
            summary.count(&format!("method_{method}"), *images);
        }
        if self.superseded > 0 {
            summary.count("superseded", self.superseded);
        }
        for (_, stats) in &self.hosts {
            summary.count("requests", stats.requests);
        }
        if self.flattened > 0 {
            summary.count("flattened", self.flattened);
        }
    }

    fn note(&self, summary: &mut Summary) {
        summary.notes.extend(self.notes.iter().cloned());
        let hosts = self.hosts.iter();
        let hosts = hosts.map(|(host, stats)| note_of(host, stats));
        summary.notes.extend(hosts);
        if self.flattened > 0 {
            summary.notes.push(format!(
                "{} lost alpha or bits beyond 8 per sample by re-encoding; the notes in the journal name them",
                counted(self.flattened, "image", "images")
            ));
        }
        if self.superseded > 0 {
            summary.notes.push(format!(
                "{} of earlier downloads in another format moved to .recto/{}",
                counted(self.superseded, "file", "files"),
                moves::ORPHANS
            ));
        }
        summary.notes.extend(self.adjusted.iter().cloned());
    }
}

/// An image that could not be downloaded, as a record that was left out.
pub fn reject(failure: &Failure) -> Reject {
    // Most messages have it already.
    let status = failure.status.map(|s| format!("HTTP {s}"));
    let status = status.filter(|status| !failure.message.contains(status));
    let status = status.map(|s| format!(", {s}")).unwrap_or_default();
    let requests = counted(failure.attempts.into(), "request", "requests");
    let problem = format!("{}: {}{status}, {requests}", failure.kind, failure.message);
    let id = http::without_secrets(&failure.id);
    Reject::new(&failure.url, id, "image", problem).temporary(may_pass(failure))
}

/// Takes images out of those that are there whose files are placeholders, as `--drop-placeholder` says; says which files
/// several images have in common.
pub fn set_placeholders_apart(
    options: &Options,
    index: &Index,
    there: &mut Vec<Slot>,
    failures: &mut Vec<Failure>,
) -> Vec<String> {
    let mut by_hash: BTreeMap<u64, Vec<Slot>> = BTreeMap::new();
    for slot in there.iter().filter(|slot| index.sha256(**slot) != 0) {
        by_hash.entry(index.sha256(*slot)).or_default().push(*slot);
    }
    let is_dropped = |hash: u64, images: usize| {
        options.drop_placeholder.iter().any(|shown| match shown {
            Placeholder::Hash(wanted) => sha256_start(wanted) == hash,
            Placeholder::Shared(n) => images as u64 >= *n,
        })
    };
    let mut notes = Vec::new();
    let mut dropped = HashSet::new();
    for (hash, slots) in by_hash {
        let is_dropped = is_dropped(hash, slots.len());
        if is_dropped {
            dropped.extend(slots.iter().copied());
            failures.extend(slots.iter().map(|slot| placeholder_at(index, *slot)));
        } else if slots.len() > 1 {
            notes.push((slots.len(), hash, index.path(slots[0])));
        }
    }
    there.retain(|slot| !dropped.contains(slot));
    notes.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.2.cmp(b.2)));
    let more = notes.len().saturating_sub(MAX_ADJUSTED);
    let told = notes.iter().take(MAX_ADJUSTED);
    let mut told: Vec<String> = told
        .map(|(n, hash, path)| {
            format!("{n} images have the same file, such as {path}: --drop-placeholder {hash:016x} leaves them out")
        })
        .collect();
    if more > 0 {
        let files = counted(more as u64, "more file is", "more files are");
        told.push(format!("{files} shared by several images"));
    }
    told
}

fn placeholder_at(index: &Index, slot: Slot) -> Failure {
    let entry = index.entry(slot).unwrap_or_default();
    Failure {
        id: index.id(slot).to_owned(),
        url: http::without_secrets(&entry.uri).into_owned(),
        path: entry.path,
        kind: Kind::Placeholder.name().into(),
        status: None,
        attempts: entry.attempts,
        message: format!("its file is a placeholder, SHA-256 {}", entry.sha256),
    }
}

/// An image that is gone from its server and is left out with `--prune`.
pub fn gone(index: &Index, slot: Slot) -> Failure {
    let entry = index.entry(slot).unwrap_or_default();
    Failure {
        id: index.id(slot).to_owned(),
        url: http::without_secrets(&entry.uri).into_owned(),
        path: entry.path,
        kind: Kind::NotFound.name().into(),
        status: Some(404),
        attempts: 1,
        message: "gone from the server since it was downloaded".into(),
    }
}

/// Writes the list of failures; returns them as records that were left out.
///
/// # Errors
/// Those of the disk; the set cannot be read any more.
pub fn write_failures(options: &Options, set: &Set, failures: &Failures) -> Result<Rejects, Error> {
    let mut rejects = Rejects::default();
    let (list, is_safe) = (&options.failures, options.common.csv_safe);
    files::write_csv_through(list, &Failure::HEADER, is_safe, |put| {
        failures.visit(set, &set.naming, |failure| {
            rejects.push(reject(&failure));
            // Where a table has no ids, URLs are.
            let id = http::id_without_secrets(&failure.id);
            put(&Failure { id, ..failure })
        })
    })?;
    Ok(rejects)
}

/// Writes the image map, and what else the options name.
///
/// # Errors
/// Those of the disk.
pub fn publish(options: &Options, index: &Index, there: &[Slot]) -> Result<(), Error> {
    let there_at = there
        .iter()
        .map(|slot| (index.id(*slot), index.place(*slot)));
    write_map(&options.image_map, &options.output_dir, there_at)?;
    if let Some(list) = &options.downloaded_images {
        let names: BTreeSet<&str> = there.iter().map(|slot| index.path(*slot)).collect();
        let text: String = names.iter().map(|name| format!("{name}\n")).collect();
        files::write(list, text.as_bytes())?;
    }
    Ok(())
}

/// Writes the image map from ids and places below a folder, in the order of ids.
///
/// # Errors
/// Those of the disk.
pub fn write_map<'a>(
    map: &Path,
    folder: &Path,
    there: impl ExactSizeIterator<Item = (&'a str, MappedFile<'a>)>,
) -> Result<(), Error> {
    let prefix = match files::is_in_store(folder) {
        true => format!("{}/", folder.display().to_string().trim_end_matches('/')),
        false => files::path_between(folder, files::folder_of(map))?,
    };
    contracts::write_image_map(map, there.map(|(id, place)| (id, place.entry(&prefix))))
}

/// Removes files in progress of images that are there now, or that are no longer in the set.
///
/// # Errors
/// The set cannot be read any more.
pub fn tidy(
    folder: &OutputFolder,
    set: &Set,
    options: &Options,
    failures: &Failures,
) -> Result<(), Error> {
    let mut in_progress = in_progress(folder);
    if in_progress.is_empty() {
        return Ok(());
    }
    let failed = failures.numbers();
    let output = options.output();
    let name = |at, image: LocalizedImage| {
        let is_unfinished = failed.contains(&at);
        is_unfinished.then(|| names::work(&image.id, &output.request_for(&image)))
    };
    let mut unfinished = HashSet::new();
    set.visit(&set.open, name, |name| {
        unfinished.extend(name);
        Ok(())
    })?;
    in_progress.retain(|(work, _)| !unfinished.contains(work));
    for (_, path) in in_progress {
        files::Part::new(path).discard();
    }
    Ok(())
}

/// Removes the parts of files that were being received when the disk had no more room, so that there is some for the next run.
/// Regions stay: they are many requests.
pub fn make_room(folder: &OutputFolder) {
    for (_, path) in in_progress(folder) {
        if path.extension().is_some_and(|suffix| suffix == "part") {
            files::Part::new(path).discard();
        }
    }
}

/// The files of images in progress, each with the name of its image; none if the folder cannot be listed.
fn in_progress(folder: &OutputFolder) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(&folder.work).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let named = paths.filter_map(|path| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        let (work, suffix) = name.split_once('.')?;
        let is_work = matches!(suffix, "pack" | "part" | "part.json" | "out" | "band");
        is_work.then(|| (work.to_owned(), path))
    });
    named.collect()
}

/// Adds records of a list of m3-download that cannot be used.
pub fn add_unusable(summary: &mut Summary, unusable: Vec<Reject>) {
    summary.read += unusable.len() as u64;
    let hint = (!unusable.is_empty()).then(|| HINT_UNUSABLE.to_owned());
    summary.rejects.extend(unusable);
    summary.hint = summary.hint.take().or(hint);
}

const HINT_UNUSABLE: &str =
    "`recto-reformat` lists the records that cannot be used in its rejects.csv";

/// What to do about what is missing.
fn hint(options: &Options, failures: &Failures) -> String {
    let list = options.failures.display();
    let insecure = match failures.has(|kind| kind == Kind::Certificate) {
        true => "; --insecure accepts any certificate",
        false => "",
    };
    match failures.may_pass() || failures.has(|kind| kind == Kind::Disk) {
        true => format!(
            "{list} lists what is missing; run the same command again to try only that{insecure}"
        ),
        false => format!(
            "{list} lists what is missing and why; the same command would end the same way now{insecure}"
        ),
    }
}

/// How a host answered, and why it was not faster.
fn note_of(host: &str, stats: &HostStats) -> String {
    let ms = |share| {
        let latency = stats.percentile(share)?;
        Some(format!("{:.0} ms", latency.as_secs_f64() * 1000.0))
    };
    let answers = match (ms(0.5), ms(0.99)) {
        (Some(half), Some(nearly_all)) => {
            format!("answers within {half} (p50) and {nearly_all} (p99)")
        }
        _ => "no answer".into(),
    };
    let waits = [
        (stats.waited, "for the rate limit or a free slot"),
        (
            stats.paused,
            "because the host asked for a pause, was overloaded or could not be reached",
        ),
    ];
    let waits = waits.iter().filter(|(time, _)| time.as_secs() > 0);
    let waits: String = waits
        .map(|(time, why)| format!(", requests waited {} s in all {why}", time.as_secs()))
        .collect();
    let stopped = stats.stopped.as_ref();
    let stopped = stopped.map(|why| format!("; given up before the end: {why}"));
    let retries = counted(stats.retries, "retry", "retries");
    format!(
        "{host}: {}, {retries}, {}, {answers}{waits}{}",
        counted(stats.requests, "request", "requests"),
        indicatif::HumanBytes(stats.bytes),
        stopped.unwrap_or_default()
    )
}

/// What `--verify` found.
pub struct Verified {
    /// The number of files that are as they were written.
    pub unchanged: usize,
    /// Paths of files whose content is another.
    pub altered: Vec<String>,
    /// Paths of files that are missing.
    pub gone: Vec<String>,
}

impl Verified {
    /// What a look at the files of a set has found; taken out of the images sorted by it.
    pub fn of(sorted: &mut Sorted) -> Self {
        Verified {
            unchanged: sorted.done.len(),
            altered: std::mem::take(&mut sorted.altered),
            gone: std::mem::take(&mut sorted.gone),
        }
    }

    /// The folder that altered files are moved to, below that for work in progress.
    pub const ASIDE: &'static str = moves::ALTERED;

    /// Moves altered files out of the way, so that they are not overwritten, and no later run counts them as finished.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn set_aside(&self, folder: &OutputFolder) -> Result<(), Error> {
        let mut altered = self.altered.iter().map(String::as_str);
        match &folder.store {
            None => moves::set_aside(folder, Self::ASIDE, altered),
            // There it is copied: the image takes its place.
            Some(store) => altered.try_for_each(|path| {
                let copied = moves::copy_aside(store, path, Self::ASIDE);
                copied.map_err(|e| files::cannot_write(&store.join(path), e))
            }),
        }
    }

    /// Where altered files are moved to.
    fn aside(folder: &OutputFolder) -> PathBuf {
        match &folder.store {
            Some(store) => store.join(".recto").join(Self::ASIDE),
            None => folder.work.join(Self::ASIDE),
        }
    }

    /// The same of those that were found altered; none with `--verify`, which says more.
    pub fn note_of_moved(&self, options: &Options, folder: &OutputFolder) -> Option<String> {
        let altered: Vec<&str> = self.altered.iter().map(String::as_str).collect();
        let note = Self::note_of_altered(folder, &altered);
        note.filter(|_| !options.verify)
    }

    /// Says which files were altered and are kept elsewhere; none if there are none.
    pub fn note_of_altered(folder: &OutputFolder, paths: &[&str]) -> Option<String> {
        let first = paths.first()?;
        Some(format!(
            "{} edited or replaced since the download, and moved to {}: the first is {first}",
            counted(paths.len() as u64, "file was", "files were"),
            Self::aside(folder).display()
        ))
    }

    /// Notes for the user; `there` are the paths of the files that are there in the end.
    pub fn notes(
        &self,
        folder: &OutputFolder,
        there: &HashSet<&str>,
        has_packs: bool,
    ) -> Vec<String> {
        let (altered, gone) = (self.altered.len(), self.gone.len());
        let files = self.unchanged + altered + gone;
        let mut notes = vec![match altered + gone {
            0 => format!(
                "--verify: {} unchanged",
                counted(files as u64, "file", "files")
            ),
            _ => format!(
                "--verify: {} of {} unchanged",
                self.unchanged,
                counted(files as u64, "file", "files")
            ),
        }];
        let kinds = [
            (
                &self.altered,
                format!("altered and moved to {}", Self::aside(folder).display()),
            ),
            (
                &self.gone,
                match has_packs {
                    true => "missing, or damaged in its tar file".to_owned(),
                    false => "missing".to_owned(),
                },
            ),
        ];
        for (paths, what) in kinds {
            if let Some(first) = paths.first() {
                let back = paths.iter().filter(|path| there.contains(&***path)).count();
                notes.push(format!(
                    "--verify: {} {what}: {back} downloaded again, first: {first}",
                    counted(paths.len() as u64, "file", "files")
                ));
            }
        }
        notes
    }
}
