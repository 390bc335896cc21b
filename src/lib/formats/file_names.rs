//! Flat file names for formats without folders, and the table that leads from them back to the source.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::dataset::{Dataset, DatasetImage};
use super::sink::{Sink, put_rows};
use crate::contracts::Text;
use crate::error::Error;
use crate::files::{SafeName, hex_digest};

/// Makes a name for the file of each image.
#[derive(Debug)]
pub struct Names {
    readable: fn(&str) -> String,
    /// Numbers made of the names that several images would have.
    shared: HashSet<u64>,
}

/// A stem for each image: readable, without spaces, unique even if upper and lower case are the same. A stem depends on the
/// path of the image and on whether another image has the same readable form, never on the order.
pub fn stems(dataset: &Dataset) -> Names {
    // Leaves room for a hash and a suffix within the 255 bytes of most filesystems.
    Names::new(dataset, |path| short(readable(path), path, 200))
}

/// The same without dots, and short enough for the header of a tar file.
pub fn keys(dataset: &Dataset) -> Names {
    Names::new(dataset, |path| {
        short(readable(path).replace('.', "_"), path, 64)
    })
}

impl Names {
    fn new(dataset: &Dataset, readable: fn(&str) -> String) -> Self {
        let names = dataset
            .facts
            .iter()
            .map(|facts| readable(without_suffix(facts.file)));
        let mut numbers: Vec<u64> = names.map(|name| number(&name)).collect();
        numbers.sort_unstable();
        let shared = numbers
            .chunk_by(|a, b| a == b)
            .filter(|same| same.len() > 1);
        Names {
            readable,
            shared: shared.map(|same| same[0]).collect(),
        }
    }

    /// The name for the image with this path.
    pub fn of(&self, file: &str) -> String {
        let name = (self.readable)(without_suffix(file));
        match self.shared.contains(&number(&name)) {
            false => name,
            true => format!("{name}-{}", hex_digest(file.as_bytes(), 12)),
        }
    }
}

fn number(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.to_lowercase().hash(&mut hasher);
    hasher.finish()
}

fn without_suffix(file: &str) -> &str {
    let file = file.strip_prefix("images/").unwrap_or(file);
    let name = file.rfind('/').map_or(0, |slash| slash + 1);
    match file[name..].rfind('.') {
        Some(dot) if dot > 0 => &file[..name + dot],
        _ => file,
    }
}

fn readable(path: &str) -> String {
    let parts: Vec<String> = path
        .split('/')
        .map(|part| SafeName::readable(part).as_str().to_owned())
        .collect();
    parts.join("__")
}

/// A name of at most `most` bytes, which are ASCII: with a hash of the path if it is longer.
fn short(name: String, path: &str, most: usize) -> String {
    match name.len() <= most {
        true => name,
        false => format!("{}-{}", &name[..most - 20], hex_digest(path.as_bytes(), 12)),
    }
}

/// The table that leads from the images in the output to their sources and owners.
pub const SOURCES: &str = "sources.csv";

/// Begins `sources.csv` with the names of its columns.
///
/// # Errors
/// The file cannot be written.
pub fn begin_sources(out: &mut dyn Sink) -> Result<(), Error> {
    const HEADER: [&str; 11] = [
        "image_id",
        "file",
        "split",
        "group",
        "width",
        "height",
        "image",
        "origin",
        "manifest",
        "rights",
        "attribution",
    ];
    put_rows(out, SOURCES, [HEADER])
}

/// Adds the row of an image that is called `file` in the output.
///
/// # Errors
/// The file cannot be written.
pub fn add_source(image: &DatasetImage, file: &str, out: &mut dyn Sink) -> Result<(), Error> {
    fn or_none<'a>(text: &'a Option<Text>) -> &'a str {
        text.as_deref().unwrap_or_default()
    }
    let [number, width, height] = [image.number, image.width, image.height].map(|n| n.to_string());
    let row = [
        number.as_str(),
        file,
        or_none(&image.split),
        &image.group,
        &width,
        &height,
        &image.id,
        &image.origin,
        or_none(&image.source.manifest),
        or_none(&image.source.rights),
        or_none(&image.source.attribution),
    ];
    put_rows(out, SOURCES, [row])
}
