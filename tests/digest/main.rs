//! `recto-digest` as people run it: documents in, digest.json out, and what is said when they are bad.

mod bad_input;
mod bodies;
mod boxes;
mod canvases;
mod changes;
mod elsewhere;
mod fathomnet;
mod large;
mod lock;
mod lost;
mod m3;
mod network;
mod parts;
mod reading;
mod selectors;
mod statements;
mod table;
mod table_files;
mod text;
mod workers;

use recto_testkit::Workdir;
use recto_testkit::server::{Answer, Server};
use serde_json::{Value, json};

/// A Presentation 2 manifest of pages, each with one image service.
fn manifest(id: &str, pages: &[&str]) -> Value {
    let canvases: Vec<Value> = pages.iter().map(|page| canvas(id, page)).collect();
    json!({"@context": "http://iiif.io/api/presentation/2/context.json", "@id": id, "@type": "sc:Manifest",
           "label": format!("Book {id}"), "sequences": [{"canvases": canvases}]})
}

fn canvas(manifest: &str, page: &str) -> Value {
    let resource = json!({"@id": format!("{manifest}/{page}.jpg"), "@type": "dctypes:Image", "label": format!("band of {page}"),
        "service": {"@id": format!("{manifest}/service/{page}"), "profile": "http://iiif.io/api/image/2/level1.json"}});
    json!({"@id": format!("{manifest}/canvas/{page}"), "@type": "sc:Canvas", "label": format!("page {page}"), "width": 200, "height": 100,
           "images": [{"motivation": "sc:painting", "resource": resource, "on": format!("{manifest}/canvas/{page}")}]})
}

fn serve(value: &Value) -> Answer {
    Answer::Serve(serde_json::to_vec(value).unwrap(), "application/json")
}

/// A server of documents whose ids are built from its own address.
fn archive(
    documents: impl Fn(&str) -> Vec<(&'static str, Answer)> + Send + Sync + 'static,
) -> Server {
    Server::start(move |request, _| {
        let home = format!("http://{}", request.headers["host"]);
        let documents = documents(&home);
        let found = documents
            .into_iter()
            .find(|(path, _)| *path == request.path);
        found.map_or(Answer::Status(404), |(_, answer)| answer)
    })
}

const FAST: [&str; 4] = ["--rate", "0", "--backoff", "0"];

fn with_fast<'a>(args: &[&'a str]) -> Vec<&'a str> {
    args.iter().copied().chain(FAST).collect()
}

fn observations(work: &Workdir) -> Vec<Value> {
    work.json("digest.json")["observations"]
        .as_array()
        .unwrap()
        .clone()
}

