//! What stands in published documents becomes boxes and labels, or is listed: one table of documents for each kind.

use std::collections::BTreeSet;

use recto_testkit::Workdir;
use serde_json::{Value, json};

use super::{archive, serve, with_fast};

pub(super) const HOME: &str = "https://a.example";

pub(super) fn image(name: &str) -> Value {
    json!({"id": format!("{HOME}/img/{name}/full/max/0/default.jpg"), "type": "Image", "format": "image/jpeg",
           "width": 1000, "height": 800,
           "service": [{"id": format!("{HOME}/img/{name}"), "type": "ImageService3", "profile": "level2"}]})
}

pub(super) fn canvas(n: u8, body: Value) -> Value {
    let id = format!("{HOME}/canvas/{n}");
    json!({"id": id, "type": "Canvas", "width": 1000, "height": 800, "items": [{"id": format!("{id}/page"),
        "type": "AnnotationPage", "items": [{"id": format!("{id}/painting"), "type": "Annotation", "motivation": "painting",
        "target": id, "body": body}]}]})
}

pub(super) fn manifest(canvases: Value) -> Value {
    json!({"id": format!("{HOME}/m"), "type": "Manifest", "label": {"none": ["Book"]}, "items": canvases})
}

/// A manifest of one canvas with these annotations.
pub(super) fn annotated(annotations: Value) -> Value {
    let mut canvas = canvas(1, image("1"));
    canvas["annotations"] =
        json!([{"id": format!("{HOME}/page"), "type": "AnnotationPage", "items": annotations}]);
    manifest(json!([canvas]))
}

pub(super) fn tag(n: u8, value: Value, target: Value) -> Value {
    json!({"id": format!("{HOME}/anno/{n}"), "type": "Annotation", "motivation": "tagging",
           "body": {"type": "TextualBody", "purpose": "tagging", "value": value}, "target": target})
}

pub(super) fn on(selector: Value) -> Value {
    json!({"type": "SpecificResource", "source": format!("{HOME}/canvas/1"), "selector": selector})
}

/// What became of documents.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Account {
    pub(super) images: usize,
    /// Class and box of each localization.
    pub(super) boxes: Vec<(String, Vec<f64>)>,
    pub(super) labels: Vec<String>,
    pub(super) attributes: Vec<Value>,
    /// Field and problem of each reject of both stages.
    pub(super) rejects: Vec<(String, String)>,
}

impl Account {
    /// The boxes without their classes.
    pub(super) fn numbers(&self) -> Vec<Vec<f64>> {
        let numbers = self.boxes.iter().map(|(_, numbers)| numbers.clone());
        numbers.collect()
    }
}

pub(super) fn account(work: &Workdir, digest: &[&str], extract: &[&str]) -> Account {
    let digest: Vec<&str> = ["iiif"].iter().chain(digest).copied().collect();
    let digest: Vec<&str> = digest.into_iter().chain(["-o", "digest.json"]).collect();
    work.run("digest", &digest);
    let mut account = Account::default();
    let mut tables = vec!["digest.rejects.csv"];
    if work.exists("digest.json") {
        let extract: Vec<&str> = ["digest.json"].iter().chain(extract).copied().collect();
        work.run("extract", &extract);
        tables.push("rejects.csv");
        let set = work.json("localizations.json");
        for image in set["images"].as_array().unwrap() {
            account.images += 1;
            let labels = image["labels"].as_array().into_iter().flatten();
            let texts = labels.filter_map(Value::as_str).map(str::to_owned);
            account.labels.extend(texts);
            for found in image["localizations"].as_array().into_iter().flatten() {
                let numbers = found["bbox"].as_array().unwrap();
                let numbers = numbers.iter().filter_map(Value::as_f64).collect();
                let class = found["concept"].as_str().unwrap().to_owned();
                account.boxes.push((class, numbers));
                account.attributes.push(found["attributes"].clone());
            }
        }
    }
    for table in tables.into_iter().filter(|table| work.exists(table)) {
        let text = work.text(table);
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        for row in rows.records().map(Result::unwrap) {
            account.rejects.push((row[2].to_owned(), row[3].to_owned()));
        }
    }
    account
}

pub(super) fn offline(document: &Value, extract: &[&str]) -> Account {
    let work = Workdir::new();
    work.write_json("m.json", document);
    account(&work, &["m.json", "--offline"], extract)
}

#[test]
fn what_is_not_an_image_is_listed_with_its_place() {
    let two = |second: Value| manifest(json!([canvas(1, image("1")), second]));
    let mut mistyped = canvas(2, image("2"));
    mistyped["type"] = json!("Sequence");
    let typed = |kind: &str| {
        let mut body = image("2");
        body["type"] = json!(kind);
        canvas(2, body)
    };
    let inner = canvas(7, image("7"));
    let painted_at = |target: Value| {
        let mut canvas = canvas(2, image("2"));
        canvas["items"][0]["items"][0]["target"] = target;
        canvas
    };
    let painted_on = |end: &str| painted_at(json!(format!("{HOME}/canvas/2{end}")));
    // Document; images kept; path and problem of the reject.
    let cases = [
        (two(mistyped), 2, None),
        (two(typed("image/jpeg")), 2, None),
        (two(typed("Picture")), 2, None),
        (
            two(canvas(2, inner)),
            1,
            Some((
                "items[1].items[0].items[0].body",
                "a canvas is painted on a canvas",
            )),
        ),
        (
            two(json!("https://a.example/canvas/2")),
            1,
            Some(("items[1]", "a canvas was expected: found the text")),
        ),
        (
            two(json!({"type": "Scene", "id": "https://a.example/scene"})),
            1,
            Some((
                "items[1]",
                "a canvas was expected: found an object of the type Scene",
            )),
        ),
        (
            two(canvas(
                2,
                json!({"id": "https://a.example/a.mp4", "type": "Video"}),
            )),
            1,
            Some((
                "items[1].items[0].items[0].body",
                "an image was expected: found an object of the type Video",
            )),
        ),
        (
            two(canvas(
                2,
                json!({"type": "Choice", "items": [image("2"), 7]}),
            )),
            2,
            Some((
                "items[1].items[0].items[0].body.items[1]",
                "an image was expected: found the value 7",
            )),
        ),
        (
            two(json!({"id": "https://a.example/canvas/2", "type": "Canvas"})),
            1,
            Some(("items[1]", "canvas is empty")),
        ),
        (
            two(canvas(2, json!({"type": "Image", "format": "image/jpeg"}))),
            1,
            Some((
                "items[1].items[0].items[0].body.id",
                "URL of the image is missing",
            )),
        ),
        (
            two(canvas(2, json!({"id": "", "type": "Image"}))),
            1,
            Some((
                "items[1].items[0].items[0].body.id",
                "URL of the image is missing",
            )),
        ),
        (
            two(canvas(2, json!({"id": "#a", "type": "Image"}))),
            1,
            Some((
                "items[1].items[0].items[0].body.id",
                "URL of the image is missing",
            )),
        ),
        (
            two(canvas(2, json!({"id": 5, "type": "Image"}))),
            1,
            Some((
                "items[1].items[0].items[0].body.id",
                "URL of the image is missing",
            )),
        ),
        (
            two(painted_on("#rect=0,0,500,400")),
            1,
            Some((
                "items[1].items[0].items[0].target",
                "part of a canvas is not understood: rect=0,0,500,400",
            )),
        ),
        (two(painted_on("#0,0,500,400")), 2, None),
        (
            two(canvas(
                2,
                json!({"id": "https://a.example/2.jpg#rect=1,2,3,4", "type": "Image"}),
            )),
            1,
            Some((
                "items[1].items[0].items[0].body.id",
                "part of an image is not understood: rect=1,2,3,4",
            )),
        ),
        (
            two(painted_at(
                json!({"source": format!("{HOME}/canvas/2#xywh=0,0,500,400"),
                "selector": {"type": "FragmentSelector", "value": "xywh=500,400,500,400"}}),
            )),
            1,
            Some((
                "items[1].items[0].items[0].target",
                "target has a fragment and a selector that differ",
            )),
        ),
        (
            two(painted_at(json!([
                format!("{HOME}/canvas/2#xywh=0,0,500,400"),
                format!("{HOME}/canvas/2#xywh=500,0,500,400")
            ]))),
            2,
            Some((
                "items[1].items[0].items[0].target[1]",
                "painting annotation has several targets",
            )),
        ),
        (
            two(painted_on("#xywh=0,0,500")),
            1,
            Some((
                "items[1].items[0].items[0].target",
                "fragment does not have four numbers",
            )),
        ),
    ];
    for (document, images, reject) in cases {
        let found = offline(&document, &[]);
        assert_eq!(found.images, images, "{document}");
        let listed: Vec<(&str, &str)> = found.rejects.iter().map(|(f, p)| (&**f, &**p)).collect();
        match reject {
            None => assert!(listed.is_empty(), "{listed:?}"),
            Some((field, problem)) => {
                assert_eq!(listed.len(), 1, "{listed:?}");
                assert_eq!(listed[0].0, field);
                assert!(listed[0].1.starts_with(problem), "{listed:?}");
            }
        }
    }
}

