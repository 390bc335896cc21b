//! The files between stages as types, and the only (de)serializers of them. `schemas/` is generated from here.
//!
//! A contract knows no source and no format. Coordinates are f64 pixels with the origin at the outer corner of
//! the top-left pixel, x to the right, y down; a box is `[x, y, width, height]` and covers `[x, x+width) × [y, y+height)`.
//! Unknown members are tolerated and dropped: an older program reads a newer file of the same version.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

use crate::error::Error;
use crate::files;
use crate::summary::Reject;
use crate::values;

pub mod bare;
mod geometry;
pub mod images;
pub mod review;

use geometry::plainly;
pub use geometry::{BBox, Frame, Number, Polygon};
pub use review::Review;

/// Metadata: key → values, as the source gives them, HTML included.
pub type Metadata = BTreeMap<String, Vec<String>>;

/// `digest.json`: what a source reports, with everything later stages need, so that they need no network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Digest {
    /// Always `recto/digest`.
    #[schemars(extend("const" = "recto/digest"))]
    pub contract: String,
    /// Version of this shape: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// What was asked of the source.
    pub source: Asked,
    /// One entry per image reported, in the order of the source.
    pub observations: Vec<Observation>,
    /// Where the concepts stand in the tree of the source's knowledge base, where it has one.
    #[serde(default, skip_serializing_if = "Taxonomy::is_empty")]
    pub taxonomy: Taxonomy,
    /// Corrections of boxes that people made in the browser, in their order; `extract` makes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviews: Vec<Review>,
}

/// Concept → its place in a tree of concepts. Keys are concepts as boxes name them (`attributes.taxon`, else the
/// concept itself).
pub type Taxonomy = BTreeMap<String, Taxon>;

/// A concept's place in a tree of concepts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Taxon {
    /// From the root of the tree to the concept itself. Never empty.
    #[schemars(length(min = 1))]
    pub lineage: Vec<Rung>,
    /// Synonyms, former names and common names of the concept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternative_names: Vec<String>,
}

/// One step of a lineage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rung {
    /// `genus`, `suborder`…; absent where the tree names no rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<String>,
    /// The concept that stands there.
    pub name: String,
}

/// What was asked of a source, so that a digest can be made again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// The source: `iiif`, `table`, `m3`, `fathomnet`.
    pub kind: String,
    /// The inputs as given: URLs, file names, concepts.
    pub inputs: Vec<String>,
    /// What else was asked, as given: `--descendants`, `--all`, `--label`, `--where` and `--limit` with their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
}

/// One image as a source reports it, with what is said about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// Stable name of the image: its service (and region of it), else its URL.
    pub id: String,
    /// Where its pixels are.
    pub image: ImageRef,
    /// Where it was found.
    pub source: Provenance,
    /// What must not straddle a train/test split: manuscript, manifest, dive.
    pub group: String,
    /// What the source says of the image, canvas and object.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: Metadata,
    /// Size of the space in which regions of frame `canvas` are drawn. Often not the size of the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canvas: Option<Frame>,
    /// The part of the canvas that the image is painted on; absent: the whole canvas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<BBox>,
    /// Clockwise turn, in degrees, that the source applies to the stored image when it paints it; absent: 0.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "plainly"
    )]
    pub rotation: Option<f64>,
    /// What is said about the image or parts of it. Annotations of a canvas stand with each of its images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
}

/// Where the pixels of an image are. At least one of `url` and `service` is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("anyOf" = [{"required": ["url"]}, {"required": ["service"]}]))]
pub struct ImageRef {
    /// A URL that answers with image bytes; beside a service, often a reduced picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A IIIF image service; preferred over `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// Width in pixels as the source declares it. Only the downloaded file is the truth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels as the source declares it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Media type as the source declares it, such as `image/jpeg`. The bytes decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// SHA-256 of the file behind `url` as the source declares it, lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub sha256: Option<String>,
}

impl ImageRef {
    /// Width and height as the source declares them.
    pub fn declared(&self) -> Option<[u32; 2]> {
        Some([self.width?, self.height?])
    }
}

impl LocalizedImage {
    /// Its size in pixels as far as the source tells: declared, or that of the space of its boxes.
    pub fn told_size(&self) -> Option<[u32; 2]> {
        let framed = || self.frame.map(|f| [f.width as u32, f.height as u32]);
        self.image.declared().or_else(framed)
    }
}

