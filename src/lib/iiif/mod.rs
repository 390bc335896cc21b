//! The Image API in words: region, size, rotation, quality, format; parse and print here, numbers in [`resolve`].
//! Versions 2.1 and 3.0. No pixels, no network.

use std::fmt;
use std::str::FromStr;

pub mod asked;
pub mod authorization;
pub mod canonical;
pub mod info;
pub mod resolve;

/// A major version of the Image API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 2.0 and 2.1: size `full`, sizes above the region without a mark.
    V2,
    /// 3.0: size `max`, sizes above the region only behind `^`.
    V3,
}

/// Image request parameters, still in the words of the request (2.1 §4, 3.0 §4).
#[derive(Clone, Debug, PartialEq)]
pub struct ImageRequest {
    /// Which part of the image.
    pub region: Region,
    /// 3.0: `^` before the size, the answer may be larger than the region. Never set in 2.1.
    pub upscale: bool,
    /// How large the answer is.
    pub size: Size,
    /// How it is turned.
    pub rotation: Rotation,
    /// Its colours.
    pub quality: Quality,
    /// Its file format.
    pub format: Format,
}

/// Which part of the image, before clipping to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Region {
    /// `full`: all of it.
    Full,
    /// `square`: the largest square, centred.
    Square,
    /// `x,y,w,h` in pixels of the full image.
    Pixels {
        /// Left edge.
        x: u32,
        /// Top edge.
        y: u32,
        /// Width.
        w: u32,
        /// Height.
        h: u32,
    },
    /// `pct:x,y,w,h` in hundredths of the full image's sides.
    Percent {
        /// Left edge.
        x: f64,
        /// Top edge.
        y: f64,
        /// Width.
        w: f64,
        /// Height.
        h: f64,
    },
}

/// How large the answer is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// `full`, 2.1 only: the size of the region.
    Full,
    /// `max`: as large as the server gives.
    Max,
    /// `w,`: this width, height in proportion.
    Width(u32),
    /// `,h`: this height, width in proportion.
    Height(u32),
    /// `pct:n`: hundredths of the region.
    Percent(f64),
    /// `w,h`: exactly this, proportions be what they may.
    Exact(u32, u32),
    /// `!w,h`: as large as fits into this, in proportion.
    Within(u32, u32),
}

/// How the answer is turned: mirrored first, then turned clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rotation {
    /// `!`: left and right change places.
    pub mirror: bool,
    /// Degrees clockwise, 0 to 360.
    pub degrees: f64,
}

/// The colours of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// As the server sees fit.
    Default,
    /// In full colour.
    Color,
    /// In greys.
    Gray,
    /// In black and white.
    Bitonal,
}

/// The file format of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Its words are the formats' own.
pub enum Format {
    Jpg,
    Png,
    Tif,
    Gif,
    Jp2,
    Pdf,
    Webp,
}

/// Why a request gets no image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Against the specification or outside the image: status 400.
    Invalid(String),
    /// Within the specification, but not offered: status 501.
    Unsupported(String),
}

/// `{base}/{region}/{size}/{rotation}/{quality}.{format}`, the base verbatim: see [`under`].
pub fn image_uri(
    base: &str,
    region: Region,
    size: Size,
    rotation: Rotation,
    quality: &str,
    format: &str,
) -> String {
    under(
        base,
        &format!("{region}/{size}/{rotation}/{quality}.{format}"),
    )
}

/// `{base}/info.json`, the base verbatim: see [`under`].
pub fn info_uri(base: &str) -> String {
    under(base, "info.json")
}

/// Puts a path after the base URI of a service with exactly one slash between, encoding nothing anew: a server
/// knows its image only by the very spelling it published. Where the base carries the image in a query, as
/// `iipsrv.fcgi?IIIF=/a.tif` does, the path belongs to the value of that parameter; other parameters stay behind it.
pub fn under(base: &str, path: &str) -> String {
    let (head, tail) = base.split_at(end_of_id(base));
    format!("{}/{path}{tail}", head.trim_end_matches('/'))
}

fn end_of_id(base: &str) -> usize {
    let Some(query) = base.find('?').map(|at| at + 1) else {
        return base.len();
    };
    let mut start = query;
    for parameter in base[query..].split('&') {
        let name = parameter.split('=').next().unwrap_or_default();
        if name.eq_ignore_ascii_case("iiif") {
            return start + parameter.len();
        }
        start += parameter.len() + 1;
    }
    base.len()
}

