//! Where each image goes: a folder per group, and a readable name: the label, or as `--name` says. Names that several images
//! would have get a hash of the image's id, all of them: so they depend on the set, and not on its order.

use std::collections::{BTreeSet, HashSet};
use std::str::FromStr;

use percent_encoding::percent_decode_str;

pub use super::output_folder::OutputFolder;
use super::state::journal::Journal;
use crate::contracts::LocalizedImage;
use crate::files::{SafeName, hex_digest};
use crate::http::shared_id;

/// Where an image is requested: its service, otherwise its URL.
pub fn source_uri(image: &LocalizedImage) -> Option<&str> {
    let service = image.image.service.as_ref().map(|service| &*service.id);
    service.or(image.image.url.as_deref())
}

/// How files are named: by label, or by a template of `--name`.
#[derive(Clone, Debug, Default)]
pub struct Naming {
    template: Option<Template>,
    /// Whether names have no dots, as keys of WebDataset: a tool takes what is before the first for the name of a sample.
    is_dotless: bool,
    /// Keys of the names that several images would have.
    shared: HashSet<u64>,
}

impl Naming {
    /// By this template, if there is one. Until [`Naming::share`] has been told of all images, no name counts as shared.
    pub fn new(template: Option<&Template>, is_dotless: bool) -> Self {
        Naming {
            template: template.cloned(),
            is_dotless,
            shared: HashSet::new(),
        }
    }

    /// Takes the keys of the names of all images of a set: those that several have get a hash.
    pub fn share(&mut self, keys: impl IntoIterator<Item = u64>) {
        self.shared = Naming::several(keys.into_iter().collect())
            .into_iter()
            .collect();
    }

    /// The keys that come more than once, each once and in their order.
    pub fn several(mut keys: Vec<u64>) -> Vec<u64> {
        keys.sort_unstable();
        let twice = keys.windows(2).filter(|pair| pair[0] == pair[1]);
        let mut several: Vec<u64> = twice.map(|pair| pair[0]).collect();
        several.dedup();
        several
    }

    /// Has the images of this name get a hash too: it belongs to another image.
    pub fn occupy(&mut self, key: u64) {
        self.shared.insert(key);
    }

    /// Whether the images of this name get a hash.
    pub fn is_shared(&self, key: u64) -> bool {
        self.shared.contains(&key)
    }

    /// The path of an image below the output folder, without suffix, as if no other had the same: `group/label`, or as the
    /// template says.
    pub fn plain(&self, image: &LocalizedImage) -> String {
        let name = match &self.template {
            None => by_label(image),
            Some(template) => template.name(image),
        };
        match self.is_dotless {
            true => name.replace('.', "_"),
            false => name,
        }
    }

    /// What tells whether two of these paths are the same.
    pub fn key(name: &str) -> u64 {
        // Names differ for file systems only if they differ in more than case.
        hash_of(&name.to_lowercase())
    }

    /// The path of an image below the output folder, without suffix.
    pub fn stem(&self, image: &LocalizedImage) -> String {
        self.unique(self.plain(image), &image.id)
    }

    /// A path of [`Naming::plain`], with a hash where several images have it, or where it ends as if it had one: then another
    /// image might have it with its hash.
    pub fn unique(&self, name: String, id: &str) -> String {
        match self.is_shared(Naming::key(&name)) || ends_in_hash(&name) {
            true => format!("{name}-{}", hex_digest(id.as_bytes(), 10)),
            false => name,
        }
    }
}

/// Whether a name ends as those that get a hash do.
fn ends_in_hash(name: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let last = name.rsplit_once('-').map(|(_, last)| last);
    last.is_some_and(|last| last.len() == 10 && last.chars().all(is_digit))
}

/// A number for a text, the same everywhere: the start of its SHA-256.
pub fn hash_of(text: &str) -> u64 {
    let digits = hex_digest(text.as_bytes(), 16);
    u64::from_str_radix(&digits, 16).unwrap_or_default()
}

