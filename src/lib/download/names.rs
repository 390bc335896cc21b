//! Where each image goes: a folder per group, a readable name, a hash so that no two images share a name.
//!
//! A name depends on the image alone: it is the same whatever else is in the set, and in any order.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::state::journal::Journal;
use crate::contracts::LocalizedImage;
use crate::files::{SafeName, hex_digest};

/// The output folder.
#[derive(Clone, Debug)]
pub struct OutputFolder {
    /// The folder itself.
    pub path: PathBuf,
    /// The folder in it for work in progress, and for what later runs should know.
    pub work: PathBuf,
}

impl OutputFolder {
    /// The folder at this path, which need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        OutputFolder {
            work: path.join(".recto"),
            path,
        }
    }
}

/// Where an image is requested: its service, otherwise its URL.
pub fn source_uri(image: &LocalizedImage) -> Option<&str> {
    let service = image.image.service.as_ref().map(|service| &*service.id);
    service.or(image.image.url.as_deref())
}

/// The path of an image below the output folder, without suffix: `group/label-hash`.
pub fn stem(image: &LocalizedImage) -> String {
    let labels = &image.source.labels;
    let words: Vec<&str> = [&labels.canvas, &labels.image]
        .into_iter()
        .filter_map(|label| label.as_deref())
        .collect();
    let label = match words.join(" ") {
        nothing if nothing.trim().is_empty() => base_name(image),
        label => label,
    };
    let label = SafeName::readable(&label);
    format!(
        "{}/{}-{}",
        folder(image),
        label.as_str(),
        hex_digest(image.id.as_bytes(), 10)
    )
}

/// The name of an image without labels: the last part of its URL, such as a timecode.
fn base_name(image: &LocalizedImage) -> String {
    let service = image.image.service.as_ref();
    let address = match service {
        Some(service) => &service.id,
        None => image.image.url.as_deref().unwrap_or_default(),
    };
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let last = path.trim_end_matches('/').rsplit('/').next();
    let last = percent_decode_str(last.unwrap_or_default()).decode_utf8_lossy();
    match last.rsplit_once('.') {
        Some((stem, suffix)) if service.is_none() && suffix.len() <= 4 => stem.to_owned(),
        _ => last.into_owned(),
    }
}

/// The folder of a group: the group itself; where that is the URL of a manifest, the manifest's label and a hash.
fn folder(image: &LocalizedImage) -> String {
    match &image.source.labels.manifest {
        Some(label) if image.group.contains("://") => {
            let hash = hex_digest(image.group.as_bytes(), 8);
            format!("{}-{hash}", SafeName::readable(label).as_str())
        }
        // The journal lies beside the folders.
        _ if image.group == Journal::NAME => format!("{}_", image.group),
        _ => SafeName::unique(&image.group).as_str().to_owned(),
    }
}

/// The name of files in progress of an image, different for every request.
pub fn work(id: &str, request: &str) -> String {
    hex_digest(format!("{id}\n{request}").as_bytes(), 24)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::{Labels, Provenance};

    fn image(id: &str, group: &str, canvas: &str) -> LocalizedImage {
        let labels = Labels {
            canvas: Some(canvas.into()),
            image: Some("NIR -Recto".into()),
            ..Labels::default()
        };
        LocalizedImage {
            id: id.into(),
            group: group.into(),
            source: Provenance {
                labels,
                ..Provenance::default()
            },
            ..LocalizedImage::default()
        }
    }

    #[test]
    fn names_are_readable_and_their_own() {
        assert_eq!(
            stem(&image("a", "4Q171", "600/1 fr. 1")),
            "4Q171/600_1_fr.1_NIR_Recto-ca978112ca"
        );
        assert_ne!(
            stem(&image("a", "4Q171", "x")),
            stem(&image("b", "4Q171", "x"))
        );
        assert_ne!(
            stem(&image("a", "XHev/Se 8", "x")),
            stem(&image("a", "XHev_Se_8", "x"))
        );
    }

    #[test]
    fn a_picture_without_label_is_named_as_its_address_ends() {
        let cases = [
            (
                "http://h.example/Doc%20R/1234/00_12_34_05.png",
                "00_12_34_05",
            ),
            (
                "http://h.example/a/20200102T030405Z--7.png?x=/y.jpg",
                "20200102T030405Z-7",
            ),
            ("http://h.example/no.suffix-here/", "no.suffix-here"),
            ("http://h.example/iiif?id=7", "iiif"),
            ("", "unnamed"),
        ];
        for (url, name) in cases {
            let mut image = image("a", "g", " ");
            image.source.labels = Labels::default();
            image.image.url = Some(url.into());
            assert_eq!(stem(&image), format!("g/{name}-ca978112ca"), "{url}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_name_leaves_the_folder_or_meets_another(a in ".{0,40}", b in ".{0,40}", group in ".{0,40}", label in ".{0,120}") {
            let (one, two) = (stem(&image(&a, &group, &label)), stem(&image(&b, &group, &label)));
            proptest::prop_assert_eq!(one.split('/').count(), 2);
            proptest::prop_assert!(one.split('/').all(|part| !part.is_empty() && !part.starts_with('.')));
            proptest::prop_assert!(one.len() < 200);
            proptest::prop_assert_eq!(a == b, one.to_lowercase() == two.to_lowercase());
        }
    }
}
