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

#[test]
fn a_demo_that_cannot_write_says_so() {
    let work = Workdir::new();
    work.write("taken", "a file");
    work.run("recto", &["demo", "taken"])
        .exits(1)
        .says(&["taken", "cannot be written"]);
}
