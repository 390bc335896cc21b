//! Requests against the size of an image: words become numbers (2.1 §4 and §4.7, 3.0 §4 and §4.7), or a refusal.
//!
//! Sides that follow from the other are rounded to the nearest pixel and never fall below 1.

use super::{Format, ImageRequest, Quality, Refusal, Region, Size, Version};

/// What a server is willing to answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The widest and highest answer in pixels; none: as large as the region.
    pub most: Option<[u32; 2]>,
    /// The most pixels an answer has; none: any number.
    pub area: Option<u64>,
    /// Whether info.json tells of `area`. `^max` enlarges to limits that are told (3.0 §4.2) and no further.
    pub area_told: bool,
    /// Whether answers may be larger than their region.
    pub upscale: bool,
    /// Refuses `!w,h` where the box is larger than the region and `^` is missing. The specification answers at
    /// the region's size (3.0 §4.2); its official validator wants an error.
    pub strict_within: bool,
}

/// A request in numbers: nothing in it can fail any more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// `[x, y, width, height]` in pixels of the full image, inside it and not empty.
    pub region: [u32; 4],
    /// `[width, height]` of the answer before it is turned, not empty.
    pub size: [u32; 2],
    /// Left and right change places, before the turn.
    pub mirror: bool,
    /// Degrees clockwise, from 0 up to but not 360.
    pub turn: f64,
    /// Colours of the answer.
    pub quality: Quality,
    /// File format of the answer.
    pub format: Format,
    /// What the answer is laid on. No request says so, presets of servers do.
    pub mat: Option<Mat>,
}

/// A surface around a picture, which lies in its middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mat {
    /// `[width, height]` in pixels, nowhere below those of the picture.
    pub size: [u32; 2],
    /// RGB.
    pub colour: [u8; 3],
}

impl Plan {
    /// `[width, height]` of the answer, turned.
    pub fn turned(&self) -> [u32; 2] {
        turned_size(self.size, self.turn)
    }

    /// Whether it wants a JPEG neither turned nor put into other colours, of a picture that is grey or is not.
    pub fn is_as_it_lies(&self, is_grey: bool) -> bool {
        let keeps_colours = match self.quality {
            Quality::Default => true,
            Quality::Color => !is_grey,
            Quality::Gray | Quality::Bitonal => false,
        };
        let is_upright = self.turn == 0.0 && !self.mirror && self.mat.is_none();
        self.format == Format::Jpg && keeps_colours && is_upright
    }

    /// Whether it wants all of such a picture of `[width, height]` pixels in its own size.
    pub fn is_all_of(&self, [w, h]: [u32; 2], is_grey: bool) -> bool {
        self.is_as_it_lies(is_grey) && self.region == [0, 0, w, h] && self.size == [w, h]
    }

    /// Whether each pixel of the answer stands for four of the image or more.
    pub fn is_reduced(&self) -> bool {
        let [_, _, w, h] = self.region;
        2 * u64::from(self.size[0]) <= w.into() && 2 * u64::from(self.size[1]) <= h.into()
    }

    /// Whether the answer can be made: no plain request becomes a huge one by being turned or enlarged.
    fn judge(&self, limits: &Limits) -> Result<(), Refusal> {
        let [w, h] = self.turned();
        let [_, _, region_w, region_h] = self.region;
        let most = self.format.longest();
        if w.max(h) > most {
            let name = self.format.name();
            return Err(Refusal::Invalid(format!(
                "size is {w} x {h} in the end, {name} holds {most} pixels a side"
            )));
        }
        if w.max(h) > LONGEST.max(region_w.max(region_h).saturating_mul(2)) {
            return Err(Refusal::Invalid(format!(
                "size is {w} x {h} in the end, the limit is {LONGEST} pixels a side"
            )));
        }
        // Limits are of the picture before it is turned, and what holds a turned square has twice its pixels. What holds a
        // turned strip, though, is a square as long as half the strip and more.
        let [width, height] = self.size.map(u64::from);
        let usual = 2 * (width * height + width + height) + 4;
        match limits.area {
            Some(area) if pixels([w, h]) > area.max(usual) => Err(Refusal::Invalid(format!(
                "size is {w} x {h} when it is turned, the limit is {area} pixels"
            ))),
            _ => Ok(()),
        }
    }
}