/// A template of `--name`: text with fields in braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(String),
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Field(field) => write!(f, "{{{field}}}"),
        })
    }
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (field, after) = after
                .split_once('}')
                .ok_or_else(|| format!("`{text}` has a brace that is not closed"))?;
            if field.trim().is_empty() {
                return Err(format!("`{text}` has a field without a name"));
            }
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Field(field.trim().to_owned()));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        match pieces.iter().any(|piece| matches!(piece, Piece::Field(_))) {
            true => Ok(Template(pieces)),
            false => Err(format!(
                "`{text}` names no field: a key of the metadata, label, canvas, image, manifest, file, group or id, in braces"
            )),
        }
    }
}

impl Template {
    /// Its fields that only metadata may have, each once.
    pub fn keys(&self) -> BTreeSet<String> {
        let fields = self.0.iter().filter_map(|piece| match piece {
            Piece::Field(field) => Some(field.to_lowercase()),
            Piece::Text(_) => None,
        });
        fields
            .filter(|field| !OWN_FIELDS.contains(&&**field))
            .collect()
    }

    /// The path that it gives an image, without suffix: below the folder of its group, unless it has folders of its own.
    fn name(&self, image: &LocalizedImage) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(words) => text += words,
                // A slash in a value is no folder.
                Piece::Field(field) => text += &value_of(image, field).replace(['/', '\\'], "_"),
            }
        }
        let mut parts: Vec<String> = text
            .split('/')
            .filter(|part| !part.trim().is_empty())
            .map(|part| SafeName::readable(part).as_str().to_owned())
            .collect();
        // A folder is never where a file is, neither the journal nor an image.
        let folders = parts.len().saturating_sub(1);
        for folder in &mut parts[..folders] {
            let suffix = folder
                .rsplit_once('.')
                .map(|(_, suffix)| suffix.to_ascii_lowercase());
            if suffix.is_some_and(|suffix| SUFFIXES.contains(&&*suffix)) {
                folder.push('_');
            }
        }
        match parts.len() {
            0 => by_label(image),
            1 => format!("{}/{}", folder(image), parts[0]),
            _ => parts.join("/"),
        }
    }
}

/// Suffixes of files in an output folder.
const SUFFIXES: [&str; 11] = [
    "jsonl", "jpg", "jpeg", "png", "tif", "tiff", "gif", "webp", "jp2", "bmp", "pdf",
];

/// Fields that every image has.
const OWN_FIELDS: [&str; 7] = [
    "label", "canvas", "image", "manifest", "file", "group", "id",
];

/// The value of a field of a template: of the metadata first, upper and lower case alike; empty where there is none.
fn value_of(image: &LocalizedImage, field: &str) -> String {
    let has_name = |key: &&String| key.eq_ignore_ascii_case(field);
    if let Some(key) = image.metadata.keys().find(has_name) {
        return image.metadata[key].join(" ");
    }
    let labels = &image.source.labels;
    let label = |label: &Option<String>| label.clone().unwrap_or_default();
    match &*field.to_ascii_lowercase() {
        "label" => [label(&labels.canvas), label(&labels.image)]
            .join(" ")
            .trim()
            .to_owned(),
        "canvas" => label(&labels.canvas),
        "image" => label(&labels.image),
        "manifest" => label(&labels.manifest),
        "file" => base_name(image),
        "group" => image.group.clone(),
        "id" => shared_id(&image.id).into_owned(),
        _ => String::new(),
    }
}

