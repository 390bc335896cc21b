//! Pascal VOC, as many tools write it.

use recto_testkit::Workdir;

use super::{annotations, boxes, digest, observations, rejects};

fn document(head: &str, objects: &str) -> String {
    format!("<annotation>{head}{objects}</annotation>")
}

const HEAD: &str = "<folder>f</folder><filename>a.jpg</filename><size><width>100</width><height>50</height><depth>3</depth></size>";
const BOX: &str = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>31.0</xmax><ymax>22</ymax></bndbox>";

const ROTATION: &str =
    "<attributes><attribute><name>rotation</name><value>90.0</value></attribute></attributes>";

fn object(inner: &str) -> String {
    format!(
        "<object><name>fish</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>{inner}</object>"
    )
}

#[test]
fn objects_are_boxes_or_rejects() {
    let turned = "<robndbox><cx>50</cx><cy>25</cy><w>20</w><h>10</h><angle>1.5707963267948966</angle></robndbox>";
    let cases = [
        (object(BOX), "fish xywh=1,2,30,20"),
        (
            object(
                "<polygon><x1>1</x1><y1>2</y1><x2>11</x2><y2>2</y2><x3>11</x3><y3>12</y3></polygon>",
            ),
            "fish xywh=1,2,10,10",
        ),
        (
            object(
                "<polygon><pt><x>1</x><y>2</y></pt><pt><x>11</x><y>2</y></pt><pt><x>11</x><y>12</y></pt></polygon>",
            ),
            "fish xywh=1,2,10,10",
        ),
        (
            format!("<object><name>a &amp; &lt;b&gt; &#233;</name>{BOX}</object>"),
            "a & <b> é xywh=1,2,30,20",
        ),
        (object(turned), "fish xywh=45,15,10,20"),
        (
            object(&format!("<occluded>0</occluded>{BOX}{ROTATION}")),
            "fish xywh=6,-3,20,30",
        ),
        (object(&format!("{BOX}{ROTATION}")), "fish xywh=1,2,30,20"),
        (object(""), "object[0] bndbox bndbox is missing"),
        (
            object(&BOX.replace("31.0", "x")),
            "object[0] bndbox xmax is not a number: x",
        ),
        (
            object(&BOX.replace("<xmax>31.0</xmax>", "")),
            "object[0] bndbox xmax is missing",
        ),
        (
            object(&BOX.replace("31.0", "nan")),
            "object[0] bndbox xmax is not a number: nan",
        ),
        (
            object(&BOX.replace("31.0", "1")),
            "object[0] bndbox box is empty: 0 x 20",
        ),
        (
            format!("<object>{BOX}</object>"),
            "object[0] name name of the object is missing",
        ),
    ];
    for (object, wanted) in cases {
        let work = Workdir::new();
        work.write(
            "a.xml",
            document(
                HEAD,
                &format!("{object}<object><name>z</name>{BOX}</object>"),
            ),
        );
        digest(&work, &["voc", "a.xml"]);
        match wanted.starts_with("object") {
            true => assert_eq!(rejects(&work), [wanted]),
            false => assert_eq!(boxes(&work)[0], wanted),
        }
    }
}

#[test]
fn the_convention_of_the_devkit_is_named_by_the_file_or_an_option() {
    let by_recto =
        format!("<source><annotation>inclusive1: first pixel 1</annotation></source>{HEAD}");
    for (head, flags, wanted) in [
        (HEAD, &[][..], "fish xywh=1,2,30,20"),
        (HEAD, &["--voc-inclusive"], "fish xywh=0,1,31,21"),
        (&*by_recto, &[], "fish xywh=0,1,31,21"),
    ] {
        let work = Workdir::new();
        work.write("v/a.XML", document(head, &object(BOX)));
        digest(&work, &[&["voc", "v"], flags].concat()).exits(0);
        assert_eq!(boxes(&work), [wanted], "{flags:?}");
    }
}

