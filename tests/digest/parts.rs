//! Parts, turns and qualities of what is painted, and what selects in other words: taken as they are meant, or listed.

use recto_testkit::Workdir;
use serde_json::{Value, json};

use super::observations;
use super::reading::{HOME, annotated, canvas, image, manifest, offline, on, tag};

/// Paths and problems of rejects.
type Listed = Vec<(String, String)>;

/// The observations of a canvas with this painting annotation, and what is listed.
fn painted(annotation: &Value) -> (Vec<Value>, Listed) {
    let mut canvas = canvas(1, json!(null));
    let painting = &mut canvas["items"][0]["items"][0];
    let members = annotation.as_object().unwrap().clone();
    painting.as_object_mut().unwrap().extend(members);
    let work = Workdir::new();
    // Another image, so that there is a digest.
    let other = super::reading::canvas(2, image("9"));
    work.write_json("m.json", &manifest(json!([canvas, other])));
    work.run(
        "digest",
        &["iiif", "m.json", "--offline", "-o", "digest.json"],
    );
    let mut found = observations(&work);
    found.retain(|image| image["source"]["canvas"] == json!(format!("{HOME}/canvas/1")));
    let table = work.text("digest.rejects.csv");
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let rows = rows.records().map(Result::unwrap);
    let listed = rows.map(|row| (row[2].to_owned(), row[3].to_owned()));
    (found, listed.collect())
}

fn fragment(value: &str) -> Value {
    json!({"type": "FragmentSelector", "value": value})
}

fn region(region: &str) -> Value {
    json!({"type": "ImageApiSelector", "region": region})
}

fn part_of(source: Value, selector: Value) -> Value {
    json!({"type": "SpecificResource", "source": source, "selector": selector})
}

#[test]
fn a_part_of_a_copy_is_in_pixels_of_the_copy() {
    let known = json!({"width": 1000, "height": 800});
    let copy = |request: &str, size: Option<[u32; 2]>, described: &Value| {
        let mut body = image("1");
        body["id"] = json!(format!("{HOME}/{request}"));
        let service = body["service"][0].as_object_mut().unwrap();
        service.extend(described.as_object().cloned().unwrap_or_default());
        (body["width"], body["height"]) = (json!(size.map(|s| s[0])), json!(size.map(|s| s[1])));
        body
    };
    let half =
        |described: &Value| copy("img/1/full/500,/0/default.jpg", Some([500, 400]), described);
    let part = || fragment("xywh=50,50,250,200");
    let mut named = half(&known);
    named["id"] = json!(format!(
        "{}#xywh=50,50,250,200",
        named["id"].as_str().unwrap()
    ));
    let none = json!({});
    let twice = Ok(json!([100, 100, 500, 400]));
    let of = |request: &str, size: [u32; 2], part: &str| {
        let request = format!("img/1/{request}/default.jpg");
        part_of(copy(&request, Some(size), &known), fragment(part))
    };
    let share = || {
        Ok(json!(format!(
            "{HOME}/img/1/pct:10,12.5,50,50/max/0/default.jpg"
        )))
    };
    // The body; the region, the URL that requests it where the image has no known size, or why it is not used.
    let cases: Vec<(Value, Result<Value, &str>)> = vec![
        (part_of(half(&known), part()), twice.clone()),
        (named, twice.clone()),
        (
            of("full/pct:50/0", [500, 400], "xywh=50,50,250,200"),
            twice.clone(),
        ),
        (
            part_of(
                copy("img/1/full/!600,400/0/default.jpg", None, &known),
                part(),
            ),
            twice.clone(),
        ),
        (
            part_of(copy("small.jpg", Some([500, 400]), &known), part()),
            twice,
        ),
        (
            of("500,300,500,400/max/0", [500, 400], "xywh=10,10,100,100"),
            Ok(json!([510, 310, 100, 100])),
        ),
        (
            of("500,300,500,400/250,/0", [250, 200], "xywh=10,10,100,50"),
            Ok(json!([520, 320, 200, 100])),
        ),
        (
            of(
                "500,300,500,400/max/0",
                [500, 400],
                "xywh=percent:50,50,50,50",
            ),
            Ok(json!([750, 500, 250, 200])),
        ),
        (part_of(half(&none), part()), share()),
        (
            part_of(half(&none), fragment("xywh=percent:10,12.5,50,50")),
            share(),
        ),
        // A region of the Image API is one of the service's image.
        (
            part_of(half(&known), region("50,50,250,200")),
            Ok(json!([50, 50, 250, 200])),
        ),
        (
            of("full/max/90", [800, 1000], "xywh=50,50,250,200"),
            Err("image is a part of a copy that is turned"),
        ),
        (
            of("full/500,/0", [1000, 800], "xywh=50,50,250,200"),
            Err("region cannot be converted to pixels: xywh=50,50,250,200"),
        ),
    ];
    for (body, wanted) in cases {
        let (found, listed) = painted(&json!({"body": body}));
        match wanted {
            Ok(wanted) => {
                assert_eq!((found.len(), listed), (1, vec![]), "{body}");
                let image = &found[0]["image"];
                let is_region = wanted.is_array();
                let taken = if is_region {
                    &image["service"]["region"]
                } else {
                    &image["url"]
                };
                assert_eq!(
                    (taken, image["service"].is_null()),
                    (&wanted, !is_region),
                    "{body}"
                );
            }
            Err(problem) => {
                assert!(found.is_empty(), "{body}: {found:?}");
                assert!(listed[0].1.starts_with(problem), "{body}: {listed:?}");
            }
        }
    }
}

