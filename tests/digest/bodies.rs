//! Bodies of annotations: texts in every place where they can be held, concepts, and what is no text.

use serde_json::{Value, json};

use super::reading::{HOME, annotated, offline, tag};

/// An annotation on a part of the canvas.
fn said(n: u8, motivation: &str, body: &Value) -> Value {
    let mut annotation = tag(
        n,
        json!(""),
        json!(format!("{HOME}/canvas/1#xywh=10,20,30,40")),
    );
    annotation["motivation"] = json!(motivation);
    annotation["body"] = body.clone();
    annotation
}

fn text(value: &str, format: &str) -> Value {
    json!({"type": "TextualBody", "value": value, "format": format})
}

#[test]
fn a_text_in_a_data_url_is_read_or_listed_and_never_the_url() {
    let html = "data:text/html,%3Cp%3EIn%3C/p%3E%3Cp%3Eprincipio%3C/p%3E";
    let held = json!({"id": "data:,other", "type": "TextualBody", "value": "In principio"});
    let part = json!({"source": "data:,In%20principio", "selector": {"type": "XPathSelector", "value": "//p"}});
    let json_text = r#"data:application/json,{"value":"In principio","language":"la"}"#;
    // The body; its text, or what is said of it.
    let cases: [(Value, Result<&str, &str>); 10] = [
        (
            json!({"id": "data:text/plain;charset=utf-8,In%20principio", "type": "Text", "format": "text/plain"}),
            Ok("In principio"),
        ),
        (
            json!({"id": "data:text/plain;base64,SW4gcHJpbmNpcGlv", "type": "Text"}),
            Ok("In principio"),
        ),
        (
            json!({"@id": html, "@type": "dctypes:Text", "format": "text/html"}),
            Ok("In\nprincipio"),
        ),
        (json!("data:text/plain,In%20principio"), Ok("In principio")),
        (
            json!({"type": "SpecificResource", "source": "data:,In%20principio"}),
            Ok("In principio"),
        ),
        (json!(json_text), Ok("In principio")),
        (held, Ok("In principio")),
        (part, Err("part of a text is not understood: ")),
        (
            json!({"id": "data:image/png;base64,AAAA", "type": "Image"}),
            Err("data URL does not hold a text: image/png"),
        ),
        (
            json!("data:text/plain;base64,a"),
            Err("data URL is not in Base64: "),
        ),
    ];
    for (body, wanted) in cases {
        let annotation = said(1, "transcribing", &body);
        let found = offline(&annotated(json!([annotation])), &[]);
        let box_of_text = ("text".to_owned(), vec![10.0, 20.0, 30.0, 40.0]);
        assert_eq!(found.boxes, [box_of_text], "{body}");
        match wanted {
            Ok(wanted) => {
                assert_eq!(found.rejects, [], "{body}");
                assert_eq!(found.attributes[0]["text"], wanted, "{body}");
            }
            Err(problem) => {
                let [(place, told)] = &found.rejects[..] else {
                    panic!("{body}: {:?}", found.rejects);
                };
                assert_eq!(place, "items[0].annotations[0].items[0].body", "{body}");
                assert!(told.starts_with(problem), "{body}: {told}");
                assert_eq!(found.attributes[0]["text"], Value::Null, "{body}");
            }
        }
    }
}

#[test]
fn a_concept_as_the_value_of_a_text_is_called_by_its_name() {
    let id = format!("{HOME}/concept/1");
    let named = |value: Value| json!({"type": "TextualBody", "purpose": "tagging", "value": value});
    let cases = [
        (json!({"id": id, "label": "cat"}), "cat"),
        (json!([{"id": id, "label": "cat"}]), "cat"),
        (
            json!({"id": id, "label": {"de": ["Katze"], "en": ["cat"]}}),
            "cat",
        ),
        (json!({"@id": id, "prefLabel": {"en": "cat"}}), "cat"),
        (json!({"href": id, "name": "cat"}), "cat"),
        (json!({"label": "cat", "uri": id}), "cat"),
        (json!({"id": id}), id.as_str()),
        // A text in several languages, one of them Indonesian.
        (json!({"en": ["cat"], "id": ["kucing"]}), "cat"),
    ];
    for (value, class) in cases {
        let annotation = said(1, "tagging", &named(value.clone()));
        let found = offline(&annotated(json!([annotation])), &[]);
        assert_eq!(found.rejects, [], "{value}");
        assert_eq!(found.boxes[0].0, class, "{value}");
        assert_eq!(found.attributes[0]["tags"], json!([class]), "{value}");
    }
}

#[test]
fn a_transcription_that_cannot_be_read_is_a_place_of_text_all_the_same() {
    let unread = [
        json!({"type": "TextualBody", "text": "abc"}),
        json!({"@type": "cnt:ContentAsBase64", "cnt:bytes": "YWJj"}),
        json!({"type": "TextualBody"}),
        text("{\\rtf1 abc}", "text/rtf"),
    ];
    for body in unread {
        for motivation in ["transcribing", "supplementing"] {
            let remark = json!({"type": "TextualBody", "value": "faint", "purpose": "commenting"});
            let annotations = json!([
                said(1, motivation, &body),
                said(2, motivation, &json!([body, remark])),
                said(3, motivation, &text("a line", "text/plain")),
            ]);
            let found = offline(&annotated(annotations), &[]);
            let classes: Vec<&str> = found
                .boxes
                .iter()
                .map(|(class, _)| class.as_str())
                .collect();
            assert_eq!(classes, ["text"; 3], "{motivation} {body}");
            assert_eq!(found.rejects.len(), 2, "{motivation} {body}");
        }
    }
    // What is no text keeps its motivation.
    let found = offline(
        &annotated(json!([said(1, "highlighting", &json!(null))])),
        &[],
    );
    assert_eq!(found.boxes[0].0, "highlighting");
}