#[test]
fn a_selector_is_read_in_every_spelling_or_listed_and_never_the_whole() {
    let fragment = |value: Value| on(json!({"type": "FragmentSelector", "value": value}));
    let region = |region: &str| on(json!({"type": "ImageApiSelector", "region": region}));
    let svg = |value: &str| json!({"type": "SvgSelector", "value": value});
    let plain = |value: &str| json!({"type": "FragmentSelector", "value": value});
    let spelled = |member: &str, value: Value| json!({"type": "SpecificResource", "source": format!("{HOME}/canvas/1"), member: value});
    let part = Some([10.0, 20.0, 30.0, 40.0]);
    let (rect, path) = (
        "<svg><rect x='10' y='20' width='30' height='40'/></svg>",
        "<svg><path d='M10,20h30v40h-30z'/></svg>",
    );
    let cases = [
        (json!(format!("{HOME}/canvas/1#XYWH=10,20,30,40")), part),
        (json!(format!("{HOME}/canvas/1#xywh%3D10,20,30,40")), part),
        (fragment(json!("10,20,30,40")), part),
        (fragment(json!("#xywh%3D10,20,30,40")), part),
        (fragment(json!("xywh = 10, 20, 30, 40")), part),
        (fragment(json!("xywh:10,20,30,40")), part),
        (fragment(json!([10, 20, 30, 40])), part),
        (fragment(json!(["xywh=10,20,30,40"])), part),
        (fragment(json!("percent:1,2.5,3,5")), part),
        (region("10,20,30,40"), part),
        (region("square"), Some([100.0, 0.0, 800.0, 800.0])),
        (on(json!("xywh=10,20,30,40")), part),
        (spelled("hasSelector", plain("xywh=10,20,30,40")), part),
        (spelled("oa:hasSelector", plain("xywh=10,20,30,40")), part),
        (
            spelled(
                "http://www.w3.org/ns/oa#hasSelector",
                json!([plain("xywh=10,20,30,40")]),
            ),
            part,
        ),
        (
            json!({"@type": "oa:SpecificResource", "full": format!("{HOME}/canvas/1"), "hasSelector": plain("xywh=10,20,30,40")}),
            part,
        ),
        (
            json!({"oa:hasSource": format!("{HOME}/canvas/1"), "selector": plain("xywh=10,20,30,40")}),
            part,
        ),
        (
            on(
                json!({"type": "FragmentSelector", "rdf:value": "xywh=5,10,300,400", "oa:refinedBy": plain("xywh=5,10,30,40")}),
            ),
            part,
        ),
        (
            spelled("selectors", json!([plain("xywh=10,20,30,40")])),
            None,
        ),
        (spelled("fragment", json!("xywh=10,20,30,40")), None),
        (spelled("xywh", json!("10,20,30,40")), None),
        (spelled("region", json!("10,20,30,40")), None),
        (spelled("selector", json!([])), None),
        (on(json!([svg(rect), svg(path)])), part),
        (
            on(json!([{"type": "TextQuoteSelector", "exact": "x"}, svg(rect)])),
            part,
        ),
        (
            on(
                json!({"type": "FragmentSelector", "value": "xywh=10,20,300,400", "refinedBy": {"type": "SvgSelector",
            "value": "<svg><rect width='30' height='40'/></svg>"}}),
            ),
            part,
        ),
        (
            on(
                json!({"type": "FragmentSelector", "value": "xywh=5,10,100,100", "refinedBy": [
                {"type": "FragmentSelector", "value": "xywh=5,10,30,40"}, {"type": "SvgSelector", "value": "<rect x='5' y='10' width='30' height='40'/>"}]}),
            ),
            part,
        ),
        // A time beside what is not understood.
        (
            on(
                json!([{"type": "FragmentSelector", "value": "t=1"}, {"type": "XPathSelector", "value": "//p"}]),
            ),
            None,
        ),
        (
            on(svg(
                "<svg><svg x='10' y='20' width='30' height='40' viewBox='0 0 3 4'><rect width='3' height='4'/></svg></svg>",
            )),
            part,
        ),
        (
            on(svg(
                "<rect style='transform: translate(10px, 20px)' width='30' height='40'/>",
            )),
            part,
        ),
        (
            on(svg(
                "<style>.a{fill:none}</style><path class='a' d='M10,20 L40,60 L40,20'/>",
            )),
            None,
        ),
        (
            on(svg("<path fill='rgba(0,0,0,0)' d='M10,20 L40,60 L40,20'/>")),
            None,
        ),
        (fragment(json!("over there")), None),
        (fragment(json!("")), None),
        (fragment(json!({"x": 1})), None),
        (on(json!({"type": "SvgSelector"})), None),
        (on(json!({"type": "TextQuoteSelector", "exact": "x"})), None),
        (on(json!({})), None),
        (region("somewhere"), None),
        (
            on(
                json!({"type": "ImageApiSelector", "region": "100,100,400,400", "rotation": "90",
                "refinedBy": {"type": "FragmentSelector", "value": "xywh=10,20,30,40"}}),
            ),
            None,
        ),
        (
            on(
                json!({"type": "ImageApiSelector", "region": "5,10,400,400", "size": "max",
                "refinedBy": {"type": "FragmentSelector", "value": "xywh=5,10,30,40"}}),
            ),
            part,
        ),
        (on(json!({"type": "PointSelector", "x": "left"})), None),
    ];
    for (target, wanted) in cases {
        let found = offline(&annotated(json!([tag(1, json!("x"), target.clone())])), &[]);
        assert!(found.labels.is_empty(), "{target}: {found:?}");
        let boxes = found.numbers();
        let wanted: Vec<Vec<f64>> = wanted.into_iter().map(Vec::from).collect();
        assert_eq!(boxes, wanted, "{target}: {:?}", found.rejects);
        assert_eq!(
            found.rejects.len(),
            usize::from(wanted.is_empty()),
            "{target}: {:?}",
            found.rejects
        );
    }
    // A time is understood, and is about all of the image.
    let found = offline(
        &annotated(json!([tag(
            1,
            json!("x"),
            json!(format!("{HOME}/canvas/1#t=1,2"))
        )])),
        &[],
    );
    assert_eq!(
        (found.labels, found.rejects),
        (vec!["x".to_owned()], vec![])
    );
}

#[test]
fn selectors_that_contradict_each_other_are_listed() {
    let fragment = |value: &str| json!({"type": "FragmentSelector", "value": value});
    let target = on(json!([
        fragment("xywh=1,2,3,4"),
        fragment("xywh=500,500,3,4")
    ]));
    let found = offline(&annotated(json!([tag(1, json!("x"), target)])), &[]);
    assert_eq!(found.boxes.len(), 1);
    let [(field, problem)] = &found.rejects[..] else {
        panic!("{found:?}");
    };
    assert_eq!(field, "items[0].annotations[0].items[0].target.selector[1]");
    assert!(
        problem.starts_with("several selectors select different parts"),
        "{problem}"
    );
}

#[test]
fn a_baseline_is_a_line_and_becomes_a_band_only_when_asked() {
    let line = |n: u8, drawing: &str| {
        let selector = json!({"type": "SvgSelector", "value": format!("<svg xmlns='http://www.w3.org/2000/svg'>{drawing}</svg>")});
        json!({"id": format!("{HOME}/anno/{n}"), "type": "Annotation", "motivation": "supplementing",
            "body": {"type": "TextualBody", "value": "in principio"}, "target": on(selector)})
    };
    let document = annotated(json!([
        line(
            1,
            "<polyline fill='none' points='100,300 500,303 900,310'/>"
        ),
        line(2, "<path fill='none' d='M100,400 L900,400'/>"),
        line(
            3,
            "<polygon points='100,460 900,460 900,520 100,520'/><polyline fill='none' points='100,510 900,510'/>"
        ),
    ]));
    let found = offline(&document, &[]);
    assert_eq!(
        found.boxes,
        [("text".to_owned(), vec![100.0, 460.0, 800.0, 60.0])]
    );
    assert_eq!(
        found.attributes[0]["baseline"],
        json!([[100, 510], [900, 510]])
    );
    assert_eq!(found.rejects.len(), 2, "{:?}", found.rejects);
    assert!(
        found
            .rejects
            .iter()
            .all(|(_, p)| p.starts_with("line, not an area: "))
    );

    let found = offline(&document, &["--line-height", "40"]);
    let boxes: Vec<&[f64]> = found.boxes.iter().map(|(_, b)| &**b).collect();
    assert_eq!(
        boxes,
        [
            [100.0, 270.0, 800.0, 50.0],
            [100.0, 370.0, 800.0, 40.0],
            [100.0, 460.0, 800.0, 60.0]
        ]
    );
    assert_eq!(
        found.attributes[1]["baseline"],
        json!([[100, 400], [900, 400]])
    );
}

#[test]
fn a_polygon_and_its_baseline_are_one_in_any_order() {
    let svg = |drawing: &str| json!({"type": "SvgSelector", "value": format!("<svg xmlns='http://www.w3.org/2000/svg'>{drawing}</svg>")});
    let polygon = svg("<polygon points='20,20 300,22 300,60 22,58'/>");
    let line = svg("<polyline fill='none' points='24,50 150,52 290,50'/>");
    let bbox = json!({"type": "FragmentSelector", "value": "xywh=20,20,280,40"});
    for selectors in [
        json!([polygon, line]),
        json!([line, polygon]),
        json!([bbox, polygon, line]),
        json!([line, bbox, polygon]),
        json!([polygon, polygon, line]),
        json!({"type": "Choice", "items": [line, polygon]}),
    ] {
        let work = Workdir::new();
        let document = annotated(json!([tag(1, json!("x"), on(selectors.clone()))]));
        work.write_json("m.json", &document);
        let found = account(&work, &["m.json", "--offline"], &[]);
        assert_eq!(found.rejects, [], "{selectors}");
        let set = work.json("localizations.json");
        let found = &set["images"][0]["localizations"][0];
        assert_eq!(
            found["polygon"],
            json!([[20, 20], [300, 22], [300, 60], [22, 58]]),
            "{selectors}"
        );
        assert_eq!(
            found["attributes"]["baseline"],
            json!([[24, 50], [150, 52], [290, 50]]),
            "{selectors}"
        );
    }
}

