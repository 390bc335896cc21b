//! A folder of its own for every test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use super::program::{Ran, binary};
use super::schemas;

/// A temporary folder in which programs run; gone when dropped. Then every file in it that a test did not write
/// is held against the published schemas.
#[derive(Debug)]
pub struct Workdir {
    folder: tempfile::TempDir,
    /// What tests wrote themselves, which may be as wrong as they like.
    written: Mutex<BTreeSet<Vec<u8>>>,
}

impl Default for Workdir {
    fn default() -> Self {
        Workdir::new()
    }
}

impl Workdir {
    /// An empty folder of its own.
    pub fn new() -> Self {
        Workdir {
            folder: tempfile::tempdir().unwrap(),
            written: Mutex::default(),
        }
    }

    /// The absolute path of a name in the folder; `""` is the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and makes the folders above it. What tests write is not held against the schemas.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        self.written.lock().unwrap().insert(bytes.as_ref().to_vec());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        self
    }

    /// Writes a JSON document.
    pub fn write_json(&self, name: &str, value: &serde_json::Value) -> &Self {
        self.write(name, serde_json::to_vec_pretty(value).unwrap())
    }

    /// The bytes of a file, which must be there.
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// The text of a file, which must be UTF-8.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// A JSON document, read.
    pub fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&self.read(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Whether there is a file or folder of this name.
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
                } else if path.is_file() {
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
        command.args(args).current_dir(self.folder.path());
        for name in [
            "RECTO_CONTACT",
            "RECTO_BEARER",
            "RECTO_CONFIG",
            "http_proxy",
            "HTTP_PROXY",
            "https_proxy",
            "HTTPS_PROXY",
            "all_proxy",
            "ALL_PROXY",
            "no_proxy",
            "NO_PROXY",
            "NETRC",
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

    /// Runs any command in this folder, to its end.
    pub fn run_command(&self, command: &mut Command) -> Ran {
        let output = command.current_dir(self.folder.path()).output().unwrap();
        Ran {
            output,
            call: format!("{command:?}"),
        }
    }

    /// Runs any command in a folder within this one, to its end.
    pub fn run_command_in(&self, folder: &str, command: &mut Command) -> Ran {
        let output = command.current_dir(self.path(folder)).output().unwrap();
        Ran {
            output,
            call: format!("{command:?}"),
        }
    }

    /// The same, with bytes on its standard input.
    pub fn run_with_stdin(&self, stage: &str, args: &[&str], input: &[u8]) -> Ran {
        use std::io::Write;
        let mut command = self.command(stage, args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that ends without reading all of it has its reasons.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        Ran {
            output,
            call: format!("recto-{stage} {}", args.join(" ")),
        }
    }
}

impl Workdir {
    /// What is wrong with the files that programs made, by the published schemas.
    pub fn faults(&self) -> Vec<String> {
        let written = self.written.lock().unwrap();
        let made = self.tree("").into_iter();
        made.filter(|(_, bytes)| !written.contains(bytes))
            .flat_map(|(path, bytes)| {
                let faults = schemas::file_faults(&path, &bytes);
                faults
                    .into_iter()
                    .map(move |fault| format!("{path}: {fault}"))
            })
            .collect()
    }
}

impl Drop for Workdir {
    fn drop(&mut self) {
        // A test that fails already has its message.
        if !std::thread::panicking() {
            let faults = self.faults();
            assert!(
                faults.is_empty(),
                "made by a program:\n{}",
                faults.join("\n")
            );
        }
    }
}
