//! What documents say of rights, of who annotated, and in which wrapping they come.

use std::io::Write as _;

use recto_testkit::Workdir;
use serde_json::{Value, json};

use super::{manifest, observations};

const ZERO: &str = "http://creativecommons.org/publicdomain/zero/1.0/";
const KEPT: &str = "http://rightsstatements.org/vocab/InC/1.0/";

fn digest(document: &Value) -> Workdir {
    let work = Workdir::new();
    work.write_json("m.json", document);
    work.run("digest", &["iiif", "m.json", "-o", "digest.json"])
        .exits(0);
    work
}

/// A manifest of one image, with members changed by JSON pointer.
fn changed(changes: &[(&str, Value)]) -> Value {
    let mut document = manifest("https://a.example/m", &["1"]);
    for (pointer, value) in changes {
        let (around, member) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(around).unwrap()[member] = value.clone();
    }
    document
}

#[test]
fn the_nearest_statement_of_rights_is_that_of_the_image() {
    let canvas = "/sequences/0/canvases/0";
    let at = |end: &str, member: &str| format!("{canvas}{end}/{member}");
    let image = at("/images/0/resource", "license");
    let named = at("/images/0/resource", "attribution");
    let service = at("/images/0/resource/service", "license");
    let painting = at("/images/0", "license");
    let of_canvas = at("", "license");
    let zero = || ("/license", json!(ZERO));
    let both = format!("{ZERO}; {KEPT}");
    let statement = |value: Value| json!({"label": {"en": ["By"]}, "value": value});
    type Case<'a> = (Vec<(&'a str, Value)>, Option<&'a str>, Option<&'a str>);
    let cases: Vec<Case> = vec![
        (
            vec![zero(), (&image, json!(KEPT)), (&named, json!("A"))],
            Some(KEPT),
            Some("A"),
        ),
        (
            vec![("/attribution", json!("B")), (&image, json!(KEPT))],
            Some(KEPT),
            Some("B"),
        ),
        (vec![zero(), (&service, json!(KEPT))], Some(KEPT), None),
        (vec![zero(), (&painting, json!(KEPT))], Some(KEPT), None),
        (
            vec![(&of_canvas, json!(ZERO)), (&painting, json!(KEPT))],
            Some(KEPT),
            None,
        ),
        (
            vec![zero(), ("/sequences/0/license", json!(KEPT))],
            Some(KEPT),
            None,
        ),
        (
            vec![
                ("/sequences/0/license", json!(KEPT)),
                (&of_canvas, json!(ZERO)),
            ],
            Some(ZERO),
            None,
        ),
        (vec![zero()], Some(ZERO), None),
        (
            vec![("/license", json!([ZERO, KEPT, ZERO]))],
            Some(&both),
            None,
        ),
        (
            vec![(
                "/license",
                json!([{"@value": "frei", "@language": "de"}, {"@value": "free", "@language": "en"}]),
            )],
            Some("free"),
            None,
        ),
        (
            vec![(
                "/requiredStatement",
                json!([statement(json!({"en": ["A"]})), statement(json!("B"))]),
            )],
            None,
            Some("A; B"),
        ),
        (vec![("/requiredStatement", json!("A"))], None, Some("A")),
        (vec![], None, None),
    ];
    for (changes, rights, attribution) in cases {
        let work = digest(&changed(&changes));
        let source = observations(&work)[0]["source"].clone();
        let said = [&source["rights"], &source["attribution"]].map(Value::as_str);
        assert_eq!(said, [rights, attribution], "{changes:?}");
    }
}

