//! Outputs that are not plain names: symbolic links, named pipes, standard output by its name, the working directory.

use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;

use recto_testkit::dataset::sample;
use recto_testkit::{Running, Workdir, samples};

/// A command whose last word is its output.
struct Case {
    stage: &'static str,
    args: &'static [&'static str],
    /// How the output is named, where `out` is a link.
    names: &'static [&'static str],
    /// The file that shows that a folder was written; none of a single file.
    holds: Option<&'static str>,
}

const CASES: [Case; 8] = [
    Case {
        stage: "reformat",
        args: &["localizations.json", "-f", "coco", "-o"],
        names: &["out", "out/"],
        holds: Some("dataset.json"),
    },
    Case {
        stage: "shard",
        args: &["plan", "localizations.json", "-n", "1", "-o"],
        names: &["out", "out/"],
        holds: Some("plan.json"),
    },
    Case {
        stage: "extract",
        args: &["digest.json", "-o"],
        names: &["out/"],
        holds: Some("set.json"),
    },
    Case {
        stage: "extract",
        args: &["digest.json", "-o"],
        names: &["out"],
        holds: None,
    },
    Case {
        stage: "digest",
        args: &["table", "t.csv", "--url-column", "url", "-o"],
        names: &["out"],
        holds: None,
    },
    Case {
        stage: "extract",
        args: &["digest.json", "-o", "l.json", "--parquet"],
        names: &["out"],
        holds: None,
    },
    Case {
        stage: "extract",
        args: &["digest.json", "-o", "l.json", "--report"],
        names: &["out"],
        holds: None,
    },
    Case {
        stage: "recto",
        args: &["diff", "digest.json", "digest.json", "--quiet", "--html"],
        names: &["out"],
        holds: None,
    },
];

/// A named pipe, removed at the end: whoever opens it waits for ever.
struct Pipe(PathBuf);

