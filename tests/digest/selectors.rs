//! Several words for one part: they are one where they agree, and what differs is listed.

use serde_json::{Value, json};

use super::reading::{HOME, annotated, canvas, image, manifest, offline, on, tag};

fn fragment(value: Value) -> Value {
    json!({"type": "FragmentSelector", "value": value})
}

fn svg(value: Value) -> Value {
    json!({"type": "SvgSelector", "value": value})
}

fn refined(outer: &str, inner: Value) -> Value {
    json!({"type": "FragmentSelector", "value": outer, "refinedBy": inner})
}

const FIRST: [f64; 4] = [10.0, 20.0, 30.0, 40.0];

#[test]
fn a_part_that_differs_from_its_other_words_is_listed_wherever_it_stands() {
    let rect = |x: u32| format!("<svg><rect x='{x}' y='20' width='30' height='40'/></svg>");
    let line = |y: u32| format!("<svg><path fill='none' d='M10,{y} H40'/></svg>");
    let (one, other) = ("xywh=10,20,30,40", "xywh=500,20,30,40");
    let point = |x: u32| json!({"type": "PointSelector", "x": x, "y": 30});
    let choice = |items: Value| json!({"type": "Choice", "items": items});
    let mirador = json!({"@type": "oa:Choice", "default": fragment(json!(one)),
        "item": {"@type": "oa:FragmentSelector", "value": other}});
    let percent = ["xywh=percent:1,2.5,3,5", "xywh=percent:50,2.5,3,5"];
    let in_list = refined(
        "xywh=5,10,400,400",
        json!([
            fragment(json!("xywh=5,10,30,40")),
            fragment(json!("xywh=300,10,30,40"))
        ]),
    );
    // The selector; the box; how many parts are listed, and where.
    let cases: Vec<(Value, [f64; 4], usize, &str)> = vec![
        (fragment(json!([one, other])), FIRST, 1, ""),
        (fragment(json!([one, one])), FIRST, 0, ""),
        (fragment(json!([one, "t=1"])), FIRST, 0, ""),
        (
            json!({"type": "FragmentSelector", "value": one, "chars": other}),
            FIRST,
            1,
            "",
        ),
        (svg(json!([rect(10), rect(500)])), FIRST, 1, ""),
        (
            json!([svg(json!(rect(10))), svg(json!([line(55), line(700)]))]),
            FIRST,
            1,
            "[1]",
        ),
        (fragment(json!(percent)), FIRST, 1, ""),
        (in_list, FIRST, 1, ".refinedBy[1]"),
        (
            choice(json!([fragment(json!(one)), fragment(json!(other))])),
            FIRST,
            1,
            ".items[1]",
        ),
        (
            choice(json!([
                fragment(json!(one)),
                fragment(json!("xywh=11,20,30,40"))
            ])),
            FIRST,
            0,
            "",
        ),
        (mirador, FIRST, 1, ".item"),
        (
            json!([
                choice(json!([fragment(json!(one))])),
                fragment(json!(other))
            ]),
            FIRST,
            1,
            "[1]",
        ),
        (json!([point(500), fragment(json!(one))]), FIRST, 1, "[1]"),
        (json!([fragment(json!(one)), point(500)]), FIRST, 1, "[1]"),
        (json!([point(25), fragment(json!(one))]), FIRST, 0, ""),
    ];
    for (selector, numbers, listed, place) in cases {
        let found = offline(
            &annotated(json!([tag(1, json!("x"), on(selector.clone()))])),
            &[],
        );
        let boxes = found.numbers();
        assert_eq!(boxes, [numbers], "{selector}");
        assert_eq!(
            found.rejects.len(),
            listed,
            "{selector}: {:?}",
            found.rejects
        );
        for (field, _) in found.rejects {
            let selector_at = "items[0].annotations[0].items[0].target.selector";
            assert_eq!(field, format!("{selector_at}{place}"), "{selector}");
        }
    }
    // Of an image on its canvas the place is not known.
    let mut canvas = canvas(2, image("2"));
    canvas["items"][0]["items"][0]["target"] = json!({"type": "SpecificResource",
        "source": format!("{HOME}/canvas/2"), "selector": fragment(json!([one, other]))});
    let found = offline(&manifest(json!([self::canvas(1, image("1")), canvas])), &[]);
    assert_eq!((found.images, found.rejects.len()), (1, 1), "{found:?}");
    assert!(
        found.rejects[0]
            .1
            .starts_with("several selectors select different parts")
    );
}

#[test]
fn what_refines_a_selector_does_so_in_any_case() {
    for name in [
        "refinedBy",
        "oa:refinedBy",
        "refinedby",
        "RefinedBy",
        "refined_by",
    ] {
        let inner = fragment(json!("xywh=10,20,30,40"));
        let selector =
            json!({"type": "FragmentSelector", "value": "xywh=100,100,500,500", name: inner});
        let document = annotated(json!([tag(1, json!("x"), on(selector))]));
        let found = offline(&document, &[]);
        assert_eq!(found.numbers(), [[110.0, 120.0, 30.0, 40.0]], "{name}");
    }
}