#[test]
fn a_description_of_an_image_service_says_its_rights() {
    let about = json!({"width": 10, "height": 8, "protocol": "http://iiif.io/api/image", "profile": "level2"});
    for (said, attribution) in [
        (
            json!({"@context": "http://iiif.io/api/image/3/context.json", "id": "https://a.example/i", "type": "ImageService3", "rights": KEPT}),
            None,
        ),
        (
            json!({"@context": "http://iiif.io/api/image/2/context.json", "@id": "https://a.example/i", "license": KEPT, "attribution": "A"}),
            Some("A"),
        ),
    ] {
        let mut info = about.clone();
        info.as_object_mut()
            .unwrap()
            .extend(said.as_object().unwrap().clone());
        let work = digest(&info);
        let source = &observations(&work)[0]["source"];
        let said = [&source["rights"], &source["attribution"]].map(Value::as_str);
        assert_eq!(said, [Some(KEPT), attribution], "{info}");
    }
}

#[test]
fn who_annotated_is_said_in_any_words() {
    let cases = [
        (json!({"creator": {"name": "A"}}), json!({"creator": "A"})),
        (
            json!({"dcterms:creator": "A", "dcterms:created": "2016"}),
            json!({"creator": "A", "created": "2016"}),
        ),
        (
            json!({"annotatedBy": {"@type": "foaf:Person", "foaf:name": "A"}, "annotatedAt": "2015-01-01"}),
            json!({"creator": "A", "created": "2015-01-01"}),
        ),
        (
            json!({"oa:annotatedBy": "http://a.example/1"}),
            json!({"creator": "http://a.example/1"}),
        ),
        (
            json!({"creator": [{"name": "A"}, {"name": "B"}, {"name": "A"}]}),
            json!({"creator": "A; B"}),
        ),
        (
            json!({"body": {"value": "t", "creator": {"name": "A"}, "confidence": 0.4}}),
            json!({"creator": "A", "confidence": 0.4}),
        ),
        (
            json!({"creator": {"name": "B"}, "confidence": 0.5, "body": {"value": "t", "creator": {"name": "A"}, "confidence": 0.4}}),
            json!({"creator": "B", "confidence": 0.5}),
        ),
        (json!({"creator": ""}), json!({})),
    ];
    for (members, wanted) in cases {
        let target = "https://a.example/m/canvas/1#xywh=1,2,3,4";
        let mut annotation = json!({"id": "https://a.example/1", "type": "Annotation", "body": {"value": "t"}, "target": target});
        annotation
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        let page = json!([{"@type": "sc:AnnotationList", "resources": [annotation]}]);
        let work = digest(&changed(&[("/sequences/0/canvases/0/otherContent", page)]));
        let mut said = observations(&work)[0]["annotations"][0]["attributes"].clone();
        said.as_object_mut().unwrap().remove("order");
        assert_eq!(said, wanted, "{members}");
    }
}

#[test]
fn documents_are_read_in_every_wrapping() {
    let text = manifest("https://a.example/m", &["1", "é"]).to_string();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let wide = |mark: &str, to: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("{mark}{text}")
            .encode_utf16()
            .flat_map(to)
            .collect()
    };
    let mark = "\u{feff}";
    let cases = [
        packed.clone(),
        ruzstd::encoding::compress_to_vec(
            text.as_bytes(),
            ruzstd::encoding::CompressionLevel::Fastest,
        ),
        wide(mark, u16::to_le_bytes),
        wide(mark, u16::to_be_bytes),
        wide("", u16::to_le_bytes),
        format!("{mark}{text}").into_bytes(),
    ];
    let work = Workdir::new();
    for bytes in cases {
        work.write("m.json", &bytes);
        work.run("digest", &["iiif", "m.json", "-o", "digest.json"])
            .exits(0);
        assert_eq!(observations(&work).len(), 2);
    }
    work.write("m.json", &packed[..20]);
    work.run("digest", &["iiif", "m.json", "-o", "digest.json"])
        .exits(1)
        .says(&["document cannot be decompressed from gzip: "]);
    // Small until it is decompressed.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let blank = vec![b' '; 1 << 20];
    (0..3).for_each(|_| bomb.write_all(&blank).unwrap());
    work.write("m.json", bomb.finish().unwrap());
    work.run(
        "digest",
        &["iiif", "m.json", "-o", "digest.json", "--max-document", "2"],
    )
    .exits(1)
    .says(&["--max-document MB raises this limit"]);
}