#[test]
fn svgs_of_another_size_are_scaled_where_it_fits_and_told_where_not() {
    let svg = |n: u8, root: &str| {
        tag(
            n,
            json!("x"),
            on(json!({"type": "SvgSelector",
        "value": format!("<svg {root}><rect x='10' y='20' width='30' height='40'/></svg>")})),
        )
    };
    let work = Workdir::new();
    work.write_json(
        "m.json",
        &annotated(json!([
            svg(1, "width='500' height='400'"),
            svg(2, "viewBox='0 0 100 100' preserveAspectRatio='none'"),
            svg(3, "width='300' height='300'"),
        ])),
    );
    work.run(
        "digest",
        &["iiif", "m.json", "--offline", "-o", "digest.json"],
    )
    .exits(0);
    work.run("extract", &["digest.json"])
        .exits(0)
        .says(&["1 box from SVGs whose size does not fit"]);
    let set = work.json("localizations.json");
    let boxes: Vec<&Value> = set["images"][0]["localizations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| &b["bbox"])
        .collect();
    assert_eq!(
        boxes,
        [
            &json!([20, 40, 60, 80]),
            &json!([100, 160, 300, 320]),
            &json!([10, 20, 30, 40])
        ]
    );
}

#[test]
fn tags_and_texts_are_read_in_every_shape_of_labels() {
    let region = |n: u8| json!(format!("{HOME}/canvas/1#xywh={n},0,5,5"));
    let document = annotated(json!([
        tag(1, json!(["cat"]), region(1)),
        tag(2, json!({"en": ["dog"], "de": ["Hund"]}), region(2)),
        tag(3, json!({"@value": "cow", "@language": "en"}), region(3)),
        tag(4, json!(42), region(4)),
        tag(5, json!(""), region(5)),
    ]));
    let found = offline(&document, &[]);
    let classes: Vec<&str> = found.boxes.iter().map(|(class, _)| &**class).collect();
    assert_eq!(classes, ["cat", "dog", "cow", "42"]);
    // A tag that says nothing is no class `tagging`.
    assert_eq!(found.rejects.len(), 1, "{:?}", found.rejects);

    let mut text = tag(
        1,
        json!("<p>in <b>principio</b></p><p>&amp; erat</p>"),
        region(1),
    );
    text["motivation"] = json!("supplementing");
    text["body"]["purpose"] = json!("transcribing");
    text["body"]["format"] = json!("text/html");
    text["body"]["language"] = json!("la");
    text["body"]["textDirection"] = json!("ltr");
    text["textGranularity"] = json!("block");
    let mut document = annotated(json!([text]));
    document["items"][0]["annotations"][0]["label"] = json!({"en": ["Transcription"]});
    let found = offline(&document, &[]);
    assert_eq!(
        found.attributes,
        [json!({
        "annotation_page": "Transcription", "format": "text/html", "granularity": "block", "html": "<p>in <b>principio</b></p><p>&amp; erat</p>",
        "language": "la", "motivation": "supplementing", "order": 1, "text": "in principio\n& erat", "text_direction": "ltr"})]
    );
    assert_eq!(found.boxes[0].0, "text");
}

#[test]
fn a_body_is_read_with_its_purpose_language_and_markup() {
    let said = |motivation: &str, body: Value| {
        let mut annotation = tag(
            1,
            json!(null),
            json!([
                format!("{HOME}/canvas/1#xywh=1,2,3,4"),
                format!("{HOME}/canvas/1#xywh=1,2,3,4")
            ]),
        );
        annotation["motivation"] = json!(motivation);
        annotation["body"] = body;
        let mut found = offline(&annotated(json!([annotation])), &[]);
        // The same target twice is one.
        assert_eq!(
            (found.boxes.len(), found.rejects.len()),
            (1, 0),
            "{found:?}"
        );
        (found.boxes.remove(0).0, found.attributes.remove(0))
    };
    let (class, _) = said(
        "commenting",
        json!({"type": "TextualBody", "value": "dog", "purpose": "http://www.w3.org/ns/oa#tagging"}),
    );
    assert_eq!(class, "dog");
    let both = json!([{"@value": "Hund", "@language": "de"}, {"@value": "dog", "@language": "en"}]);
    for value in [both, json!({"de": ["Hund"], "en": ["dog"]})] {
        let (_, found) = said("commenting", json!({"type": "TextualBody", "value": value}));
        assert_eq!(
            (&found["text"], &found["language"]),
            (&json!("dog"), &json!("en"))
        );
    }
    for (html, text) in [
        ("one<br>two &amp; <b>three</b>", "one\ntwo & three"),
        ("<pre>one\ntwo</pre>", "one\ntwo"),
    ] {
        let body =
            json!({"type": "TextualBody", "value": html, "format": "text/html; charset=utf-8"});
        let (_, found) = said("commenting", body);
        assert_eq!(
            (&found["text"], &found["html"]),
            (&json!(text), &json!(html))
        );
    }
}

#[test]
fn half_a_character_does_not_cost_the_document() {
    let target = json!(format!("{HOME}/canvas/1#xywh=1,2,3,4"));
    let document = annotated(json!([tag(1, json!("HALF"), target)])).to_string();
    let work = Workdir::new();
    work.write("m.json", document.replace("HALF", r"a\ud83d"));
    let found = account(&work, &["m.json", "--offline"], &[]);
    assert_eq!(
        (found.boxes[0].0.as_str(), found.rejects),
        ("a\u{fffd}", vec![])
    );
}

#[test]
fn of_a_choice_of_bodies_one_is_used() {
    let text = |value: &str, language: &str| json!({"type": "TextualBody", "value": value, "language": language});
    let cases = [
        (json!([text("Hund", "de"), text("dog", "en")]), "dog"),
        (json!([text("Hund", "de"), text("chien", "fr")]), "Hund"),
        (
            json!([text("Hund", "de"), {"type": "TextualBody", "value": "canis"}]),
            "canis",
        ),
        (
            json!([{"type": "TextualBody", "value": {"de": ["Hund"]}}, {"type": "TextualBody", "value": {"en": ["dog"]}}]),
            "dog",
        ),
    ];
    for (items, wanted) in cases {
        let mut tagged = tag(1, json!(""), json!(format!("{HOME}/canvas/1#xywh=1,2,3,4")));
        tagged["body"] = json!({"type": "Choice", "items": items});
        let found = offline(&annotated(json!([tagged])), &[]);
        assert_eq!(found.boxes[0].0, wanted, "{items}");
    }
}

#[test]
fn a_concept_is_called_by_its_name_in_whatever_vocabulary() {
    let concept = |member: &str, name: Value| json!({"id": format!("{HOME}/concept/1"), "type": "skos:Concept", member: name});
    for (body, wanted) in [
        (
            concept("prefLabel", json!({"en": ["dog"], "de": ["Hund"]})),
            "dog",
        ),
        (concept("skos:prefLabel", json!("dog")), "dog"),
        (
            concept(
                "http://www.w3.org/2004/02/skos/core#prefLabel",
                json!([{"@value": "dog"}]),
            ),
            "dog",
        ),
        (concept("name", json!("dog")), "dog"),
        (concept("label", json!("dog")), "dog"),
        (
            concept("notation", json!("dog")),
            "https://a.example/concept/1",
        ),
    ] {
        let mut tagged = tag(1, json!(""), json!(format!("{HOME}/canvas/1#xywh=1,2,3,4")));
        tagged["body"] = body.clone();
        let found = offline(&annotated(json!([tagged])), &[]);
        assert_eq!(found.boxes[0].0, wanted, "{body}");
    }
    let mut text = tag(
        1,
        json!("x"),
        json!(format!("{HOME}/canvas/1#xywh=1,2,3,4")),
    );
    text["body"]["format"] = json!("text/markdown");
    let found = offline(&annotated(json!([text])), &[]);
    assert_eq!(found.attributes[0]["format"], "text/markdown");
}

#[test]
fn what_cannot_be_followed_is_listed_where_it_is_named() {
    let mut first = canvas(1, image("1"));
    first["annotations"] = json!([{"id": format!("{HOME}/page/1"), "type": "AnnotationPage"}, format!("{HOME}/page/2")]);
    let mut second = canvas(2, image("2"));
    second["items"] = json!([format!("{HOME}/painting")]);
    let third = canvas(3, json!({"id": "ftp://a.example/1.jpg", "type": "Image"}));
    let fourth = canvas(4, json!(format!("{HOME}/body.json")));
    // Each place that names a document is listed.
    first["seeAlso"] = json!({"id": format!("{HOME}/1.xml"), "format": "text/xml", "profile": "http://www.loc.gov/standards/alto/"});
    let mut fifth = canvas(5, image("5"));
    fifth["annotations"] = json!([format!("{HOME}/page/2")]);
    fifth["rendering"] = json!([{"id": "urn:x:1", "format": "text/vnd.hocr+html"}]);
    let found = offline(&manifest(json!([first, second, third, fourth, fifth])), &[]);
    let fields: BTreeSet<&str> = found.rejects.iter().map(|(field, _)| &**field).collect();
    let wanted = [
        "items[0].annotations[0]",
        "items[0].annotations[1]",
        "items[0].seeAlso",
        "items[4].annotations[0]",
        "items[4].rendering[0]",
        "items[1].items[0]",
        "items[2].items[0].items[0].body.id",
        "items[3].items[0].items[0].body",
    ];
    assert_eq!(fields, BTreeSet::from(wanted), "{:?}", found.rejects);
    let ftp = found
        .rejects
        .iter()
        .find(|(field, _)| field.ends_with(".id"));
    assert!(
        ftp.unwrap()
            .1
            .starts_with("image is not at an http or https URL: ftp://")
    );
}

#[test]
fn annotations_are_found_wherever_they_hang() {
    let page = |annotation: Value| json!([{"type": "AnnotationPage", "items": [annotation]}]);
    let part = |of: &str| json!(format!("{HOME}/{of}#xywh=10,20,30,40"));
    let mut layer = image("xray");
    layer["annotations"] = page(tag(
        1,
        json!("skull"),
        json!({"source": layer["id"],
        "selector": {"type": "FragmentSelector", "value": "xywh=10,20,30,40"}}),
    ));
    let mut document = manifest(json!([canvas(
        1,
        json!({"type": "Choice", "items": [image("1"), layer]})
    )]));
    document["structures"] = json!([{"type": "Range", "id": format!("{HOME}/r"), "items": [{"type": "Range",
        "annotations": page(tag(2, json!("chapter"), part("canvas/1")))}]}]);
    document["annotations"] = page(tag(3, json!("service"), part("img/1/info.json")));
    let found = offline(&document, &[]);
    let classes: BTreeSet<&str> = found.boxes.iter().map(|(class, _)| &**class).collect();
    assert_eq!(classes, BTreeSet::from(["skull", "chapter", "service"]));
    // The chapter is about the canvas, that is about both layers.
    assert_eq!((found.boxes.len(), found.rejects), (4, vec![]));
}

#[test]
fn what_holds_or_names_images_holds_annotations_too() {
    let page = || {
        let about = format!("{HOME}/canvas/1#xywh=1,2,3,4");
        json!([{"type": "AnnotationPage", "items": [tag(1, json!("x"), json!(about))]}])
    };
    let body = |mut body: Value| {
        body["annotations"] = page();
        manifest(json!([canvas(1, body)]))
    };
    let painting = |pointer: &str| {
        let mut canvas = canvas(1, image("1"));
        canvas.pointer_mut(pointer).unwrap()["annotations"] = page();
        manifest(json!([canvas]))
    };
    let ranges = |ranges: Value| {
        let mut document = manifest(json!([canvas(1, image("1"))]));
        document["structures"] = ranges;
        document
    };
    let named = json!({"id": format!("{HOME}/canvas/1"), "type": "Canvas", "annotations": page()});
    let layer = json!({"@id": format!("{HOME}/layer"), "@type": "sc:Layer", "otherContent": [
        {"@type": "sc:AnnotationList", "resources": page()[0]["items"]}]});
    let sequence = |members: Value| {
        let mut sequence = json!({"@type": "sc:Sequence", "canvases": [{"@id": format!("{HOME}/canvas/1"), "@type": "sc:Canvas",
            "width": 1000, "height": 800, "images": [{"@type": "oa:Annotation", "motivation": "sc:painting",
            "on": format!("{HOME}/canvas/1"), "resource": {"@id": format!("{HOME}/1.jpg"), "@type": "dctypes:Image"}}]}]});
        sequence
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        json!({"@id": format!("{HOME}/m"), "@type": "sc:Manifest", "sequences": [sequence]})
    };
    let documents = [
        body(json!({"type": "Choice", "items": [image("1")]})),
        body(
            json!({"type": "SpecificResource", "source": image("1"), "selector": {"type": "ImageApiSelector", "region": "full"}}),
        ),
        painting("/items/0"),
        painting("/items/0/items/0"),
        ranges(json!([{"type": "Range", "items": [named]}])),
        ranges(
            json!([{"type": "Range", "items": [{"type": "SpecificResource", "source": named}]}]),
        ),
        ranges(
            json!([{"@type": "sc:Range", "canvases": [format!("{HOME}/canvas/1")], "contentLayer": layer}]),
        ),
        sequence(json!({"contentLayer": layer})),
        sequence(json!({"otherContent": layer["otherContent"]})),
    ];
    for document in documents {
        let found = offline(&document, &[]);
        assert_eq!(
            (found.boxes.len(), found.rejects),
            (1, vec![]),
            "{document}"
        );
    }
    // By reference they are asked for, also those of what is not an image.
    let reference = json!([{"id": format!("{HOME}/page"), "type": "AnnotationPage"}]);
    for mut body in [
        json!({"type": "Choice", "items": [image("1")]}),
        json!({"id": format!("{HOME}/a.mp4"), "type": "Video"}),
    ] {
        body["annotations"] = reference.clone();
        let found = offline(
            &manifest(json!([canvas(1, body), canvas(2, image("2"))])),
            &[],
        );
        let problems = found.rejects.iter().map(|(_, problem)| &**problem);
        let offline = problems.filter(|problem| problem.contains("--offline"));
        assert_eq!(offline.count(), 1, "{:?}", found.rejects);
    }
    let structures = [
        (json!(5), "structures"),
        (json!("x"), "structures"),
        (json!([null]), "structures[0]"),
        (json!({"a": 1}), "structures"),
        (json!([["r"]]), "structures[0]"),
    ];
    for (value, place) in structures {
        let found = offline(&ranges(value), &[]);
        assert_eq!(found.rejects.len(), 1, "{place}: {:?}", found.rejects);
        let (field, problem) = &found.rejects[0];
        assert_eq!(field, place);
        assert!(problem.starts_with("a range was expected: "), "{problem}");
    }
}

#[test]
fn a_canvas_answers_to_the_ids_that_its_own_annotations_use() {
    let mut document = annotated(json!([tag(
        1,
        json!("x"),
        json!(format!("{HOME}/alias/1#xywh=1,2,3,4"))
    )]));
    let unknown = offline(&document, &[]);
    assert_eq!((unknown.boxes.len(), unknown.rejects.len()), (0, 1));
    document["items"][0]["items"][0]["items"][0]["target"] = json!(format!("{HOME}/alias/1"));
    let list = json!([
        tag(2, json!("y"), json!(format!("{HOME}/alias/1#xywh=1,2,3,4"))),
        tag(
            3,
            json!("z"),
            json!("http://a.example/canvas/1/#xywh=1,2,3,4")
        )
    ]);
    let work = Workdir::new();
    work.write_json("m.json", &document)
        .write_json("list.json", &list);
    let found = account(&work, &["m.json", "list.json", "--offline"], &[]);
    assert_eq!((found.boxes.len(), found.rejects), (3, vec![]));
}

#[test]
fn an_image_that_an_annotation_alone_names_is_one_by_its_description_or_format_too() {
    let fragment = json!({"type": "FragmentSelector", "value": "xywh=1,2,3,4"});
    let cases = [
        json!("https://b.example/iiif/x/info.json#xywh=1,2,3,4"),
        json!({"type": "SpecificResource", "source": "https://b.example/iiif/x/info.json", "selector": fragment}),
        json!({"type": "SpecificResource", "selector": fragment,
               "source": {"id": "https://b.example/view?id=1", "format": "image/jpeg"}}),
    ];
    for target in cases {
        let list = json!({"id": format!("{HOME}/list"), "type": "AnnotationPage", "items": [tag(1, json!("cat"), target.clone())]});
        let found = offline(&list, &[]);
        let boxes = vec![("cat".to_owned(), vec![1.0, 2.0, 3.0, 4.0])];
        assert_eq!((found.boxes, found.rejects), (boxes, vec![]), "{target}");
    }
}

#[test]
fn a_text_is_what_is_written_there_and_not_what_is_said_of_it() {
    let text = |value: &str| json!({"type": "TextualBody", "value": value, "format": "text/plain"});
    let with = |value: &str, more: Value| {
        let mut body = text(value);
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let of = |purpose: &str, value: &str| with(value, json!({"purpose": purpose}));
    let in_language = |language: &str, value: &str| with(value, json!({"language": language}));
    // Motivation, bodies; class; attributes.
    let cases = [
        (
            "supplementing",
            json!(with(
                "In principio",
                json!({"label": {"en": ["Transcription"]}})
            )),
            "text",
            json!({"text": "In principio", "label": "Transcription"}),
        ),
        (
            "tagging",
            json!(with("Q42", json!({"label": "Douglas"}))),
            "Q42",
            json!({"tags": ["Q42"]}),
        ),
        (
            "tagging",
            json!(with(
                "<p></p>",
                json!({"label": "Douglas", "format": "text/html"})
            )),
            "Douglas",
            json!({"tags": ["Douglas"]}),
        ),
        (
            "transcribing",
            json!([
                of("transcribing", "In principio"),
                of("commenting", "check this!"),
                of("assessing", "0.9")
            ]),
            "text",
            json!({"text": "In principio", "commenting": "check this!", "assessing": "0.9"}),
        ),
        (
            "supplementing",
            json!([
                in_language("la", "In principio"),
                in_language("en", "In the beginning")
            ]),
            "text",
            json!({"text": "In principio", "language": "la", "text_en": "In the beginning"}),
        ),
        (
            "transcribing",
            json!([
                of("transcribing", "In principio"),
                with(
                    "Am Anfang",
                    json!({"purpose": "translating", "language": "de"})
                ),
                with(
                    "In the beginning",
                    json!({"purpose": "translating", "language": "en"})
                ),
            ]),
            "text",
            json!({"text": "In principio", "translating": "Am Anfang", "translating_en": "In the beginning"}),
        ),
        (
            "tagging",
            json!(with("https://example.org/Q42", json!({"label": "Douglas"}))),
            "Douglas",
            json!({"tags": ["Douglas"]}),
        ),
        (
            "transcribing",
            json!([
                text("abc"),
                with("<p>abc</p>", json!({"format": "text/html"}))
            ]),
            "text",
            json!({"text": "abc"}),
        ),
    ];
    for (motivation, body, class, wanted) in cases {
        let mut annotation = tag(1, json!(""), json!(format!("{HOME}/canvas/1#xywh=1,2,3,4")));
        annotation["motivation"] = json!(motivation);
        annotation["body"] = body.clone();
        let found = offline(&annotated(json!([annotation])), &[]);
        assert_eq!(found.boxes[0].0, class, "{body}");
        for (name, value) in wanted.as_object().unwrap() {
            assert_eq!(found.attributes[0][name], *value, "{name} of {body}");
        }
        let is_more = |name: &&str| !wanted[*name].is_null();
        let texts = ["text", "text_en", "commenting"]
            .iter()
            .filter(|name| !found.attributes[0][**name].is_null());
        assert!(
            texts.copied().all(|name| is_more(&name)),
            "{body}: {}",
            found.attributes[0]
        );
    }
}

#[test]
fn the_source_of_a_program_or_a_typesetter_is_no_text() {
    for format in [
        "text/rtf",
        "text/vtt",
        "application/x-tex",
        "text/javascript",
    ] {
        let mut annotation = tag(
            1,
            json!("x"),
            json!(format!("{HOME}/canvas/1#xywh=1,2,3,4")),
        );
        annotation["motivation"] = json!("supplementing");
        annotation["body"] = json!({"type": "TextualBody", "value": "{}", "format": format});
        let found = offline(&annotated(json!([annotation])), &[]);
        let told = format!("body is a text in a format that is not read: {format}");
        assert!(
            found.rejects.iter().any(|(_, problem)| *problem == told),
            "{:?}",
            found.rejects
        );
    }
}

#[test]
fn what_a_target_does_not_name_is_listed_and_never_the_whole() {
    let own = |end: &str| json!(format!("{HOME}/canvas/1{end}"));
    let fragment = |value: &str| json!({"type": "FragmentSelector", "value": value});
    let state = |refined: Value| json!({"type": "SpecificResource", "source": own(""), "state": {"type": "HttpRequestState", "value": "Accept: image/png", "refinedBy": refined}});
    let part_of = |end: &str, selector: Value| json!({"source": own(end), "selector": selector});
    let part = || Ok([10.0, 20.0, 30.0, 40.0]);
    let unknown = Err(
        "target is not an image, a canvas with an image or a used annotation of the documents: ",
    );
    let of_image = Err("part of an image is not understood: ");
    let cases: Vec<(Value, Result<[f64; 4], &str>)> = vec![
        (own("#10,20,30,40"), part()),
        (own("#percent:1,2.5,3,5"), part()),
        (own("#xyhw=10,20,30,40"), unknown),
        (own("#rect=10,20,30,40"), unknown),
        (own("#x=10&y=20&w=30&h=40"), unknown),
        (own("#svgView(viewBox(10,20,30,40))"), unknown),
        (own("#xywh%253D10%252C20%252C30%252C40"), unknown),
        (own("#char=0,10"), unknown),
        (own("#foo"), unknown),
        (own("?xywh=10,20,30,40"), unknown),
        (
            json!({"source": own("#rect=10,20,30,40"), "type": "SpecificResource"}),
            unknown,
        ),
        (
            json!(format!("{HOME}/img/1/full/max/0/default.jpg#rect=1,2,3,4")),
            of_image,
        ),
        (
            json!(format!("{HOME}/img/1/full/max/0/default.jpg?xywh=1,2,3,4")),
            of_image,
        ),
        (json!("https://b.example/1.jpg#rect=1,2,3,4"), of_image),
        // Elsewhere, or no canvas.
        (
            json!("https://b.example/canvas/9#xywh=10,20,30,40"),
            unknown,
        ),
        (json!("https://b.example/canvas/9#t=3"), unknown),
        (
            json!({"id": "https://b.example/scene", "type": "Scene"}),
            unknown,
        ),
        (
            json!({"id": "https://b.example/page.html", "type": "Text", "format": "text/html"}),
            unknown,
        ),
        (
            json!({"id": "https://b.example/part", "type": "SpecificResource"}),
            unknown,
        ),
        (
            json!({"source": "https://b.example/canvas/9", "state": {"type": "TimeState"}}),
            unknown,
        ),
        (json!(format!("{HOME}/m")), unknown),
        // Selectors beside other things that select.
        (state(fragment("xywh=10,20,30,40")), part()),
        (
            state(json!({"type": "TimeState", "refinedBy": fragment("xywh=10,20,30,40")})),
            part(),
        ),
        (
            state(fragment("rect=10,20,30,40")),
            Err("xywh is missing from the fragment: "),
        ),
        (
            part_of("#xywh=10,20,30,40", fragment("xywh=pixel:10,20,30,40")),
            part(),
        ),
        (
            part_of(
                "#xywh=1,1,500,500",
                json!({"type": "SvgSelector", "value": "<rect x='10' y='20' width='30' height='40'/>"}),
            ),
            part(),
        ),
        (
            part_of("#xywh=100,100,50,50", fragment("xywh=5,5,10,10")),
            Err("target has a fragment and a selector that differ: "),
        ),
    ];
    for (target, wanted) in cases {
        let found = offline(&annotated(json!([tag(1, json!("x"), target.clone())])), &[]);
        assert!(found.labels.is_empty(), "{target}: {found:?}");
        match wanted {
            Ok(numbers) => assert_eq!(
                (found.boxes, found.rejects),
                (vec![("x".to_owned(), numbers.to_vec())], vec![]),
                "{target}"
            ),
            Err(problem) => {
                let [(field, listed)] = &found.rejects[..] else {
                    panic!("{target}: {found:?}");
                };
                assert_eq!(field, "items[0].annotations[0].items[0].target", "{target}");
                assert!(listed.starts_with(problem), "{target}: {listed}");
                assert!(found.boxes.is_empty(), "{target}");
            }
        }
    }
}

#[test]
fn an_id_that_has_no_image_is_not_what_holds_the_annotation() {
    let own = |end: &str| json!(format!("{HOME}/{end}"));
    let mut empty = canvas(2, image("2"));
    empty["items"] = json!([]);
    // Beside an annotation whose own part is not read, so that nothing can be said of it.
    let line = tag(
        9,
        json!("line"),
        json!({"source": format!("{HOME}/canvas/1"), "selector": {"type": "RangeSelector"}}),
    );
    let cases = [
        own("canvas/2"),
        json!({"id": format!("{HOME}/canvas/2"), "type": "Canvas"}),
        json!({"type": "SpecificResource", "source": format!("{HOME}/canvas/2")}),
        own("alias/1"),
        own("range/1"),
        own("m"),
        own("anno/1"),
        own("anno/9"),
        own("anno/404"),
        json!("https://b.example/canvas/77"),
        json!({"id": "https://b.example/canvas/78", "type": "Canvas"}),
        json!("https://b.example/wiki/Dog"),
        json!("mailto:x@y.example"),
        json!("see page 3"),
    ];
    for target in cases {
        let mut document = annotated(json!([tag(1, json!("x"), target.clone()), line.clone()]));
        document["items"]
            .as_array_mut()
            .unwrap()
            .push(empty.clone());
        document["structures"] = json!([{"id": format!("{HOME}/range/1"), "type": "Range", "items": [
            {"id": format!("{HOME}/canvas/1"), "type": "Canvas"}, {"id": format!("{HOME}/canvas/2"), "type": "Canvas"}]}]);
        let found = offline(&document, &[]);
        assert_eq!((found.labels.len(), found.boxes.len()), (0, 0), "{target}");
        let fields: BTreeSet<&str> = found.rejects.iter().map(|(field, _)| &**field).collect();
        let wanted = [0, 1].map(|n| format!("items[0].annotations[0].items[{n}].target"));
        assert_eq!(
            fields,
            wanted.iter().map(String::as_str).collect(),
            "{target}: {found:?}"
        );
    }
    // Two that are about each other are about nothing.
    let ring = annotated(json!([
        tag(1, json!("x"), own("anno/2")),
        tag(2, json!("y"), own("anno/1"))
    ]));
    let found = offline(&ring, &[]);
    assert_eq!((found.labels.len(), found.rejects.len()), (0, 2));
}

#[test]
fn bodies_and_motivations_are_read_in_every_spelling_or_listed() {
    let target = json!(format!("{HOME}/canvas/1#xywh=1,2,3,4"));
    let anno = |n: u8, more: Value| {
        let mut anno =
            json!({"id": format!("{HOME}/anno/{n}"), "type": "Annotation", "target": target});
        for (name, value) in more.as_object().unwrap() {
            anno[name] = value.clone();
        }
        anno
    };
    let body = |value: Value| json!({"type": "TextualBody", "value": value});
    // Class, or the problem of the reject.
    let cases = [
        (
            json!({"motivation": "tagging", "hasBody": body(json!("a"))}),
            Ok("a"),
        ),
        (
            json!({"motivation": "tagging", "oa:hasBody": body(json!("b"))}),
            Ok("b"),
        ),
        (
            json!({"oa:motivatedBy": {"id": "oa:tagging"}, "http://www.w3.org/ns/oa#hasBody": body(json!("c"))}),
            Ok("c"),
        ),
        (
            json!({"motivation": {"id": "oa:tagging"}, "body": body(json!("d"))}),
            Ok("d"),
        ),
        (
            json!({"motivation": "tagging", "body": body(json!([]))}),
            Err("body without content"),
        ),
        (
            json!({"motivation": "tagging", "body": body(json!({"en": []}))}),
            Err("body without content"),
        ),
    ];
    for (n, (more, wanted)) in (1..).zip(cases) {
        let found = offline(&annotated(json!([anno(n, more.clone())])), &[]);
        let classes: Vec<&str> = found.boxes.iter().map(|(class, _)| &**class).collect();
        let told = found
            .rejects
            .iter()
            .any(|(_, problem)| wanted.is_err_and(|w| problem.starts_with(w)));
        assert!(
            told || wanted.is_ok_and(|class| classes == [class]),
            "{more}: {found:?}"
        );
    }
}

#[test]
fn a_part_of_another_annotation_is_listed() {
    let on_canvas = tag(
        1,
        json!("a"),
        json!(format!("{HOME}/canvas/1#xywh=100,100,200,200")),
    );
    let part = json!({"type": "SpecificResource", "source": format!("{HOME}/anno/1"),
        "selector": {"type": "FragmentSelector", "value": "xywh=10,10,20,20"}});
    let same = json!(format!("{HOME}/anno/1"));
    let all = json!([
        on_canvas,
        tag(2, json!("b"), part),
        tag(3, json!("c"), same),
        tag(3, json!("c"), json!(format!("{HOME}/anno/1")))
    ]);
    let found = offline(&annotated(all), &[]);
    let mut classes: Vec<&str> = found.boxes.iter().map(|(class, _)| &**class).collect();
    classes.sort_unstable();
    assert_eq!(classes, ["a", "c"], "{found:?}");
    assert_eq!(found.rejects.len(), 1, "{found:?}");
    assert!(
        found.rejects[0]
            .1
            .starts_with("target is a part of another annotation"),
        "{found:?}"
    );
}

#[test]
fn a_document_that_is_no_page_of_annotations_is_listed() {
    let anno = tag(1, json!("a"), json!(format!("{HOME}/canvas/1")));
    let documents = [
        json!({"@type": "hydra:Collection", "hydra:member": [anno]}),
        json!({"type": "Collection", "orderedItems": [anno]}),
        json!({"type": "AnnotationCollection", "id": "x", "total": 5, "last": {"id": "y", "type": "AnnotationPage"}}),
        manifest(json!([canvas(7, image("7"))])),
    ];
    for document in documents {
        let served = document.clone();
        let server = archive(move |home| {
            let mut canvas = canvas(1, image("1"));
            canvas["annotations"] =
                json!([{"id": format!("{home}/page"), "type": "AnnotationPage"}]);
            vec![
                ("/m", serve(&manifest(json!([canvas])))),
                ("/page", serve(&served)),
            ]
        });
        let work = Workdir::new();
        let found = account(&work, &with_fast(&[&server.url("/m")]), &[]);
        assert_eq!(
            (found.images, found.rejects.len()),
            (1, 1),
            "{document}: {found:?}"
        );
    }
    let nothing = canvas(2, json!({"type": "SpecificResource", "source": []}));
    let found = offline(&manifest(json!([canvas(1, image("1")), nothing])), &[]);
    assert_eq!((found.images, found.rejects.len()), (1, 1), "{found:?}");
}

#[test]
fn relative_ids_are_those_of_the_same_url() {
    let server = archive(|_| {
        let mut document = annotated(json!([]));
        document["id"] = json!("/m");
        document["items"][0]["id"] = json!("canvas/1");
        document["items"][0]["items"][0]["items"][0]["target"] = json!("canvas/1");
        document["items"][0]["annotations"] = json!(["/list/page"]);
        let on = |n: u8, target: &str| tag(n, json!(format!("t{n}")), json!(target));
        let mut reply = on(4, "./1");
        reply["id"] = json!("4");
        let mut replied = on(1, "../canvas/1#xywh=1,2,3,4");
        replied["id"] = json!("/list/1");
        let page = json!({"id": "page", "type": "AnnotationPage", "items": [
            replied, on(2, "/canvas/1#xywh=1,2,3,4"), on(3, "canvas/1#xywh=1,2,3,4"), reply]});
        vec![("/m", serve(&document)), ("/list/page", serve(&page))]
    });
    let work = Workdir::new();
    let found = account(&work, &with_fast(&[&server.url("/m")]), &[]);
    let mut classes: Vec<&str> = found.boxes.iter().map(|(class, _)| &**class).collect();
    classes.sort_unstable();
    assert_eq!(classes, ["t1", "t2", "t4"], "{found:?}");
    assert!(found.labels.is_empty(), "{found:?}");
    // `canvas/1` in `/list/page` is another canvas.
    assert_eq!(found.rejects.len(), 1, "{found:?}");
    assert!(found.rejects[0].1.contains("/list/canvas/1"), "{found:?}");
    let canvas = &work.json("digest.json")["observations"][0]["source"]["canvas"];
    assert_eq!(*canvas, json!(server.url("/canvas/1")));
}

#[test]
fn of_canvases_with_one_id_that_is_meant_which_holds_the_annotation() {
    let with = |n: u8, about: &str| {
        let mut canvas = canvas(1, image(&n.to_string()));
        canvas["annotations"] = json!([{"type": "AnnotationPage", "items": [
            tag(n, json!(about), json!(format!("{HOME}/canvas/1#xywh={n},2,3,4")))]}]);
        canvas
    };
    let mut document = manifest(json!([with(1, "first"), with(2, "second")]));
    document["annotations"] = json!([{"type": "AnnotationPage", "items": [
        tag(3, json!("which"), json!(format!("{HOME}/canvas/1")))]}]);
    let work = Workdir::new();
    work.write_json("m.json", &document);
    let found = account(&work, &["m.json", "--offline"], &[]);
    let set = work.json("localizations.json");
    let classes = |n: usize| -> Vec<&str> {
        let boxes = set["images"][n]["localizations"]
            .as_array()
            .into_iter()
            .flatten();
        boxes
            .filter_map(|found| found["concept"].as_str())
            .collect()
    };
    assert_eq!((classes(0), classes(1)), (vec!["first"], vec!["second"]));
    assert_eq!(
        found.rejects,
        [(
            "annotations[0].items[0].target".to_owned(),
            format!("several canvases have this id: {HOME}/canvas/1")
        )]
    );
    // The same canvas in two sequences is one.
    let canvas = |n: u8| {
        json!({"@id": format!("{HOME}/canvas/{n}"), "@type": "sc:Canvas", "width": 1000, "height": 800, "images": [
            {"@type": "oa:Annotation", "motivation": "sc:painting", "on": format!("{HOME}/canvas/{n}"),
             "resource": {"@id": format!("{HOME}/{n}.jpg"), "@type": "dctypes:Image"}}]})
    };
    let sequence = || json!({"@type": "sc:Sequence", "canvases": [canvas(1)]});
    let twice = json!({"@id": format!("{HOME}/m"), "@type": "sc:Manifest", "sequences": [sequence(), sequence()]});
    let list = json!([tag(
        1,
        json!("x"),
        json!(format!("{HOME}/canvas/1#xywh=1,2,3,4"))
    )]);
    let work = Workdir::new();
    work.write_json("m.json", &twice)
        .write_json("list.json", &list);
    let found = account(&work, &["m.json", "list.json", "--offline"], &[]);
    assert_eq!(
        (found.images, found.boxes.len(), found.rejects),
        (1, 1, vec![])
    );
}

#[test]
fn what_a_resource_holds_decides_what_it_is() {
    let typed = |kind: Value| {
        let mut document = annotated(json!([tag(
            1,
            json!("x"),
            json!(format!("{HOME}/canvas/1#xywh=10,20,30,40"))
        )]));
        document["items"][0]["type"] = kind;
        (
            document["items"][0]["width"],
            document["items"][0]["height"],
        ) = (json!(500), json!(400));
        document
    };
    let mut cases: Vec<Value> = [
        json!("Canvas"),
        json!("Sequence"),
        json!("Range"),
        json!("Manifest"),
        json!("Collection"),
        json!(["Canvas", "Manifest"]),
        json!(["Manifest", "Canvas"]),
    ]
    .map(typed)
    .to_vec();
    let mut document = typed(json!("Canvas"));
    document["type"] = json!("Collection");
    cases.push(document);
    let mut document = typed(json!("Canvas"));
    document["items"][0]["items"][0]["type"] = json!("BasicContainer");
    cases.push(document);
    for document in cases {
        let work = Workdir::new();
        work.write_json("m.json", &document);
        let found = account(&work, &["m.json", "--offline"], &[]);
        assert_eq!(
            (found.boxes.len(), &found.rejects),
            (1, &vec![]),
            "{document}"
        );
        let frame = &work.json("localizations.json")["images"][0]["frame"];
        assert_eq!(*frame, json!([500, 400]), "{document}");
    }
}

#[test]
fn of_ids_that_are_alike_the_nearest_is_meant() {
    const HTTP: [&str; 2] = ["http://a.example/c/1", "https://a.example/c/1"];
    // Ids of two canvases, a target, and which of them it is.
    let cases = [
        (["c/1", "c/1/"], "http://a.example/c/1", Some(0)),
        (["c/1", "c/1/"], "http://a.example:80/c/1/", Some(1)),
        (["c/a%2Fb", "c/a/b"], "https://a.example/c/a%2fb", Some(0)),
        (["c/a%2Fb", "c/a/b"], "https://A.example/c/%61/b", Some(1)),
        (["c/a%2Fb", "c/2"], "https://a.example/c/a/b/", Some(0)),
        (["c/a%2Fb", "c/a/b"], "https://a.example/c/a/b/", None),
        (HTTP, "https://a.example/c/1", Some(1)),
        (HTTP, "HTTPS://A.example/c/1", Some(1)),
        (HTTP, "http://a.example:80/c/1", Some(0)),
        (HTTP, "https://a.example/c/1/", Some(1)),
        (HTTP, "http://a.example/c/%31/", Some(0)),
    ];
    for (ids, target, wanted) in cases {
        let canvases = ids.iter().zip(["1", "2"]).map(|(id, name)| {
            let mut canvas = canvas(1, image(name));
            canvas["id"] = match id.contains("://") {
                true => json!(id),
                false => json!(format!("{HOME}/{id}")),
            };
            canvas["items"][0]["items"][0]["target"] = canvas["id"].clone();
            canvas
        });
        let mut document = manifest(canvases.collect());
        document["annotations"] = json!([{"type": "AnnotationPage", "items": [tag(1, json!("x"), json!(format!("{target}#xywh=1,2,3,4")))]}]);
        let work = Workdir::new();
        work.write_json("m.json", &document);
        let found = account(&work, &["m.json", "--offline"], &[]);
        let set = work.json("localizations.json");
        let count = |n: usize| {
            set["images"][n]["localizations"]
                .as_array()
                .map_or(0, Vec::len)
        };
        let on: Vec<usize> = (0..2).filter(|n| count(*n) > 0).collect();
        assert_eq!(on, Vec::from_iter(wanted), "{target}: {found:?}");
        assert_eq!(
            found.rejects.len(),
            usize::from(wanted.is_none()),
            "{target}: {found:?}"
        );
        if let Some((field, problem)) = found.rejects.first() {
            assert_eq!(field, "annotations[0].items[0].target");
            assert!(
                problem.starts_with("id is spelt like several: "),
                "{problem}"
            );
        }
    }
}

#[test]
fn pixels_of_a_service_are_those_of_its_image_and_not_of_a_copy() {
    let service = |size: Value| {
        let mut service = json!({"id": format!("{HOME}/img/1"), "type": "ImageService3"});
        service
            .as_object_mut()
            .unwrap()
            .extend(size.as_object().unwrap().clone());
        service
    };
    let copy = |described: Value| {
        json!({"id": format!("{HOME}/img/1/full/500,400/0/default.jpg"), "type": "Image", "format": "image/jpeg",
        "width": 500, "height": 400, "service": [service(described)]})
    };
    let cut = json!({"type": "SpecificResource", "source": image("1"), "selector": {"type": "ImageApiSelector", "region": "200,100,400,300"}});
    let on_service = |part: &str| format!("{HOME}/img/1#xywh={part}");
    let on_copy = |part: &str| format!("{HOME}/img/1/full/500,400/0/default.jpg#xywh={part}");
    let full = || json!({"width": 2000, "height": 1600});
    let file = |size: Value| {
        let mut body = copy(full());
        body["id"] = json!(format!("{HOME}/small.jpg"));
        body.as_object_mut()
            .unwrap()
            .extend(size.as_object().unwrap().clone());
        body
    };
    let on_file = |part: &str| json!(format!("{HOME}/small.jpg#xywh={part}"));
    let share = |request: &str, size: [u32; 2]| {
        let mut body = copy(json!({}));
        body["id"] = json!(format!("{HOME}/img/1/{request}/default.jpg"));
        (body["width"], body["height"]) = (json!(size[0]), json!(size[1]));
        body
    };
    let cases = [
        // A file of another size than its service's image.
        (
            file(json!({})),
            on_file("50,40,100,80"),
            Ok([100.0, 80.0, 200.0, 160.0]),
        ),
        (
            file(json!({})),
            on_file("percent:10,10,20,20"),
            Ok([100.0, 80.0, 200.0, 160.0]),
        ),
        (
            file(json!({})),
            json!({"source": format!("{HOME}/small.jpg"), "selector": {"type": "SvgSelector",
                "value": "<svg><rect x='50' y='40' width='100' height='80'/></svg>"}}),
            Ok([100.0, 80.0, 200.0, 160.0]),
        ),
        (
            file(json!({"width": 2000, "height": 1600})),
            on_file("200,160,400,320"),
            Ok([100.0, 80.0, 200.0, 160.0]),
        ),
        // Of unknown size, but it fills the canvas.
        (
            copy(json!({})),
            json!(on_copy("50,40,100,80")),
            Ok([100.0, 80.0, 200.0, 160.0]),
        ),
        (
            share("full/pct:50/0", [500, 400]),
            json!(on_service("100,80,200,160")),
            Err("size of the image is not known"),
        ),
        // Turned after it was scaled: the service's image is 800 x 1000.
        (
            share("full/max/90", [1000, 800]),
            json!(on_service("100,200,50,40")),
            Ok([100.0, 200.0, 50.0, 40.0]),
        ),
        (
            copy(full()),
            json!(on_service("200,160,400,320")),
            Ok([100.0, 80.0, 200.0, 160.0]),
        ),
        (
            copy(full()),
            json!(on_copy("50,40,100,80")),
            Ok([100.0, 80.0, 200.0, 160.0]),
        ),
        (
            copy(full()),
            json!(on_service("percent:10,10,20,20")),
            Ok([100.0, 80.0, 200.0, 160.0]),
        ),
        (
            copy(json!({})),
            json!(on_service("200,160,400,320")),
            Err("size of the image is not known"),
        ),
        (
            cut.clone(),
            json!(on_service("300,160,40,30")),
            Ok([250.0, 160.0, 100.0, 80.0]),
        ),
        (
            cut,
            json!(on_service("percent:30,20,4,3.75")),
            Ok([250.0, 160.0, 100.0, 80.0]),
        ),
    ];
    for (body, target, wanted) in cases {
        let mut canvas = canvas(1, body.clone());
        // Something on the canvas, so that boxes are in its units.
        canvas["annotations"] = json!([{"type": "AnnotationPage", "items": [tag(1, json!("x"), target.clone()), tag(2, json!("y"), json!(format!("{HOME}/canvas/1#xywh=1,2,3,4")))]}]);
        let found = offline(&manifest(json!([canvas])), &[]);
        let boxes: Vec<&Vec<f64>> = found
            .boxes
            .iter()
            .filter(|(class, _)| class == "x")
            .map(|(_, b)| b)
            .collect();
        match wanted {
            Ok(numbers) => assert_eq!(
                (boxes, &found.rejects),
                (vec![&numbers.to_vec()], &vec![]),
                "{body} {target}"
            ),
            Err(problem) => assert_eq!(
                (boxes.len(), found.rejects[0].1.as_str()),
                (0, problem),
                "{body} {target}"
            ),
        }
    }
    // Two pages cut out of one image: each box is on one of them.
    let half = |n: u8, x: u32| {
        canvas(
            n,
            json!({"type": "SpecificResource", "source": image("1"), "selector": {"type": "ImageApiSelector", "region": format!("{x},0,500,800")}}),
        )
    };
    let mut document = manifest(json!([half(1, 0), half(2, 500)]));
    document["annotations"] = json!([{"type": "AnnotationPage", "items": [
        tag(1, json!("left"), json!(on_service("10,20,30,40"))), tag(2, json!("right"), json!(on_service("510,20,30,40"))),
        tag(3, json!("nowhere"), json!(on_service("1510,20,30,40")))]}]);
    let found = offline(&document, &[]);
    let box_ = vec![10.0, 20.0, 30.0, 40.0];
    assert_eq!(
        found.boxes,
        [
            ("left".to_owned(), box_.clone()),
            ("right".to_owned(), box_)
        ]
    );
    assert_eq!(found.rejects.len(), 1, "{:?}", found.rejects);
    assert!(
        found.rejects[0]
            .1
            .starts_with("outside the part of the service's image")
    );
}

#[test]
fn one_bad_target_costs_that_target_alone() {
    let tei = json!({"source": "https://a.example/t.xml", "selector": {"type": "XPathSelector", "value": "//p"}});
    let found = offline(
        &annotated(json!([tag(
            1,
            json!("x"),
            json!([format!("{HOME}/canvas/1#xywh=1,2,3,4"), tei])
        )])),
        &[],
    );
    assert_eq!(found.boxes.len(), 1);
    assert_eq!(
        found.rejects,
        [(
            "items[0].annotations[0].items[0].target[1]".to_owned(),
            "selector does not select a part of an image: xpathselector".to_owned()
        )]
    );
}

#[test]
fn an_annotation_about_an_annotation_is_about_its_region() {
    let mut reply = tag(
        2,
        json!("in the beginning"),
        json!(format!("{HOME}/anno/1")),
    );
    reply["motivation"] = json!("commenting");
    let first = tag(
        1,
        json!("x"),
        json!(format!("{HOME}/canvas/1#xywh=10,20,30,40")),
    );
    let third = tag(3, json!("y"), json!(format!("{HOME}/anno/2")));
    // In any order.
    let found = offline(&annotated(json!([third, reply, first])), &[]);
    assert_eq!((found.boxes.len(), &found.rejects), (3, &vec![]));
    assert!(
        found
            .boxes
            .iter()
            .all(|(_, b)| *b == [10.0, 20.0, 30.0, 40.0])
    );
    let about: Vec<&Value> = found.attributes.iter().map(|a| &a["about"]).collect();
    assert_eq!(
        about,
        [
            &Value::Null,
            &json!(format!("{HOME}/anno/1")),
            &json!(format!("{HOME}/anno/2"))
        ]
    );
}

#[test]
fn the_same_id_with_other_content_is_another_annotation() {
    let mut second = canvas(2, image("1"));
    second["annotations"] = json!([{"type": "AnnotationPage", "items": [tag(1, json!("dog"), json!(format!("{HOME}/canvas/2#xywh=500,20,30,40")))]}]);
    let mut first = canvas(1, image("1"));
    first["annotations"] = json!([{"type": "AnnotationPage", "items": [tag(1, json!("cat"), json!(format!("{HOME}/canvas/1#xywh=10,20,30,40")))]}]);
    let work = Workdir::new();
    work.write_json("m.json", &manifest(json!([first, second])));
    work.run(
        "digest",
        &["iiif", "m.json", "--offline", "-o", "digest.json"],
    )
    .exits(0);
    work.run("extract", &["digest.json", "digest.json"])
        .exits(0)
        .says(&["1 annotation with the id of another annotation of the same image"]);
    let set = work.json("localizations.json");
    let boxes = set["images"][0]["localizations"].as_array().unwrap();
    let classes: Vec<&str> = boxes
        .iter()
        .map(|b| b["concept"].as_str().unwrap())
        .collect();
    assert_eq!(classes, ["cat", "dog"]);
}

#[test]
fn parts_of_documents_by_reference_are_followed() {
    let server = archive(|home| {
        let mut first = canvas(1, image("1"));
        first["items"] = json!([{"id": format!("{home}/painting"), "type": "AnnotationPage"}]);
        first["annotations"] = json!([{"id": format!("{home}/page"), "type": "AnnotationPage",
            "items": [format!("{home}/anno"), {"id": format!("{home}/gone"), "type": "Annotation"}]}]);
        let mut painting = canvas(1, image("1"))["items"][0].clone();
        painting["id"] = json!(format!("{home}/painting"));
        let mut text = tag(
            1,
            json!(null),
            json!(format!("{HOME}/canvas/1#xywh=10,20,30,40")),
        );
        text["motivation"] = json!("transcribing");
        text["body"] =
            json!({"id": format!("{home}/text#char=3,12"), "type": "Text", "format": "text/plain"});
        let mut document = manifest(json!([first]));
        document["items"][0]["label"] = json!({"none": ["p. 1"]});
        vec![
            ("/m", serve(&document)),
            ("/painting", serve(&painting)),
            ("/anno", serve(&text)),
            (
                "/text",
                recto_testkit::server::Answer::Serve(b"in principio erat".to_vec(), "text/plain"),
            ),
        ]
    });
    let work = Workdir::new();
    let found = account(&work, &with_fast(&[&server.url("/m")]), &[]);
    assert_eq!(
        found.boxes,
        [("text".to_owned(), vec![10.0, 20.0, 30.0, 40.0])],
        "{found:?}"
    );
    assert_eq!(found.attributes[0]["text"], "principio");
    assert_eq!(found.rejects.len(), 1, "{:?}", found.rejects);
    assert!(found.rejects[0].1.contains("404"), "{:?}", found.rejects);
    let digest = work.json("digest.json");
    assert_eq!(
        digest["observations"][0]["source"]["labels"],
        json!({"manifest": "Book", "canvas": "p. 1"})
    );
    assert_eq!(digest["observations"][0]["canvas"], json!([1000, 800]));
}

#[test]
fn what_is_painted_is_followed_too() {
    let server = archive(|home| {
        let mut placed = canvas(1, json!(format!("{home}/body.json")));
        placed["items"][0]["items"][0]["target"] =
            json!(format!("{HOME}/canvas/1#xywh=0,0,500,400"));
        let info = json!({"id": format!("{home}/service/info.json"), "type": "Image"});
        let choice = json!({"id": format!("{home}/choice"), "type": "Choice"});
        let document = manifest(json!([placed, canvas(2, choice), canvas(3, info)]));
        let two = json!({"type": "Choice", "items": [image("2"), image("3")]});
        vec![
            ("/m", serve(&document)),
            ("/body.json", serve(&image("1"))),
            ("/choice", serve(&two)),
        ]
    });
    let work = Workdir::new();
    let found = account(&work, &with_fast(&[&server.url("/m")]), &[]);
    assert_eq!((found.images, found.rejects), (4, vec![]));
    let digest = work.json("digest.json");
    let of_canvas = |n: u8| -> Vec<&Value> {
        let images = digest["observations"].as_array().unwrap().iter();
        let id = json!(format!("{HOME}/canvas/{n}"));
        images
            .filter(|image| image["source"]["canvas"] == id)
            .collect()
    };
    assert_eq!([1, 2, 3].map(|n| of_canvas(n).len()), [1, 2, 1]);
    assert_eq!(of_canvas(1)[0]["placement"], json!([0, 0, 500, 400]));
    assert_eq!(
        of_canvas(3)[0]["image"]["service"]["id"],
        json!(server.url("/service"))
    );
}

#[test]
fn texts_by_reference_are_read_in_part_in_any_encoding_or_listed() {
    use recto_testkit::server::Answer::Serve;
    let text =
        |end: &str| json!({"id": format!("HOME/{end}"), "type": "Text", "format": "text/plain"});
    let part = |selector: Value| json!({"type": "SpecificResource", "source": text("t.txt"), "selector": selector});
    // Body; members of the attributes, or the problem.
    let cases = [
        (text("t.txt#char=3,12"), Ok(json!({"text": "principio"}))),
        (
            part(json!({"type": "TextPositionSelector", "start": 3, "end": 12})),
            Ok(json!({"text": "principio"})),
        ),
        (
            part(json!({"type": "FragmentSelector", "value": "char=3,12"})),
            Ok(json!({"text": "principio"})),
        ),
        (
            part(json!({"type": "TextQuoteSelector", "exact": "principio"})),
            Ok(json!({"text": "principio"})),
        ),
        (
            part(json!({"type": "XPathSelector", "value": "//p"})),
            Err("part of a text is not understood: "),
        ),
        (
            part(json!({"type": "TextPositionSelector", "start": 3, "end": 99})),
            Err("part of a text of 17 characters does not exist: "),
        ),
        (
            text("page.html"),
            Ok(json!({"text": "one\ntwo", "html": "<p>one</p><p>two</p>"})),
        ),
        (text("latin1.txt"), Ok(json!({"text": "M\u{fc}ller"}))),
        (
            text("damaged.txt"),
            Err("text is not in the encoding that it states, or not UTF-8"),
        ),
        (
            json!({"id": "HOME/body.json", "type": "TextualBody"}),
            Ok(json!({"text": "shalom", "language": "he", "text_direction": "rtl"})),
        ),
        (
            json!({"type": "Choice", "items": [text("t.txt#char=0,2")]}),
            Ok(json!({"text": "in"})),
        ),
        (
            text("gone.txt"),
            Err("text cannot be fetched: not found (HTTP 404), body of "),
        ),
        (
            json!({"id": "HOME/tei.xml", "type": "Text", "format": "application/tei+xml"}),
            Err("text was expected: found XML"),
        ),
        (
            json!({"id": "HOME/t.md", "type": "Text", "format": "text/markdown"}),
            Ok(json!({"text": "# one"})),
        ),
        (
            json!({"id": "HOME/gone.md", "type": "Text", "format": "text/markdown"}),
            Err("text cannot be fetched: not found (HTTP 404), body of "),
        ),
    ];
    for (body, wanted) in cases {
        let given = body.to_string();
        let server = archive(move |home| {
            let mut annotation = tag(
                1,
                json!(null),
                json!(format!("{HOME}/canvas/1#xywh=10,20,30,40")),
            );
            annotation["motivation"] = json!("supplementing");
            annotation["body"] = serde_json::from_str(&given.replace("HOME", home)).unwrap();
            let in_json = json!({"type": "TextualBody", "value": "shalom", "language": "he", "textDirection": "rtl"});
            vec![
                ("/m", serve(&annotated(json!([annotation])))),
                ("/t.txt", Serve(b"in principio erat".to_vec(), "text/plain")),
                (
                    "/page.html",
                    Serve(b"<p>one</p><p>two</p>".to_vec(), "text/html"),
                ),
                (
                    "/latin1.txt",
                    Serve(b"M\xfcller".to_vec(), "text/plain; charset=iso-8859-1"),
                ),
                ("/damaged.txt", Serve(b"M\xfcller".to_vec(), "text/plain")),
                ("/body.json", serve(&in_json)),
                (
                    "/tei.xml",
                    Serve(b"<TEI><p>x</p></TEI>".to_vec(), "application/tei+xml"),
                ),
                ("/t.md", Serve(b"# one".to_vec(), "text/markdown")),
            ]
        });
        let work = Workdir::new();
        let found = account(&work, &with_fast(&[&server.url("/m")]), &[]);
        match wanted {
            Ok(members) => {
                assert_eq!(found.rejects, [], "{body}");
                for (name, value) in members.as_object().unwrap() {
                    assert_eq!(found.attributes[0][name], *value, "{body}");
                }
            }
            Err(problem) => {
                let [(field, listed)] = &found.rejects[..] else {
                    panic!("{body}: {found:?}");
                };
                assert_eq!(field, "items[0].annotations[0].items[0].body");
                assert!(listed.starts_with(problem), "{body}: {listed}");
                // Neither the whole text nor its address stands for it: the box is that of a text.
                assert_eq!(found.boxes[0].0, "text", "{body}");
                assert!(found.attributes[0]["text"].is_null(), "{body}");
            }
        }
    }
}

#[test]
fn annotations_that_a_page_names_keep_what_it_says_of_them() {
    let server = archive(|home| {
        let about = json!(format!("{HOME}/canvas/1#xywh=10,20,30,40"));
        let mut document = annotated(json!([
            format!("{home}/1"),
            {"id": format!("{home}/2"), "type": "Annotation"},
            tag(3, json!("c"), about.clone())
        ]));
        let page = &mut document["items"][0]["annotations"][0];
        page["label"] = json!({"none": ["Words"]});
        page["textGranularity"] = json!("word");
        vec![
            ("/m", serve(&document)),
            ("/1", serve(&tag(1, json!("a"), about.clone()))),
            ("/2", serve(&tag(2, json!("b"), about))),
        ]
    });
    let found = account(&Workdir::new(), &with_fast(&[&server.url("/m")]), &[]);
    let mut said: Vec<(&str, u64)> = Vec::new();
    for ((class, _), attributes) in found.boxes.iter().zip(&found.attributes) {
        assert_eq!(attributes["annotation_page"], "Words", "{class}");
        assert_eq!(attributes["granularity"], "word", "{class}");
        said.push((class, attributes["order"].as_u64().unwrap()));
    }
    said.sort_unstable();
    assert_eq!(said, [("a", 1), ("b", 2), ("c", 3)]);
}

#[test]
fn annotations_alone_lead_to_what_they_are_about() {
    let server = archive(|home| {
        let document = manifest(json!([canvas(1, image("1"))]));
        let part = json!({"type": "FragmentSelector", "value": "xywh=10,20,30,40"});
        let by_canvas = json!({"type": "SpecificResource", "selector": part, "source": {"id": format!("{HOME}/canvas/1"),
            "type": "Canvas", "partOf": [{"id": format!("{home}/m"), "type": "Manifest"}]}});
        let plain = json!([tag(
            1,
            json!("x"),
            json!({"source": "https://b.example/1.jpg", "selector": part})
        )]);
        let curation = json!({"@type": "cr:Curation", "@id": format!("{home}/curation"), "selections": [{"@type": "sc:Range",
            "label": "Characters", "within": {"@id": format!("{home}/m"), "@type": "sc:Manifest"},
            "members": [{"@id": format!("{HOME}/canvas/1#xywh=10,20,30,40"), "@type": "sc:Canvas", "label": "ka",
                "metadata": [{"label": "Script", "value": "kana"}]}]}]});
        let annos =
            json!({"type": "AnnotationPage", "items": [tag(1, json!("x"), by_canvas.clone())]});
        let container = json!({"@type": ["ldp:BasicContainer", "AnnotationCollection"], "id": format!("{home}/container"),
            "first": {"type": "AnnotationPage", "items": [tag(1, json!("x"), by_canvas)]}});
        vec![
            ("/m", serve(&document)),
            ("/annos", serve(&annos)),
            ("/plain", serve(&plain)),
            ("/curation", serve(&curation)),
            ("/container", serve(&container)),
        ]
    });
    for (path, class) in [
        ("/annos", "x"),
        ("/plain", "x"),
        ("/curation", "ka"),
        ("/container", "x"),
    ] {
        let work = Workdir::new();
        let found = account(&work, &with_fast(&[&server.url(path)]), &[]);
        assert_eq!(
            found.boxes,
            [(class.to_owned(), vec![10.0, 20.0, 30.0, 40.0])],
            "{path}: {found:?}"
        );
        assert_eq!((found.images, found.rejects), (1, vec![]), "{path}");
        if class == "ka" {
            assert_eq!(found.attributes[0]["Script"], "kana");
            assert_eq!(found.attributes[0]["annotation_page"], "Characters");
        }
    }
}
