//! Content, annotations, parts and statements that stand in other places, or under other names, than in most documents.

use std::collections::BTreeSet;

use recto_testkit::Workdir;
use serde_json::{Value, json};

use super::reading::{HOME, account, annotated, canvas, image, manifest, offline, on, tag};
use super::{archive, observations, serve, with_fast};

const ZERO: &str = "http://creativecommons.org/publicdomain/zero/1.0/";

/// A value with more members.
fn with(mut value: Value, members: Value) -> Value {
    let more = members.as_object().unwrap().clone();
    value.as_object_mut().unwrap().extend(more);
    value
}

fn part(n: u8) -> Value {
    json!(format!("{HOME}/canvas/{n}#xywh=10,20,30,40"))
}

fn fragment(value: &str) -> Value {
    json!({"type": "FragmentSelector", "value": value})
}

fn page_of(annotation: Value) -> Value {
    json!([{"id": format!("{HOME}/more"), "type": "AnnotationPage", "items": [annotation]}])
}

/// The first image of a manifest, as the digest has it.
fn digested(document: &Value) -> Value {
    let work = Workdir::new();
    work.write_json("m.json", document);
    work.run(
        "digest",
        &["iiif", "m.json", "--offline", "-o", "digest.json"],
    )
    .exits(0);
    observations(&work)[0].clone()
}

#[test]
fn content_of_a_canvas_under_another_name_is_read_or_listed() {
    let old = |member: &str| {
        let mut body = image("1");
        body["@type"] = json!("dctypes:Image");
        let painting = json!({"@type": "oa:Annotation", "motivation": "sc:painting", "on": format!("{HOME}/canvas/1"), "resource": body});
        json!({"@id": format!("{HOME}/canvas/1"), "@type": "sc:Canvas", "width": 1000, "height": 800, member: [painting]})
    };
    let new = |member: &str| {
        let mut canvas = canvas(1, image("1"));
        let pages = canvas.as_object_mut().unwrap().remove("items").unwrap();
        with(canvas, json!({member: pages}))
    };
    let alone = json!({"id": format!("{HOME}/canvas/1"), "type": "Canvas", "width": 1000, "height": 800, "picture": image("1")});
    let shown = |n: u8| {
        with(
            canvas(n, image("1")),
            json!({"picture": image("7"), "thumbnail": [image("8")]}),
        )
    };
    // Canvas; the member that is listed.
    let cases = [
        (old("images"), None),
        (old("sc:hasImageAnnotations"), None),
        (old("hasImageAnnotations"), None),
        (
            old("http://www.shared-canvas.org/ns/hasImageAnnotations"),
            None,
        ),
        (
            old("http://iiif.io/api/presentation/2#hasImageAnnotations"),
            None,
        ),
        (new("https://www.w3.org/ns/activitystreams#items"), None),
        (old("image"), Some("image")),
        (old("members"), Some("members")),
        (new("body"), Some("body")),
        (new("pages"), Some("pages")),
        (new("item"), Some("item")),
        (new("members"), Some("members")),
        (alone, Some("picture")),
        // What is shown beside the content is none.
        (shown(1), None),
    ];
    for (first, listed) in cases {
        let found = offline(&manifest(json!([first, canvas(2, image("2"))])), &[]);
        let places = found.rejects.iter().map(|(field, problem)| {
            assert!(
                problem.contains("in a member that is not read: "),
                "{problem}"
            );
            field.clone()
        });
        let places: Vec<String> = places.collect();
        let wanted: Vec<bool> = listed.iter().map(|_| true).collect();
        let is_there = |place: &String| place.starts_with(&format!("items[0].{}", listed.unwrap()));
        let given: Vec<bool> = places.iter().map(is_there).collect();
        assert_eq!(given, wanted, "{first}: {places:?}");
        assert_eq!(found.images, 2 - wanted.len(), "{first}");
    }
}

