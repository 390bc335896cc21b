//! The folder of prepared files: thumbnails and pyramids that were made before the server started.
//!
//! The name of a prepared file identifies the state of the image it was made from, so a changed image has no thumbnail
//! until it is prepared again, and a run that was stopped continues where it was.

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
pub struct PrepareSettings {
    /// The folder of prepared files; none: beside the source.
    pub folder: Option<PathBuf>,
    /// The boxes that thumbnails fit into, `[width, height]` in pixels.
    pub thumbnails: Vec<[NonZeroU32; 2]>,
}

impl Default for PrepareSettings {
    /// The size that the index page shows, and a size that viewers often request.
    fn default() -> Self {
        PrepareSettings {
            folder: None,
            thumbnails: [400, 512]
                .map(|n| [NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN); 2])
                .into(),
        }
    }
}

/// A folder of prepared files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    folder: PathBuf,
    boxes: Vec<[u32; 2]>,
}

/// The usual folder of a source, beside it: `pictures.prepared` for `pictures`, `set.prepared` for `set.json`.
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
    /// The prepared files in a folder, for thumbnails that fit into `boxes`.
    pub fn in_folder(folder: PathBuf, boxes: &[[NonZeroU32; 2]]) -> Self {
        Prepared {
            folder,
            boxes: boxes
                .iter()
                .map(|sides| sides.map(NonZeroU32::get))
                .collect(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The sizes, `[width, height]`, of the thumbnails of an image of `[width, height]` pixels.
    pub fn sizes(&self, image: [u32; 2]) -> BTreeSet<[u32; 2]> {
        let sizes = self.boxes.iter().map(|sides| fit(image, *sides, false));
        sizes.collect()
    }

    /// The path of a thumbnail of `[width, height]` pixels; `now` is the metadata of the file of the image.
    pub fn thumbnail(&self, id: &str, now: &Metadata, [w, h]: [u32; 2]) -> PathBuf {
        self.place(id, now, &format!("{w}x{h}.jpg"))
    }

    /// The path of the pyramid of an image.
    pub fn pyramid(&self, id: &str, now: &Metadata) -> PathBuf {
        self.place(id, now, "pyramid.tif")
    }

    /// Whether the answer to a plan for an image of `[width, height]` pixels is among those that are prepared.
    pub fn is_for(&self, image: [u32; 2], plan: &RenderPlan) -> bool {
        plan.region == [0, 0, image[0], image[1]]
            && plan.format == Format::Jpg
            && plan.quality == Quality::Default
            && !plan.mirror
            && plan.rotation == 0.0
            && plan.background.is_none()
            && self.sizes(image).contains(&plan.size)
    }

    /// The path of a thumbnail of this size, if it is there and up to date.
    pub fn answer(&self, id: &str, now: &Metadata, size: [u32; 2]) -> Option<PathBuf> {
        let path = self.thumbnail(id, now, size);
        is_fresh(&path, now).then_some(path)
    }

    /// Removes what was made from earlier states of a file.
    pub fn remove_outdated(&self, id: &str, now: &Metadata) {
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

/// Whether a prepared file exists and was made after the last change of its source. The time of the last status change
/// decides: a file of the same length and date may have been replaced, also in the tick of the clock in which it was prepared.
pub fn is_fresh(path: &Path, now: &Metadata) -> bool {
    let changed = |file: &Metadata| (file.ctime(), file.ctime_nsec());
    std::fs::metadata(path).is_ok_and(|made| made.is_file() && changed(&made) > changed(now))
}

fn key(id: &str) -> String {
    files::hex_digest(id.as_bytes(), 24)
}

/// Length and date identify a file. They stay when a set is copied with its dates, so prepared files can be copied along,
/// after it.
fn stamp(now: &Metadata) -> String {
    let facts = format!("{} {} {}", now.len(), now.mtime(), now.mtime_nsec());
    files::hex_digest(facts.as_bytes(), 16)
}
