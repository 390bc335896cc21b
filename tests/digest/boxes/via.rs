//! The VGG Image Annotator: JSON of versions 1 and 2, CSV.

use recto_testkit::Workdir;
use serde_json::{Value, json};

use super::{annotations, boxes, digest, observations, rejects};

fn image(regions: Value) -> Value {
    json!({"a.jpg123": {"filename": "a.jpg", "size": 123, "regions": regions, "file_attributes": {"page": "3"}}})
}

fn region(shape: Value, attributes: Value) -> Value {
    json!({"shape_attributes": shape, "region_attributes": attributes})
}

fn rect() -> Value {
    json!({"name": "rect", "x": 1, "y": 2, "width": "3", "height": 4})
}

#[test]
fn regions_are_boxes_or_rejects() {
    let cases = [
        (rect(), "fish xywh=1,2,3,4"),
        (
            json!({"name": "circle", "cx": 10, "cy": 10, "r": 5}),
            "fish xywh=5,5,10,10",
        ),
        (
            json!({"name": "ellipse", "cx": 10, "cy": 10, "rx": 5, "ry": 2}),
            "fish xywh=5,8,10,4",
        ),
        (
            json!({"name": "polygon", "all_points_x": [1, 11, 11], "all_points_y": [2, 2, 12]}),
            "fish xywh=1,2,10,10",
        ),
        (
            json!({"name": "polygon", "all_points_x": [1, 11], "all_points_y": [2]}),
            "polygon has 2 x and 1 y",
        ),
        (
            json!({"name": "polyline", "all_points_x": [1], "all_points_y": [2]}),
            "a line has no extent: polyline",
        ),
        (
            json!({"name": "point", "cx": 1, "cy": 2}),
            "a point has no extent: point",
        ),
        (
            json!({"name": "rect", "x": 1, "y": 2, "width": null, "height": 4}),
            "width is not a finite number: null",
        ),
        (
            json!({"name": "rect", "x": 1, "y": 2, "width": 0, "height": 4}),
            "box is empty: 0 x 4",
        ),
        (json!({"name": "star"}), "shape is not known: star"),
        (json!(null), "shape is missing"),
    ];
    for (shape, wanted) in cases {
        let class = json!({"label": "fish"});
        let regions = json!([region(shape.clone(), class.clone()), region(rect(), class)]);
        let work = Workdir::new();
        work.write_json(
            "v.json",
            &json!({"_via_settings": {}, "_via_img_metadata": image(regions)}),
        );
        digest(&work, &["via", "v.json"]);
        match wanted.starts_with("fish") {
            true => assert_eq!(boxes(&work)[0], wanted, "{shape}"),
            false => {
                let place = "_via_img_metadata.a.jpg123.regions[0] shape_attributes";
                assert_eq!(rejects(&work), [format!("{place} {wanted}")], "{shape}");
            }
        }
    }
}

#[test]
fn one_attribute_is_the_class() {
    let cases: [(Value, &[&str], Result<&str, &str>); 6] = [
        (json!({"anything": "eel"}), &[], Ok("eel")),
        (json!({"Class": "eel", "quality": "good"}), &[], Ok("eel")),
        (
            json!({"kind": {"eel": true, "fish": false}}),
            &[],
            Ok("eel"),
        ),
        (
            json!({"a": "x", "b": "eel"}),
            &["--class-attribute", "b"],
            Ok("eel"),
        ),
        (
            json!({"a": "x", "b": "eel"}),
            &[],
            Err("--class-attribute NAME says which is the class: a, b"),
        ),
        (
            json!({"a": "x"}),
            &["--class-attribute", "c"],
            Err("no region has the attribute `c` of --class-attribute: there are a"),
        ),
    ];
    for (attributes, flags, wanted) in cases {
        let work = Workdir::new();
        // Version 1 has regions as an object, and no project around them.
        work.write_json(
            "v.json",
            &image(json!({"0": region(rect(), attributes.clone())})),
        );
        let ran = digest(&work, &[&["via", "v.json"], flags].concat());
        match wanted {
            Ok(class) => assert_eq!(
                boxes(&work),
                [format!("{class} xywh=1,2,3,4")],
                "{attributes}"
            ),
            Err(problem) => drop(ran.exits(1).says(&[problem])),
        }
    }
}