#[test]
fn what_selects_around_a_choice_holds_for_each_image_in_it() {
    let two = || json!([image("a"), image("b")]);
    let around = |selector: &Value| {
        let choice = json!({"type": "Choice", "items": two()});
        let old = json!({"@type": "oa:Choice", "default": image("a"), "item": [image("b")]});
        let mut bare = choice.clone();
        bare["selector"] = selector.clone();
        [
            ("body.selector", part_of(choice.clone(), selector.clone())),
            (
                "body.selector",
                json!({"@type": "oa:SpecificResource", "full": old, "selector": selector}),
            ),
            (
                "body.selector",
                part_of(json!({"type": "List", "items": two()}), selector.clone()),
            ),
            (
                "body.selector",
                part_of(
                    json!({"type": "Composite", "items": [choice]}),
                    selector.clone(),
                ),
            ),
            ("body.selector", bare),
        ]
    };
    let turned = |rotation: &str| json!({"type": "ImageApiSelector", "rotation": rotation});
    // The selector; the region, the rotation, or the member and the problem of the rejects.
    let cases = [
        (
            region("0,0,500,400"),
            Ok((json!([0, 0, 500, 400]), json!(null))),
        ),
        (
            fragment("xywh=0,0,500,400"),
            Ok((json!([0, 0, 500, 400]), json!(null))),
        ),
        (turned("90"), Ok((json!(null), json!(90)))),
        (
            turned("!0"),
            Err((".rotation", "image is painted mirrored")),
        ),
        (
            json!({"type": "FooSelector", "value": "1"}),
            Err(("", "selector does not select a part of an image")),
        ),
    ];
    for (selector, wanted) in cases {
        for (path, body) in around(&selector) {
            let (found, listed) = painted(&json!({"body": body}));
            match &wanted {
                Ok((region, rotation)) => {
                    assert_eq!((found.len(), &listed), (2, &vec![]), "{body}");
                    for image in found {
                        assert_eq!(&image["image"]["service"]["region"], region, "{body}");
                        assert_eq!(&image["rotation"], rotation, "{body}");
                    }
                }
                Err((member, problem)) => {
                    assert_eq!((found.len(), listed.len()), (0, 2), "{body}: {listed:?}");
                    for (place, listed) in listed {
                        assert_eq!(place, format!("items[0].items[0].items[0].{path}{member}"));
                        assert!(listed.starts_with(problem), "{listed}");
                    }
                }
            }
        }
    }
    // Parts within, and around.
    let inner = part_of(image("a"), region("0,0,500,400"));
    let body = part_of(
        json!({"type": "Choice", "items": [inner]}),
        region("0,0,50,40"),
    );
    let (found, listed) = painted(&json!({"body": body}));
    assert!(found.is_empty(), "{found:?}");
    assert!(
        listed[0]
            .1
            .starts_with("image is a part of a part of an image"),
        "{listed:?}"
    );
}

