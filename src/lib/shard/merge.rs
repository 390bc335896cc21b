//! `recto-shard merge`: unites the folders of workers. The line of the journal that counts for an image is the latest, of several
//! at one time that with the greater SHA-256: so it does not matter in what order folders are merged, or how often.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use super::options::MergeOptions;
use super::packs::Packs;
use crate::contracts::{self, Download, Failure, MappedFile, PackedImage};
use crate::download::names::OutputFolder;
use crate::download::shard_mark::{HashPart, MergedInto, ShardMark};
use crate::download::state::failed;
use crate::download::state::journal::Journal;
use crate::download::state::moves::make_room;
use crate::download::summary::{reject, write_map};
use crate::error::Error;
use crate::files::{self, Content};
use crate::http::id_without_secrets;
use crate::reformat::parts::place::is_of_parts;
use crate::report::Common;
use crate::summary::{Reject, Summary, counted};

/// What is kept of the line that counts for an image.
#[derive(Clone)]
struct Best {
    /// The number of its folder; 0 is the one that all become.
    folder: usize,
    /// Where its line begins in the journal of that folder, in bytes, and its length.
    line: (u64, u32),
    when: Option<jiff::Timestamp>,
    sha256: String,
    /// In its folder.
    path: String,
    /// In the folder of all, where that is another.
    renamed: Option<String>,
    bytes: u64,
    /// The pack that it is in.
    pack: Option<PackedImage>,
}

impl Best {
    /// The path in the folder of all.
    fn place(&self) -> &str {
        self.renamed.as_deref().unwrap_or(&self.path)
    }

    /// Where it is in the folder of all.
    fn mapped<'a>(&'a self, packs: &'a Packs) -> MappedFile<'a> {
        let pack = self.pack.as_ref();
        MappedFile {
            name: self.place(),
            pack: pack.map(|pack| (packs.name(self.folder, &pack.tar), pack.offset, self.bytes)),
        }
    }
}

/// Unites the journals, files and lists of workers.
///
/// # Errors
/// A folder has no journal or is in use, a journal is damaged, or a file or list cannot be written.
pub fn merge(options: &MergeOptions, common: &Common, summary: &mut Summary) -> Result<(), Error> {
    let parts = folders(options)?;
    refuse_other_sets(&parts)?;
    let inputs: Vec<PathBuf> = parts.iter().map(|part| part.join(Journal::NAME)).collect();
    files::refuse_overwriting(
        &inputs,
        &[
            ("--image-map", Some(&*options.image_map)),
            ("--failures", Some(&*options.failures)),
        ],
    )?;
    let folder = OutputFolder::new(options.output_dir.clone());
    let mut all = vec![options.output_dir.clone()];
    all.extend(parts.iter().cloned());
    let locks = all.iter().map(|folder| OutputFolder::new(folder.clone()));
    let locks: Vec<File> = locks
        .map(|folder| Journal::lock(&folder.path, &folder.work))
        .collect::<Result<_, Error>>()?;
    let mut packs = Packs::default();
    let mut best = best_lines(&all, &mut packs, summary)?;
    summary.notes.extend(rename_shared(&mut best));
    let placed = place(&all, &folder, &best)? + packs.place(&all, &packed(&best))?;
    write_journal(&all, &best, &packs, &options.output_dir)?;
    let there = best.iter().map(|(id, best)| (&**id, best.mapped(&packs)));
    write_map(&options.image_map, &options.output_dir, there)?;
    let failures = failures(options, &all, &best)?;
    let is_safe = common.csv_safe;
    files::write_csv(&options.failures, &Failure::HEADER, &failures, is_safe)?;
    if options.moves {
        // Only now: until here a run that is killed leaves everything where it was.
        remove_placed(&all, &best)?;
        packs.remove_placed(&all, &packed(&best))?;
        // They hold nothing any more: a worker that is started again looks into the folder of all.
        for part in &parts {
            MergedInto::note(part, &options.output_dir)?;
            files::cache_file::remove(&part.join(Journal::NAME))
                .map_err(|e| files::cannot_write(part, e))?;
        }
    }
    drop(locks);
    let missing = missing(&all, best.len() as u64, &failures);
    summary.kept = best.len() as u64;
    summary.rejects.extend(failures.iter().map(reject));
    summary.rejects.extend(missing);
    summary.read = summary.kept + summary.rejects.len() as u64;
    summary.count("images", best.len() as u64);
    summary.count("folders", parts.len() as u64);
    summary.count("placed", placed);
    summary.done = format!(
        "{} of {} in {}",
        counted(best.len() as u64, "image", "images"),
        counted(parts.len() as u64, "folder", "folders"),
        options.output_dir.display()
    );
    summary.hint = (!failures.is_empty())
        .then(|| format!("{} lists what is missing", options.failures.display()));
    Ok(())
}

