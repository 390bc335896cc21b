//! Observations as annosaurus returns them, flat (`fast`) or within their moment: all images and boxes, before an image
//! is chosen.

use std::collections::BTreeMap;

use serde_json::Value;

use super::localizations::{self, ParsedLocalization};
use super::options::M3Options;
use crate::contracts::{
    Annotation, ImageRef, Labels, Metadata, Observation, Provenance, Region, Space,
};
use crate::sources::{About, Found, Hung, Placed, is_url};
use crate::summary::Reject;
use crate::values::{id, list, side, text, uuid};

/// Attribute: the image reference that a box names.
pub const REFERENCE: &str = "image_reference_uuid";
/// Attribute: the observation that a box belongs to.
pub const OBSERVATION: &str = "observation_uuid";
/// Attribute: the concept without the part.
pub const TAXON: &str = "taxon";
/// Attribute: the part of the organism that a box is around.
pub const PART: &str = "part";

/// One observation and its moment. In the flat form both are the same object.
#[derive(Clone, Copy)]
pub struct ObservationRow<'a> {
    moment: &'a Value,
    observation: &'a Value,
}

/// What has to be requested to choose an image for a row.
#[derive(Debug, Default, PartialEq)]
pub struct Missing {
    /// Image references of the moment without a URL.
    pub urls: Vec<String>,
    /// Image references that boxes name but the moment does not have.
    pub strangers: Vec<String>,
}

impl<'a> ObservationRow<'a> {
    /// A row of the flat form.
    pub fn flat(value: &'a Value) -> Self {
        ObservationRow {
            moment: value,
            observation: value,
        }
    }

    /// The rows of a moment.
    pub fn of_moment(moment: &'a Value) -> impl Iterator<Item = ObservationRow<'a>> {
        list(&moment["observations"]).map(move |observation| ObservationRow {
            moment,
            observation,
        })
    }

    /// UUID of the moment. An observation without moment counts as its own.
    pub fn moment(&self) -> String {
        let named = id(self.moment, &["imaged_moment_uuid", "uuid"]);
        named.unwrap_or_else(|| self.name())
    }

    /// UUID of the video.
    pub fn video(&self) -> Option<String> {
        id(self.moment, &["video_reference_uuid"])
    }

    /// UUID of the observation.
    pub fn name(&self) -> String {
        let named = id(self.observation, &["observation_uuid", "uuid"]);
        named.unwrap_or_else(|| "observation without uuid".into())
    }

    /// Reads images and boxes, and with `--unboxed` also observations without boxes, as labels of the whole image.
    /// Returns what is missing to choose an image; none if the row does not have boxes.
    pub fn read(&self, document: &str, options: &M3Options, found: &mut Found) -> Option<Missing> {
        let before = found.annotations.len();
        let associations = list(&self.observation["associations"]);
        let boxes: Vec<&Value> = associations
            .filter(|a| localizations::is_localization(a))
            .collect();
        for (at, association) in boxes.iter().enumerate() {
            self.localization(document, at, association, options.repair_boxes, found);
        }
        if boxes.is_empty() && options.unboxed {
            found.annotations.push(self.about_all(document));
        }
        if found.annotations.len() == before {
            return None;
        }
        let pictures = self.pictures();
        let missing = self.missing(&pictures, &found.annotations[before..]);
        found.observations.extend(pictures);
        found.manifests.push(self.about_moment());
        Some(missing)
    }

    fn localization(
        &self,
        document: &str,
        at: usize,
        association: &Value,
        repair: bool,
        found: &mut Found,
    ) {
        let id =
            id(association, &["uuid"]).unwrap_or_else(|| format!("{}#{}", self.name(), at + 1));
        match localizations::read(association, repair) {
            Ok(localization) => {
                let part = text(&association["to_concept"]);
                let placed = self.placed(document, id, localization, part);
                found.annotations.push(placed);
            }
            Err(problem) => {
                let field = format!("{id}/link_value");
                found
                    .rejects
                    .push(Reject::new(document, self.name(), &field, problem));
            }
        }
    }

    fn placed(
        &self,
        document: &str,
        id: String,
        localization: ParsedLocalization,
        part: Option<String>,
    ) -> Placed {
        let mut attributes = localization.attributes;
        attributes.extend(self.attributes());
        if let Some(reference) = localization.reference {
            attributes.insert(REFERENCE.into(), reference.into());
        }
        if let Some(part) = part.filter(|part| !["self", "nil"].contains(&part.as_str())) {
            attributes.insert(PART.into(), part.into());
        }
        self.about(document, id, localization.regions, attributes)
    }

    /// The observation as an annotation of the whole image.
    fn about_all(&self, document: &str) -> Placed {
        let whole = Region {
            frame: Space::Image,
            ..Region::default()
        };
        self.about(document, self.name(), vec![whole], self.attributes())
    }

    fn about(
        &self,
        document: &str,
        id: String,
        regions: Vec<Region>,
        attributes: BTreeMap<String, Value>,
    ) -> Placed {
        Placed {
            document: document.to_owned(),
            manifest: self.video(),
            hung: Hung::default(),
            target: self.moment(),
            image: None,
            annotation: Annotation {
                id,
                motivation: vec!["identifying".into()],
                regions,
                attributes,
                ..Annotation::default()
            },
        }
    }

    /// Attributes that the observation gives to each of its boxes. The observer of a box is in the box itself.
    fn attributes(&self) -> BTreeMap<String, Value> {
        let of = self.observation;
        let mut attributes = BTreeMap::from([(OBSERVATION.to_owned(), Value::from(self.name()))]);
        // Not trimmed: it is looked up in the knowledge base.
        if let Some(concept) = of["concept"].as_str() {
            attributes.insert(TAXON.into(), concept.into());
        }
        for (from, to) in [
            ("observer", "annotator"),
            ("observation_timestamp", "observation_timestamp"),
        ] {
            if let Some(value) = text(&of[from]) {
                attributes.insert(to.into(), value.into());
            }
        }
        attributes
    }

    /// All image references of the moment, with or without URL.
    fn pictures(&self) -> Vec<Observation> {
        let references = list(&self.moment["image_references"]);
        let moment = self.moment();
        references
            .filter_map(|reference| {
                let mut picture = picture(reference, &moment, self.video())?;
                // Until groups are assigned: marks the image as listed by its moment.
                picture.group.clone_from(&moment);
                Some(picture)
            })
            .collect()
    }

    /// Metadata of the moment, for each of its images.
    fn about_moment(&self) -> About {
        About {
            manifest: self.moment(),
            metadata: self.metadata(),
            ..About::default()
        }
    }

    fn metadata(&self) -> Metadata {
        let mut metadata = Metadata::new();
        let mut put = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                metadata.insert(key.to_owned(), vec![value]);
            }
        };
        let (moment, observation) = (self.moment, self.observation);
        // Very old services name it `recorded_date`.
        let recorded =
            text(&moment["recorded_timestamp"]).or_else(|| text(&moment["recorded_date"]));
        put("recorded_timestamp", recorded);
        for key in ["elapsed_time_millis", "timecode"] {
            put(key, text(&moment[key]));
        }
        for key in ["observer", "group", "activity"] {
            put(key, text(&observation[key]));
        }
        put("imaged_moment_uuid", Some(self.moment()));
        put("video_reference_uuid", self.video());
        let measured = moment["ancillary_data"].as_object().into_iter().flatten();
        for (key, value) in measured {
            if !["uuid", "last_updated_time"].contains(&key.as_str()) {
                put(key, text(value));
            }
        }
        metadata
    }

    fn missing(&self, pictures: &[Observation], boxes: &[Placed]) -> Missing {
        let urls = pictures.iter().filter(|p| p.image.url.is_none());
        let named = boxes
            .iter()
            .filter_map(|placed| reference(&placed.annotation));
        let strangers = named.filter(|name| pictures.iter().all(|p| p.id != *name));
        Missing {
            urls: urls.map(|p| p.id.clone()).collect(),
            strangers: strangers.map(str::to_owned).collect(),
        }
    }
}

