//! Requests resolved against the size of an image: parameters become pixels (2.1 §4, 3.0 §4), or a refusal.
//!
//! Sides that follow from the other are rounded to the nearest pixel and are never below 1. All sizes are
//! `[width, height]` and all regions `[x, y, width, height]`, in pixels, the origin at the upper left corner.

use crate::error::Refusal;
use crate::request::{Format, ImageRequest, Quality, Region, Size, Version};

/// What a server is willing to answer. By default: every format, nothing larger than the region, and no limit
/// besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// The largest answer, `[maxWidth, maxHeight]` in pixels before rotation. None: the size of the region is the limit.
    pub max_size: Option<[u32; 2]>,
    /// The largest number of pixels of an answer before rotation (`maxArea`). None: no limit.
    pub max_area: Option<u64>,
    /// Whether `info.json` declares `max_area`: `^max` enlarges to declared limits (3.0 §4.2) and no further.
    pub declares_area: bool,
    /// Whether answers may be larger than their region (`sizeUpscaling` in 3.0, `sizeAboveFull` in 2.1).
    pub upscale: bool,
    /// Refuse `!w,h` where the region is smaller than `w` by `h` and `^` is missing. The specification answers with the
    /// region's size (3.0 §4.2); the official validator of the Image API wants an error.
    pub strict_within: bool,
    /// The formats that the server writes. Others are refused as [`Unsupported`](Refusal::Unsupported).
    pub formats: &'static [Format],
}

impl Default for ServerLimits {
    fn default() -> Self {
        ServerLimits {
            max_size: None,
            max_area: None,
            declares_area: false,
            upscale: false,
            strict_within: false,
            formats: &Format::ALL,
        }
    }
}

/// A request in pixels, ready to be rendered: cut out the region, scale it, mirror it, rotate it, change its colours,
/// encode it, in this order (2.1 §4.6, 3.0 §4.6).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RenderPlan {
    /// `[x, y, width, height]` in pixels of the full image, inside it and not empty.
    pub region: [u32; 4],
    /// `[width, height]` of the answer in pixels before it is rotated, not empty.
    pub size: [u32; 2],
    /// Left and right are swapped, before the rotation.
    pub mirror: bool,
    /// Degrees clockwise, from 0 up to but not including 360.
    pub rotation: f64,
    /// Colours of the answer.
    pub quality: Quality,
    /// File format of the answer.
    pub format: Format,
    /// What the answer is put on the middle of. [`ImageRequest::resolve`] never sets it, for the Image API cannot request
    /// it; it serves servers that offer derivatives of their own.
    pub background: Option<Background>,
}

/// A plain rectangle behind an image, which is centred on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Background {
    /// `[width, height]` in pixels, neither below that of the image.
    pub size: [u32; 2],
    /// Red, green and blue of sRGB.
    pub colour: [u8; 3],
}

impl RenderPlan {
    /// `[width, height]` of the answer in pixels, after rotation.
    pub fn rotated_size(&self) -> [u32; 2] {
        rotated_size(self.size, self.rotation)
    }

    /// Whether the answer is a JPEG that is neither rotated, mirrored, put on a background nor changed in its colours,
    /// so that a server may copy parts of a stored JPEG. `is_grey`: the image is grayscale.
    pub fn is_plain_jpeg(&self, is_grey: bool) -> bool {
        let keeps_colours = match self.quality {
            Quality::Default => true,
            Quality::Color => !is_grey,
            Quality::Gray | Quality::Bitonal => false,
        };
        let is_upright = self.rotation == 0.0 && !self.mirror && self.background.is_none();
        self.format == Format::Jpg && keeps_colours && is_upright
    }

    /// Whether the answer is [plain](Self::is_plain_jpeg) and all of an image of `[width, height]` pixels, unscaled: a
    /// server may send a stored JPEG as it is.
    pub fn is_whole_jpeg(&self, [w, h]: [u32; 2], is_grey: bool) -> bool {
        self.is_plain_jpeg(is_grey) && self.region == [0, 0, w, h] && self.size == [w, h]
    }

