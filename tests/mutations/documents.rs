//! Documents, tables and contracts, each before the stages that read it.

use std::path::{Path, PathBuf};

use recto::error::Error;
use recto::summary::Summary;
use recto::{digest, download, extract, reformat, serve};
use recto_testkit::mutation::{self, Outcome, Random};
use recto_testkit::samples;
use serde_json::Value;

#[derive(clap::Parser)]
struct Line<O: clap::Args> {
    #[command(flatten)]
    options: O,
}

fn options<O: clap::Args>(args: &[&str]) -> O {
    let line = std::iter::once("recto").chain(args.iter().copied());
    <Line<O> as clap::Parser>::parse_from(line).options
}

/// A folder in which the stages run.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The same as text, for command lines.
    fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// The set of [`samples::localizations`] with its files.
    fn with_set() -> Self {
        let folder = Folder::new();
        folder.write("set.json", samples::localizations().to_string());
        folder.write("image_map.json", samples::image_map().to_string());
        let pictures = samples::pictures();
        folder.write("images/a.png", &pictures[1].1);
        folder.write("images/b.jpg", &pictures[0].1);
        folder
    }

    fn digest(&self, args: &[&str]) -> Result<Summary, Error> {
        let output = self.at("digest.json");
        let own = ["-o", &output, "--offline", "--quiet"];
        digest(&options(&[args, &own].concat()))
    }

    fn extract(&self, input: &str) -> Result<Summary, Error> {
        let (input, output) = (self.at(input), self.at("localizations.json"));
        extract(&options(&[&input, "-o", &output, "--quiet"]))
    }

    fn reformat(&self, input: &str, format: &str) -> Result<Summary, Error> {
        let (input, map, out) = (self.at(input), self.at("image_map.json"), self.at("out"));
        let _ = std::fs::remove_dir_all(&out);
        reformat(&options(&[
            &input,
            "--image-map",
            &map,
            "-f",
            format,
            "-o",
            &out,
            "--quiet",
        ]))
    }

    /// What would be downloaded, without a request.
    fn estimate(&self, input: &str) -> Result<Summary, Error> {
        let (input, images) = (self.at(input), self.at("images"));
        let (map, failures) = (self.at("other_map.json"), self.at("failures.csv"));
        let own = [
            "--image-map",
            &map,
            "--failures",
            &failures,
            "--dry-run",
            "--quiet",
        ];
        download(&options(&[&[&*input, &images], &own[..]].concat()))
    }

    /// The addresses of an image, for which the whole set is read.
    fn link(&self, input: &str, more: &[&str]) -> Result<Summary, Error> {
        let (input, map) = (self.at(input), self.at("image_map.json"));
        let own = ["--image-map", &map, "--url", "a", "--quiet"];
        serve(&options(&[&[&*input], &own[..], more].concat()))
    }
}

/// Whether a stage could finish and kept something. Every record is accounted for, and every refusal has its words.
fn kept(ended: Result<Summary, Error>) -> bool {
    match ended {
        Ok(summary) => {
            let rejects = summary.rejects.len() as u64;
            assert_eq!(summary.read, summary.kept + rejects, "{summary:?}");
            let is_told = |problem: &str| !problem.trim().is_empty();
            assert!(
                summary
                    .rejects
                    .iter()
                    .all(|reject| is_told(&reject.problem))
            );
            summary.kept > 0
        }
        Err(error) => {
            let words = error.to_string();
            assert!(words.len() > 10, "`{words}` says nothing");
            false
        }
    }
}

/// Damages one of some documents each time.
fn documents(
    cases: u64,
    sound: impl Into<Vec<Value>>,
    takes: impl FnMut(&[u8]) -> bool + Send + 'static,
) -> Outcome {
    let sound = sound.into();
    let make = move |random: &mut Random| {
        let document = random.choose(&sound).clone();
        mutation::json(&document, random)
    };
    mutation::check(cases, make, takes)
}

