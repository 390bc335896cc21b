//! `info.json` as it is really published: three versions, members missing, numbers written as texts, profiles in every
//! shape. It is read leniently; what a server can really do is seen only in its answers.

use serde_json::Value;

use crate::error::DocumentError;
use crate::json::{self, big_number, kind, number};

/// What an image service says about its image and about itself (2.1 §5, 3.0 §5).
///
/// ```
/// use recto_iiif::info::Info;
///
/// let info = Info::parse(br#"{
///     "@context": "http://iiif.io/api/image/2/context.json", "width": 6000, "height": "4000",
///     "profile": ["http://iiif.io/api/image/2/level2.json", {"maxWidth": 3000}]}"#).unwrap();
/// assert_eq!((info.version, info.level), (2, 2));
/// assert_eq!([info.width, info.height], [6000, 4000]);
/// assert!(info.limits.allow(3000, 2000) && !info.limits.allow(6000, 4000));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// Major version of the Image API: 1, 2 or 3.
    pub version: u8,
    /// Width of the full image in pixels, at least 1.
    pub width: u32,
    /// Height of the full image in pixels, at least 1.
    pub height: u32,
    /// Compliance level, 0 to 2; 1 where none is declared, or an unknown one.
    pub level: u8,
    /// Tile sets, as declared.
    pub tiles: Vec<TileSet>,
    /// Preferred sizes of the full image, `[width, height]` in pixels, as declared.
    pub sizes: Vec<[u32; 2]>,
    /// Size limits of answers, as declared. Many servers have limits that they do not declare.
    pub limits: Limits,
    /// Qualities listed (`qualities`, `extraQualities`), `default` and the like. Those of the compliance level are often
    /// not listed.
    pub qualities: Vec<String>,
    /// Formats listed (`formats`, `extraFormats`), `jpg` and the like. Those of the compliance level are often not listed.
    pub formats: Vec<String>,
}

/// A grid of tiles at each of some scale factors (2.1 §5.2, 3.0 §5.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileSet {
    /// Width of a tile in pixels of the answer; it covers `width` × scale factor pixels of the full image.
    pub width: u32,
    /// Height of a tile in pixels of the answer, likewise.
    pub height: u32,
    /// Factors, 1 or more, by which the full image is divided.
    pub scale_factors: Vec<u32>,
}

/// The largest answer that is allowed: `maxWidth`, `maxHeight` and `maxArea` (2.1 §5.3, 3.0 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Limits {
    /// Largest width in pixels.
    pub width: u32,
    /// Largest height in pixels.
    pub height: u32,
    /// Largest product of width and height, in pixels.
    pub area: u64,
}

impl Limits {
    /// No limit.
    pub const NONE: Limits = Limits {
        width: u32::MAX,
        height: u32::MAX,
        area: u64::MAX,
    };

    /// Whether an answer of this width and height, in pixels, is within the limits.
    pub fn allow(&self, width: u32, height: u32) -> bool {
        width <= self.width
            && height <= self.height
            && u64::from(width) * u64::from(height) <= self.area
    }

    /// The stricter of the two limits for width, height and area.
    pub fn and(&self, other: &Limits) -> Limits {
        Limits {
            width: self.width.min(other.width),
            height: self.height.min(other.height),
            area: self.area.min(other.area),
        }
    }
}

impl Info {
    /// Reads an `info.json`. A byte order mark, numbers written as texts, unknown members and members of other versions
    /// are accepted; a version that is not declared is inferred from the members that are there.
    ///
    /// # Errors
    /// The document is an HTML or XML page, is not a JSON object, or has no `width` and `height` above 0.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'<') {
            let problem = "an HTML or XML page was answered where info.json was expected";
            return Err(DocumentError(problem.into()));
        }
        let json: Value = serde_json::from_slice(bytes)
            .map_err(|e| DocumentError(format!("info.json is not valid JSON: {e}")))?;
        if !json.is_object() {
            return Err(DocumentError("info.json is not a JSON object".into()));
        }
        let (width, height) = (side(&json, "width")?, side(&json, "height")?);
        let profile = json::list(&json["profile"]);
        let level = profile.iter().filter_map(|item| item.as_str());
        Ok(Info {
            version: version(&json, &profile),
            width,
            height,
            level: level.filter_map(compliance_level).next().unwrap_or(1),
            tiles: tiles(&json),
            sizes: members(&json, "sizes")
                .iter()
                .filter_map(|s| Some([number(&s["width"])?, number(&s["height"])?]))
                .collect(),
            limits: limits(&json, &profile),
            qualities: words(&json, &profile, &["qualities", "extraQualities"]),
            formats: words(&json, &profile, &["formats", "extraFormats"]),
        })
    }
}

fn side(json: &Value, name: &str) -> Result<u32, DocumentError> {
    let value = json
        .get(name)
        .ok_or_else(|| DocumentError(format!("info.json: `{name}` is missing")))?;
    number(value).filter(|&n| n > 0).ok_or_else(|| {
        DocumentError(format!(
            "info.json: `{name}` is {value}, a number above 0 is needed"
        ))
    })
}

