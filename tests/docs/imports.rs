//! The order of the modules: no ring of imports between files, none from a lower to a higher level, no long functions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use regex::Regex;

use super::reader::{self, Code, Module};
use super::{document, files_below, root};

/// Levels of the parts of a folder, lowest first: a part may import from its own level and from those below. A part is a
/// folder or a file without its suffix; one that lies within another is a part of its own. `mod` is the folder's own file.
struct Order {
    /// Below `src/lib`, with `/` at its end.
    folder: &'static str,
    levels: &'static [&'static [&'static str]],
}

const ORDERS: &[Order] = &[
    Order {
        folder: "",
        levels: &[
            &["values", "summary", "error", "texts", "zstandard"],
            &["files"],
            &["messages", "report", "progress", "prompt", "signals"],
            &[
                "contracts",
                "selectors",
                "conditions",
                "exif_boxes",
                "image_names",
                "workers",
            ],
            &["http", "stored_image", "corrections", "schemas"],
            &["sources", "formats", "annotation_files"],
            &STAGES,
            &["shard", "diff", "export"],
            &["cli"],
            &["lib"],
        ],
    },
    Order {
        folder: "download/",
        levels: &[
            &["output_folder", "state/segments", "state/store_lock"],
            &["service", "state/index", "state/journal"],
            &["names", "crops"],
            &["options", "shard_mark"],
            &["encode", "network"],
            &["service/mod", "state"],
            &["service/edges", "service/whole"],
            &["checks", "destination"],
            &["fetch", "failures"],
            &["estimate", "schedule", "summary"],
            &["lock"],
            &["run", "crops/sizes", "shards"],
            &["mod"],
        ],
    },
    // Messages below all handlers, and the router above them.
    Order {
        folder: "serve/",
        levels: &[
            &[
                "notice",
                "web/accept",
                "web/metrics",
                "web/packed",
                "presentation/uris",
                "image/cap",
                "image/preset",
                "image/pdf_worker",
            ],
            &["image_record", "auth/network", "auth/rules"],
            &["web/message", "image/pdf", "web/host", "web/listen"],
            &["web/route", "web/forwarded"],
            &["auth/permissions"],
            &["catalogue", "cache"],
            &["site"],
            &["image", "presentation"],
            &["auth", "pages", "cache/purge"],
            &["review", "config", "options", "load", "web/request_class"],
            &["web"],
            &["rescan"],
            &["mod"],
        ],
    },
];

/// Imports that the levels allow or that matter more than the levels, and that are forbidden: from, to, and why.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    (
        "sources",
        &["http", "files"],
        "a source never fetches and never opens a file",
    ),
    (
        "formats",
        &["http"],
        "a format writes to its sink and does not use the network",
    ),
    (
        "selectors",
        &["http", "files", "stored_image"],
        "selectors are pure",
    ),
];

const STAGES: [&str; 5] = ["digest", "extract", "download", "reformat", "serve"];

/// The functions of the program are at most so many lines long; a few may reach the second number.
const LINES: (usize, usize) = (60, 80);
const FEW: usize = 5;

/// Which file imports from which, paths relative to the crate's source.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// The source folders of all crates: that of recto first.
fn crates() -> Vec<String> {
    let mut others: Vec<String> = std::fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| format!("crates/{}/src", entry.unwrap().file_name().display()))
        .filter(|source| root().join(source).is_dir())
        .collect();
    others.sort();
    [vec!["src/lib".to_owned()], others].concat()
}

/// The module that a file holds.
fn module(file: &str) -> Module {
    let stem = file.strip_suffix(".rs").unwrap();
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    let parts = stem.split('/').filter(|_| stem != "lib");
    parts.map(str::to_owned).collect()
}

/// The program's files of a crate, without those that only tests are built with.
fn program(files: BTreeMap<String, String>) -> BTreeMap<String, Code> {
    let read = |(file, text): (String, String)| {
        let code = reader::read(&text, &module(&file));
        (file, code)
    };
    let mut program: BTreeMap<String, Code> = files.into_iter().map(read).collect();
    let codes = program.values();
    let of_tests: Vec<Module> = codes.flat_map(|code| code.test_modules.clone()).collect();
    program.retain(|file, _| !of_tests.iter().any(|above| module(file).starts_with(above)));
    program
}

