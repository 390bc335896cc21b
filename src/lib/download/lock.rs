//! `--lock` writes down which bytes a set had; `--locked` gives these bytes, or says which are others.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;

use rayon::prelude::*;

use super::names::OutputFolder;
use super::options::{Format, Options};
use super::state::index::{Index, Slot};
use super::state::input::Set;
use super::state::journal::Journal;
use super::state::moves;
use super::summary::Results;
use crate::contracts::{
    self, Change, CommandLine, DatasetInput, Download, Failure, LockHead, LockPart, LockedImage,
    PutLine, SetFolder, name_of,
};
use crate::error::Error;
use crate::files::{self, Content};
use crate::http::{Kind, shared_id, without_secrets};
use crate::stored_image::fingerprint;
use crate::summary::counted;

/// What a lock says of an image: some 60 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Locked {
    sha256: [u8; 32],
    fingerprint: Option<u64>,
}

/// A lock that was read: what it says of images, by numbers made of their ids.
#[derive(Debug, Default)]
pub struct Lock {
    images: HashMap<u64, Locked>,
    /// Where ids differ in what the lock leaves out of them: the rest of those that are one there.
    more: HashMap<u64, Vec<Locked>>,
}

impl Lock {
    /// Reads it.
    ///
    /// # Errors
    /// The file cannot be read, or is not a lock.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut all = Lock::default();
        contracts::read_lock(path, |image| {
            let of_hex = |text: String| u64::from_str_radix(&text, 16).ok();
            let locked = Locked {
                sha256: files::sha256_of_hex(&image.sha256),
                fingerprint: image.fingerprint.and_then(of_hex),
            };
            let number = number(&image.id);
            match all.images.entry(number) {
                Entry::Vacant(place) => drop(place.insert(locked)),
                Entry::Occupied(_) => all.more.entry(number).or_default().push(locked),
            }
            Ok(())
        })?;
        Ok(all)
    }

    /// What it says of an image that has these bytes now: the line with them, else the first one.
    fn find(&self, id: &str, sha256: &str) -> Option<&Locked> {
        let number = number(id);
        let first = self.images.get(&number)?;
        let sha256 = files::sha256_of_hex(sha256);
        let all = std::iter::once(first).chain(self.more.get(&number).into_iter().flatten());
        let mut same = all.filter(|locked| locked.sha256 == sha256);
        Some(same.next().unwrap_or(first))
    }
}

/// How many images are looked at between two lines that are written.
const AT_ONCE: usize = 64;

/// Writes the lock of all images that are there, in the order of their ids. What an earlier lock knows of the same files is not
/// computed again, and what it says of images that are to be there and are not, stays: which bytes they had is not known from
/// elsewhere. Gives the number of these.
///
/// # Errors
/// Those of the disk.
pub fn write(
    path: &Path,
    options: &Options,
    folder: &OutputFolder,
    index: &Index,
    there: &[Slot],
    missing: &Missing,
) -> Result<u64, Error> {
    // One that cannot be read is written anew.
    let (earlier, kept) = match Lock::read(path) {
        Ok(earlier) => (earlier, missing.count(path)?),
        Err(_) => (Lock::default(), 0),
    };
    let head = LockHead {
        contract: LockHead::NAME.into(),
        version: LockHead::VERSION,
        part: LockPart::Images,
        output: String::new(),
        count: there.len() as u64 + kept,
        recto: env!("CARGO_PKG_VERSION").into(),
        command: command(options),
        inputs: inputs(options)?,
    };
    let there = &*in_order_of_the_lock(there, index);
    let lines = Lines {
        folder,
        index,
        earlier: &earlier,
    };
    contracts::write_lock(path, &head, |put: PutLine<LockedImage>| {
        let mut rest = there;
        if kept > 0 {
            let cannot = |e| files::cannot_write(path, e);
            let merged = contracts::read_lock(path, |old| {
                if missing.has(&old.id) {
                    // Older locks have ids as they are.
                    let old = LockedImage {
                        id: shared_id(&old.id).into_owned(),
                        ..old
                    };
                    let is_before = |slot: &Slot| *shared_id(index.id(*slot)) < *old.id;
                    let before = rest.partition_point(is_before);
                    let (some, after) = rest.split_at(before);
                    rest = after;
                    lines
                        .put(some, &mut *put)
                        .and_then(|()| put(&old))
                        .map_err(cannot)?;
                }
                Ok(())
            });
            merged.map_err(|e| io::Error::other(e.to_string()))?;
        }
        lines.put(rest, put)
    })?;
    Ok(kept)
}