impl ImageRequest {
    /// Reads the last four segments of an image request, percent-decoded: region, size, rotation, quality.format.
    pub fn parse(
        version: Version,
        [region, size, rotation, last]: [&str; 4],
    ) -> Result<Self, Refusal> {
        let (upscale, size) = parse_size(version, size)?;
        let (quality, format) = last
            .rsplit_once('.')
            .ok_or_else(|| invalid("quality.format", last, "`default.jpg`"))?;
        Ok(ImageRequest {
            region: region.parse()?,
            upscale,
            size,
            rotation: rotation.parse()?,
            quality: quality.parse()?,
            format: format.parse()?,
        })
    }
}

impl fmt::Display for ImageRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caret = if self.upscale { "^" } else { "" };
        let (region, size, rotation) = (self.region, self.size, self.rotation);
        write!(f, "{region}/{caret}{size}/{rotation}/")?;
        write!(f, "{}.{}", self.quality.name(), self.format.name())
    }
}

impl FromStr for Region {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let wrong = || {
            invalid(
                "region",
                text,
                "`full`, `square`, `x,y,w,h` or `pct:x,y,w,h`",
            )
        };
        match text {
            "full" => return Ok(Region::Full),
            "square" => return Ok(Region::Square),
            _ => {}
        }
        match text.strip_prefix("pct:") {
            Some(numbers) => {
                let [x, y, w, h] = list(numbers, decimal).ok_or_else(wrong)?;
                Ok(Region::Percent { x, y, w, h })
            }
            None => {
                let [x, y, w, h] = list(text, whole).ok_or_else(wrong)?;
                Ok(Region::Pixels { x, y, w, h })
            }
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Region::Full => f.write_str("full"),
            Region::Square => f.write_str("square"),
            Region::Pixels { x, y, w, h } => write!(f, "{x},{y},{w},{h}"),
            Region::Percent { x, y, w, h } => write!(f, "pct:{x},{y},{w},{h}"),
        }
    }
}

fn parse_size(version: Version, text: &str) -> Result<(bool, Size), Refusal> {
    let (upscale, rest) = match (version, text.strip_prefix('^')) {
        (Version::V3, Some(rest)) => (true, rest),
        _ => (false, text),
    };
    let wanted = match version {
        Version::V2 => "`full`, `max`, `w,`, `,h`, `pct:n`, `w,h` or `!w,h`",
        Version::V3 => "`max`, `w,`, `,h`, `pct:n`, `w,h` or `!w,h`, each also behind `^`",
    };
    read_size(rest)
        .filter(|size| version == Version::V2 || *size != Size::Full)
        .map(|size| (upscale, size))
        .ok_or_else(|| invalid("size", text, wanted))
}

fn read_size(text: &str) -> Option<Size> {
    if let Some(n) = text.strip_prefix("pct:") {
        return decimal(n).map(Size::Percent);
    }
    if let Some(box_) = text.strip_prefix('!') {
        return list(box_, whole).map(|[w, h]| Size::Within(w, h));
    }
    match (text, text.split_once(',')) {
        ("full", _) => Some(Size::Full),
        ("max", _) => Some(Size::Max),
        (_, Some((w, ""))) => whole(w).map(Size::Width),
        (_, Some(("", h))) => whole(h).map(Size::Height),
        _ => list(text, whole).map(|[w, h]| Size::Exact(w, h)),
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Size::Full => f.write_str("full"),
            Size::Max => f.write_str("max"),
            Size::Width(w) => write!(f, "{w},"),
            Size::Height(h) => write!(f, ",{h}"),
            Size::Percent(n) => write!(f, "pct:{n}"),
            Size::Exact(w, h) => write!(f, "{w},{h}"),
            Size::Within(w, h) => write!(f, "!{w},{h}"),
        }
    }
}

impl FromStr for Rotation {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let (mirror, degrees) = match text.strip_prefix('!') {
            Some(degrees) => (true, degrees),
            None => (false, text),
        };
        match decimal(degrees).filter(|d| *d <= 360.0) {
            Some(degrees) => Ok(Rotation { mirror, degrees }),
            None => Err(invalid(
                "rotation",
                text,
                "0 to 360, `!` before it to mirror",
            )),
        }
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.mirror { "!" } else { "" };
        write!(f, "{mark}{}", self.degrees)
    }
}

impl Quality {
    /// Every quality there is.
    pub const ALL: [Quality; 4] = [
        Quality::Default,
        Quality::Color,
        Quality::Gray,
        Quality::Bitonal,
    ];

