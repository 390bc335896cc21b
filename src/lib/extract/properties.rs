//! What must hold of `extract` whatever digests say.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::extracted::{ExtractRules, Extracted};
use super::finished::FinishedImages;
use super::image_store::ImageStore;
use super::{Outside, merge};
use crate::contracts::*;

fn fragment() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        (-20i32..1200).prop_map(|n| n.to_string()),
        (-20.0..1200.0).prop_map(|n: f64| n.to_string()),
        Just("x".to_owned()),
        Just(String::new()),
    ];
    let prefix = prop_oneof![Just(""), Just("pixel:"), Just("percent:"), Just("inch:")];
    (prefix, vec(number, 3..5)).prop_map(|(p, n)| format!("xywh={p}{}", n.join(",")))
}

fn svg() -> impl Strategy<Value = String> {
    let points = vec((-50i32..1100, -50i32..1100), 1..7);
    let words = |points: Vec<(i32, i32)>| {
        let words: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
        words.join(" ")
    };
    prop_oneof![
        points.prop_map(move |p| format!("<svg><polygon points='{}'/></svg>", words(p))),
        (0i32..900, -50i32..300).prop_map(|(c, r)| format!(
            "<circle cx='{c}' cy='{c}' r='{r}' transform='scale(1.5)'/>"
        )),
        Just("<svg".to_owned()),
    ]
}

fn region() -> impl Strategy<Value = Region> {
    let space = prop_oneof![3 => Just(Space::Canvas), 1 => Just(Space::Image)];
    (
        space,
        proptest::option::of(fragment()),
        proptest::option::of(svg()),
    )
        .prop_map(|(frame, fragment, svg)| Region {
            frame,
            fragment,
            svg,
            point: None,
        })
}

fn annotation() -> impl Strategy<Value = Annotation> {
    let motivation = prop_oneof![Just(vec![]), Just(vec!["tagging".to_owned()])];
    (0..6u8, motivation, vec(region(), 0..4)).prop_map(|(id, motivation, regions)| Annotation {
        id: format!("a{id}"),
        motivation,
        bodies: vec![Body {
            value: "alef".into(),
            ..Body::default()
        }],
        regions,
        ..Annotation::default()
    })
}

fn bbox() -> impl Strategy<Value = BBox> {
    (0..500u16, 0..500u16, 1..700u16, 1..700u16).prop_map(|(x, y, width, height)| BBox {
        x: x.into(),
        y: y.into(),
        width: width.into(),
        height: height.into(),
    })
}

fn observation() -> impl Strategy<Value = Observation> {
    let side = || proptest::option::of(1..2000u32);
    let canvas = proptest::option::of((1..1500u16, 1..1500u16));
    let turn = proptest::option::of(prop_oneof![
        Just(90.0),
        Just(180.0),
        Just(-90.0),
        Just(10.0)
    ]);
    let placement = proptest::option::of(bbox());
    let url = proptest::option::weighted(0.9, Just("https://example.org/a.jpg".to_owned()));
    let image = (url, side(), side()).prop_map(|(url, width, height)| ImageRef {
        url,
        width,
        height,
        ..ImageRef::default()
    });
    (
        0..4u8,
        image,
        canvas,
        placement,
        turn,
        vec(annotation(), 0..5),
    )
        .prop_map(
            |(id, image, canvas, placement, rotation, annotations)| Observation {
                id: format!("i{id}"),
                image,
                canvas: canvas.map(|(width, height)| Frame {
                    width: width.into(),
                    height: height.into(),
                }),
                placement,
                rotation,
                annotations,
                ..Observation::default()
            },
        )
}

