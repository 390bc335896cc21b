//! `recto demo`: from nothing to training sets, without network, sources and other programs.

use recto_testkit::Workdir;

#[test]
fn the_demo_harvests_what_it_draws() {
    let work = Workdir::new();
    let mut command = work.command("recto", &["demo", "a folder"]);
    // No other program is there to be found.
    let ran = work.run_command(command.env("PATH", ""));
    ran.exits(0).says(&[
        "$ recto digest iiif http://scrolls.example/",
        "download: 6 of 6 images",
        "demo: made in a folder",
        "look at this",
        "recto serve 'a folder/localizations.json'",
    ]);
    shows_what_readme_shows(&work, &ran.stderr());
    let images = work.json("a folder/localizations.json")["images"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(images.len(), 6);
    let map = work.json("a folder/image_map.json");
    for image in &images {
        let path = map[image["id"].as_str().unwrap()].as_str().unwrap();
        let size = image::image_dimensions(work.path("a folder").join(path)).unwrap();
        assert_eq!(
            size,
            (
                image["frame"][0].as_u64().unwrap() as u32,
                image["frame"][1].as_u64().unwrap() as u32
            )
        );
    }
    for file in [
        "sheet.png",
        "coco/dataset.json",
        "yolo/data.yaml",
        "digest.json",
        "train_letters.py",
    ] {
        assert!(work.exists(&format!("a folder/{file}")), "{file}");
    }
    let set = work.json("a folder/coco/dataset.json");
    assert_eq!(set["total"]["boxes"], 656);
    // Nothing that was made knows the port of the server.
    for file in ["digest.json", "localizations.json", "coco/dataset.json"] {
        assert!(
            !work.text(&format!("a folder/{file}")).contains("127.0.0.1"),
            "{file}"
        );
    }
}

/// README shows what the demo says, without lines about single requests, whose numbers differ. `make docs` writes it again.
fn shows_what_readme_shows(work: &Workdir, said: &str) {
    let is_told = |line: &&str| !line.contains("127.0.0.1") && !line.contains("covered by regions");
    let told = said
        .replace("'a folder/", "'demo/")
        .replace("a folder", "demo");
    let told: String = told
        .lines()
        .filter(is_told)
        .map(|line| format!("{}\n", unquoted(line)))
        .collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once("<!-- demo -->\n").unwrap();
    let (shown, after) = rest.split_once("<!-- /demo -->").unwrap();
    let wanted = format!("```text\n{told}```\n");
    if std::env::var_os("RECTO_ACCEPT").is_some() {
        let text = format!("{before}<!-- demo -->\n{wanted}<!-- /demo -->{after}");
        std::fs::write(path, text).unwrap();
        return;
    }
    assert_eq!(
        shown,
        wanted,
        "`make docs` writes README again; in {}",
        work.path("").display()
    );
}

/// A line with the names of files as they are without a blank in them.
fn unquoted(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    for word in &mut words {
        if word.starts_with("'demo/") && word.ends_with('\'') {
            *word = word.trim_matches('\'').to_owned();
        }
    }
    words.join(" ")
}

#[test]
fn a_demo_that_cannot_write_says_so() {
    let work = Workdir::new();
    work.write("taken", "a file");
    work.run("recto", &["demo", "taken"])
        .exits(1)
        .says(&["taken", "cannot be written"]);
}

#[test]
fn a_demo_of_another_seed_is_not_mixed_with_the_one_that_is_there() {
    let work = Workdir::new();
    work.write("demo/archive/seed", "7\n");
    work.run("recto", &["demo", "demo"])
        .exits(1)
        .says(&["demo holds the demo of seed 7", "another folder"]);
    assert!(!work.exists("demo/archive/localizations.json"));
}

#[test]
fn what_is_not_of_a_demo_is_left_alone() {
    let work = Workdir::new();
    work.write("mine/digest.json", "mine");
    work.run("recto", &["demo", "mine"]).exits(1).says(&[
        "mine/digest.json exists, and was not made by recto demo",
        "empty",
    ]);
    assert_eq!(work.text("mine/digest.json"), "mine");
    assert!(!work.exists("mine/archive"));
}
