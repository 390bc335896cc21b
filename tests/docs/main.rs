//! The documents compared with the program. `make docs` writes docs/cli.md and the tables made from the program
//! again; without it a test says what is out of date.

mod commands;
mod dependencies;
mod examples;
mod imports;
mod reader;
mod walls;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use recto::formats::{self, FormatOptions};
use recto_testkit::Workdir;
use regex::Regex;

const PROGRAMS: [&str; 6] = [
    "digest", "extract", "download", "reformat", "serve", "shard",
];
/// The commands of `recto` that are no programs.
const COMMANDS: [&str; 8] = [
    "demo",
    "diff",
    "export",
    "init",
    "doctor",
    "config",
    "completions",
    "man",
];
const DOCUMENTS: [&str; 31] = [
    "docs/formats.md",
    "docs/options.md",
    "docs/sources.md",
    "docs/troubleshooting.md",
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "THIRD-PARTY.md",
    "crates/jpeg/README.md",
    "crates/pixels/README.md",
    "docs/benchmarks.md",
    "docs/cli.md",
    "docs/contracts.md",
    "docs/decisions.md",
    "docs/download.md",
    "docs/from-m3-download.md",
    "docs/lossless.md",
    "docs/python.md",
    "docs/tutorials/manuscript.md",
    "docs/tutorials/predictions.md",
    "docs/reading.md",
    "docs/reproduce.md",
    "docs/scale.md",
    "examples/cluster/README.md",
    "docs/tables.md",
    "docs/training-sets.md",
    "docs/transcriptions.md",
    "docs/boxes.md",
    "docs/serve.md",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Paths, relative to a folder, of every file below it with a suffix, sorted.
fn files_below(folder: &str, suffix: &str) -> Vec<String> {
    fn walk(base: &Path, folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => walk(base, &path, found),
                false => found.push(path.strip_prefix(base).unwrap().to_owned()),
            }
        }
    }
    let (base, mut found) = (root().join(folder), Vec::new());
    walk(&base, &base, &mut found);
    found.retain(|path| path.extension().is_some_and(|found| found == suffix));
    found.sort();
    found
        .iter()
        .map(|path| path.to_str().unwrap().replace('\\', "/"))
        .collect()
}

/// Compares a document, or writes it where `make docs` asks for that.
fn is_or_becomes(name: &str, wanted: &str) {
    if std::env::var_os("RECTO_ACCEPT").is_some() {
        std::fs::write(root().join(name), wanted).unwrap();
    }
    let found = document(name);
    let differs = found.lines().zip(wanted.lines()).find(|(a, b)| a != b);
    assert!(
        found == wanted,
        "{name} is out of date; `make docs` writes it again; first at {differs:?}"
    );
}

/// What stands in a document between two marks of a table made from the program.
fn between_marks(name: &str, mark: &str) -> (String, String, String) {
    let text = document(name);
    let (open, close) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->"));
    let (before, rest) = text
        .split_once(&open)
        .unwrap_or_else(|| panic!("{name}: no {open}"));
    let (table, after) = rest
        .split_once(&close)
        .unwrap_or_else(|| panic!("{name}: no {close}"));
    (
        format!("{before}{open}"),
        table.to_owned(),
        format!("{close}{after}"),
    )
}