fn program_of(source: &str) -> BTreeMap<String, Code> {
    let files = files_below(source, "rs").into_iter();
    program(
        files
            .map(|file| {
                let text = document(&format!("{source}/{file}"));
                (file, text)
            })
            .collect(),
    )
}

fn imports(program: &BTreeMap<String, Code>) -> Imports {
    let modules: BTreeMap<Module, &String> =
        program.keys().map(|file| (module(file), file)).collect();
    // What a path names may be a function of a module, or a variant of a type in it.
    let file_of = |path: &[String]| {
        let mut above = (0..=path.len()).rev().map(|n| &path[..n]);
        above.find_map(|module| modules.get(module).copied())
    };
    // `crate::name` of what the root only passes on.
    let passed_on = program.get("lib.rs").map(|root| &root.other_crates);
    let is_ours = |path: &Vec<String>| {
        let others = passed_on.into_iter().flatten();
        path.first()
            .is_none_or(|first| !others.clone().any(|name| name == first))
    };
    let of_file = |(file, code): (&String, &Code)| {
        let exists = |module: &[String]| modules.contains_key(module);
        let paths = code.paths.iter();
        let named = paths.filter_map(|(within, path)| reader::absolute(within, path, exists));
        let others = named.filter(is_ours).filter_map(|path| file_of(&path));
        let others = others.filter(|other| *other != file).cloned().collect();
        (file.clone(), others)
    };
    program.iter().map(of_file).collect()
}

/// For every file that stands in a ring the shortest ring through it, each ring once: `a.rs → b.rs → a.rs`.
fn rings(imports: &Imports) -> BTreeSet<String> {
    let (mut rings, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for file in imports.keys() {
        if let Some(ring) = ring_through(imports, file)
            && seen.insert(ring.iter().cloned().collect::<BTreeSet<_>>())
        {
            rings.insert(ring.join(" → "));
        }
    }
    rings
}

fn ring_through(imports: &Imports, start: &str) -> Option<Vec<String>> {
    let mut reached_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for next in imports.get(file).into_iter().flatten() {
            if next == start {
                let mut ring = vec![file.to_owned()];
                while let Some(before) = reached_from.get(ring.last().unwrap().as_str()) {
                    ring.push((*before).to_owned());
                }
                ring.reverse();
                ring.push(start.to_owned());
                return Some(ring);
            }
            if !reached_from.contains_key(next.as_str()) {
                reached_from.insert(next, file);
                queue.push_back(next);
            }
        }
    }
    None
}

impl Order {
    /// The part that a file belongs to: the longest that is listed, else what stands in the folder; none if the file
    /// lies elsewhere.
    fn part<'a>(&self, file: &'a str) -> Option<&'a str> {
        let inside = file.strip_prefix(self.folder)?.strip_suffix(".rs")?;
        let is_in = |part: &&str| {
            let rest = inside.strip_prefix(*part);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let listed = self.levels.iter().copied().flatten().copied();
        let longest = listed.filter(is_in).map(str::len).max();
        let first = || inside.find('/').unwrap_or(inside.len());
        Some(&inside[..longest.unwrap_or_else(first)])
    }

    fn level(&self, part: &str) -> Option<usize> {
        self.levels.iter().position(|level| level.contains(&part))
    }

    /// Imports between the parts, each with the files of one example.
    fn arrows<'a>(&self, imports: &'a Imports) -> BTreeMap<[&'a str; 2], [&'a str; 2]> {
        let mut arrows = BTreeMap::new();
        for (file, others) in imports {
            for other in others {
                if let (Some(from), Some(to)) = (self.part(file), self.part(other))
                    && from != to
                {
                    arrows.insert([from, to], [file.as_str(), other.as_str()]);
                }
            }
        }
        arrows
    }
}

