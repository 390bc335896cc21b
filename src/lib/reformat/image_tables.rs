//! What is written and counted of every image beside its format: `image-splits.csv`, the split and the group of each image, which
//! `--split-like` reads, and whose the images are.

use super::assemble::Assembled;
use super::owners::Owners;
use crate::error::Error;
use crate::formats::{DatasetImage, Sink, put_rows};

/// The table of splits.
pub const SPLITS: &str = "image-splits.csv";

/// What is collected while images are written. A tile counts for its image, once.
#[derive(Debug)]
pub struct ImageTables {
    is_split: bool,
    is_cut: bool,
    /// The image of the last one.
    last: String,
    rows: Vec<[String; 3]>,
    owners: Owners,
}

/// Rows that are written at a time.
const AT_ONCE: usize = 1000;

impl ImageTables {
    /// Begins the tables of a set.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn begin(assembled: &Assembled, out: &mut dyn Sink) -> Result<Self, Error> {
        let is_split = !assembled.dataset.splits.is_empty();
        if is_split {
            put_rows(out, SPLITS, [["image", "group", "split"]])?;
        }
        Ok(ImageTables {
            is_split,
            is_cut: !assembled.tiles.is_empty(),
            last: String::new(),
            rows: Vec::new(),
            owners: Owners::new(),
        })
    }

    /// Adds an image.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn add(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let id = match image.id.rsplit_once("#xywh=") {
            Some((id, _)) if self.is_cut => id,
            _ => image.id.as_str(),
        };
        // The tiles of an image follow each other.
        if self.is_cut && id == self.last {
            return Ok(());
        }
        id.clone_into(&mut self.last);
        let source = &image.source;
        let owner = [&source.rights, &source.attribution];
        let [rights, attribution] = owner.map(|said| said.as_deref().unwrap_or_default().into());
        let owned = self.owners.entry((rights, attribution)).or_default();
        owned.add(source.manifest.as_deref());
        if self.is_split {
            let split = image.split.as_deref().unwrap_or_default();
            let row = [id, image.group.as_str(), split].map(str::to_owned);
            self.rows.push(row);
        }
        match self.rows.len() < AT_ONCE {
            true => Ok(()),
            false => put_rows(out, SPLITS, self.rows.drain(..)),
        }
    }

    /// Ends the tables.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn finish(mut self, out: &mut dyn Sink) -> Result<Owners, Error> {
        if self.is_split {
            put_rows(out, SPLITS, self.rows.drain(..))?;
            out.close(SPLITS)?;
        }
        Ok(self.owners)
    }
}