/// A IIIF Image API service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// Base URI, verbatim but for a trailing slash or `/info.json`.
    pub id: String,
    /// Major version of the Image API: 1, 2 or 3.
    #[schemars(range(min = 1, max = 3))]
    pub version: u8,
    /// Compliance level, where declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// The part of the service's image that is meant, `[x, y, width, height]` in its pixels; absent: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<[u32; 4]>,
}

impl Service {
    /// The name of what is meant: the service, and the region of it.
    pub fn name(&self) -> String {
        match self.region {
            Some([x, y, w, h]) => format!("{}#xywh={x},{y},{w},{h}", self.id),
            None => self.id.clone(),
        }
    }
}

/// Where an image was found, and whose it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// The source: `iiif`, `table`, `m3`, `fathomnet`.
    pub kind: String,
    /// URL of the manifest, name of the table, UUID of the video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// Id of the canvas, the row of the table, UUID of the moment in the video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canvas: Option<String>,
    /// What people call it.
    #[serde(default)]
    pub labels: Labels,
    /// Licence or rights statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rights: Option<String>,
    /// Attribution or required statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
}

impl Provenance {
    /// The rights where they are a URI, which is all that `rights` and `license` of IIIF may hold (Presentation 3.0
    /// §3.2, 2.1 §3.4).
    pub fn rights_uri(&self) -> Option<&str> {
        self.rights.as_deref().filter(|text| is_uri(text))
    }

    /// The rights where they are words.
    pub fn rights_words(&self) -> Option<&str> {
        self.rights.as_deref().filter(|text| !is_uri(text))
    }
}

fn is_uri(text: &str) -> bool {
    let is_web = text.starts_with("http://") || text.starts_with("https://");
    is_web && !text.contains(char::is_whitespace)
}

/// Labels from the large to the small.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Labels {
    /// Of the manifest: the book, the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// Of the canvas: the page, the side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canvas: Option<String>,
    /// Of the image: the band, the light.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// Something said about an image or a part of it, in the source's words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Annotation {
    /// The source's id, or one made from its place in the source.
    pub id: String,
    /// Why it was made: `tagging`, `commenting`, `supplementing`…, without prefix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub motivation: Vec<String>,
    /// What is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bodies: Vec<Body>,
    /// About which parts; each becomes a localization. Never empty: the whole image is a region too.
    pub regions: Vec<Region>,
    /// Anything else worth carrying: confidence, creator…
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, serde_json::Value>,
}

/// One thing said by an annotation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Body {
    /// What it is for: `tagging`, `transcribing`, `label`…; absent: the annotation's motivation tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The words, or the URL of a named thing.
    pub value: String,
    /// A name for people, where `value` is a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Media type of the words, such as `text/html`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Language of the words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// A part of an image in the source's words. None of the three: the whole image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Region {
    /// The space of the coordinates.
    pub frame: Space,
    /// A media fragment such as `xywh=10,20,30,40`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragment: Option<String>,
    /// An SVG document or element.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub svg: Option<String>,
    /// A point, `[x, y]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<[f64; 2]>,
}

/// The space in which a region is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Space {
    /// The observation's `canvas`.
    #[default]
    Canvas,
    /// The pixels of the image at full size.
    Image,
}

/// `localizations.json`: what to download and what stands where on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Localizations {
    /// Always `recto/localizations`.
    #[schemars(extend("const" = "recto/localizations"))]
    pub contract: String,
    /// Version of this shape: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// One entry per image, ids unique.
    pub images: Vec<LocalizedImage>,
    /// Where the concepts stand in the tree of the source's knowledge base, where it has one.
    #[serde(default, skip_serializing_if = "Taxonomy::is_empty")]
    pub taxonomy: Taxonomy,
    /// Records of a foreign file that cannot be used. Never written.
    #[serde(skip)]
    pub rejects: Vec<Reject>,
}

