//! The stages in a row, from an archive on the web to training sets, and every box on the pixels it names.

use std::collections::BTreeMap;

use image::RgbImage;
use recto_testkit::Workdir;
use recto_testkit::dataset::rows;
use recto_testkit::iiif::Origin;
use recto_testkit::readers::read_dataset;
use recto_testkit::server::{Answer, Server};
use serde_json::{Value, json};

const HOME: &str = "https://archive.example";

const FAST: [&str; 6] = ["--rate", "0", "--backoff", "0", "--retries", "1"];

/// Concept → the colour that nothing but its rectangle has.
const COLOURS: [(&str, [u8; 3]); 2] = [("alef", [255, 0, 255]), ("bet", [0, 255, 0])];

/// Names of all formats.
fn formats() -> Vec<&'static str> {
    let all = recto::formats::ALL.iter();
    all.map(|format| format.name()).collect()
}

type Rectangle = (&'static str, [u32; 4]);

/// `[left, top, right, bottom]` of the rectangles in the pixels of 480 × 320 images.
const FIRST: [Rectangle; 2] = [("alef", [40, 30, 140, 90]), ("bet", [240, 160, 300, 221])];
const SECOND: [Rectangle; 1] = [("alef", [60, 40, 140, 90])];

fn paint(rectangles: &[Rectangle], x: u32, y: u32) -> [u8; 3] {
    let holds = |[left, top, right, bottom]: [u32; 4]| {
        (left..right).contains(&x) && (top..bottom).contains(&y)
    };
    let found = rectangles.iter().find(|(_, place)| holds(*place));
    let colour = |concept| COLOURS.iter().find(|(c, _)| *c == concept).unwrap().1;
    found.map_or([((x ^ y) % 200) as u8; 3], |(concept, _)| colour(*concept))
}

/// An archive whose image server says nothing of its limit of 100 pixels a side.
fn archive() -> Server {
    let origin = |paint| Origin {
        width: 480,
        height: 320,
        cap: Some(100),
        paint,
        ..Origin::default()
    };
    let first = origin(|x, y| paint(&FIRST, x, y));
    let second = origin(|x, y| paint(&SECOND, x, y));
    Server::start(move |request, _| match request.path.as_str() {
        "/m1" => serve(&manifest("m1", [choice(), verso()])),
        "/m2" => serve(&manifest("m2", [placed(), gone()])),
        "/list" => serve(&list()),
        path if path.starts_with("/iiif/first-nir/") => first.answer(request),
        path if path.starts_with("/iiif/second-nir/") => second.answer(request),
        _ => Answer::Status(404),
    })
}

fn serve(value: &Value) -> Answer {
    Answer::Serve(value.to_string().into(), "application/json")
}

fn manifest(name: &str, canvases: [Value; 2]) -> Value {
    json!({"@context": "http://iiif.io/api/presentation/2/context.json", "@id": format!("{HOME}/{name}"), "@type": "sc:Manifest",
           "label": name, "metadata": [{"label": "Siglum", "value": format!("4Q{name}")}], "sequences": [{"canvases": canvases}]})
}

fn canvas(name: &str, size: [u32; 2], resource: Value, placement: &str) -> Value {
    let id = format!("{HOME}/canvas/{name}");
    let painting = json!({"@type": "oa:Annotation", "motivation": "sc:painting", "resource": resource, "on": format!("{id}{placement}")});
    json!({"@id": id, "@type": "sc:Canvas", "label": name, "width": size[0], "height": size[1], "images": [painting]})
}

fn image(name: &str, label: &str) -> Value {
    let service = json!({"@id": format!("{HOME}/iiif/{name}"), "profile": "http://iiif.io/api/image/2/level2.json"});
    json!({"@id": format!("{HOME}/iiif/{name}/full/full/0/default.jpg"), "@type": "dctypes:Image", "label": label, "service": service})
}

/// The canvas is half as large as the image; its annotations stand in a list of their own.
fn choice() -> Value {
    let alternatives = json!({"@type": "oa:Choice", "default": image("first-colour", "Colour Recto"),
        "item": [image("first-nir", "NIR 924 Recto")]});
    let mut canvas = canvas("1", [240, 160], alternatives, "");
    canvas["otherContent"] = json!([{"@id": format!("{HOME}/list"), "@type": "sc:AnnotationList"}]);
    canvas
}

fn verso() -> Value {
    canvas("1v", [240, 160], image("first-verso", "NIR 924 Verso"), "")
}

/// The image fills a part of the canvas, which holds twice its number of pixels there.
fn placed() -> Value {
    let image = image("second-nir", "NIR 924 Recto");
    let mut canvas = canvas("2", [500, 400], image, "#xywh=100,50,240,160");
    let tag = |name: &str, fragment: &str| {
        tagged(
            "alef",
            name,
            json!(format!("{HOME}/canvas/2#xywh={fragment}")),
        )
    };
    let tags = [tag("inside", "130,70,40,25"), tag("outside", "0,0,50,40")];
    canvas["otherContent"] =
        json!([{"@id": format!("{HOME}/list2"), "@type": "sc:AnnotationList", "resources": tags}]);
    canvas
}

fn gone() -> Value {
    canvas("3", [240, 160], image("gone", "NIR 924 Recto"), "")
}

fn list() -> Value {
    let svg =
        r#"<svg xmlns="http://www.w3.org/2000/svg"><path d="M120,80 h30 v30.5 h-30 z"/></svg>"#;
    let outline = json!({"@type": "oa:SpecificResource", "full": format!("{HOME}/canvas/1"),
        "selector": {"@type": "oa:SvgSelector", "chars": svg}});
    json!({"@id": format!("{HOME}/list"), "@type": "sc:AnnotationList", "resources": [
        tagged("alef", "a", json!(format!("{HOME}/canvas/1#xywh=20,15,50,30"))), tagged("bet", "b", outline)]})
}

fn tagged(concept: &str, name: &str, on: Value) -> Value {
    json!({"@id": format!("{HOME}/annotation/{name}"), "@type": "oa:Annotation", "motivation": "oa:tagging",
           "resource": {"@type": "oa:Tag", "chars": concept}, "on": on})
}

/// How a run differs from another that must make the same.
struct Way {
    jobs: &'static str,
    manifests: [&'static str; 2],
}

const FORWARD: Way = Way {
    jobs: "1",
    manifests: ["m1", "m2"],
};

/// From the archive to images: digests of two manifests, localizations, downloads.
fn harvest(way: &Way) -> Workdir {
    let (server, work) = (archive(), Workdir::new());
    let rewrite = format!("{HOME}/={}", server.url("/"));
    let network = [&["--rewrite", &rewrite, "-j", way.jobs][..], &FAST].concat();
    for name in way.manifests {
        let url = format!("{HOME}/{name}");
        let (digest, report) = (format!("{name}.json"), format!("{name}.report.json"));
        let call = [
            "iiif",
            &url,
            "-o",
            &digest,
            "--label",
            "NIR.*Recto",
            "--report",
            &report,
        ];
        work.run("digest", &[&call, &network[..]].concat()).exits(0);
    }
    let digests = way.manifests.map(|name| format!("{name}.json"));
    let call = [&digests[0], &digests[1], "--report", "extract.report.json"];
    work.run("extract", &call).exits(3).says(&["left out 1: "]);
    let call = [
        "localizations.json",
        "images",
        "--format",
        "png",
        "--report",
        "download.report.json",
    ];
    work.run("download", &[&call, &network[..]].concat())
        .exits(3)
        .says(&["2 of 3 images"]);
    work
}

fn reformat(work: &Workdir, format: &str) -> BTreeMap<String, Vec<u8>> {
    let call = [
        "localizations.json",
        "-f",
        format,
        "-o",
        "out",
        "--report",
        "reformat.report.json",
    ];
    work.run("reformat", &call).exits(3);
    let tree = work.tree("out");
    assert!(!tree.is_empty());
    tree
}

#[test]
fn boxes_cover_the_pixels_they_name_in_every_format() {
    let work = harvest(&FORWARD);
    let mut read = 0;
    for format in formats() {
        reformat(&work, format);
        let Some(samples) = read_dataset(&work, format) else {
            continue;
        };
        let mut boxes: Vec<usize> = samples.iter().map(|(_, boxes)| boxes.len()).collect();
        boxes.sort();
        assert_eq!(boxes, [SECOND.len(), FIRST.len()], "{format}");
        for (picture, boxes) in samples {
            assert_eq!(picture.dimensions(), (480, 320), "{format}");
            for (concept, edges) in boxes {
                covers(&picture, &concept, edges, format);
            }
        }
        read += 1;
    }
    assert!(read >= 5, "only {read} formats have boxes");
}

/// The box holds all pixels of the concept's colour and no other. TensorFlow's edges have 32 bits and may miss
/// the edge of a pixel by a hair.
#[track_caller]
fn covers(picture: &RgbImage, concept: &str, edges: [f64; 4], format: &str) {
    let [left, top, right, bottom] = edges.map(|edge| edge.round() as u32);
    for (edge, whole) in edges.iter().zip([left, top, right, bottom]) {
        assert!(
            (edge - f64::from(whole)).abs() < 1e-4,
            "{format}: {edges:?}"
        );
    }
    let colour = COLOURS.iter().find(|(name, _)| *name == concept).unwrap().1;
    for (x, y, pixel) in picture.enumerate_pixels() {
        let inside = (left..right).contains(&x) && (top..bottom).contains(&y);
        assert_eq!(
            pixel.0 == colour,
            inside,
            "{format}: {concept} {edges:?} at {x},{y}"
        );
    }
}

#[test]
fn counts_add_up_from_stage_to_stage() {
    let work = harvest(&FORWARD);
    reformat(&work, "coco");
    let report = |name: &str| work.json(&format!("{name}.report.json"));
    let n = |name: &str, key: &str| report(name)[key].as_u64().unwrap();
    for name in ["m1", "m2", "extract", "download", "reformat"] {
        assert_eq!(
            n(name, "read"),
            n(name, "kept") + n(name, "rejected"),
            "{name}"
        );
        assert_eq!(
            n(name, "seen"),
            n(name, "read") + n(name, "filtered"),
            "{name}"
        );
        let reasons = report(name)["reasons"].as_object().unwrap().clone();
        let reasons: u64 = reasons.values().filter_map(Value::as_u64).sum();
        assert_eq!(reasons, n(name, "rejected"), "{name}");
    }
    // Three images in m1, two of them of no use; m2 holds one whose pixels are gone.
    assert_eq!(
        [n("m1", "kept"), n("m1", "filtered"), n("m2", "kept")],
        [1, 2, 2]
    );
    assert_eq!(n("extract", "images"), n("m1", "kept") + n("m2", "kept"));
    assert_eq!(
        [n("extract", "localizations"), n("extract", "rejected")],
        [3, 1]
    );
    assert_eq!(n("download", "read"), n("extract", "images"));
    assert_eq!([n("download", "kept"), n("download", "rejected")], [2, 1]);
    assert_eq!(rows(&work, "failures.csv").len(), 1);
    assert_eq!(n("reformat", "images"), n("download", "kept"));
    assert_eq!(n("reformat", "boxes"), n("extract", "localizations"));
    assert_eq!(n("reformat", "rejected"), n("download", "rejected"));
    let coco = work.json("out/annotations/instances_default.json");
    assert_eq!(
        coco["annotations"].as_array().unwrap().len() as u64,
        n("reformat", "boxes")
    );
    assert_eq!(
        coco["images"].as_array().unwrap().len() as u64,
        n("reformat", "images")
    );
    assert_eq!(work.json("image_map.json").as_object().unwrap().len(), 2);
}

/// The images, without the journal, which tells when.
fn pictures(work: &Workdir) -> BTreeMap<String, Vec<u8>> {
    let mut tree = work.tree("images");
    tree.retain(|name, _| name != "downloads.jsonl" && !name.starts_with(".recto"));
    tree
}

#[test]
fn the_same_archive_gives_the_same_bytes_wherever_it_is_and_however_many_jobs() {
    let one = harvest(&FORWARD);
    let many = harvest(&Way {
        jobs: "8",
        ..FORWARD
    });
    let files = [
        "m1.json",
        "m2.json",
        "localizations.json",
        "rejects.csv",
        "image_map.json",
        "failures.csv",
    ];
    for file in files {
        assert_eq!(one.text(file), many.text(file), "{file}");
        assert!(!one.text(file).contains("127.0.0.1"), "{file}");
    }
    assert!(pictures(&one) == pictures(&many));
    for format in formats() {
        assert!(
            reformat(&one, format) == reformat(&many, format),
            "{format}"
        );
    }
}

#[test]
fn the_order_of_inputs_changes_no_training_set() {
    let forward = harvest(&FORWARD);
    let backward = harvest(&Way {
        manifests: ["m2", "m1"],
        ..FORWARD
    });
    assert_ne!(
        forward.text("localizations.json"),
        backward.text("localizations.json")
    );
    assert_eq!(
        forward.text("image_map.json"),
        backward.text("image_map.json")
    );
    assert_eq!(forward.text("failures.csv"), backward.text("failures.csv"));
    assert!(pictures(&forward) == pictures(&backward));
    // The card and its form for programs have the hash of the input, which differs.
    let set = |work: &Workdir, format| {
        let mut tree = reformat(work, format);
        assert!(tree.remove("dataset.json").is_some() && tree.remove("README.md").is_some());
        tree
    };
    for format in formats() {
        assert!(set(&forward, format) == set(&backward, format), "{format}");
    }
}
