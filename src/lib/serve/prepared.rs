//! What is made before anybody asks: thumbnails and pyramids, in a folder beside what they were made of.
//!
//! A name holds what a file was made of, so a picture that changed has no thumbnail until it is prepared anew, and a
//! run that was stopped goes on where it was.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::files;
use crate::iiif::resolve::{RenderPlan, fit};
use crate::iiif::{Format, Quality};

/// The table `[prepare]` of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where what is prepared lies; none: beside the source.
    pub folder: Option<PathBuf>,
    /// The boxes that thumbnails fit into, `[width, height]`.
    pub thumbnails: Vec<[NonZeroU32; 2]>,
}

impl Default for Settings {
    /// What the grid page shows, and what programs like to ask for.
    fn default() -> Self {
        Settings {
            folder: None,
            thumbnails: [400, 512]
                .map(|n| [NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN); 2])
                .into(),
        }
    }
}

/// A folder of what is prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    folder: PathBuf,
    boxes: Vec<[u32; 2]>,
}

/// The folder beside a source: `pictures.prepared` for `pictures`, `set.prepared` for `set.json`.
pub fn beside(source: &Path) -> PathBuf {
    let whole = source.canonicalize().unwrap_or_else(|_| source.to_owned());
    let name = match whole.is_dir() {
        true => whole.file_name(),
        false => whole.file_stem(),
    };
    let mut name = name.unwrap_or_default().to_owned();
    name.push(".prepared");
    files::folder_of(&whole).join(name)
}

impl Prepared {
    /// What is, or is to be, in a folder.
    pub fn in_folder(folder: PathBuf, boxes: &[[NonZeroU32; 2]]) -> Self {
        Prepared {
            folder,
            boxes: boxes
                .iter()
                .map(|sides| sides.map(NonZeroU32::get))
                .collect(),
        }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The sizes of the thumbnails of an image of `[width, height]` pixels.
    pub fn sizes(&self, image: [u32; 2]) -> BTreeSet<[u32; 2]> {
        let sizes = self.boxes.iter().map(|sides| fit(image, *sides, false));
        sizes.collect()
    }

    /// Where the thumbnail of an image is, whose file is as it is now.
    pub fn thumbnail(&self, id: &str, now: &Metadata, [w, h]: [u32; 2]) -> PathBuf {
        self.place(id, now, &format!("{w}x{h}.jpg"))
    }

    /// Where its pyramid is.
    pub fn pyramid(&self, id: &str, now: &Metadata) -> PathBuf {
        self.place(id, now, "pyramid.tif")
    }

    /// Where the answer to a plan is, if it was prepared.
    pub fn answer(
        &self,
        id: &str,
        now: &Metadata,
        image: [u32; 2],
        plan: &RenderPlan,
    ) -> Option<PathBuf> {
        let is_plain = plan.region == [0, 0, image[0], image[1]]
            && plan.format == Format::Jpg
            && plan.quality == Quality::Default
            && !plan.mirror
            && plan.rotation == 0.0
            && plan.background.is_none();
        let path = || self.thumbnail(id, now, plan.size);
        let may_be = is_plain && self.sizes(image).contains(&plan.size);
        may_be.then(path).filter(|path| is_fresh(path, now))
    }

    /// Removes what was made of a file that has changed since.
    pub fn forget(&self, id: &str, now: &Metadata) {
        let (key, stamp) = (key(id), stamp(now));
        let folder = self.folder.join(&key[..2]);
        files::remove_others(&folder, &format!("{key}-"), &format!("{key}-{stamp}-"));
    }

    fn place(&self, id: &str, now: &Metadata, what: &str) -> PathBuf {
        let (key, stamp) = (key(id), stamp(now));
        self.folder
            .join(&key[..2])
            .join(format!("{key}-{stamp}-{what}"))
    }
}

/// Whether what was prepared is there, and was made of a file that is now as it was then. A file of the same length and
/// date may have been put into its place since: only the system's own date tells.
pub fn is_fresh(path: &Path, now: &Metadata) -> bool {
    let changed = |file: &Metadata| (file.ctime(), file.ctime_nsec());
    std::fs::metadata(path).is_ok_and(|made| made.is_file() && changed(&made) >= changed(now))
}

fn key(id: &str) -> String {
    files::hex_digest(id.as_bytes(), 24)
}

/// Length and date: what stays when a set is copied with its dates, so that what was prepared may go with it, copied
/// after it.
fn stamp(now: &Metadata) -> String {
    let facts = format!("{} {} {}", now.len(), now.mtime(), now.mtime_nsec());
    files::hex_digest(facts.as_bytes(), 16)
}
