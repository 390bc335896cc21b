//! The core of `reformat`: joins localizations with the downloaded files to a dataset. No disk, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::box_to_pixels::{Mapping, clip, clip_polygon};
use super::class_names::{ClassNames, ClassRules, NamedClass};
use crate::contracts::{BBox, Frame, Localization, Localizations, LocalizedImage, Polygon};
use crate::formats::{Dataset, DatasetBox, DatasetImage};
use crate::pixels::Header;
use crate::summary::Reject;

/// A file that was downloaded.
#[derive(Clone, Debug)]
pub struct ImageFile {
    /// Its path in the image map.
    pub file: String,
    /// Its path on the disk.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its header: size in pixels, channels, orientation.
    pub header: Header,
}

/// The choices of the user that the join follows.
#[derive(Clone, Debug, Default)]
pub struct JoinRules {
    /// What rejects call the localizations.
    pub input: String,
    /// How classes are named.
    pub naming: ClassRules,
    /// Whether images without boxes are left out.
    pub drop_negatives: bool,
}

/// A dataset, and what was left out: `read == kept + rejects` always holds, in images and boxes.
#[derive(Debug, Default)]
pub struct JoinedDataset {
    /// The dataset, without splits.
    pub dataset: Dataset,
    /// Number of images, and of boxes on images that were downloaded.
    pub read: u64,
    /// How many of these are in the dataset.
    pub kept: u64,
    /// Number of boxes that `--remap` or `--to-rank-strict` drops, and of unwanted images without boxes.
    pub filtered: u64,
    /// All other records, each with its reason.
    pub rejects: Vec<Reject>,
    /// Notes for the summary.
    pub notes: Vec<String>,
}

/// Joins images with their files. An image without an entry in `files` was not downloaded.
pub fn join(
    localizations: Localizations,
    files: &BTreeMap<String, Result<ImageFile, String>>,
    rules: &JoinRules,
) -> JoinedDataset {
    let unusable = localizations.rejects;
    let mut joining = Joining {
        rules,
        joined: JoinedDataset {
            read: unusable.len() as u64,
            rejects: unusable,
            ..JoinedDataset::default()
        },
        notes: ImageNotes::default(),
        naming: ClassNames::new(&rules.naming),
        drafts: Vec::new(),
        ids: BTreeSet::new(),
        taken: BTreeMap::new(),
    };
    for image in localizations.images {
        joining.image(image, files);
    }
    joining.finish()
}

/// An image whose boxes do not have class ids yet.
struct Draft {
    picture: DatasetImage,
    names: Vec<NamedClass>,
}

struct Joining<'a> {
    rules: &'a JoinRules,
    joined: JoinedDataset,
    notes: ImageNotes,
    naming: ClassNames<'a>,
    drafts: Vec<Draft>,
    ids: BTreeSet<String>,
    /// File → the image it belongs to.
    taken: BTreeMap<String, String>,
}