/// The longest side of an answer that has more pixels than what it is made of.
const LONGEST: u32 = 65_535;

impl ImageRequest {
    /// Resolves against an image of `[width, height]` pixels.
    pub fn resolve(
        &self,
        version: Version,
        image: [u32; 2],
        limits: &Limits,
    ) -> Result<Plan, Refusal> {
        let region = self.region.resolve(image)?;
        let turn = self.rotation.degrees % 360.0;
        let size = self.resolve_size(version, [region[2], region[3]], limits)?;
        let plan = Plan {
            region,
            size,
            mirror: self.rotation.mirror,
            turn,
            quality: self.quality,
            format: self.offered_format()?,
            mat: None,
        };
        plan.judge(limits).map(|()| plan)
    }

    fn resolve_size(
        &self,
        version: Version,
        region: [u32; 2],
        limits: &Limits,
    ) -> Result<[u32; 2], Refusal> {
        let size = match self.size {
            Size::Max => self.held(limits.largest(region, self.upscale && limits.upscale)),
            Size::Within(0, _) | Size::Within(_, 0) => [0, 0],
            Size::Within(w, h) => {
                let [most_w, most_h] = limits.most.unwrap_or([u32::MAX; 2]);
                let fitting = fit(region, [w.min(most_w), h.min(most_h)], self.upscale);
                self.held(within_area(fitting, limits.area))
            }
            size => size.of(region),
        };
        self.judge(version, size, region, limits).map(|()| size)
    }

    /// A size that is ours to choose, or the largest of the same proportions that the format holds.
    fn held(&self, size: [u32; 2]) -> [u32; 2] {
        fit(size, [self.format.longest(); 2], false)
    }

