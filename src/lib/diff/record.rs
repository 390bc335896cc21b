//! What is compared of an image or a file, whatever it comes from. Pure.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contracts::{
    Annotation, BBox, DatasetEntry, Download, Frame, ImageRef, Labels, LocalizedImage, MappedFile,
    Metadata, Observation, Polygon, Provenance, Region, Space,
};
use crate::files::{self, Content};
use crate::selectors::{self, Selection};

/// An image or a file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// Its id, or its path in a folder.
    pub id: String,
    /// Where its pixels are published.
    pub url: Option<String>,
    /// Its file, relative to what is compared.
    pub path: Option<String>,
    /// Where it is, as an image map says, if that is in a pack.
    pub packed: Option<String>,
    /// Length of the file.
    pub bytes: Option<u64>,
    /// SHA-256 of the file.
    pub sha256: Option<String>,
    /// Size in pixels.
    pub size: Option<[u32; 2]>,
    /// The space of its boxes.
    pub frame: Option<Frame>,
    /// Classes of the whole image.
    pub labels: Vec<String>,
    /// Rights.
    pub rights: Option<String>,
    /// Attribution.
    pub attribution: Option<String>,
    /// Group.
    pub group: Option<String>,
    /// Metadata, and labels under `label of …`.
    pub metadata: Metadata,
    /// Boxes.
    pub boxes: Vec<RecordBox>,
    /// Whether it names a file that is not there.
    #[serde(default)]
    pub is_missing: bool,
    /// Whether an annotation file that may tell of it was not read: nothing is known of it but its file.
    #[serde(default)]
    pub is_bare: bool,
}

/// A box.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordBox {
    /// Its id; may be empty.
    pub id: String,
    /// What it shows.
    pub label: String,
    /// Where it is; none where its selector cannot be read.
    pub bbox: Option<BBox>,
    /// A number made of its outline; 0 without one.
    pub outline: u64,
    /// Anything else.
    pub attributes: BTreeMap<String, Value>,
}

impl Record {
    /// Of an image with localizations.
    pub fn of_image(image: LocalizedImage) -> Self {
        let frame = image.frame;
        let boxes = image.localizations.into_iter().map(|found| RecordBox {
            outline: outline(found.polygon.as_ref(), &found.holes),
            id: found.id,
            label: found.concept,
            bbox: Some(found.bbox),
            attributes: found
                .attributes
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        });
        Record {
            boxes: boxes.collect(),
            labels: image.labels,
            frame,
            ..Record::published(
                image.id,
                &image.image,
                image.source,
                image.group,
                image.metadata,
            )
        }
    }

    /// Of an image in a digest.
    pub fn of_observation(image: Observation) -> Self {
        let spaces = Spaces {
            canvas: image.canvas,
            image: image.image.declared().and_then(frame),
        };
        let boxes = image.annotations.iter();
        Record {
            boxes: boxes.flat_map(|found| spaces.boxes(found)).collect(),
            frame: image.canvas,
            ..Record::published(
                image.id,
                &image.image,
                image.source,
                image.group,
                image.metadata,
            )
        }
    }

    /// Of an image in an annotation file. Ids of boxes are of no account: formats count them anew.
    pub fn of_annotated(name: String, image: Observation) -> Self {
        let mut record = Record::of_observation(image);
        for found in &mut record.boxes {
            found.id.clear();
        }
        Record {
            id: name,
            url: None,
            group: record.group.filter(|group| !group.is_empty()),
            ..record
        }
    }

    fn published(
        id: String,
        image: &ImageRef,
        source: Provenance,
        group: String,
        mut metadata: Metadata,
    ) -> Self {
        let Labels {
            manifest,
            canvas,
            image: of_image,
        } = source.labels;
        for (of, label) in [
            ("manifest", manifest),
            ("canvas", canvas),
            ("image", of_image),
        ] {
            metadata.extend(label.map(|label| (format!("label of {of}"), vec![label])));
        }
        let service = image.service.as_ref().map(|service| service.name());
        Record {
            id,
            url: service.or_else(|| image.url.clone()),
            sha256: image.sha256.clone(),
            size: image.declared(),
            rights: source.rights,
            attribution: source.attribution,
            group: Some(group),
            metadata,
            ..Record::default()
        }
    }

