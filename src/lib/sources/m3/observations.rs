//! Observations as annosaurus returns them, flat (`fast`) or within their moment: all images and boxes, before an image
//! is chosen. All names of members are in snake case.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::link_value;
use super::localizations::{self, ParsedLocalization};
use super::options::M3Options;
use crate::contracts::{
    Annotation, ImageRef, Labels, Metadata, Observation, Provenance, Region, Space,
};
use crate::sources::{About, Found, Placed, is_url};
use crate::summary::Reject;
use crate::values::{self, content_id, excerpt, id, list, side, text, uuid};

/// Attribute: the image reference that a box names.
pub const REFERENCE: &str = "image_reference_uuid";
/// Attribute: the observation that a box belongs to.
pub const OBSERVATION: &str = "observation_uuid";
/// Attribute: the concept without the part.
pub const TAXON: &str = "taxon";
/// Attribute: the part of the organism that a box is around.
pub const PART: &str = "part";

/// When a moment is, in the order in which names of its time are preferred. Very old services name it `recorded_date`.
const TIMES: [&str; 5] = [
    "recorded_timestamp",
    "recorded_date",
    "timestamp",
    "timecode",
    "elapsed_time_millis",
];

/// A document with names in snake case, as annosaurus gives them today and some deployments do not. What a box says in its
/// own JSON stays as it is.
pub fn in_snake_case(document: Value) -> Value {
    values::in_snake_case(document, &["link_value"])
}

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

    /// Id of the moment. An observation that says nothing of its moment counts as its own.
    pub fn moment(&self) -> String {
        self.moment_id().unwrap_or_else(|| self.name())
    }

    /// UUID of the moment, as the service gives it.
    pub fn moment_uuid(&self) -> Option<String> {
        uuid(&text(&self.moment["imaged_moment_uuid"]).or_else(|| text(&self.moment["uuid"]))?)
    }

    /// Id of the moment: that of the service, else one of its video, time and images.
    fn moment_id(&self) -> Option<String> {
        let own = || {
            let [video, references] =
                ["video_reference_uuid", "image_references"].map(|key| &self.moment[key]);
            let times = TIMES.map(|key| &self.moment[key]);
            let has_time = times.iter().any(|time| text(time).is_some());
            let is_told = has_time || list(references).next().is_some();
            is_told.then(|| content_id(&[&[video, references], &times[..]].concat()))
        };
        id(self.moment, &["imaged_moment_uuid", "uuid"]).or_else(own)
    }

    /// UUID of the video.
    pub fn video(&self) -> Option<String> {
        id(self.moment, &["video_reference_uuid"])
    }

    /// Id of the observation: that of the service, else one of what both forms say of it.
    pub fn name(&self) -> String {
        const CONTENT: [&str; 6] = [
            "concept",
            "observer",
            "observation_timestamp",
            "group",
            "activity",
            "associations",
        ];
        id(self.observation, &["observation_uuid", "uuid"]).unwrap_or_else(|| {
            let moment = Value::from(self.moment_id());
            let content = CONTENT.map(|key| &self.observation[key]);
            content_id(&[&[&moment], &content[..]].concat())
        })
    }

    /// Why the row cannot be read at all.
    pub fn problem(&self) -> Option<String> {
        let shown = |value: &Value| excerpt(&value.to_string());
        if !self.observation.is_object() {
            let shown = shown(self.observation);
            return Some(format!("observation is not an object: {shown}"));
        }
        let lists = [
            ("associations", &self.observation["associations"]),
            ("image references", &self.moment["image_references"]),
        ];
        let is_other = |value: &Value| !matches!(value, Value::Null | Value::Array(_));
        let other = lists.into_iter().find(|(_, value)| is_other(value));
        other.map(|(what, value)| format!("{what} are not a list: {}", shown(value)))
    }

    /// Reads images and boxes, and with `--unboxed` also observations without boxes, as labels of the whole image.
    /// Returns what is missing to choose an image; none if the row does not have boxes.
    pub fn read(&self, document: &str, options: &M3Options, found: &mut Found) -> Option<Missing> {
        let before = found.annotations.len();
        let mut has_boxes = false;
        let mut ids = HashSet::new();
        for (at, association) in list(&self.observation["associations"]).enumerate() {
            if !association.is_object() {
                let shown = excerpt(&association.to_string());
                let problem = format!("association is not an object: {shown}");
                let field = format!("associations[{at}]");
                let reject = Reject::new(document, self.name(), &field, problem);
                found.rejects.push(reject);
                continue;
            }
            match localizations::kind(association, &options.box_link) {
                Some(kind) => {
                    has_boxes = true;
                    let id = self.association_id(association, &mut ids);
                    let read = localizations::read(association, &kind, options.repair_boxes);
                    self.localization(document, id, association, read, found);
                }
                None => found.notes.extend(overlooked(association)),
            }
        }
        if !has_boxes && options.unboxed {
            found.annotations.push(self.about_all(document));
        }
        if found.annotations.len() == before {
            return None;
        }
        let pictures = self.pictures(document, found);
        let missing = self.missing(&pictures, &found.annotations[before..]);
        found.observations.extend(pictures);
        found.manifests.push(self.about_moment());
        Some(missing)
    }

    /// Id of an association: that of the service, else one of its content, with a number where an observation has the same
    /// content more than once.
    fn association_id(&self, association: &Value, ids: &mut HashSet<String>) -> String {
        let own = || {
            let observation = Value::from(self.name());
            let content = ["link_name", "to_concept", "link_value"].map(|key| &association[key]);
            content_id(&[&[&observation], &content[..]].concat())
        };
        let first = id(association, &["uuid", "association_uuid"]).unwrap_or_else(own);
        if uuid(&first).is_some() || ids.insert(first.clone()) {
            return first;
        }
        let mut numbered = (2..).map(|n| format!("{first}-{n}"));
        // The numbers do not end.
        let new = numbered.find(|id| ids.insert(id.clone()));
        new.unwrap_or(first)
    }

    fn localization(
        &self,
        document: &str,
        id: String,
        association: &Value,
        read: Result<ParsedLocalization, String>,
        found: &mut Found,
    ) {
        match read {
            Ok(mut localization) => {
                found.notes.append(&mut localization.notes);
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
            target: self.moment(),
            annotation: Annotation {
                id,
                motivation: vec!["identifying".into()],
                regions,
                attributes,
                ..Annotation::default()
            },
            ..Placed::default()
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

    /// All image references of the moment, with or without URL. One that has neither id nor URL is rejected.
    fn pictures(&self, document: &str, found: &mut Found) -> Vec<Observation> {
        let moment = self.moment();
        let mut pictures = Vec::new();
        for reference in list(&self.moment["image_references"]) {
            match picture(reference, &moment, self.video()) {
                Some(mut picture) => {
                    // Until groups are assigned: marks the image as listed by its moment.
                    picture.group.clone_from(&moment);
                    pictures.push(picture);
                }
                None => {
                    let shown = excerpt(&reference.to_string());
                    let problem = format!("image reference has neither uuid nor url: {shown}");
                    let reject = Reject::new(document, &moment, "image_references", problem);
                    // Each observation of the moment lists it.
                    if !found.rejects.contains(&reject) {
                        found.rejects.push(reject);
                    }
                }
            }
        }
        pictures
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
        let recorded = TIMES[..3].iter().find_map(|key| text(&moment[*key]));
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
        // Ids that are made here are not known to the service.
        let is_known = |p: &&Observation| uuid(&p.id).is_some();
        Missing {
            urls: urls.filter(is_known).map(|p| p.id.clone()).collect(),
            strangers: strangers.map(str::to_owned).collect(),
        }
    }
}

/// The image reference that a box names.
pub fn reference(annotation: &Annotation) -> Option<&str> {
    annotation.attributes.get(REFERENCE)?.as_str()
}

/// What a user may want to know of an association that is not read: it looks like a box.
fn overlooked(association: &Value) -> Option<String> {
    let link = text(&association["link_name"])?;
    link_value::is_box(&association["link_value"]).then(|| {
        format!("associations \"{link}\" look like boxes and are not read: --box-link '{link}' reads them")
    })
}

/// An image reference as an observation of a moment; none if it has neither an id nor a URL.
pub fn picture(reference: &Value, moment: &str, video: Option<String>) -> Option<Observation> {
    let url = text(&reference["url"]).or_else(|| text(&reference["uri"]));
    let own = || Some(content_id(&[&Value::from(url.clone()?)]));
    let id = id(reference, &["image_reference_uuid", "uuid"]).or_else(own)?;
    let media_type = media_type(reference, url.as_deref());
    Some(Observation {
        id,
        image: ImageRef {
            url,
            width: side(&reference["width_pixels"]).or_else(|| side(&reference["width"])),
            height: side(&reference["height_pixels"]).or_else(|| side(&reference["height"])),
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
