//! Crates of others: from crates.io alone, under licences that deny.toml lists. `cargo deny check` looks at more, and
//! has to be installed; this runs everywhere.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::{document, root};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn answer(command: &mut Command) -> Vec<u8> {
    let output = command.current_dir(root()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}");
    output.stdout
}

/// Every crate that a build on this machine compiles, those of tests included.
fn packages() -> Vec<Value> {
    let rustc = String::from_utf8(answer(Command::new("rustc").arg("-vV"))).unwrap();
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--locked", "--offline", "--format-version", "1"]);
    metadata.args(["--filter-platform", host.unwrap()]);
    let metadata: Value = serde_json::from_slice(&answer(&mut metadata)).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn allowed() -> BTreeSet<String> {
    let deny: toml::Value = toml::from_str(&document("deny.toml")).unwrap();
    let licences = deny["licenses"]["allow"].as_array().unwrap().iter();
    licences
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

/// Whether a licence expression (SPDX, or names parted by `/` as crates had them before) leaves a way that is allowed.
fn permits(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words = expression.split_whitespace().peekable();
    let permitted = any(&mut words, allowed);
    permitted && words.next().is_none()
}

type Words<'a, 'b> = &'a mut std::iter::Peekable<std::str::SplitWhitespace<'b>>;

fn any(words: Words, allowed: &BTreeSet<String>) -> bool {
    let mut permitted = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        permitted |= all(words, allowed);
    }
    permitted
}

fn all(words: Words, allowed: &BTreeSet<String>) -> bool {
    let mut permitted = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        permitted &= one(words, allowed);
    }
    permitted
}

fn one(words: Words, allowed: &BTreeSet<String>) -> bool {
    match words.next() {
        Some("(") => {
            let permitted = any(words, allowed);
            words.next() == Some(")") && permitted
        }
        Some(name) => match words.next_if_eq(&"WITH").and_then(|_| words.next()) {
            Some(exception) => allowed.contains(&format!("{name} WITH {exception}")),
            None => allowed.contains(name),
        },
        None => false,
    }
}

#[test]
fn crates_of_others_come_from_one_registry_under_licences_that_are_listed() {
    let (allowed, packages) = (allowed(), packages());
    assert!(packages.len() > 50, "only {} crates", packages.len());
    let mut faults = Vec::new();
    for package in &packages {
        let text = |key: &str| package[key].as_str().unwrap_or_default();
        let name = format!("{} {}", text("name"), text("version"));
        match package["source"].as_str() {
            None | Some(REGISTRY) => {}
            Some(source) => faults.push(format!("{name} comes from {source}")),
        }
        if !permits(text("license"), &allowed) {
            faults.push(format!("{name}: `{}`", text("license")));
        }
    }
    assert!(
        faults.is_empty(),
        "not in deny.toml:\n{}",
        faults.join("\n")
    );
}

#[test]
fn expressions_of_licences_are_read() {
    let allowed = BTreeSet::from(["MIT", "ISC", "X WITH Y"].map(str::to_owned));
    let cases = [
        ("MIT", true),
        ("GPL-3.0", false),
        ("", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(GPL-3.0 OR MIT) AND ISC", true),
        ("(GPL-3.0 OR MIT) AND GPL-3.0", false),
        ("ISC AND MIT OR GPL-3.0", true),
        ("(GPL-3.0) OR MIT", true),
        ("GPL-3.0 OR X WITH Y", true),
        ("MIT WITH Y", false),
        ("MIT MIT", false),
        ("(MIT", false),
    ];
    for (expression, permitted) in cases {
        assert_eq!(permits(expression, &allowed), permitted, "{expression}");
    }
}

#[test]
fn the_oldest_rust_is_the_same_everywhere() {
    let version = env!("CARGO_PKG_RUST_VERSION");
    let crates = super::inside("crates/").into_iter();
    for name in crates.map(|folder| format!("{folder}Cargo.toml")) {
        let manifest: toml::Value = toml::from_str(&document(&name)).unwrap();
        let found = manifest["package"].get("rust-version");
        assert_eq!(
            found.and_then(|found| found.as_str()),
            Some(version),
            "{name}"
        );
    }
    let promises = [
        ("README.md", format!("Rust {version} or newer")),
        ("CONTRIBUTING.md", format!("Rust {version} or newer")),
        (
            ".github/workflows/ci.yml",
            format!("cargo +{version} check"),
        ),
        (".github/workflows/ci.yml", format!("install {version} ")),
    ];
    for (name, promise) in promises {
        assert!(document(name).contains(&promise), "{name}: {promise}");
    }
}

/// What brings data into the programs has its notice.
#[test]
fn notices_of_third_parties_name_crates_that_are_built_in() {
    let notices = document("THIRD-PARTY.md");
    let packages = packages();
    let names: BTreeSet<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    let crates = [
        "hayro-font",
        "hayro-cmap",
        "hayro-interpret",
        "hayro-jpeg2000",
        "deunicode",
        "jpeg-encoder",
    ];
    for name in crates {
        assert!(names.contains(name), "{name} is not built in any more");
        assert!(
            notices.contains(&format!("`{name}`")),
            "no notice of {name}"
        );
    }
}
