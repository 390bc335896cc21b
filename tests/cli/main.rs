//! The program `recto`: its commands are the programs of the stages, and those that it alone has.

mod config;
mod demo;
mod diff;
mod doctor;
mod experiment;
mod export;
mod help;
mod shells;

use recto_testkit::{Workdir, samples};

/// A command of `recto` says and does what the program of the stage does.
#[test]
fn commands_are_the_programs_of_the_stages() {
    let broken = "not JSON";
    let cases: [(&str, &[&str]); 7] = [
        (
            "digest",
            &["table", "list.csv", "--url-column", "url", "-o", "out.json"],
        ),
        ("digest", &["iiif", "broken.json", "-o", "out.json"]),
        ("extract", &["broken.json"]),
        ("extract", &["digest.json", "-o", "out.json"]),
        ("download", &["missing.json", "images"]),
        ("reformat", &["missing.json", "-f", "coco", "-o", "coco"]),
        ("shard", &["status", "plan", "images"]),
    ];
    for (stage, args) in cases {
        let ended = [stage, "recto"].map(|program| {
            let work = Workdir::new();
            work.write("broken.json", broken)
                .write("list.csv", "url\nhttps://a.example/1.jpg\n")
                .write_json("digest.json", &samples::digest());
            let call = match program {
                "recto" => [&[stage], args].concat(),
                _ => args.to_vec(),
            };
            let ran = work.run(program, &call);
            (
                ran.output.status.code(),
                ran.stdout(),
                ran.stderr(),
                work.tree(""),
            )
        });
        assert_eq!(ended[0], ended[1], "{stage} {args:?}");
    }
}

#[test]
fn a_command_line_that_is_not_valid_ends_with_2() {
    let work = Workdir::new();
    for args in [
        &[][..],
        &["nonsense"],
        &["digest", "iiif"],
        &["demo"],
        &["init", "iiif"],
    ] {
        work.run("recto", args).exits(2);
    }
    work.run("recto", &["extract", "--nonsense"])
        .exits(2)
        .says(&["--nonsense", "Usage: recto extract"]);
    work.run("extract", &["--nonsense"])
        .exits(2)
        .says(&["--nonsense", "Usage: recto-extract"]);
}

/// The server of `recto serve` starts workers by running its own program.
#[test]
fn workers_of_a_server_are_started_by_recto_too() {
    let work = Workdir::new();
    work.write("pictures/paper.pdf", samples::pdf());
    let ran = work.run("recto", &["serve", "pictures", "--url", "paper.pdf"]);
    let alone = work.run("serve", &["pictures", "--url", "paper.pdf"]);
    assert_eq!(
        (ran.stdout(), ran.stderr()),
        (alone.stdout(), alone.stderr())
    );
}

#[test]
fn programs_do_not_depend_on_the_names_of_their_files() {
    let work = Workdir::new();
    let other = work.path("other-name");
    std::os::unix::fs::symlink(recto_testkit::binary("recto"), &other).unwrap();
    let said = std::process::Command::new(&other)
        .args(["extract", "-h"])
        .output()
        .unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(text.contains("Usage: recto extract"), "{text}");
}