fn said(program: &str, options: &[&str]) -> String {
    let work = Workdir::new();
    let output = work
        .command(program, options)
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn help(program: &str) -> String {
    trimmed(&said(program, &["--help"]))
}

/// Lines without blanks at their ends.
fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

#[test]
fn the_command_line_is_documented_word_for_word() {
    let mut text =
        "# The command line\n\nWhat each program says of itself. `make docs` writes this file.\n"
            .to_owned();
    for program in PROGRAMS {
        text += &format!("\n## recto-{program}\n\n```text\n{}```\n", help(program));
    }
    text += &format!("\n## recto\n\n```text\n{}```\n", help("recto"));
    for command in COMMANDS {
        let words = trimmed(&said("recto", &[command, "--help"]));
        text += &format!("\n## recto {command}\n\n```text\n{words}```\n");
    }
    is_or_becomes("docs/cli.md", &text);
}

#[test]
fn a_version_names_its_program() {
    for program in PROGRAMS {
        assert_eq!(
            said(program, &["--version"]),
            format!("recto-{program} {}\n", recto::cli::VERSION)
        );
    }
}

#[test]
fn options_of_every_stage_stand_under_no_heading_of_others() {
    for program in PROGRAMS {
        let help = help(program);
        let above = help.split("--report <FILE>").next().unwrap();
        let heading = above
            .lines()
            .rfind(|line| line.ends_with(':') && !line.starts_with(' '));
        assert_eq!(heading, Some("Options:"), "{program}");
    }
}

#[test]
fn help_begins_with_what_the_program_does_and_every_option_is_explained() {
    let option = Regex::new(r"^ {2,6}(-\w, )?--[\w-]+( <[^>]+>)?( +\S.*)?$").unwrap();
    let words_beside = Regex::new(r"--[\w-]+( <[^>]+>)? {2,}\S").unwrap();
    let mut firsts = BTreeSet::new();
    for program in PROGRAMS {
        let help = help(program);
        let first = help.lines().next().unwrap().to_owned();
        assert_ne!(
            first,
            env!("CARGO_PKG_DESCRIPTION"),
            "{program} says what recto is, not what it does"
        );
        assert!(firsts.insert(first), "{program} begins as another does");
        let lines: Vec<&str> = help.lines().collect();
        let options: Vec<usize> = (0..lines.len())
            .filter(|&i| option.is_match(lines[i]))
            .collect();
        assert!(
            options.len() > 5,
            "{program}: {} options found",
            options.len()
        );
        for i in options {
            let beside = words_beside.is_match(lines[i]);
            let below = lines
                .get(i + 1)
                .is_some_and(|next| next.starts_with("          ") && !next.trim().is_empty());
            assert!(
                beside || below,
                "{program}: `{}` is not explained",
                lines[i].trim()
            );
        }
    }
}

#[test]
fn the_table_of_formats_is_that_of_the_program() {
    let choices = FormatOptions {
        shard_bytes: 1,
        sheet_images: 24,
        ..FormatOptions::default()
    };
    let mut table = "| `-f` | writes | its numbers |\n|---|---|---|\n".to_owned();
    for format in formats::ALL {
        let about = format.about().replace('|', "\\|");
        table += &format!(
            "| `{}` | {about} | {} |\n",
            format.name(),
            format.conventions(&choices)
        );
    }
    let (before, _, after) = between_marks("docs/formats.md", "formats");
    is_or_becomes("docs/formats.md", &format!("{before}{table}{after}"));
}

/// The rows come from the comments on `error::Exit`, which say the same to readers of the code.
#[test]
fn the_table_of_exit_codes_is_that_of_the_program() {
    let source = document("src/lib/error.rs");
    let (_, rest) = source.split_once("pub enum Exit {\n").unwrap();
    let (body, _) = rest.split_once("\n}").unwrap();
    let row = Regex::new(r"/// (.+)\n\s+\w+ = (\d+),").unwrap();
    let rows: Vec<String> = row
        .captures_iter(body)
        .map(|row| format!("| {} | {} |\n", &row[2], &row[1]))
        .collect();
    assert_eq!(
        rows.len(),
        body.matches(" = ").count(),
        "a code without a word"
    );
    let table = format!("| code | meaning |\n|---|---|\n{}", rows.concat());
    assert_eq!(
        between_marks("docs/troubleshooting.md", "exit codes").1,
        table
    );
}

/// The map of ARCHITECTURE.md: what stands directly in crates/ and src/lib, and the folders within a folder that is
/// unfolded there. Lines are indented by two for each folder above; a second column begins after three spaces.
#[test]
fn the_map_of_the_code_names_every_folder_once_and_no_other() {
    let text = document("ARCHITECTURE.md");
    let (_, rest) = text.split_once("```text\ncrates/\n").unwrap();
    let map = format!("crates/\n{}", rest.split("```").next().unwrap());
    let name = Regex::new(r"(?:^|\s{3,})([\w.]+/|[\w./]+\.rs)(?:\s|$)").unwrap();
    let (mut named, mut above): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for line in map.lines().filter(|line| !line.is_empty()) {
        let depth = match line.trim_end() {
            root @ ("crates/" | "src/lib/") => {
                above = vec![root.to_owned()];
                continue;
            }
            line => (line.len() - line.trim_start().len()) / 2,
        };
        above.truncate(depth);
        let found = name.captures_iter(line.trim_start());
        named.extend(found.map(|found| above.concat() + &found[1]));
        above.push(named.last().unwrap()[above.concat().len()..].to_owned());
    }
    let set: BTreeSet<String> = named.iter().cloned().collect();
    assert_eq!(set.len(), named.len(), "something is named twice");
    let unfolded = |folder: &str| set.iter().any(|name| is_below(name, folder));
    let mut there = BTreeSet::new();
    for root in ["crates/", "src/lib/"] {
        let found = inside(root);
        // The file of a module whose children stand in a folder beside it.
        let folder = |name: &String| name.replace(".rs", "/");
        let stands = |name: &&String| *name == &folder(name) || !found.contains(&folder(name));
        let stand = found.iter().filter(stands).cloned();
        there.extend(stand.filter(|name| name != "src/lib/lib.rs"));
    }
    for folder in there.clone().iter().filter(|folder| unfolded(folder)) {
        there.extend(
            inside(folder)
                .into_iter()
                .filter(|name| name.ends_with('/')),
        );
    }
    let missing: Vec<_> = there.difference(&set).collect();
    let gone: Vec<_> = set.difference(&there).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not in the map: {missing:?}; not in the tree: {gone:?}"
    );
}

