//! Help: `-h` is a screen, `--help` has everything, and after a source only what that source needs.

use std::collections::BTreeSet;

use recto_testkit::Workdir;
use regex::Regex;

const STAGES: [&str; 6] = [
    "digest", "extract", "download", "reformat", "serve", "shard",
];

/// What a program says in lines of 80 columns.
fn said(program: &str, args: &[&str]) -> String {
    said_in(program, args, "80")
}

fn said_in(program: &str, args: &[&str], columns: &str) -> String {
    let work = Workdir::new();
    let mut command = work.command(program, args);
    let output = command.env("COLUMNS", columns).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The options that a help shows.
fn options(help: &str) -> BTreeSet<String> {
    let option = Regex::new(r"(?m)^ {2,6}(?:-\w, )?--([\w-]+)").unwrap();
    option
        .captures_iter(help)
        .map(|found| found[1].to_owned())
        .collect()
}

#[test]
fn short_help_is_a_screen() {
    for stage in STAGES {
        let short = said(stage, &["-h"]);
        let lines = short.lines().count();
        assert!(lines <= 40, "{stage} -h has {lines} lines:\n{short}");
        let as_command =
            |text: &str| text.replace(&format!("recto-{stage}"), &format!("recto {stage}"));
        assert_eq!(
            as_command(&short),
            as_command(&said("recto", &[stage, "-h"]))
        );
        let long = said(stage, &["--help"]);
        assert!(options(&short).is_subset(&options(&long)), "{stage}");
        for part in [
            "Exit codes: 0 done",
            "All options: --help",
            "Example: recto",
        ] {
            assert!(short.contains(part), "{stage}: no {part}");
        }
        assert!(long.contains("Examples:\n  recto-"), "{stage}: no examples");
        assert!(
            long.contains("Exit codes: 0 done"),
            "{stage}: no exit codes"
        );
    }
    let lines = said("recto", &["-h"]).lines().count();
    assert!(lines <= 40, "recto -h has {lines} lines");
}

#[test]
fn help_of_a_source_has_what_this_source_needs() {
    let cases: [(&str, &[&str], &[&str]); 4] = [
        (
            "m3",
            &["anno", "vam", "raziel", "descendants", "where", "rate"],
            &[
                "url-column",
                "text",
                "images",
                "base",
                "activities",
                "no-annotations",
                "max-redirects",
                "locked",
            ],
        ),
        (
            "table",
            &["url-column", "text-files", "where"],
            &["anno", "concept", "images", "since"],
        ),
        (
            "iiif",
            &["activities", "text", "no-annotations"],
            &["anno", "url-column", "classes"],
        ),
        (
            "coco",
            &["images", "classes"],
            &["anno", "url-column", "text", "base"],
        ),
    ];
    let all = options(&said("digest", &["--help"]));
    for (source, with, without) in cases {
        let help = said("digest", &[source, "--help"]);
        let shown = options(&help);
        assert!(shown.is_subset(&all));
        let more =
            "More options, which all sources have (network, earlier runs): recto-digest --help";
        let words: Vec<&str> = help.split_whitespace().collect();
        assert!(words.join(" ").contains(more), "{help}");
        for option in with {
            assert!(shown.contains(*option), "{source}: no --{option}");
        }
        for option in without {
            assert!(!shown.contains(*option), "{source}: --{option}");
            assert!(all.contains(*option), "no --{option} at all");
        }
        let examples = help.split("Examples:").nth(1).unwrap();
        let others = examples
            .lines()
            .filter(|line| line.contains("recto-digest"));
        assert!(others.clone().count() > 0, "{source}");
        assert!(
            others
                .clone()
                .all(|line| line.contains(&format!(" {source} "))),
            "{examples}"
        );
    }
}

#[test]
fn short_help_of_a_source_has_what_this_source_needs() {
    let shown = options(&said("digest", &["m3", "-h"]));
    assert!(shown.contains("descendants") && shown.contains("config"));
    assert!(!shown.contains("url-column"));
    let shown = options(&said("digest", &["table", "-h"]));
    assert!(shown.contains("url-column") && !shown.contains("descendants"));
}

#[test]
fn every_command_says_how_it_ends_and_has_a_short_help() {
    for task in [
        "demo",
        "diff",
        "export",
        "init",
        "doctor",
        "config",
        "completions",
        "man",
    ] {
        let short = said("recto", &[task, "-h"]);
        assert!(short.lines().count() <= 40, "{task}:\n{short}");
        assert!(short.contains("Exit codes: 0 "), "{task}:\n{short}");
        assert!(
            said("recto", &[task, "--help"]).contains("Exit codes: 0 "),
            "{task}"
        );
    }
}

#[test]
fn help_may_be_a_command() {
    for (asked, wanted) in [
        (&["help"][..], &["--help"][..]),
        (&["help", "extract"], &["extract", "--help"]),
        (&["help", "digest", "m3"], &["digest", "m3", "--help"]),
    ] {
        assert_eq!(said("recto", asked), said("recto", wanted));
    }
}

#[test]
fn examples_of_help_are_taken() {
    let example = Regex::new(r"(?m)^  recto-(\w+) (.+)$").unwrap();
    let word = Regex::new(r"(?:'[^']*'|[^\s'])+").unwrap();
    let mut taken = 0;
    for stage in STAGES {
        for found in example.captures_iter(&said_in(stage, &["--help"], "1000")) {
            let words = word.find_iter(&found[2]);
            let words: Vec<String> = words.map(|word| word.as_str().replace('\'', "")).collect();
            let args: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
            said(&found[1], &args);
            taken += 1;
        }
    }
    assert!(taken > 20, "{taken}");
}

#[test]
fn versions_name_the_program() {
    for (program, name) in [
        ("recto", "recto"),
        ("digest", "recto-digest"),
        ("serve", "recto-serve"),
    ] {
        let version = said(program, &["--version"]);
        let wanted = format!(
            r"^{name} {}( \([0-9a-f]{{7,12}}\))?\n$",
            regex::escape(env!("CARGO_PKG_VERSION"))
        );
        assert!(Regex::new(&wanted).unwrap().is_match(&version), "{version}");
    }
}
