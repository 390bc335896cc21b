//! An image whose annotations or boxes `recto-digest` rejects is no negative: `rejected` in localizations.json.

use recto_testkit::Workdir;
use recto_testkit::server::Answer;
use serde_json::{Value, json};

use super::{archive, serve, with_fast};

const HOME: &str = "https://a.example";

fn name(n: u8) -> String {
    format!("{HOME}/canvas/{n}")
}

/// A canvas of 1000 x 800 with one image, and with what its member `annotations` holds.
fn canvas(n: u8, annotations: Value) -> Value {
    let (id, image) = (name(n), format!("{HOME}/img/{n}"));
    json!({"id": id, "type": "Canvas", "width": 1000, "height": 800, "annotations": annotations,
        "items": [{"id": format!("{id}/page"), "type": "AnnotationPage", "items": [{"id": format!("{id}/painting"),
            "type": "Annotation", "motivation": "painting", "target": id, "body": {"id": format!("{image}/full/max/0/default.jpg"),
            "type": "Image", "service": [{"id": image, "type": "ImageService3", "profile": "level2"}]}}]}]})
}

fn manifest(canvases: Value, annotations: Value) -> Value {
    json!({"id": format!("{HOME}/m"), "type": "Manifest", "label": {"none": ["Book"]}, "items": canvases, "annotations": annotations})
}

fn tag(target: Value) -> Value {
    json!({"id": format!("{HOME}/anno"), "type": "Annotation", "motivation": "tagging",
        "body": {"type": "TextualBody", "purpose": "tagging", "value": "t"}, "target": target})
}

fn page(annotations: Value) -> Value {
    json!([{"id": format!("{HOME}/page"), "type": "AnnotationPage", "items": annotations}])
}

fn on(n: u8, selector: Value) -> Value {
    json!({"type": "SpecificResource", "source": name(n), "selector": selector})
}

/// The ends of the ids of images that are rejected, and of those that are negatives.
fn outcome(work: &Workdir, digests: &[&str]) -> [Vec<String>; 2] {
    work.run("extract", digests);
    let images = work.json("localizations.json")["images"].clone();
    let images = images.as_array().unwrap();
    [true, false].map(|rejected| {
        let is_meant = |image: &&Value| {
            image["localizations"] == json!([])
                && image["rejected"].as_bool().unwrap_or(false) == rejected
        };
        let end = |image: &Value| {
            image["id"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned()
        };
        images.iter().filter(is_meant).map(end).collect()
    })
}

/// What is lost, the document, and which images are rejected and which are negatives.
type Case = (
    &'static str,
    Value,
    &'static [&'static str],
    &'static [&'static str],
);

fn cases() -> Vec<Case> {
    let wkt = json!({"type": "WktSelector", "value": "POLYGON((1 1,5 1,5 5,1 1))"});
    let of_one = |annotations: Value| {
        manifest(
            json!([canvas(1, page(annotations)), canvas(2, json!([]))]),
            json!([]),
        )
    };
    let of_book =
        |pages: Value| manifest(json!([canvas(1, json!([])), canvas(2, json!([]))]), pages);
    let gone = json!([{"id": format!("{HOME}/gone"), "type": "AnnotationPage"}]);
    let whole = tag(json!(format!("{}#xywh=1,2,3,4", name(1))));
    vec![
        (
            "selector",
            of_one(json!([tag(on(1, wkt.clone()))])),
            &["1"],
            &["2"],
        ),
        (
            "fragment",
            of_one(json!([tag(json!(format!("{}#rect=1,2,3,4", name(1))))])),
            &["1"],
            &["2"],
        ),
        (
            "of another canvas",
            of_one(json!([tag(on(2, wkt.clone()))])),
            &["2"],
            &["1"],
        ),
        (
            "without target",
            of_one(json!([tag(Value::Null)])),
            &["1"],
            &["2"],
        ),
        (
            "unknown target",
            of_one(json!([tag(json!("https://b.example/x"))])),
            &["1"],
            &["2"],
        ),
        ("not an annotation", of_one(json!([7])), &["1"], &["2"]),
        (
            "beside one that is used",
            of_one(json!([tag(on(1, wkt.clone())), whole])),
            &[],
            &["2"],
        ),
        (
            "page of a canvas",
            manifest(
                json!([canvas(1, gone.clone()), canvas(2, json!([]))]),
                json!([]),
            ),
            &["1"],
            &["2"],
        ),
        (
            "not a page",
            manifest(
                json!([canvas(1, json!([7])), canvas(2, json!([]))]),
                json!([]),
            ),
            &["1"],
            &["2"],
        ),
        ("page of a manifest", of_book(gone), &["1", "2"], &[]),
        (
            "at the manifest",
            of_book(page(json!([tag(on(2, wkt.clone()))]))),
            &["2"],
            &["1"],
        ),
        (
            "about the manifest",
            of_book(page(json!([tag(json!(format!("{HOME}/m")))]))),
            &[],
            &["1", "2"],
        ),
    ]
}

