//! What only some modules may do, by the words that doing it takes. Which module may import which is held by
//! `imports.rs` and by Cargo.

use std::collections::BTreeMap;
use std::path::Path;

use regex::Regex;

use super::{files_below, root};

/// Words that only some modules may use, and the files elsewhere that do all the same, with their reasons.
struct Wall {
    holds: &'static str,
    words: &'static str,
    modules: &'static [&'static str],
    except: &'static [(&'static str, &'static str)],
}

const WALLS: &[Wall] = &[
    Wall {
        holds: "only `files` creates, renames and removes files",
        words: r"\bFile::create|fs::write|OpenOptions|create_dir|fs::rename|fs::remove|fs::copy|hard_link|set_permissions|tempfile",
        modules: &["files/"],
        except: &[],
    },
    Wall {
        holds: "only `http` opens connections",
        words: r"\b(reqwest|UdpSocket)\b|\brustls::(client|crypto|[A-Z{])|TcpStream::connect|hyper::client|(^|[^:])\bredis::",
        modules: &["http/"],
        except: &[
            (
                "serve/cache/redis.rs",
                "asks a Redis server, which is no archive and needs no manners",
            ),
            (
                "files/store.rs",
                "says which cryptography the client of an object store uses, which is no archive either",
            ),
        ],
    },
    Wall {
        holds: "only `serve` listens",
        words: r"\b(TcpListener|hyper)\b",
        modules: &["serve/web/"],
        except: &[
            (
                "http/answer.rs",
                "reads the reason in the status line of an answer, which only this type holds",
            ),
            (
                "http/send.rs",
                "tells answers that are no HTTP from connections that broke, which only this type does",
            ),
        ],
    },
    Wall {
        holds: "only the router of `serve` knows its handlers",
        words: r"\b(api|presets|v2|v3|activities|purge)::answer\b|\bpages::(index|view|asset)\b",
        modules: &["serve/web/router.rs"],
        except: &[],
    },
    Wall {
        holds: "only the shell knows the time",
        words: r"\b(SystemTime|Instant|Timestamp::now)\b",
        modules: &["http/", "report.rs"],
        except: &[
            (
                "files/owner.rs",
                "takes what a process elsewhere began a week ago for left behind",
            ),
            (
                "download/schedule.rs",
                "waits until a host can be asked, which http says",
            ),
            ("download/run.rs", "begins to end in time for --deadline"),
            (
                "download/fetch/mod.rs",
                "stamps a line of the journal when the file has its final name",
            ),
            (
                "download/state/segments.rs",
                "sends lines to an object store when they have waited for some seconds",
            ),
            (
                "download/state/store_lock.rs",
                "says since when a folder in an object store is locked",
            ),
            (
                "serve/image/held_memory.rs",
                "gives clients the time to receive an answer before it makes module for others",
            ),
            (
                "serve/image/file_looks.rs",
                "knows when a file was last looked at",
            ),
            (
                "serve/auth/issuer.rs",
                "asks an identity provider for its keys only now and then",
            ),
            (
                "serve/rescan.rs",
                "notes when it was seen that a manifest is gone",
            ),
            ("serve/web/server.rs", "times answers"),
            ("serve/web/access_log.rs", "stamps the lines of the log"),
            (
                "serve/web/router.rs",
                "tells handlers when a request arrived",
            ),
            ("serve/cache/disk.rs", "knows how old its entries are"),
            ("serve/cache/evict.rs", "removes entries that are too old"),
            (
                "serve/web/connections.rs",
                "gives new connections the time to send a request",
            ),
            (
                "serve/web/stall.rs",
                "ends connections to clients that stall",
            ),
        ],
    },
    Wall {
        holds: "options come by the command line, and programs end in `main`",
        words: r"\benv::(var|vars|set_var|args)|process::exit\b|set_current_dir",
        modules: &[],
        except: &[
            (
                "cli/allocator.rs",
                "starts a program anew with the same command line and a variable for the C library",
            ),
            ("cli/mod.rs", "reads the command lines of all programs"),
            (
                "cli/settings.rs",
                "reads variables that stand for options of all programs",
            ),
            (
                "http/netrc.rs",
                "finds the file where curl finds it: $NETRC, when --netrc names none",
            ),
            ("workers.rs", "reads how a scheduler numbers its workers"),
            (
                "files/store.rs",
                "hands on who may use an object store, as the stores' own tools take it",
            ),
            (
                "http/proxies.rs",
                "refuses what the HTTP client, which reads the same, would pass by without a word",
            ),
        ],
    },
    Wall {
        holds: "no input makes a program panic by intent",
        words: r"\.unwrap\(\)|\bpanic!|\btodo!|\bunimplemented!|\bunreachable!",
        modules: &["extract/properties.rs", "sources/text/tests.rs"],
        except: &[],
    },
];

