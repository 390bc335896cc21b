//! `downloads.jsonl`: the journal of finished images, one JSON object a line, appended and flushed to the disk
//! after the file it speaks of. The last line of an id counts; a line torn off by a crash is cut away.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::contracts::{self, Download};
use crate::files;
use crate::report::Error;

/// The journal of an output folder, open for this run alone.
#[derive(Debug)]
pub struct Journal {
    file: Mutex<File>,
    lines: HashMap<String, Download>,
    _lock: File,
}

impl Journal {
    /// The journal's name in the output folder.
    pub const NAME: &'static str = "downloads.jsonl";

    /// Locks the folder and reads its journal, making both if they are missing.
    pub fn open(folder: &Path, hidden: &Path) -> Result<Self, Error> {
        let lock = lock(&hidden.join("lock"), folder)?;
        let path = folder.join(Self::NAME);
        let mut file = files::open_to_append(&path)?;
        let bytes = files::read(&path)?;
        let (lines, sound) = read(&bytes, &path.display().to_string())?;
        if sound < bytes.len() {
            file.set_len(sound as u64)
                .and_then(|()| file.sync_all())
                .map_err(|e| files::cannot_write(&path, e))?;
        }
        if sound > 0 && bytes[sound - 1] != b'\n' {
            file.write_all(b"\n")
                .map_err(|e| files::cannot_write(&path, e))?;
        }
        Ok(Journal {
            file: Mutex::new(file),
            lines,
            _lock: lock,
        })
    }

    /// What earlier runs finished, without a lock or a change: for looking only.
    pub fn peek(folder: &Path) -> Result<HashMap<String, Download>, Error> {
        let path = folder.join(Self::NAME);
        if !path.exists() {
            return Ok(HashMap::new());
        }
        let lines = read(&files::read(&path)?, &path.display().to_string())?;
        Ok(lines.0)
    }

    /// What earlier runs finished, by image id.
    pub fn finished(&self) -> &HashMap<String, Download> {
        &self.lines
    }

    /// Adds a line and waits until it is on the disk.
    pub fn append(&self, line: &Download) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&bytes)?;
        file.sync_data()
    }
}

fn lock(path: &Path, folder: &Path) -> Result<File, Error> {
    let lock = files::open_to_append(path)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::new(format!(
            "{}: another recto-download is at work in this folder",
            folder.display()
        ))
        .hint("wait for it, or name another output folder")),
        // Some network filesystems have no locks: go on without.
        Err(TryLockError::Error(_)) => Ok(lock),
    }
}

/// The last line of each id, and how many bytes are sound.
fn read(bytes: &[u8], name: &str) -> Result<(HashMap<String, Download>, usize), Error> {
    let mut lines = HashMap::new();
    let mut start = 0;
    for (number, line) in bytes.split_inclusive(|&b| b == b'\n').enumerate() {
        let last = start + line.len() == bytes.len();
        match contracts::parse_json::<Download>(line, name) {
            Ok(download) => {
                lines.insert(download.id.clone(), download);
            }
            Err(_) if line.iter().all(u8::is_ascii_whitespace) => {}
            Err(_) if last && is_torn(line) => return Ok((lines, start)),
            Err(_) => {
                let what = format!("{name}:{}: not a line of a download journal", number + 1);
                return Err(Error::new(what)
                    .hint("move the file away; images without an entry are fetched again"));
            }
        }
        start += line.len();
    }
    Ok((lines, start))
}

/// Whether a last line was cut off in writing. One that is whole JSON is somebody's, and not ours to cut.
fn is_torn(line: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(line).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str) -> String {
        let line = Download {
            id: id.into(),
            ..Download::default()
        };
        serde_json::to_string(&line).unwrap() + "\n"
    }

    #[test]
    fn a_torn_tail_is_cut_away_wherever_it_tears() {
        let whole = line("a") + &line("b");
        let first = line("a").len();
        for cut in 0..=whole.len() {
            let (lines, sound) = read(&whole.as_bytes()[..cut], "x").unwrap();
            // A line is whole when only its line end is missing.
            let wanted = if cut >= whole.len() - 1 {
                2
            } else {
                usize::from(cut >= first - 1)
            };
            assert_eq!(lines.len(), wanted, "cut at {cut}");
            assert!(sound <= cut);
        }
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        assert!(read(b"{\"name\": \"their.jpg\"}\n", "x").is_err());
    }

    #[test]
    fn a_bad_line_in_the_middle_is_named() {
        let text = line("a") + "{broken\n" + &line("b");
        let error = read(text.as_bytes(), "x").unwrap_err().to_string();
        assert!(
            error.starts_with("error: x:2: not a line of a download journal"),
            "{error}"
        );
    }
}