    /// Of a finished download, as the journal says.
    pub fn of_download(download: Download) -> Self {
        let packed = download.pack.is_some();
        Record {
            packed: packed.then(|| download.place().entry("")),
            id: download.id,
            url: Some(download.uri),
            path: Some(download.path),
            bytes: Some(download.bytes),
            sha256: Some(download.sha256),
            size: Some([download.width, download.height]),
            ..Record::default()
        }
    }

    /// Of a file of a dataset.
    pub fn of_entry(entry: &DatasetEntry) -> Self {
        Record {
            id: entry.path.clone(),
            path: Some(entry.path.clone()),
            bytes: Some(entry.bytes),
            sha256: Some(entry.sha256.clone()),
            ..Record::default()
        }
    }

    /// Of a file with an id of its own; `entry` is its path, or where it is in a pack as an image map says.
    pub fn of_file(id: &str, entry: &str, bytes: Option<u64>) -> Self {
        let file = MappedFile::parse(entry);
        Record {
            id: id.to_owned(),
            path: Some(file.name.to_owned()),
            packed: file.pack.is_some().then(|| entry.to_owned()),
            bytes,
            ..Record::default()
        }
    }

    /// Where its bytes are, below a folder.
    pub fn content(&self, folder: &Path) -> Option<Content> {
        let entry = self.packed.as_ref().or(self.path.as_ref())?;
        Some(MappedFile::parse(entry).content(folder))
    }

    /// Numbers under which the same is found when it has another name: of its bytes, and of its address.
    pub fn keys(&self) -> impl Iterator<Item = u64> {
        let of_bytes = match (&self.sha256, self.bytes) {
            (Some(sha256), _) => Some(format!("sha256 {sha256}")),
            (None, Some(bytes)) => Some(format!("bytes {bytes}")),
            (None, None) => None,
        };
        let of_url = self.url.as_ref().map(|url| format!("url {url}"));
        let keys = of_bytes.into_iter().chain(of_url);
        keys.map(|key| files::hash_number(key.as_bytes()))
    }
}

/// The spaces in which regions of an observation are drawn.
struct Spaces {
    canvas: Option<Frame>,
    image: Option<Frame>,
}

impl Spaces {
    /// An annotation as boxes, one for each of its regions.
    fn boxes(&self, annotation: &Annotation) -> Vec<RecordBox> {
        let bodies: Vec<&str> = annotation.bodies.iter().map(|body| &*body.value).collect();
        let number = |at: usize| match annotation.regions.len() {
            1 => annotation.id.clone(),
            _ => format!("{} [{at}]", annotation.id),
        };
        let regions = annotation.regions.iter().enumerate();
        let made = regions.map(|(at, region)| {
            let (bbox, outline) = self.drawn(region);
            RecordBox {
                id: number(at),
                label: bodies.join("; "),
                bbox,
                outline,
                attributes: annotation.attributes.clone(),
            }
        });
        made.collect()
    }

    fn drawn(&self, region: &Region) -> (Option<BBox>, u64) {
        let space = match region.frame {
            Space::Canvas => self.canvas,
            Space::Image => self.image,
        };
        match selectors::select(region, space) {
            Ok(Selection::Part(shape) | Selection::Doubtful(shape, _)) => (
                Some(shape.bbox),
                outline(shape.polygon.as_ref(), &shape.holes),
            ),
            Ok(Selection::Whole) => {
                let whole = space.map(|s| BBox::try_from([0.0, 0.0, s.width, s.height]));
                (whole.and_then(Result::ok), 0)
            }
            // What cannot be read may still be other words than before.
            Ok(Selection::Line(_)) | Err(_) => {
                let words = format!("{:?} {:?} {:?}", region.fragment, region.svg, region.point);
                (None, files::hash_number(words.as_bytes()))
            }
        }
    }
}

fn frame([width, height]: [u32; 2]) -> Option<Frame> {
    Frame::try_from([f64::from(width), f64::from(height)]).ok()
}

fn outline(polygon: Option<&Polygon>, holes: &[Polygon]) -> u64 {
    let Some(polygon) = polygon else {
        return 0;
    };
    let rings = std::iter::once(polygon).chain(holes);
    let points = rings.flat_map(|ring| ring.points().iter().flatten());
    let bytes: Vec<u8> = points.flat_map(|number| number.to_le_bytes()).collect();
    files::hash_number(&bytes)
}