#[test]
fn manifests_by_their_names_in_json_ld_are_read() {
    let canvas = json!({"@id": format!("{HOME}/canvas/1"), "@type": "sc:Canvas", "width": 1000, "height": 800,
        "sc:hasImageAnnotations": {"@type": "oa:Annotation", "resource": format!("{HOME}/1.jpg")},
        "sc:hasLists": [{"@type": "sc:AnnotationList", "sc:hasAnnotations": [tag(1, json!("x"), part(1))]}]});
    let document = json!({"@id": format!("{HOME}/m"), "@type": "sc:Manifest", "sc:hasSequences": [
        {"@type": "sc:Sequence", "sc:hasCanvases": canvas}]});
    let found = offline(&document, &[]);
    let boxes = vec![("x".to_owned(), vec![10.0, 20.0, 30.0, 40.0])];
    assert_eq!(
        (found.images, found.boxes, found.rejects),
        (1, boxes, vec![])
    );
}

#[test]
fn annotations_of_any_resource_are_read_or_listed() {
    let page = || page_of(tag(1, json!("x"), part(1)));
    let mut of_service = canvas(1, image("1"));
    of_service["items"][0]["items"][0]["body"]["service"][0]["annotations"] = page();
    let found = offline(&manifest(json!([of_service])), &[]);
    assert_eq!((found.boxes.len(), found.rejects), (1, vec![]));
    for member in ["annotation", "Annotations", "annotationPages"] {
        let canvas = with(canvas(1, image("1")), json!({member: page()}));
        let document = manifest(json!([canvas]));
        let found = offline(&document, &[]);
        let listed = vec![(
            format!("items[0].{member}[0]"),
            format!("annotations in a member that is not read: {member}"),
        )];
        assert_eq!((found.boxes.len(), found.rejects), (0, listed));
        let work = Workdir::new();
        work.write_json("m.json", &document);
        work.run(
            "digest",
            &["iiif", "m.json", "--offline", "-o", "digest.json"],
        )
        .exits(3);
        assert_eq!(observations(&work)[0]["rejected"], true, "{member}");
    }
}

#[test]
fn a_canvas_that_stands_in_a_range_alone_is_read_once() {
    let ranges =
        |items: Value| json!([{"type": "Range", "id": format!("{HOME}/r"), "items": items}]);
    let annotated = with(
        canvas(1, image("1")),
        json!({"annotations": page_of(tag(1, json!("x"), part(1)))}),
    );
    let within = json!([{"type": "Range", "items": [annotated]}]);
    for (own, items, images) in [
        (json!([canvas(2, image("2"))]), json!([annotated]), 2),
        (
            json!([canvas(2, image("2"))]),
            json!([annotated, annotated]),
            2,
        ),
        (json!([canvas(2, image("2"))]), within, 2),
        (json!([]), json!([annotated]), 1),
        (json!([annotated]), json!([canvas(1, image("1"))]), 1),
    ] {
        let document = with(manifest(own), json!({"structures": ranges(items)}));
        let found = offline(&document, &[]);
        assert_eq!(
            (found.images, found.boxes.len(), found.rejects),
            (images, 1, vec![]),
            "{document}"
        );
    }
}

#[test]
fn a_part_that_a_range_names_is_no_box() {
    let label = json!({"en": ["Article 1"]});
    let range = |member: &str, named: Value| {
        let range =
            json!({"type": "Range", "id": format!("{HOME}/r"), "label": label, member: [named]});
        with(
            manifest(json!([canvas(1, image("1"))])),
            json!({"structures": [range]}),
        )
    };
    let whole = format!("{HOME}/canvas/1");
    let cases = [
        (range("items", on(fragment("xywh=10,20,30,40"))), 1),
        (range("items", json!({"type": "Canvas", "id": part(1)})), 1),
        (range("canvases", part(1)), 1),
        (
            range(
                "members",
                json!({"@id": part(1), "@type": "sc:Canvas", "label": "p. 1"}),
            ),
            1,
        ),
        // All of the canvas, and a time.
        (range("canvases", json!(whole)), 0),
        (
            range("canvases", json!(format!("{whole}#xywh=0,0,1000,800"))),
            0,
        ),
        (range("canvases", json!(format!("{whole}#t=0,10"))), 0),
        (
            range(
                "items",
                json!({"type": "SpecificResource", "source": whole}),
            ),
            0,
        ),
    ];
    for (document, parts) in cases {
        let work = Workdir::new();
        work.write_json("m.json", &document);
        let call = ["iiif", "m.json", "--offline", "-o", "digest.json"];
        let said = work.run("digest", &call).exits(0).stderr();
        assert_eq!(
            said.contains("ranges name parts of canvases"),
            parts > 0,
            "{document}"
        );
        let found = offline(&document, &[]);
        assert!(
            found.boxes.is_empty() && found.rejects.is_empty(),
            "{document}"
        );
    }
}

