//! `recto-extract` as its users meet it: digests in, localizations, rejects, report and exit code out.

mod matching;

use recto_testkit::{Ran, Workdir, schemas};
use serde_json::{Value, json};

const DEFAULT: &[&str] = &["digest.json", "--report", "report.json"];

fn digest(observations: Value) -> Value {
    json!({
        "contract": "recto/digest", "version": 1,
        "source": {"kind": "iiif", "inputs": ["manifest.json"]},
        "observations": observations,
    })
}

/// A page whose canvas is 1000 x 800, with annotations.
fn page(annotations: Value) -> Value {
    json!({
        "id": "https://example.org/iiif/a",
        "image": {"service": {"id": "https://example.org/iiif/a", "version": 2}},
        "source": {"kind": "iiif", "manifest": "manifest.json", "labels": {"canvas": "f. 1r"}},
        "group": "book",
        "metadata": {"Date": ["1200"]},
        "canvas": [1000, 800],
        "annotations": annotations,
    })
}

/// A page with members changed.
fn page_with(changes: Value, annotations: Value) -> Value {
    let mut page = page(annotations);
    for (key, value) in changes.as_object().unwrap() {
        page[key] = value.clone();
    }
    page
}

/// An annotation tagged `alef` with one region.
fn tagged(id: &str, region: Value) -> Value {
    json!({"id": id, "motivation": ["tagging"], "bodies": [{"value": "alef"}], "regions": [region]})
}

fn on_canvas(fragment: &str) -> Value {
    json!({"frame": "canvas", "fragment": fragment})
}

fn on_image(fragment: &str) -> Value {
    json!({"frame": "image", "fragment": fragment})
}

fn outline(svg: &str) -> Value {
    json!({"frame": "canvas", "svg": svg})
}

/// Runs on one digest and checks what must hold of every run: the contracts, and `read == kept + rejected`.
fn run(observations: Value, args: &[&str]) -> (Workdir, Ran) {
    let work = Workdir::new();
    work.write_json("digest.json", &digest(observations));
    let ran = work.run("extract", &[DEFAULT, args].concat());
    check(&work);
    (work, ran)
}

#[track_caller]
fn check(work: &Workdir) {
    let report = work.json("report.json");
    schemas::validate("report", &report);
    let number = |key: &str| report[key].as_u64().unwrap();
    assert_eq!(number("read"), number("kept") + number("rejected"));
    if work.exists("localizations.json") {
        schemas::validate("localizations", &work.json("localizations.json"));
    }
    if work.exists("rejects.csv") {
        assert_eq!(rejects(work).len() as u64, number("rejected"));
    }
}

fn rejects(work: &Workdir) -> Vec<Vec<String>> {
    let bytes = work.read("rejects.csv");
    let rows = csv::Reader::from_reader(&bytes[..]).into_records();
    let texts = |row: csv::StringRecord| row.iter().map(String::from).collect();
    rows.map(|row| texts(row.unwrap())).collect()
}

fn images(work: &Workdir) -> Vec<Value> {
    work.json("localizations.json")["images"]
        .as_array()
        .unwrap()
        .clone()
}

fn boxes(work: &Workdir) -> Vec<Value> {
    let boxes = |image: Value| image["localizations"].as_array().unwrap().clone();
    images(work).into_iter().flat_map(boxes).collect()
}

fn all<'a>(values: &'a [Value], key: &str) -> Vec<&'a Value> {
    values.iter().map(|v| &v[key]).collect()
}

#[test]
fn a_page_becomes_an_image_with_boxes() {
    let annotations = json!([
        tagged("a1", on_canvas("xywh=10,20,30,40")),
        {
            "id": "a2", "motivation": ["supplementing"],
            "bodies": [{"value": "<b>in the</b> beginning", "format": "text/html", "language": "en"}],
            "regions": [outline("<svg><polygon points='100,100 200,100 200,150'/></svg>")],
            "attributes": {"confidence": 0.9},
        },
        {"id": "a3", "motivation": ["classifying"], "bodies": [{"value": "recto"}], "regions": [{"frame": "canvas"}]},
    ]);
    let (work, ran) = run(json!([page(annotations)]), &[]);
    ran.exits(0).says(&[
        "extract: 1 image with 2 boxes in localizations.json",
        "hint: `recto-download localizations.json images` downloads the images",
    ]);
    let wanted = json!({
        "contract": "recto/localizations", "version": 1,
        "images": [{
            "id": "https://example.org/iiif/a",
            "image": {"service": {"id": "https://example.org/iiif/a", "version": 2}},
            "source": {"kind": "iiif", "manifest": "manifest.json", "labels": {"canvas": "f. 1r"}},
            "group": "book",
            "metadata": {"Date": ["1200"]},
            "labels": ["recto"],
            "frame": [1000, 800],
            "localizations": [
                {
                    "id": "a1", "concept": "alef", "bbox": [10, 20, 30, 40],
                    "attributes": {"motivation": "tagging", "tags": ["alef"]},
                },
                {
                    "id": "a2", "concept": "text", "bbox": [100, 100, 100, 50],
                    "polygon": [[100, 100], [200, 100], [200, 150]],
                    "attributes": {
                        "confidence": 0.9, "html": "<b>in the</b> beginning", "language": "en",
                        "motivation": "supplementing", "text": "in the beginning",
                    },
                },
            ],
        }],
    });
    assert_eq!(work.json("localizations.json"), wanted);
    assert_eq!(work.text("rejects.csv"), "input,record,field,problem\n");
    let report = work.json("report.json");
    let counts = [
        ("read", 3),
        ("kept", 3),
        ("images", 1),
        ("localizations", 2),
        ("labels", 1),
        ("clipped", 0),
        ("negatives", 0),
        ("duplicates", 0),
    ];
    for (key, wanted) in counts {
        assert_eq!(report[key], wanted, "{key}");
    }
}

