//! Which image a transcription in a local file is of: by file names, labels and ids.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization;

/// Suffixes of transcriptions and images, which may stand behind each other: `12r.alto.xml`, `12r.jpg.xml`.
const SUFFIXES: [&str; 22] = [
    "xml", "alto", "page", "hocr", "html", "htm", "xhtml", "ocr", "pagexml", "txt", "gz", "jpg",
    "jpeg", "jp2", "jpx", "png", "tif", "tiff", "webp", "gif", "bmp", "pdf",
];

/// Names of images, in the order in which they decide: one kind of names after the other.
#[derive(Debug, Default)]
pub struct Names {
    /// Kind of name → name → numbers of images.
    kinds: Vec<BTreeMap<String, BTreeSet<usize>>>,
}

impl Names {
    /// Adds a name of an image, made by [`stem`] or [`words`]; those of a lower kind decide before those of a higher.
    pub fn add(&mut self, kind: usize, name: &str, image: usize) {
        if name.is_empty() {
            return;
        }
        while self.kinds.len() <= kind {
            self.kinds.push(BTreeMap::new());
        }
        let named = self.kinds[kind].entry(name.to_owned()).or_default();
        named.insert(image);
    }

    /// The images with one of some names, which are tried in their order for each kind; empty if there are none.
    pub fn find(&self, names: &[String]) -> Vec<usize> {
        let tried = self
            .kinds
            .iter()
            .flat_map(|kind| names.iter().map(move |name| kind.get(name)));
        let found = tried.flatten().next();
        found.into_iter().flatten().copied().collect()
    }
}

/// A name as it is compared: the last part of a path, without suffixes, escapes and the difference of upper and lower case.
pub fn stem(name: &str) -> String {
    let decoded = percent_decode_str(name.trim()).decode_utf8_lossy();
    let path = decoded.split(['?', '#']).next().unwrap_or_default();
    let last = path
        .trim_end_matches(['/', '\\'])
        .rsplit(['/', '\\'])
        .next();
    let mut name = words(last.unwrap_or_default());
    while let Some((rest, suffix)) = name.rsplit_once('.') {
        if rest.is_empty() || !SUFFIXES.contains(&suffix) {
            break;
        }
        name = rest.to_owned();
    }
    name
}

/// A label as it is compared: without the difference of upper and lower case, of composed characters and of white space.
pub fn words(label: &str) -> String {
    let composed: String = label.nfc().collect();
    let lower = composed.to_lowercase();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_folder_suffix_and_case() {
        let cases = [
            ("12r.xml", "12r"),
            ("12r.alto.xml", "12r"),
            ("scans/12R.JPG.xml", "12r"),
            (r"C:\scans\12r.tif", "12r"),
            ("https://a.example/iiif/ms%201%2F12r.jp2", "12r"),
            ("https://a.example/12r.jpg?size=full#x", "12r"),
            ("f. 12r", "f. 12r"),
            ("a.b.xml", "a.b"),
            (".xml", ".xml"),
            ("Blatt_u\u{308}ber.xml", "blatt_über"),
            ("", ""),
        ];
        for (name, wanted) in cases {
            assert_eq!(stem(name), wanted, "{name}");
        }
    }

    #[test]
    fn the_first_kind_of_names_decides() {
        let mut names = Names::default();
        names.add(0, "a", 1);
        names.add(1, "b", 1);
        names.add(1, "a", 2);
        names.add(1, "b", 3);
        let find = |text: &str| names.find(&[stem(text)]);
        assert_eq!(find("a.xml"), [1]);
        assert_eq!(find("b.xml"), [1, 3]);
        assert!(find("c.xml").is_empty());
    }
}
