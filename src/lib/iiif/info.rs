//! `info.json` as it is really published: three versions, members missing, numbers as text, profiles in every
//! shape. Read leniently; what a server can really do is seen only in its answers.

use serde_json::Value;

/// What an image service says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// Major version of the Image API: 1, 2 or 3.
    pub version: u8,
    /// Width of the full image in pixels.
    pub width: u32,
    /// Height of the full image in pixels.
    pub height: u32,
    /// Compliance level; 1 where none is stated, or an unknown one.
    pub level: u8,
    /// Tile sets, as advertised.
    pub tiles: Vec<TileSet>,
    /// Sizes that are there for the asking, `[width, height]`.
    pub sizes: Vec<[u32; 2]>,
    /// Largest answers, as declared. Absence proves nothing.
    pub limits: Limits,
    /// Qualities listed, `default` and the like.
    pub qualities: Vec<String>,
    /// Formats listed, `jpg` and the like.
    pub formats: Vec<String>,
}

/// A grid of tiles: parts of `width` × `height` at each scale factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileSet {
    /// Tile width in pixels of the answer.
    pub width: u32,
    /// Tile height in pixels of the answer.
    pub height: u32,
    /// Scale factors at which the grid exists.
    pub scale_factors: Vec<u32>,
}

/// The largest answer: each side and their product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Widest answer.
    pub width: u32,
    /// Highest answer.
    pub height: u32,
    /// Most pixels in an answer.
    pub area: u64,
}

impl Limits {
    /// No limit.
    pub const NONE: Limits = Limits {
        width: u32::MAX,
        height: u32::MAX,
        area: u64::MAX,
    };

    /// Whether an answer of this size is within the limits.
    pub fn allow(&self, width: u32, height: u32) -> bool {
        width <= self.width
            && height <= self.height
            && u64::from(width) * u64::from(height) <= self.area
    }

    /// The stricter of two on each count.
    pub fn and(&self, other: &Limits) -> Limits {
        Limits {
            width: self.width.min(other.width),
            height: self.height.min(other.height),
            area: self.area.min(other.area),
        }
    }
}

/// Reads an `info.json`; the error says what is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Info, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'<') {
        return Err("an HTML or XML page was answered where info.json was expected".into());
    }
    let json: Value =
        serde_json::from_slice(bytes).map_err(|e| format!("info.json is not JSON: {e}"))?;
    let Some(object) = json.as_object() else {
        return Err("info.json is not an object".into());
    };
    let side = |name: &str| {
        let value = object
            .get(name)
            .ok_or_else(|| format!("info.json has no `{name}`"))?;
        number(value)
            .filter(|&n| n > 0)
            .ok_or_else(|| format!("info.json: `{name}` is {value}, a number above 0 is needed"))
    };
    let (width, height) = (side("width")?, side("height")?);
    let profile = profile_items(&json);
    let version = version(&json, &profile);
    Ok(Info {
        version,
        width,
        height,
        level: profile
            .iter()
            .find_map(|item| item.as_str().and_then(level))
            .unwrap_or(1),
        tiles: tiles(&json),
        sizes: list(&json, "sizes")
            .iter()
            .filter_map(|s| Some([number(&s["width"])?, number(&s["height"])?]))
            .collect(),
        limits: limits(&json, &profile),
        qualities: words(&json, &profile, &["qualities", "extraQualities"]),
        formats: words(&json, &profile, &["formats", "extraFormats"]),
    })
}

/// The compliance level in a profile: the digit after the last `level`.
pub fn level(profile: &str) -> Option<u8> {
    let after = profile.rsplit_once("level")?.1;
    after
        .bytes()
        .next()
        .filter(u8::is_ascii_digit)
        .map(|digit| digit - b'0')
        .filter(|&level| level <= 2)
}