#[test]
fn an_image_that_a_style_sheet_turns_is_turned_or_listed() {
    let sheet =
        |rule: &str| json!({"type": "CssStylesheet", "value": format!(".turned {{ {rule} }}")});
    let styled = |stylesheet: Value| {
        json!({"stylesheet": stylesheet, "body": {"type": "SpecificResource",
        "source": image("1"), "styleClass": "turned"}})
    };
    let old = json!({"stylesheet": {"@type": ["oa:CssStyle", "cnt:ContentAsText"],
        "chars": ".turned {transform: rotate(90deg);}"},
        "body": {"@type": "oa:SpecificResource", "full": image("1"), "style": "turned"}});
    let mut by_hand = styled(json!(null));
    by_hand["body"]["style"] = json!("transform: rotate(90deg)");
    let choice = json!({"stylesheet": sheet("rotate: 90deg"), "body": {"type": "SpecificResource",
        "source": {"type": "Choice", "items": [image("1")]}, "styleClass": ["other", "turned"]}});
    let selector = json!({"type": "ImageApiSelector", "rotation": "90"});
    let right = Ok(json!(90));
    let cases = [
        (
            json!({"body": part_of(image("1"), selector)}),
            right.clone(),
        ),
        (
            styled(sheet("transform-origin: center; transform: rotate(90deg);")),
            right.clone(),
        ),
        (old, right.clone()),
        (by_hand, right.clone()),
        (choice, right),
        (styled(sheet("border: 1px solid red")), Ok(json!(null))),
        (styled(json!(null)), Ok(json!(null))),
        (
            styled(sheet("transform: rotate(45deg)")),
            Err("style changes the image in a way that is not understood: transform"),
        ),
        (
            styled(sheet("transform: scaleX(-1)")),
            Err("style changes the image in a way that is not understood: transform"),
        ),
        (
            styled(json!(format!("{HOME}/style.css"))),
            Err("style sheet may turn the image, and is not read: https://a.example/style.css"),
        ),
        (
            styled(json!({"value": "img {transform: rotate(90deg)}"})),
            Err("style may turn the image in a way that is not understood: img"),
        ),
    ];
    for (annotation, wanted) in cases {
        let (found, listed) = painted(&annotation);
        match wanted {
            Ok(rotation) => {
                assert_eq!((found.len(), listed), (1, vec![]), "{annotation}");
                assert_eq!(found[0]["rotation"], rotation, "{annotation}");
            }
            Err(problem) => {
                assert!(found.is_empty(), "{annotation}: {found:?}");
                assert_eq!(listed.len(), 1, "{annotation}: {listed:?}");
                assert!(listed[0].1.starts_with(problem), "{annotation}: {listed:?}");
                assert_eq!(listed[0].0, "items[0].items[0].items[0].body.styleClass");
            }
        }
    }
}

#[test]
fn a_selector_of_the_image_api_is_read_in_every_spelling_or_listed() {
    let by = |members: Value| {
        let mut selector = json!({"type": "ImageApiSelector"});
        let members = members.as_object().unwrap().clone();
        selector.as_object_mut().unwrap().extend(members);
        part_of(image("1"), selector)
    };
    let (turned, gray) = (json!(90), format!("{HOME}/img/1/full/max/0/gray.jpg"));
    // What the selector says; the rotation and the id, or the problem.
    let whole = format!("{HOME}/img/1");
    let part = format!("{whole}#xywh=100,100,500,400");
    let cases = [
        (json!({"rotation": "90"}), Ok((&turned, &whole))),
        (json!({"rotation": ["90"]}), Ok((&turned, &whole))),
        (json!({"rotation": [90]}), Ok((&turned, &whole))),
        (json!({"rotation": {"@value": 90}}), Ok((&turned, &whole))),
        (json!({"Rotation": "90"}), Ok((&turned, &whole))),
        (json!({"iiif:rotation": "90"}), Ok((&turned, &whole))),
        (
            json!({"rotation": ["90", "180"]}),
            Err("selector says several things at once: rotation is 90 and 180"),
        ),
        (
            json!({"rotation": {"degrees": 90}}),
            Err("selector cannot be read: rotation is an object without type"),
        ),
        (
            json!({"rotate": "90"}),
            Err("image may be turned in an unknown way: rotate"),
        ),
        (
            json!({"mirrored": true}),
            Err("image may be turned in an unknown way: mirrored"),
        ),
        (
            json!({"mirrored": false, "rotate": 0}),
            Ok((&Value::Null, &whole)),
        ),
        (json!({"quality": ["gray"]}), Ok((&Value::Null, &gray))),
        (json!({"Quality": "Gray"}), Ok((&Value::Null, &gray))),
        (
            json!({"region": ["100,100,500,400"]}),
            Ok((&Value::Null, &part)),
        ),
        (
            json!({"Region": [100, 100, 500, 400]}),
            Ok((&Value::Null, &part)),
        ),
        (
            json!({"region": {"x": 100, "y": 100}}),
            Err("selector cannot be read: region is an object without type"),
        ),
    ];
    for (members, wanted) in cases {
        let (found, listed) = painted(&json!({"body": by(members.clone())}));
        match wanted {
            Ok((rotation, id)) => {
                assert_eq!((found.len(), listed), (1, vec![]), "{members}");
                assert_eq!(&found[0]["rotation"], rotation, "{members}");
                assert_eq!(found[0]["id"], json!(id), "{members}");
            }
            Err(problem) => {
                assert!(found.is_empty(), "{members}: {found:?}");
                assert_eq!(listed.len(), 1, "{members}: {listed:?}");
                assert_eq!(listed[0].1, problem, "{members}");
            }
        }
    }
    // Values of other selectors that differ.
    let body = part_of(
        image("1"),
        json!({"type": "FragmentSelector", "value": ["xywh=0,0,5,5", "xywh=600,400,9,9"]}),
    );
    let (found, listed) = painted(&json!({"body": body}));
    assert!(found.is_empty(), "{found:?}");
    let problem = "several selectors select different parts of the image: ";
    assert!(listed[0].1.starts_with(problem), "{listed:?}");
}