/// Images in the order of their ids as the lock has them, without secrets.
fn in_order_of_the_lock<'a>(there: &'a [Slot], index: &Index) -> Cow<'a, [Slot]> {
    let is_other = |slot: &Slot| shared_id(index.id(*slot)) != index.id(*slot);
    if !there.iter().any(is_other) {
        return there.into();
    }
    let mut there = there.to_vec();
    there.sort_by_cached_key(|slot| shared_id(index.id(*slot)));
    there.into()
}

/// The images whose ids hold secrets, by the numbers that locks know them by; none where several have one.
fn with_secrets(index: &Index) -> HashMap<u64, Option<Slot>> {
    let mut all = HashMap::new();
    for slot in index.slots() {
        let id = index.id(slot);
        if shared_id(id) != id {
            let found = index.find(id);
            let known = all.entry(number(id)).or_insert(found);
            *known = known.filter(|known| Some(*known) == found);
        }
    }
    all
}

/// What lines are made of.
struct Lines<'a> {
    folder: &'a OutputFolder,
    index: &'a Index,
    earlier: &'a Lock,
}

impl Lines<'_> {
    /// The lines of some images, in their order.
    fn put(&self, images: &[Slot], put: PutLine<LockedImage>) -> io::Result<()> {
        for some in images.chunks(AT_ONCE) {
            let line = |slot: &Slot| {
                let entry = self.index.entry(*slot);
                entry.map(|entry| line(entry, self.folder, self.earlier))
            };
            let lines: Option<Vec<LockedImage>> = some.par_iter().map(line).collect();
            let lines = lines.ok_or_else(|| io::Error::other("the journal changed meanwhile"))?;
            lines.iter().try_for_each(&mut *put)?;
        }
        Ok(())
    }
}

/// Images that are to be there and are not, by the numbers made of their ids.
#[derive(Debug)]
pub enum Missing {
    /// These.
    These(HashSet<u64>),
    /// All but these: of a run that was stopped it is not known what it would have had.
    AllBut(HashSet<u64>),
}

impl Missing {
    /// Those of a run.
    ///
    /// # Errors
    /// The set cannot be read.
    pub fn of(results: &Results, index: &Index, set: &Set) -> Result<Self, Error> {
        let there = results.there.iter().map(|slot| number(index.id(*slot)));
        let there: HashSet<u64> = there.collect();
        if results.stopped.is_some() {
            return Ok(Missing::AllBut(there));
        }
        let mut failed = HashSet::new();
        results.failures.visit(set, &set.naming, |failure| {
            failed.insert(number(&failure.id));
            Ok(())
        })?;
        // Those that a refresh could not get again are there as before.
        failed.retain(|id| !there.contains(id));
        Ok(Missing::These(failed))
    }

    fn has(&self, id: &str) -> bool {
        match self {
            Missing::These(these) => these.contains(&number(id)),
            Missing::AllBut(others) => !others.contains(&number(id)),
        }
    }

    /// How many of them a lock knows.
    fn count(&self, path: &Path) -> Result<u64, Error> {
        let mut count = 0;
        contracts::read_lock(path, |old| {
            count += u64::from(self.has(&old.id));
            Ok(())
        })?;
        Ok(count)
    }
}

fn line(entry: Download, folder: &OutputFolder, earlier: &Lock) -> LockedImage {
    let known = earlier.find(&entry.id, &entry.sha256);
    let known = known.filter(|known| known.sha256 == files::sha256_of_hex(&entry.sha256));
    let look = || {
        let found = fingerprint(&folder.content_of(entry.place()));
        found.ok().map(|found| found.bits)
    };
    let bits = known.and_then(|known| known.fingerprint).or_else(look);
    LockedImage {
        fingerprint: bits.map(|bits| format!("{bits:016x}")),
        uri: without_secrets(&entry.uri).into_owned(),
        id: shared_id(&entry.id).into_owned(),
        path: entry.path,
        bytes: entry.bytes,
        sha256: entry.sha256,
        width: entry.width,
        height: entry.height,
        media_type: entry.media_type,
        method: entry.method,
        etag: entry.etag,
        last_modified: entry.last_modified,
    }
}

