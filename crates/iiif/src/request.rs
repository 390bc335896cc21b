//! Image requests as the specification writes them: types, parsing, printing. No image size is needed here.

use std::fmt;
use std::str::FromStr;

use crate::error::Refusal;

/// A major version of the Image API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 2.0 and 2.1: has the size `full`; sizes larger than the region need no mark.
    V2,
    /// 3.0: does not have the size `full`; sizes larger than the region need a `^`.
    V3,
}

/// The parameters of an image request, `region/size/rotation/quality.format`, as the client wrote them (2.1 §4, 3.0 §4).
///
/// Nothing is known of the image yet: [`resolve`](ImageRequest::resolve) turns the parameters into pixels.
/// [`Display`](fmt::Display) prints what [`parse`](ImageRequest::parse) reads.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageRequest {
    /// Which part of the image (§4.1).
    pub region: Region,
    /// `^` stands before the size: the answer may be larger than the region (3.0 §4.2). Never set in 2.x.
    pub upscale: bool,
    /// How large the answer is (§4.2).
    pub size: Size,
    /// How the answer is mirrored and rotated (§4.3).
    pub rotation: Rotation,
    /// The colours of the answer (§4.4).
    pub quality: Quality,
    /// The file format of the answer (§4.5).
    pub format: Format,
}

/// Which part of the image is requested (2.1 §4.1, 3.0 §4.1). It may extend beyond the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Region {
    /// `full`: the whole image.
    Full,
    /// `square`: the largest square, centred.
    Square,
    /// `x,y,w,h` in pixels of the full image, the origin at its upper left corner.
    Pixels {
        /// Left edge, in pixels.
        x: u32,
        /// Top edge, in pixels.
        y: u32,
        /// Width, in pixels.
        w: u32,
        /// Height, in pixels.
        h: u32,
    },
    /// `pct:x,y,w,h` in percent of the full image's width and height.
    Percent {
        /// Left edge, in percent of the width.
        x: f64,
        /// Top edge, in percent of the height.
        y: f64,
        /// Width, in percent of the width.
        w: f64,
        /// Height, in percent of the height.
        h: f64,
    },
}

/// How large the answer is, before it is rotated (2.1 §4.2, 3.0 §4.2). Numbers are pixels of the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// `full`, 2.x only: the size of the region.
    Full,
    /// `max`: the largest size that the server offers.
    Max,
    /// `w,`: this width; the height keeps the aspect ratio.
    Width(u32),
    /// `,h`: this height; the width keeps the aspect ratio.
    Height(u32),
    /// `pct:n`: this percentage of the region's width and height.
    Percent(f64),
    /// `w,h`: exactly this width and height, even if that distorts the image.
    Exact(u32, u32),
    /// `!w,h`: the largest size of the same aspect ratio that is nowhere larger than this width and height.
    Within(u32, u32),
}

/// How the answer is mirrored and then rotated (2.1 §4.3, 3.0 §4.3). The default does neither.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rotation {
    /// `!`: left and right are swapped, before the rotation.
    pub mirror: bool,
    /// Degrees clockwise, 0 to 360.
    pub degrees: f64,
}

/// The colours of the answer (2.1 §4.4, 3.0 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// The server's default for the image.
    Default,
    /// All colours that the image has.
    Color,
    /// Grayscale.
    Gray,
    /// Each pixel is either black or white.
    Bitonal,
}

/// The file format of the answer (2.1 §4.5, 3.0 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JPEG.
    Jpg,
    /// PNG.
    Png,
    /// TIFF.
    Tif,
    /// GIF.
    Gif,
    /// JPEG 2000.
    Jp2,
    /// PDF.
    Pdf,
    /// WebP.
    Webp,
}

