//! Names of the files of tiles: that of the image with the corner of the tile, each once. Pure.

use std::collections::HashSet;

use crate::files;

/// Names that were given: of each a number.
#[derive(Debug, Default)]
pub struct TileNames {
    given: HashSet<u64>,
}

impl TileNames {
    /// A name for the tile of a file: `a/b.tif` at 0, 512 becomes `a/b_0_512.png`. Where that is the name of another tile
    /// (of `a/b.png`), the suffix of the file stays in it.
    pub fn name(&mut self, file: &str, [x, y, ..]: [u32; 4], is_jpeg: bool) -> String {
        let name_at = file.rfind('/').map_or(0, |slash| slash + 1);
        let dot = file[name_at..].rfind('.').filter(|dot| *dot > 0);
        let (stem, own) = file.split_at(dot.map_or(file.len(), |dot| name_at + dot));
        let suffix = match is_jpeg {
            true if own.is_empty() => ".jpg",
            true => own,
            false => ".png",
        };
        let mut name = format!("{stem}_{x}_{y}{suffix}");
        while !self
            .given
            .insert(files::hash_number(name.to_lowercase().as_bytes()))
        {
            name = format!(
                "{file}_{name_at}_{x}_{y}{suffix}",
                name_at = self.given.len()
            );
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_have_names_of_their_own() {
        let mut names = TileNames::default();
        let cases = [
            ("a/b.jpg", true, "a/b_16_32.jpg"),
            ("a/b.tif", false, "a/b_16_32.png"),
            ("a.b/c", false, "a.b/c_16_32.png"),
            ("a.b/.c", true, "a.b/.c_16_32.jpg"),
        ];
        for (file, is_jpeg, wanted) in cases {
            assert_eq!(names.name(file, [16, 32, 9, 9], is_jpeg), wanted);
        }
        let again = names.name("a/b.png", [16, 32, 9, 9], false);
        assert!(
            again.starts_with("a/b.png_") && again.ends_with("_16_32.png"),
            "{again}"
        );
    }
}