#[test]
fn boxes_stand_in_the_frame_of_the_stored_image() {
    let region = |numbers: [u32; 4]| json!({"service": {"id": "https://example.org/iiif/a", "version": 2, "region": numbers}});
    let sized = json!({"url": "https://example.org/a.jpg", "width": 2000, "height": 1600});
    let cases = [
        (
            "the canvas",
            json!({}),
            on_canvas("xywh=110,60,40,20"),
            json!([1000, 800]),
            json!([110, 60, 40, 20]),
        ),
        (
            "a placement",
            json!({"placement": [100, 50, 400, 200]}),
            on_canvas("xywh=110,60,40,20"),
            json!([400, 200]),
            json!([10, 10, 40, 20]),
        ),
        (
            "a quarter turn",
            json!({"rotation": 90}),
            on_canvas("xywh=110,60,40,20"),
            json!([800, 1000]),
            json!([60, 850, 20, 40]),
        ),
        (
            "percent",
            json!({}),
            on_canvas("xywh=percent:10,10,50,25"),
            json!([1000, 800]),
            json!([100, 80, 500, 200]),
        ),
        (
            "the image itself",
            json!({"image": sized}),
            on_image("xywh=110,60,40,20"),
            json!([2000, 1600]),
            json!([110, 60, 40, 20]),
        ),
        (
            "percent of the image",
            json!({"image": sized}),
            on_image("xywh=percent:10,10,50,25"),
            json!([2000, 1600]),
            json!([200, 160, 1000, 400]),
        ),
        (
            "a region of the service",
            json!({"image": region([100, 50, 600, 500])}),
            on_image("xywh=110,60,40,20"),
            json!([600, 500]),
            json!([10, 10, 40, 20]),
        ),
        (
            "no canvas",
            json!({"canvas": null, "image": sized}),
            on_canvas("xywh=110,60,40,20"),
            json!([2000, 1600]),
            json!([110, 60, 40, 20]),
        ),
    ];
    for (name, changes, region, frame, bbox) in cases {
        let (work, ran) = run(
            json!([page_with(changes, json!([tagged("a", region)]))]),
            &[],
        );
        ran.exits(0);
        assert_eq!(images(&work)[0]["frame"], frame, "{name}");
        assert_eq!(boxes(&work)[0]["bbox"], bbox, "{name}");
    }
}

#[test]
fn boxes_of_both_spaces_share_the_frame_of_the_canvas() {
    let image = json!({"url": "https://example.org/a.jpg", "width": 2000, "height": 1600});
    let annotations = json!([
        tagged("a", on_canvas("xywh=10,10,20,20")),
        tagged("b", on_image("xywh=20,20,40,40"))
    ]);
    let (work, ran) = run(
        json!([page_with(json!({"image": image}), annotations)]),
        &[],
    );
    ran.exits(0);
    assert_eq!(images(&work)[0]["frame"], json!([1000, 800]));
    assert_eq!(
        all(&boxes(&work), "bbox"),
        [&json!([10, 10, 20, 20]), &json!([10, 10, 20, 20])]
    );
}

