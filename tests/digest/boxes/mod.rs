//! `recto-digest coco|yolo|voc|via|labelstudio`: every record of foreign files is a box, or a reject with its place.

mod coco;
mod images;
mod labelstudio;
mod via;
mod voc;
mod yolo;

use recto_testkit::{Ran, Workdir};
use serde_json::Value;

/// Runs the source on inputs and checks what must hold of every run: read = kept + rejected.
fn digest(work: &Workdir, args: &[&str]) -> Ran {
    let own = ["-o", "digest.json", "--report", "report.json"];
    let ran = work.run("digest", &[args, &own].concat());
    if work.exists("report.json") {
        let report = work.json("report.json");
        let number = |key: &str| report[key].as_u64().unwrap();
        assert_eq!(
            number("read"),
            number("kept") + number("rejected"),
            "{report}"
        );
    }
    ran
}

fn observations(work: &Workdir) -> Vec<Value> {
    super::observations(work)
}

/// Rejects as `record field problem`.
fn rejects(work: &Workdir) -> Vec<String> {
    let bytes = work.read("digest.rejects.csv");
    let rows = csv::Reader::from_reader(&bytes[..]).into_records();
    let line = |row: csv::StringRecord| [&row[1], &row[2], &row[3]].join(" ");
    rows.map(|row| line(row.unwrap())).collect()
}

/// The annotations of all images.
fn annotations(work: &Workdir) -> Vec<Value> {
    let of = |o: Value| o["annotations"].as_array().cloned().unwrap_or_default();
    observations(work).into_iter().flat_map(of).collect()
}

/// The class and the fragment of each annotation.
fn boxes(work: &Workdir) -> Vec<String> {
    let text = |a: Value| {
        let fragment = a["regions"][0]["fragment"]
            .as_str()
            .unwrap_or("whole")
            .to_owned();
        format!("{} {fragment}", a["bodies"][0]["value"].as_str().unwrap())
    };
    annotations(work).into_iter().map(text).collect()
}

/// A picture of this size, as a file.
fn picture(work: &Workdir, path: &str, width: u32, height: u32) {
    let bytes = recto_testkit::dataset::picture(width, height, 1, image::ImageFormat::Png);
    work.write(path, bytes);
}
