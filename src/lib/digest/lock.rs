//! `--lock` writes down which documents a digest was made from; `--locked` holds those of this run against it.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use super::documents::{DocumentLog, Judged, LockedDocuments, name_of};
use super::options::Options;
use crate::contracts::{
    self, Change, CommandLine, DatasetInput, LockHead, LockPart, LockedDocument, PutLine,
};
use crate::error::Error;
use crate::files;
use crate::http::without_secrets;
use crate::sources::is_url;
use crate::summary::{Summary, counted};

/// What the lock says that the run is held against, if it is.
///
/// # Errors
/// It cannot be read, or has no documents.
pub fn read(options: &Options) -> Result<Option<LockedDocuments>, Error> {
    let locked = options.locked.as_deref();
    let read = |path: &Path| LockedDocuments::read(path, &name(options));
    locked.map(read).transpose()
}

/// The name of a document in a lock: without passwords and signatures, and without the folders of one machine.
pub fn shown(location: &str) -> String {
    match is_url(location) {
        true => without_secrets(location).into_owned(),
        false if Path::new(location).is_absolute() => contracts::name_of(location.as_ref()),
        false => location.to_owned(),
    }
}

/// Writes the lock that was asked for, and holds what was read against the one that was named.
///
/// # Errors
/// A file cannot be written or read.
pub fn end(
    options: &Options,
    locked: Option<&LockedDocuments>,
    read: Option<&mut DocumentLog>,
    summary: &mut Summary,
) -> Result<(), Error> {
    let Some(read) = read else {
        return Ok(());
    };
    if let Some(path) = &options.lock {
        write(path, options, read)?;
        let documents = counted(read.len() as u64, "document", "documents");
        summary
            .notes
            .push(format!("--lock: {documents} in {}", path.display()));
    }
    match (&options.locked, locked) {
        (Some(path), Some(locked)) => hold(path, options, locked, read, summary),
        _ => Ok(()),
    }
}

fn write(path: &Path, options: &Options, read: &mut DocumentLog) -> Result<(), Error> {
    let head = LockHead {
        contract: LockHead::NAME.into(),
        version: LockHead::VERSION,
        part: LockPart::Documents,
        count: read.len() as u64,
        recto: env!("CARGO_PKG_VERSION").into(),
        command: command(options),
        output: name(options),
        inputs: inputs(options)?,
    };
    contracts::write_lock(path, &head, |put: PutLine<LockedDocument>| {
        let cannot = |e| files::cannot_write(path, e);
        let written = read.each(|document| put(&document).map_err(cannot));
        written.map_err(|e| std::io::Error::other(e.to_string()))
    })
}

/// Lists the documents that are not as the lock says: in `--changes`, and in the note that counts them.
fn hold(
    path: &Path,
    options: &Options,
    locked: &LockedDocuments,
    read: &mut DocumentLog,
    summary: &mut Summary,
) -> Result<(), Error> {
    let mut changes = BTreeMap::new();
    let mut seen = HashSet::with_capacity(read.len());
    let mut counts = [0_u64; 5];
    read.each(|document| {
        seen.insert(name_of(&document));
        let (at, change, hash) = match locked.judge(&document) {
            Judged::Same => {
                counts[0] += 1;
                return Ok(());
            }
            Judged::Changed(hash) => (1, "changed", files::hex(&hash)),
            Judged::New => (2, "new", String::new()),
        };
        counts[at] += 1;
        add(
            &mut changes,
            &document,
            change,
            hash,
            document.sha256.clone(),
        );
        Ok(())
    })?;
    let output = name(options);
    let mut made_by = None;
    contracts::read_locked_documents(path, |head, document| {
        if !locked.has_part(head, &output) {
            return Ok(());
        }
        made_by.get_or_insert_with(|| head.clone());
        if seen.contains(&name_of(&document)) {
            return Ok(());
        }
        let is_gone = read.is_gone(&document);
        counts[if is_gone { 3 } else { 4 }] += 1;
        if is_gone {
            add(
                &mut changes,
                &document,
                "gone",
                document.sha256.clone(),
                String::new(),
            );
        }
        Ok(())
    })?;
    tell(path, options, &changes, counts, summary)?;
    let of_others = made_by.map(|head| other_maker(path, options, &head));
    summary.notes.extend(of_others.transpose()?.flatten());
    Ok(())
}