/// Puts bytes of a lock back in their place that were kept when a later run replaced them.
///
/// # Errors
/// The lock cannot be read, or those of the disk.
pub fn restore(
    options: &Options,
    folder: &OutputFolder,
    journal: &Journal,
    index: &mut Index,
) -> Result<(), Error> {
    let Some(path) = &options.locked else {
        return Ok(());
    };
    let with_secrets = with_secrets(index);
    contracts::read_lock(path, |locked| {
        let of_secret = || *with_secrets.get(&number(&locked.id))?;
        let slot = index.find(&locked.id).or_else(of_secret);
        let entry = slot.and_then(|slot| index.entry(slot));
        let Some(entry) = entry.filter(|entry| entry.sha256 != locked.sha256) else {
            return Ok(());
        };
        let Some(kept) = moves::kept_version(folder, &entry.path, &locked.sha256) else {
            return Ok(());
        };
        let (now, place) = (
            folder.content_of(entry.place()),
            folder.path.join(&entry.path),
        );
        // Nobody's work is lost: a file that is not as the journal says is moved, and what the journal says is kept.
        match now.is(&entry.sha256) {
            true => moves::keep_version(folder, &entry.path, &now, &locked.sha256)?,
            false if place.exists() => moves::set_aside(folder, moves::ALTERED, [&*entry.path])?,
            false => {}
        }
        moves::note_replacing(&folder.work, &entry.path, &locked.sha256)?;
        files::place(&Content::file(kept), &place)?;
        let download = Download {
            bytes: locked.bytes,
            sha256: locked.sha256,
            width: locked.width,
            height: locked.height,
            media_type: locked.media_type,
            method: locked.method,
            etag: locked.etag,
            last_modified: locked.last_modified,
            region: None,
            pack: None,
            notes: vec!["put back as it was before: --locked".into()],
            ..entry
        };
        let lines = journal
            .append_now(std::slice::from_ref(&download))
            .map_err(|e| files::cannot_write(&folder.path, e))?;
        moves::replaced(&folder.work, &download.path);
        for line in lines {
            index.add(&download, line);
        }
        Ok(())
    })?;
    Ok(())
}

/// Holds what is there against a lock: images that are others than in it, or not in it, are left out of the map and listed
/// among failures and changes. Images that their server does not have any more are listed as gone, those that are not in the set as
/// such.
///
/// # Errors
/// The lock or the set cannot be read.
pub fn hold(
    path: &Path,
    folder: &OutputFolder,
    index: &Index,
    set: &Set,
    results: &mut Results,
) -> Result<(), Error> {
    let lock = Lock::read(path)?;
    let judge = |slot: &Slot| lock.judge(path, folder, index, *slot);
    let judged: Vec<Option<(Failure, Change)>> = results.there.par_iter().map(judge).collect();
    let there = results.there.iter().map(|slot| number(index.id(*slot)));
    let mut seen: HashSet<u64> = there.collect();
    // What its server does not have any more is gone, and what else went wrong may pass.
    let mut not_found = HashSet::new();
    results.failures.visit(set, &set.naming, |failure| {
        let of_kind = match failure.kind == Kind::NotFound.name() {
            true => &mut not_found,
            false => &mut seen,
        };
        of_kind.insert(number(&failure.id));
        Ok(())
    })?;
    let mut differs = judged.iter().map(Option::is_some);
    // There is one for each.
    results.there.retain(|_| !differs.next().unwrap_or(true));
    let changes = results.changes.get_or_insert_default();
    let mut counts = [0_u64; 4];
    for (failure, change) in judged.into_iter().flatten() {
        counts[usize::from(change.change == "new")] += 1;
        changes.insert(change.id.clone(), change);
        results.failures.others.push(failure);
    }
    // Of a run that was stopped it is not known what it would have had.
    if results.stopped.is_none() {
        [counts[2], counts[3]] = add_absent(path, &seen, &not_found, changes)?;
    }
    results.is_incomplete |= counts[2] + counts[3] > 0;
    let [others, new, gone, not_in_set] = counts;
    results.notes.push(format!(
        "--locked: {} as in {}; {others} with different bytes, {new} not in the lock, {gone} gone from the server, {not_in_set} not in this set{}",
        counted(results.there.len() as u64, "image is", "images are"),
        path.display(),
        match others + new + gone + not_in_set {
            0 => String::new(),
            _ => ": listed in --changes".into(),
        }
    ));
    Ok(())
}

/// Lists what a lock has and was not seen: how many images were not found at their server, and how many are not in the set.
fn add_absent(
    path: &Path,
    seen: &HashSet<u64>,
    not_found: &HashSet<u64>,
    changes: &mut BTreeMap<String, Change>,
) -> Result<[u64; 2], Error> {
    let mut counts = [0; 2];
    contracts::read_lock(path, |image| {
        let number = number(&image.id);
        if !seen.contains(&number) {
            let is_gone = not_found.contains(&number);
            counts[usize::from(!is_gone)] += 1;
            let change = Change {
                id: image.id.clone(),
                url: image.uri,
                change: if is_gone { "gone" } else { "not-in-set" }.into(),
                path: image.path,
                old_sha256: image.sha256,
                new_sha256: String::new(),
            };
            changes.insert(image.id, change);
        }
        Ok(())
    })?;
    Ok(counts)
}

