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
    // What ends like a compressed file would not be one.
    for name in ["l.json.gz", "l.zst", "l.XZ"] {
        work.run("extract", &["d.json", "-o", name])
            .exits(2)
            .says(&[&format!("{name}: "), "files are not written", ".jsonl.zst"]);
        assert!(!work.exists(name));
    }
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

/// A set of localizations as JSON Lines.
fn lines() -> (Workdir, String) {
    let work = Workdir::new();
    table(&work);
    let call = ["table", "t.csv", "--url-column", "url", "-o", "d.jsonl"];
    work.run("digest", &call).exits(0);
    work.run("extract", &["d.jsonl", "-o", "set.jsonl"])
        .exits(0);
    let lines = work.text("set.jsonl");
    (work, lines)
}

fn packed(text: &str) -> Vec<u8> {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    compress_to_vec(text.as_bytes(), CompressionLevel::Fastest)
}

fn dry(work: &Workdir, name: &str) -> recto_testkit::Ran {
    work.run("download", &[name, "images", "--dry-run", "-q"])
}

#[test]
fn compressed_sets_may_have_several_frames() {
    let (work, lines) = lines();
    let wanted = dry(&work, "set.jsonl").exits(0).stdout();
    let at = lines.match_indices('\n').nth(9).unwrap().0 + 1;
    let (one, other) = lines.split_at(at);
    let skippable = [
        &0x184d_2a50u32.to_le_bytes()[..],
        &4u32.to_le_bytes(),
        b"pzst",
    ]
    .concat();
    for (name, frames) in [
        ("cat.jsonl.zst", [packed(one), packed(other)].concat()),
        (
            "pzstd.jsonl.zst",
            [&skippable[..], &packed(one), &skippable, &packed(other)].concat(),
        ),
    ] {
        work.write(name, frames);
        assert_eq!(dry(&work, name).exits(0).stdout(), wanted, "{name}");
        work.run("shard", &["plan", name, "-n", "1", "-o", "plan"])
            .exits(0);
    }
    work.write(
        "rest.jsonl.zst",
        [&packed(&lines)[..], b"and more"].concat(),
    );
    dry(&work, "rest.jsonl.zst")
        .exits(1)
        .says(&["is not valid Zstandard"]);
}

#[test]
fn a_compressed_set_whose_checksum_is_another_is_refused() {
    let (work, lines) = lines();
    work.run("extract", &["d.jsonl", "-o", "set.jsonl.zst"])
        .exits(0);
    let sound = work.read("set.jsonl.zst");
    // Its frame has a checksum (RFC 8878 §3.1.1.1.1.5).
    assert_eq!(sound[4] & 4, 4);
    work.run("extract", &["d.jsonl", "-o", "set.jsonl"])
        .exits(0);
    assert_eq!(work.text("set.jsonl"), lines);
    let mut flipped = 0;
    for at in (12..sound.len()).step_by(sound.len() / 12) {
        let mut damaged = sound.clone();
        damaged[at] ^= 1;
        work.write("damaged.jsonl.zst", damaged);
        dry(&work, "damaged.jsonl.zst")
            .exits(1)
            .says(&["is not valid Zstandard"]);
        flipped += 1;
    }
    assert!(flipped > 8);
}

#[test]
fn a_folder_that_is_not_what_it_says_is_refused() {
    let (work, lines) = lines();
    let write = |name: &str| {
        work.run("extract", &["d.jsonl", "-o", name])
            .exits(0)
            .stdout()
    };
    write("count/");
    let mut set = work.json("count/set.json");
    set["parts"][0]["count"] = 7.into();
    work.write_json("count/set.json", &set);
    dry(&work, "count")
        .exits(1)
        .says(&["part-00000.jsonl: has 30 lines, and set.json says 7"]);
    write("more/");
    work.write("more/part-00001.jsonl", work.read("more/part-00000.jsonl"));
    dry(&work, "more")
        .exits(1)
        .says(&["part-00001.jsonl: set.json does not name this part"]);
    write("named/");
    work.write("named/notes.txt", "x");
    let wanted = dry(&work, "named").exits(0).stdout();
    assert_eq!(dry(&work, "named/set.json").exits(0).stdout(), wanted);
    work.run(
        "digest",
        &["table", "t.csv", "--url-column", "url", "-o", "digests/"],
    )
    .exits(0);
    work.run("extract", &["digests/set.json", "-o", "x.json"])
        .exits(0)
        .says(&["30 images"]);
    // Lines of one contract under the head of another.
    let rest = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    let digest_lines = rest(&work.text("d.jsonl")).replacen('{', "{\"annotations\":[],", 1);
    work.write(
        "mixed.jsonl",
        "{\"contract\":\"recto/digest\",\"version\":1,\"count\":30,\"source\":{\"kind\":\"table\",\"inputs\":[\"x\"],\"filters\":[]}}\n".to_owned() + &rest(&lines),
    );
    work.run("extract", &["mixed.jsonl", "-o", "y.json"])
        .exits(1)
        .says(&["mixed.jsonl:2: is not a line of recto/digest"]);
    work.write(
        "mixed2.jsonl",
        "{\"contract\":\"recto/localizations\",\"version\":1,\"count\":30}\n".to_owned()
            + &digest_lines,
    );
    dry(&work, "mixed2.jsonl")
        .exits(1)
        .says(&["mixed2.jsonl:2: is not a line of recto/localizations"]);
    assert!(!work.exists("y.json"));
}
