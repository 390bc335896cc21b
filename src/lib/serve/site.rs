//! The site as one visitor sees it: the images, the visitor's permissions, and how answers are limited.

use std::collections::{BTreeSet, HashSet};

use super::auth::permissions::Permissions;
use super::auth::rules::Access;
use super::catalogue::Catalogue;
use super::image::cap::Cap;
use super::image::preset::{self, Presets};
use super::image_record::{FileError, FileFacts, ImageRecord};
use super::presentation::uris::Uris;
use crate::iiif::Version;

/// Everything that answers about images are made from.
pub struct Site<'a> {
    /// The images and what is known about them.
    pub catalogue: &'a Catalogue,
    /// What the visitor may see of them.
    pub permissions: &'a Permissions,
    /// The limits on the size of answers.
    pub cap: Cap,
    /// The derivatives that have names.
    pub presets: &'a Presets,
    /// What boxes can be called.
    pub classes: &'a Classes,
    /// What tells the file of reviews from those of other servers; none: boxes cannot be corrected in the browser.
    pub reviews: Option<&'a str>,
    /// For how many seconds clients may reuse an image without asking again.
    pub max_age: u32,
    /// The file of the image that the request is about, as it is now, if the answer depends on it.
    pub file: Result<FileFacts, FileError>,
}

/// What boxes can be called, in the order of colours and keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    /// The names, each once.
    pub names: Vec<String>,
    /// How many of them, from the first, are told to everybody: those that no image has to show.
    pub open: usize,
}

/// No classes but those of the boxes.
static NO_CLASSES: Classes = Classes {
    names: Vec::new(),
    open: 0,
};

impl Classes {
    /// Those of a list, then those of the images and of their taxonomy, sorted.
    pub fn of(listed: &[String], taxonomy: &[String], catalogue: &Catalogue) -> Self {
        let images = catalogue.images.iter().map(|image| &image.about);
        let shown = images.flat_map(|about| {
            let boxes = about.localizations.iter().map(|l| &l.concept);
            boxes.chain(&about.labels)
        });
        let sorted: BTreeSet<&String> = shown.chain(taxonomy).collect();
        let mut names: Vec<String> = Vec::new();
        let mut seen = HashSet::new();
        for name in listed.iter().chain(sorted) {
            if seen.insert(name) {
                names.push(name.clone());
            }
        }
        let open = listed.iter().collect::<HashSet<_>>().len();
        Classes { names, open }
    }
}

impl<'a> Site<'a> {
    /// A site that reads no file: enough to find images and their permissions.
    pub fn without_files(catalogue: &'a Catalogue, permissions: &'a Permissions) -> Self {
        Site {
            catalogue,
            permissions,
            cap: Cap::default(),
            presets: &preset::NONE,
            classes: &NO_CLASSES,
            reviews: None,
            max_age: 0,
            file: Err(FileError::Gone("files are not read here".into())),
        }
    }

    /// Whether the visitor may correct the image at a position: a correction applies to all images on its canvas, those
    /// that are hidden from the visitor too.
    pub fn may_review(&self, at: usize) -> bool {
        let mut captures = self.catalogue.captures(at).iter();
        captures.all(|capture| self.access(*capture) == Access::Review)
    }

    /// What the visitor may do with the image at a position.
    pub fn access(&self, at: usize) -> Access {
        let image = &self.catalogue.images[at];
        self.permissions.access(self.catalogue.ruled(image))
    }

    /// Whether the visitor may know that an image exists.
    pub fn can_list(&self, image: &ImageRecord) -> bool {
        self.permissions.can_list(self.catalogue.ruled(image))
    }

    /// The position of the image of this name, or with the URI that the name leads to; none if it is hidden from the
    /// visitor.
    pub fn find(&self, name: &str, uris: &Uris) -> Option<usize> {
        let found = find(self.catalogue, name, uris);
        found.filter(|at| self.can_list(&self.catalogue.images[*at]))
    }
}

/// The position of the image of this name. An image that was harvested from this server has its URI as its name.
pub fn find(catalogue: &Catalogue, name: &str, uris: &Uris) -> Option<usize> {
    let by_uri = || catalogue.find(&uris.service(Version::V3, name));
    catalogue.find(name).or_else(by_uri)
}