#[test]
fn a_canvas_with_the_id_of_an_image_is_a_canvas() {
    for id in [
        "canvas/1",
        "img/1",
        "img/1/info.json",
        "img/1/full/max/0/default.jpg",
    ] {
        let id = format!("{HOME}/{id}");
        let mut canvas = canvas(1, image("1"));
        (canvas["id"], canvas["width"], canvas["height"]) = (json!(id), json!(500), json!(400));
        canvas["items"][0]["items"][0]["target"] = json!(id);
        canvas["annotations"] =
            page_of(tag(1, json!("x"), json!(format!("{id}#xywh=10,20,30,40"))));
        let work = Workdir::new();
        work.write_json("m.json", &manifest(json!([canvas])));
        work.run(
            "digest",
            &["iiif", "m.json", "--offline", "-o", "digest.json"],
        )
        .exits(0);
        work.run("extract", &["digest.json"]).exits(0);
        let image = work.json("localizations.json")["images"][0].clone();
        let of_frame = json!([image["frame"], image["localizations"][0]["bbox"]]);
        assert_eq!(of_frame, json!([[500, 400], [10, 20, 30, 40]]), "{id}");
    }
}

/// What becomes of a curation of a manifest of two canvases.
fn curated(curation: &Value) -> super::reading::Account {
    let work = Workdir::new();
    let both = json!([canvas(1, image("1")), canvas(2, image("2"))]);
    work.write_json("m.json", &manifest(both));
    work.write_json("c.json", curation);
    account(&work, &["m.json", "c.json", "--offline"], &[])
}

#[test]
fn members_of_a_curation_are_parts_however_they_say_so() {
    let member = json!({"@id": part(1), "@type": "sc:Canvas", "label": "ka"});
    let selecting = json!({"@id": format!("{HOME}/canvas/1"), "@type": "sc:Canvas", "label": "ka", "selector": fragment("xywh=10,20,30,40")});
    let curation = |holder: &str, members: Value| json!({"@type": "cr:Curation", "@id": format!("{HOME}/c"), holder: [{"@type": "sc:Range", "members": members}]});
    let more = with(
        member.clone(),
        json!({"annotations": page_of(tag(9, json!("ka"), part(1)))}),
    );
    let source = with(on(fragment("xywh=10,20,30,40")), json!({"label": "ka"}));
    for (document, boxes) in [
        (curation("selections", json!([member])), 1),
        (curation("items", json!([member])), 1),
        (curation("structures", json!([member])), 1),
        (curation("selections", json!([selecting])), 1),
        (curation("selections", json!([source])), 1),
        (curation("selections", json!([member, member])), 1),
        (curation("selections", json!([more])), 2),
    ] {
        let found = curated(&document);
        let wanted = vec![("ka".to_owned(), vec![10.0, 20.0, 30.0, 40.0]); boxes];
        assert_eq!(
            (found.boxes, found.labels, found.rejects),
            (wanted, vec![], vec![]),
            "{document}"
        );
    }
    let mut unknown = selecting.clone();
    unknown["selector"] = json!({"type": "WktSelector", "value": "POINT"});
    for document in [
        curation("selections", json!([unknown])),
        json!({"@type": "cr:Curation", "@id": format!("{HOME}/c")}),
    ] {
        let found = curated(&document);
        let counts = (found.boxes.len(), found.labels.len(), found.rejects.len());
        assert_eq!(counts, (0, 0, 1), "{document}: {:?}", found.rejects);
    }
}

