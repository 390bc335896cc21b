//! Requests resolved against the size of an image, and their canonical form.

use proptest::prelude::*;
use recto_iiif::resolve::{RenderPlan, ServerLimits};
use recto_iiif::{Format, ImageRequest, Refusal, Version};

fn resolve(
    version: Version,
    text: &str,
    image: [u32; 2],
    limits: &ServerLimits,
) -> Result<RenderPlan, Refusal> {
    let segments: Vec<&str> = text.split('/').collect();
    ImageRequest::parse(version, segments.try_into().unwrap())?.resolve(version, image, limits)
}

#[test]
fn no_request_becomes_a_huge_one_by_being_rotated_or_enlarged() {
    let limits = ServerLimits {
        max_area: Some(1_000_000),
        upscale: true,
        ..ServerLimits::default()
    };
    let cases = [
        ("full/^10000,100/0/default.png", None),
        ("full/^10000,100/90/default.png", None),
        ("full/^10000,100/45/default.png", Some("after rotation")),
        ("full/^100000,10/0/default.png", Some("65535 pixels a side")),
        ("full/^65536,1/0/default.jpg", Some("jpg has at most 65535")),
        (
            "full/^20000,5/0/default.webp",
            Some("webp has at most 16384"),
        ),
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
    // Not all that is rotated is huge, and a size that the server may choose is made to fit.
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
    let up = ServerLimits {
        max_size: Some([360, 360]),
        upscale: true,
        ..ServerLimits::default()
    };
    let area = ServerLimits {
        max_area: Some(15_000),
        declares_area: true,
        upscale: true,
        ..ServerLimits::default()
    };
    let undeclared = ServerLimits {
        declares_area: false,
        ..area
    };
    let none = ServerLimits::default();
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
            undeclared,
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
            ServerLimits {
                max_size: Some([100, 100]),
                ..none
            },
            [0, 0, 300, 200],
            [100, 67],
        ),
        (
            V3,
            "full/!250,250/0/default.jpg",
            ServerLimits {
                max_size: Some([100, 100]),
                ..none
            },
            [0, 0, 300, 200],
            [100, 67],
        ),
    ];
    for (version, text, limits, region, size) in cases {
        let plan =
            resolve(version, text, [300, 200], &limits).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        assert_eq!((plan.region, plan.size), (region, size), "{text}");
    }
}

#[test]
fn what_cannot_be_answered_is_refused_with_the_right_status() {
    use Version::{V2, V3};
    let none = ServerLimits::default();
    let small = ServerLimits {
        max_size: Some([100, 100]),
        upscale: true,
        ..none
    };
    let area = ServerLimits {
        max_area: Some(10_000),
        ..none
    };
    let no_jp2 = ServerLimits {
        formats: &[Format::Jpg],
        ..none
    };
    let strict = ServerLimits {
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
        (V3, "0,0,0,10/max/0/default.jpg", none, 400, "empty"),
        (V3, "pct:0,0,0,100/max/0/default.jpg", none, 400, "empty"),
        (V3, "pct:100,0,1,1/max/0/default.jpg", none, 400, "outside"),
        (V3, "full/0,/0/default.jpg", none, 400, "empty"),
        (V3, "full/,0/0/default.jpg", none, 400, "empty"),
        (V3, "full/0,10/0/default.jpg", none, 400, "empty"),
        (V3, "full/!0,10/0/default.jpg", none, 400, "empty"),
        (V3, "full/pct:0/0/default.jpg", none, 400, "empty"),
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
        (V3, "full/max/0/default.jp2", no_jp2, 501, "jp2"),
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

#[test]
fn spellings_of_one_request_share_their_canonical_form() {
    use Version::{V2, V3};
    let none = ServerLimits::default();
    let small = ServerLimits {
        max_size: Some([150, 150]),
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
        let limits = ServerLimits { max_size: most, max_area: area, ..ServerLimits::default() };
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
