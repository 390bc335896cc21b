//! Concepts on their way into a training set: ranks, roll-up, remap by taxon, counts, and names.

use std::collections::BTreeMap;

use image::ImageFormat;
use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use recto_testkit::readers::{elements, read_dataset};
use serde_json::{Value, json};

use super::formats;

/// `[rank, name]` from the root down; the last is the concept.
fn taxon(lineage: &[[&str; 2]]) -> (String, Value) {
    let rungs = lineage.iter().map(|[rank, name]| match *rank {
        "" => json!({ "name": name }),
        rank => json!({ "rank": rank, "name": name }),
    });
    let name = lineage.last().unwrap()[1].to_owned();
    (name, json!({ "lineage": rungs.collect::<Vec<_>>() }))
}

fn taxonomy() -> Value {
    let animal = ["kingdom", "Animalia"];
    let jelly = [["", "object"], animal, ["phylum", "Cnidaria"]];
    let siphonophore = [
        jelly.as_slice(),
        &[["family", "Agalmatidae"], ["genus", "Nanomia"]],
    ]
    .concat();
    let lineages = [
        siphonophore.clone(),
        [siphonophore.as_slice(), &[["species", "Nanomia bijuga"]]].concat(),
        [
            jelly.as_slice(),
            &[["family", "Aeginidae"], ["genus", "Aegina"]],
        ]
        .concat(),
        vec![["", "object"], ["", "trash <&>"]],
    ];
    Value::Object(lineages.iter().map(|lineage| taxon(lineage)).collect())
}

/// Boxes of six classes on one picture, and one without boxes.
fn sea() -> Workdir {
    let work = Workdir::new();
    let of = |i: usize, name: &str, taxon: Option<&str>| {
        let mut b = boxed(&format!("box {i}"), name, [i as f64 * 10.0, 0.0, 8.0, 8.0]);
        if let Some(taxon) = taxon {
            b["attributes"] = json!({ "taxon": taxon, "part": "tentacle" });
        }
        b
    };
    let boxes = vec![
        of(0, "Nanomia bijuga", None),
        of(1, "Nanomia tentacle", Some("Nanomia")),
        of(2, "Aegina", None),
        of(3, "trash <&>", None),
        of(4, "unheard of", None),
        of(5, "Aegina", None),
    ];
    let images = [
        image("u1", "dive 1", [100, 50], boxes),
        image("u2", "dive 2", [100, 50], vec![]),
    ];
    let files = [
        ("u1", "a.png", picture(100, 50, 1, ImageFormat::Png)),
        ("u2", "b.png", picture(100, 50, 2, ImageFormat::Png)),
    ];
    lay_out(&work, &images, &files);
    let mut document = work.json("localizations.json");
    document["taxonomy"] = taxonomy();
    work.write_json("localizations.json", &document);
    work
}

fn labels(work: &Workdir) -> Vec<String> {
    let rows = rows(work, "out/annotations.csv").into_iter();
    rows.map(|row| row["label"].clone())
        .filter(|label| !label.is_empty())
        .collect()
}