/// One image with its boxes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LocalizedImage {
    /// Stable, unique name: see [`Observation::id`].
    pub id: String,
    /// Where its pixels are.
    pub image: ImageRef,
    /// Where it was found.
    pub source: Provenance,
    /// What must not straddle a train/test split.
    pub group: String,
    /// What the source says of it.
    #[serde(default)]
    pub metadata: Metadata,
    /// Concepts of the image as a whole.
    #[serde(default)]
    pub labels: Vec<String>,
    /// The coordinate frame of its boxes. The whole image fills it; absent: unknown, there are no boxes, unless
    /// they are `in_pixels`.
    #[serde(default)]
    pub frame: Option<Frame>,
    /// Whether boxes are in pixels of the file itself, whatever its size: of sources that tell no size.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_pixels: bool,
    /// Its boxes.
    #[serde(default)]
    pub localizations: Vec<Localization>,
}

/// One box with a concept on one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Localization {
    /// The source's id; made unique where one annotation has several regions.
    pub id: String,
    /// What it shows.
    pub concept: String,
    /// `[x, y, width, height]` in the image's `frame`.
    pub bbox: BBox,
    /// Outline `[[x, y], …]` in the image's `frame`, where the source has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polygon: Option<Polygon>,
    /// Text, motivation, confidence…
    #[serde(default)]
    pub attributes: BTreeMap<String, serde_json::Value>,
}

/// `image_map.json`: image id → path, relative to the map's own folder, `/` as separator. Only files that exist
/// and verify.
pub type ImageMap = BTreeMap<String, String>;

/// One line of `downloads.jsonl`, the journal of finished images. The last line of an id counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Download {
    /// Always `download/1`: the name and version of this shape.
    #[schemars(extend("const" = "download/1"))]
    pub recto: String,
    /// Image id.
    pub id: String,
    /// Path relative to the journal's own folder, `/` as separator.
    pub path: String,
    /// The URI asked, or the base URI of the service when regions of it were joined.
    pub uri: String,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file, lower-case hex.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// Width of the file's picture in pixels.
    pub width: u32,
    /// Height of the file's picture in pixels.
    pub height: u32,
    /// Media type by content.
    pub media_type: String,
    /// How the file came to be: `bytes` (as answered), `whole` (one Image API answer, as answered), `joined` (JPEG
    /// regions made one JPEG symbol by symbol), `joined-coefficients` (the same, by the coefficients of regions that
    /// are progressive or in several scans), `tiled` (JPEG regions as the tiles of a BigTIFF), `stitched`
    /// (regions decoded and encoded anew), `encoded` (one answer encoded anew).
    #[schemars(extend("enum" = ["bytes", "whole", "joined", "joined-coefficients", "tiled", "stitched", "encoded"]))]
    pub method: String,
    /// Requests it took, refused ones included.
    pub attempts: u32,
    /// Regions that were joined; 1 for one answer.
    pub regions: u32,
    /// ETag of the answer, where there is one answer and it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Last-Modified of the answer, where there is one answer and it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// When it was finished, RFC 3339, UTC.
    pub when: String,
    /// What was adjusted on the way: a size declared wrongly, a cap learnt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What was asked for: the request with size and format, so that other options fetch anew.
    #[serde(default)]
    pub asked: String,
}

/// One row of `failures.csv`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// Image id.
    pub id: String,
    /// The URL of the last attempt.
    pub url: String,
    /// The path the file would have had.
    pub path: String,
    /// The class of trouble: `not-found`, `forbidden`, `too-many`, `server`, `network`, `certificate`, `timeout`,
    /// `truncated`, `wrong-size`, `not-an-image`, `info`, `unsupported`, `checksum`, `robots`, `reserved`, `budget`,
    /// `disk`.
    pub kind: String,
    /// HTTP status of the last attempt, where there was an answer.
    pub status: Option<u16>,
    /// Requests made for this image.
    pub attempts: u32,
    /// What happened, in words.
    pub message: String,
}

impl Download {
    /// The text of the `recto` member.
    pub const NAME: &'static str = "download/1";
}

impl Failure {
    /// The header of `failures.csv`.
    pub const HEADER: [&str; 7] = ["id", "url", "path", "kind", "status", "attempts", "message"];
}