#[test]
fn an_annotation_without_an_id_that_stands_twice_is_one() {
    let nameless = |value: &str, target: Value| {
        let mut annotation = tag(1, json!(value), target);
        annotation.as_object_mut().unwrap().remove("id");
        annotation
    };
    let (x, y) = (nameless("x", part(1)), nameless("y", part(1)));
    let other = nameless("x", json!(format!("{HOME}/canvas/1#xywh=50,60,7,8")));
    let found = offline(&annotated(json!([x, x, y, other, x])), &[]);
    let classes: BTreeSet<&str> = found.boxes.iter().map(|(class, _)| &**class).collect();
    assert_eq!(
        (found.boxes.len(), classes),
        (3, BTreeSet::from(["x", "y"]))
    );
}

#[test]
fn what_layers_canvases_and_annotations_say_is_carried() {
    let said =
        |label: &str, value: &str| json!([{"label": {"en": [label]}, "value": {"en": [value]}}]);
    let body = with(
        image("1"),
        json!({"metadata": said("Wavelength", "940 nm")}),
    );
    let mut canvas = with(canvas(1, body), json!({"navDate": "1901-01-01T00:00:00Z"}));
    canvas["items"][0]["items"][0]["metadata"] = said("Lamp", "left");
    canvas["items"][0]["metadata"] = said("Camera", "B");
    canvas["items"][0]["label"] = json!({"en": ["Infrared"]});
    let annotation = with(
        tag(1, json!("x"), part(1)),
        json!({"metadata": said("Certainty", "low"), "generator": {"id": format!("{HOME}/gen"), "name": "A detector"}, "rights": ZERO}),
    );
    canvas["annotations"] = page_of(annotation);
    let whole = json!({"type": "Canvas", "id": format!("{HOME}/canvas/1")});
    let range = |label: &str, items: Value| json!({"type": "Range", "label": {"en": [label]}, "items": items});
    let ranges = json!([
        range("Book", json!([range("Chapter", json!([whole]))])),
        range("Article", json!([part(1)]))
    ]);
    let document = with(
        manifest(json!([canvas])),
        json!({"navDate": "1900-01-01T00:00:00Z", "structures": ranges}),
    );
    let image = digested(&document);
    let wanted = json!({"Wavelength": ["940 nm"], "Lamp": ["left"], "Camera": ["B"], "range": ["Chapter"],
        "navDate": ["1900-01-01T00:00:00Z", "1901-01-01T00:00:00Z"]});
    assert_eq!(image["metadata"], wanted);
    assert_eq!(image["source"]["labels"]["image"], "Infrared");
    let attributes = &image["annotations"][0]["attributes"];
    let wanted = json!({"Certainty": "low", "generator": "A detector", "rights": ZERO, "order": 1});
    assert_eq!(*attributes, wanted);
}

#[test]
fn rights_are_read_with_any_prefix_and_of_the_page_that_paints() {
    for member in [
        "rights",
        "license",
        "dcterms:license",
        "dcterms:rights",
        "dc:rights",
        "cc:license",
        "schema:license",
        "http://purl.org/dc/terms/rights",
    ] {
        let document = with(
            manifest(json!([canvas(1, image("1"))])),
            json!({member: ZERO}),
        );
        assert_eq!(digested(&document)["source"]["rights"], ZERO, "{member}");
    }
    let mut canvas = canvas(1, image("1"));
    canvas["items"][0]["dcterms:rights"] = json!(ZERO);
    let document = with(
        manifest(json!([canvas])),
        json!({"rights": "http://rightsstatements.org/vocab/InC/1.0/"}),
    );
    assert_eq!(digested(&document)["source"]["rights"], ZERO);
}