/// Shards of two plans are no set together: the map would be that of neither.
fn refuse_other_sets(parts: &[PathBuf]) -> Result<(), Error> {
    let marks = parts.iter();
    let marks = marks.filter_map(|part| Some((part, ShardMark::in_folder(part)?)));
    let marks: Vec<(&PathBuf, ShardMark)> = marks.collect();
    let other = |pair: &&[(&PathBuf, ShardMark)]| pair[0].1.set_sha256 != pair[1].1.set_sha256;
    match marks.windows(2).find(other) {
        None => Ok(()),
        Some(pair) => Err(Error::new(format!(
            "{}: holds a shard of another set than {}",
            pair[1].0.display(),
            pair[0].0.display()
        ))
        .hint("name the folders of one plan after that of all, or move the others away")),
    }
}

/// What is missing of a set that was divided, as far as the folders say what there is.
fn missing(all: &[PathBuf], done: u64, failures: &[Failure]) -> Vec<Reject> {
    let known = done + failures.len() as u64;
    let of_plan = missing_of_plan(all, known);
    of_plan
        .or_else(|| missing_of_parts(all, known))
        .into_iter()
        .collect()
}

/// Of a set that workers divided by the hashes of ids.
fn missing_of_parts(all: &[PathBuf], known: u64) -> Option<Reject> {
    let parts = all.iter().filter_map(|folder| HashPart::in_folder(folder));
    let parts: Vec<HashPart> = parts.collect();
    let first = parts.first()?;
    let absent = match parts.iter().all(|part| part.of == first.of) {
        true => (0..first.of)
            .filter(|n| parts.iter().all(|part| part.part != *n))
            .collect(),
        false => Vec::new(),
    };
    let absent: Vec<String> = absent.iter().map(|n| format!("{n}/{}", first.of)).collect();
    let is_one_set = parts.iter().all(|part| part.set_images == first.set_images);
    let lacks = first.set_images.filter(|_| is_one_set);
    let lacks = lacks.map(|images| images.saturating_sub(known));
    let images = match lacks {
        Some(0) => return None,
        Some(lacks) => counted(lacks, "image of the set is", "images of the set are"),
        None if absent.is_empty() => return None,
        None => "images of the set are".to_owned(),
    };
    let why = match absent.is_empty() {
        true => "workers have not ended".to_owned(),
        false => format!("parts without a folder here: {}", absent.join(", ")),
    };
    let problem = format!("{images} neither downloaded nor a failure: {why}");
    Some(Reject::new("parts", images, "parts", problem).temporary(true))
}