/// Words that some modules must do without.
const WITHOUT: &[(&str, &[&str], &str)] = &[
    (
        "a source never fetches and never opens a file",
        &["sources/"],
        r"\b(std::fs|tokio|std::net|reqwest)\b",
    ),
    (
        "a format never touches the network or the disk but by its sink",
        &["formats/"],
        r"\b(std::fs|tokio|std::net|reqwest)\b|files::write|files::Folder",
    ),
    (
        "the crates for JPEGs and the Image API take values and give values",
        &["crates/jpeg/src/", "crates/iiif/src/"],
        r"\bstd::(fs|net|env|process|time|thread)\b|\{(fs|net|env|process|time|thread)\b",
    ),
    (
        "what meets pixels reads files that are open or named, and does nothing else",
        &["crates/pixels/src/"],
        r"\b(tokio|reqwest|tempfile|std::(net|env|process|time))\b|File::create|OpenOptions|fs::(write|rename|remove|create)",
    ),
    (
        "selectors are pure",
        &["selectors/"],
        r"\b(std::fs|tokio|std::net|reqwest)\b",
    ),
];

/// `src/lib` and the crates of values as programs are made of them: path → lines without comments and tests. Paths
/// are relative to `src/lib`, or begin with `crates/`.
fn source() -> BTreeMap<String, Vec<String>> {
    let mut files = files_below("src/lib", "rs");
    assert!(files.len() > 50, "only {} files were found", files.len());
    for source in ["crates/jpeg/src", "crates/iiif/src", "crates/pixels/src"] {
        let inside = files_below(source, "rs").into_iter();
        files.extend(inside.map(|file| format!("{source}/{file}")));
    }
    let tests = Regex::new(r"\n#\[cfg\(test\)\]\n(pub\(\w+\) )?mod tests").unwrap();
    files
        .into_iter()
        .map(|path| {
            let base = if path.starts_with("crates/") {
                ""
            } else {
                "src/lib"
            };
            let text = std::fs::read_to_string(root().join(base).join(&path)).unwrap();
            let program = tests.split(&text).next().unwrap();
            let is_code = |line: &&str| !line.trim_start().starts_with("//");
            let lines = program.lines().filter(is_code).map(str::to_owned);
            (path, lines.collect())
        })
        .collect()
}

fn is_in(path: &str, modules: &[&str]) -> bool {
    modules
        .iter()
        .any(|module| path == *module || (module.ends_with('/') && path.starts_with(module)))
}

#[test]
fn what_one_module_does_no_other_does() {
    let source = source();
    for wall in WALLS {
        let words = Regex::new(wall.words).unwrap();
        let uses = |path: &str| source[path].iter().find(|line| words.is_match(line));
        let inside = source.keys().filter(|path| is_in(path, wall.modules));
        let found = inside.filter(|path| uses(path).is_some()).count();
        assert!(
            wall.modules.is_empty() || found > 0,
            "`{}` is tested by words nobody uses",
            wall.holds
        );
        for path in source.keys().filter(|path| !is_in(path, wall.modules)) {
            let excepted = wall.except.iter().any(|(file, _)| file == path);
            match (uses(path), excepted) {
                (Some(line), false) => {
                    panic!("{}, but src/lib/{path} has `{}`", wall.holds, line.trim())
                }
                (None, true) => panic!(
                    "src/lib/{path} needs no exception from `{}` any more",
                    wall.holds
                ),
                _ => {}
            }
        }
        for (file, reason) in wall.except {
            assert!(
                source.contains_key(*file),
                "no file src/lib/{file} that {reason}"
            );
        }
    }
}

#[test]
fn what_a_module_must_do_without_it_does_without() {
    let source = source();
    for (holds, modules, words) in WITHOUT {
        let words = Regex::new(words).unwrap();
        let inside: Vec<_> = source
            .iter()
            .filter(|(path, _)| is_in(path, modules))
            .collect();
        assert!(!inside.is_empty(), "no file in {modules:?}");
        for (path, lines) in inside {
            let fault = lines.iter().find(|line| words.is_match(line));
            assert_eq!(fault, None, "{holds}, but src/lib/{path} does");
        }
    }
}

#[test]
fn a_binary_holds_no_decision() {
    let decision = Regex::new(r"\b(if|match|for|while|loop)\b").unwrap();
    let binaries = files_below("src/bin", "rs");
    assert_eq!(binaries.len(), 7, "{binaries:?}");
    for binary in binaries {
        let path = format!("src/bin/{binary}");
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        assert!(
            text.lines().count() < 25,
            "{path} is longer than an entry point"
        );
        let code: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with(['/', '#']))
            .collect();
        let fault = code
            .iter()
            .find(|line| decision.is_match(line) && !line.contains("about ="));
        assert_eq!(fault, None, "{path}");
    }
}

#[test]
fn every_source_file_says_what_it_is_for() {
    for (folder, atleast) in [("src/lib", 50), ("src/bin", 5)] {
        let files = files_below(folder, "rs");
        assert!(files.len() >= atleast);
        for file in files {
            let text = std::fs::read_to_string(root().join(folder).join(&file)).unwrap();
            assert!(
                text.starts_with("//!"),
                "{folder}/{file} opens without a word"
            );
        }
    }
    assert!(Path::new(&root().join("clippy.toml")).is_file());
}