#[test]
fn ranks_are_written_where_a_format_holds_them() {
    let work = sea();
    let news = ["classes that the taxonomy does not contain: 1 (`unheard of`)"];
    reformat(&work, "csv", &["--taxonomy"]).exits(0).says(&news);
    let text = work.text("out/annotations.csv");
    let header = text.lines().next().unwrap();
    assert!(
        header.contains("rank:kingdom,rank:phylum,rank:family,rank:genus,rank:species"),
        "{header}"
    );
    let table = rows(&work, "out/annotations.csv");
    let cells = |row: usize| {
        ["rank:phylum", "rank:genus", "rank:species"].map(|name| table[row][name].as_str())
    };
    assert_eq!(cells(0), ["Cnidaria", "Nanomia", "Nanomia bijuga"]);
    assert_eq!(
        cells(1),
        ["Cnidaria", "Nanomia", ""],
        "a part has the ranks of its taxon"
    );
    assert_eq!(cells(4), ["", "", ""]);

    reformat(&work, "voc", &["--taxonomy"]).exits(0).says(&news);
    let xml = work.text("out/VOCdevkit/VOC2012/Annotations/a.xml");
    assert_eq!(
        elements(&xml, "genus"),
        ["Nanomia", "Nanomia", "Aegina", "Aegina"]
    );
    assert_eq!(
        elements(&xml, "taxonomy").len(),
        4,
        "none without ranks: {xml}"
    );
    let order = ["<kingdom>", "<phylum>", "<family>", "<genus>", "<species>"]
        .map(|tag| xml.find(tag).unwrap());
    assert!(order.is_sorted(), "{xml}");

    let supercategories = |more: &[&str]| -> BTreeMap<String, String> {
        reformat(&work, "coco", more).exits(0);
        let coco = work.json("out/annotations/instances_default.json");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let categories = coco["categories"].as_array().unwrap().iter();
        categories
            .map(|c| (text(&c["name"]), text(&c["supercategory"])))
            .collect()
    };
    let of = |pairs: [(&str, &str); 5]| pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    let plain = supercategories(&[]);
    assert!(plain.values().all(String::is_empty), "{plain:?}");
    let above = [
        ("Aegina", "Aeginidae"),
        ("Nanomia bijuga", "Nanomia"),
        ("Nanomia tentacle", "Nanomia"),
        ("trash <&>", "object"),
        ("unheard of", ""),
    ];
    assert_eq!(supercategories(&["--taxonomy"]), of(above));
    let phyla = [
        ("Aegina", "Cnidaria"),
        ("Nanomia bijuga", "Cnidaria"),
        ("Nanomia tentacle", "Cnidaria"),
        ("trash <&>", ""),
        ("unheard of", ""),
    ];
    assert_eq!(
        supercategories(&["--taxonomy", "--supercategory", "phylum"]),
        of(phyla)
    );
    reformat(&work, "yolo", &["--taxonomy", "--no-val"])
        .exits(0)
        .says(&["yolo cannot hold ranks"]);
}

#[test]
fn a_saved_tree_stands_in_for_the_one_that_localizations_carry() {
    let work = sea();
    let tree = json!({ "name": "object", "children": [
        { "name": "trash <&>", "rank": "litter " },
        { "name": "unheard of", "rank": "" },
        { "name": "Nanomia", "rank": "genus", "alternativeNames": ["Aegina"] },
    ] });
    work.write_json("tree.json", &tree);
    reformat(
        &work,
        "csv",
        &["--taxonomy", "--taxonomy-file", "tree.json"],
    )
    .exits(0)
    .says(&["does not contain: 1 (`Nanomia bijuga`)"]);
    let table = rows(&work, "out/annotations.csv");
    assert_eq!(table[3]["rank:litter"], "trash <&>");
    assert_eq!(table[2]["rank:genus"], "Nanomia", "found by a former name");
    assert!(!table[0].contains_key("rank:"));
    work.write("list.json", "[]");
    work.write(
        "error.json",
        r#"{"message": "Not found", "responseCode": 404}"#,
    );
    let cases: [(&[&str], i32, &str); 6] = [
        (
            &["--taxonomy", "--taxonomy-file", "list.json"],
            1,
            "list.json: is a list",
        ),
        (
            &["--taxonomy", "--taxonomy-file", "error.json"],
            1,
            "is an error message of a service: Not found",
        ),
        (
            &["--taxonomy", "--taxonomy-file", "none.json"],
            1,
            "none.json: no such file",
        ),
        (
            &["--taxonomy-file", "tree.json"],
            2,
            "--taxonomy-file alone has no effect",
        ),
        (
            &["--to-rank", "genuss"],
            1,
            "there is no such rank in localizations.json",
        ),
        (
            &["--taxonomy", "--supercategory", "genuss"],
            1,
            "ranks are kingdom, phylum, family, genus, species",
        ),
    ];
    for (options, exit, words) in cases {
        reformat(&work, "csv", options).exits(exit).says(&[words]);
    }
    let (bare, _) = sample();
    reformat(&bare, "csv", &["--taxonomy"])
        .exits(0)
        .says(&["localizations.json: does not contain a taxonomy"]);
    reformat(&bare, "csv", &["--to-rank", "genus"])
        .exits(1)
        .says(&[
            "does not contain a taxonomy, which --to-rank needs",
            "--taxonomy-file",
        ]);
}