#[test]
fn a_part_of_a_part_lies_within_it_or_is_listed() {
    let drawing = |x: u32| {
        svg(json!(format!(
            "<svg><rect x='{x}' width='30' height='30'/></svg>"
        )))
    };
    let part = |numbers: &str| fragment(json!(format!("xywh={numbers}")));
    let region = json!({"type": "ImageApiSelector", "region": "100,100,50,50",
        "refinedBy": part("110,110,30,30")});
    // The selector; the box, or none where it is listed.
    let cases = [
        (
            refined("xywh=100,100,50,50", part("10,10,30,30")),
            Some([110.0, 110.0, 30.0, 30.0]),
        ),
        // Rounded.
        (
            refined("xywh=100,100,50,50", part("0,0,50.6,50")),
            Some([100.0, 100.0, 50.6, 50.0]),
        ),
        (refined("xywh=100,100,50,50", part("110,110,30,30")), None),
        (refined("xywh=100,100,50,50", part("30,30,400,400")), None),
        (
            refined("xywh=100,100,50,50", part("percent:60,0,60,50")),
            None,
        ),
        (
            refined("xywh=percent:10,10,5,5", part("percent:0,0,200,50")),
            None,
        ),
        (
            refined("xywh=100,100,50,50", drawing(10)),
            Some([110.0, 100.0, 30.0, 30.0]),
        ),
        (refined("xywh=100,100,50,50", drawing(110)), None),
        (region, None),
    ];
    for (selector, wanted) in cases {
        let found = offline(
            &annotated(json!([tag(1, json!("x"), on(selector.clone()))])),
            &[],
        );
        let boxes = found.numbers();
        let wanted: Vec<Vec<f64>> = wanted.into_iter().map(Vec::from).collect();
        assert_eq!(
            (boxes, found.labels.len()),
            (wanted.clone(), 0),
            "{selector}"
        );
        let problems: Vec<String> = found
            .rejects
            .into_iter()
            .map(|(_, problem)| problem)
            .collect();
        let is_told = problems.iter().all(|problem| {
            problem.starts_with("selector is refined by what is not within it (refinedBy): ")
        });
        assert!(is_told, "{problems:?}");
        assert_eq!(problems.len(), usize::from(wanted.is_empty()), "{selector}");
    }
}

#[test]
fn what_a_style_says_of_a_drawing_is_read_or_listed() {
    let boxed = |x: f64, y: f64, width: f64, height: f64| Some(vec![x, y, width, height]);
    // The drawing; the box, or none where it is listed.
    let cases = [
        (
            "<rect x='10' y='20' width='300' height='400' style='width:30px;height:40px'/>",
            boxed(10.0, 20.0, 30.0, 40.0),
        ),
        (
            "<rect style='x:10px;y:2.5%;width:30px;height:40px'/>",
            boxed(10.0, 20.0, 30.0, 40.0),
        ),
        (
            "<circle cx='500' cy='500' r='50' style='r:5px'/>",
            boxed(495.0, 495.0, 10.0, 10.0),
        ),
        (
            "<rect x='10' y='20' width='30' height='40' transform-origin='5 5'/>",
            boxed(10.0, 20.0, 30.0, 40.0),
        ),
        (
            "<rect width='30' height='40' transform='rotate(45)' transform-origin='5 5'/>",
            None,
        ),
        (
            "<g transform='rotate(45)' transform-origin='5px 5px'><rect width='30' height='40'/></g>",
            None,
        ),
        ("<rect width='30' height='40' style='width:30'/>", None),
        (
            "<path d='M0 0H10V10z' style='d:path(\"M10 20H40V60z\")'/>",
            None,
        ),
        (
            "<rect width='30' height='40' style='offset-path:path(\"M0 0L9 9\");offset-distance:100%'/>",
            None,
        ),
        (
            "<rect width='30' height='40' style='mask-image:url(#m)'/>",
            None,
        ),
        (
            "<style>rect{height:9px}</style><rect width='30' height='40'/>",
            None,
        ),
    ];
    for (drawing, wanted) in cases {
        let target = on(svg(json!(format!("<svg>{drawing}</svg>"))));
        let found = offline(&annotated(json!([tag(1, json!("x"), target)])), &[]);
        let boxes = found.numbers();
        assert_eq!(
            found.rejects.len(),
            usize::from(wanted.is_none()),
            "{drawing}: {:?}",
            found.rejects
        );
        assert_eq!(boxes, wanted.into_iter().collect::<Vec<_>>(), "{drawing}");
    }
}