#[test]
fn what_cannot_be_used_is_rejected_with_its_reason() {
    let no_canvas = json!({"canvas": null});
    let none = json!({});
    let part = json!({"placement": [100, 50, 400, 200]});
    let askew = json!({"rotation": 22.5});
    let point = json!({"frame": "canvas", "point": [3, 4]});
    let cases = [
        (
            &none,
            on_canvas("xywh=1,2,3"),
            "regions[0].fragment",
            "fragment does not have four numbers: xywh=1,2,3",
        ),
        (
            &none,
            on_canvas("xywh=1,2,x,4"),
            "regions[0].fragment",
            "fragment contains something that is not a number: xywh=1,2,x,4",
        ),
        (
            &none,
            on_canvas("xywh=1,2,0,4"),
            "regions[0].fragment",
            "fragment has no extent: xywh=1,2,0,4",
        ),
        (
            &none,
            on_canvas("xywh=1,2,3,-4"),
            "regions[0].fragment",
            "fragment has no extent: xywh=1,2,3,-4",
        ),
        (
            &none,
            on_canvas("xywh=0,0,nan,4"),
            "regions[0].fragment",
            "fragment contains something that is not a number: xywh=0,0,nan,4",
        ),
        (
            &none,
            on_canvas("xywh=0,0,1e99,4"),
            "regions[0].fragment",
            "fragment contains a number that is too large: xywh=0,0,1e99,4",
        ),
        (
            &none,
            on_canvas("t=1,2"),
            "regions[0].fragment",
            "a time selects no part of an image: t=1,2",
        ),
        (
            &none,
            outline("<svg>"),
            "regions[0].svg",
            "svg is not well-formed: elements that are not closed: 1",
        ),
        (
            &none,
            outline("<line x2='3' y2='3'/>"),
            "regions[0].svg",
            "line, not an area: --line-height HEIGHT makes a band of it",
        ),
        (
            &none,
            point,
            "regions[0].point",
            "a point has no extent: 3,4",
        ),
        (
            &none,
            on_canvas("xywh=1000,0,9,9"),
            "regions[0].fragment",
            "outside the image: box 1000,0,9,9, frame 1000 x 800",
        ),
        (
            &part,
            on_canvas("xywh=600,0,9,9"),
            "regions[0].fragment",
            "outside the part of the canvas that the image covers: box 500,-50,9,9, frame 400 x 200",
        ),
        (
            &askew,
            on_canvas("xywh=0,0,9,9"),
            "regions[0].fragment",
            "rotation of the image is not a multiple of 90 degrees: 22.5",
        ),
        (
            &no_canvas,
            on_canvas("xywh=0,0,9,9"),
            "regions[0].fragment",
            "size of canvas and image is not known",
        ),
        (
            &no_canvas,
            on_canvas("xywh=percent:0,0,9,9"),
            "regions[0].fragment",
            "percent of an unknown size: xywh=percent:0,0,9,9",
        ),
        (
            &none,
            on_image("xywh=0,0,9,9"),
            "regions[0].fragment",
            "size of the image is not known",
        ),
    ];
    for (changes, region, field, problem) in cases {
        let observation = page_with(changes.clone(), json!([tagged("a1", region)]));
        let (work, ran) = run(json!([observation]), &[]);
        ran.exits(3)
            .says(&[problem, "hint: rejects.csv lists what was left out"]);
        assert_eq!(rejects(&work), [["digest.json", "a1", field, problem]]);
        // The image stays, as a negative.
        assert_eq!(images(&work).len(), 1, "{problem}");
        assert_eq!(work.json("report.json")["negatives"], 1, "{problem}");
    }
}

#[test]
fn points_become_squares_if_asked_and_points_go_where_boxes_go() {
    let point = json!({"frame": "canvas", "point": [200, 100]});
    let on_scan = json!({"id": "a2", "motivation": ["tagging"], "bodies": [{"value": "alef"}],
        "regions": [on_image("xywh=20,20,20,20")], "attributes": {"keypoints": [22, 24, 2, 0, 0, 0], "baseline": [[20, 40], [40, 40]]}});
    let changes = json!({"placement": [100, 50, 400, 200],
        "image": {"url": "https://a.example/1.jpg", "width": 200, "height": 100}});
    let observation = page_with(changes, json!([tagged("a1", point), on_scan]));
    let (work, ran) = run(json!([observation]), &["--point-size", "10"]);
    ran.exits(0);
    let found = boxes(&work);
    assert_eq!(
        all(&found, "bbox"),
        [&json!([95, 45, 10, 10]), &json!([40, 40, 40, 40])]
    );
    assert_eq!(found[0]["attributes"]["keypoints"], json!([100, 50, 2]));
    assert_eq!(
        found[1]["attributes"]["keypoints"],
        json!([44, 48, 2, 0, 0, 0])
    );
    assert_eq!(
        found[1]["attributes"]["baseline"],
        json!([[40, 80], [80, 80]])
    );
}

#[test]
fn an_image_without_any_size_has_no_frame() {
    let (work, ran) = run(json!([page_with(json!({"canvas": null}), json!([]))]), &[]);
    ran.exits(0)
        .says(&["no boxes: there are no annotations in the digests"]);
    assert!(images(&work)[0]["frame"].is_null());
}

#[test]
fn a_fragment_steps_in_for_an_outline_that_cannot_be_used() {
    let region = json!({"frame": "canvas", "fragment": "xywh=1,2,3,4", "svg": "<path .../>"});
    let (work, ran) = run(json!([page(json!([tagged("a1", region)]))]), &[]);
    ran.exits(0).says(&[
        "1 box taken from xywh, because the SVG cannot be used, first: a1, svg attribute cannot be read",
    ]);
    assert_eq!(boxes(&work)[0]["bbox"], json!([1, 2, 3, 4]));
}