    /// Whether width and height of the answer, before rotation, are at most half of the region's.
    pub fn is_reduced(&self) -> bool {
        let [_, _, w, h] = self.region;
        2 * u64::from(self.size[0]) <= w.into() && 2 * u64::from(self.size[1]) <= h.into()
    }

    /// Refuses what cannot be made: a small request must not become a huge answer by being rotated or enlarged.
    fn check(&self, limits: &ServerLimits) -> Result<(), Refusal> {
        let [w, h] = self.rotated_size();
        let [_, _, region_w, region_h] = self.region;
        let most = self.format.max_side();
        if w.max(h) > most {
            let name = self.format.name();
            return Err(Refusal::Invalid(format!(
                "size is {w} x {h} after rotation, a {name} has at most {most} pixels a side"
            )));
        }
        if w.max(h) > MAX_ENLARGED_SIDE.max(region_w.max(region_h).saturating_mul(2)) {
            return Err(Refusal::Invalid(format!(
                "size is {w} x {h} after rotation, the limit is {MAX_ENLARGED_SIDE} pixels a side"
            )));
        }
        // Limits are of the image before it is rotated, and what holds a rotated square has twice its pixels. What holds
        // a rotated strip, though, is a square as long as half the strip and more.
        let [width, height] = self.size.map(u128::from);
        let usual = 2 * (width * height + width + height) + 4;
        match limits.max_area {
            Some(area) if u128::from(pixels([w, h])) > usual.max(area.into()) => {
                Err(Refusal::Invalid(format!(
                    "size is {w} x {h} after rotation, the limit is {area} pixels"
                )))
            }
            _ => Ok(()),
        }
    }
}

/// The longest side, in pixels, of an answer that has more pixels than what it is made of.
const MAX_ENLARGED_SIDE: u32 = 65_535;

impl ImageRequest {
    /// Resolves the request against an image of `[width, height]` pixels. The region is clipped to the image.
    ///
    /// ```
    /// use recto_iiif::{ImageRequest, Version, resolve::ServerLimits};
    ///
    /// let request = ImageRequest::parse(Version::V3, ["125,15,200,200", "100,", "90", "default.jpg"]).unwrap();
    /// let plan = request.resolve(Version::V3, [300, 200], &ServerLimits::default()).unwrap();
    /// assert_eq!(plan.region, [125, 15, 175, 185]);
    /// assert_eq!((plan.size, plan.rotated_size()), ([100, 106], [106, 100]));
    ///
    /// let request = ImageRequest::parse(Version::V3, ["full", "^600,", "0", "default.jpg"]).unwrap();
    /// let refusal = request.resolve(Version::V3, [300, 200], &ServerLimits::default()).unwrap_err();
    /// assert_eq!(refusal.status(), 501);
    /// ```
    ///
    /// # Errors
    /// [`Refusal::Invalid`] where the region lies outside the image, where region or size are empty, where the size is
    /// above the limits or, in 3.0, above the region without `^`, and where the rotated answer would be larger than its
    /// format can hold, than 65,535 pixels a side if enlarged, or than twice the pixels allowed.
    /// [`Refusal::Unsupported`] for a format that the server does not write, and for enlarging where it does not.
    pub fn resolve(
        &self,
        version: Version,
        image: [u32; 2],
        limits: &ServerLimits,
    ) -> Result<RenderPlan, Refusal> {
        let region = self.region.resolve(image)?;
        let size = self.resolve_size(version, [region[2], region[3]], limits)?;
        let plan = RenderPlan {
            region,
            size,
            mirror: self.rotation.mirror,
            rotation: self.rotation.degrees % 360.0,
            quality: self.quality,
            format: self.offered_format(limits)?,
            background: None,
        };
        plan.check(limits).map(|()| plan)
    }

    fn resolve_size(
        &self,
        version: Version,
        region: [u32; 2],
        limits: &ServerLimits,
    ) -> Result<[u32; 2], Refusal> {
        let size = match self.size {
            Size::Max => self.within_format(limits.largest(region, self.upscale && limits.upscale)),
            Size::Within(0, _) | Size::Within(_, 0) => [0, 0],
            Size::Within(w, h) => {
                let [most_w, most_h] = limits.max_size.unwrap_or([u32::MAX; 2]);
                let fitting = fit(region, [w.min(most_w), h.min(most_h)], self.upscale);
                self.within_format(within_area(fitting, limits.max_area))
            }
            size => size.of(region),
        };
        self.check_size(version, size, region, limits)
            .map(|()| size)
    }