fn texts(work: &Workdir, pointer: &str) -> Vec<String> {
    let text = |o: &Value| {
        o.pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    observations(work).iter().map(text).collect()
}

#[test]
fn one_image_carries_all_that_later_stages_need() {
    let work = Workdir::new();
    let mut document = manifest("https://a.example/m", &["1"]);
    document["metadata"] = json!([{"label": "Shelf", "value": ["A", {"@value": "<b>B</b>"}]}, {"label": "Empty", "value": ""}]);
    document["license"] = json!("https://rights.example/by");
    document["attribution"] = json!({"@value": "An archive", "@language": "en"});
    document["sequences"][0]["canvases"][0]["metadata"] =
        json!([{"label": {"en": ["Side"]}, "value": {"none": ["recto"]}}]);
    work.write_json("m.json", &document);
    work.run("digest", &["iiif", "m.json", "-o", "digest.json"])
        .exits(0)
        .says(&["1 image in digest.json"]);
    let wanted = json!({
        "id": "https://a.example/m/service/1",
        "image": {"url": "https://a.example/m/1.jpg", "service": {"id": "https://a.example/m/service/1", "version": 2, "level": 1}},
        "source": {"kind": "iiif", "manifest": "https://a.example/m", "canvas": "https://a.example/m/canvas/1",
                   "labels": {"manifest": "Book https://a.example/m", "canvas": "page 1", "image": "band of 1"},
                   "rights": "https://rights.example/by", "attribution": "An archive"},
        "group": "https://a.example/m",
        "metadata": {"Shelf": ["A", "<b>B</b>"], "Side": ["recto"]},
        "canvas": [200, 100]});
    assert_eq!(observations(&work), [wanted]);
    let digest = work.json("digest.json");
    assert_eq!(digest["contract"], "recto/digest");
    assert_eq!(
        digest["source"],
        json!({"kind": "iiif", "inputs": ["m.json"]})
    );
    assert_eq!(
        work.text("digest.rejects.csv"),
        "input,record,field,problem\n"
    );
}

#[test]
fn documents_are_read_however_they_are_shaped() {
    let image = |id: &str| json!({"id": format!("https://a.example/{id}.jpg"), "type": "Image"});
    let page = |body: Value| json!([{"type": "AnnotationPage", "items": [{"type": "Annotation", "motivation": "painting", "body": body, "target": "c"}]}]);
    let canvas3 =
        |items: Value| json!({"id": "https://a.example/c", "type": "Canvas", "items": items});
    let manifest3 = |canvas: Value| json!({"type": "Manifest", "id": "https://a.example/m", "label": {"none": ["x"]}, "items": [canvas]});
    let old = |member: &str| json!({"@id": "https://a.example/c", "@type": "sc:Canvas", member: [{"resource": {"@id": "https://a.example/1.jpg", "@type": "dctypes:Image"}}]});
    let cases = [
        ("presentation 3", manifest3(canvas3(page(image("1")))), 1),
        (
            "choice",
            manifest3(canvas3(page(
                json!({"type": "Choice", "items": [image("1"), image("2"), image("3")]}),
            ))),
            3,
        ),
        (
            "body array",
            manifest3(canvas3(page(
                json!([image("1"), {"type": "TextualBody", "value": "t"}]),
            ))),
            1,
        ),
        (
            "part of an image",
            manifest3(canvas3(page(
                json!({"type": "SpecificResource", "source": image("1"), "selector": {"type": "ImageApiSelector", "rotation": "90"}}),
            ))),
            1,
        ),
        ("lone canvas", canvas3(page(image("1"))), 1),
        ("canvas of version 2", old("images"), 1),
        ("canvas before version 1", old("resources"), 1),
        (
            "lone sequence",
            json!({"@type": "sc:Sequence", "canvases": [old("images")]}),
            1,
        ),
        (
            "sequences as an object",
            json!({"@type": "sc:Manifest", "sequences": {"canvases": [old("images")]}}),
            1,
        ),
        (
            "no type",
            json!({"sequences": [{"canvases": [old("images")]}]}),
            1,
        ),
        (
            "members null",
            json!({"@type": "sc:Manifest", "label": null, "metadata": null, "sequences": [null, {"canvases": [null, old("images")]}]}),
            1,
        ),
        (
            "draft of version 3",
            json!({"type": "Manifest", "sequences": [{"canvases": [{"type": "Canvas", "id": "c", "content": page(image("1"))}]}]}),
            1,
        ),
        (
            "placeholder canvas",
            manifest3(
                json!({"id": "https://a.example/c", "type": "Canvas", "placeholderCanvas": canvas3(page(image("2"))), "items": page(image("1"))}),
            ),
            1,
        ),
        (
            "inline manifest",
            json!({"type": "Collection", "items": [manifest3(canvas3(page(image("1"))))]}),
            1,
        ),
        (
            "info.json",
            json!({"@context": "http://iiif.io/api/image/2/context.json", "@id": "https://a.example/i", "width": 9, "height": 9, "profile": ["level1"]}),
            1,
        ),
    ];
    for (name, document, n) in cases {
        let work = Workdir::new();
        work.write_json("m.json", &document);
        // What is beside an image and is none is listed.
        let code = if ["body array", "members null"].contains(&name) {
            3
        } else {
            0
        };
        work.run("digest", &["iiif", "m.json", "-o", "digest.json"])
            .exits(code);
        assert_eq!(observations(&work).len(), n, "{name}");
    }
}

#[test]
fn a_byte_order_mark_and_standard_input_are_no_obstacle() {
    let work = Workdir::new();
    let text = format!("\u{feff}\r\n {}", manifest("https://a.example/m", &["1"]));
    work.write("m.js", text);
    let input = std::fs::File::open(work.path("m.js")).unwrap();
    let ran = work
        .command("digest", &["iiif", "-", "-o", "-"])
        .stdin(input)
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(0));
    let digest: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(digest["observations"].as_array().unwrap().len(), 1);
    assert!(!work.exists("-") && !work.exists("-.rejects.csv"));
}

