//! Requests against the size of an image: words become numbers (2.1 §4 and §4.7, 3.0 §4 and §4.7), or a refusal.
//!
//! Sides that follow from the other are rounded to the nearest pixel and never fall below 1.

use super::{Format, ImageRequest, Quality, Refusal, Region, Size, Version};

/// What a server is willing to answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The widest and highest answer in pixels; none: as large as the region.
    pub most: Option<[u32; 2]>,
    /// Whether answers may be larger than their region.
    pub upscale: bool,
}

/// A request in numbers: nothing in it can fail any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// `[x, y, width, height]` in pixels of the full image, inside it and not empty.
    pub region: [u32; 4],
    /// `[width, height]` of the answer before it is turned, not empty.
    pub size: [u32; 2],
    /// Left and right change places, before the turn.
    pub mirror: bool,
    /// Degrees clockwise: 0, 90, 180 or 270.
    pub turn: u16,
    /// Colours of the answer.
    pub quality: Quality,
    /// File format of the answer.
    pub format: Format,
}

impl ImageRequest {
    /// Resolves against an image of `[width, height]` pixels.
    pub fn resolve(
        &self,
        version: Version,
        image: [u32; 2],
        limits: &Limits,
    ) -> Result<Plan, Refusal> {
        let region = self.region.resolve(image)?;
        let size = self.resolve_size(version, [region[2], region[3]], limits)?;
        Ok(Plan {
            region,
            size,
            mirror: self.rotation.mirror,
            turn: self.turn()?,
            quality: self.offered_quality()?,
            format: self.offered_format()?,
        })
    }

    fn resolve_size(
        &self,
        version: Version,
        region: [u32; 2],
        limits: &Limits,
    ) -> Result<[u32; 2], Refusal> {
        let size = match (self.size, limits.most) {
            (Size::Max, Some(most)) => fit(region, most, self.upscale && limits.upscale),
            (Size::Within(0, _) | Size::Within(_, 0), _) => [0, 0],
            (Size::Within(w, h), most) => {
                let most = most.unwrap_or([u32::MAX; 2]);
                fit(region, [w.min(most[0]), h.min(most[1])], self.upscale)
            }
            (size, _) => size.of(region),
        };
        self.judge(version, size, region, limits).map(|()| size)
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
        match limits.most {
            Some([most_w, most_h]) if w > most_w || h > most_h => Err(Refusal::Invalid(format!(
                "size is {w} x {h}, the limit is {most_w} x {most_h}"
            ))),
            _ => Ok(()),
        }
    }

    fn turn(&self) -> Result<u16, Refusal> {
        let turn = self.rotation.degrees % 360.0;
        let turns = [0_u16, 90, 180, 270].into_iter();
        turns
            .into_iter()
            .find(|t| f64::from(*t) == turn)
            .ok_or_else(|| {
                Refusal::Unsupported(
                    "rotations other than by 0, 90, 180 and 270 are not offered".into(),
                )
            })
    }

    fn offered_quality(&self) -> Result<Quality, Refusal> {
        match self.quality {
            Quality::Bitonal => Err(Refusal::Unsupported(
                "quality bitonal is not offered".into(),
            )),
            offered => Ok(offered),
        }
    }