/// The shards of the plan that have not begun, or not ended.
fn missing_of_plan(all: &[PathBuf], known: u64) -> Option<Reject> {
    let marks: Vec<ShardMark> = all
        .iter()
        .filter_map(|folder| ShardMark::in_folder(folder))
        .collect();
    let first = marks.first()?;
    let lacks = first.set_images.saturating_sub(known);
    if lacks == 0 {
        return None;
    }
    let begun: HashSet<u64> = marks.iter().map(|mark| mark.shard).collect();
    let absent = (0..first.shards).filter(|shard| !begun.contains(shard));
    let absent: Vec<String> = absent.map(|shard| shard.to_string()).collect();
    let images = counted(lacks, "image of the set is", "images of the set are");
    let why = match absent.is_empty() {
        true => "workers have not ended".to_owned(),
        false => format!("shards without a folder here: {}", absent.join(", ")),
    };
    let problem = format!("{images} neither downloaded nor a failure: {why}");
    Some(Reject::new("plan", images, "shards", problem).temporary(true))
}

/// The folders of workers, each once and in the order of their names.
fn folders(options: &MergeOptions) -> Result<Vec<PathBuf>, Error> {
    let mut parts = options.folders.clone();
    if parts.is_empty() {
        let entries = std::fs::read_dir(&options.output_dir).into_iter().flatten();
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let is_shard = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("shard-") && path.join(Journal::NAME).is_file()
        };
        parts = paths.filter(is_shard).collect();
    }
    refuse_parts_of_reformat(options)?;
    parts.sort();
    parts.dedup();
    let output = files::real(&options.output_dir);
    parts.retain(|part| files::real(part) != output);
    let missing = parts
        .iter()
        .find(|part| !part.join(Journal::NAME).is_file());
    if let Some(missing) = missing {
        let what = format!("{}: there is no {}", missing.display(), Journal::NAME);
        return Err(Error::new(what).hint("name the folders that recto-download wrote to"));
    }
    match parts.is_empty() {
        true => Err(Error::new(format!(
            "{}: there are no folders shard-* with a {}",
            options.output_dir.display(),
            Journal::NAME
        ))
        .hint("name the folders of the workers after it")),
        false => Ok(parts),
    }
}

/// Refuses what `recto-reformat --shard` wrote: pictures of a training set, which are no downloads.
fn refuse_parts_of_reformat(options: &MergeOptions) -> Result<(), Error> {
    let mut folders = std::iter::once(&options.output_dir).chain(&options.folders);
    match folders.find(|folder| is_of_parts(folder)) {
        None => Ok(()),
        Some(folder) => {
            let what = format!(
                "{}: was written by recto-reformat --shard",
                folder.display()
            );
            Err(Error::new(what).hint(
                "the same recto-reformat with --from-shards instead of --shard writes the set",
            ))
        }
    }
}

/// The line that counts for each image, of those whose files are there; the others are told.
fn best_lines(
    all: &[PathBuf],
    packs: &mut Packs,
    summary: &mut Summary,
) -> Result<BTreeMap<String, Best>, Error> {
    let mut best: BTreeMap<String, Best> = BTreeMap::new();
    let mut lost = HashSet::new();
    for (number, folder) in all.iter().enumerate() {
        // Of one journal only the last line of an image tells of its file.
        let mut last: HashMap<String, Best> = HashMap::new();
        each_line(&folder.join(Journal::NAME), |line, download| {
            packs.add(number, &download);
            let found = Best {
                folder: number,
                line,
                when: download.when.parse().ok(),
                sha256: download.sha256,
                path: download.path,
                renamed: None,
                bytes: download.bytes,
                pack: download.pack,
            };
            last.insert(download.id, found);
        })?;
        for (id, found) in last {
            let pack = found.pack.as_ref();
            let place = MappedFile {
                name: &found.path,
                pack: pack.map(|pack| (&*pack.tar, pack.offset, found.bytes)),
            };
            let length = place.content(folder).length();
            if !length.is_ok_and(|length| length == found.bytes) {
                lost.insert(id);
                continue;
            }
            let is_better = best
                .get(&id)
                .is_none_or(|held| (found.when, &found.sha256) > (held.when, &held.sha256));
            if is_better {
                best.insert(id, found);
            }
        }
    }
    lost.retain(|id| !best.contains_key(id));
    if !lost.is_empty() {
        let files = counted(lost.len() as u64, "file", "files");
        summary.notes.push(format!(
            "{files} of the journals missing or of another length, and left out: recto-download gets what no folder has"
        ));
    }
    Ok(best)
}