#[test]
fn words_for_different_parts_and_shares_taken_for_pixels_are_told() {
    let apart = "1 box with selectors that select different parts, an outline and xywh or a baseline, first: a1, ";
    let tiny = "1 box within the first pixel of the image: shares of width and height are written xywh=percent:, first: a1";
    let region =
        |fragment: &str, svg: &str| json!({"frame": "canvas", "fragment": fragment, "svg": svg});
    let (boxed, line) = ("xywh=10,20,300,40", |y: u32| {
        format!(
            "<svg><polyline fill='none' points='15,{y} 150,{y} 300,{}'/></svg>",
            y + 2
        )
    });
    let area = |numbers: &str| format!("<svg viewBox='0 0 500 400'><rect {numbers}/></svg>");
    let half = "x='5' y='10' width='150' height='20'";
    let far = "x='400' y='10' width='50' height='20'";
    let with_line = |y: u32| format!("<rect x='10' y='20' width='300' height='40'/>{}", line(y));
    // The region; the box; whether it has a baseline; what is said.
    let cases = [
        (region(boxed, &area(half)), [10, 20, 300, 40], false, None),
        (
            region(boxed, &area(far)),
            [800, 20, 100, 40],
            false,
            Some(apart),
        ),
        (
            region("xywh=percent:1,2.5,30,5", &area(far)),
            [800, 20, 100, 40],
            false,
            Some(apart),
        ),
        (region(boxed, &line(55)), [10, 20, 300, 40], true, None),
        (region(boxed, &line(70)), [10, 20, 300, 40], true, None),
        (
            region(boxed, &line(400)),
            [10, 20, 300, 40],
            false,
            Some(apart),
        ),
        (outline(&with_line(55)), [10, 20, 300, 40], true, None),
        (
            outline(&with_line(400)),
            [10, 20, 300, 40],
            false,
            Some(apart),
        ),
        (on_canvas("xywh=0,0,1,1"), [0, 0, 1, 1], false, Some(tiny)),
        (on_canvas("xywh=1,1,1,1"), [1, 1, 1, 1], false, None),
    ];
    for (region, numbers, has_line, note) in cases {
        let (work, ran) = run(json!([page(json!([tagged("a1", region.clone())]))]), &[]);
        ran.exits(0);
        let found = boxes(&work);
        assert_eq!(found[0]["bbox"], json!(numbers), "{region}");
        let line = &found[0]["attributes"]["baseline"];
        assert_eq!(!line.is_null(), has_line, "{region}: {line}");
        let notes = &work.json("report.json")["notes"];
        let notes: Vec<&str> = notes
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let is_told = |note: &&str| notes.len() == 1 && notes[0].starts_with(*note);
        match note {
            Some(note) => assert!(is_told(&note), "{region}: {notes:?}"),
            None => assert_eq!(notes, [""; 0], "{region}"),
        }
    }
}

#[test]
fn partial_ok_makes_rejects_a_success() {
    let observations = json!([page(json!([tagged("a1", on_canvas("xywh="))]))]);
    run(observations.clone(), &[]).1.exits(3);
    run(observations, &["--partial-ok"]).1.exits(0);
}

#[test]
fn boxes_that_reach_out_are_clipped_or_rejected_as_asked() {
    let annotations = json!([
        tagged("a1", on_canvas("xywh=990,790,20,20")),
        tagged("a2", on_canvas("xywh=-5,0,10,10")),
        tagged(
            "a3",
            outline("<rect x='-10' y='-10' width='20' height='30'/>")
        ),
        tagged("a4", on_canvas("xywh=0,0,1000,800")),
    ]);
    let observations = json!([page(annotations)]);
    let (work, ran) = run(observations.clone(), &[]);
    ran.exits(0).says(&[
        "3 boxes clipped to the image; --outside reject leaves them out, first: a1, box 990,790,20,20",
    ]);
    let found = boxes(&work);
    let wanted = [
        [990, 790, 10, 10],
        [0, 0, 5, 10],
        [0, 0, 10, 20],
        [0, 0, 1000, 800],
    ];
    assert_eq!(json!(all(&found, "bbox")), json!(wanted));
    let inside = |p: &Value| p[0].as_f64() >= Some(0.0) && p[1].as_f64() >= Some(0.0);
    assert!(found[2]["polygon"].as_array().unwrap().iter().all(inside));
    assert_eq!(work.json("report.json")["clipped"], 3);

    let (work, ran) = run(observations, &["--outside", "reject"]);
    ran.exits(3).says(&["left out 3: extends beyond the image"]);
    assert_eq!(all(&boxes(&work), "id"), ["a4"]);
    assert_eq!(work.json("report.json")["clipped"], 0);
}