#[test]
fn transcriptions_are_followed_wherever_a_canvas_names_them() {
    let link = json!([{"id": format!("{HOME}/alto.xml"), "type": "Dataset", "format": "text/xml",
        "profile": "http://www.loc.gov/standards/alto/"}]);
    for (at, member) in [
        ("", "related"),
        ("/items/0", "seeAlso"),
        ("/items/0/items/0", "seeAlso"),
        ("/items/0/items/0/body/service/0", "seeAlso"),
    ] {
        let mut canvas = canvas(1, image("1"));
        canvas.pointer_mut(at).unwrap()[member] = link.clone();
        let work = Workdir::new();
        work.write_json("m.json", &manifest(json!([canvas])));
        let found = account(&work, &["m.json", "--offline"], &[]);
        let problems: Vec<&str> = found
            .rejects
            .iter()
            .map(|(_, problem)| &**problem)
            .collect();
        assert_eq!(problems.len(), 1, "{at}: {problems:?}");
        assert!(problems[0].contains("--offline"), "{at}: {problems:?}");
        let linked = &observations(&work)[0]["see_also"][0]["url"];
        assert_eq!(*linked, format!("{HOME}/alto.xml"), "{at}");
    }
}

#[test]
fn the_manifest_of_annotations_is_followed_wherever_it_is_named() {
    const NAMES: [&str; 5] = ["/a", "/b", "/c", "/d", "/e"];
    let server = archive(|home| {
        let known = json!({"id": format!("{home}/m"), "type": "Manifest"});
        let plain = || tag(1, json!("x"), part(1));
        let page = |annotation: Value| json!({"type": "AnnotationPage", "items": [annotation]});
        let target = json!({"source": {"id": format!("{HOME}/canvas/1"), "type": "Canvas", "dcterms:isPartOf": known},
            "selector": fragment("xywh=10,20,30,40")});
        let layer = json!({"@type": "sc:Layer", "@id": format!("{home}/layer"), "within": format!("{home}/m")});
        let documents = [
            page(with(plain(), json!({"partOf": known}))),
            page(with(plain(), json!({"within": [known]}))),
            page(tag(1, json!("x"), target)),
            with(page(plain()), json!({"within": layer})),
            with(
                plain(),
                json!({"partOf": {"type": "AnnotationPage", "id": format!("{home}/p"), "partOf": known}}),
            ),
        ];
        let served = NAMES.into_iter().zip(documents.iter().map(serve));
        let book = ("/m", serve(&manifest(json!([canvas(1, image("1"))]))));
        served.chain([book]).collect()
    });
    for name in NAMES {
        let found = account(&Workdir::new(), &with_fast(&[&server.url(name)]), &[]);
        assert_eq!(
            (found.images, found.boxes.len(), found.rejects),
            (1, 1, vec![]),
            "{name}"
        );
    }
}

#[test]
fn an_annotation_is_named_by_its_id_however_it_is_spelt() {
    let said = |n: u8, text: &str, motivation: &str, target: Value| {
        json!({"id": format!("{HOME}/anno/{n}"), "type": "Annotation", "motivation": motivation,
               "body": {"type": "TextualBody", "value": text}, "target": target})
    };
    let first = said(1, "in", "transcribing", part(1));
    for named in [
        "http://a.example/anno/1",
        "https://a.example/anno/1/",
        "https://A.example/anno/1",
    ] {
        for order in [true, false] {
            let second = said(2, "tr", "translating", json!(named));
            let both = if order {
                json!([first, second])
            } else {
                json!([second, first])
            };
            let found = offline(&annotated(both), &[]);
            assert_eq!((found.boxes.len(), found.rejects), (2, vec![]), "{named}");
            let about = found
                .attributes
                .iter()
                .find_map(|attributes| attributes["about"].as_str());
            assert_eq!(about, Some("https://a.example/anno/1"), "{named}");
        }
    }
    // One annotation of two targets is not two of one id.
    let targets = json!([
        format!("{HOME}/anno/1"),
        format!("{HOME}/canvas/1#xywh=100,20,30,40")
    ]);
    let work = Workdir::new();
    work.write_json(
        "m.json",
        &annotated(json!([first, said(2, "tr", "translating", targets)])),
    );
    work.run(
        "digest",
        &["iiif", "m.json", "--offline", "-o", "digest.json"],
    )
    .exits(0);
    let ran = work.run("extract", &["digest.json"]);
    ran.exits(0);
    assert!(
        !ran.stderr().contains("the id of another annotation"),
        "{}",
        ran.stderr()
    );
}