/// What to say where the lock is of another command, of other files that its options name, or of another version: then the same
/// documents may give another digest.
fn other_maker(path: &Path, options: &Options, head: &LockHead) -> Result<Option<String>, Error> {
    let now = command(options);
    let version = env!("CARGO_PKG_VERSION");
    let what = match head {
        head if head.command != now => format!("of another command, `{}`", head.command),
        head if head.inputs != inputs(options)? => "of other files that its options name".into(),
        head if head.recto != version => format!("by recto {}, and this is {version}", head.recto),
        _ => return Ok(None),
    };
    Ok(Some(format!(
        "--locked: {} is {what}: the same documents may give another digest",
        path.display()
    )))
}

/// Writes the list of documents that are not as the lock says, and tells how many there are: the same, others, new, gone, and those
/// that could not be read, which are no change.
fn tell(
    path: &Path,
    options: &Options,
    changes: &BTreeMap<String, Change>,
    [same, others, new, gone, unread]: [u64; 5],
    summary: &mut Summary,
) -> Result<(), Error> {
    let list = options.changes();
    let rows = changes.values();
    files::write_csv(&list, &Change::HEADER, rows, options.common.csv_safe)?;
    for change in changes.values() {
        let of_kind = summary.changes.entry(change.change.clone()).or_default();
        of_kind.push(change.id.clone());
    }
    summary.is_incomplete |= !changes.is_empty() || unread > 0;
    summary.notes.push(format!(
        "--locked: {} as in {}; {others} with different bytes, {new} not in the lock, {gone} only in the lock{}{}",
        counted(same, "document is", "documents are"),
        path.display(),
        match unread {
            0 => String::new(),
            _ => format!(", {unread} not answered"),
        },
        match changes.is_empty() {
            true => String::new(),
            false => format!(": listed in {}", list.display()),
        }
    ));
    Ok(())
}

fn add(
    changes: &mut BTreeMap<String, Change>,
    document: &LockedDocument,
    change: &str,
    old_sha256: String,
    new_sha256: String,
) {
    let change = Change {
        id: document.name(),
        url: document.url.clone(),
        change: change.into(),
        path: String::new(),
        old_sha256,
        new_sha256,
    };
    changes.insert(change.id.clone(), change);
}

/// The name of the digest without its folders.
fn name(options: &Options) -> String {
    contracts::name_of(&options.output())
}

/// The command that reads the same documents, with the options that decide which and what is kept of them.
fn command(options: &Options) -> String {
    let mut line = CommandLine::of("recto-digest");
    line.word(&options.source);
    for input in &options.inputs {
        line.word(&shown(input));
    }
    let concepts = options.concepts.typed();
    let labels = options.label.iter();
    let labels = labels.map(|label| ("--label", label.to_string()));
    let conditions = options.conditions.iter();
    let conditions = conditions.map(|condition| ("--where", condition.text.clone()));
    let limit = options.limit.map(|n| ("--limit", n.to_string()));
    let bare = options
        .no_annotations
        .then(|| ("--no-annotations", String::new()));
    let sources = [
        options.table.typed(),
        options.text.typed(),
        options.boxes.typed(),
        options.m3.typed(),
        options.fathomnet.typed(),
    ];
    let reviews = options.review.iter();
    let reviews = reviews.map(|path| ("--review", path.display().to_string()));
    let given = concepts.into_iter().chain(labels).chain(conditions);
    let given = given.chain(limit).chain(bare);
    for (option, value) in given.chain(sources.into_iter().flatten()).chain(reviews) {
        line.option(option.trim_start_matches('-'), &shown(&value));
    }
    line.option("output", &name(options));
    line.into_text()
}

/// The files that options name, with their hashes.
fn inputs(options: &Options) -> Result<Vec<DatasetInput>, Error> {
    let lists = options.boxes.images.iter().map(PathBuf::from);
    let named = options.boxes.classes.iter().chain(&options.review);
    let texts = named.chain(&options.text.text_files).cloned();
    let mut inputs = Vec::new();
    for path in lists.chain(texts).filter(|path| path.is_file()) {
        let sha256 = files::sha256_of_file(&path)
            .map_err(|e| Error::new(format!("{}: cannot be read", path.display())).because(e))?;
        inputs.push(DatasetInput {
            name: contracts::name_of(&path),
            sha256,
        });
    }
    Ok(inputs)
}