impl Joining<'_> {
    fn image(
        &mut self,
        image: LocalizedImage,
        files: &BTreeMap<String, Result<ImageFile, String>>,
    ) {
        let file = match self.file_of(&image, files) {
            Ok(file) => file,
            Err((field, problem)) => {
                let with = match image.localizations.len() {
                    0 => String::new(),
                    1 => ", 1 box with it".into(),
                    n => format!(", {n} boxes with it"),
                };
                self.joined.read += 1;
                return self.reject(&image.id, field, problem + &with);
            }
        };
        self.ids.insert(image.id.clone());
        self.taken.insert(file.file.clone(), image.id.clone());
        self.notes.sizes(&image, &file.header);
        let draft = self.draft(image, file);
        if self.rules.drop_negatives && draft.picture.boxes.is_empty() {
            self.joined.filtered += 1;
            return;
        }
        self.joined.read += 1;
        self.joined.kept += 1;
        self.drafts.push(draft);
    }

    fn file_of(
        &self,
        image: &LocalizedImage,
        files: &BTreeMap<String, Result<ImageFile, String>>,
    ) -> Result<ImageFile, (&'static str, String)> {
        if self.ids.contains(&image.id) {
            return Err((
                "id",
                "id occurs more than once: only the first is used".into(),
            ));
        }
        match files.get(&image.id) {
            None => Err((
                "id",
                "not downloaded: the image map does not list it".into(),
            )),
            Some(Err(problem)) => Err(("file", problem.clone())),
            Some(Ok(file)) => match self.taken.get(&file.file) {
                Some(other) => Err((
                    "file",
                    format!("file belongs to another image: {} to {other}", file.file),
                )),
                None => Ok(file.clone()),
            },
        }
    }

    fn draft(&mut self, image: LocalizedImage, file: ImageFile) -> Draft {
        let mapping = Mapping::of(&image, &file.header);
        let service = image.image.service.map(|service| service.id);
        let labels = image.labels.iter();
        let labels = labels.filter_map(|label| self.naming.of_concept(label));
        let mut picture = DatasetImage {
            labels: labels.map(|named| named.class).collect(),
            group: match image.group.as_str() {
                "" => image.id.clone(),
                _ => image.group,
            },
            id: image.id,
            file: file.file,
            path: file.path,
            bytes: file.bytes,
            width: file.header.width,
            height: file.header.height,
            channels: file.header.channels,
            media_type: file.header.media_type.to_owned(),
            orientation: file.header.orientation,
            origin: service.or(image.image.url).unwrap_or_default(),
            source: image.source,
            metadata: image.metadata,
            ..DatasetImage::default()
        };
        let given = image.localizations.len();
        let mut names = Vec::new();
        for localization in image.localizations {
            if let Some((labelled, named)) = self.labelled(localization, mapping, &picture) {
                picture.boxes.push(labelled);
                names.push(named);
            }
        }
        if given > 0 && picture.boxes.is_empty() {
            self.notes.emptied.push(picture.id.clone());
        }
        Draft { picture, names }
    }

    fn labelled(
        &mut self,
        localization: Localization,
        mapping: Option<Mapping>,
        picture: &DatasetImage,
    ) -> Option<(DatasetBox, NamedClass)> {
        let Some(named) = self.naming.of(&localization) else {
            self.joined.filtered += 1;
            return None;
        };
        self.joined.read += 1;
        match placed(&localization, &named.class, mapping, picture) {
            Ok((bbox, polygon, clipped)) => {
                self.joined.kept += 1;
                self.notes.clipped += u64::from(clipped);
                let mut attributes = localization.attributes;
                let mapped = mapping.zip(attributes.get("baseline"));
                if let Some(line) = mapped.and_then(|(mapping, line)| mapping.line(line)) {
                    attributes.insert("baseline".into(), line);
                }
                let labelled = DatasetBox {
                    number: 0,
                    id: localization.id,
                    class: 0,
                    bbox,
                    polygon,
                    attributes,
                };
                Some((labelled, named))
            }
            Err((field, problem)) => {
                let record = format!("{} {}", picture.id, localization.id);
                self.reject(&record, field, problem);
                None
            }
        }
    }

    fn reject(&mut self, record: &str, field: &str, problem: String) {
        let reject = Reject::new(&self.rules.input, record, field, problem);
        self.joined.rejects.push(reject);
    }

    /// Sorts and numbers everything, independent of the order of the input.
    fn finish(self) -> JoinedDataset {
        let Joining {
            rules,
            mut joined,
            notes,
            naming,
            mut drafts,
            ..
        } = self;
        drafts.sort_by(|a, b| key(a).cmp(&key(b)));
        let mut classes: BTreeMap<&String, &String> = BTreeMap::new();
        for named in drafts.iter().flat_map(|d| &d.names) {
            let taxon = classes.entry(&named.class).or_insert(&named.taxon);
            *taxon = (*taxon).min(&named.taxon);
        }
        joined.dataset.lineages = classes
            .values()
            .map(|taxon| naming.lineage(taxon))
            .collect();
        joined.dataset.classes = classes.into_keys().cloned().collect();
        let mut boxes = 0;
        for (i, mut draft) in drafts.into_iter().enumerate() {
            draft.picture.number = i as u32 + 1;
            for (labelled, named) in draft.picture.boxes.iter_mut().zip(&draft.names) {
                boxes += 1;
                labelled.number = boxes;
                let class = joined.dataset.classes.binary_search(&named.class);
                labelled.class = class.unwrap_or_else(|place| place);
            }
            joined.dataset.images.push(draft.picture);
        }
        joined.rejects.sort();
        joined.notes = notes.messages(rules.drop_negatives);
        if rules.naming.taxonomy {
            joined.notes.extend(unplaced(&joined.dataset));
        }
        for (what, names) in naming.notes().iter().filter(|(_, names)| !names.is_empty()) {
            joined.notes.push(first_few(what, names));
        }
        joined
    }
}