#[test]
fn xml_is_no_text_and_html_is_read_as_browsers_do() {
    let page = "<?xml version='1.0'?><PcGts><TextLine/></PcGts>";
    let tei = "<p>In <hi rend='b'>principio</hi><lb/>erat</p>";
    let bare = |value: &str| json!({"type": "TextualBody", "value": value});
    let other = json!({"type": "SpecificResource", "source": text(tei, "application/tei+xml")});
    // The body; its text, or the format that is not read.
    let cases = [
        (text(tei, "application/tei+xml"), Err("application/tei+xml")),
        (
            text(page, "Application/XML; charset=utf-8"),
            Err("Application/XML; charset=utf-8"),
        ),
        (text("<svg/>", "image/svg+xml"), Err("image/svg+xml")),
        (bare(page), Err("XML")),
        (other, Err("application/tei+xml")),
        (bare(tei), Ok("In principio\nerat")),
        (
            text("<p>a</p><p>b</p>", "application/xhtml+xml"),
            Ok("a\nb"),
        ),
        (text("a < b", "text/xml"), Ok("a < b")),
        (
            text("<p>a &#150; b &#132;c&#x93; 5 &#128;</p>", "text/html"),
            Ok("a \u{2013} b \u{201e}c\u{201c} 5 \u{20ac}"),
        ),
    ];
    for (body, wanted) in cases {
        let annotation = said(1, "transcribing", &body);
        let found = offline(&annotated(json!([annotation])), &[]);
        assert_eq!(found.boxes[0].0, "text", "{body}");
        match wanted {
            Ok(wanted) => {
                assert_eq!(found.rejects, [], "{body}");
                assert_eq!(found.attributes[0]["text"], wanted, "{body}");
            }
            Err(format) => {
                let told = format!("body is a text in a format that is not read: {format}");
                let place = "items[0].annotations[0].items[0].body".to_owned();
                assert_eq!(found.rejects, [(place, told)], "{body}");
                assert_eq!(found.attributes[0]["text"], Value::Null, "{body}");
            }
        }
    }
}

#[test]
fn members_of_bodies_are_read_by_each_of_their_names() {
    let iri = |name: &str| format!("http://www.w3.org/ns/oa#{name}");
    let (format, language) = (
        "http://purl.org/dc/elements/1.1/format",
        "http://purl.org/dc/terms/language",
    );
    let remark = json!({"type": "TextualBody", "value": "a note"});
    // The purpose of a tag beside a text.
    let purposes = [
        ("purpose", json!("tagging")),
        ("purpose", json!("Tagging")),
        ("purpose", json!({"id": "oa:tagging"})),
        ("hasPurpose", json!("tagging")),
        ("oa:hasPurpose", json!(["oa:tagging"])),
        (&iri("hasPurpose"), json!([{"@id": iri("tagging")}])),
    ];
    for (member, purpose) in purposes {
        let body = json!([{"type": "TextualBody", "value": "cat", member: purpose}, remark]);
        let found = offline(&annotated(json!([said(1, "commenting", &body)])), &[]);
        assert_eq!(found.boxes[0].0, "cat", "{body}");
        assert_eq!(found.attributes[0]["text"], "a note", "{body}");
    }
    // Format and language of a text.
    for (format, language) in [
        ("format", "language"),
        ("dc:format", "dc:language"),
        ("dcterms:format", "dcterms:language"),
        (format, language),
    ] {
        let text = "<p>a<b>c</p>";
        let body = json!({"type": "TextualBody", "rdf:value": text, format: "text/html", language: [{"@value": "la"}]});
        let found = offline(&annotated(json!([said(1, "transcribing", &body)])), &[]);
        let attributes = &found.attributes[0];
        assert_eq!(attributes["text"], "ac", "{body}");
        assert_eq!(attributes["language"], "la", "{body}");
    }
    // What a body is a part of.
    for member in ["source", "full", "hasSource", &iri("hasSource")] {
        let concept = json!({"id": format!("{HOME}/concept/1"), "label": "cat"});
        let body = json!({"type": "SpecificResource", "purpose": "tagging", member: concept});
        let found = offline(&annotated(json!([said(1, "tagging", &body)])), &[]);
        assert_eq!(found.rejects, [], "{body}");
        assert_eq!(found.boxes[0].0, "cat", "{body}");
    }
}

#[test]
fn what_is_said_of_a_text_is_read_where_it_stands() {
    let line = text("In", "text/plain");
    let mut sure = line.clone();
    sure["confidence"] = json!({"type": "xsd:double", "value": 0.5});
    let found = offline(&annotated(json!([said(1, "transcribing", &sure)])), &[]);
    assert_eq!(found.attributes[0]["confidence"], 0.5);
    let mut annotation = said(1, "transcribing", &line);
    annotation["target"] = json!({"type": "SpecificResource", "source": format!("{HOME}/canvas/1"),
        "selector": {"type": "FragmentSelector", "value": "xywh=1,2,3,4"}, "textGranularity": "line"});
    let found = offline(&annotated(json!([annotation])), &[]);
    assert_eq!(found.attributes[0]["granularity"], "line");
}