    fn judge(
        &self,
        version: Version,
        size: [u32; 2],
        region: [u32; 2],
        limits: &Limits,
    ) -> Result<(), Refusal> {
        let [w, h] = size;
        let larger = w > region[0] || h > region[1];
        if w == 0 || h == 0 {
            return Err(Refusal::Invalid(format!(
                "size is `{}`, which is no pixel",
                self.size
            )));
        }
        if larger && version == Version::V3 && !self.upscale {
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
        match (limits.most, limits.area) {
            (Some([most_w, most_h]), _) if w > most_w || h > most_h => Err(Refusal::Invalid(
                format!("size is {w} x {h}, the limit is {most_w} x {most_h}"),
            )),
            (_, Some(area)) if pixels(size) > area => Err(Refusal::Invalid(format!(
                "size is {w} x {h}, the limit is {area} pixels"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether a box is asked for that the region does not fill.
    fn is_loose(&self, region: [u32; 2]) -> bool {
        let Size::Within(w, h) = self.size else {
            return false;
        };
        !self.upscale && w > region[0] && h > region[1]
    }

    fn offered_format(&self) -> Result<Format, Refusal> {
        if Format::OFFERED.contains(&self.format) {
            return Ok(self.format);
        }
        let name = self.format.name();
        Err(Refusal::Unsupported(format!(
            "format {name} is not offered"
        )))
    }
}

impl Limits {
    /// The largest answer for a region, in its proportions.
    pub fn largest(&self, region: [u32; 2], enlarge: bool) -> [u32; 2] {
        let sided = match (self.most, self.area) {
            (Some(most), _) => fit(region, most, enlarge),
            (None, Some(area)) if enlarge && self.area_told => enlarged(region, area),
            _ => region,
        };
        within_area(sided, self.area)
    }
}

fn pixels([w, h]: [u32; 2]) -> u64 {
    u64::from(w) * u64::from(h)
}

/// A size, or the largest of the same proportions that has no more pixels than allowed.
fn within_area(size: [u32; 2], area: Option<u64>) -> [u32; 2] {
    match area {
        Some(area) if pixels(size) > area => enlarged(size, area),
        _ => size,
    }
}

/// The size of what holds a picture that is turned.
pub fn turned_size([w, h]: [u32; 2], degrees: f64) -> [u32; 2] {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (w, h) = (f64::from(w), f64::from(h));
    // Quarters leave a trace of the other side, 1e-16 of it.
    let side = |a: f64, b: f64| ((a.abs() + b.abs() - 1e-6).ceil() as u32).max(1);
    [side(w * cos, h * sin), side(w * sin, h * cos)]
}

/// The largest size of the same proportions with at most this many pixels.
fn enlarged([width, height]: [u32; 2], area: u64) -> [u32; 2] {
    let area = area.max(1);
    let wide = (area as f64 * f64::from(width) / f64::from(height)).sqrt();
    // A cast of a float stops at the integer's ends.
    let w = (wide as u32).clamp(1, u32::try_from(area).unwrap_or(u32::MAX));
    let most = u32::try_from(area / u64::from(w)).unwrap_or(u32::MAX);
    [w, in_proportion(w, width, height).min(most)]
}

impl Region {
    /// The part of an image of `[width, height]` pixels that is meant, clipped to it.
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
                "region is `{self}`, which is no pixel"
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

/// Rounded hundredths; a cast of a float to an integer stops at the integer's ends.
fn share(percent: f64, whole: u32) -> u32 {
    (percent / 100.0 * f64::from(whole)).round() as u32
}

impl Size {
    /// `[width, height]` for a region, before limits; 0 where the request says 0.
    fn of(self, [width, height]: [u32; 2]) -> [u32; 2] {
        match self {
            Size::Full | Size::Max => [width, height],
            Size::Width(0) | Size::Height(0) | Size::Percent(0.0) => [0, 0],
            Size::Width(w) => [w, in_proportion(w, width, height)],
            Size::Height(h) => [in_proportion(h, height, width), h],
            Size::Percent(n) => [share(n, width).max(1), share(n, height).max(1)],
            Size::Exact(w, h) => [w, h],
            Size::Within(w, h) => fit([width, height], [w, h], false),
        }
    }
}

/// The side that belongs to `side` as `other` belongs to `whole`, rounded half up.
pub(super) fn in_proportion(side: u32, whole: u32, other: u32) -> u32 {
    let (side, whole, other) = (u64::from(side), u64::from(whole), u64::from(other));
    u32::try_from((side * other + whole / 2) / whole)
        .unwrap_or(u32::MAX)
        .max(1)
}

/// The largest size of the same proportions inside a box; only `enlarge` exceeds the size itself.
pub fn fit([width, height]: [u32; 2], [w, h]: [u32; 2], enlarge: bool) -> [u32; 2] {
    if !enlarge && width <= w && height <= h {
        return [width, height];
    }
    let wide = u64::from(width) * u64::from(h) >= u64::from(height) * u64::from(w);
    if wide {
        [w, in_proportion(w, width, height).min(h)]
    } else {
        [in_proportion(h, height, width).min(w), h]
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn resolve(
        version: Version,
        text: &str,
        image: [u32; 2],
        limits: &Limits,
    ) -> Result<Plan, Refusal> {
        let segments: Vec<&str> = text.split('/').collect();
        ImageRequest::parse(version, segments.try_into().unwrap())?.resolve(version, image, limits)
    }

    #[test]
    fn no_request_becomes_a_huge_one_by_being_turned_or_enlarged() {
        let limits = Limits {
            area: Some(1_000_000),
            upscale: true,
            ..Limits::default()
        };
        let cases = [
            ("full/^10000,100/0/default.png", None),
            ("full/^10000,100/90/default.png", None),
            ("full/^10000,100/45/default.png", Some("when it is turned")),
            ("full/^100000,10/0/default.png", Some("65535 pixels a side")),
            ("full/^65536,1/0/default.jpg", Some("jpg holds 65535")),
            ("full/^20000,5/0/default.webp", Some("webp holds 16384")),
            (
                "full/^4000000000,1/45/default.png",
                Some("limit is 1000000 pixels"),
            ),
        ];
        for (text, wanted) in cases {
            let found = resolve(Version::V3, text, [300, 200], &limits);
            match (found, wanted) {
                (Ok(_), None) => {}
                (Err(Refusal::Invalid(why)), Some(says)) => assert!(why.contains(says), "{why}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
        // Not all that is turned is huge, and what the server may choose it chooses.
        for text in ["full/max/45/default.png", "full/1000,1000/30/default.png"] {
            let plan = resolve(Version::V3, text, [1000, 1000], &limits).unwrap();
            assert_eq!(plan.size, [1000, 1000], "{text}");
        }
        for (text, size) in [
            ("full/max/0/default.webp", [16_384, 5]),
            ("full/!20000,20000/0/default.webp", [16_384, 5]),
        ] {
            let plan = resolve(Version::V3, text, [32_768, 10], &limits).unwrap();
            assert_eq!(plan.size, size, "{text}");
        }
        let vast = resolve(Version::V3, "full/max/0/default.tif", [90_000, 11], &limits).unwrap();
        assert_eq!(vast.size, [90_000, 11]);
    }

    /// The examples of 3.0 §4.1 and §4.2, on the 300 x 200 picture used there.
    #[test]
    fn the_examples_of_the_specification_come_out_as_it_says() {
        use Version::{V2, V3};
        let up = Limits {
            most: Some([360, 360]),
            upscale: true,
            ..Limits::default()
        };
        let area = Limits {
            area: Some(15_000),
            area_told: true,
            upscale: true,
            ..Limits::default()
        };
        let untold = Limits {
            area_told: false,
            ..area
        };
        let none = Limits::default();
        let cases = [
            (
                V3,
                "full/max/0/default.jpg",
                none,
                [0, 0, 300, 200],
                [300, 200],
            ),
            (
                V3,
                "square/max/0/default.jpg",
                none,
                [50, 0, 200, 200],
                [200, 200],
            ),
            (
                V3,
                "125,15,120,140/max/0/default.jpg",
                none,
                [125, 15, 120, 140],
                [120, 140],
            ),
            (
                V3,
                "pct:41.6,7.5,40,70/max/0/default.jpg",
                none,
                [125, 15, 120, 140],
                [120, 140],
            ),
            (
                V3,
                "125,15,200,200/max/0/default.jpg",
                none,
                [125, 15, 175, 185],
                [175, 185],
            ),
            (
                V3,
                "pct:41.6,7.5,66.6,100/max/0/default.jpg",
                none,
                [125, 15, 175, 185],
                [175, 185],
            ),
            (
                V3,
                "full/^max/0/default.jpg",
                up,
                [0, 0, 300, 200],
                [360, 240],
            ),
            (
                V3,
                "full/150,/0/default.jpg",
                none,
                [0, 0, 300, 200],
                [150, 100],
            ),
            (
                V3,
                "full/^360,/0/default.jpg",
                up,
                [0, 0, 300, 200],
                [360, 240],
            ),
            (
                V3,
                "full/,150/0/default.jpg",
                none,
                [0, 0, 300, 200],
                [225, 150],
            ),
            (
                V3,
                "full/^,240/0/default.jpg",
                up,
                [0, 0, 300, 200],
                [360, 240],
            ),
            (
                V3,
                "full/pct:50/0/default.jpg",
                none,
                [0, 0, 300, 200],
                [150, 100],
            ),
            (
                V3,
                "full/^pct:120/0/default.jpg",
                up,
                [0, 0, 300, 200],
                [360, 240],
            ),
            (
                V3,
                "full/225,100/0/default.jpg",
                none,
                [0, 0, 300, 200],
                [225, 100],
            ),
            (
                V3,
                "full/^360,360/0/default.jpg",
                up,
                [0, 0, 300, 200],
                [360, 360],
            ),
            (
                V3,
                "full/!225,100/0/default.jpg",
                none,
                [0, 0, 300, 200],
                [150, 100],
            ),
            (
                V3,
                "full/^!360,360/0/default.jpg",
                up,
                [0, 0, 300, 200],
                [360, 240],
            ),
            (
                V3,
                "full/!1000,1000/0/default.jpg",
                none,
                [0, 0, 300, 200],
                [300, 200],
            ),
            (V3, "full/1,/0/default.jpg", none, [0, 0, 300, 200], [1, 1]),
            // sqrt(15000 * 3 / 2) = 150
            (
                V3,
                "full/max/0/default.jpg",
                area,
                [0, 0, 300, 200],
                [150, 100],
            ),
            (
                V3,
                "full/!400,400/0/default.jpg",
                area,
                [0, 0, 300, 200],
                [150, 100],
            ),
            (
                V3,
                "0,0,30,20/^max/0/default.jpg",
                area,
                [0, 0, 30, 20],
                [150, 100],
            ),
            (
                V3,
                "0,0,30,20/^max/0/default.jpg",
                untold,
                [0, 0, 30, 20],
                [30, 20],
            ),
            (
                V2,
                "full/full/0/default.jpg",
                none,
                [0, 0, 300, 200],
                [300, 200],
            ),
            (
                V2,
                "full/max/0/default.jpg",
                Limits {
                    most: Some([100, 100]),
                    ..none
                },
                [0, 0, 300, 200],
                [100, 67],
            ),
            (
                V3,
                "full/!250,250/0/default.jpg",
                Limits {
                    most: Some([100, 100]),
                    ..none
                },
                [0, 0, 300, 200],
                [100, 67],
            ),
        ];
        for (version, text, limits, region, size) in cases {
            let plan = resolve(version, text, [300, 200], &limits)
                .unwrap_or_else(|e| panic!("{text}: {e:?}"));
            assert_eq!((plan.region, plan.size), (region, size), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_answered_is_refused_with_the_right_blame() {
        use Version::{V2, V3};
        let none = Limits::default();
        let small = Limits {
            most: Some([100, 100]),
            upscale: true,
            ..none
        };
        let area = Limits {
            area: Some(10_000),
            ..none
        };
        let strict = Limits {
            strict_within: true,
            ..none
        };
        let cases = [
            (
                V3,
                "300,0,10,10/max/0/default.jpg",
                none,
                400,
                "outside 300 x 200",
            ),
            (
                V3,
                "0,200,10,10/max/0/default.jpg",
                none,
                400,
                "outside 300 x 200",
            ),
            (V3, "0,0,0,10/max/0/default.jpg", none, 400, "no pixel"),
            (V3, "pct:0,0,0,100/max/0/default.jpg", none, 400, "no pixel"),
            (V3, "pct:100,0,1,1/max/0/default.jpg", none, 400, "outside"),
            (V3, "full/0,/0/default.jpg", none, 400, "no pixel"),
            (V3, "full/,0/0/default.jpg", none, 400, "no pixel"),
            (V3, "full/0,10/0/default.jpg", none, 400, "no pixel"),
            (V3, "full/!0,10/0/default.jpg", none, 400, "no pixel"),
            (V3, "full/pct:0/0/default.jpg", none, 400, "no pixel"),
            (V3, "full/301,/0/default.jpg", none, 400, "`^` is needed"),
            (V3, "full/pct:101/0/default.jpg", none, 400, "`^` is needed"),
            (
                V3,
                "full/^301,/0/default.jpg",
                none,
                501,
                "larger than the region",
            ),
            (
                V2,
                "full/301,/0/default.jpg",
                none,
                501,
                "larger than the region",
            ),
            (
                V2,
                "full/full/0/default.jpg",
                small,
                400,
                "the limit is 100 x 100",
            ),
            (
                V3,
                "full/150,/0/default.jpg",
                small,
                400,
                "the limit is 100 x 100",
            ),
            (V3, "full/max/0/default.jp2", none, 501, "jp2"),
            (
                V3,
                "full/200,/0/default.jpg",
                area,
                400,
                "the limit is 10000 pixels",
            ),
            (
                V3,
                "full/!301,201/0/default.jpg",
                strict,
                400,
                "`^` is needed",
            ),
        ];
        for (version, text, limits, status, says) in cases {
            let (found, message) = match resolve(version, text, [300, 200], &limits) {
                Err(Refusal::Invalid(message)) => (400, message),
                Err(Refusal::Unsupported(message)) => (501, message),
                Ok(plan) => panic!("{text}: {plan:?}"),
            };
            assert_eq!(found, status, "{text}: {message}");
            assert!(message.contains(says), "{text}: {message}");
        }
    }
}