/// Calls `take` with the place and content of each whole line of a journal; a folder without one has none.
fn each_line(path: &Path, mut take: impl FnMut((u64, u32), Download)) -> Result<(), Error> {
    let Ok(file) = File::open(path) else {
        return Ok(());
    };
    let cannot = |e| Error::new(format!("{}: cannot be read", path.display())).because(e);
    let (mut file, mut line) = (BufReader::new(file), Vec::new());
    let (mut start, mut number) = (0u64, 0u64);
    loop {
        line.clear();
        let length = file.read_until(b'\n', &mut line).map_err(cannot)?;
        if length == 0 {
            return Ok(());
        }
        number += 1;
        match serde_json::from_slice::<Download>(&line) {
            Ok(download) if download.recto == Download::NAME => {
                take((start, length as u32), download);
            }
            _ if line.iter().all(u8::is_ascii_whitespace) => {}
            // The last one of a worker that was killed.
            Err(_) if line.last() != Some(&b'\n') => {}
            _ => {
                return Err(Error::new(format!(
                    "{}:{number}: not a line of a download journal",
                    path.display()
                )));
            }
        }
        start += length as u64;
    }
}

/// Where files of several images would have one path, all of them get a hash of their ids, as `recto-download` names them. Says so of
/// those in tar files, where only the map has that name.
fn rename_shared(best: &mut BTreeMap<String, Best>) -> Option<String> {
    let mut packed = 0;
    let mut times: HashMap<String, u32> = HashMap::new();
    for found in best.values() {
        *times.entry(found.path.to_lowercase()).or_default() += 1;
    }
    for (id, found) in best.iter_mut() {
        if times[&found.path.to_lowercase()] > 1 {
            packed += u64::from(found.pack.is_some());
            let hash = files::hex_digest(id.as_bytes(), 10);
            let name = found.path.rfind('/').map_or(0, |at| at + 1);
            found.renamed = Some(match found.path[name..].rfind('.') {
                Some(dot) => {
                    let (stem, suffix) = found.path.split_at(name + dot);
                    format!("{stem}-{hash}{suffix}")
                }
                None => format!("{}-{hash}", found.path),
            });
        }
    }
    (packed > 0).then(|| {
        let images = counted(packed, "image", "images");
        format!("{images} in tar files under a name that another one has there too: the image map tells them apart, the tar files do not")
    })
}

/// Puts every file in its place; gives the number of those that were not there. What a person put there is moved aside.
fn place(
    all: &[PathBuf],
    folder: &OutputFolder,
    best: &BTreeMap<String, Best>,
) -> Result<u64, Error> {
    let mut own = HashSet::new();
    each_line(&all[0].join(Journal::NAME), |_, line| {
        own.insert(line.path);
    })?;
    let (mut placed, mut folders) = (0, HashSet::new());
    for found in best.values().filter(|found| found.pack.is_none()) {
        let path = found.place();
        let (from, to) = (all[found.folder].join(&found.path), folder.path.join(path));
        if from == to || files::is_same_file(&from, &to) {
            continue;
        }
        if !folder.content(path).is(&found.sha256) {
            let is_own = own.contains(path).then_some(path);
            make_room(folder, path, &found.sha256, is_own)?;
            files::place(&Content::file(from), &to)?;
            placed += 1;
            folders.insert(files::folder_of(&to).to_owned());
        }
    }
    for folder in folders {
        files::sync_folder(&folder).map_err(|e| files::cannot_write(&folder, e))?;
    }
    Ok(placed)
}

