//! Flat file names for formats without folders, and the table that leads from them back to the source.

use std::collections::BTreeMap;

use super::dataset::{Dataset, DatasetImage};
use super::sink::{Sink, put_rows};
use crate::error::Error;
use crate::files::{SafeName, hex_digest};

/// One stem per image, in order: readable, without spaces, unique even if upper and lower case are the same. A stem
/// depends on the path of the image and on whether another image has the same readable form, never on the order.
pub fn stems(dataset: &Dataset) -> Vec<String> {
    let paths: Vec<&str> = dataset.images.iter().map(without_suffix).collect();
    let names: Vec<String> = paths.iter().map(|path| readable(path)).collect();
    let mut uses: BTreeMap<String, u32> = BTreeMap::new();
    for name in &names {
        *uses.entry(name.to_lowercase()).or_default() += 1;
    }
    let stem = |(name, picture): (String, &DatasetImage)| match uses.get(&name.to_lowercase()) {
        Some(1) => name,
        _ => format!("{name}-{}", hex_digest(picture.file.as_bytes(), 12)),
    };
    names.into_iter().zip(&dataset.images).map(stem).collect()
}

fn without_suffix(picture: &DatasetImage) -> &str {
    let file = picture
        .file
        .strip_prefix("images/")
        .unwrap_or(&picture.file);
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
    let name = parts.join("__");
    // Leaves room for a hash and a suffix within the 255 bytes of most filesystems.
    if name.len() <= 200 {
        name
    } else {
        format!("{}-{}", &name[..180], hex_digest(path.as_bytes(), 12))
    }
}

/// Writes `sources.csv`: the source and the owner of each image in the output.
///
/// # Errors
/// The file cannot be written.
pub fn write_sources(
    dataset: &Dataset,
    named: impl Fn(usize, &DatasetImage) -> String,
    is_safe: bool,
    out: &mut dyn Sink,
) -> Result<(), Error> {
    const PATH: &str = "sources.csv";
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
    let row = |(i, picture): (usize, &DatasetImage)| {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
        [
            picture.number.to_string(),
            named(i, picture),
            or_none(&picture.split),
            picture.group.clone(),
            picture.width.to_string(),
            picture.height.to_string(),
            picture.id.clone(),
            picture.origin.clone(),
            or_none(&picture.source.manifest),
            or_none(&picture.source.rights),
            or_none(&picture.source.attribution),
        ]
    };
    let rows = dataset.images.iter().enumerate().map(row);
    put_rows(
        out,
        PATH,
        std::iter::once(HEADER.map(str::to_owned)).chain(rows),
        is_safe,
    )
}