#[test]
fn all_else_is_kept_as_attributes_and_names() {
    let attributes =
        "<attributes><attribute><name>colour</name><value>red</value></attribute></attributes>";
    let more = format!(
        "{BOX}<occluded>1</occluded><confidence>0.5</confidence><text> in the </text>{attributes}"
    );
    let work = Workdir::new();
    let head = HEAD
        .replace("</filename>", "</filename><path>C:\\x\\f\\a.jpg</path>")
        .replace("<width>100", "<width>0");
    work.write(
        "a.xml",
        document(
            &head,
            &object(&more).replace("<difficult>0", "<difficult>1"),
        ),
    );
    digest(&work, &["voc", "a.xml"]).exits(0);
    let wanted = serde_json::json!({"colour": "red", "confidence": 0.5, "difficult": "1", "occluded": "1", "text": " in the "});
    assert_eq!(annotations(&work)[0]["attributes"], wanted);
    let seen = &observations(&work)[0];
    assert_eq!(seen["id"], "f/a.jpg");
    assert_eq!(
        seen["image"],
        serde_json::json!({"names": ["C:\\x\\f\\a.jpg", "a.jpg"]}),
        "a size of 0 is none"
    );
}

#[test]
fn a_file_is_read_in_the_encoding_that_it_states() {
    let work = Workdir::new();
    let text = document(HEAD, &object(BOX).replace("fish", "M\u{f6}we"));
    let mut bytes = b"<?xml version='1.0' encoding='ISO-8859-1'?>".to_vec();
    bytes.extend(text.chars().map(|c| c as u8));
    work.write("a.xml", bytes);
    digest(&work, &["voc", "a.xml"]).exits(0);
    assert_eq!(boxes(&work), ["M\u{f6}we xywh=1,2,30,20"]);
    work.write("a.xml", text.chars().map(|c| c as u8).collect::<Vec<u8>>());
    digest(&work, &["voc", "a.xml"])
        .exits(1)
        .says(&["document is not in the encoding that it states, or not UTF-8"]);
    // A second box is told.
    work.write("a.xml", document(HEAD, &object(&BOX.repeat(2))));
    digest(&work, &["voc", "a.xml"]).exits(3);
    assert_eq!(boxes(&work), ["fish xywh=1,2,30,20"]);
    assert_eq!(
        rejects(&work),
        [
            "object[0] bndbox the box is kept without it, several bndbox of one object, the first is used"
        ]
    );
}

#[test]
fn what_is_no_annotation_is_refused() {
    for (text, problem) in [
        (
            "<annotation><object>",
            "a.xml: document is not well-formed XML: byte 20",
        ),
        (
            "<html></html>",
            "document is not VOC: its root is <html>, <annotation> was expected",
        ),
        (
            "<annotation>&x;</annotation>",
            "document is not well-formed XML: byte 12",
        ),
        ("", "document does not have any element"),
    ] {
        let work = Workdir::new();
        work.write("a.xml", text);
        digest(&work, &["voc", "a.xml"]).exits(1).says(&[problem]);
    }
}

#[test]
fn a_box_that_is_not_read_is_no_sign_that_nothing_is_there() {
    let fish = object(BOX);
    let other = |name: &str| fish.replace("object>", &format!("{name}>"));
    // What stands beside the size; the record of the reject.
    let cases = [
        (format!("<objects>{fish}</objects>"), Some("objects")),
        (other("Object"), Some("Object")),
        (other("item"), Some("item")),
        (BOX.to_owned(), Some("bndbox")),
        ("<objects/><segmented>0</segmented>".to_owned(), None),
        // What somebody deleted is not there.
        (object(&format!("<deleted>1</deleted>{BOX}")), None),
    ];
    for (objects, record) in cases {
        let work = Workdir::new();
        work.write("v/a.xml", document(HEAD, &objects));
        work.write("v/b.xml", document(&HEAD.replace("a.jpg", "b.jpg"), &fish));
        digest(&work, &["voc", "v"]);
        assert_eq!(boxes(&work), ["fish xywh=1,2,30,20"], "{objects}");
        let is_rejected = observations(&work)[0]["rejected"] == true;
        assert_eq!(is_rejected, record.is_some(), "{objects}");
        if let Some(record) = record {
            let told =
                format!("{record} object boxes are read in <object>, directly in <annotation>");
            assert!(rejects(&work).contains(&told), "{:?}", rejects(&work));
        }
    }
}

#[test]
fn what_somebody_deleted_is_listed_and_no_box() {
    let work = Workdir::new();
    let deleted = object(&format!("<deleted>1</deleted>{BOX}"));
    let kept = object(&format!("<deleted>0</deleted>{BOX}"));
    work.write("a.xml", document(HEAD, &[deleted, kept].concat()));
    digest(&work, &["voc", "a.xml"]).exits(3);
    assert_eq!(
        rejects(&work),
        ["object[0] deleted object was deleted by its annotator"]
    );
    let seen = annotations(&work);
    assert_eq!(seen.len(), 1);
    assert!(seen[0]["attributes"].get("deleted").is_none(), "{seen:?}");
}
