//! Where the pixels of an image are, where it was found, and whose it is.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::iiif::QuotedRequest;

/// Metadata: key → values as the source gives them, HTML included.
pub type Metadata<S = String> = BTreeMap<S, Vec<S>>;

/// Where the pixels of an image are. At least one of `url` and `service` is present; in digests of boxes from elsewhere
/// `names` may stand instead.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("anyOf" = [{"required": ["url"]}, {"required": ["service"]}, {"required": ["names"]}]))]
#[schemars(rename = "ImageRef")]
pub struct ImageRef<S = String> {
    /// A URL that returns image bytes. Beside a service it is often a reduced copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<S>,
    /// Other URLs of the same file, tried in this order where `url` cannot be downloaded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<S>,
    /// A IIIF image service, preferred over `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service<S>>,
    /// What else the image is called: file names, a UUID, the id of its canvas. Only in digests: of an image without `url`
    /// and `service`, `extract` looks for one with such a name in all digests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<S>,
    /// Width in pixels as the source declares it, of the service's image or its region where there is a service. The
    /// downloaded file may have another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels as the source declares it. The downloaded file may have another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Size of the service's image, `[width, height]` in pixels, where only a `region` of it is meant and the source declares
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<[u32; 2]>,
    /// Media type as the source declares it, such as `image/jpeg`. `download` decides by the bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<S>,
    /// SHA-256 of the file behind `url` as the source declares it, lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub sha256: Option<S>,
}

impl<S: AsRef<str>> ImageRef<S> {
    /// Width and height in pixels as the source declares them; none unless it declares both.
    pub fn declared(&self) -> Option<[u32; 2]> {
        Some([self.width?, self.height?])
    }
}

/// A IIIF Image API service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Service")]
pub struct Service<S = String> {
    /// Base URI as published, without a trailing slash or `/info.json`.
    pub id: S,
    /// Major version of the Image API: 1, 2 or 3.
    #[schemars(range(min = 1, max = 3))]
    pub version: u8,
    /// Compliance level, 0 to 2, where declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// The part of the service's image that is meant, `[x, y, width, height]` in pixels of the full image; absent: all
    /// of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<[u32; 4]>,
}

impl<S: AsRef<str>> Service<S> {
    /// The id of what is meant: the service, with the region as a media fragment where there is one.
    pub fn name(&self) -> String {
        match self.region {
            Some([x, y, w, h]) => format!("{}#xywh={x},{y},{w},{h}", self.id.as_ref()),
            None => self.id.as_ref().to_owned(),
        }
    }
}

impl Service {
    /// A service of which no more than its id is known.
    pub fn named(id: &str) -> Self {
        Service {
            id: id.to_owned(),
            version: 2,
            level: None,
            region: None,
        }
    }

    /// The service that answers a request, as far as the request tells.
    pub fn of_request(request: &QuotedRequest) -> Self {
        Service {
            // Only version 3 has `^`.
            version: if request.size.starts_with('^') { 3 } else { 2 },
            ..Service::named(request.base)
        }
    }
}

/// Where an image was found, and who owns it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Provenance", bound = "S: JsonSchema + Default + Serialize")]
pub struct Provenance<S = String> {
    /// The source: `iiif`, `table`, `m3`, `fathomnet`, `coco`, `yolo`, `voc`, `via`, `labelstudio`.
    pub kind: S,
    /// URL of the manifest (iiif), name of the table (table), UUID of the video (m3), name of the document (boxes from
    /// elsewhere).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<S>,
    /// Id of the canvas (iiif), row of the table (table), UUID of the moment in the video (m3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canvas: Option<S>,
    /// Labels for people.
    #[serde(default)]
    pub labels: Labels<S>,
    /// Licence or rights statement: a URI or a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rights: Option<S>,
    /// Attribution or required statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<S>,
}

impl<S: AsRef<str>> Provenance<S> {
    /// The rights if they are a URI: IIIF allows nothing else in `rights` and `license` (Presentation 3.0 §3.2, 2.1
    /// §3.4).
    pub fn rights_uri(&self) -> Option<&str> {
        self.rights
            .as_ref()
            .map(AsRef::as_ref)
            .filter(|text| is_uri(text))
    }

    /// The rights if they are a text and not a URI.
    pub fn rights_text(&self) -> Option<&str> {
        self.rights
            .as_ref()
            .map(AsRef::as_ref)
            .filter(|text| !is_uri(text))
    }
}

fn is_uri(text: &str) -> bool {
    let is_web = text.starts_with("http://") || text.starts_with("https://");
    is_web && !text.contains(char::is_whitespace)
}

/// Labels, from the whole object down to the single image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Labels")]
pub struct Labels<S = String> {
    /// Label of the manifest, such as the title of a book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<S>,
    /// Label of the canvas, such as `folio 3 recto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canvas: Option<S>,
    /// Label of the image, such as the spectral band of a capture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<S>,
}

/// A link to another document about an image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeeAlso {
    /// Where it is.
    pub url: String,
    /// Its media type, as the source declares it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The schema that it follows, as the source declares it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Label for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}