impl Lock {
    /// What is wrong with an image that is there; none if it is the one of the lock.
    fn judge(
        &self,
        path: &Path,
        folder: &OutputFolder,
        index: &Index,
        slot: Slot,
    ) -> Option<(Failure, Change)> {
        let entry = index.entry(slot).unwrap_or_default();
        let locked = self.find(index.id(slot), &entry.sha256);
        let path = path.display();
        let (change, message) = match locked {
            Some(locked) if locked.sha256 == files::sha256_of_hex(&entry.sha256) => return None,
            Some(locked) => {
                let now = fingerprint(&folder.content_of(entry.place())).ok();
                let is_alike = |was: u64| Some(now.as_ref()?.is_same_by_bits(was));
                let looks = match locked.fingerprint.and_then(is_alike) {
                    Some(true) => ", and looks the same",
                    Some(false) => ", and looks different",
                    None => "",
                };
                let sha256 = files::hex(&locked.sha256);
                (
                    "changed",
                    format!("has other bytes than in {path}, SHA-256 {sha256}{looks}"),
                )
            }
            None => ("new", format!("is not in {path}")),
        };
        let url = without_secrets(&entry.uri).into_owned();
        let failure = Failure {
            id: index.id(slot).to_owned(),
            url: url.clone(),
            path: entry.path.clone(),
            kind: Kind::Checksum.name().into(),
            status: None,
            attempts: entry.attempts,
            message,
        };
        let change = Change {
            id: failure.id.clone(),
            url,
            change: change.into(),
            path: entry.path,
            old_sha256: locked
                .map(|locked| files::hex(&locked.sha256))
                .unwrap_or_default(),
            new_sha256: entry.sha256,
        };
        Some((failure, change))
    }
}

/// A number made of an id, by which a lock knows it: without secrets, which do not stand in there.
fn number(id: &str) -> u64 {
    files::hash_number(shared_id(id).as_bytes())
}

/// The command that downloads the same, with the options that decide what becomes of an image. Files are named without folders,
/// which are those of one machine.
fn command(options: &Options) -> String {
    let mut line = CommandLine::of("recto-download");
    line.word(&name_of(&options.localizations));
    line.word(&name_of(&options.output_dir));
    if let Some(file) = &options.regions {
        // Its value is optional, and would be read as an argument.
        line.word(&format!("--regions={}", name_of(file)));
    }
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let given = [
        (
            "margin",
            Some(options.margin.to_string()).filter(|margin| margin != "0"),
        ),
        ("format", word(options.format, Format::Keep)),
        ("lossless", word(options.lossless, Default::default())),
        ("tiles", word(options.tiles, Default::default())),
        ("max-width", number(options.max_width)),
        ("longest-side", number(options.longest_side)),
        ("shortest-side", number(options.shortest_side)),
        (
            "min-size",
            number(Some(options.min_size).filter(|n| *n > 0)),
        ),
        (
            "name",
            options.name.as_ref().map(|template| template.to_string()),
        ),
    ];
    for (option, value) in given {
        if let Some(value) = value {
            line.option(option, &value);
        }
    }
    line.into_text()
}

/// A choice as it is typed, if it is not the usual one.
fn word<T: clap::ValueEnum + PartialEq>(choice: T, usual: T) -> Option<String> {
    let chosen = Some(choice).filter(|choice| *choice != usual);
    let value = chosen.and_then(|choice| choice.to_possible_value());
    value.map(|value| value.get_name().to_owned())
}

/// The set that was downloaded, with its hash; standard input has none.
fn inputs(options: &Options) -> Result<Vec<DatasetInput>, Error> {
    let path = &options.localizations;
    let parts = path.join(SetFolder::FILE);
    let hashed = if files::is_there(&parts) {
        &parts
    } else {
        path
    };
    if files::is_dash(path) || !files::is_there(hashed) {
        return Ok(Vec::new());
    }
    let sha256 = files::sha256_of_file(hashed)
        .map_err(|e| Error::new(format!("{}: cannot be read", path.display())).because(e))?;
    Ok(vec![DatasetInput {
        name: name_of(path),
        sha256,
    }])
}