/// The note about classes that the taxonomy does not contain.
fn unplaced(dataset: &Dataset) -> Option<String> {
    let classes = dataset.classes.iter().zip(&dataset.lineages);
    let unknown = classes.filter(|(_, lineage)| lineage.is_empty());
    let names: Vec<String> = unknown.map(|(name, _)| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| first_few("classes that the taxonomy does not contain", &names))
}

/// A box and its outline in pixels of the file, and whether the box was clipped; the error is field and problem of a
/// reject.
fn placed(
    localization: &Localization,
    concept: &str,
    mapping: Option<Mapping>,
    picture: &DatasetImage,
) -> Result<(BBox, Option<Polygon>, bool), (&'static str, String)> {
    if concept.trim().is_empty() {
        return Err(("concept", "class name is empty".into()));
    }
    let unframed = "frame is missing: the coordinate space of the box is not known";
    let mapping = mapping.ok_or(("frame", unframed.to_owned()))?;
    let (width, height) = (picture.width, picture.height);
    let size = Frame {
        width: width.into(),
        height: height.into(),
    };
    let outside = || {
        let BBox {
            x,
            y,
            width: w,
            height: h,
        } = localization.bbox;
        let particulars = format!("{x}, {y}, {w}, {h} in its frame, {width} x {height} pixels");
        ("bbox", format!("box is outside the image: {particulars}"))
    };
    let mapped = mapping.bbox(&localization.bbox).ok_or_else(outside)?;
    let (inside, clipped) = clip(&mapped, size).ok_or_else(outside)?;
    let outline = localization.polygon.as_ref();
    let outline = outline.and_then(|p| clip_polygon(&mapping.polygon(p), size));
    Ok((inside, outline, clipped))
}

fn key(draft: &Draft) -> (&str, &str, &str) {
    let p = &draft.picture;
    (&p.group, &p.file, &p.id)
}

/// Notes about images, grouped: a count and the first few.
#[derive(Default)]
struct ImageNotes {
    clipped: u64,
    resized: Vec<String>,
    stretched: Vec<String>,
    turned: Vec<String>,
    exif: Vec<String>,
    emptied: Vec<String>,
}

impl ImageNotes {
    fn sizes(&mut self, image: &LocalizedImage, header: &Header) {
        let (width, height) = (header.width, header.height);
        let declared = (image.image.width, image.image.height);
        if let (Some(w), Some(h)) = declared
            && (w, h) != (width, height)
        {
            let words = format!("{}: {w} x {h} declared, {width} x {height} found", image.id);
            self.resized.push(words);
        }
        let mapping = Mapping::of(image, header);
        if let (Some(mapping), Some(frame)) = (mapping, image.frame)
            && !mapping.fits
        {
            let (w, h) = (frame.width, frame.height);
            let words = format!("{}: frame {w} x {h}, file {width} x {height}", image.id);
            self.stretched.push(words);
        }
        match mapping.map_or(1, |mapping| mapping.orientation) {
            1 if header.orientation != 1 => {
                let words = format!("{}: orientation {}", image.id, header.orientation);
                self.exif.push(words);
            }
            1 => {}
            turn => self
                .turned
                .push(format!("{}: orientation {turn}", image.id)),
        }
    }

