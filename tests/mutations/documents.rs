//! Documents, tables and contracts, each before the stages that read it.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use recto::error::Error;
use recto::sources::boxes::Boxes;
use recto::sources::iiif::Iiif;
use recto::sources::table::{Table, TableOptions};
use recto::sources::{Answer, DocumentRequest, Found, Source};
use recto::summary::Summary;
use recto::{Stage, corrections, digest, download, extract, reformat, serve};
use recto_testkit::mutation::{self, Outcome, Random};
use recto_testkit::samples;
use serde_json::Value;

/// A folder in which the stages run.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The same as text, for command lines.
    pub fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// The set of [`samples::localizations`] with its files.
    pub fn with_set() -> Self {
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
        digest(&digest::Options::parse([args, &own].concat())?)
    }

    fn extract(&self, input: &str) -> Result<Summary, Error> {
        let (input, output) = (self.at(input), self.at("localizations.json"));
        extract(&extract::Options::parse([
            &*input, "-o", &output, "--quiet",
        ])?)
    }

    fn reformat(&self, input: &str, format: &str) -> Result<Summary, Error> {
        let (input, map, out) = (self.at(input), self.at("image_map.json"), self.at("out"));
        let _ = std::fs::remove_dir_all(&out);
        reformat(&reformat::Options::parse([
            &*input,
            "--image-map",
            &map,
            "-f",
            format,
            "-o",
            &out,
            "--quiet",
        ])?)
    }

    /// What would be downloaded, without a request.
    pub fn estimate(&self, input: &str, more: &[&str]) -> Result<Summary, Error> {
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
        download(&download::Options::parse(
            [&[&*input, &images], &own[..], more].concat(),
        )?)
    }

    /// The addresses of an image, for which the whole set is read.
    fn link(&self, input: &str, more: &[&str]) -> Result<Summary, Error> {
        let (input, map) = (self.at(input), self.at("image_map.json"));
        let own = ["--image-map", &map, "--url", "a", "--quiet"];
        serve(&serve::Options::parse(
            [&[&*input], &own[..], more].concat(),
        )?)
    }
}