#[test]
fn the_concept_comes_from_where_it_was_asked() {
    let annotation = json!({
        "id": "a1", "motivation": ["commenting"],
        "bodies": [
            {"value": "a fine\nhand", "purpose": "commenting"},
            {"value": "alef", "purpose": "tagging"},
            {"value": "https://example.org/letter", "label": "Letter", "purpose": "classifying"},
        ],
        "regions": [on_canvas("xywh=1,2,3,4")],
    });
    let cases: [(&[&str], &str); 8] = [
        (&[], "alef"),
        // Its former name.
        (&["--concept-from", "auto"], "alef"),
        (&["--class-from", "tag"], "alef"),
        (&["--class-from", "label"], "Letter"),
        (&["--class-from", "text"], "a fine hand"),
        (&["--class-from", "motivation"], "commenting"),
        (&["--class-from", "constant:letter form"], "letter form"),
        (&["--class-from", "label", "--class-from", "tag"], "Letter"),
    ];
    for (args, wanted) in cases {
        let (work, ran) = run(json!([page(json!([annotation]))]), args);
        ran.exits(0);
        assert_eq!(boxes(&work)[0]["concept"], wanted, "{args:?}");
    }
}

#[test]
fn a_chain_of_rules_goes_on_where_one_finds_nothing() {
    let plain = json!({"id": "a1", "bodies": [{"value": "words"}], "regions": [on_canvas("xywh=1,2,3,4"), {"frame": "canvas"}]});
    let observations = json!([page(json!([plain]))]);
    let (work, ran) = run(observations.clone(), &["--class-from", "tag"]);
    ran.exits(3)
        .says(&["left out 2: no class found; --class-from constant:NAME sets one"]);
    assert_eq!(boxes(&work), [] as [Value; 0]);

    let chain = ["--class-from", "tag", "--class-from", "constant:thing"];
    let (work, ran) = run(observations, &chain);
    ran.exits(0);
    assert_eq!(boxes(&work)[0]["concept"], "thing");
    assert_eq!(images(&work)[0]["labels"], json!(["thing"]));
}

#[test]
fn only_wanted_motivations_are_taken_up() {
    let comment =
        json!({"id": "c", "motivation": ["commenting"], "regions": [on_canvas("xywh=1,2,3,4")]});
    let link =
        json!({"id": "l", "motivation": ["linking"], "regions": [on_canvas("xywh=1,2,3,4")]});
    let observations = json!([page(json!([
        comment,
        tagged("t", on_canvas("xywh=1,2,3,4")),
        link
    ]))]);
    let cases: [(&[&str], &[&str], u64); 4] = [
        (&[], &["c", "t", "l"], 0),
        (&["--motivation", "tagging"], &["t"], 2),
        (
            &["--motivation", "oa:Tagging", "--motivation", "linking"],
            &["t", "l"],
            1,
        ),
        (&["--motivation", "painting"], &[], 3),
    ];
    for (args, wanted, filtered) in cases {
        let (work, ran) = run(observations.clone(), args);
        ran.exits(0);
        assert_eq!(all(&boxes(&work), "id"), wanted, "{args:?}");
        let report = work.json("report.json");
        assert_eq!(report["filtered"], filtered, "{args:?}");
        assert_eq!(report["read"], wanted.len(), "{args:?}");
    }
    run(observations, &["--motivation", "painting"])
        .1
        .says(&["no boxes: --motivation filters out all 3 annotated regions"]);
}

#[test]
fn every_box_has_a_name_of_its_own() {
    let twice = json!({"id": "a1", "motivation": ["tagging"], "bodies": [{"value": "alef"}],
        "regions": [on_canvas("xywh=1,2,3,4"), on_canvas("xywh="), on_canvas("xywh=5,6,7,8")]});
    let mut other_band = page(json!([tagged("shared", on_canvas("xywh=1,1,1,1"))]));
    other_band["id"] = "https://example.org/iiif/b".into();
    let observations = json!([
        page(json!([
            twice,
            tagged("a1#3", on_canvas("xywh=9,9,9,9")),
            tagged("shared", on_canvas("xywh=1,1,1,1"))
        ])),
        other_band,
        page_with(
            json!({"id": "c"}),
            json!([
                tagged("", on_canvas("xywh=1,1,1,1")),
                tagged("", on_canvas("xywh=2,1,1,1"))
            ])
        ),
    ]);
    let (work, ran) = run(observations, &[]);
    ran.exits(3);
    let found = boxes(&work);
    let ids = all(&found, "id");
    let hashed = |id: &Value| id.as_str().unwrap().starts_with("shared@");
    assert_eq!(json!(ids[..3]), json!(["a1", "a1#4", "a1#3"]));
    assert!(
        hashed(ids[3]) && hashed(ids[4]) && ids[3] != ids[4],
        "{ids:?}"
    );
    assert_eq!(json!(ids[5..]), json!(["c#annotation-1", "c#annotation-2"]));
    // The source's own id is kept wherever it is not the name.
    let own: Vec<&Value> = found
        .iter()
        .map(|b| &b["attributes"]["annotation"])
        .collect();
    assert_eq!(
        json!(own[..5]),
        json!([null, "a1", null, "shared", "shared"])
    );
}

