//! `recto init`: each folder makes a training set, makes again what depends on changed settings, goes on with records that were
//! left out, and goes on after an interruption.

use std::process::Command;

use recto_testkit::binary;
use recto_testkit::dataset::picture;
use recto_testkit::iiif::Origin;
use recto_testkit::m3::{Lab, boxed, reference, row};
use recto_testkit::server::{Answer, Server};
use recto_testkit::{Ran, Workdir};
use serde_json::{Value, json};

/// Runs `make` in the folder `exp` with the program under test.
fn make(work: &Workdir, args: &[&str]) -> Ran {
    let mut command = Command::new("make");
    command
        .args(["-C", "exp"])
        .arg(format!("RECTO={}", binary("recto")))
        .args(args);
    command.env_remove("MAKEFLAGS").env_remove("MFLAGS");
    work.run_command(&mut command)
}

fn begin(kind: &str) -> Workdir {
    let work = Workdir::new();
    work.run("recto", &["init", kind, "exp"])
        .exits(0)
        .says(&["settings.mk"]);
    // Nothing that is there is replaced.
    work.run("recto", &["init", kind, "exp"])
        .exits(1)
        .says(&["is there already"]);
    work
}

/// Replaces a text in a file of the experiment.
fn edit(work: &Workdir, name: &str, from: &str, to: &str) {
    let text = work.text(name);
    assert!(text.contains(from), "{name}: no {from}");
    std::fs::write(work.path(name), text.replace(from, to)).unwrap();
}

/// The commands of recto that make ran: digest, extract, …
fn stages(ran: &Ran) -> Vec<String> {
    let out = ran.stdout();
    let lines = out
        .lines()
        .filter_map(|line| line.strip_prefix(&format!("{} ", binary("recto"))));
    lines
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect()
}

/// A manifest of two images, of which one cannot be downloaded, with a box within its canvas and one outside.
fn archive() -> Server {
    let origin = Origin::default();
    Server::start(move |request, _| {
        let home = format!("http://{}", request.headers["host"]);
        match request.path.as_str() {
            "/manifest" => {
                Answer::Serve(manifest(&home).to_string().into_bytes(), "application/json")
            }
            path if path.starts_with("/iiif/good/") => origin.answer(request),
            _ => Answer::Status(404),
        }
    })
}

fn manifest(home: &str) -> Value {
    let canvas = |n: usize, service: &str| {
        let id = format!("{home}/canvas/{n}");
        let boxed = |at: &str, value: &str| {
            json!({"id": format!("{id}/{value}"), "type": "Annotation", "motivation": "tagging",
                "body": {"type": "TextualBody", "purpose": "tagging", "value": value}, "target": format!("{id}#xywh={at}")})
        };
        json!({"id": id, "type": "Canvas", "width": 300, "height": 200, "label": {"none": [format!("page {n}")]},
            "items": [{"id": format!("{id}/page"), "type": "AnnotationPage", "items": [{
                "id": format!("{id}/painting"), "type": "Annotation", "motivation": "painting", "target": id,
                "body": {"id": format!("{home}/iiif/{service}/full/max/0/default.jpg"), "type": "Image", "width": 300, "height": 200,
                    "service": [{"id": format!("{home}/iiif/{service}"), "type": "ImageService2", "profile": "level2"}]}}]}],
            "annotations": [{"id": format!("{id}/boxes"), "type": "AnnotationPage",
                "items": [boxed("10,20,30,40", "aleph"), boxed("900,900,5,5", "outside")]}]})
    };
    json!({"@context": "http://iiif.io/api/presentation/3/context.json", "id": format!("{home}/manifest"), "type": "Manifest",
        "label": {"none": ["M"]}, "items": [canvas(1, "good"), canvas(2, "gone")]})
}