/// What is wrong with the imports between the parts of a folder.
fn disorder(imports: &Imports, order: &Order) -> Vec<String> {
    let (folder, listed) = (order.folder, order.levels.concat());
    let parts: BTreeSet<&str> = imports.keys().filter_map(|file| order.part(file)).collect();
    let unlisted = parts.iter().filter(|part| !listed.contains(part));
    let gone = listed.iter().filter(|part| !parts.contains(*part));
    let mut faults: Vec<String> = unlisted
        .map(|part| format!("{folder}{part} stands on no level"))
        .chain(gone.map(|part| format!("{folder}{part} is on a level and not in the tree")))
        .collect();
    let mut among_parts = Imports::new();
    for ([from, to], [file, other]) in order.arrows(imports) {
        if order.level(from) < order.level(to) {
            faults.push(format!("{file} imports {other}, which stands higher"));
        }
        let others = among_parts.entry(from.into()).or_default();
        others.insert(to.into());
    }
    let rings = rings(&among_parts).into_iter();
    faults.extend(rings.map(|ring| format!("a ring of parts of src/lib/{folder}: {ring}")));
    faults
}

/// Stages meet only in files.
fn among_stages(imports: &Imports) -> Vec<String> {
    let arrows = ORDERS[0].arrows(imports).into_iter();
    let among = arrows.filter(|(parts, _)| parts.iter().all(|part| STAGES.contains(part)));
    among
        .map(|(_, [file, other])| format!("{file} imports {other}, of another stage"))
        .collect()
}

/// The imports of [`FORBIDDEN`].
fn forbidden(imports: &Imports) -> Vec<String> {
    let arrows = ORDERS[0].arrows(imports);
    let mut faults = Vec::new();
    for (from, others, why) in FORBIDDEN {
        let found = others.iter().filter_map(|to| arrows.get(&[*from, *to]));
        faults.extend(found.map(|[file, other]| format!("{why}, but {file} imports {other}")));
    }
    faults
}

