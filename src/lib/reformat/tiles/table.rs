//! `tiles.csv`: the way back from tiles to their images; and what is said about tiles.

use super::cut::TileRules;
use crate::error::Error;
use crate::formats::{Sink, put_rows};
use crate::reformat::assemble::{Assembled, TiledImage};
use crate::summary::counted;

const TABLE: &str = "tiles.csv";

/// Writes the table: a row for each tile, in the order of the dataset.
///
/// # Errors
/// The file cannot be written.
pub fn put(assembled: &Assembled, out: &mut dyn Sink) -> Result<(), Error> {
    let header = [
        "number", "tile", "image", "split", "group", "x", "y", "w", "h",
    ];
    put_rows(out, TABLE, [header])?;
    let dataset = &assembled.dataset;
    for ((facts, tile), number) in dataset.facts.iter().zip(&assembled.tiles).zip(1..) {
        let number = format!("{number}");
        let split = facts
            .split
            .map_or("", |split| dataset.splits[usize::from(split)].as_str());
        let group = &dataset.groups[facts.group as usize];
        let image = &assembled.tiled[tile.image as usize].file;
        let [x, y, w, h] = tile.at.map(|v| v.to_string());
        let row = [&number, facts.file, image, split, group, &x, &y, &w, &h];
        put_rows(out, TABLE, [row])?;
    }
    out.close(TABLE)
}

/// Sides of the blocks of most JPEGs, in pixels, are this or a part of it.
const BLOCKS: u32 = 16;

/// How images were cut.
pub fn notes(assembled: &Assembled, rules: &TileRules) -> Vec<String> {
    let images = &assembled.tiled;
    let lossless = images.iter().filter(|image| image.grid.is_some()).count();
    let count = |n: usize| counted(n as u64, "image", "images");
    let mut notes = vec![format!(
        "{} of {}, {} pixels wide and high, {} in common at least: {TABLE} leads back",
        counted(assembled.tiles.len() as u64, "tile", "tiles"),
        count(images.len()),
        rules.side,
        rules.overlap
    )];
    if lossless > 0 {
        notes.push(format!(
            "tiles of {} are cut from JPEGs without loss: they begin on the blocks of the file, so that some have a few \
             pixels more in common",
            count(lossless)
        ));
    }
    if lossless < images.len() {
        let of_images = count(images.len() - lossless);
        let is_jpeg =
            |image: &TiledImage| image.grid.is_none() && image.header.media_type == "image/jpeg";
        let is_off = !(rules.side - rules.overlap).is_multiple_of(BLOCKS);
        notes.push(match is_off && images.iter().any(is_jpeg) {
            false => format!("tiles of {of_images} are PNG"),
            true => format!(
                "tiles of {of_images} are PNG; where --tiles less --overlap is a multiple of {BLOCKS}, those of JPEGs of one scan are \
                 JPEGs, cut without loss"
            ),
        });
    }
    notes
}