#[test]
fn an_id_that_a_source_uses_twice_is_numbered() {
    let annotations = json!([
        tagged("a", on_canvas("xywh=1,1,1,1")),
        tagged("a", on_canvas("xywh=2,1,1,1")),
        tagged("a", on_canvas("xywh=3,1,1,1")),
        tagged("a", on_canvas("xywh=3,1,1,1")),
    ]);
    let (work, ran) = run(json!([page(annotations)]), &[]);
    ran.exits(0);
    assert_eq!(all(&boxes(&work), "id"), ["a", "a#2", "a#3"]);
    assert_eq!(
        work.json("report.json")["duplicates"],
        1,
        "the same annotation twice"
    );
}

#[test]
fn a_box_belongs_to_the_image_of_its_canvas_that_it_lies_on() {
    let half = |id: &str, x: u32| {
        let annotations = json!([
            tagged("left", on_canvas("xywh=10,10,20,20")),
            tagged("right", on_canvas("xywh=610,10,20,20")),
            tagged("both", on_canvas("xywh=490,10,20,20")),
            tagged("none", on_canvas("xywh=10,700,20,20"))
        ]);
        let place = json!({"id": id, "placement": [x, 0, 500, 400],
            "image": {"url": format!("https://example.org/{id}.jpg")}});
        page_with(place, annotations)
    };
    let (work, ran) = run(json!([half("l", 0), half("r", 500)]), &[]);
    ran.exits(3);
    let seen = images(&work);
    let found: Vec<Vec<String>> = seen
        .iter()
        .map(|image| {
            let boxes = image["localizations"].as_array().unwrap().iter();
            boxes.map(|b| b["bbox"].to_string()).collect()
        })
        .collect();
    assert_eq!(
        found,
        [
            ["[10,10,20,20]", "[490,10,10,20]"],
            ["[110,10,20,20]", "[0,10,10,20]"]
        ]
    );
    // Once, though two images were asked.
    let problem =
        "outside the part of the canvas that the image covers: box 10,700,20,20, frame 500 x 400";
    assert_eq!(
        rejects(&work),
        [["digest.json", "none", "regions[0].fragment", problem]]
    );
    assert_eq!(work.json("report.json")["read"], 5);
}

#[test]
fn pixels_of_an_unknown_size_are_not_mixed_with_another_frame() {
    let mut unsized_image = page(json!([tagged("p", on_image("xywh=10,10,20,20"))]));
    unsized_image.as_object_mut().unwrap().remove("canvas");
    let framed = page(json!([tagged("c", on_canvas("xywh=10,10,20,20"))]));
    for (pair, kept) in [
        ([&unsized_image, &framed], "p"),
        ([&framed, &unsized_image], "c"),
    ] {
        let (work, ran) = run(json!(pair), &[]);
        ran.exits(3)
            .says(&["other boxes of the image are in another frame"]);
        assert_eq!(all(&boxes(&work), "id"), [kept]);
        let report = work.json("report.json");
        assert_eq!((&report["read"], &report["kept"]), (&json!(2), &json!(1)));
    }
}

#[test]
fn digests_are_merged_and_duplicates_folded() {
    let work = Workdir::new();
    let first = page(json!([tagged("a1", on_canvas("xywh=10,10,20,20"))]));
    let second = page_with(
        json!({
            "canvas": [2000, 1600], "group": "shelf", "metadata": {"Date": ["1200", "c. 1200"], "Place": ["Reims"]},
            "image": {"url": "https://example.org/a.jpg", "width": 4000, "height": 3200},
        }),
        json!([
            tagged("a1", on_canvas("xywh=20,20,40,40")),
            tagged("a2", on_canvas("xywh=40,40,20,20"))
        ]),
    );
    work.write_json("one.json", &digest(json!([first])));
    work.write_json("two.json", &digest(json!([second])));
    let ran = work.run(
        "extract",
        &["one.json", "two.json", "--report", "report.json"],
    );
    ran.exits(0).says(&["1 image in several groups; the first group is used, first: https://example.org/iiif/a, book and shelf"]);
    check(&work);
    let image = &images(&work)[0];
    assert_eq!(image["frame"], json!([1000, 800]));
    assert_eq!(image["group"], "book");
    assert_eq!(
        image["metadata"],
        json!({"Date": ["1200", "c. 1200"], "Place": ["Reims"]})
    );
    assert_eq!(image["image"]["url"], "https://example.org/a.jpg");
    assert_eq!(image["image"]["width"], 4000);
    assert_eq!(image["image"]["service"]["version"], 2);
    let found = boxes(&work);
    assert_eq!(all(&found, "id"), ["a1", "a2"]);
    assert_eq!(
        found[1]["bbox"],
        json!([20, 20, 10, 10]),
        "scaled into the first frame"
    );
    assert_eq!(work.json("report.json")["duplicates"], 1);
    assert_eq!(work.json("report.json")["folded"], 1);
}

