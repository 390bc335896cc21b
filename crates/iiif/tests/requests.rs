//! Image requests as the specification writes them, parsed and printed.

use proptest::prelude::*;
use recto_iiif::{Format, ImageRequest, Quality, Refusal, Region, Rotation, Size, Version};

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
    let rotation =
        (any::<bool>(), 0.0..=360.0f64).prop_map(|(mirror, degrees)| Rotation { mirror, degrees });
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