/// The packs with an image that counts, by the number of the folder.
fn packed(best: &BTreeMap<String, Best>) -> BTreeSet<(usize, &str)> {
    let packed = best
        .values()
        .filter_map(|found| Some((found.folder, &*found.pack.as_ref()?.tar)));
    packed.collect()
}

/// Removes the files of workers that are in the folder of all.
fn remove_placed(all: &[PathBuf], best: &BTreeMap<String, Best>) -> Result<(), Error> {
    let of_workers = best.values().filter(|found| found.folder > 0);
    for found in of_workers.filter(|found| found.pack.is_none()) {
        let (from, to) = (
            all[found.folder].join(&found.path),
            all[0].join(found.place()),
        );
        if from != to && to.exists() {
            files::cache_file::remove(&from).map_err(|e| files::cannot_write(&from, e))?;
        }
    }
    Ok(())
}

/// The line of an image, read again from its journal.
fn line_of(all: &[PathBuf], journals: &[Option<File>], found: &Best) -> Result<Download, Error> {
    use std::io::{Read, Seek, SeekFrom};
    let name = all[found.folder].join(Journal::NAME).display().to_string();
    let cannot = || Error::new(format!("{name}: cannot be read"));
    let mut file = journals[found.folder].as_ref().ok_or_else(cannot)?;
    let mut line = vec![0; found.line.1 as usize];
    file.seek(SeekFrom::Start(found.line.0))
        .and_then(|_| file.read_exact(&mut line))
        .map_err(|e| cannot().because(e))?;
    contracts::parse_json(&line, &name)
}

/// The journal of the whole set, in the order of ids.
fn write_journal(
    all: &[PathBuf],
    best: &BTreeMap<String, Best>,
    packs: &Packs,
    output: &Path,
) -> Result<(), Error> {
    let open = |folder: &PathBuf| File::open(folder.join(Journal::NAME)).ok();
    let journals: Vec<Option<File>> = all.iter().map(open).collect();
    let mut failed = None;
    let written = files::write_through(&output.join(Journal::NAME), |out: &mut dyn Write| {
        for found in best.values() {
            match line_of(all, &journals, found) {
                Ok(mut line) => {
                    found.place().clone_into(&mut line.path);
                    if let Some(pack) = &mut line.pack {
                        pack.tar = packs.name(found.folder, &pack.tar).to_owned();
                    }
                    serde_json::to_writer(&mut *out, &line)?;
                    out.write_all(b"\n")?;
                }
                Err(error) => {
                    failed = Some(error);
                    return Err(std::io::Error::other("a journal cannot be read"));
                }
            }
        }
        Ok(())
    });
    failed.map_or(written, Err)
}

/// What no worker has: of several rows about one image that of the most requests.
fn failures(
    options: &MergeOptions,
    all: &[PathBuf],
    best: &BTreeMap<String, Best>,
) -> Result<Vec<Failure>, Error> {
    let mut rows: BTreeMap<String, Failure> = BTreeMap::new();
    let lists = all.iter().map(|folder| folder.join("failures.csv"));
    for list in lists.chain([options.failures.clone()]) {
        contracts::read_failures(&list, |row| {
            let row = row?;
            let held = rows.get(&row.id);
            if held.is_none_or(|held| (row.attempts, &row) > (held.attempts, held)) {
                rows.insert(row.id.clone(), row);
            }
            Ok(())
        })?;
    }
    // Those of workers that were killed, which have written no list.
    for folder in all {
        failed::each(&OutputFolder::new(folder.clone()), |row| {
            rows.entry(row.id.clone()).or_insert(row);
        });
    }
    if !rows.is_empty() {
        // The lists have ids without their secrets.
        for id in best.keys() {
            rows.remove(&id_without_secrets(id));
        }
    }
    let mut rows: Vec<Failure> = rows.into_values().collect();
    rows.sort();
    Ok(rows)
}