    fn offered_format(&self) -> Result<Format, Refusal> {
        match self.format {
            Format::Jpg | Format::Png => Ok(self.format),
            other => Err(Refusal::Unsupported(format!(
                "format {} is not offered",
                other.name()
            ))),
        }
    }
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
fn in_proportion(side: u32, whole: u32, other: u32) -> u32 {
    let (side, whole, other) = (u64::from(side), u64::from(whole), u64::from(other));
    u32::try_from((side * other + whole / 2) / whole)
        .unwrap_or(u32::MAX)
        .max(1)
}

/// The largest size of the same proportions inside a box; only `enlarge` exceeds the size itself.
fn fit([width, height]: [u32; 2], [w, h]: [u32; 2], enlarge: bool) -> [u32; 2] {
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

impl Plan {
    /// The canonical spelling (2.1 §4.7, 3.0 §4.7): `region/size/rotation/quality.format`.
    pub fn canonical(&self, version: Version, image: [u32; 2], limits: &Limits) -> String {
        let [x, y, w, h] = self.region;
        let region = match self.region == [0, 0, image[0], image[1]] {
            true => Region::Full,
            false => Region::Pixels { x, y, w, h },
        };
        let size = match version {
            Version::V2 => self.canonical_size_2(),
            Version::V3 => self.canonical_size_3(limits),
        };
        let mirror = if self.mirror { "!" } else { "" };
        let (quality, format) = (self.quality.name(), self.format.name());
        format!("{region}/{size}/{mirror}{}/{quality}.{format}", self.turn)
    }

    fn canonical_size_2(&self) -> String {
        let [_, _, width, height] = self.region;
        let [w, h] = self.size;
        match () {
            () if [w, h] == [width, height] => Size::Full.to_string(),
            () if h == in_proportion(w, width, height) => Size::Width(w).to_string(),
            () => Size::Exact(w, h).to_string(),
        }
    }

    fn canonical_size_3(&self, limits: &Limits) -> String {
        let region = [self.region[2], self.region[3]];
        let [w, h] = self.size;
        let caret = if w > region[0] || h > region[1] {
            "^"
        } else {
            ""
        };
        let most = limits
            .most
            .map_or(region, |most| fit(region, most, !caret.is_empty()));
        let size = if [w, h] == most {
            Size::Max
        } else {
            Size::Exact(w, h)
        };
        format!("{caret}{size}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn resolve(
        version: Version,
        text: &str,
        image: [u32; 2],
        limits: &Limits,
    ) -> Result<Plan, Refusal> {
        let segments: Vec<&str> = text.split('/').collect();
        ImageRequest::parse(version, segments.try_into().unwrap())?.resolve(version, image, limits)
    }

    /// The examples of 3.0 §4.1 and §4.2, on the 300 x 200 picture used there.
    #[test]
    fn the_examples_of_the_specification_come_out_as_it_says() {
        use Version::{V2, V3};
        let up = Limits {
            most: Some([360, 360]),
            upscale: true,
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
                    upscale: false,
                },
                [0, 0, 300, 200],
                [100, 67],
            ),
            (
                V3,
                "full/!250,250/0/default.jpg",
                Limits {
                    most: Some([100, 100]),
                    upscale: false,
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
            (V3, "full/max/45/default.jpg", none, 501, "rotations"),
            (V3, "full/max/0/bitonal.jpg", none, 501, "bitonal"),
            (V3, "full/max/0/default.webp", none, 501, "webp"),
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

    #[test]
    fn spellings_of_one_request_share_their_canonical_form() {
        use Version::{V2, V3};
        let none = Limits::default();
        let small = Limits {
            most: Some([150, 150]),
            upscale: false,
        };
        let cases = [
            (
                V2,
                "0,0,300,200/pct:100/360/default.jpg",
                none,
                "full/full/0/default.jpg",
            ),
            (
                V2,
                "full/,100/0.0/default.jpg",
                none,
                "full/150,/0/default.jpg",
            ),
            (
                V2,
                "pct:0,0,50,50/!75,75/!90/gray.png",
                none,
                "0,0,150,100/75,/!90/gray.png",
            ),
            (
                V2,
                "full/225,100/0/default.jpg",
                none,
                "full/225,100/0/default.jpg",
            ),
            (
                V3,
                "pct:0,0,100,100/300,/0/default.jpg",
                none,
                "full/max/0/default.jpg",
            ),
            (
                V3,
                "full/150,/0/default.jpg",
                none,
                "full/150,100/0/default.jpg",
            ),
            (
                V3,
                "full/150,/0/default.jpg",
                small,
                "full/max/0/default.jpg",
            ),
            (
                V3,
                "250,150,100,100/max/0/default.jpg",
                none,
                "250,150,50,50/max/0/default.jpg",
            ),
        ];
        for (version, text, limits, canonical) in cases {
            let plan = resolve(version, text, [300, 200], &limits).unwrap();
            assert_eq!(
                plan.canonical(version, [300, 200], &limits),
                canonical,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn plans_stay_inside_image_and_limits_and_their_canonical_form_is_the_same_plan(
            image in [1..9000u32, 1..9000u32],
            region in prop_oneof![Just("full".to_owned()), Just("square".to_owned()),
                [0..9000u32, 0..9000u32, 1..9000u32, 1..9000u32].prop_map(|r| r.map(|n| n.to_string()).join(",")),
                [0.0..100.0f64, 0.0..100.0, 0.0..100.0, 0.0..100.0].prop_map(|r| format!("pct:{}", r.map(|n| n.to_string()).join(",")))],
            size in prop_oneof![Just("max".to_owned()), (1..9000u32).prop_map(|w| format!("{w},")),
                (1..9000u32).prop_map(|h| format!(",{h}")), (0.0..100.0f64).prop_map(|n| format!("pct:{n}")),
                [1..9000u32, 1..9000u32].prop_map(|[w, h]| format!("{w},{h}")),
                [1..9000u32, 1..9000u32].prop_map(|[w, h]| format!("!{w},{h}"))],
            most in prop_oneof![Just(None), [1..9000u32, 1..9000u32].prop_map(Some)],
            turn in 0..4u16,
        ) {
            let limits = Limits { most, upscale: false };
            for version in [Version::V2, Version::V3] {
                let text = format!("{region}/{size}/{}/default.jpg", turn * 90);
                let Ok(plan) = resolve(version, &text, image, &limits) else { continue };
                let [x, y, w, h] = plan.region;
                prop_assert!(w > 0 && h > 0 && x + w <= image[0] && y + h <= image[1]);
                prop_assert!(plan.size[0] > 0 && plan.size[0] <= w && plan.size[1] > 0 && plan.size[1] <= h);
                prop_assert!(most.is_none_or(|m| plan.size[0] <= m[0] && plan.size[1] <= m[1]));
                let canonical = plan.canonical(version, image, &limits);
                prop_assert_eq!(resolve(version, &canonical, image, &limits).unwrap(), plan, "{}", canonical);
            }
        }
    }
}