/// The major version that a context, profile or protocol URI names.
pub fn version_of(uri: &str) -> Option<u8> {
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

fn version(json: &Value, profile: &[&Value]) -> u8 {
    let kind = json
        .get("type")
        .or_else(|| json.get("@type"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    let by_type = [
        ("ImageService3", 3),
        ("ImageService2", 2),
        ("ImageService1", 1),
    ]
    .iter()
    .find(|(name, _)| kind == *name)
    .map(|&(_, v)| v);
    let contexts = match json.get("@context") {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(item) => vec![item],
        None => vec![],
    };
    let named = contexts
        .into_iter()
        .chain(profile.iter().copied())
        .filter_map(Value::as_str)
        .find_map(version_of);
    let shape = || match json {
        _ if json.get("tile_width").is_some()
            || json.get("scale_factors").is_some()
            || json.get("identifier").is_some() =>
        {
            1
        }
        _ if json.get("id").is_some() && json.get("@id").is_none() => 3,
        _ => 2,
    };
    by_type.or(named).unwrap_or_else(shape)
}

fn profile_items(json: &Value) -> Vec<&Value> {
    match json.get("profile") {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(item) => vec![item],
        None => vec![],
    }
}

fn tiles(json: &Value) -> Vec<TileSet> {
    let factors = |v: &Value| {
        v.as_array()
            .map(|f| f.iter().filter_map(number).filter(|&f| f > 0).collect())
            .unwrap_or_default()
    };
    let modern = list(json, "tiles").iter().filter_map(|t| {
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

/// Version 3 has them at the top, version 2 inside the profile; a width alone limits both sides
/// (Image API 3.0 §5.3, 2.1 §5.3).
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
            .flat_map(|name| list(place, name))
            .filter_map(Value::as_str)
        {
            if !words.iter().any(|w| w == item) {
                words.push(item.to_owned());
            }
        }
    }
    words
}

fn list<'a>(json: &'a Value, name: &str) -> &'a [Value] {
    json.get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> Option<u32> {
    big_number(value).and_then(|n| u32::try_from(n).ok())
}

fn big_number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_u64().or_else(|| {
            value
                .as_f64()
                .filter(|v| v.fract() == 0.0 && *v >= 0.0)
                .map(|v| v as u64)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Result<Info, String> {
        parse(value.to_string().as_bytes())
    }

    #[test]
    fn versions_levels_and_limits_in_the_shapes_that_are_out_there() {
        let cases = [
            (
                json!({"@context": "http://iiif.io/api/image/2/context.json", "width": 9, "height": 8, "profile": ["http://iiif.io/api/image/2/level2.json", {"maxWidth": 5}]}),
                (2, 2, 5, 5),
            ),
            (
                json!({"@context": "http://iiif.io/api/image/3/context.json", "width": 9, "height": 8, "profile": "level0", "maxWidth": 5, "maxHeight": 4}),
                (3, 0, 5, 4),
            ),
            (
                json!({"width": "9", "height": "8", "tile_width": 256, "scale_factors": [1, 2]}),
                (1, 1, u32::MAX, u32::MAX),
            ),
            (
                json!({"@context": "http://library.stanford.edu/iiif/image-api/1.1/context.json", "width": 9, "height": 8, "profile": "http://library.stanford.edu/iiif/image-api/1.1/compliance.html#level2"}),
                (1, 2, u32::MAX, u32::MAX),
            ),
            (
                json!({"id": "x", "type": "ImageService3", "width": 9.0, "height": 8, "profile": "level7"}),
                (3, 1, u32::MAX, u32::MAX),
            ),
            (
                json!({"width": 9, "height": 8, "profile": {"maxWidth": 7}}),
                (2, 1, 7, 7),
            ),
        ];
        for (value, wanted) in cases {
            let info = read(value.clone()).unwrap();
            assert_eq!(
                (
                    info.version,
                    info.level,
                    info.limits.width,
                    info.limits.height
                ),
                wanted,
                "{value}"
            );
            assert_eq!((info.width, info.height), (9, 8));
        }
    }

    #[test]
    fn tiles_are_square_unless_they_say_otherwise() {
        let info = read(json!({"width": 9, "height": 8, "tiles": [{"width": 256, "scaleFactors": [1, 32]}, {"width": 0}, {"width": 512, "height": 100}]})).unwrap();
        let set = |width, height, scale_factors| TileSet {
            width,
            height,
            scale_factors,
        };
        assert_eq!(
            info.tiles,
            [set(256, 256, vec![1, 32]), set(512, 100, vec![])]
        );
    }

    #[test]
    fn what_is_no_info_says_so() {
        let cases = [
            (
                "<html>",
                "an HTML or XML page was answered where info.json was expected",
            ),
            ("[]", "info.json is not an object"),
            ("{\"height\":1}", "info.json has no `width`"),
            (
                "{\"width\":0,\"height\":1}",
                "info.json: `width` is 0, a number above 0 is needed",
            ),
        ];
        for (text, wanted) in cases {
            assert_eq!(parse(text.as_bytes()).unwrap_err(), wanted, "{text}");
        }
        assert!(
            parse(b"{")
                .unwrap_err()
                .starts_with("info.json is not JSON")
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