#[test]
fn an_image_whose_annotations_are_lost_is_no_negative() {
    for (what, document, rejected, negatives) in cases() {
        let work = Workdir::new();
        work.write_json("m.json", &document);
        work.run(
            "digest",
            &["iiif", "m.json", "-o", "digest.json", "--offline"],
        )
        .exits(3);
        assert_eq!(
            outcome(&work, &["digest.json"]),
            [rejected, negatives]
                .map(|ids| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()),
            "{what}"
        );
    }
}

/// A page that several canvases name is lost for each of them, whether the server refuses it or sends something else.
#[test]
fn a_document_of_annotations_that_cannot_be_read_is_lost_wherever_it_is_named() {
    for (what, answer) in [
        ("refused", Answer::Status(404)),
        (
            "not JSON",
            Answer::Serve(b"[1".to_vec(), "application/json"),
        ),
    ] {
        let server = archive(move |home| {
            let named = json!([{"id": format!("{home}/page"), "type": "AnnotationPage"}]);
            let canvases = json!([
                canvas(1, named.clone()),
                canvas(2, named),
                canvas(3, json!([]))
            ]);
            vec![
                ("/m", serve(&manifest(canvases, json!([])))),
                ("/page", answer.clone()),
            ]
        });
        let work = Workdir::new();
        let url = server.url("/m");
        work.run("digest", &with_fast(&["iiif", &url, "-o", "digest.json"]))
            .exits(3);
        let wanted = [vec!["1".to_owned(), "2".to_owned()], vec!["3".to_owned()]];
        assert_eq!(outcome(&work, &["digest.json"]), wanted, "{what}");
    }
}

/// Lists of annotations and boxes from elsewhere say it of the images of the archive's digest.
#[test]
fn what_is_lost_in_another_digest_is_no_negative_of_the_archive() {
    let image =
        |n: u8| json!({"id": n, "file_name": format!("img/{n}"), "width": 1000, "height": 800});
    let record =
        |n: u8, bbox: Value| json!({"id": n, "image_id": n, "category_id": 1, "bbox": bbox});
    let coco = json!({"images": [image(1), image(2)], "categories": [{"id": 1, "name": "t"}],
        "annotations": [record(1, json!([1, 2, 3])), record(2, json!([1, 2, 30, 40]))]});
    let wkt = json!({"type": "WktSelector", "value": "POINT(1 1)"});
    let sound = json!({"id": format!("{HOME}/sound"), "type": "Annotation", "motivation": "tagging",
        "body": {"type": "TextualBody", "value": "t"}, "target": format!("{}#xywh=1,2,3,4", name(2))});
    let list = |target: Value| json!({"id": format!("{HOME}/list"), "type": "AnnotationPage", "items": [tag(target), sound]});
    let cases = [
        ("coco", coco),
        ("iiif", list(on(1, wkt))),
        ("iiif", list(json!(format!("{}#rect=1,2,3,4", name(1))))),
    ];
    for (source, document) in cases {
        let work = Workdir::new();
        let canvases = (1..=3).map(|n| canvas(n, json!([])));
        work.write_json("m.json", &manifest(canvases.collect(), json!([])));
        work.write_json("boxes.json", &document);
        work.run("digest", &["iiif", "m.json", "-o", "digest.json"])
            .exits(0);
        work.run("digest", &[source, "boxes.json", "-o", "other.json"]);
        for digests in [["digest.json", "other.json"], ["other.json", "digest.json"]] {
            let wanted = [vec!["1".to_owned()], vec!["3".to_owned()]];
            assert_eq!(outcome(&work, &digests), wanted, "{document}");
        }
    }
}