/// `dataset.json`: what a folder of training data holds. Written last; its presence says that recto wrote the
/// folder and may replace it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DatasetFile {
    /// Always `recto/dataset`.
    #[schemars(extend("const" = "recto/dataset"))]
    pub contract: String,
    /// Version of this shape: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The format: `coco`, `voc`…
    pub format: String,
    /// What the numbers mean, in words: origin, edges, rounding, ids.
    pub conventions: String,
    /// Concepts in the order of their ids.
    pub classes: Vec<ClassCount>,
    /// Everything together.
    pub total: PartCount,
    /// Per split, where there are any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub splits: BTreeMap<String, PartCount>,
    /// Every other file of the folder, in path order.
    pub files: Vec<DatasetEntry>,
}

/// How often a concept occurs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClassCount {
    /// The concept.
    pub name: String,
    /// Its boxes.
    pub boxes: u64,
}

/// What a dataset or a split of it holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PartCount {
    /// Images.
    pub images: u64,
    /// Boxes.
    pub boxes: u64,
    /// Images without boxes.
    pub negatives: u64,
    /// Groups: what never stands in two splits.
    pub groups: u64,
}

/// A file of a dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DatasetEntry {
    /// Path relative to the folder, `/` as separator.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// SHA-256, lower-case hex.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub sha256: String,
}

/// A JSON contract: its name, and the command that writes it.
pub trait Contract: DeserializeOwned + Serialize {
    /// The text of the `contract` member.
    const NAME: &'static str;
    /// The newest version this program knows.
    const VERSION: u32 = 1;
    /// The program that writes it.
    const WRITTEN_BY: &'static str;
    /// Reads a list where the contract is an object: a foreign shape, if there is one for it.
    fn of_list(_bytes: &[u8], name: &str) -> Result<Self, Error> {
        Err(not_an_object::<Self>(name))
    }
}

fn not_an_object<T: Contract>(name: &str) -> Error {
    let what = format!("{name}:1:1: is not an object, {} was expected", T::NAME);
    Error::new(what).hint(written_by::<T>())
}

fn written_by<T: Contract>() -> String {
    format!("`{}` writes {} files", T::WRITTEN_BY, T::NAME)
}

impl Contract for Digest {
    const NAME: &'static str = "recto/digest";
    const WRITTEN_BY: &'static str = "recto-digest";
}

impl Contract for Localizations {
    const NAME: &'static str = "recto/localizations";
    const WRITTEN_BY: &'static str = "recto-extract";

    fn of_list(bytes: &[u8], name: &str) -> Result<Self, Error> {
        bare::localizations(bytes, name)
    }
}

impl Contract for DatasetFile {
    const NAME: &'static str = "recto/dataset";
    const WRITTEN_BY: &'static str = "recto-reformat";
}

/// Reads a contract from a file (`-`: standard input), or says which file, line, column and member is wrong.
pub fn read<T: Contract>(path: &Path) -> Result<T, Error> {
    let bytes = files::read(path).map_err(|e| {
        let writes = format!("`{}` writes {} files", T::WRITTEN_BY, T::NAME);
        e.hint(writes)
    })?;
    parse(&bytes, &path.display().to_string())
}

/// Reads a contract from bytes, or a foreign shape that is read as one; `name` is what messages call them.
pub fn parse<T: Contract>(bytes: &[u8], name: &str) -> Result<T, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let hint = written_by::<T>();
    match first(bytes) {
        Some(b'[') => return T::of_list(bytes, name),
        Some(b'"') => return Err(not_an_object::<T>(name)),
        _ => {}
    }
    let Header { contract, version } = parse_json(bytes, name)?;
    match contract.as_deref() {
        Some(found) if found == T::NAME => {}
        Some(found) => {
            return Err(Error::new(format!(
                "{name}: is a {found} file, {} was expected",
                T::NAME
            ))
            .hint(hint));
        }
        None => {
            return Err(Error::new(format!(
                "{name}: has no `contract`, {} was expected",
                T::NAME
            ))
            .hint(hint));
        }
    }
    match version {
        Some(version) if (1..=T::VERSION).contains(&version) => parse_json(bytes, name),
        version => Err(Error::new(format!(
            "{name}: version {} of {}, this program knows 1 to {}",
            version.map_or("(none)".into(), |v| v.to_string()),
            T::NAME,
            T::VERSION
        ))
        .hint("use the recto that wrote it, or write it again with this one")),
    }
}

/// Whether JSON is a list: no contract of ours, perhaps a file of m3-download.
pub fn is_list(bytes: &[u8]) -> bool {
    first(bytes) == Some(b'[')
}