#[test]
fn frames_that_disagree_in_shape_are_news() {
    let other = page_with(json!({"canvas": [1000, 1000]}), json!([]));
    let (_, ran) = run(json!([page(json!([])), other]), &[]);
    ran.exits(0).says(&["1 image with frames of different aspect ratio, first: https://example.org/iiif/a, 1000 x 800 and 1000 x 1000"]);
}

#[test]
fn the_same_digest_twice_is_the_same_as_once() {
    let work = Workdir::new();
    let annotations = json!([
        tagged("a1", on_canvas("xywh=10,10,20,20")),
        tagged("a2", json!({"frame": "canvas"}))
    ]);
    work.write_json("digest.json", &digest(json!([page(annotations)])));
    work.run("extract", &["digest.json", "-o", "once.json"])
        .exits(0);
    work.run(
        "extract",
        &["digest.json", "digest.json", "-o", "twice.json"],
    )
    .exits(0);
    assert_eq!(work.text("once.json"), work.text("twice.json"));
}

#[test]
fn observations_without_an_address_are_rejected() {
    let observations = json!([
        page(json!([])),
        page_with(json!({"id": "b", "image": {}}), json!([])),
        page_with(json!({"id": ""}), json!([])),
        page_with(json!({"id": "d"}), json!([{"id": "a", "regions": []}])),
    ]);
    let (work, ran) = run(observations, &[]);
    ran.exits(3).says(&[
        "digest.json, b, image: image has neither url nor service",
        "digest.json, observation 3, id: id of the observation is missing",
        "digest.json, a, regions: annotation does not have any region",
    ]);
    assert_eq!(
        all(&images(&work), "id"),
        ["https://example.org/iiif/a", "d"]
    );
}

#[test]
fn no_images_is_an_error_that_publishes_nothing() {
    let (work, ran) = run(json!([]), &[]);
    ran.exits(1).says(&[
        "error: no images: there are no observations in digest.json",
        "hint: `recto-digest` reports",
    ]);
    assert!(!work.exists("localizations.json"));
    let (work, ran) = run(json!([page_with(json!({"image": {}}), json!([]))]), &[]);
    ran.exits(1).says(&[
        "no images: 1 observation of digest.json cannot be used, image has neither url nor service",
    ]);
    assert!(!work.exists("localizations.json"));
}