#[test]
fn a_table_has_a_row_per_region() {
    let work = Workdir::new();
    let table = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n\
        a.jpg,1,\"{\"\"page\"\":\"\"3\"\"}\",2,0,\"{\"\"name\"\":\"\"rect\"\",\"\"x\"\":1,\"\"y\"\":2,\"\"width\"\":3,\"\"height\"\":4}\",\"{\"\"label\"\":\"\"fish\"\",\"\"score\"\":\"\"0.5\"\"}\"\n\
        a.jpg,1,{},2,1,\"{\"\"name\"\":\",{}\n\
        b.jpg,1,{},0,0,{},{}\n\
        ,1,{},0,0,{},{}\n";
    work.write("v.csv", table);
    digest(&work, &["via", "v.csv"]).exits(3);
    assert_eq!(boxes(&work), ["fish xywh=1,2,3,4"]);
    assert_eq!(
        annotations(&work)[0]["attributes"],
        json!({"confidence": 0.5})
    );
    let seen = observations(&work);
    assert_eq!(
        (seen.len(), &seen[0]["metadata"]),
        (2, &json!({"page": ["3"]}))
    );
    let rejects = rejects(&work);
    assert!(
        rejects[0].starts_with("row 2 region_shape_attributes cell is not JSON: "),
        "{rejects:?}"
    );
    assert_eq!(rejects[1], "row 4 filename filename is missing");
}

#[test]
fn other_json_is_refused_with_what_it_holds() {
    for (document, problem) in [
        (
            json!({"project": {}, "metadata": {}, "file": {}}),
            "document is a project of VIA 3, which is not read",
        ),
        (
            json!({"images": [], "annotations": []}),
            "document is not by VIA: it holds images, annotations",
        ),
        (
            json!({"_via_img_metadata": []}),
            "_via_img_metadata is not an object: []",
        ),
    ] {
        let work = Workdir::new();
        work.write_json("v.json", &document);
        digest(&work, &["via", "v.json"]).exits(1).says(&[problem]);
    }
}

/// Browsers tell no folders: a file is known by its name and its length.
#[test]
fn files_of_one_name_and_other_lengths_are_not_one_image() {
    const HEAD: &str = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes";
    const REGION: &str = r#"{},1,0,"{""name"":""rect"",""x"":1,""y"":2,""width"":3,""height"":4}","{""c"":""fish""}""#;
    let table = |lengths: [i32; 2]| {
        let rows = lengths.map(|length| format!("a.jpg,{length},{REGION}"));
        format!("{HEAD}\n{}\nz.jpg,9,{REGION}\n", rows.join("\n"))
    };
    let project = |lengths: [i32; 2]| {
        let region = json!({"shape_attributes": {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4}, "region_attributes": {"c": "fish"}});
        let file = |name: &str, size: i32| json!({"filename": name, "size": size, "regions": [region], "file_attributes": {}});
        json!({"first": file("a.jpg", lengths[0]), "second": file("a.jpg", lengths[1]), "z": file("z.jpg", 9)}).to_string()
    };
    for (lengths, wanted) in [([1000, 2000], 1), ([1000, 1000], 3), ([-1, 1000], 3)] {
        for (name, text) in [("v.csv", table(lengths)), ("v.json", project(lengths))] {
            let work = Workdir::new();
            work.write(name, text);
            let url = ["--images", "https://x.example/"];
            let ran = digest(&work, &[&["via", name][..], &url].concat());
            assert_eq!(boxes(&work).len(), wanted, "{name} {lengths:?}");
            if wanted == 1 {
                ran.exits(3).says(&["1000 and 2000 bytes"]);
            }
        }
    }
}

#[test]
fn a_file_without_regions_does_not_say_that_nothing_is_there() {
    let file = |name: &str, more: Value| {
        let mut file = json!({"filename": name, "size": 1, "file_attributes": {}});
        for (member, value) in more.as_object().unwrap() {
            file[member] = value.clone();
        }
        file
    };
    let regions = json!([region(rect(), json!({"label": "fish"}))]);
    // What the first file has; the reject.
    let missing = "regions are missing: members are filename, size, file_attributes";
    let cases = [
        (json!({"regions": []}), None),
        (json!({"regions": {}}), None),
        (json!({}), Some(missing.to_owned())),
        (
            json!({"Regions": regions}),
            Some(format!("{missing}, Regions")),
        ),
        (
            json!({"regions": null}),
            Some("regions are neither a list nor an object: null".to_owned()),
        ),
    ];
    for (more, problem) in cases {
        let work = Workdir::new();
        let files = json!({"a": file("a.jpg", more.clone()), "b": file("b.jpg", json!({"regions": regions}))});
        work.write_json("v.json", &files);
        digest(&work, &["via", "v.json"]).exits(if problem.is_some() { 3 } else { 0 });
        let is_rejected = observations(&work)[0]["rejected"] == true;
        assert_eq!(is_rejected, problem.is_some(), "{more}");
        if let Some(problem) = problem {
            let told = format!("a regions {problem}");
            assert!(rejects(&work).contains(&told), "{:?}", rejects(&work));
        }
    }
    // A row that counts regions and has none.
    let work = Workdir::new();
    work.write(
        "v.csv",
        "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n\
         a.jpg,1,{},1,0,{},{}\nb.jpg,1,{},0,0,{},{}\n",
    );
    digest(&work, &["via", "v.csv"]).exits(3);
    let told = "row 1 region_shape_attributes shape is missing, region_count is 1";
    assert!(rejects(&work).contains(&told.to_owned()));
}