#[test]
fn iiif_documents() {
    let folder = Folder::new();
    let [old, new] = samples::collections();
    let sound = [
        samples::manifest_2(),
        samples::manifest_3(),
        samples::annotation_list(1),
        samples::annotation_page(1),
        old,
        new,
    ];
    let input = folder.at("document.json");
    let takes = move |bytes: &[u8]| {
        folder.write("document.json", bytes);
        kept(folder.digest(&["iiif", &input])) && kept(folder.extract("digest.json"))
    };
    documents(400, sound, takes).is_mixed();
}

#[test]
fn tables() {
    let tsv = samples::CSV.replace(',', "\t");
    for (name, sound) in [
        ("t.csv", samples::CSV),
        ("t.tsv", &tsv),
        ("t.jsonl", samples::JSON_LINES),
    ] {
        let (folder, sound) = (Folder::new(), sound.to_owned());
        let input = folder.at(name);
        let takes = move |bytes: &[u8]| {
            folder.write(name, bytes);
            kept(folder.digest(&["table", &input, "--url-column", "url"]))
        };
        mutation::check(250, move |random| mutation::text(&sound, random), takes).is_mixed();
    }
}

#[test]
fn digests() {
    let folder = Folder::new();
    let takes = move |bytes: &[u8]| {
        folder.write("d.json", bytes);
        kept(folder.extract("d.json"))
    };
    documents(600, [samples::digest(), samples::m3_digest()], takes).is_mixed();
}

#[test]
fn localizations() {
    let folder = Folder::with_set();
    let formats: Vec<&str> = recto::formats::ALL
        .iter()
        .map(|format| format.name())
        .collect();
    let takes = move |bytes: &[u8]| {
        folder.write("set.json", bytes);
        let format = formats[bytes.len() % formats.len()];
        let ends = [
            folder.reformat("set.json", format),
            folder.estimate("set.json"),
            folder.link("set.json", &[]),
        ];
        ends.map(kept)[0]
    };
    documents(
        300,
        [samples::localizations(), samples::m3_localizations()],
        takes,
    )
    .is_mixed();
}

#[test]
fn image_maps() {
    let folder = Folder::with_set();
    let takes = move |bytes: &[u8]| {
        folder.write("image_map.json", bytes);
        let ends = [
            folder.reformat("set.json", "csv"),
            folder.link("set.json", &[]),
        ];
        ends.map(kept)[0]
    };
    documents(300, [samples::image_map()], takes).is_mixed();
}

#[test]
fn files_of_reviews() {
    let folder = Folder::with_set();
    let review = folder.at("review.jsonl");
    let lines = |random: &mut Random| mutation::text(&samples::review_lines(), random);
    let takes = move |bytes: &[u8]| {
        folder.write("review.jsonl", bytes);
        folder.write("document.json", samples::manifest_3().to_string());
        let input = folder.at("document.json");
        kept(folder.digest(&["iiif", &input, "--review", &review]));
        let ended = folder.link("set.json", &["--review", &review]);
        let is_sound = ended
            .as_ref()
            .is_ok_and(|summary| summary.rejects.is_empty());
        kept(ended);
        is_sound
    };
    mutation::check(300, lines, takes);
}

#[test]
fn configuration_of_serve() {
    let folder = Folder::with_set();
    let file = folder.at("recto.toml");
    let takes = move |bytes: &[u8]| {
        folder.write("recto.toml", bytes);
        let ended = folder.link("set.json", &["-c", &file]);
        let is_taken = ended.is_ok();
        kept(ended);
        is_taken
    };
    mutation::check(
        400,
        |random| mutation::text(samples::SERVE_TOML, random),
        takes,
    )
    .is_mixed();
}

#[test]
fn journals_of_downloads() {
    let folder = Folder::with_set();
    folder.write("images/book/a.jpg", "");
    let takes = move |bytes: &[u8]| {
        folder.write("images/downloads.jsonl", bytes);
        let ended = folder.estimate("set.json");
        let is_taken = ended.is_ok();
        kept(ended);
        assert_eq!(
            std::fs::read(journal(&folder.0.path().join("images"))).unwrap(),
            bytes,
            "an estimate changes nothing"
        );
        is_taken
    };
    mutation::check(
        300,
        |random| mutation::text(&samples::journal(), random),
        takes,
    )
    .is_mixed();
}

fn journal(folder: &Path) -> PathBuf {
    folder.join("downloads.jsonl")
}
