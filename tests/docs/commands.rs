//! Every command line that the documents show is one that the programs take.

use regex::Regex;

use super::{document, root};
use recto_testkit::Workdir;

/// The lines of `sh` blocks, continued lines joined, comments and prompts cut.
fn lines(name: &str) -> Vec<String> {
    let text = document(name).replace("\\\n", " ");
    let block = Regex::new(r"(?s)```sh\n(.*?)```").unwrap();
    let blocks: Vec<String> = block
        .captures_iter(&text)
        .map(|b| b[1].to_owned())
        .collect();
    let lines = blocks.iter().flat_map(|block| block.lines());
    lines
        .map(|line| line.split(" #").next().unwrap().trim())
        // In the background.
        .map(|line| line.trim_end_matches(" &").to_owned())
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

/// A line as a shell splits it: words, with quotes taken off.
fn words(line: &str) -> Vec<String> {
    let word = Regex::new(r#"(?:'[^']*'|"[^"]*"|[^\s'"])+"#).unwrap();
    let plain = |m: regex::Match| m.as_str().replace(['\'', '"'], "");
    word.find_iter(line).map(plain).collect()
}

#[test]
fn every_command_shown_is_taken() {
    let mut shown = std::collections::BTreeMap::new();
    for name in [
        "README.md",
        "docs/sources.md",
        "docs/formats.md",
        "docs/options.md",
        "docs/troubleshooting.md",
        "docs/boxes.md",
        "docs/contracts.md",
        "docs/from-m3-download.md",
        "docs/transcriptions.md",
        "docs/reproduce.md",
        "docs/tutorials/manuscript.md",
        "docs/tutorials/predictions.md",
        "ARCHITECTURE.md",
    ] {
        for line in lines(name) {
            let words = words(&line);
            let stage = match words[0].as_str() {
                "recto" => Some("recto"),
                word => word.strip_prefix("recto-"),
            };
            if let Some(stage) = stage {
                let args: Vec<&str> = words[1..]
                    .iter()
                    .map(String::as_str)
                    .chain(["--help"])
                    .collect();
                Workdir::new().run(stage, &args).exits(0);
                *shown.entry(stage.to_owned()).or_insert(0) += 1;
            }
        }
    }
    for stage in super::PROGRAMS {
        assert!(shown.contains_key(stage), "README shows no recto-{stage}");
    }
}

/// The examples for Snakemake, GitHub and Docker begin where the Makefile does, with commands that are taken.
#[test]
fn every_command_of_the_plain_examples_is_taken() {
    let command = Regex::new(r#"(?m)(?:\{RECTO\}|run: recto|^recto) (\w+ [^"\n]*)"#).unwrap();
    for name in ["Snakefile", "github-workflow.yml", "docker.sh"] {
        let text = document(&format!("examples/plain/{name}"));
        let mut found = 0;
        for command in command.captures_iter(&text) {
            let line = command[1].split(['{', '|']).next().unwrap();
            let args = words(line);
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let call = [&args[..], &["--help"]].concat();
            Workdir::new().run("recto", &call).exits(0);
            found += 1;
        }
        assert!(found > 0, "{name} runs no recto");
    }
}

#[test]
fn every_verb_shown_is_a_rule_of_the_makefile() {
    let makefile = document("Makefile");
    let verb = Regex::new(r"(?m)`make ([a-z]+)`|^make ([a-z]+)$").unwrap();
    let mut found = 0;
    for name in super::DOCUMENTS {
        for verb in verb.captures_iter(&document(name)) {
            let verb = verb.get(1).or(verb.get(2)).unwrap().as_str();
            assert!(
                makefile.contains(&format!("\n{verb}: ")),
                "{name}: no rule for `make {verb}`"
            );
            found += 1;
        }
    }
    assert!(found > 3);
}

/// The worked example that starts from a table needs no network before `recto-download`: it is run as it stands.
#[test]
fn the_example_of_a_table_runs() {
    let readme = document("docs/sources.md");
    let table = Regex::new(r"(?s)```csv fragments\.csv\n(.*?)```").unwrap();
    let work = Workdir::new();
    work.write("fragments.csv", &table.captures(&readme).unwrap()[1]);
    let lines = lines("docs/sources.md");
    let start = lines
        .iter()
        .position(|line| line.contains("fragments.csv"))
        .unwrap();
    for (line, stage) in lines[start..].iter().zip(["digest", "extract"]) {
        let words = words(line);
        assert_eq!(words[0], format!("recto-{stage}"), "{line}");
        let args: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        work.run(stage, &args).exits(0);
    }
    let images = work.json("localizations.json")["images"]
        .as_array()
        .unwrap()
        .clone();
    let ids: Vec<&str> = images
        .iter()
        .map(|image| image["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "https://images.example/iiif/P100-NIR-R",
            "https://images.example/iiif/P101-NIR-R"
        ]
    );
}

#[test]
fn make_alone_lists_every_verb() {
    let output = std::process::Command::new("make")
        .current_dir(root())
        .output()
        .unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    for verb in ["demo", "check", "test", "schemas", "docs"] {
        assert!(listed.contains(&format!("make {verb}")), "{listed}");
    }
}

/// `cargo test -p recto-CRATE --test NAME` in the documents names a file or folder of tests.
#[test]
fn every_test_named_is_there() {
    let test = Regex::new(r"cargo test(?: -p recto-(\w+))? --test (\w+)").unwrap();
    let mut found = 0;
    for name in super::DOCUMENTS {
        for test in test.captures_iter(&document(name)) {
            let tests = match test.get(1) {
                Some(folder) => root().join("crates").join(folder.as_str()).join("tests"),
                None => root().join("tests"),
            };
            let folder = tests.join(&test[2]).join("main.rs");
            let file = tests.join(format!("{}.rs", &test[2]));
            assert!(folder.exists() || file.exists(), "{name}: {}", &test[0]);
            found += 1;
        }
    }
    assert!(found > 2);
}

#[test]
fn every_option_named_for_those_who_judge_the_programs_is_taken() {
    let options: String = super::PROGRAMS.map(super::help).concat();
    let option = Regex::new(r"`(--[a-z-]+)").unwrap();
    for name in ["SECURITY.md", "ARCHITECTURE.md", "docs/decisions.md"] {
        for option in option.captures_iter(&document(name)) {
            let is_taken = Regex::new(&format!(r"{}\b", &option[1])).unwrap();
            assert!(is_taken.is_match(&options), "{name}: no {}", &option[1]);
        }
    }
}