#[test]
fn inputs_that_are_no_digests_are_named_and_nothing_is_damaged() {
    let cases: [(&str, &str, &[&str]); 7] = [
        (
            "{",
            "error: digest.json:1:1: EOF while parsing an object",
            &[],
        ),
        (
            "url,label\nhttps://a.example/1.jpg,a\n",
            "error: digest.json: is not JSON, recto/digest was expected",
            &["`recto-digest table` reads tables"],
        ),
        (
            "[]",
            "error: no images: there are no observations in digest.json",
            &[],
        ),
        (
            "{}",
            "error: digest.json: `contract` is missing, recto/digest was expected",
            &["`recto-digest` writes"],
        ),
        (
            "{\"contract\":\"recto/localizations\",\"version\":1}",
            "is a recto/localizations file, recto/digest was expected",
            &[],
        ),
        (
            "{\"contract\":\"recto/digest\",\"version\":7}",
            "version 7 of recto/digest, this program knows 1 to 1",
            &[],
        ),
        (
            "{\"contract\":\"recto/digest\",\"version\":1,\"source\":{\"kind\":\"iiif\",\"inputs\":[]},\n\"observations\":[{\"id\":3}]}",
            "error: digest.json:2:23: `observations[0].id`: invalid type: integer `3`, expected a string",
            &[],
        ),
    ];
    for (text, message, more) in cases {
        let work = Workdir::new();
        work.write("digest.json", text)
            .write("localizations.json", "mine");
        let ran = work.run("extract", &["digest.json"]);
        ran.exits(1).says(&[message]).says(more);
        assert_eq!(work.text("localizations.json"), "mine", "{text}");
        assert!(!work.exists("rejects.csv"), "{text}");
    }
    let work = Workdir::new();
    work.run("extract", &["gone.json"])
        .exits(1)
        .says(&["error: gone.json: no such file"]);
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_2() {
    let cases: [(&[&str], &str); 8] = [
        (&[], "<DIGEST>..."),
        (
            &["digest.json", "--class-from", "colour"],
            "expected auto, tag, label, text, motivation or constant:NAME",
        ),
        (
            &["digest.json", "--class-from", "constant:"],
            "expected auto, tag, label, text, motivation or constant:NAME",
        ),
        (
            &["digest.json", "--outside", "bend"],
            "[possible values: clip, reject]",
        ),
        (
            &["digest.json", "-o", "./digest.json"],
            "is an input, and would be overwritten",
        ),
        (
            &["digest.json", "--rejects", "digest.json"],
            "is an input, and would be overwritten",
        ),
        (
            &["digest.json", "-o", "a", "--rejects", "a"],
            "-o and --rejects name the same file",
        ),
        (&["-", "-"], "standard input (-) can be read only once"),
    ];
    for (args, message) in cases {
        let work = Workdir::new();
        work.write_json("digest.json", &digest(json!([page(json!([]))])));
        let before = work.read("digest.json");
        work.run("extract", args).exits(2).says(&[message]);
        assert_eq!(work.read("digest.json"), before, "{args:?}");
    }
}

#[test]
fn outputs_go_where_they_were_asked_to_go() {
    let work = Workdir::new();
    let observations = json!([page(json!([tagged("a", on_canvas("xywh="))]))]);
    work.write_json("digest.json", &digest(observations));
    work.run("extract", &["digest.json", "-o", "made/here.json"])
        .exits(3);
    assert!(work.exists("made/here.json") && work.exists("made/rejects.csv"));
    work.run(
        "extract",
        &[
            "digest.json",
            "-o",
            "made/here.json",
            "--rejects",
            "left.csv",
        ],
    )
    .exits(3);
    assert!(
        work.text("left.csv")
            .contains("fragment does not have four numbers")
    );

    let piped = Workdir::new();
    let ran = piped.run_with_stdin(
        "extract",
        &["-", "-o", "-", "-q"],
        &work.read("digest.json"),
    );
    ran.exits(3);
    assert_eq!(ran.stderr(), "");
    assert_eq!(ran.stdout().into_bytes(), work.read("made/here.json"));
    assert!(piped.tree("").is_empty(), "no file that was not asked for");
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let work = Workdir::new();
    work.write_json("digest.json", &digest(json!([page(json!([]))])));
    work.write("file", "");
    let ran = work.run("extract", &["digest.json", "-o", "file/localizations.json"]);
    ran.exits(1).says(&["cannot be written"]);
    assert_eq!(work.tree("").len(), 2);
}

/// An outline of several areas is one polygon, whose parts are joined by lines of no width.
#[test]
fn an_outline_of_several_areas_is_kept() {
    let two =
        "<svg><polygon points='20,20 60,20 50,60'/><polygon points='120,20 160,20 150,60'/></svg>";
    let (work, ran) = run(json!([page(json!([tagged("a1", outline(two))]))]), &[]);
    ran.exits(0);
    let set = work.json("localizations.json");
    let polygon = set["images"][0]["localizations"][0]["polygon"]
        .as_array()
        .unwrap();
    assert!(polygon.len() >= 6, "{polygon:?}");
}

#[test]
fn the_table_of_images_has_a_row_for_each_and_a_list_of_its_boxes() {
    use recto_testkit::readers::parquet_rows;
    let two = json!([
        tagged("1", on_canvas("xywh=10,20,30,40")),
        tagged("2", on_canvas("xywh=1,2,3,4")),
    ]);
    let of = |id: &str, image: Value| json!({"id": id, "image": image, "canvas": null});
    let at = json!({"url": "https://example.org/b.jpg"});
    let bare = page_with(of("https://example.org/iiif/b", at), json!([]));
    let at =
        json!({"url": "https://example.org/c.jpg", "width": 2_147_483_648_u32, "height": u32::MAX});
    let mut unread = page_with(of("https://example.org/iiif/c", at), json!([]));
    unread["rejected"] = json!(true);
    let args = ["--parquet", "images.parquet"];
    let (work, ran) = run(json!([page(two), bare, unread]), &args);
    ran.exits(0);
    let rows = parquet_rows(work.read("images.parquet"));
    let text = |row: usize, column: &str| {
        let mut columns = rows[row].get_column_iter();
        columns
            .find(|(name, _)| *name == column)
            .unwrap()
            .1
            .to_string()
    };
    assert_eq!(rows.len(), 3);
    for (row, column, wanted) in [
        (0, "id", "\"https://example.org/iiif/a\""),
        (0, "service_version", "2"),
        (0, "url", "null"),
        (0, "metadata", "\"{\"Date\":[\"1200\"]}\""),
        (0, "frame_width", "1000.0"),
        (0, "canvas_label", "\"f. 1r\""),
        (1, "url", "\"https://example.org/b.jpg\""),
        (1, "frame_width", "null"),
        (1, "labels", "[]"),
        (1, "boxes", "[]"),
        (1, "rejected", "false"),
        (2, "boxes", "[]"),
        (2, "rejected", "true"),
        (2, "width", "2147483648"),
        (2, "height", "4294967295"),
    ] {
        assert_eq!(text(row, column), wanted, "{column} of {row}");
    }
    let boxes = text(0, "boxes");
    assert_eq!(boxes.matches("concept: \"alef\"").count(), 2, "{boxes}");
    assert!(
        boxes.contains("x: 10.0, y: 20.0, width: 30.0, height: 40.0"),
        "{boxes}"
    );
    work.run(
        "extract",
        &["digest.json", "-o", "x.json", "--parquet", "digest.json"],
    )
    .exits(2);
}