/// The compliance level that a profile names, in any version: the digit after the last `level`, 0 to 2.
///
/// ```
/// use recto_iiif::info::compliance_level;
///
/// assert_eq!(compliance_level("http://iiif.io/api/image/2/level1.json"), Some(1));
/// assert_eq!(compliance_level("http://library.stanford.edu/iiif/image-api/1.1/compliance.html#level2"), Some(2));
/// assert_eq!(compliance_level("level7"), None);
/// ```
pub fn compliance_level(profile: &str) -> Option<u8> {
    let after = profile.rsplit_once("level")?.1;
    after
        .bytes()
        .next()
        .filter(u8::is_ascii_digit)
        .map(|digit| digit - b'0')
        .filter(|&level| level <= 2)
}

/// The major version of the Image API, 1 to 3, that the URI of a context or profile names.
///
/// ```
/// use recto_iiif::info::version_of_uri;
///
/// assert_eq!(version_of_uri("http://iiif.io/api/image/3/context.json"), Some(3));
/// assert_eq!(version_of_uri("http://library.stanford.edu/iiif/image-api/1.1/context.json"), Some(1));
/// ```
pub fn version_of_uri(uri: &str) -> Option<u8> {
    let marks = [
        ("/image/3", 3),
        ("/image/2", 2),
        ("/image/1", 1),
        ("image-api/1.", 1),
        ("image-api/compliance", 1),
        ("image-api/ns", 1),
    ];
    marks
        .iter()
        .find(|(mark, _)| uri.contains(mark))
        .map(|&(_, version)| version)
}

/// The type decides, else the first context or profile that names a version, else the shape.
fn version(json: &Value, profile: &[&Value]) -> u8 {
    let by_type = match kind(json) {
        "ImageService3" => Some(3),
        "ImageService2" => Some(2),
        "ImageService1" => Some(1),
        _ => None,
    };
    let uris = json::list(&json["@context"]);
    let uris = uris.into_iter().chain(profile.iter().copied());
    let by_uri = || uris.filter_map(Value::as_str).find_map(version_of_uri);
    by_type
        .or_else(by_uri)
        .unwrap_or_else(|| version_by_shape(json))
}

fn version_by_shape(json: &Value) -> u8 {
    let has = |name: &str| json.get(name).is_some();
    match json {
        _ if has("tile_width") || has("scale_factors") || has("identifier") => 1,
        _ if has("id") && !has("@id") => 3,
        _ => 2,
    }
}

fn tiles(json: &Value) -> Vec<TileSet> {
    let factors = |v: &Value| {
        v.as_array()
            .map(|f| f.iter().filter_map(number).filter(|&f| f > 0).collect())
            .unwrap_or_default()
    };
    let modern = members(json, "tiles").iter().filter_map(|t| {
        let width = number(&t["width"]).filter(|&n| n > 0)?;
        let height = number(&t["height"]).filter(|&n| n > 0).unwrap_or(width);
        Some(TileSet {
            width,
            height,
            scale_factors: factors(&t["scaleFactors"]),
        })
    });
    let old = number(&json["tile_width"])
        .filter(|&n| n > 0)
        .map(|width| TileSet {
            width,
            height: number(&json["tile_height"])
                .filter(|&n| n > 0)
                .unwrap_or(width),
            scale_factors: factors(&json["scale_factors"]),
        });
    modern.chain(old).collect()
}

/// Version 3 has them at the top (3.0 §5.2), version 2 inside the profile (2.1 §5.3); a width alone limits both sides.
fn limits(json: &Value, profile: &[&Value]) -> Limits {
    let places = || std::iter::once(json).chain(profile.iter().copied());
    let find = |name: &str| {
        places()
            .find_map(|p| p.get(name).and_then(big_number))
            .filter(|&n| n > 0)
    };
    let side = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let width = find("maxWidth").map(side);
    Limits {
        width: width.unwrap_or(u32::MAX),
        height: find("maxHeight").map(side).or(width).unwrap_or(u32::MAX),
        area: find("maxArea").unwrap_or(u64::MAX),
    }
}

fn words(json: &Value, profile: &[&Value], names: &[&str]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for place in std::iter::once(json).chain(profile.iter().copied()) {
        for item in names
            .iter()
            .flat_map(|name| members(place, name))
            .filter_map(Value::as_str)
        {
            if !words.iter().any(|w| w == item) {
                words.push(item.to_owned());
            }
        }
    }
    words
}

fn members<'a>(json: &'a Value, name: &str) -> &'a [Value] {
    match json.get(name) {
        None | Some(Value::Null) => &[],
        Some(Value::Array(all)) => all,
        // Some servers leave out the brackets around a single one.
        Some(one) => std::slice::from_ref(one),
    }
}
