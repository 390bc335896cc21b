//! A set in one JSON file, in JSON Lines, compressed, and in a folder of parts: every stage takes each, and what comes of it is
//! the same.

use recto_testkit::Workdir;
use recto_testkit::dataset::{self, sample};
use serde_json::Value;

/// The names that ask for a form, with the file that shows it.
const FORMS: [(&str, &str); 4] = [
    ("set.json", "set.json"),
    ("set.jsonl", "set.jsonl"),
    ("set.jsonl.zst", "set.jsonl.zst"),
    ("set/", "set/set.json"),
];

/// A digest of some rows, with boxes of a review so that there is something to say of each.
fn table(work: &Workdir) {
    let rows = (0..30).map(|n| {
        format!(
            "https://h.example/{n}.jpg,folio \"\"{n}\"\" [ü],g{}\n",
            n % 4
        )
    });
    let rows: String = rows
        .map(|row| {
            row.replacen(",folio", ",\"folio", 1)
                .replacen("],", "]\",", 1)
        })
        .collect();
    work.write("t.csv", format!("url,label,group\n{rows}"));
}

#[test]
fn every_stage_writes_and_reads_each_form() {
    let mut seen = Vec::new();
    for (form, file) in FORMS {
        let work = Workdir::new();
        table(&work);
        let digest = format!("digest-{form}");
        work.run(
            "digest",
            &[
                "table",
                "t.csv",
                "--url-column",
                "url",
                "--group-column",
                "group",
                "-o",
                &digest,
            ],
        )
        .exits(0)
        .says(&["30 images in"]);
        assert!(work.exists(&format!("digest-{file}")), "{form}");
        work.run("extract", &[&digest, "-o", form])
            .exits(0)
            .says(&["30 images"]);
        assert!(work.exists(file), "{form}");
        // Of any form the stage before can be asked again for a JSON file.
        work.run("extract", &[&digest, "-o", "plain.json"]).exits(0);
        let plan = ["plan", form, "-n", "1", "-o", "plan"];
        work.run("shard", &plan)
            .exits(0)
            .says(&["30 images in 1 shard"]);
        let part = work.json("plan/shard-00000.json");
        let dry = work
            .run("download", &[form, "images", "--dry-run"])
            .exits(0)
            .stdout();
        seen.push((work.read("plain.json"), part, dry));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    let plain: Value = serde_json::from_slice(&seen[0].0).unwrap();
    assert_eq!(plain["images"], seen[0].1["images"]);
}

#[test]
fn training_sets_do_not_depend_on_the_form() {
    let (work, images) = sample();
    let set: Value = work.json("localizations.json");
    let mut head = set.clone();
    head.as_object_mut().unwrap().remove("images");
    head["count"] = images.len().into();
    let lines: Vec<String> = set["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect();
    work.write("set.jsonl", format!("{head}\n{}\n", lines.join("\n")));
    dataset::reformat(&work, "coco", &[]).exits(0);
    let call = ["set.jsonl", "-f", "coco", "-o", "again"];
    work.run("reformat", &call).exits(0);
    let file = "annotations/instances_default.json";
    assert_eq!(
        work.read(&format!("again/{file}")),
        work.read(&format!("out/{file}"))
    );
}

#[test]
fn json_lines_have_a_head_that_says_how_many_lines_follow() {
    let work = Workdir::new();
    table(&work);
    work.run(
        "digest",
        &["table", "t.csv", "--url-column", "url", "-o", "d.json"],
    )
    .exits(0);
    work.run("extract", &["d.json", "-o", "l.jsonl"]).exits(0);
    let text = work.text("l.jsonl");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 31);
    let head: Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(
        (&head["contract"], &head["count"]),
        (&"recto/localizations".into(), &30.into())
    );
    work.run("extract", &["d.json", "-o", "l.json"]).exits(0);
    let images = work.json("l.json");
    for (line, image) in lines[1..].iter().zip(images["images"].as_array().unwrap()) {
        assert_eq!(&serde_json::from_str::<Value>(line).unwrap(), image);
    }
}

#[test]
fn what_is_damaged_is_told_with_its_place() {
    let work = Workdir::new();
    table(&work);
    work.run(
        "digest",
        &["table", "t.csv", "--url-column", "url", "-o", "d.json"],
    )
    .exits(0);
    for form in ["l.jsonl", "l.jsonl.zst", "l/"] {
        work.run("extract", &["d.json", "-o", form]).exits(0);
    }
    let text = work.text("l.jsonl");
    let cut = text.rsplitn(3, '\n').nth(2).unwrap().to_owned() + "\n";
    work.write("cut.jsonl", cut);
    let wrong = text.replacen("\"group\":\"", "\"group\":7,\"x\":\"", 7);
    work.write("wrong.jsonl", wrong);
    let packed = work.read("l.jsonl.zst");
    work.write("cut.jsonl.zst", &packed[..packed.len() / 2]);
    for (file, words) in [
        ("cut.jsonl", "cut.jsonl: declares 30 lines, found 29"),
        ("wrong.jsonl", "wrong.jsonl:2:"),
        ("cut.jsonl.zst", "cut.jsonl.zst: is not valid Zstandard"),
    ] {
        work.run("download", &[file, "images", "--dry-run"])
            .exits(1)
            .says(&[words]);
    }
    let part = work.text("l/part-00000.jsonl");
    work.write("l/part-00000.jsonl", part.replacen("folio", "fol10", 1));
    work.run("download", &["l", "images", "--dry-run"])
        .exits(1)
        .says(&["part-00000.jsonl: is not the file that set.json names"]);
    // Only a set is replaced.
    work.write("mine/notes.txt", "x");
    work.run("extract", &["d.json", "-o", "mine/"])
        .exits(1)
        .says(&["mine/: was not written by recto: set.json is missing"]);
    work.write("l/notes.txt", "x");
    work.run("extract", &["d.json", "-o", "l/"])
        .exits(1)
        .says(&["l/: holds notes.txt, which recto did not write"]);
    std::fs::remove_file(work.path("l/notes.txt")).unwrap();
    assert!(work.exists("mine/notes.txt"));
    work.run("extract", &["d.json", "-o", "l/"]).exits(0);
    work.run("download", &["l", "images", "--dry-run"]).exits(0);
}