#[test]
fn annotations_are_joined_wherever_they_stand() {
    let server = archive(|home| {
        let mut book = manifest(&format!("{home}/m"), &["1", "2"]);
        let about = |page: &str, n: u32| {
            json!({"@type": "oa:Annotation", "motivation": "oa:tagging", "resource": {"@type": "oa:Tag", "chars": format!("tag {n}")},
            "on": format!("{home}/m/canvas/{page}#xywh={n},0,5,5")})
        };
        let canvases = &mut book["sequences"][0]["canvases"];
        canvases[0]["otherContent"] =
            json!([{"@id": format!("{home}/list"), "@type": "sc:AnnotationList"}]);
        canvases[1]["otherContent"] = json!(format!("{home}/list"));
        canvases[1]["annotations"] = json!([{"type": "AnnotationPage", "items": [about("2", 9)]}]);
        vec![
            ("/m", serve(&book)),
            (
                "/list",
                serve(
                    &json!({"@type": "sc:AnnotationList", "resources": [about("1", 1)], "next": format!("{home}/list2")}),
                ),
            ),
            (
                "/list2",
                serve(&json!({"resources": [about("1", 2), about("2", 3), about("nowhere", 4)]})),
            ),
        ]
    });
    let work = Workdir::new();
    let url = server.url("/m");
    let args = with_fast(&["iiif", &url, "-o", "digest.json", "--report", "report.json"]);
    work.run("digest", &args).exits(3).says(&[
        "left out 1: target is not an image, a canvas with an image or a used annotation of the documents",
        "/m/canvas/nowhere",
    ]);
    let tags: Vec<Vec<&str>> = vec![vec!["tag 1", "tag 2"], vec!["tag 9", "tag 3"]];
    let seen = observations(&work);
    for (observation, wanted) in seen.iter().zip(tags) {
        let annotations = observation["annotations"].as_array().unwrap();
        let said: Vec<&str> = annotations
            .iter()
            .map(|a| a["bodies"][0]["value"].as_str().unwrap())
            .collect();
        assert_eq!(said, wanted);
        assert!(annotations.iter().all(
            |a| a["motivation"] == json!(["tagging"]) && a["bodies"][0]["purpose"] == "tagging"
        ));
    }
    assert_eq!(
        seen[0]["annotations"][0]["regions"],
        json!([{"frame": "canvas", "fragment": "xywh=1,0,5,5"}])
    );
    assert_eq!(work.json("report.json")["annotations"], 5);
    assert_eq!(server.hits("/list"), 1);

    let args = with_fast(&["iiif", &url, "-o", "digest.json", "--no-annotations"]);
    work.run("digest", &args).exits(0);
    assert_eq!(server.hits("/list"), 1, "--no-annotations fetches none");
    let args = with_fast(&[
        "iiif",
        &url,
        "-o",
        "digest.json",
        "--label",
        "page 2",
        "--limit",
        "1",
    ]);
    work.run("digest", &args).exits(3);
    assert_eq!(
        server.hits("/list"),
        2,
        "lists of images that are kept are fetched"
    );
}

#[test]
fn annotations_of_image_services_make_observations_of_them() {
    let work = Workdir::new();
    let target = json!({"type": "SpecificResource", "source": {"id": "https://a.example/i", "type": "ImageService2", "width": 90, "height": 60},
        "selector": {"type": "SvgSelector", "value": "<svg><polygon points=\"1,1 2,2 3,1\"/></svg>"}});
    work.write_json("a.json", &json!({"type": "AnnotationPage", "items": [{"id": "g", "type": "Annotation", "motivation": "georeferencing", "target": target}]}));
    work.run("digest", &["iiif", "a.json", "-o", "digest.json"])
        .exits(0);
    let seen = observations(&work);
    assert_eq!(seen[0]["image"]["width"], 90);
    assert_eq!(seen[0]["annotations"][0]["regions"][0]["frame"], "image");
}

