//! What the files of a format hold, for descriptions of a set: which files there are, and what can be read from them.

use std::collections::BTreeSet;

use super::dataset::Dataset;
use crate::pixels;

/// Files of one kind in a folder of a format.
#[derive(Clone, Debug)]
pub struct Contents {
    /// Their name within the format.
    pub name: &'static str,
    /// One line about them.
    pub about: &'static str,
    /// Their paths, in which `*` is any text; a path without it is one file.
    pub paths: Vec<String>,
    /// Media types.
    pub media_types: Vec<&'static str>,
    /// What a record of them has; empty if they are not read as records.
    pub members: Vec<Member>,
}

/// One thing that every record has.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Where it stands.
    pub place: Place,
}

/// The type of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A box as `x y width height`, in pixels.
    Box,
    /// A picture.
    Image,
    /// A list of texts.
    Texts,
    /// A list of whole numbers.
    Integers,
    /// A list of boxes.
    Boxes,
    /// An array with a row of four numbers per box.
    BoxRows,
}

/// Where a member stands in a file.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// In a column of a table, or as a member of each line of JSON.
    Column(&'static str),
    /// Within the object in a column.
    Within(&'static str, &'static str),
    /// At a path of a JSON document.
    Json(&'static str),
    /// In the path of the file: the first group of a regular expression. It takes what it gives as well: readers that look a
    /// name up in another table apply it twice.
    Path(&'static str),
    /// All of the file.
    Whole,
}

impl Contents {
    /// Files that are not read as records.
    pub fn plain(
        name: &'static str,
        about: &'static str,
        path: &str,
        media_type: &'static str,
    ) -> Self {
        Contents {
            name,
            about,
            paths: vec![path.to_owned()],
            media_types: vec![media_type],
            members: Vec::new(),
        }
    }

    /// The same with records.
    pub fn with(mut self, members: &[(&'static str, Kind, Place)]) -> Self {
        let member = |&(name, kind, place): &_| Member { name, kind, place };
        self.members = members.iter().map(member).collect();
        self
    }

    /// A table with columns.
    pub fn table(path: &str, name: &'static str, about: &'static str, columns: &[Column]) -> Self {
        let mut table = Contents::plain(name, about, path, "text/csv");
        let member = |&(name, kind): &Column| Member {
            name,
            kind,
            place: Place::Column(name),
        };
        table.members = columns.iter().map(member).collect();
        table
    }

    /// The image files below a folder, each a record if all readers decode their types; none if images are not placed.
    pub fn images(dataset: &Dataset, folder: &str) -> Option<Self> {
        let types = media_types(dataset);
        let is_plain = types
            .iter()
            .all(|t| ["image/jpeg", "image/png"].contains(t));
        let members: &[(&str, Kind, Place)] = match is_plain {
            true => &[
                ("file", Kind::Text, Place::Path("(.*)")),
                ("content", Kind::Image, Place::Whole),
            ],
            false => &[],
        };
        let mut images = Contents::plain("files", "Image files.", folder, "").with(members);
        images.media_types = types.into_iter().collect();
        dataset.placed.then_some(images)
    }

    /// The image files of a format with a folder for each split.
    pub fn images_in_splits(dataset: &Dataset) -> Option<Self> {
        let images = Contents::images(dataset, "")?;
        let suffixes = suffixes(dataset).into_iter();
        Some(Contents {
            paths: suffixes.map(|suffix| format!("*/*.{suffix}")).collect(),
            ..images
        })
    }

    /// The table that leads from images to their sources.
    pub fn sources() -> Self {
        const COLUMNS: &[Column] = &[
            ("image_id", Kind::Integer),
            ("file", Kind::Text),
            ("split", Kind::Text),
            ("group", Kind::Text),
            ("width", Kind::Integer),
            ("height", Kind::Integer),
            ("image", Kind::Text),
            ("origin", Kind::Text),
        ];
        let about = "Where each image comes from.";
        Contents::table(super::file_names::SOURCES, "sources", about, COLUMNS)
    }
}

/// Name and type of a column.
pub type Column = (&'static str, Kind);

/// The media types of all images, sorted.
fn media_types(dataset: &Dataset) -> BTreeSet<&'static str> {
    dataset.facts.iter().map(|facts| facts.media_type).collect()
}

/// The suffixes of all images, sorted.
pub fn suffixes(dataset: &Dataset) -> BTreeSet<&'static str> {
    let types = media_types(dataset).into_iter();
    types.map(pixels::suffix).collect()
}