#[test]
fn what_may_turn_an_image_and_is_not_read_lists_it() {
    let canvas = format!("{HOME}/canvas/1");
    let on = |members: Value| {
        let mut target = json!({"type": "SpecificResource", "source": canvas});
        let members = members.as_object().unwrap().clone();
        target.as_object_mut().unwrap().extend(members);
        target
    };
    let body = |members: Value| {
        let mut body = json!({"type": "SpecificResource", "source": image("1")});
        let members = members.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(members);
        json!({"body": body})
    };
    let sheet =
        json!({"type": "CssStylesheet", "value": ".r {transform: rotate(90deg)} .s {color: red}"});
    let styled = "style may turn the image, and is not that of the image: by 90 degrees";
    // The painting annotation; the problem, or none where the image is upright.
    let cases = [
        (
            json!({"target": on(json!({"styleClass": "r"})), "stylesheet": sheet}),
            Some(styled),
        ),
        (
            json!({"target": on(json!({"styleClass": "s"})), "stylesheet": sheet}),
            None,
        ),
        (
            json!({"target": on(json!({"style": "transform: rotate(90deg)"}))}),
            Some(styled),
        ),
        (json!({"style": "transform: rotate(90deg)"}), Some(styled)),
        (json!({"style": "color: red"}), None),
        (
            json!({"style": "transform: scaleX(-1)"}),
            Some("style changes the image in a way that is not understood: transform: scalex(-1)"),
        ),
        (
            body(json!({"transform": [{"type": "RotateTransform", "z": 90}]})),
            Some("image may be turned in an unknown way: transform"),
        ),
        (
            body(json!({"rotation": 90})),
            Some("image may be turned in an unknown way: rotation"),
        ),
        (
            body(json!({"rotation": "0", "transform": [], "ex:mirrored": false, "flip": "none"})),
            None,
        ),
        (
            json!({"target": on(json!({"ex:Rotation": "90"}))}),
            Some("image may be turned in an unknown way: ex:Rotation"),
        ),
        (
            json!({"rotation": 90}),
            Some("image may be turned in an unknown way: rotation"),
        ),
    ];
    for (mut annotation, wanted) in cases {
        if annotation["body"].is_null() {
            annotation["body"] = image("1");
        }
        let (found, listed) = painted(&annotation);
        let problems: Vec<&str> = listed.iter().map(|(_, problem)| problem.as_str()).collect();
        assert_eq!(problems, Vec::from_iter(wanted), "{annotation}");
        assert_eq!(found.len(), usize::from(wanted.is_none()), "{annotation}");
        let is_upright = |image: &Value| image["rotation"].is_null();
        assert!(found.iter().all(is_upright), "{annotation}: {found:?}");
    }
}