/// Whether a stage could finish and kept something. Every record is accounted for, and every refusal has its words.
pub fn kept(ended: Result<Summary, Error>) -> bool {
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

fn iiif_samples() -> Vec<Value> {
    let [old, new] = samples::collections();
    let manifests = [samples::manifest_2(), samples::manifest_3()];
    let annotations = [samples::annotation_list(1), samples::annotation_page(1)];
    [&manifests[..], &annotations, &[old, new]].concat()
}

/// What a source finds in one document.
fn found(source: &dyn Source, name: &str, bytes: &[u8]) -> Result<Found, Error> {
    let request = DocumentRequest {
        location: name.to_owned(),
        ..DocumentRequest::default()
    };
    source.read(&Answer {
        request,
        url: name.to_owned(),
        bytes: bytes.to_vec(),
        media_type: None,
    })
}

fn say_why(found: &Found) {
    let says = |reject: &recto::summary::Reject| !reject.problem.trim().is_empty();
    assert!(found.rejects.iter().all(says), "{:?}", found.rejects);
}

#[test]
fn iiif_documents() {
    let takes = |bytes: &[u8]| {
        let url = "https://archive.example/document.json";
        let found = found(&Iiif::default(), url, bytes).unwrap();
        say_why(&found);
        let images = found.counts.get("images").copied().unwrap_or(0) as usize;
        assert!(found.observations.len() + found.rejects.len() >= images);
        found.rejects.is_empty()
    };
    documents(3000, iiif_samples(), takes).is_mixed();
}

#[test]
fn iiif_documents_through_two_stages() {
    let folder = Folder::new();
    let input = folder.at("document.json");
    let takes = move |bytes: &[u8]| {
        folder.write("document.json", bytes);
        kept(folder.digest(&["iiif", &input])) && kept(folder.extract("digest.json"))
    };
    documents(60, iiif_samples(), takes).is_mixed();
}

#[test]
fn tables() {
    let options = || TableOptions {
        url_column: Some("url".into()),
        ..TableOptions::default()
    };
    let tsv = samples::CSV.replace(',', "\t");
    for (name, sound) in [
        ("t.csv", samples::CSV),
        ("t.tsv", &tsv),
        ("t.jsonl", samples::JSON_LINES),
    ] {
        let sound = sound.to_owned();
        let table = Table {
            options: options(),
            ..Table::default()
        };
        let takes = move |bytes: &[u8]| match found(&table, name, bytes) {
            Ok(found) => {
                say_why(&found);
                let rows = found.counts.get("rows").copied().unwrap_or(0) as usize;
                let is_whole = found
                    .rejects
                    .iter()
                    .any(|reject| reject.record == "document");
                assert!(is_whole || rows == found.observations.len() + found.rejects.len());
                found.rejects.is_empty()
            }
            Err(error) => {
                assert!(error.what().starts_with(name), "{error}");
                false
            }
        };
        mutation::check(2000, move |random| mutation::text(&sound, random), takes).is_mixed();
    }
}

/// A sound document of boxes of a kind: JSON, or text.
enum Sound {
    Json(Value),
    Text(&'static str),
}

fn documents_of_boxes() -> Vec<(&'static str, &'static str, Sound)> {
    use serde_json::json;
    let coco = json!({"licenses": [{"id": 1, "url": "x"}], "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
        "images": [{"id": 1, "file_name": "a.jpg", "width": 90, "height": 60, "license": 1}, {"id": 2, "file_name": "b.jpg"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "segmentation": [[1, 2, 9, 2, 9, 9]], "score": 0.5},
            {"id": 2, "image_id": 2, "category_id": 2, "bbox": [1, 2, 3, 4], "segmentation": {"size": [4, 5], "counts": "5220003"}},
            {"id": 3, "image_id": 2, "segments_info": [{"category_id": 2, "bbox": [1, 2, 3, 4]}],
                "segmentation": {"size": [4, 5], "counts": [5, 2, 2, 2, 9]}}]});
    let results = json!([{"image_id": "a", "category_name": "x", "bbox": [1, 2, 3, 4], "score": 0.5},
        {"image_id": "b", "category_name": "x", "segmentation": {"size": [4, 5], "counts": [5, 2, 2, 2, 9]}}]);
    let rect = json!({"shape_attributes": {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4}, "region_attributes": {"c": "d"}});
    let ellipse = json!({"shape_attributes": {"name": "ellipse", "cx": 9, "cy": 9, "rx": 3, "ry": 4, "theta": 1}, "region_attributes": {"c": {"d": true}}});
    let via = json!({"_via_img_metadata": {"a1": {"filename": "a", "regions": [rect, ellipse], "file_attributes": {"k": "v"}},
        "b1": {"filename": "b", "regions": {"0": rect}}}});
    let result = |kind: &str, value: Value| json!({"id": kind, "type": kind, "value": value, "original_width": 90, "original_height": 60});
    let studio = json!([{"id": 1, "data": {"image": "a.jpg"}, "predictions": [{"score": 0.5, "result": [
            result("rectanglelabels", json!({"x": 1, "y": 2, "width": 3, "height": 4, "rotation": 9, "rectanglelabels": ["a"]}))]}],
        "annotations": [{"result": [
            result("polygonlabels", json!({"points": [[1, 2], [9, 2], [9, 9]], "polygonlabels": ["a"]})),
            result("ellipselabels", json!({"x": 50, "y": 50, "radiusX": 3, "radiusY": 4, "ellipselabels": ["a"]}))]}]},
        {"image": "b.jpg", "label": [{"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["a"]}]}]);
    let voc = "<?xml version=\"1.0\"?>\n<annotation>\n<filename>a.jpg</filename>\n<size><width>90</width><height>60</height></size>\n\
        <object><name>a &amp; b</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>7</ymax></bndbox></object>\n\
        <object><name>b</name><polygon><x1>1</x1><y1>2</y1><x2>5</x2><y2>2</y2><x3>5</x3><y3>9</y3></polygon></object>\n</annotation>\n";
    let table = "filename,file_attributes,region_shape_attributes,region_attributes\n\
        a.jpg,{},\"{\"\"name\"\":\"\"circle\"\",\"\"cx\"\":9,\"\"cy\"\":9,\"\"r\"\":3}\",\"{\"\"c\"\":\"\"d\"\"}\"\nb.jpg,{},{},{}\n";
    vec![
        ("coco", "i.json", Sound::Json(coco)),
        ("coco", "r.json", Sound::Json(results)),
        ("via", "v.json", Sound::Json(via)),
        ("via", "v.csv", Sound::Text(table)),
        ("labelstudio", "t.json", Sound::Json(studio)),
        ("voc", "a.xml", Sound::Text(voc)),
        (
            "yolo",
            "a.txt",
            Sound::Text("0 .5 .5 .2 .2\n1 .1 .1 .9 .1 .9 .9\n0 .5 .5 .2 .2 .75\n"),
        ),
        (
            "yolo",
            "data.yaml",
            Sound::Text("path: x\nnames:\n  0: a\n  1: 'b'\nkpt_shape: [2, 3]\n"),
        ),
        ("yolo", "classes.txt", Sound::Text("a\nb\n")),
        (
            "yolo",
            "sources.csv",
            Sound::Text("image_id,file,image\n1,a.jpg,x\n2,b.jpg,y\n"),
        ),
    ]
}

#[test]
fn documents_of_boxes_keep_or_reject_every_box() {
    for (kind, name, sound) in documents_of_boxes() {
        let classes = recto::sources::boxes::read_classes("c.txt", b"a\nb\n").unwrap();
        let source = Boxes {
            kind,
            max_bytes: 1_000_000,
            classes: Some(classes).filter(|_| kind == "yolo"),
            ..Boxes::default()
        };
        let takes = move |bytes: &[u8]| {
            let found = source.finish(found(&source, name, bytes).unwrap());
            say_why(&found);
            let count = |kind: &str| found.counts.get(kind).copied().unwrap_or(0);
            let annotations = found.observations.iter().flat_map(|o| &o.annotations);
            let kept = annotations
                .filter(|a| a.regions[0].fragment.is_some())
                .count() as u64;
            assert_eq!(count("boxes"), kept + count("boxes_rejected"));
            found.rejects.is_empty()
        };
        let make = move |random: &mut Random| match &sound {
            Sound::Json(value) => mutation::json(value, random),
            Sound::Text(text) => mutation::text(text, random),
        };
        let outcome = mutation::check(1000, make, takes);
        // Nearly any text is a list of names.
        assert!(
            name == "classes.txt" || outcome.refused > 0,
            "{name}: {outcome:?}"
        );
        assert!(outcome.taken > 0, "{name}: {outcome:?}");
    }
}

#[test]
fn documents_of_boxes_through_two_stages() {
    let folder = Folder::new();
    let archive = serde_json::json!({"contract": "recto/digest", "version": 1, "source": {"kind": "table", "inputs": []},
        "observations": [{"id": "https://x.example/a.jpg", "image": {"url": "https://x.example/a.jpg", "width": 90, "height": 60},
            "group": "g", "source": {"kind": "table"}}]});
    folder.write("archive.json", archive.to_string());
    let input = folder.at("i.json");
    let sound = documents_of_boxes().swap_remove(0).2;
    let Sound::Json(sound) = sound else {
        panic!("the first is JSON")
    };
    let takes = move |bytes: &[u8]| {
        folder.write("i.json", bytes);
        let _ = std::fs::remove_file(folder.path("digest.json"));
        kept(folder.digest(&["coco", &input]));
        let [archive, boxes, out] =
            ["archive.json", "digest.json", "localizations.json"].map(|name| folder.at(name));
        let inputs = [&*archive, &*boxes];
        let given = if folder.path("digest.json").exists() {
            &inputs[..]
        } else {
            &inputs[..1]
        };
        let args = [given, &["-o", &out, "--quiet"]].concat();
        let ended = extract(&extract::Options::parse(args).unwrap());
        let found = ended
            .as_ref()
            .is_ok_and(|summary| summary.counts["localizations"] > 0);
        if ended.is_ok() {
            kept(ended);
        }
        found
    };
    documents(60, [sound], takes).is_mixed();
}

#[test]
fn packed_tables() {
    let table = Table {
        options: TableOptions {
            id_column: Some("label".into()),
            service_prefix: Some("https://archive.example/iiif".into()),
            ..TableOptions::default()
        },
        ..Table::default()
    };
    let takes = move |bytes: &[u8]| {
        let ended = found(&table, "t", bytes);
        ended.is_ok_and(|found| {
            say_why(&found);
            found.rejects.is_empty()
        })
    };
    let zstd = ruzstd::encoding::compress_to_vec(
        samples::CSV.as_bytes(),
        ruzstd::encoding::CompressionLevel::Fastest,
    );
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(samples::CSV.as_bytes()).unwrap();
    let sound = vec![zstd, gzip.finish().unwrap()];
    let make = move |random: &mut Random| {
        let sound: &Vec<u8> = random.choose(&sound);
        mutation::bytes(sound, random)
    };
    mutation::check(3000, make, takes).is_mixed();
}

#[test]
fn digests() {
    let folder = Folder::new();
    let takes = move |bytes: &[u8]| {
        folder.write("d.json", bytes);
        kept(folder.extract("d.json"))
    };
    documents(200, [samples::digest(), samples::m3_digest()], takes).is_mixed();
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
            folder.estimate("set.json", &[]),
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
    documents(100, [samples::image_map()], takes).is_mixed();
}

#[test]
fn lines_of_reviews() {
    let takes = |bytes: &[u8]| {
        let (read, rejects) = corrections::read("review.jsonl", bytes);
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let lines = text.split(|byte| *byte == b'\n');
        let full = lines.filter(|line| !line.trim_ascii().is_empty()).count();
        assert_eq!(full, read.len() + rejects.len());
        assert!(rejects.iter().all(|reject| !reject.problem.is_empty()));
        rejects.is_empty()
    };
    let lines = |random: &mut Random| mutation::text(&samples::review_lines(), random);
    mutation::check(2000, lines, takes).is_mixed();
}

#[test]
fn files_of_reviews_before_the_stages_that_apply_them() {
    let folder = Folder::with_set();
    folder.write("document.json", samples::manifest_3().to_string());
    let lines = |random: &mut Random| mutation::text(&samples::review_lines(), random);
    let takes = move |bytes: &[u8]| {
        folder.write("review.jsonl", bytes);
        let (input, review) = (folder.at("document.json"), folder.at("review.jsonl"));
        kept(folder.digest(&["iiif", &input, "--review", &review]));
        kept(folder.extract("digest.json"));
        kept(folder.link("set.json", &["--review", &review]))
    };
    mutation::check(40, lines, takes);
}

#[test]
fn configuration_of_serve() {
    let folder = Folder::new();
    let takes = move |bytes: &[u8]| {
        folder.write("recto.toml", bytes);
        match serve::config::read(&folder.path("recto.toml")) {
            Ok(_) => true,
            Err(error) => {
                let words = error.to_string();
                assert!(
                    words.contains("recto.toml:") && words.len() > folder.at("recto.toml: ").len(),
                    "{words}"
                );
                false
            }
        }
    };
    mutation::check(
        3000,
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
        let ended = folder.estimate("set.json", &[]);
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
        100,
        |random| mutation::text(&samples::journal(), random),
        takes,
    )
    .is_mixed();
}

#[test]
fn lists_of_failures_that_are_tried_again() {
    let folder = Folder::with_set();
    let sound = "id,url,path,kind,status,attempts,message\n\
        a,https://archive.example/a.jpg,book/a.jpg,server,503,3,\"busy, HTTP 503\"\n\
        b,https://archive.example/b.jpg,b.jpg,timeout,,1,no byte\n";
    let takes = move |bytes: &[u8]| {
        folder.write("failures.csv", bytes);
        let ended = folder.estimate("set.json", &["--retry-failed", "server"]);
        let is_taken = ended.is_ok();
        kept(ended);
        is_taken
    };
    mutation::check(100, |random| mutation::text(sound, random), takes).is_mixed();
}

fn journal(folder: &Path) -> PathBuf {
    folder.join("downloads.jsonl")
}