    /// A size that the server may choose, or the largest of the same aspect ratio that the format can hold.
    fn within_format(&self, size: [u32; 2]) -> [u32; 2] {
        fit(size, [self.format.max_side(); 2], false)
    }

    fn check_size(
        &self,
        version: Version,
        size: [u32; 2],
        region: [u32; 2],
        limits: &ServerLimits,
    ) -> Result<(), Refusal> {
        let [w, h] = size;
        let larger = w > region[0] || h > region[1];
        if w == 0 || h == 0 {
            return Err(Refusal::Invalid(format!(
                "size is `{}`, which is empty",
                self.size
            )));
        }
        // Whatever it is rounded to (3.0 §4.2).
        let is_over = matches!(self.size, Size::Percent(n) if n > 100.0);
        if (larger || is_over) && version == Version::V3 && !self.upscale {
            let what = format!(
                "size is {w} x {h}, the region is {} x {}",
                region[0], region[1]
            );
            return Err(Refusal::Invalid(format!(
                "{what}; `^` is needed to enlarge"
            )));
        }
        if larger && !limits.upscale {
            return Err(Refusal::Unsupported(
                "sizes larger than the region are not offered".into(),
            ));
        }
        if self.is_loose(region) && version == Version::V3 && limits.strict_within {
            return Err(Refusal::Invalid(format!(
                "size is `{}`, the region is smaller; `^` is needed to enlarge",
                self.size
            )));
        }
        match (limits.max_size, limits.max_area) {
            (Some([most_w, most_h]), _) if w > most_w || h > most_h => Err(Refusal::Invalid(
                format!("size is {w} x {h}, the limit is {most_w} x {most_h}"),
            )),
            (_, Some(area)) if pixels(size) > area => Err(Refusal::Invalid(format!(
                "size is {w} x {h}, the limit is {area} pixels"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether the size is a box, without `^`, that is larger than the region.
    fn is_loose(&self, region: [u32; 2]) -> bool {
        let Size::Within(w, h) = self.size else {
            return false;
        };
        !self.upscale && w > region[0] && h > region[1]
    }

    fn offered_format(&self, limits: &ServerLimits) -> Result<Format, Refusal> {
        if limits.formats.contains(&self.format) {
            return Ok(self.format);
        }
        let name = self.format.name();
        Err(Refusal::Unsupported(format!(
            "format {name} is not offered"
        )))
    }
}

impl ServerLimits {
    /// The largest answer, `[width, height]`, for a region of `[width, height]` pixels and of the same aspect ratio: what
    /// `max` means, or `^max` with `enlarge`.
    pub fn largest(&self, region: [u32; 2], enlarge: bool) -> [u32; 2] {
        let sided = match (self.max_size, self.max_area) {
            (Some(most), _) => fit(region, most, enlarge),
            (None, Some(area)) if enlarge && self.declares_area => with_area(region, area),
            _ => region,
        };
        within_area(sided, self.max_area)
    }
}

fn pixels([w, h]: [u32; 2]) -> u64 {
    u64::from(w) * u64::from(h)
}

/// A size, or the largest of the same aspect ratio that has no more pixels than allowed.
fn within_area(size: [u32; 2], area: Option<u64>) -> [u32; 2] {
    match area {
        Some(area) if pixels(size) > area => with_area(size, area),
        _ => size,
    }
}

/// `[width, height]` of the smallest upright rectangle, in whole pixels, that holds an image of `[width, height]` pixels
/// which is rotated by some degrees about its centre (2.1 §4.3, 3.0 §4.3).
///
/// ```
/// use recto_iiif::resolve::rotated_size;
///
/// assert_eq!(rotated_size([300, 200], 90.0), [200, 300]);
/// assert_eq!(rotated_size([100, 100], 45.0), [142, 142]);
/// ```
pub fn rotated_size([w, h]: [u32; 2], degrees: f64) -> [u32; 2] {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (w, h) = (f64::from(w), f64::from(h));
    // At 90 degrees the cosine is not 0 but 6e-17, which must not add a pixel.
    let side = |a: f64, b: f64| ((a.abs() + b.abs() - 1e-6).ceil() as u32).max(1);
    [side(w * cos, h * sin), side(w * sin, h * cos)]
}

/// The largest size of the same aspect ratio with at most this many pixels.
fn with_area([width, height]: [u32; 2], area: u64) -> [u32; 2] {
    let area = area.max(1);
    let wide = (area as f64 * f64::from(width) / f64::from(height)).sqrt();
    // A cast of a float stops at the integer's ends.
    let w = (wide as u32).clamp(1, u32::try_from(area).unwrap_or(u32::MAX));
    let most = u32::try_from(area / u64::from(w)).unwrap_or(u32::MAX);
    [w, scaled_side(w, width, height).min(most)]
}

impl Region {
    /// The region, `[x, y, width, height]`, in an image of `[width, height]` pixels, clipped to it.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] where the region is empty or lies outside the image (2.1 §4.1, 3.0 §4.1).
    pub fn resolve(&self, [width, height]: [u32; 2]) -> Result<[u32; 4], Refusal> {
        let [x, y, w, h] = match *self {
            Region::Full => [0, 0, width, height],
            Region::Square => {
                let side = width.min(height);
                [(width - side) / 2, (height - side) / 2, side, side]
            }
            Region::Pixels { x, y, w, h } => [x, y, w, h],
            Region::Percent { x, y, w, h } => [
                share(x, width),
                share(y, height),
                share(w, width),
                share(h, height),
            ],
        };
        if w == 0 || h == 0 {
            return Err(Refusal::Invalid(format!(
                "region is `{self}`, which is empty"
            )));
        }
        if x >= width || y >= height {
            return Err(Refusal::Invalid(format!(
                "region is `{self}`, outside {width} x {height}"
            )));
        }
        Ok([x, y, w.min(width - x), h.min(height - y)])
    }
}

/// A percentage in whole pixels; a cast of a float to an integer stops at the integer's ends.
fn share(percent: f64, whole: u32) -> u32 {
    (percent / 100.0 * f64::from(whole)).round() as u32
}

impl Size {
    /// `[width, height]` for a region, before limits; 0 where the request says 0.
    fn of(self, [width, height]: [u32; 2]) -> [u32; 2] {
        match self {
            Size::Full | Size::Max => [width, height],
            Size::Width(0) | Size::Height(0) | Size::Percent(0.0) => [0, 0],
            Size::Width(w) => [w, scaled_side(w, width, height)],
            Size::Height(h) => [scaled_side(h, height, width), h],
            Size::Percent(n) => [share(n, width).max(1), share(n, height).max(1)],
            Size::Exact(w, h) => [w, h],
            Size::Within(w, h) => fit([width, height], [w, h], false),
        }
    }
}

/// `other` scaled as `whole` is scaled to `side`, rounded half up.
pub(crate) fn scaled_side(side: u32, whole: u32, other: u32) -> u32 {
    let (side, whole, other) = (u64::from(side), u64::from(whole.max(1)), u64::from(other));
    u32::try_from((side * other + whole / 2) / whole)
        .unwrap_or(u32::MAX)
        .max(1)
}

/// The largest size of the same aspect ratio as `[width, height]` inside a box of `[w, h]` pixels. Without `enlarge` it is
/// never larger than the size itself.
///
/// ```
/// use recto_iiif::resolve::fit;
///
/// assert_eq!(fit([300, 200], [150, 150], false), [150, 100]);
/// assert_eq!(fit([300, 200], [600, 600], false), [300, 200]);
/// assert_eq!(fit([300, 200], [600, 600], true), [600, 400]);
/// ```
pub fn fit([width, height]: [u32; 2], [w, h]: [u32; 2], enlarge: bool) -> [u32; 2] {
    if !enlarge && width <= w && height <= h {
        return [width, height];
    }
    let wide = u64::from(width) * u64::from(h) >= u64::from(height) * u64::from(w);
    if wide {
        [w, scaled_side(w, width, height).min(h)]
    } else {
        [scaled_side(h, height, width).min(w), h]
    }
}