impl Drop for Pipe {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn inputs() -> Workdir {
    let (work, _) = sample();
    work.write_json("digest.json", &samples::digest());
    work.write("t.csv", "url\nhttps://a.example/1.jpg\n");
    work
}

fn run(work: &Workdir, case: &Case, name: &str) -> recto_testkit::Ran {
    work.run(case.stage, &[case.args, &[name]].concat())
}

fn entries(work: &Workdir, folder: &str) -> Vec<String> {
    let found = fs::read_dir(work.path(folder)).unwrap();
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    found.map(name).collect()
}

#[test]
fn what_is_written_under_a_link_is_where_the_link_leads() {
    for case in &CASES {
        for name in case.names {
            let work = inputs();
            let place = format!("disk/there{}", case.holds.map_or("", |_| "/"));
            match case.holds {
                Some(_) => fs::create_dir_all(work.path(&place)).unwrap(),
                None => drop(work.write(&place, "")),
            }
            symlink("disk/there", work.path("way")).unwrap();
            symlink("way", work.path("out")).unwrap();
            // The second time it is replaced.
            for _ in 0..2 {
                let what = format!("{} {:?} {name}", case.stage, case.args);
                run(&work, case, name).exits(0);
                for link in ["out", "way"] {
                    assert!(work.path(link).is_symlink(), "{what}: {link}");
                }
                assert_eq!(entries(&work, "disk"), ["there"], "{what}");
                let written = format!("{place}{}", case.holds.unwrap_or_default());
                assert!(!work.read(&written).is_empty(), "{what}");
            }
        }
    }
}

#[test]
fn a_link_that_leads_nowhere_or_to_something_else_is_refused() {
    for case in &CASES {
        for name in case.names {
            let work = inputs();
            symlink("disk/none", work.path("out")).unwrap();
            let nowhere = "out is a link to disk/none, which is not there";
            let ran = run(&work, case, name);
            assert!(!ran.output.status.success(), "{:?}", case.args);
            ran.says(&["out", nowhere]);
            assert!(!work.exists("disk") && work.path("out").is_symlink());
            fs::remove_file(work.path("out")).unwrap();
            let wanted = match case.holds {
                Some(_) => {
                    work.write("disk/none", "mine");
                    "is a file, a folder is needed"
                }
                None => {
                    work.write("disk/none/mine", "mine");
                    "is a folder, a file is needed"
                }
            };
            symlink("disk/none", work.path("out")).unwrap();
            let ran = run(&work, case, name);
            assert!(!ran.output.status.success(), "{:?}", case.args);
            ran.says(&["out", wanted]);
            let kept = work.tree("disk").into_values();
            assert_eq!(kept.collect::<Vec<_>>(), [b"mine"]);
        }
    }
}

#[test]
fn a_folder_on_the_way_may_be_a_link() {
    let work = inputs();
    fs::create_dir(work.path("disk")).unwrap();
    symlink("disk", work.path("data")).unwrap();
    symlink("disk/none", work.path("lost")).unwrap();
    let args = ["localizations.json", "-f", "coco", "-o"];
    let to = |name: &'static str| work.run("reformat", &[&args[..], &[name]].concat());
    to("data/set").exits(0);
    to("data/set.json").exits(0);
    assert!(work.exists("disk/set/dataset.json") && work.exists("disk/set.json"));
    to("lost/set").says(&["lost is a link to disk/none, which is not there"]);
    fs::remove_file(work.path("lost")).unwrap();
}

#[test]
fn parts_of_workers_lie_beside_what_a_link_leads_to() {
    let work = inputs();
    fs::create_dir_all(work.path("disk/set")).unwrap();
    symlink("disk/set", work.path("out")).unwrap();
    let first = ["localizations.json", "-f", "yolo", "--no-val", "-o", "out"];
    let run = |more: &[&str]| work.run("reformat", &[&first[..], more].concat());
    run(&["--shard", "0/1"]).exits(0);
    assert!(work.exists("disk/set.shards/0-of-1") && !work.exists("out.shards"));
    run(&["--from-shards"]).exits(0);
    assert!(work.path("out").is_symlink() && work.exists("disk/set/dataset.json"));
    assert_eq!(entries(&work, "disk"), ["set"]);
}

#[test]
fn pipes_and_standard_output_are_written_to_and_never_replaced() {
    let work = inputs();
    let made = Command::new("mkfifo").arg(work.path("pipe.json")).status();
    assert!(made.unwrap().success());
    let pipe = Pipe(work.path("pipe.json"));
    let cases = [
        ("reformat", ["localizations.json", "-f", "coco"].as_slice()),
        ("extract", &["digest.json"]),
    ];
    for (stage, args) in cases {
        let mut reader = Command::new("cat");
        reader.arg(work.path("pipe.json"));
        reader.stdout(File::create(work.path("read.json")).unwrap());
        let mut reader = Running(reader.spawn().unwrap());
        work.run(stage, &[args, &["-o", "pipe.json"]].concat())
            .exits(0);
        let about = fs::symlink_metadata(work.path("pipe.json")).unwrap();
        assert!(about.file_type().is_fifo(), "{stage}");
        assert!(reader.ends().success());
        assert!(work.json("read.json").is_object(), "{stage}");
    }
    drop(pipe);
    // Behind what was printed before, as with `-`.
    for name in ["-", "/dev/stdout", "/dev/fd/1"] {
        work.write("both", "first\n");
        let mut command = work.command("extract", &["digest.json", "-o", name]);
        let both = File::options().append(true).open(work.path("both"));
        work.run_command(command.stdout(both.unwrap())).exits(0);
        let text = work.text("both");
        assert!(text.starts_with("first\n{"), "{name}: {text}");
    }
}

#[test]
fn a_set_may_be_written_into_the_working_directory() {
    let work = inputs();
    fs::create_dir(work.path("here")).unwrap();
    let place = |work: &Workdir| fs::metadata(work.path("here")).unwrap().ino();
    let before = place(&work);
    for name in [".", "./", "../here"] {
        let args = ["../localizations.json", "--image-map", "../image_map.json"];
        let args = [&args[..], &["-f", "coco", "-o", name]].concat();
        let ran = work.run_command_in("here", &mut work.command("reformat", &args));
        ran.exits(0);
        assert!(work.exists("here/dataset.json"), "{name}");
        assert_eq!(place(&work), before, "{name}: who stands there sees it");
    }
    work.write("here/mine.txt", "mine");
    let args = ["../localizations.json", "--image-map", "../image_map.json"];
    let args = [&args[..], &["-f", "coco", "-o", "."]].concat();
    work.run_command_in("here", &mut work.command("reformat", &args))
        .exits(1)
        .says(&["holds mine.txt"]);
}