/// What is made of observations, each in a digest of its own, and the images.
fn extract(
    observations: Vec<Observation>,
    rules: &ExtractRules,
) -> (Extracted, Vec<LocalizedImage>) {
    let digest = |o| {
        let digest = Digest::new(SourceQuery::default(), vec![o]);
        ("d.json".to_owned(), DigestReader::held(digest))
    };
    let digests: Vec<(String, DigestReader)> = observations.into_iter().map(digest).collect();
    let mut store = ImageStore::new(crate::files::Scratch::beside(std::path::Path::new("-")));
    let mut extracted = merge::extract(&digests, rules, &mut store).unwrap();
    let mut images = Vec::new();
    let mut finished = FinishedImages::of(store, &[], &mut extracted).unwrap();
    finished
        .each(|some| {
            images.extend(some);
            Ok(())
        })
        .unwrap();
    (extracted, images)
}

/// A page whose annotations have ids of their own, as archives mostly have it.
fn page(number: usize, annotations: Vec<Annotation>) -> Observation {
    let name = |(i, annotation)| Annotation {
        id: format!("page {number}, {i}"),
        ..annotation
    };
    Observation {
        id: format!("i{}", number % 2),
        image: ImageRef {
            url: Some("https://example.org/a.jpg".into()),
            ..ImageRef::default()
        },
        canvas: Some(Frame {
            width: 1000.0,
            height: 800.0,
        }),
        annotations: annotations.into_iter().enumerate().map(name).collect(),
        ..Observation::default()
    }
}

fn inside(localization: &Localization, frame: Frame) -> bool {
    const NOISE: f64 = 2e-6;
    let within = |[x, y]: [f64; 2]| {
        (-NOISE..=frame.width + NOISE).contains(&x) && (-NOISE..=frame.height + NOISE).contains(&y)
    };
    let b = &localization.bbox;
    let points = localization.polygon.iter().flat_map(|p| p.points());
    within([b.x, b.y]) && within([b.right(), b.bottom()]) && points.copied().all(within)
}

proptest! {
    #[test]
    fn every_region_is_kept_or_rejected(observations in vec(observation(), 0..6), strict: bool) {
        let rules = ExtractRules {
            outside: if strict { Outside::Reject } else { Outside::Clip },
            ..ExtractRules::default()
        };
        let (found, images) = extract(observations, &rules);
        prop_assert_eq!(found.read, found.kept + found.rejects.len() as u64);
        let boxes: usize = images.iter().map(|i| i.localizations.len()).sum();
        prop_assert_eq!(found.kept, found.labels + boxes as u64);
        prop_assert!(found.rejects.iter().all(|r| !r.reason().is_empty()));
    }

    #[test]
    fn every_box_has_its_own_id_and_stands_in_its_frame(observations in vec(observation(), 0..6)) {
        let (_, images) = extract(observations, &ExtractRules::default());
        let mut ids = BTreeSet::new();
        for image in &images {
            for localization in &image.localizations {
                prop_assert!(ids.insert(localization.id.clone()), "{} twice", localization.id);
                match image.frame {
                    Some(frame) => prop_assert!(inside(localization, frame), "{localization:?} in {frame:?}"),
                    None => prop_assert!(image.in_pixels, "{localization:?} stands nowhere"),
                }
            }
        }
    }

    #[test]
    fn the_order_of_digests_changes_no_box(
        pages in vec(vec(annotation(), 0..4), 1..4).prop_shuffle()
    ) {
        let boxes = |observations: Vec<Observation>| {
            let (_, images) = extract(observations, &ExtractRules::default());
            let boxes = images.iter().flat_map(|i| &i.localizations);
            boxes.map(|b| serde_json::to_string(b).unwrap()).collect::<BTreeSet<String>>()
        };
        let pages: Vec<Observation> = pages.into_iter().enumerate().map(|(i, a)| page(i, a)).collect();
        let reversed = pages.iter().rev().cloned().collect();
        prop_assert_eq!(boxes(pages), boxes(reversed));
    }

    #[test]
    fn what_was_said_once_is_not_said_twice(observation in observation()) {
        let (_, once) = extract(vec![observation.clone()], &ExtractRules::default());
        let (_, twice) = extract(vec![observation.clone(), observation], &ExtractRules::default());
        prop_assert_eq!(once, twice);
    }
}