fn first(bytes: &[u8]) -> Option<u8> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.iter().copied().find(|b| !b.is_ascii_whitespace())
}

/// Whether a file begins as a stage writes them, so that it is not taken for something to write over.
pub fn is_contract(path: &Path) -> bool {
    let start = files::start(path, 4096);
    let text = String::from_utf8_lossy(&start);
    let is_object = text.trim_start().starts_with('{');
    is_object && text.contains("\"contract\"") && text.contains("\"recto/")
}

/// Reads `image_map.json`. Ids that are UUIDs are found in lower case too: m3-download writes them as it met them.
pub fn read_image_map(path: &Path) -> Result<ImageMap, Error> {
    let bytes = files::read(path)
        .map_err(|e| e.hint("`recto-download` writes it; name another with --image-map"))?;
    let mut map: ImageMap = parse_json(&bytes, &path.display().to_string())?;
    let lower = |(id, file): (&String, &String)| {
        let lower = values::uuid(id).filter(|lower| lower != id)?;
        Some((lower, file.clone()))
    };
    let lower: Vec<(String, String)> = map.iter().filter_map(lower).collect();
    for (id, file) in lower {
        map.entry(id).or_insert(file);
    }
    Ok(map)
}

/// Publishes `image_map.json` from pairs in the order of ids; they need not be in memory together.
pub fn write_image_map<'a>(
    path: &Path,
    pairs: impl Iterator<Item = (&'a str, String)>,
) -> Result<(), Error> {
    files::write_through(path, |out| {
        let mut json = serde_json::Serializer::pretty(&mut *out);
        json.collect_map(pairs)?;
        out.write_all(b"\n")
    })
}

/// Reads JSON, naming line, column and member of the first fault.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8], name: &str) -> Result<T, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let member = e.path().to_string();
        let member = if [".", "?"].contains(&member.as_str()) {
            String::new()
        } else {
            format!("`{member}`: ")
        };
        json_error(name, &member, e.inner())
    })?;
    json.end().map_err(|e| json_error(name, "", &e))?;
    Ok(value)
}

fn json_error(name: &str, member: &str, e: &serde_json::Error) -> Error {
    let text = e.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    Error::new(format!(
        "{name}:{}:{}: {member}{text}",
        e.line(),
        e.column()
    ))
}

#[derive(Deserialize)]
struct Header {
    contract: Option<String>,
    version: Option<u32>,
}

impl Digest {
    /// A digest of this version.
    pub fn new(source: Asked, observations: Vec<Observation>) -> Self {
        Digest {
            contract: Self::NAME.into(),
            version: Self::VERSION,
            source,
            observations,
            taxonomy: Taxonomy::new(),
            reviews: Vec::new(),
        }
    }
}

impl Localizations {
    /// Localizations of this version.
    pub fn new(images: Vec<LocalizedImage>) -> Self {
        Localizations {
            contract: Self::NAME.into(),
            version: Self::VERSION,
            images,
            taxonomy: Taxonomy::new(),
            rejects: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_named_by_line_column_and_member() {
        let cases = [
            (
                "{\n \"contract\":\"recto/localizations\",\"version\":1,\n \"images\":[{\"id\":3}]}",
                "x:3:18: `images[0].id`: invalid type: integer `3`, expected a string",
            ),
            ("{", "x:1:1: EOF while parsing an object"),
            (
                "{\"contract\":\"recto/digest\",\"version\":1}",
                "x: is a recto/digest file, recto/localizations was expected",
            ),
            (
                "{\"version\":1}",
                "x: has no `contract`, recto/localizations was expected",
            ),
            (
                "{\"contract\":\"recto/localizations\",\"version\":9}",
                "x: version 9 of recto/localizations, this program knows 1 to 1",
            ),
            (
                "\"\"",
                "x:1:1: is not an object, recto/localizations was expected",
            ),
            (
                "[]",
                "x: is a list, but not of the localizations of m3-download: no record has `localization`",
            ),
        ];
        for (text, message) in cases {
            let error = parse::<Localizations>(text.as_bytes(), "x")
                .unwrap_err()
                .to_string();
            assert_eq!(
                error.lines().next().unwrap(),
                format!("error: {message}"),
                "{text}"
            );
        }
    }
}