/// A file of boxes for one image that cannot be read is about this image all the same.
#[test]
fn a_label_file_that_cannot_be_read_is_lost_for_its_image() {
    let object = "<annotation><filename>2</filename><size><width>1000</width><height>800</height></size><object><name>t</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object></annotation>";
    type File<'a> = (&'a str, &'a [u8]);
    let cases: [(&str, &[File]); 2] = [
        (
            "voc",
            &[("1.xml", b"<annotation>"), ("2.xml", object.as_bytes())],
        ),
        (
            "yolo",
            &[
                ("1.txt", b"0 0.5 \x80"),
                ("2.txt", b"0 0.5 0.5 0.1 0.1"),
                ("classes.txt", b"t"),
            ],
        ),
    ];
    for (source, files) in cases {
        let work = Workdir::new();
        let canvases = (1..=3).map(|n| canvas(n, json!([])));
        work.write_json("m.json", &manifest(canvases.collect(), json!([])));
        for (name, bytes) in files {
            work.write(&format!("labels/{name}"), bytes);
        }
        work.run("digest", &["iiif", "m.json", "-o", "digest.json"])
            .exits(0);
        work.run("digest", &[source, "labels", "-o", "other.json"])
            .exits(3);
        let wanted = [vec!["1".to_owned()], vec!["3".to_owned()]];
        assert_eq!(
            outcome(&work, &["digest.json", "other.json"]),
            wanted,
            "{source}"
        );
    }
}

#[test]
fn an_outline_or_a_baseline_of_too_few_points_is_listed() {
    let alto = |outline: &str, baseline: &str| {
        format!(
            "<alto><Layout><Page WIDTH='1000' HEIGHT='800'><PrintSpace><TextBlock ID='b' HPOS='10' VPOS='20' WIDTH='300' HEIGHT='100'>{outline}<TextLine ID='l' HPOS='10' VPOS='20' WIDTH='300' HEIGHT='40' {baseline}/></TextBlock></PrintSpace></Page></Layout></alto>"
        )
    };
    let page = |baseline: &str| {
        format!(
            "<PcGts><Page imageWidth='1000' imageHeight='800'><TextRegion id='b'><Coords points='0,0 900,0 900,700'/><TextLine id='l'><Coords points='10,20 310,20 310,60'/><Baseline points='{baseline}'/></TextLine></TextRegion></Page></PcGts>"
        )
    };
    let shape = |points: &str| format!("<Shape><Polygon POINTS='{points}'/></Shape>");
    let cases = [
        (
            alto(&shape("10,20 310,20"), ""),
            Some("b,outline,\"outline is left out: polygon has 2 points, at least 3 are needed\""),
        ),
        (alto(&shape("10,20 310,20 310,60"), ""), None),
        (
            alto("", "BASELINE='10,58'"),
            Some("l,baseline,\"baseline is left out: it has 1 point, at least 2 are needed\""),
        ),
        (alto("", "BASELINE='10,58 310,58'"), None),
        (
            page("10,58"),
            Some("l,baseline,\"baseline is left out: it has 1 point, at least 2 are needed\""),
        ),
        (page("10,58 310,58"), None),
    ];
    for (text, wanted) in cases {
        let work = Workdir::new();
        work.write_json(
            "m.json",
            &manifest(json!([canvas(1, json!([]))]), json!([])),
        );
        work.write("1.xml", &text);
        let args = [
            "iiif",
            "m.json",
            "--text-files",
            "1.xml",
            "-o",
            "digest.json",
        ];
        work.run("digest", &args)
            .exits(if wanted.is_some() { 3 } else { 0 });
        let listed = work.text("digest.rejects.csv");
        let listed: Vec<&str> = listed.lines().skip(1).collect();
        let wanted: Vec<String> = wanted.iter().map(|end| format!("1.xml,{end}")).collect();
        assert_eq!(listed, wanted, "{text}");
        work.run("extract", &["digest.json"]).exits(0);
        let image = &work.json("localizations.json")["images"][0];
        assert_eq!(
            image["localizations"].as_array().map(Vec::len),
            Some(2),
            "{text}"
        );
        assert_eq!(image.get("rejected"), None, "{text}");
    }
}

/// A transcription of which nothing can be used is one of this image all the same.
#[test]
fn an_image_whose_transcription_is_lost_is_no_negative() {
    let line = "<alto><Layout><Page WIDTH='1000' HEIGHT='800'><TextLine ID='l' HPOS='10' VPOS='x' WIDTH='300' HEIGHT='40'/></Page></Layout></alto>";
    let wide = "<alto><Layout><Page WIDTH='3000' HEIGHT='800'><TextLine ID='l' HPOS='1' VPOS='2' WIDTH='3' HEIGHT='4'/></Page></Layout></alto>";
    for text in [line, wide, "<alto><Layout>"] {
        let work = Workdir::new();
        let canvases = json!([canvas(1, json!([])), canvas(2, json!([]))]);
        work.write_json("m.json", &manifest(canvases, json!([])));
        work.write("1.xml", text);
        let args = [
            "iiif",
            "m.json",
            "--text-files",
            "1.xml",
            "-o",
            "digest.json",
        ];
        work.run("digest", &args).exits(3);
        let wanted = [vec!["1".to_owned()], vec!["2".to_owned()]];
        assert_eq!(outcome(&work, &["digest.json"]), wanted, "{text}");
    }
}