    fn messages(self, drop_negatives: bool) -> Vec<String> {
        let emptied = match drop_negatives {
            true => "image left out, because all its boxes were left out",
            false => "written without boxes, because all were left out",
        };
        let mut words: Vec<String> = [
            (
                "size differs from the declared one, using the file's actual size",
                self.resized,
            ),
            (
                "aspect ratios of frame and file differ, width and height are scaled separately",
                self.stretched,
            ),
            (
                "boxes drawn on the image as rotated by EXIF, mapped to the stored pixels",
                self.turned,
            ),
            (
                "EXIF orientation that the boxes do not follow, removed from the copies in the output",
                self.exif,
            ),
            (
                emptied,
                self.emptied,
            ),
        ]
        .into_iter()
        .filter(|(_, images)| !images.is_empty())
        .map(|(what, mut images)| {
            images.sort();
            first_few(what, &images)
        })
        .collect();
        if self.clipped > 0 {
            words.push(format!("boxes clipped to their image: {}", self.clipped));
        }
        words
    }
}

fn first_few(what: &str, all: &[String]) -> String {
    const FEW: usize = 3;
    let more = match all.len() {
        n if n > FEW => "; …",
        _ => "",
    };
    let few = all[..all.len().min(FEW)].join("; ");
    format!("{what}: {} ({few}{more})", all.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn localized(id: &str, boxes: &[[f64; 4]]) -> LocalizedImage {
        let localization = |(i, &bbox): (usize, &[f64; 4])| Localization {
            id: i.to_string(),
            concept: if i % 5 == 4 { " " } else { "a" }.into(),
            bbox: BBox::try_from(bbox).unwrap(),
            polygon: None,
            attributes: BTreeMap::new(),
        };
        LocalizedImage {
            id: id.into(),
            frame: Frame::try_from([100.0, 50.0]).ok(),
            localizations: boxes.iter().enumerate().map(localization).collect(),
            ..LocalizedImage::default()
        }
    }

    fn file(name: &str) -> ImageFile {
        ImageFile {
            file: name.into(),
            path: name.into(),
            bytes: 1,
            header: Header {
                width: 200,
                height: 100,
                channels: 3,
                depth: 8,
                media_type: "image/png",
                orientation: 1,
            },
        }
    }

    proptest! {
        #[test]
        fn every_record_is_kept_or_rejected_and_every_box_kept_is_inside(
            images in proptest::collection::vec(
                (0u8..6, 0u8..4, proptest::collection::vec(
                    [-150f64..150.0, -150f64..150.0, 0.001f64..100.0, 0.001f64..100.0], 0..8)),
                0..8,
            ),
            drop_negatives: bool,
        ) {
            let files: BTreeMap<String, Result<ImageFile, String>> = images
                .iter()
                .filter(|(_, state, _)| *state > 0)
                .map(|(id, state, _)| {
                    let found = if *state == 1 { Err("bad".into()) } else { Ok(file(&id.to_string())) };
                    (id.to_string(), found)
                })
                .collect();
            let localized = images.iter().map(|(id, _, boxes)| localized(&id.to_string(), boxes));
            let rules = JoinRules { drop_negatives, ..JoinRules::default() };
            let joined = join(Localizations::new(localized.collect()), &files, &rules);
            prop_assert_eq!(joined.read, joined.kept + joined.rejects.len() as u64);
            let dataset = joined.dataset;
            let boxes: usize = dataset.images.iter().map(|p| p.boxes.len()).sum();
            prop_assert_eq!(joined.kept, (boxes + dataset.images.len()) as u64);
            for b in dataset.images.iter().flat_map(|p| &p.boxes) {
                prop_assert!(b.bbox.x >= 0.0 && b.bbox.y >= 0.0 && b.bbox.right() <= 200.0 + 1e-9);
                prop_assert!(b.bbox.bottom() <= 100.0 + 1e-9);
            }
        }
    }
}
