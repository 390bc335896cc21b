//! `export`: a folder of downloads as references in place of pixels, for tools that keep large files beside version control. A
//! folder is written with lists and a script; the tool itself is run by who publishes.

mod forms;
mod options;

pub use options::{Options, Tool};

use std::path::Path;

use crate::download::state::index::Index;
use crate::download::state::journal::Journal;
use crate::error::Error;
use crate::files;
use crate::http::without_secrets;
use crate::summary::{Reject, Summary, counted};
use forms::Reference;

/// Writes the references.
///
/// # Errors
/// The folder was not written by recto-download, or the output cannot be written.
pub fn export(options: &Options) -> Result<Summary, Error> {
    let folder = &options.images;
    if !Journal::is_in(folder) {
        let what = format!("{}: has no {}", folder.display(), Journal::NAME);
        return Err(Error::new(what).hint("name the folder of images that recto-download wrote"));
    }
    let index = Journal::peek(folder)?;
    let mut summary = Summary::default();
    let references = references(folder, &index, &mut summary);
    let out = &options.output;
    refuse_others(out)?;
    let written = match options.tool {
        Tool::GitAnnex => forms::git_annex(&references),
        Tool::Datalad => forms::datalad(&references)?,
        Tool::Dvc => forms::dvc(&references),
    };
    for (path, text) in &written {
        files::write(&out.join(path), text.as_bytes())?;
    }
    let rejects: Vec<Reject> = summary.rejects.sorted().collect();
    const HEADER: [&str; 4] = ["input", "record", "field", "problem"];
    files::write_csv(&out.join(LEFT_OUT), &HEADER, rejects, false)?;
    // The last file: what has it is whole.
    files::write(&out.join(MARKER), forms::readme(options.tool).as_bytes())?;
    summary.read = summary.kept + summary.rejects.len() as u64;
    summary.done = format!(
        "{} in {}",
        counted(summary.kept, "reference", "references"),
        out.display()
    );
    Ok(summary)
}

const LEFT_OUT: &str = "left-out.csv";
const MARKER: &str = "README.md";

/// Refuses a folder with anything in it: nothing there is replaced.
fn refuse_others(out: &Path) -> Result<(), Error> {
    let is_empty = std::fs::read_dir(out).map_or(true, |mut entries| entries.next().is_none());
    match is_empty {
        true => Ok(()),
        false => Err(Error::new(format!("{}: is not empty", out.display()))
            .hint("name another folder with -o")),
    }
}

/// What can be downloaded again from one URL, in the order of paths; the rest are rejects.
fn references(folder: &Path, index: &Index, summary: &mut Summary) -> Vec<Reference> {
    let mut found = Vec::new();
    for slot in index.slots() {
        let there = index.place(slot).content(folder).length();
        let Some(entry) = index.entry(slot) else {
            continue;
        };
        let problem = match &*entry.method {
            _ if there.is_err() => Some(format!("its file is not there: {}", entry.path)),
            _ if there.is_ok_and(|length| length != entry.bytes) => {
                Some("is not as it was downloaded: its length is another".to_owned())
            }
            "bytes" | "whole" if is_hidden(&entry.uri) => {
                Some("its URL has a password or signature, which is not published".to_owned())
            }
            "bytes" | "whole" if !is_plain(&entry.path) || !is_plain(&entry.uri) => {
                Some("its path or URL has characters that end a line of a list".to_owned())
            }
            "bytes" | "whole" => None,
            method => Some(format!(
                "is not what one URL answered, byte for byte: {method}"
            )),
        };
        match problem {
            None => found.push(Reference {
                suffix: suffix(&entry.path),
                url: as_requested(&entry.uri),
                path: entry.path,
                bytes: entry.bytes,
                sha256: entry.sha256,
                etag: entry.etag,
            }),
            Some(problem) => {
                let id = without_secrets(&entry.id).into_owned();
                let input = folder.display().to_string();
                summary.rejects.push(Reject::new(input, id, "uri", problem));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    summary.kept = found.len() as u64;
    found
}

/// A URL as it was requested: what tables write as it is, blanks or umlauts, is percent-encoded, which other programs do not do.
fn as_requested(url: &str) -> String {
    url::Url::parse(url).map_or_else(|_| url.to_owned(), String::from)
}

/// Whether a path or URL can stand in a list, and a path leads nowhere else.
fn is_plain(text: &str) -> bool {
    !text.contains(char::is_control)
        && !text.split('/').any(|part| part == "..")
        && !text.starts_with('/')
}

/// Whether a part of a URL was left out of the journal, or must not be published.
fn is_hidden(url: &str) -> bool {
    url.contains('…') || without_secrets(url) != url
}

/// The suffix that git-annex keeps in a key: short, of letters and digits.
fn suffix(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    let is_usual =
        (1..=4).contains(&suffix.len()) && suffix.chars().all(|c| c.is_ascii_alphanumeric());
    match is_usual {
        true => format!(".{suffix}"),
        false => String::new(),
    }
}
