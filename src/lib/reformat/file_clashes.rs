//! Names of image files that Windows or macOS cannot hold, or takes for the same. Pure.

use unicode_normalization::UnicodeNormalization;

use super::classes::similar::folded;
use super::image_notes::first_few;
use crate::files::{self, is_device_name};
use crate::formats::{Dataset, Format};

/// What is said of names that formats write as they are in the image map; none if all systems can hold them.
pub fn note(dataset: &Dataset, formats: &[&dyn Format]) -> Option<String> {
    let keeping = formats.iter().filter(|format| format.info().keeps_names);
    let keeping: Vec<&str> = keeping.map(|format| format.name()).collect();
    if !dataset.placed || keeping.is_empty() {
        return None;
    }
    let files = dataset.facts.iter().map(|facts| facts.file);
    let clashing = clashing(files);
    let what = format!(
        "{}: file names that Windows or macOS cannot hold or takes for the same; -f yolo, voc and hf write other names",
        keeping.join(", ")
    );
    (!clashing.is_empty()).then(|| first_few(&what, &clashing))
}

/// What is said of files that differ only in their endings, where readers tell images apart by their names without these; none if
/// there are none.
pub fn note_stems(dataset: &Dataset, formats: &[&dyn Format]) -> Option<String> {
    if !formats.iter().any(|format| format.name() == "coco") {
        return None;
    }
    let stem = |file: &str| number(file.rsplit_once('.').map_or(file, |(stem, _)| stem));
    let mut stems: Vec<u64> = dataset.facts.iter().map(|facts| stem(facts.file)).collect();
    stems.sort_unstable();
    let shared = stems.chunk_by(|a, b| a == b).filter(|all| all.len() > 1);
    let shared: Vec<u64> = shared.map(|all| all[0]).collect();
    let files = dataset.facts.iter().map(|facts| facts.file);
    let alike =
        files.filter(|file| !shared.is_empty() && shared.binary_search(&stem(file)).is_ok());
    let alike: Vec<String> = alike.map(|file| format!("`{file}`")).collect();
    let what = "coco: file names that differ only in their endings, which datumaro refuses; -f yolo, voc and hf write other names";
    (!alike.is_empty()).then(|| first_few(what, &alike))
}

/// The files whose names are the same as those of another but for case and composition, or that Windows cannot hold.
fn clashing<'a>(files: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let mut numbers: Vec<u64> = files.clone().map(number).collect();
    numbers.sort_unstable();
    let shared = numbers.chunk_by(|a, b| a == b).filter(|all| all.len() > 1);
    let shared: Vec<u64> = shared.map(|all| all[0]).collect();
    let is_shared = |file: &str| !shared.is_empty() && shared.binary_search(&number(file)).is_ok();
    let clashing = files.filter(|file| !is_portable(file) || is_shared(file));
    clashing.map(|file| format!("`{file}`")).collect()
}

/// The same for names that are the same to some system.
fn number(file: &str) -> u64 {
    let name: String = match file.is_ascii() {
        true => file.to_ascii_lowercase(),
        false => folded(&file.nfc().collect::<String>()).nfc().collect(),
    };
    files::hash_number(name.as_bytes())
}

fn is_portable(file: &str) -> bool {
    file.split('/').all(|part| {
        let is_barred = |c: char| c.is_control() || "<>:\"\\|?*".contains(c);
        !(part.contains(is_barred) || part.ends_with(['.', ' ']) || is_device_name(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_some_system_cannot_hold_are_found() {
        let cases: [(&[&str], usize); 6] = [
            (&["a/x.png", "a/y.png", "b/x.png"], 0),
            (&["A/x.png", "a/x.png"], 2),
            (&["e\u{301}.png", "é.png", "É.PNG"], 3),
            (&["CON.png", "com1", "lpt/x", "console.png", "aux/x"], 3),
            (&["a./x", "a /x", "a:b", "a?"], 4),
            (&["straße.png", "STRASSE.png"], 2),
        ];
        for (files, wanted) in cases {
            assert_eq!(clashing(files.iter().copied()).len(), wanted, "{files:?}");
        }
    }
}