#[test]
fn concepts_are_rolled_up_to_a_rank() {
    let work = sea();
    let ran = reformat(&work, "csv", &["--to-rank", "family", "--taxonomy"]);
    ran.exits(0).says(&["classes without a taxon of rank family, kept as they are: 2 (`trash <&>`, 1; `unheard of`, 1)"]);
    let wanted = [
        "Agalmatidae",
        "Agalmatidae tentacle",
        "Aeginidae",
        "trash <&>",
        "unheard of",
        "Aeginidae",
    ];
    assert_eq!(labels(&work), wanted);
    assert!(
        !work.text("out/annotations.csv").contains("rank:genus"),
        "ranks are those of the new classes"
    );
    reformat(
        &work,
        "csv",
        &[
            "--to-rank",
            "family",
            "--to-rank-strict",
            "--report",
            "report.json",
        ],
    )
    .exits(0)
    .says(&["left out: 2"]);
    assert_eq!(
        labels(&work),
        [
            "Agalmatidae",
            "Agalmatidae tentacle",
            "Aeginidae",
            "Aeginidae"
        ]
    );
    let report = work.json("report.json");
    assert_eq!(
        (&report["filtered"], &report["read"], &report["kept"]),
        (&json!(2), &json!(6), &json!(6))
    );
}

#[test]
fn an_entry_of_the_remap_holds_below_its_concept_unless_a_nearer_one_does() {
    let work = sea();
    work.write(
        "map.csv",
        "from,to\nCnidaria,jelly\nNanomia,siphonophore\nobject,\nunicorn,x\n",
    );
    reformat(&work, "csv", &["--remap", "map.csv"])
        .exits(0)
        .says(&["that do not occur: 4"]);
    assert_eq!(labels(&work)[0], "Nanomia bijuga");
    reformat(&work, "csv", &["--remap", "map.csv", "--remap-descendants"])
        .exits(0)
        .says(&["names in --remap that do not occur: 1 (`unicorn`)"]);
    assert_eq!(
        labels(&work),
        [
            "siphonophore",
            "siphonophore tentacle",
            "jelly",
            "unheard of",
            "jelly"
        ]
    );
    // First the remap, then the roll-up: a name that the tree does not know stays.
    work.write(
        "map.csv",
        "from,to\nunheard of,Nanomia bijuga\nAegina,mine\n",
    );
    reformat(&work, "csv", &["--remap", "map.csv", "--to-rank", "genus"]).exits(0);
    assert_eq!(
        labels(&work),
        [
            "Nanomia",
            "Nanomia tentacle",
            "mine",
            "trash <&>",
            "Nanomia",
            "mine"
        ]
    );
    reformat(&work, "csv", &["--remap-descendants"])
        .exits(2)
        .says(&["--remap"]);
}