#[test]
fn an_experiment_with_iiif_goes_on_with_what_is_there() {
    let (work, server) = (begin("iiif"), archive());
    let url = server.url("/manifest");
    edit(
        &work,
        "exp/settings.mk",
        "https://archive.example/iiif/collection.json",
        &url,
    );
    edit(
        &work,
        "exp/settings.mk",
        "-f coco --split train=0.8,val=0.1,test=0.1",
        "-f coco",
    );
    edit(
        &work,
        "exp/settings.mk",
        "--contact you@university.example",
        "--rate 0",
    );
    edit(
        &work,
        "exp/settings.mk",
        "DIGEST := iiif '$(SOURCE)'",
        "DIGEST := iiif '$(SOURCE)' --rate 0",
    );
    let ran = make(&work, &[]);
    ran.exits(0);
    // What was left out is shown: a box outside its canvas, an image that is not there.
    for part in [
        "left out, from rejects.csv:",
        "outside",
        "left out, from failures.csv:",
        "404",
    ] {
        assert!(ran.stdout().contains(part), "no {part} in {}", ran.stdout());
    }
    assert_eq!(
        stages(&ran),
        ["digest", "extract", "download", "reformat", "reformat"]
    );
    assert!(
        work.exists("exp/set/annotations/instances_default.json") && work.exists("exp/sheet.png")
    );
    // Nothing is made twice.
    assert_eq!(stages(make(&work, &[]).exits(0)), [""; 0]);
    // A changed setting makes again what depends on it, and no more.
    edit(
        &work,
        "exp/settings.mk",
        "-f coco",
        "-f coco --negatives drop",
    );
    assert_eq!(stages(make(&work, &[]).exits(0)), ["reformat"]);
    edit(
        &work,
        "exp/settings.mk",
        "EXTRACT :=",
        "EXTRACT := --outside reject",
    );
    assert_eq!(
        stages(make(&work, &[]).exits(0)),
        ["extract", "download", "reformat", "reformat"]
    );
    assert_eq!(
        server.hits("/iiif/good/full/max/0/default.jpg")
            + server.hits("/iiif/good/full/full/0/default.jpg"),
        1
    );
    edit(
        &work,
        "exp/settings.mk",
        "DIGEST := iiif '$(SOURCE)'",
        "DIGEST := iiif '$(SOURCE)' --label 'page 1'",
    );
    assert_eq!(stages(make(&work, &[]).exits(0)).first().unwrap(), "digest");
    assert_eq!(
        work.json("exp/digest.json")["observations"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn an_experiment_with_a_table_downloads_nothing_twice() {
    let work = begin("table");
    let server = Server::start(|request, _| match request.path.as_str() {
        "/robots.txt" => Answer::Status(404),
        path => {
            let seed = u32::from(path.as_bytes()[1]);
            Answer::Serve(picture(60, 40, seed, image::ImageFormat::Png), "image/png")
        }
    });
    let row = |n: usize| format!("{},group {n},page {n}\n", server.url(&format!("/{n}.png")));
    let table = |n: usize| format!("url,group,label\n{}", (1..=n).map(row).collect::<String>());
    std::fs::write(work.path("exp/images.csv"), table(4)).unwrap();
    edit(
        &work,
        "exp/settings.mk",
        "-f hf --split train=0.8,val=0.1,test=0.1",
        "-f csv",
    );
    edit(
        &work,
        "exp/settings.mk",
        "--contact you@university.example",
        "--rate 0",
    );
    // A budget is used up before all is there: `make` ends, and goes on when it is run again, or without the rest.
    let few = "DOWNLOAD=--rate 0 --budget requests=2";
    make(&work, &[few]).exits(2);
    assert!(!work.exists("exp/image_map.json"));
    let there = || work.json("exp/image_map.json").as_object().unwrap().len();
    let partly = make(&work, &[few, "PARTIAL=--partial-ok"]);
    partly.exits(0);
    assert!((1..=4).contains(&there()), "{}", partly.stderr());
    make(&work, &[]).exits(0);
    assert_eq!(there(), 4);
    // What is asked for again is there already.
    assert!(stages(make(&work, &["again"]).exits(0)).contains(&"download".to_owned()));
    for n in 1..=4 {
        assert_eq!(server.hits(&format!("/{n}.png")), 1, "{n}.png");
    }
    // A table that changes is read again.
    std::fs::write(work.path("exp/images.csv"), table(3)).unwrap();
    assert_eq!(stages(make(&work, &[]).exits(0)).first().unwrap(), "digest");
    assert_eq!(there(), 3);
    make(&work, &["clean"]).exits(0);
    assert!(!work.exists("exp/set") && work.exists("exp/images"));
    make(&work, &["TABLE=my images.csv"])
        .exits(2)
        .says(&["TABLE must be the name of one file, without blanks"]);
}

#[test]
fn a_stopped_download_is_not_taken_for_a_finished_one() {
    let work = begin("table");
    let stop = work.path("stop");
    // A program in place of recto that ends as a stopped one does, its map written.
    let script = format!(
        "#!/bin/sh\n[ $1 = download ] && [ ! -e {stop} ] && touch {stop} image_map.part.json && exit 130\necho $1 >> {log}\ntouch digest.json localizations.json image_map.part.json sheet.png; mkdir -p set; touch set/dataset.json\n",
        stop = stop.display(),
        log = work.path("log").display()
    );
    work.write("recto.sh", script);
    let program = format!("RECTO=sh {}", work.path("recto.sh").display());
    make(&work, &[&program]).exits(2);
    assert!(!work.exists("exp/image_map.json"));
    make(&work, &[&program]).exits(0);
    assert!(work.text("log").contains("download"));
    // They are no JSON, and nobody reads them.
    std::fs::remove_dir_all(work.path("exp")).unwrap();
}

/// What the rules of an example or of `recto init` run in place of recto: each stage writes what it should, and a stage whose
/// name is a file in the folder of the test ends with the code in there, once.
fn stand_in(work: &Workdir) -> String {
    let home = work.path("").display().to_string();
    let script = format!(
        "#!/bin/sh\necho $1 >> '{home}/log'\ncase $1 in\ndigest) for last; do case $before in -o) touch \"$last\";; esac; before=$last; done;;\n\
         extract) touch localizations.json;;\ndownload) touch image_map.part.json;;\nreformat) mkdir -p set; touch set/dataset.json;;\nesac\n\
         [ -e '{home}'/$1 ] || exit 0\ncode=$(cat '{home}'/$1); rm '{home}'/$1; exit $code\n"
    );
    work.write("recto.sh", script);
    format!("RECTO=sh '{home}/recto.sh'")
}

/// A rule that ends with 75 is run again by the next `make`, and says so.
#[test]
fn what_a_server_that_was_down_left_out_is_made_by_the_next_make() {
    let example = |name: &str| {
        let path = format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    let settings = example("experiment/iiif/settings.mk");
    for (makefile, target) in [
        ("plain/Makefile", "image_map.json"),
        ("concepts/Makefile", "image_map.json"),
        ("experiment/Makefile", "image_map.json"),
    ] {
        for (stage, wanted) in [("digest", "digest"), ("download", "download")] {
            let work = Workdir::new();
            work.write("exp/Makefile", example(makefile));
            work.write("exp/settings.mk", &settings);
            let program = stand_in(&work);
            work.write(stage, "75");
            let first = make(&work, &[&program, target]);
            first.exits(2).says(&["Error 75"]);
            assert!(!work.exists("exp/image_map.json"), "{makefile} {stage}");
            work.write("log", "");
            make(&work, &[&program, target]).exits(0);
            let log = work.text("log");
            assert_eq!(log.lines().next(), Some(wanted), "{makefile}: {log}");
            assert!(log.contains("download"), "{makefile}: {log}");
            // 3 is for good, and all of it is made once.
            work.write("log", "");
            make(&work, &[&program, target]).exits(0);
            assert_eq!(work.text("log"), "", "{makefile} {stage}");
            // They are no JSON, and nobody reads them.
            std::fs::remove_dir_all(work.path("exp")).unwrap();
        }
    }
}

#[test]
fn the_examples_for_snakemake_and_docker_do_not_take_a_server_that_was_down_for_good() {
    for name in ["Snakefile", "docker.sh"] {
        let path = format!("{}/examples/plain/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        for stage in ["digest iiif", "download "] {
            let of_stage: Vec<&str> = text
                .lines()
                .filter(|line| line.contains(stage) && line.contains("||"))
                .collect();
            let [line] = of_stage[..] else {
                panic!("{name}: {stage}: {of_stage:?}");
            };
            assert!(
                line.contains("= 3 ]") && !line.contains("--partial-ok"),
                "{line}"
            );
        }
    }
}

#[test]
fn an_experiment_takes_the_url_of_a_table() {
    let work = begin("table");
    let program = stand_in(&work);
    let table = "TABLE=https://archive.example/t.csv?a=1&b=2";
    make(&work, &[&program, table, "digest.json"]).exits(0);
    assert_eq!(work.text("log"), "digest\n");
    let shown = make(&work, &[&program, table, "-n", "-B", "digest.json"]);
    let wanted = "digest table 'https://archive.example/t.csv?a=1&b=2' --url-column";
    assert!(
        shown.exits(0).stdout().contains(wanted),
        "{}",
        shown.stdout()
    );
    // It is no JSON, and nobody reads it.
    std::fs::remove_dir_all(work.path("exp")).unwrap();
}

#[test]
fn commands_in_hints_are_quoted_as_shells_need_it() {
    let work = Workdir::new();
    work.run("recto", &["init", "iiif", "Codex 12"])
        .exits(0)
        .says(&["make -C 'Codex 12'"]);
    work.write_json("my set/digest.json", &recto_testkit::samples::digest());
    let call = ["my set/digest.json", "-o", "my set/localizations.json"];
    work.run("extract", &call)
        .says(&["`recto-download 'my set/localizations.json' images`"]);
}

/// A laboratory with two images, of two concepts, and what its services are called on the command line; images are on another server.
fn laboratory(concepts: [&str; 2]) -> (Server, Server, String) {
    let pictures = Server::start(|request, _| match request.path.ends_with(".png") {
        true => Answer::Serve(picture(64, 48, 7, image::ImageFormat::Png), "image/png"),
        false => Answer::Status(404),
    });
    let image = |n: usize| {
        let mut image = reference(n, "png", "source image");
        image["url"] = pictures.url(&format!("/{n}.png")).into();
        image
    };
    let row = |(n, concept): (usize, &str)| row(n, n, concept, &[image(n)], &[boxed(n, n)]);
    let rows = (1..).zip(concepts).map(row).collect();
    let lab = Lab {
        rows,
        ..Lab::default()
    }
    .start();
    let services =
        ["anno", "kb", "vam"].map(|name| format!("--{name} {} ", lab.url(&format!("/{name}/v1"))));
    (lab, pictures, services.concat())
}

#[test]
fn an_experiment_with_m3_makes_a_set() {
    let work = begin("m3");
    let (_lab, _pictures, services) = laboratory(["Sebastes", "Sebastes"]);
    edit(&work, "exp/settings.mk", "--config config.ini", &services);
    edit(&work, "exp/settings.mk", "--descendants ", "");
    edit(
        &work,
        "exp/settings.mk",
        "-f yolo --split train=0.8,val=0.1,test=0.1",
        "-f coco",
    );
    make(&work, &[]).exits(0);
    assert_eq!(work.json("exp/set/dataset.json")["total"]["boxes"], 2);
}

/// The Makefiles of examples/ run as they stand, but for the address of the archive.
#[test]
fn makefiles_of_the_examples_run() {
    let example = |name: &str| {
        let path = format!("{}/examples/{name}/Makefile", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    let (work, server) = (Workdir::new(), archive());
    work.write("exp/Makefile", example("plain"));
    let source = format!("SOURCE={}", server.url("/manifest"));
    // One image is too few for a validation set, which is told.
    make(&work, &[&source]).exits(0);
    assert!(work.exists("exp/set/dataset.json"));
    let work = Workdir::new();
    let (_lab, _pictures, services) = laboratory(["Sebastes", "Nanomia"]);
    work.write("exp/Makefile", example("concepts"));
    make(&work, &[&format!("SERVICES={services}")]).exits(0);
    for seed in 0..3 {
        let set = work.json(&format!("exp/sets/{seed}/dataset.json"));
        assert_eq!(set["total"]["boxes"], 2, "{seed}");
    }
}
