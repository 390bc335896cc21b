//! A canvas as a manifest of Presentation 3.0 has it. It is written without values in between: a manifest may have fifty
//! thousand of them, and is made again after a correction. Pure.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use super::canvases::Canvas;
use super::uris::Uris;
use crate::contracts::Number;
use crate::iiif::{self, Region, Rotation, Size, Version};
use crate::serve::image_record::ImageRecord;
use crate::serve::site::Site;

/// The width and height in pixels that thumbnails fit into.
const THUMBNAIL: u32 = 400;

/// A canvas (Presentation 3.0 §5.3).
#[derive(Serialize)]
pub struct CanvasDocument<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    label: Label<'a>,
    width: Number,
    height: Number,
    thumbnail: [Thumbnail; 1],
    items: [PaintingPage<'a>; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metadata: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<[AnnotationsLink; 1]>,
    #[serde(flatten)]
    rights: Rights<'a>,
}

#[derive(Serialize)]
struct PaintingPage<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    items: [Painting<'a>; 1],
}

#[derive(Serialize)]
struct Painting<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    motivation: &'static str,
    body: Painted<'a>,
    target: String,
}

/// What is painted on a canvas.
#[derive(Serialize)]
#[serde(untagged)]
enum Painted<'a> {
    One(Box<ImageBody<'a>>),
    Choice {
        #[serde(rename = "type")]
        kind: &'static str,
        items: Vec<ImageBody<'a>>,
    },
}

#[derive(Serialize)]
struct ImageBody<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    format: &'static str,
    width: u32,
    height: u32,
    service: [Service; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Label<'a>>,
}

/// The description of an image service, with what is needed to log in if the image is not open to everybody.
#[derive(Serialize)]
struct Service {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    profile: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    service: Vec<Value>,
}

/// A small image.
#[derive(Serialize)]
pub struct Thumbnail {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    format: &'static str,
    service: [Service; 1],
}

#[derive(Serialize)]
struct AnnotationsLink {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// An entry of metadata.
#[derive(Serialize)]
struct Entry<'a> {
    label: Label<'a>,
    value: Values<'a>,
}

/// Texts of no particular language.
#[derive(Serialize)]
struct Values<'a> {
    none: &'a [String],
}

/// A text of no particular language.
pub struct Label<'a>(pub &'a str);

impl Serialize for Label<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("none", &[self.0])?;
        map.end()
    }
}

/// Rights and attribution, of a manifest or a canvas.
#[derive(Default, Serialize)]
pub struct Rights<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    rights: Option<&'a str>,
    // Text about rights stands in the summary for people, and for programs in a property that the context defines.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Label<'a>>,
    #[serde(rename = "dcterms:rights", skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(rename = "requiredStatement", skip_serializing_if = "Option::is_none")]
    attribution: Option<Attribution<'a>>,
}

#[derive(Serialize)]
struct Attribution<'a> {
    label: English,
    value: Label<'a>,
}

#[derive(Serialize)]
struct English {
    en: [&'static str; 1],
}

impl<'a> Rights<'a> {
    /// What the source of an image says of them: the rights, the attribution, or both.
    pub fn of(record: &'a ImageRecord, with_rights: bool, with_attribution: bool) -> Self {
        let source = &record.about.source;
        let text = source.rights_text().filter(|_| with_rights);
        let attribution = source.attribution.as_deref();
        let attribution = attribution.filter(|_| with_attribution);
        Rights {
            rights: source.rights_uri().filter(|_| with_rights),
            summary: text.map(Label),
            text,
            attribution: attribution.map(|words| Attribution {
                label: English {
                    en: ["Attribution"],
                },
                value: Label(words),
            }),
        }
    }
}

/// The canvas with this URI.
pub fn canvas<'a>(
    canvas: &Canvas<'a>,
    id: &str,
    rights: Rights<'a>,
    site: &Site,
    uris: &Uris,
) -> CanvasDocument<'a> {
    let [width, height] = canvas.size();
    let about = &canvas.first().about;
    let painting = Painting {
        id: format!("{id}/painting"),
        kind: "Annotation",
        motivation: "painting",
        body: painted(canvas, site, uris),
        target: id.to_owned(),
    };
    let page = PaintingPage {
        id: format!("{id}/page"),
        kind: "AnnotationPage",
        items: [painting],
    };
    let entries = about.metadata.iter().map(|(key, values)| Entry {
        label: Label(key),
        value: Values { none: values },
    });
    let has_annotations = !about.localizations.is_empty() || !about.labels.is_empty();
    let annotations = has_annotations.then(|| AnnotationsLink {
        id: uris.annotations(id),
        kind: "AnnotationPage",
    });
    CanvasDocument {
        id: id.to_owned(),
        kind: "Canvas",
        label: Label(canvas.label()),
        width: Number(width),
        height: Number(height),
        thumbnail: [thumbnail(canvas.first(), site, uris)],
        items: [page],
        metadata: entries.collect(),
        annotations: annotations.map(|link| [link]),
        rights,
    }
}

fn painted<'a>(canvas: &Canvas<'a>, site: &Site, uris: &Uris) -> Painted<'a> {
    let bodies = canvas.images.iter().map(|record| image(record, site, uris));
    let mut items: Vec<ImageBody> = bodies.collect();
    match items.len() {
        1 => Painted::One(Box::new(items.remove(0))),
        _ => Painted::Choice {
            kind: "Choice",
            items,
        },
    }
}

fn image<'a>(record: &'a ImageRecord, site: &Site, uris: &Uris) -> ImageBody<'a> {
    let service = uris.service(Version::V3, &record.id);
    let label = record.about.source.labels.image.as_deref();
    ImageBody {
        id: image_uri(&service, Size::Max),
        kind: "Image",
        format: "image/jpeg",
        width: record.size[0],
        height: record.size[1],
        service: [Service {
            service: (site.permissions).auth_services(
                site.catalogue.ruled(record),
                Version::V3,
                uris,
            ),
            ..plain_service(service)
        }],
        label: label.map(Label),
    }
}

fn plain_service(id: String) -> Service {
    Service {
        id,
        kind: "ImageService3",
        profile: "level2",
        service: Vec::new(),
    }
}

/// The thumbnail of an image, from the degraded service for visitors who may see no other.
pub fn thumbnail(record: &ImageRecord, site: &Site, uris: &Uris) -> Thumbnail {
    let service = match site.permissions.sees_degraded(site.catalogue.ruled(record)) {
        true => uris.degraded(Version::V3, &record.id),
        false => uris.service(Version::V3, &record.id),
    };
    Thumbnail {
        id: image_uri(&service, Size::Within(THUMBNAIL, THUMBNAIL)),
        kind: "Image",
        format: "image/jpeg",
        service: [plain_service(service)],
    }
}

/// The URI of the whole image in a size, as a JPEG. `service` is the base URI of its service.
pub fn image_uri(service: &str, size: Size) -> String {
    let upright = Rotation::default();
    iiif::image_uri(service, Region::Full, size, upright, "default", "jpg")
}