#[test]
fn what_selects_by_another_name_is_read_or_listed_and_never_the_whole() {
    let target = |members: Value| {
        let mut target = json!({"type": "SpecificResource", "source": format!("{HOME}/canvas/1")});
        let members = members.as_object().unwrap().clone();
        target.as_object_mut().unwrap().extend(members);
        target
    };
    let by = |members: Value| {
        let mut selector = json!({"type": "iiif:ImageApiSelector"});
        let members = members.as_object().unwrap().clone();
        selector.as_object_mut().unwrap().extend(members);
        on(selector)
    };
    let cases = [
        (by(json!({"iiif:region": "10,20,30,40"})), true),
        (
            by(json!({"http://iiif.io/api/image/2#region": "10,20,30,40"})),
            true,
        ),
        (by(json!({"value": "10,20,30,40"})), false),
        (by(json!({"Region": ["10,20,30,40"]})), true),
        (by(json!({"region": {"@value": "10,20,30,40"}})), true),
        (by(json!({"region": ["10,20,30,40", "50,60,30,40"]})), false),
        (by(json!({"region": {"x": 10, "y": 20}})), false),
        (by(json!({"xywh": "10,20,30,40"})), false),
        (by(json!({"iiif:place": [10, 20, 30, 40]})), false),
        (
            on(
                json!({"type": "FragmentSelector", "value": "xywh=5,10,300,400",
                "refinedBy": {"type": "ImageApiSelector", "iiif:region": "5,10,30,40"}}),
            ),
            true,
        ),
        (
            target(json!({"id": format!("{HOME}/canvas/1#xywh=10,20,30,40")})),
            true,
        ),
        (
            target(json!({"id": format!("{HOME}/else#xywh=10,20,30,40")})),
            false,
        ),
        (
            target(json!({"refinedBy": fragment("xywh=10,20,30,40")})),
            false,
        ),
        (target(json!({"x": 10, "y": 20, "w": 30, "h": 40})), false),
        (
            target(json!({"geometry": {"x": 10, "y": 20, "w": 30, "h": 40}})),
            false,
        ),
        (target(json!({"area": "10,20,30,40"})), false),
        (target(json!({"ex:Rectangle": "10 20 30 40"})), false),
        (target(json!({"svgSelector": "<svg/>"})), false),
        (target(json!({"boundingBox": [10, 20, 40, 60]})), false),
        (
            json!({"type": "List", "items": [format!("{HOME}/canvas/1")],
                "selector": fragment("xywh=10,20,30,40")}),
            false,
        ),
    ];
    let boxed = |is_read: bool| match is_read {
        true => vec![("x".to_owned(), vec![10.0, 20.0, 30.0, 40.0])],
        false => vec![],
    };
    for (target, is_read) in cases {
        let found = offline(&annotated(json!([tag(1, json!("x"), target.clone())])), &[]);
        assert_eq!(
            (found.boxes, found.labels),
            (boxed(is_read), vec![]),
            "{target}"
        );
        assert_eq!(found.rejects.len(), usize::from(!is_read), "{target}");
    }
    let mut beside = tag(1, json!("x"), json!(format!("{HOME}/canvas/1")));
    beside["selector"] = fragment("xywh=10,20,30,40");
    let found = offline(&annotated(json!([beside])), &[]);
    assert_eq!((found.boxes, found.labels), (vec![], vec![]));
    let problem = "annotation selects a part in an unknown way: selector";
    assert_eq!(found.rejects[0].1, problem);
    // The same of what is painted.
    let mut selecting = image("1");
    selecting["selector"] = region("0,0,500,400");
    let mut named = part_of(image("1"), json!([]));
    named["iiif:region"] = json!("0,0,500,400");
    let cases = [
        (
            part_of(
                image("1"),
                json!({"type": "ImageApiSelector", "iiif:region": "0,0,500,400"}),
            ),
            true,
        ),
        (part_of(selecting.clone(), json!(null)), true),
        (selecting, true),
        (
            part_of(
                image("1"),
                json!([region("0,0,500,400"), fragment("xywh=0,0,500,400")]),
            ),
            true,
        ),
        (
            part_of(
                image("1"),
                json!([region("0,0,500,400"), fragment("xywh=600,400,9,9")]),
            ),
            false,
        ),
        (
            part_of(
                image("1"),
                json!({"type": "ImageApiSelector", "xywh": "0,0,5,5"}),
            ),
            false,
        ),
        (
            part_of(
                image("1"),
                json!({"type": "FragmentSelector", "xywh": "0,0,5,5"}),
            ),
            false,
        ),
        (part_of(image("1"), json!([])), false),
        (named, false),
    ];
    for (body, is_read) in cases {
        let (found, listed) = painted(&json!({"body": body}));
        assert_eq!(
            (found.len(), listed.len()),
            (usize::from(is_read), usize::from(!is_read)),
            "{body}"
        );
        if let [found] = &found[..] {
            let service = &found["image"]["service"];
            assert_eq!(service["region"], json!([0, 0, 500, 400]), "{body}");
            assert_eq!(found["image"]["whole"], json!([1000, 800]), "{body}");
        }
    }
}