    /// The word in a request.
    pub fn name(self) -> &'static str {
        match self {
            Quality::Default => "default",
            Quality::Color => "color",
            Quality::Gray => "gray",
            Quality::Bitonal => "bitonal",
        }
    }
}

impl FromStr for Quality {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let found = Self::ALL.into_iter().find(|q| q.name() == text);
        found.ok_or_else(|| invalid("quality", text, "default, color, gray or bitonal"))
    }
}

impl Format {
    /// Every format that the specification names.
    pub const ALL: [Format; 7] = [
        Format::Jpg,
        Format::Png,
        Format::Tif,
        Format::Gif,
        Format::Jp2,
        Format::Pdf,
        Format::Webp,
    ];
    /// The formats that recto writes: there is no encoder of JPEG 2000 in Rust.
    pub const OFFERED: [Format; 6] = [
        Format::Jpg,
        Format::Png,
        Format::Tif,
        Format::Gif,
        Format::Pdf,
        Format::Webp,
    ];

    /// The largest side that its files can say.
    pub fn longest(self) -> u32 {
        match self {
            Format::Jpg | Format::Gif | Format::Pdf => 65_535,
            Format::Webp => 16_384,
            Format::Png | Format::Tif | Format::Jp2 => u32::MAX,
        }
    }

    /// The media type of its files.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Jpg => "image/jpeg",
            Format::Png => "image/png",
            Format::Tif => "image/tiff",
            Format::Gif => "image/gif",
            Format::Jp2 => "image/jp2",
            Format::Pdf => "application/pdf",
            Format::Webp => "image/webp",
        }
    }

    /// The suffix in a request.
    pub fn name(self) -> &'static str {
        match self {
            Format::Jpg => "jpg",
            Format::Png => "png",
            Format::Tif => "tif",
            Format::Gif => "gif",
            Format::Jp2 => "jp2",
            Format::Pdf => "pdf",
            Format::Webp => "webp",
        }
    }
}

impl FromStr for Format {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let found = Self::ALL.into_iter().find(|f| f.name() == text);
        found.ok_or_else(|| invalid("format", text, "jpg, png, tif, gif, jp2, pdf or webp"))
    }
}

fn invalid(parameter: &str, found: &str, wanted: &str) -> Refusal {
    Refusal::Invalid(format!("{parameter} is `{found}`, {wanted} is needed"))
}

/// Digits only: a sign, an exponent or a blank is no number to the specification.
fn whole(text: &str) -> Option<u32> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// Digits with at most one point among them.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = text.parse().ok().filter(|_| plain)?;
    number.is_finite().then_some(number)
}

