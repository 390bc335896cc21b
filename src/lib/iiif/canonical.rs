//! The one spelling of a request among many (2.1 §4.7, 3.0 §4.7).

use super::resolve::{Limits, Plan, in_proportion};
use super::{Region, Size, Version};

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
        let most = limits.largest(region, !caret.is_empty());
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
    use super::super::resolve::tests::resolve;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_request_share_their_canonical_form() {
        use Version::{V2, V3};
        let none = Limits::default();
        let small = Limits {
            most: Some([150, 150]),
            ..none
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
            area in prop_oneof![Just(None), (1..90_000_000u64).prop_map(Some)],
            turn in 0..4u16,
        ) {
            let limits = Limits { most, area, ..Limits::default() };
            for version in [Version::V2, Version::V3] {
                let text = format!("{region}/{size}/{}/default.jpg", turn * 90);
                let Ok(plan) = resolve(version, &text, image, &limits) else { continue };
                let [x, y, w, h] = plan.region;
                prop_assert!(w > 0 && h > 0 && x + w <= image[0] && y + h <= image[1]);
                prop_assert!(plan.size[0] > 0 && plan.size[0] <= w && plan.size[1] > 0 && plan.size[1] <= h);
                prop_assert!(most.is_none_or(|m| plan.size[0] <= m[0] && plan.size[1] <= m[1]));
                prop_assert!(area.is_none_or(|area| u64::from(plan.size[0]) * u64::from(plan.size[1]) <= area));
                let canonical = plan.canonical(version, image, &limits);
                prop_assert_eq!(resolve(version, &canonical, image, &limits).unwrap(), plan, "{}", canonical);
            }
        }
    }
}