#[test]
fn alternatives_of_one_service_are_images_of_their_own() {
    let called = |id: &str, label: &str| {
        let mut image = image("1");
        image["id"] = json!(format!("{HOME}/{id}"));
        image["label"] = json!({"en": [label]});
        image
    };
    let file = |name: &str| called(&format!("{name}.jpg"), name);
    let quality = |name: &str| called(&format!("img/1/full/max/0/{name}.jpg"), name);
    let reduced = called("img/1/full/500,/0/bitonal.png", "bitonal");
    let service = |request: &str| format!("{HOME}/img/1{request}");
    // The alternatives; where the pixels of each are.
    let cases = [
        (
            vec![file("visible"), file("infrared")],
            vec![
                format!("{HOME}/visible.jpg"),
                format!("{HOME}/infrared.jpg"),
            ],
        ),
        (
            vec![quality("default"), file("infrared")],
            vec![service(""), format!("{HOME}/infrared.jpg")],
        ),
        (
            vec![quality("color"), quality("gray"), reduced],
            vec![
                service(""),
                service("/full/max/0/gray.jpg"),
                service("/full/max/0/bitonal.png"),
            ],
        ),
        (
            vec![
                part_of(image("1"), region("0,0,500,400")),
                part_of(image("1"), region("500,0,500,400")),
            ],
            vec![service("#xywh=0,0,500,400"), service("#xywh=500,0,500,400")],
        ),
        // The same file twice is one, and of one file the service has more.
        (vec![file("visible"), file("visible")], vec![service("")]),
    ];
    for (items, wanted) in cases {
        let choice = json!({"type": "Choice", "items": items});
        let (found, listed) = painted(&json!({"body": choice}));
        assert_eq!(listed, [], "{choice}");
        let mut ids: Vec<&str> = found.iter().map(|o| o["id"].as_str().unwrap()).collect();
        ids.dedup();
        assert_eq!(ids, wanted, "{choice}");
        let document = manifest(json!([canvas(1, choice)]));
        assert_eq!(offline(&document, &[]).images, wanted.len(), "{document}");
    }
}

#[test]
fn the_order_of_bodies_and_motivations_decides_nothing() {
    let annotation = |motivation: Value, bodies: Value| {
        json!({"@id": format!("{HOME}/anno/1"), "@type": "oa:Annotation", "motivation": motivation,
            "on": format!("{HOME}/canvas/1#xywh=10,20,30,40"), "resource": bodies})
    };
    let (remark, tag) = (
        json!({"@type": "dctypes:Text", "chars": "A long remark."}),
        json!({"@type": "oa:Tag", "chars": "cat"}),
    );
    let cases = [
        (json!("oa:tagging"), json!([remark, tag]), "cat"),
        (json!("oa:tagging"), json!([tag, remark]), "cat"),
        (
            json!(["oa:commenting", "oa:tagging"]),
            json!([remark]),
            "commenting",
        ),
        (
            json!(["oa:tagging", "oa:commenting"]),
            json!([remark]),
            "commenting",
        ),
        (
            json!(["oa:describing", "oa:commenting"]),
            json!([remark]),
            "commenting",
        ),
        (
            json!(["oa:commenting", "oa:describing"]),
            json!([remark]),
            "commenting",
        ),
    ];
    for (motivation, bodies, class) in cases {
        let annotation = annotation(motivation, bodies);
        let found = offline(&annotated(json!([annotation])), &[]);
        assert_eq!(found.rejects, [], "{annotation}");
        assert_eq!(
            (found.boxes.len(), found.boxes[0].0.as_str()),
            (1, class),
            "{annotation}"
        );
        assert_eq!(
            found.attributes[0]["text"], "A long remark.",
            "{annotation}"
        );
    }
}
