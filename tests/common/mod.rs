//! What every test of a binary needs: a working folder, a run of the program, and a server that misbehaves.
// Each test file uses its own part of this.
#![allow(dead_code, missing_docs)]

pub mod server;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A temporary folder in which programs run; gone when dropped.
pub struct Workdir(tempfile::TempDir);

impl Workdir {
    pub fn new() -> Self {
        Workdir(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        self
    }

    pub fn write_json(&self, name: &str, value: &serde_json::Value) -> &Self {
        self.write(name, serde_json::to_vec_pretty(value).unwrap())
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&self.read(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Every file below a folder: path relative to it → bytes.
    pub fn tree(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        fn walk(root: &Path, folder: &Path, tree: &mut BTreeMap<String, Vec<u8>>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(root, &path, tree);
                } else {
                    let name = path
                        .strip_prefix(root)
                        .unwrap()
                        .to_string_lossy()
                        .into_owned();
                    tree.insert(name, std::fs::read(&path).unwrap());
                }
            }
        }
        let mut tree = BTreeMap::new();
        let root = self.path(name);
        walk(&root, &root, &mut tree);
        tree
    }

    /// A program of recto, such as `extract`, ready to run in this folder.
    pub fn command(&self, stage: &str, args: &[&str]) -> Command {
        let mut command = Command::new(binary(stage));
        command.args(args).current_dir(self.0.path());
        for name in [
            "RECTO_CONTACT",
            "RECTO_BEARER",
            "http_proxy",
            "HTTP_PROXY",
            "https_proxy",
            "HTTPS_PROXY",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// Runs a program of recto in this folder, to its end.
    pub fn run(&self, stage: &str, args: &[&str]) -> Ran {
        let output = self.command(stage, args).output().unwrap();
        Ran {
            output,
            call: format!("recto-{stage} {}", args.join(" ")),
        }
    }
}

/// The path of a program under test.
pub fn binary(stage: &str) -> &'static str {
    match stage {
        "digest" => env!("CARGO_BIN_EXE_recto-digest"),
        "extract" => env!("CARGO_BIN_EXE_recto-extract"),
        "download" => env!("CARGO_BIN_EXE_recto-download"),
        "reformat" => env!("CARGO_BIN_EXE_recto-reformat"),
        "serve" => env!("CARGO_BIN_EXE_recto-serve"),
        other => panic!("no such stage: {other}"),
    }
}

/// A program that ended.
pub struct Ran {
    pub output: Output,
    call: String,
}

impl Ran {
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(
            self.output.status.code(),
            Some(code),
            "{}\nstdout: {}\nstderr: {}",
            self.call,
            self.stdout(),
            self.stderr()
        );
        self
    }

    /// Every one of `parts` stands in stderr.
    #[track_caller]
    pub fn says(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(
                self.stderr().contains(part),
                "{}\nno `{part}` in stderr:\n{}",
                self.call,
                self.stderr()
            );
        }
        self
    }
}