fn list<T, const N: usize>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<[T; N]> {
    let numbers: Option<Vec<T>> = text.split(',').map(read).collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn uris_keep_the_id_as_published() {
        let cases = [
            ("http://a/iiif/x", "http://a/iiif/x/info.json"),
            ("http://a/iiif/x/", "http://a/iiif/x/info.json"),
            ("http://a/i/a%2Fb%20c", "http://a/i/a%2Fb%20c/info.json"),
            ("http://a/i/ä b", "http://a/i/ä b/info.json"),
            (
                "http://a/i.fcgi?IIIF=/p/x.tif",
                "http://a/i.fcgi?IIIF=/p/x.tif/info.json",
            ),
            (
                "http://a/i.fcgi?iiif=x&k=1",
                "http://a/i.fcgi?iiif=x/info.json&k=1",
            ),
            ("http://a/p?image=7", "http://a/p?image=7/info.json"),
        ];
        for (base, uri) in cases {
            assert_eq!(info_uri(base), uri);
        }
        let region = Region::Pixels {
            x: 1,
            y: 2,
            w: 3,
            h: 4,
        };
        let uri = image_uri(
            "http://a/x/",
            region,
            Size::Width(3),
            Rotation::default(),
            "native",
            "jpg",
        );
        assert_eq!(uri, "http://a/x/1,2,3,4/3,/0/native.jpg");
    }

    #[test]
    fn requests_are_read_as_the_specification_writes_them() {
        use Version::{V2, V3};
        let ok = [
            (V2, "full/full/0/default.jpg"),
            (V2, "full/max/0/default.jpg"),
            (V2, "square/150,/90/gray.png"),
            (V2, "125,15,120,140/,150/22.5/color.tif"),
            (V2, "pct:41.6,7.5,40,70/pct:50/!0/bitonal.gif"),
            (V2, "full/225,100/180/default.jp2"),
            (V2, "full/!225,100/!180/default.webp"),
            (V3, "full/max/0/default.pdf"),
            (V3, "full/^max/0/default.jpg"),
            (V3, "full/^360,/0/default.jpg"),
            (V3, "full/^,240/0/default.jpg"),
            (V3, "full/^pct:120/0/default.jpg"),
            (V3, "full/^360,360/0/default.jpg"),
            (V3, "full/^!360,360/0/default.jpg"),
        ];
        for (version, text) in ok {
            let request = parse(version, text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            assert_eq!(request.to_string(), text);
        }
    }

    #[test]
    fn requests_against_the_specification_are_refused_and_say_what_is_wrong() {
        use Version::{V2, V3};
        let bad = [
            (V3, "full/full/0/default.jpg", "size is `full`"),
            (V2, "full/^max/0/default.jpg", "size is `^max`"),
            (V2, "Full/max/0/default.jpg", "region is `Full`"),
            (V2, "1,2,3/max/0/default.jpg", "region is"),
            (V2, "1,2,3,4,5/max/0/default.jpg", "region is"),
            (V2, "-1,2,3,4/max/0/default.jpg", "region is"),
            (V2, "1.5,2,3,4/max/0/default.jpg", "region is"),
            (V2, "1,2,3,4294967296/max/0/default.jpg", "region is"),
            (V2, "pct:1,2,3,1e1/max/0/default.jpg", "region is"),
            (V2, "pct:nan,2,3,1/max/0/default.jpg", "region is"),
            (V2, "full/,/0/default.jpg", "size is `,`"),
            (V2, "full/150/0/default.jpg", "size is `150`"),
            (V2, "full/!150,/0/default.jpg", "size is"),
            (V2, "full/+1,/0/default.jpg", "size is"),
            (V3, "full/^^max/0/default.jpg", "size is"),
            (V2, "full/max/-90/default.jpg", "rotation is `-90`"),
            (V2, "full/max/361/default.jpg", "rotation is"),
            (V2, "full/max/0!/default.jpg", "rotation is"),
            (V2, "full/max/0/native.jpg", "quality is `native`"),
            (V2, "full/max/0/default.bmp", "format is `bmp`"),
            (V2, "full/max/0/default", "quality.format is"),
        ];
        for (version, text, says) in bad {
            match parse(version, text) {
                Err(Refusal::Invalid(message)) => {
                    assert!(message.starts_with(says), "{text}: {message}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    fn parse(version: Version, path: &str) -> Result<ImageRequest, Refusal> {
        let segments: Vec<&str> = path.split('/').collect();
        ImageRequest::parse(version, segments.try_into().unwrap())
    }

    fn requests() -> impl Strategy<Value = ImageRequest> {
        let number = 0.0..1e6f64;
        let region = prop_oneof![
            Just(Region::Full),
            Just(Region::Square),
            any::<[u32; 4]>().prop_map(|[x, y, w, h]| Region::Pixels { x, y, w, h }),
            [
                number.clone(),
                number.clone(),
                number.clone(),
                number.clone()
            ]
            .prop_map(|[x, y, w, h]| Region::Percent { x, y, w, h }),
        ];
        let size = prop_oneof![
            Just(Size::Max),
            any::<u32>().prop_map(Size::Width),
            any::<u32>().prop_map(Size::Height),
            number.prop_map(Size::Percent),
            any::<[u32; 2]>().prop_map(|[w, h]| Size::Exact(w, h)),
            any::<[u32; 2]>().prop_map(|[w, h]| Size::Within(w, h)),
        ];
        let rotation = (any::<bool>(), 0.0..=360.0f64)
            .prop_map(|(mirror, degrees)| Rotation { mirror, degrees });
        let words = (0..Quality::ALL.len(), 0..Format::ALL.len());
        (region, any::<bool>(), size, rotation, words).prop_map(
            |(region, upscale, size, rotation, (q, f))| ImageRequest {
                region,
                upscale,
                size,
                rotation,
                quality: Quality::ALL[q],
                format: Format::ALL[f],
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(request in requests()) {
            prop_assert_eq!(parse(Version::V3, &request.to_string()).unwrap(), request);
        }

        #[test]
        fn any_text_is_read_or_refused(a in ".{0,20}", b in "[0-9,!^pct:.]{0,12}", c in ".{0,6}", d in ".{0,12}") {
            for version in [Version::V2, Version::V3] {
                let _ = ImageRequest::parse(version, [&a, &b, &c, &d]);
                let _ = ImageRequest::parse(version, [&b, &b, &b, "default.jpg"]);
            }
        }
    }
}
