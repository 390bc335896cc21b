//! Observations as annosaurus answers them, flat (`fast`) or within their moment: pictures and boxes, before any
//! choice between the pictures of a moment.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Options;
use super::localizations::{self, Localization};
use crate::contracts::{
    Annotation, ImageRef, Labels, Metadata, Observation, Provenance, Region, Space,
};
use crate::sources::{About, Found, Placed, is_url};
use crate::summary::Reject;
use crate::values::{id, list, side, text, uuid};

/// Attribute: the image reference that a box names.
pub const REFERENCE: &str = "image_reference_uuid";
/// Attribute: the observation that a box belongs to.
pub const OBSERVATION: &str = "observation_uuid";
/// Attribute: the concept without its part.
pub const TAXON: &str = "taxon";
/// Attribute: the part of the organism that a box is around.
pub const PART: &str = "part";

/// One observation and the moment it belongs to. Of the flat form both are the same object.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    moment: &'a Value,
    observation: &'a Value,
}

/// What has to be asked for beside a row.
#[derive(Debug, Default, PartialEq)]
pub struct Missing {
    /// Image references of the moment without an address.
    pub addresses: Vec<String>,
    /// Image references that boxes name and the moment does not have.
    pub strangers: Vec<String>,
}

impl<'a> Row<'a> {
    /// A row of the flat form.
    pub fn flat(value: &'a Value) -> Self {
        Row {
            moment: value,
            observation: value,
        }
    }

    /// The rows of a moment.
    pub fn of_moment(moment: &'a Value) -> impl Iterator<Item = Row<'a>> {
        list(&moment["observations"]).map(move |observation| Row {
            moment,
            observation,
        })
    }

    /// UUID of the moment. An observation that names none is its own.
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

    /// Reads pictures and boxes, and with `--unboxed` observations without boxes too, as words about the whole picture.
    /// Gives what is missing to choose between the pictures; none when there is nothing to choose for.
    pub fn read(&self, document: &str, options: &Options, found: &mut Found) -> Option<Missing> {
        let before = found.annotations.len();
        let associations = list(&self.observation["associations"]);
        let said: Vec<&Value> = associations
            .filter(|a| localizations::is_localization(a))
            .collect();
        for (at, association) in said.iter().enumerate() {
            self.localization(document, at, association, options.mend_boxes, found);
        }
        if said.is_empty() && options.unboxed {
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
        mend: bool,
        found: &mut Found,
    ) {
        let id =
            id(association, &["uuid"]).unwrap_or_else(|| format!("{}#{}", self.name(), at + 1));
        match localizations::read(association, mend) {
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
        localization: Localization,
        part: Option<String>,
    ) -> Placed {
        let mut attributes = localization.attributes;
        attributes.extend(self.said());
        if let Some(reference) = localization.reference {
            attributes.insert(REFERENCE.into(), reference.into());
        }
        if let Some(part) = part.filter(|part| !["self", "nil"].contains(&part.as_str())) {
            attributes.insert(PART.into(), part.into());
        }
        self.about(document, id, localization.regions, attributes)
    }

    /// The observation as words about the whole picture.
    fn about_all(&self, document: &str) -> Placed {
        let whole = Region {
            frame: Space::Image,
            ..Region::default()
        };
        self.about(document, self.name(), vec![whole], self.said())
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

    /// What the observation says of each of its boxes. Who drew a box says so in the box.
    fn said(&self) -> BTreeMap<String, Value> {
        let of = self.observation;
        let mut said = BTreeMap::from([(OBSERVATION.to_owned(), Value::from(self.name()))]);
        // Not trimmed: it is a key of the knowledge base.
        if let Some(concept) = of["concept"].as_str() {
            said.insert(TAXON.into(), concept.into());
        }
        for (from, to) in [
            ("observer", "annotator"),
            ("observation_timestamp", "observation_timestamp"),
        ] {
            if let Some(value) = text(&of[from]) {
                said.insert(to.into(), value.into());
            }
        }
        said
    }

    /// Every image reference of the moment, with or without an address.
    fn pictures(&self) -> Vec<Observation> {
        let references = list(&self.moment["image_references"]);
        let moment = self.moment();
        references
            .filter_map(|reference| {
                let mut picture = picture(reference, &moment, self.video())?;
                // Until groups are told: the moment that lists it.
                picture.group.clone_from(&moment);
                Some(picture)
            })
            .collect()
    }

    /// What is said of the moment; of each picture of it, in the end.
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
        // Very old services call it `recorded_date`.
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
        let addresses = pictures.iter().filter(|p| p.image.url.is_none());
        let named = boxes
            .iter()
            .filter_map(|placed| reference(&placed.annotation));
        let strangers = named.filter(|name| pictures.iter().all(|p| p.id != *name));
        Missing {
            addresses: addresses.map(|p| p.id.clone()).collect(),
            strangers: strangers.map(str::to_owned).collect(),
        }
    }
}

/// The image reference that a box names.
pub fn reference(annotation: &Annotation) -> Option<&str> {
    annotation.attributes.get(REFERENCE)?.as_str()
}

/// An image reference as a picture of a moment; none when it has no UUID.
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

/// The declared format, where `image/jpg` means JPEG; else what the suffix says.
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

/// Whether an image can be had from where it is said to be.
pub fn has_address(picture: &Observation) -> bool {
    picture.image.url.as_deref().is_some_and(is_url)
}