fn is_below(name: &str, folder: &str) -> bool {
    name != folder && folder.ends_with('/') && name.starts_with(folder)
}

/// What a folder holds: files, and folders with `/` at their end.
fn inside(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        let end = if entry.path().is_dir() { "/" } else { "" };
        format!("{folder}{}{end}", entry.file_name().to_str().unwrap())
    };
    entries.map(name).collect()
}

/// README.md says what it is, ARCHITECTURE.md is read in one sitting.
#[test]
fn the_architecture_fits_on_two_pages() {
    let lines = document("ARCHITECTURE.md").lines().count();
    assert!(lines <= 110, "{lines} lines");
    let lines = document("README.md").lines().count();
    assert!(lines <= 150, "README has {lines} lines");
}

#[test]
fn what_documents_link_to_and_name_is_there() {
    let link = Regex::new(r"\]\(([^)#:]+)(#[^)]*)?\)").unwrap();
    let mut links = 0;
    for name in DOCUMENTS {
        let text = document(name);
        for found in link.captures_iter(&text) {
            let target = root().join(name).parent().unwrap().join(&found[1]);
            assert!(target.exists(), "{name}: {} is not there", &found[1]);
            links += 1;
        }
    }
    assert!(links > 10, "only {links} links were found");
    let path = Regex::new(r"`((?:src|crates|tests|schemas|scripts|examples|docs|fuzz)/[\w./-]*)`")
        .unwrap();
    for name in DOCUMENTS {
        for found in path.captures_iter(&document(name)) {
            assert!(
                root().join(&found[1]).exists(),
                "{name}: {} is not there",
                &found[1]
            );
        }
    }
}

/// A message in the table is cut at `…` where the program puts names and numbers.
#[test]
fn the_program_can_say_every_message_that_is_explained() {
    let joined = Regex::new(r#"\\\n\s*"#).unwrap();
    let source: String = files_below("src/lib", "rs")
        .iter()
        .map(|file| {
            joined
                .replace_all(&document(&format!("src/lib/{file}")), "")
                .into_owned()
        })
        .collect();
    let troubles = document("docs/troubleshooting.md");
    let section = troubles.split("\n## ").next().unwrap();
    let message = Regex::new(r"(?m)^\| `([^`]+)` \|").unwrap();
    let messages: Vec<_> = message
        .captures_iter(section)
        .map(|m| m[1].to_owned())
        .collect();
    assert!(messages.len() >= 10, "{messages:?}");
    for message in messages {
        for part in message.split('…').filter(|part| !part.trim().is_empty()) {
            assert!(source.contains(part), "nobody says `{part}` of `{message}`");
        }
    }
}
