//! Where the parts of a set are.

use std::path::{Path, PathBuf};

use crate::files;

/// The name of the file in which a part says what it was made of.
pub const MARK: &str = "part.json";

/// The folder of all parts of a set: beside it, where it really is.
pub fn folder_of_parts(output: &Path) -> PathBuf {
    let output = files::landing_or_path(output);
    let mut name = output.file_name().unwrap_or_default().to_owned();
    name.push(".shards");
    output.with_file_name(name)
}

/// The name of the folder beside them with what was found out about files.
pub const LOOKS: &str = "looks";

/// The name of a part's folder.
pub fn part_name(part: u64, of: u64) -> String {
    format!("{part}-of-{of}")
}

/// Which part a folder of this name holds: its number, and how many there are.
pub fn named_part(name: &str) -> Option<(u64, u64)> {
    let (part, of) = name.split_once("-of-")?;
    let (part, of) = (part.parse().ok()?, of.parse().ok()?);
    (part < of && part_name(part, of) == name).then_some((part, of))
}

/// Whether a folder is a part of a set, or holds such parts.
pub fn is_of_parts(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders = std::iter::once(folder.to_owned()).chain(entries.map(|entry| entry.path()));
    folders.any(|folder| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        named_part(&name).is_some() && folder.join(MARK).is_file()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_their_names() {
        let cases = [
            ("0-of-4", Some((0, 4))),
            ("4-of-4", None),
            ("00-of-4", None),
            ("x", None),
        ];
        for (name, wanted) in cases {
            assert_eq!(named_part(name), wanted, "{name}");
        }
    }
}