impl ImageRequest {
    /// Parses the last four path segments of an image request, percent-decoded: region, size, rotation and
    /// `quality.format`.
    ///
    /// ```
    /// use recto_iiif::{ImageRequest, Refusal, Region, Version};
    ///
    /// let request = ImageRequest::parse(Version::V3, ["0,0,512,512", "256,", "0", "default.jpg"]).unwrap();
    /// assert_eq!(request.region, Region::Pixels { x: 0, y: 0, w: 512, h: 512 });
    /// assert_eq!(request.to_string(), "0,0,512,512/256,/0/default.jpg");
    ///
    /// let refusal = ImageRequest::parse(Version::V3, ["full", "full", "0", "default.jpg"]).unwrap_err();
    /// assert_eq!(refusal.status(), 400);
    /// ```
    ///
    /// # Errors
    /// [`Refusal::Invalid`] where a parameter is not one that the version defines. The message names the parameter,
    /// what was found and what is needed.
    pub fn parse(
        version: Version,
        [region, size, rotation, last]: [&str; 4],
    ) -> Result<Self, Refusal> {
        let (upscale, size) = parse_size(version, size)?;
        let (quality, format) = last
            .rsplit_once('.')
            .ok_or_else(|| Refusal::invalid("quality.format", last, "`default.jpg`"))?;
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

    /// Parses any form of the region parameter (2.1 §4.1, 3.0 §4.1).
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for anything else.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let wrong = || {
            Refusal::invalid(
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
        .ok_or_else(|| Refusal::invalid("size", text, wanted))
}

fn read_size(text: &str) -> Option<Size> {
    if let Some(n) = text.strip_prefix("pct:") {
        return decimal(n).map(Size::Percent);
    }
    if let Some(sides) = text.strip_prefix('!') {
        return list(sides, whole).map(|[w, h]| Size::Within(w, h));
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

    /// Parses the rotation parameter: 0 to 360 degrees, behind `!` or not (2.1 §4.3, 3.0 §4.3).
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for anything else.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let (mirror, degrees) = match text.strip_prefix('!') {
            Some(degrees) => (true, degrees),
            None => (false, text),
        };
        match decimal(degrees).filter(|d| *d <= 360.0) {
            Some(degrees) => Ok(Rotation { mirror, degrees }),
            None => Err(Refusal::invalid(
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
    /// Every quality that the specification defines.
    pub const ALL: [Quality; 4] = [
        Quality::Default,
        Quality::Color,
        Quality::Gray,
        Quality::Bitonal,
    ];

    /// The word in a request: `default`, `color`, `gray` or `bitonal`.
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

    /// Parses a word of [`Quality::name`].
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for anything else.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let found = Self::ALL.into_iter().find(|q| q.name() == text);
        found.ok_or_else(|| Refusal::invalid("quality", text, "default, color, gray or bitonal"))
    }
}

impl Format {
    /// Every format that the specification defines.
    pub const ALL: [Format; 7] = [
        Format::Jpg,
        Format::Png,
        Format::Tif,
        Format::Gif,
        Format::Jp2,
        Format::Pdf,
        Format::Webp,
    ];

    /// The largest width or height that a file of this format can have, in pixels.
    pub fn max_side(self) -> u32 {
        match self {
            Format::Jpg | Format::Gif | Format::Pdf => 65_535,
            Format::Webp => 16_384,
            Format::Png | Format::Tif | Format::Jp2 => u32::MAX,
        }
    }

    /// The media type, `image/jpeg` and the like.
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

    /// The suffix in a request, `jpg` and the like.
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

    /// Parses a suffix of [`Format::name`].
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for anything else.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let found = Self::ALL.into_iter().find(|f| f.name() == text);
        found
            .ok_or_else(|| Refusal::invalid("format", text, "jpg, png, tif, gif, jp2, pdf or webp"))
    }
}

/// Digits only: the specification allows neither sign nor exponent nor white space in a number.
fn whole(text: &str) -> Option<u32> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// Digits with at most one decimal point among them (3.0 §4.7).
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = text.parse().ok().filter(|_| plain)?;
    number.is_finite().then_some(number)
}

fn list<T, const N: usize>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<[T; N]> {
    let numbers: Option<Vec<T>> = text.split(',').map(read).collect();
    numbers?.try_into().ok()
}