#[test]
fn filters_keep_what_they_say() {
    let work = Workdir::new();
    let mut one = manifest("https://a.example/one", &["1", "2"]);
    one["metadata"] = json!([{"label": "Place", "value": "Qumran"}]);
    work.write_json("1.json", &one);
    work.write_json("2.json", &manifest("https://a.example/two", &["1", "3"]));
    let cases: [(&[&str], &[&str]); 9] = [
        (
            &["--label", "BAND of 1"],
            &["one/service/1", "two/service/1"],
        ),
        (
            &["--label", "page 3", "--label", "page 2"],
            &["one/service/2", "two/service/3"],
        ),
        (
            &["--label", "Book .*two"],
            &["two/service/1", "two/service/3"],
        ),
        (
            &["--where", "Place=Qumran"],
            &["one/service/1", "one/service/2"],
        ),
        (
            &["--where", "Place!=Qumran"],
            &["two/service/1", "two/service/3"],
        ),
        (
            &["--where", "Place~^Qum", "--where", "label=page 2"],
            &["one/service/2"],
        ),
        (
            &[
                "--where",
                "group=https://a.example/two",
                "--label",
                "page 1",
            ],
            &["two/service/1"],
        ),
        (
            &["--limit", "3"],
            &["one/service/1", "one/service/2", "two/service/1"],
        ),
        (&["--label", "page 1", "--limit", "1"], &["one/service/1"]),
    ];
    for (filters, wanted) in cases {
        let args: Vec<&str> = [
            "iiif",
            "1.json",
            "2.json",
            "-o",
            "digest.json",
            "--report",
            "report.json",
        ]
        .iter()
        .chain(filters)
        .copied()
        .collect();
        work.run("digest", &args).exits(0);
        let ids: Vec<String> = texts(&work, "/id")
            .iter()
            .map(|id| id.replace("https://a.example/", ""))
            .collect();
        assert_eq!(ids, wanted, "{filters:?}");
        let report = work.json("report.json");
        if !filters.contains(&"--limit") {
            assert_eq!(report["seen"], 4, "{filters:?}");
        }
        assert_eq!(
            report["kept"].as_u64().unwrap(),
            wanted.len() as u64,
            "{filters:?}"
        );
        assert_eq!(
            work.json("digest.json")["source"]["filters"]
                .as_array()
                .unwrap()
                .len(),
            filters.len() / 2
        );
    }
}

#[test]
fn members_of_a_saved_collection_are_found_beside_it() {
    let work = Workdir::new();
    work.write_json(
        "archive/top.json",
        &json!({"@type": "sc:Collection", "manifests": [{"@id": "m.json"}]}),
    );
    work.write_json("archive/m.json", &manifest("https://a.example/m", &["1"]));
    work.run("digest", &["iiif", "archive/top.json", "-o", "digest.json"])
        .exits(0);
    assert_eq!(texts(&work, "/id"), ["https://a.example/m/service/1"]);
}

#[test]
fn an_alternative_listed_twice_is_counted_twice_and_kept_once() {
    let work = Workdir::new();
    let mut document = manifest("https://a.example/m", &["1"]);
    let image = document["sequences"][0]["canvases"][0]["images"][0]["resource"].clone();
    document["sequences"][0]["canvases"][0]["images"][0]["resource"] =
        json!({"@type": "oa:Choice", "default": image, "item": [image, "rdf:nil"]});
    work.write_json("m.json", &document);
    work.run(
        "digest",
        &[
            "iiif",
            "m.json",
            "-o",
            "digest.json",
            "--report",
            "report.json",
        ],
    )
    .exits(0)
    .says(&["merged"]);
    let report = work.json("report.json");
    assert_eq!(
        (&report["images"], &report["services"], &report["kept"]),
        (&json!(2), &json!(2), &json!(1))
    );
}