/// The image reference that a box names.
pub fn reference(annotation: &Annotation) -> Option<&str> {
    annotation.attributes.get(REFERENCE)?.as_str()
}

/// An image reference as an observation of a moment; none if it does not have a UUID.
pub fn picture(reference: &Value, moment: &str, video: Option<String>) -> Option<Observation> {
    let id = id(reference, &["image_reference_uuid", "uuid"]).filter(|id| uuid(id).is_some())?;
    let url = text(&reference["url"]);
    let media_type = media_type(reference, url.as_deref());
    Some(Observation {
        id,
        image: ImageRef {
            url,
            width: side(&reference["width_pixels"]),
            height: side(&reference["height_pixels"]),
            media_type,
            ..ImageRef::default()
        },
        source: Provenance {
            kind: "m3".into(),
            manifest: video,
            canvas: Some(moment.to_owned()),
            labels: Labels {
                image: text(&reference["description"]),
                ..Labels::default()
            },
            ..Provenance::default()
        },
        ..Observation::default()
    })
}

/// The declared media type (`image/jpg` is JPEG), else that of the suffix.
fn media_type(reference: &Value, url: Option<&str>) -> Option<String> {
    let declared = text(&reference["format"]).map(|format| format.to_ascii_lowercase());
    let path = url.map(|url| url.split(['?', '#']).next().unwrap_or(url));
    let suffix = || path?.rsplit_once('.').map(|(_, s)| s.to_ascii_lowercase());
    let by_suffix = || match suffix()?.as_str() {
        "png" => Some("image/png".to_owned()),
        "jpg" | "jpeg" => Some("image/jpeg".to_owned()),
        "tif" | "tiff" => Some("image/tiff".to_owned()),
        _ => None,
    };
    match declared {
        Some(format) if format == "image/jpg" => Some("image/jpeg".into()),
        Some(format) if format.starts_with("image/") => Some(format),
        _ => by_suffix(),
    }
}

/// Whether the URL of an image is a web URL.
pub fn has_url(picture: &Observation) -> bool {
    picture.image.url.as_deref().is_some_and(is_url)
}