#[test]
fn no_ring_of_imports_and_none_upward() {
    let mut faults = Vec::new();
    for source in crates() {
        let imports = imports(&program_of(&source));
        assert!(!imports.is_empty(), "{source}: no file was found");
        let rings = rings(&imports).into_iter();
        faults.extend(rings.map(|ring| format!("{source}: a ring of imports: {ring}")));
        if source == "src/lib" {
            assert!(
                imports.len() > 50,
                "only {} files were found",
                imports.len()
            );
            let arrows: usize = imports.values().map(BTreeSet::len).sum();
            assert!(arrows > 400, "only {arrows} imports were found");
            faults.extend(ORDERS.iter().flat_map(|order| disorder(&imports, order)));
            faults.extend(among_stages(&imports));
            faults.extend(forbidden(&imports));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn no_function_is_long() {
    let (long, longest) = LINES;
    let (mut found, mut too_long) = (0, Vec::new());
    for source in [crates(), vec!["src/bin".to_owned()]].concat() {
        for (file, code) in program_of(&source) {
            found += code.functions.len();
            let functions = code.functions.into_iter();
            let functions = functions.filter(|(.., lines)| *lines > long);
            too_long.extend(functions.map(|(name, line, lines)| {
                (
                    lines,
                    format!("{lines} lines: {name}, {source}/{file}:{line}"),
                )
            }));
        }
    }
    assert!(found > 1000, "only {found} functions were found");
    too_long.sort();
    let above = too_long
        .iter()
        .filter(|(lines, _)| *lines > longest)
        .count();
    let listed: Vec<&str> = too_long
        .iter()
        .rev()
        .map(|(_, text)| text.as_str())
        .collect();
    assert!(
        above == 0 && too_long.len() <= FEW,
        "functions have at most {longest} lines, and only {FEW} have more than {long}:\n{}",
        listed.join("\n")
    );
}

/// Imports of a tree of invented files.
fn invented(files: &[(&str, &str)]) -> Imports {
    let files = files
        .iter()
        .map(|(file, text)| (file.to_string(), text.to_string()));
    imports(&program(files.collect()))
}

#[test]
fn a_ring_is_found_and_shown() {
    let tree = [
        (
            "lib.rs",
            "pub mod a; pub mod b; pub use a::x; pub use of_others as others;",
        ),
        (
            "a/mod.rs",
            "mod c; mod d; mod e; #[cfg(test)] mod proofs; use c::y;",
        ),
        ("a/c.rs", "use super::d::z;"),
        ("a/d.rs", "use crate::b;"),
        ("a/e.rs", "#[cfg(test)] mod tests { use super::super::x; }"),
        ("a/proofs.rs", "use super::*;"),
        ("b.rs", "use crate::others::X; fn y() { crate::a::c::y() }"),
    ];
    let imports = invented(&tree);
    assert!(!imports.contains_key("a/proofs.rs"));
    assert_eq!(imports["lib.rs"], BTreeSet::from(["a/mod.rs".to_owned()]));
    let found: Vec<String> = rings(&imports).into_iter().collect();
    assert_eq!(found, ["a/c.rs → a/d.rs → b.rs → a/c.rs"]);
    // A folder's own file is above what is in it, or below it, never both.
    let both = invented(&[("a/mod.rs", "use c::y;"), ("a/c.rs", "use super::X;")]);
    let found: Vec<String> = rings(&both).into_iter().collect();
    assert_eq!(found, ["a/c.rs → a/mod.rs → a/c.rs"]);
}

#[test]
fn what_stands_on_a_wrong_level_is_found() {
    let imports = invented(&[
        ("low.rs", "use crate::high::inner::X;"),
        ("high/mod.rs", "use crate::low::X; use crate::beside::X;"),
        ("high/inner.rs", ""),
        ("beside/mod.rs", ""),
        ("beside/inner.rs", "use crate::high::X;"),
        ("new.rs", ""),
    ]);
    let order = Order {
        folder: "",
        levels: &[&["low"], &["high", "beside", "gone"]],
    };
    let faults = [
        "new stands on no level",
        "gone is on a level and not in the tree",
        "low.rs imports high/inner.rs, which stands higher",
        "a ring of parts of src/lib/: beside → high → beside",
        "a ring of parts of src/lib/: low → high → low",
    ];
    assert_eq!(disorder(&imports, &order), faults);
    let order = Order {
        folder: "high/",
        levels: &[&["inner"], &["mod"]],
    };
    assert!(disorder(&imports, &order).is_empty());
    // `beside/inner` stands above the rest of its folder.
    let order = Order {
        folder: "",
        levels: &[&["beside"], &["high", "low", "new"], &["beside/inner"]],
    };
    let faults = ["a ring of parts of src/lib/: high → low → high"];
    assert_eq!(disorder(&imports, &order), faults);
    let imports = invented(&[
        ("extract/mod.rs", "use crate::digest::Digest;"),
        ("digest/mod.rs", "use crate::files;"),
        ("files.rs", ""),
    ]);
    let faults = ["extract/mod.rs imports digest/mod.rs, of another stage"];
    assert_eq!(among_stages(&imports), faults);
    let imports = invented(&[
        ("sources/a.rs", "use crate::{contracts, http};"),
        ("sources/b.rs", "fn read() { crate::files::read() }"),
        ("formats/a.rs", "use crate::files::SafeName;"),
        ("contracts.rs", ""),
        ("http/mod.rs", ""),
        ("files.rs", ""),
    ]);
    let why = "a source never fetches and never opens a file";
    let faults = [
        format!("{why}, but sources/a.rs imports http/mod.rs"),
        format!("{why}, but sources/b.rs imports files.rs"),
    ];
    assert_eq!(forbidden(&imports), faults);
}

/// ARCHITECTURE.md lists what stands directly in src/lib level by level, with blank lines between levels.
#[test]
fn the_map_lists_the_levels() {
    let text = document("ARCHITECTURE.md");
    let (_, map) = text.split_once("\nsrc/lib/\n").unwrap();
    let map = map.split("```").next().unwrap();
    let name = Regex::new(r"(?:^  |\s{3,})(\w+)(?:/|\.rs)\s").unwrap();
    let names = |block: &str| -> BTreeSet<String> {
        let lines = block.lines().filter(|line| !line.starts_with("   "));
        let found = lines.flat_map(|line| name.captures_iter(line));
        found.map(|found| found[1].to_owned()).collect()
    };
    let listed: Vec<BTreeSet<String>> = map.split("\n\n").map(names).collect();
    let levels = ORDERS[0].levels.iter();
    let levels = levels.filter(|level| **level != ["lib"]);
    let wanted: Vec<BTreeSet<String>> = levels
        .map(|level| level.iter().map(|name| (*name).to_owned()).collect())
        .collect();
    assert_eq!(listed, wanted);
}