#[test]
fn counts_are_for_every_split_and_the_same_on_every_run() {
    let work = groups();
    let mut document = work.json("localizations.json");
    for (i, image) in document["images"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .enumerate()
    {
        match i % 4 {
            0 => image["localizations"] = json!([]),
            1 => image["localizations"][0]["concept"] = "a|b".into(),
            _ => {}
        }
    }
    work.write_json("localizations.json", &document);
    let split = ["--split", "train=0.5,val=0.25,test=0.25"];
    reformat(&work, "counts", &split).exits(0);
    let counts = rows(&work, "out/counts.csv");
    assert_eq!(counts.len(), 2);
    let number = |row: &BTreeMap<String, String>, key: &str| row[key].parse::<u64>().unwrap();
    for (row, name) in counts.iter().zip(["a", "a|b"]) {
        assert_eq!(row["concept"], name);
        let splits = ["train", "val", "test"].map(|split| number(row, split));
        assert_eq!(splits.iter().sum::<u64>(), number(row, "total"));
    }
    assert_eq!(["a", "a|b"].map(|_| 0), [0, 0]);
    assert_eq!(
        (number(&counts[0], "total"), number(&counts[1], "total")),
        (12, 6)
    );
    let splits = rows(&work, "out/splits.csv");
    let all = |key: &str| splits.iter().map(|row| number(row, key)).sum::<u64>();
    assert_eq!(
        (
            splits.len(),
            all("images"),
            all("negatives"),
            all("boxes"),
            all("groups")
        ),
        (3, 24, 6, 18, 12)
    );
    let text = work.text("out/counts.md");
    assert!(
        text.contains("| concept |") && text.contains("| a\\|b") && !text.contains("TOTAL"),
        "{text}"
    );
    let first = work.tree("out");
    reformat(&work, "counts", &split).exits(0);
    assert!(work.tree("out") == first);

    reformat(&work, "counts", &["--total"]).exits(0);
    assert_eq!(
        work.text("out/counts.csv"),
        "concept,total,images\na,12,12\na|b,6,6\nTOTAL,18,18\n"
    );
    assert_eq!(
        work.text("out/splits.csv"),
        "split,images,negatives,boxes,groups\nall,24,6,18,12\nTOTAL,24,6,18,12\n"
    );
    let call = ["localizations.json", "-f", "counts", "-o", "counts.csv"];
    work.run("reformat", &call).exits(0);
    assert_eq!(
        work.text("counts.csv"),
        "concept,total,images\na,12,12\na|b,6,6\n"
    );
    let sea = sea();
    reformat(&sea, "counts", &["--taxonomy"]).exits(0);
    assert_eq!(rows(&sea, "out/counts.csv")[0]["rank:family"], "Aeginidae");
}

#[test]
fn what_is_said_of_boxes_and_images_arrives_in_the_csv() {
    let work = sea();
    let mut document = work.json("localizations.json");
    let image = &mut document["images"][0];
    image["metadata"] = json!({ "recorded_timestamp": ["2020-01-02T03:04:05Z"], "dive": ["Ventana 4321"],
        "depth_meters": ["500.1"], "latitude": ["36.7"], "observer": ["someone"] });
    image["localizations"][0]["attributes"] = json!({ "observer": "me, too", "verified": true, "confidence": 0.5,
        "tags": ["training", "a"], "comment": null, "text": "words", "observation_uuid": "o-1", "nested": { "a": [1] } });
    work.write_json("localizations.json", &document);
    reformat(&work, "csv", &[]).exits(0);
    let row = &rows(&work, "out/annotations.csv")[0];
    let cells = [
        ("meta:recorded_timestamp", "2020-01-02T03:04:05Z"),
        ("meta:dive", "Ventana 4321"),
        ("meta:depth_meters", "500.1"),
        ("meta:latitude", "36.7"),
        ("meta:observer", "someone"),
        ("box:observer", "me, too"),
        ("box:verified", "true"),
        ("box:confidence", "0.5"),
        ("box:tags", "training | a"),
        ("box:comment", ""),
        ("box:observation_uuid", "o-1"),
        ("box:nested", r#"{"a":[1]}"#),
        ("text", "words"),
        ("uuid", "box 0"),
    ];
    for (column, wanted) in cells {
        assert_eq!(row[column], wanted, "{column}");
    }
    assert!(!row.contains_key("box:text"), "it has a column of its own");
}

#[test]
fn every_format_holds_the_same_boxes_whatever_their_names() {
    let names = [
        "a b",
        "quote \" and 'single'",
        "# hash",
        "a/b",
        "trailing ",
        "Žluť – 鱼",
        "a'a",
        "100 %",
        "nsp. (cf.)",
        "no",
        "Nanomia tentacle",
        "<x & y>",
        "co:lon",
        "=1+1",
        "back\\slash",
    ];
    let work = Workdir::new();
    let place = |i: usize| [i as f64 * 12.3 + 0.4, 5.6, 10.7, 20.2 + i as f64];
    let boxes = names
        .iter()
        .enumerate()
        .map(|(i, name)| boxed(&format!("b{i}"), name, place(i)));
    lay_out(
        &work,
        &[image("u1", "g", [240, 60], boxes.collect())],
        &[(
            "u1",
            "images/a b/ž #1.png",
            picture(240, 60, 1, ImageFormat::Png),
        )],
    );
    let mut read = 0;
    for format in formats() {
        reformat(&work, format, &["--report", "report.json", "--no-val"]).exits(0);
        assert_eq!(work.json("report.json")["boxes"], names.len(), "{format}");
        let Some(samples) = read_dataset(&work, format) else {
            continue;
        };
        read += 1;
        let found: Vec<(String, [f64; 4])> =
            samples.into_iter().flat_map(|(_, boxes)| boxes).collect();
        assert_eq!(found.len(), names.len(), "{format}");
        for (i, (name, edges)) in found.iter().enumerate() {
            assert_eq!(name, names[i], "{format}");
            let [x, y, w, h] = place(i);
            for (found, wanted) in edges.iter().zip([x, y, x + w, y + h]) {
                assert!(
                    (found - wanted).abs() <= 0.5 + 1e-6,
                    "{format} {name}: {edges:?}"
                );
            }
        }
    }
    assert_eq!(
        read, 14,
        "all but counts, crops, iiif, sheet and vgg are read back"
    );
}

#[test]
fn yolo_names_stand_in_data_yaml_by_number() {
    let work = sea();
    reformat(&work, "yolo", &["--remap", "map.json"]).exits(1);
    reformat(&work, "yolo", &["--no-val"]).exits(0);
    let yaml = work.text("out/data.yaml");
    let names: Vec<String> = yaml
        .lines()
        .filter_map(|line| line.strip_prefix("  - "))
        .map(|n| serde_json::from_str(n).unwrap())
        .collect();
    let text = work.text("out/labels/train/a.txt");
    let numbers = text
        .lines()
        .map(|line| line.split(' ').next().unwrap().parse::<usize>().unwrap());
    let found: Vec<&str> = numbers.map(|n| names[n].as_str()).collect();
    assert_eq!(
        found,
        [
            "Nanomia bijuga",
            "Nanomia tentacle",
            "Aegina",
            "trash <&>",
            "unheard of",
            "Aegina"
        ]
    );
    assert!(
        yaml.find("names:").unwrap() > yaml.find("nc: 5").unwrap(),
        "{yaml}"
    );
}

/// Lists as this and other tools write them fix the same ids.
#[test]
fn lists_of_classes_are_read_in_every_form_that_sets_have() {
    let boxes = vec![
        boxed("1", "b", [0.0, 0.0, 5.0, 5.0]),
        boxed("2", "a", [9.0, 9.0, 5.0, 5.0]),
    ];
    let work = one([50, 50], [50, 50], boxes);
    work.write(
        "data.yaml",
        "train: images/train\nnc: 2\nnames:\n  - \"b\"\n  - \"a\"\n",
    )
    .write("numbered.yml", "names: {1: a, 0: b}\n")
    .write(
        "classes.csv",
        "id,folder,class,imagefolder\n0,b,b,1\n1,a,a,0\n",
    )
    .write("labels.txt", "__ignore__\n_background_\nb\na\n");
    for list in ["data.yaml", "numbered.yml", "classes.csv", "labels.txt"] {
        reformat(&work, "coco", &["--classes", list]).exits(0);
        let coco = work.json("out/annotations/instances_default.json");
        let names: Vec<&str> = (0..2)
            .map(|n| coco["categories"][n]["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["b", "a"], "{list}");
    }
    work.write("gap.yaml", "names: {0: b, 2: a}\n")
        .write("other.csv", "name,count\na,1\n")
        .write("odd.csv", "id,class\none,a\n");
    for (list, words) in [
        (
            "gap.yaml",
            "the class `a` has the number 2, and 1 was expected",
        ),
        (
            "other.csv",
            "other.csv:1: the columns are name,count; `id` and `class` were expected",
        ),
        (
            "odd.csv",
            "the class `a` has the number `one`, which is not a whole number",
        ),
    ] {
        reformat(&work, "coco", &["--classes", list])
            .exits(1)
            .says(&[words]);
    }
}
