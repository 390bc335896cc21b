//! The table of images that look alike, and what is said of it. Pure.

use super::assemble::Assembled;
use super::similar_images::AlikePair;
use super::split::options::NearDuplicates;
use crate::summary::counted;

/// The columns of the table.
pub const HEADER: [&str; 7] = [
    "file",
    "other",
    "group",
    "other_group",
    "split",
    "other_split",
    "equal",
];

/// The rows of the table.
pub fn rows(pairs: &[AlikePair], assembled: &Assembled) -> Vec<[String; 7]> {
    let row = |pair: &AlikePair| {
        [
            &*pair.files[0],
            &*pair.files[1],
            &*pair.groups[0],
            &*pair.groups[1],
            split(assembled, pair.images.0),
            split(assembled, pair.images.1),
            if pair.is_equal { "yes" } else { "no" },
        ]
        .map(str::to_owned)
    };
    pairs.iter().map(row).collect()
}

/// The split of an image of the survey; empty without splits.
fn split(assembled: &Assembled, at: usize) -> &str {
    let assigned = assembled.assigned.as_ref();
    assigned.map_or("", |assigned| {
        assigned.names[usize::from(assigned.of[at])].as_str()
    })
}

/// How many pairs are in the table of this name, and how many of them in different splits.
pub fn note(
    pairs: &[AlikePair],
    rule: NearDuplicates,
    assembled: &Assembled,
    table: &str,
) -> String {
    let apart = pairs
        .iter()
        .filter(|pair| split(assembled, pair.images.0) != split(assembled, pair.images.1));
    let apart = apart.count() as u64;
    let mut note = format!(
        "{} alike, listed in {table}",
        counted(
            pairs.len() as u64,
            "pair of images looks",
            "pairs of images look"
        )
    );
    if apart > 0 {
        note += &format!("; {apart} of them in different splits: ");
        note += match rule {
            NearDuplicates::Group => "--split-like or --split-by says so, which goes before",
            _ => "--near-duplicates group keeps them together",
        };
    }
    note
}