/// The path of an image below the output folder, without suffix: `group/label`.
fn by_label(image: &LocalizedImage) -> String {
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
    format!("{}/{}", folder(image), label.as_str())
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

    fn stems(naming: &mut Naming, images: &[LocalizedImage]) -> Vec<String> {
        let keys = images.iter().map(|image| Naming::key(&naming.plain(image)));
        naming.share(keys.collect::<Vec<_>>());
        images.iter().map(|image| naming.stem(image)).collect()
    }

    #[test]
    fn names_are_readable_and_their_own() {
        let images = [
            image("a", "4Q171", "600/1 fr. 1"),
            image("b", "4Q171", "x"),
            image("c", "4Q171", "X"),
            image("d", "XHev/Se 8", "x"),
            image("e", "XHev_Se_8", "x"),
        ];
        let names = stems(&mut Naming::default(), &images);
        assert_eq!(names[0], "4Q171/600_1_fr.1_NIR_Recto");
        assert_eq!(names[1], "4Q171/x_NIR_Recto-3e23e81600");
        assert_eq!(names[2], "4Q171/X_NIR_Recto-2e7d2c03a9");
        assert_ne!(names[3], names[4]);
        let images = [image("a", "g", "p"), image("b", "g", "p")];
        let hash = stems(&mut Naming::default(), &images)[0][14..].to_owned();
        let mut likely = image("c", "g", "p");
        likely.source.labels.image = Some(format!("NIR Recto-{hash}"));
        let all = [images[0].clone(), images[1].clone(), likely];
        let names = stems(&mut Naming::default(), &all);
        assert!(names[0] != names[2] && names[1] != names[2], "{names:?}");
        let images = [image("a", "4Q171", "600/1 fr. 1")];
        let mut naming = Naming::default();
        naming.occupy(Naming::key("4q171/600_1_fr.1_nir_recto"));
        assert_eq!(
            naming.stem(&images[0]),
            "4Q171/600_1_fr.1_NIR_Recto-ca978112ca"
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
            assert_eq!(by_label(&image), format!("g/{name}"), "{url}");
        }
    }

    #[test]
    fn templates_name_by_metadata_and_tell_apart_what_they_give_the_same_name() {
        let template: Template = "{plate}_{frag} {label}".parse().unwrap();
        let with = |id: &str, plate: &str| {
            let mut image = image(id, "4Q1", "recto");
            let values = [("Plate", plate), ("frag", "a/b")];
            let values = values.map(|(key, value)| (key.to_owned(), vec![value.to_owned()]));
            image.metadata = values.into_iter().collect();
            image
        };
        let images = [with("1", "600"), with("2", "601"), with("3", "601")];
        let names = stems(&mut Naming::new(Some(&template), false), &images);
        assert_eq!(names[0], "4Q1/600_a_b_recto_NIR_Recto");
        assert!(
            names[1].starts_with("4Q1/601_a_b_recto_NIR_Recto-"),
            "{}",
            names[1]
        );
        assert_ne!(names[1], names[2]);
        let folders: Template = "{plate}/../{frag}".parse().unwrap();
        assert_eq!(folders.name(&images[0]), "600/unnamed/a_b");
        let mut journal = with("4", "downloads.jsonl");
        assert_eq!(folders.name(&journal), "downloads.jsonl_/unnamed/a_b");
        journal
            .metadata
            .insert("Plate".into(), vec!["x.PNG".into()]);
        assert_eq!(folders.name(&journal), "x.PNG_/unnamed/a_b");
        for bad in ["{a", "plain", "{}"] {
            assert!(bad.parse::<Template>().is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_name_leaves_the_folder_or_meets_another(a in ".{0,40}", b in ".{0,40}", group in ".{0,40}", label in ".{0,120}") {
            let images = [image(&a, &group, &label), image(&b, &group, &label)];
            let names = stems(&mut Naming::default(), &images[..1 + usize::from(a != b)]);
            let (one, two) = (&names[0], &names[names.len() - 1]);
            proptest::prop_assert_eq!(one.split('/').count(), 2);
            proptest::prop_assert!(one.split('/').all(|part| !part.is_empty() && !part.starts_with('.')));
            proptest::prop_assert!(one.len() < 200);
            proptest::prop_assert_eq!(a == b, one.to_lowercase() == two.to_lowercase());
        }
    }
}
