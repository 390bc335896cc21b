//! The file of reviews: played at the start, appended to with every correction.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::catalogue::Catalogue;
use super::review::{self, Change, Edit};
use crate::files;
use crate::report::{Error, Reject, Report};

/// The open file.
#[derive(Debug)]
pub struct Reviews {
    path: PathBuf,
    file: File,
    /// Lines in it: the next one names a new box.
    lines: u64,
}

impl Reviews {
    /// Opens a file, makes the corrections in it, and leaves out, with the reason, what cannot be made.
    pub fn open(
        path: &Path,
        catalogue: &mut Catalogue,
        report: &mut Report,
    ) -> Result<Self, Error> {
        let held = match path.exists() {
            true => files::read(path)?,
            false => Vec::new(),
        };
        let text = String::from_utf8_lossy(&held);
        let mut lines = 0;
        for line in text.lines() {
            lines += 1;
            if line.trim().is_empty() {
                continue;
            }
            report.read += 1;
            match review::read_line(line).and_then(|edit| review::apply(catalogue, &edit)) {
                Ok(()) => {
                    report.kept += 1;
                    report.count("reviews", 1);
                }
                Err(why) => report.rejects.push(Reject::new(
                    path.display().to_string(),
                    format!("line {lines}"),
                    "review",
                    format!("correction cannot be made: {why}"),
                )),
            }
        }
        let mut file = files::open_to_append(path)?;
        if !held.is_empty() && !held.ends_with(b"\n") {
            // A line that was cut short stays a line of its own.
            file.write_all(b"\n")
                .map_err(|e| files::cannot_write(path, e))?;
        }
        Ok(Reviews {
            path: path.to_owned(),
            file,
            lines,
        })
    }

    /// Makes a correction: in a copy of the catalogue, then on disk. Gives the new catalogue and the box's id.
    pub fn make(
        &mut self,
        mut edit: Edit,
        catalogue: &Catalogue,
    ) -> Result<(Catalogue, String), (u16, String)> {
        if let Change::Create(_) = edit.change {
            edit.of = format!("review-{}", self.lines + 1);
        }
        let mut corrected = catalogue.clone();
        review::apply(&mut corrected, &edit).map_err(|why| (409, why))?;
        let line = review::line(&edit) + "\n";
        let written = self
            .file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.sync_data());
        written.map_err(|e| (500, files::cannot_write(&self.path, e).to_string()))?;
        self.lines += 1;
        Ok((corrected, edit.of))
    }
}
