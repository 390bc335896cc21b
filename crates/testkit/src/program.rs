//! Programs that tests run, and what became of them.

use std::path::Path;
use std::process::Output;

/// The path of a program under test, as text for shells: `extract` is `recto-extract`, `recto` itself.
///
/// # Panics
/// When the program is not built. Cargo builds all programs of a package for its integration tests, and puts them
/// beside the folder of the test that runs.
pub fn binary(stage: &str) -> String {
    let name = match stage {
        "recto" => "recto".to_owned(),
        stage => format!("recto-{stage}"),
    };
    let name = name + std::env::consts::EXE_SUFFIX;
    let test = std::env::current_exe().expect("the path of the running test");
    let program = test
        .parent()
        .and_then(Path::parent)
        .map(|folder| folder.join(&name));
    let program = program.filter(|path| path.is_file()).unwrap_or_else(|| {
        panic!(
            "{name} is not built beside {}; `cargo build --bins` builds it",
            test.display()
        )
    });
    let program = program.into_os_string().into_string();
    program.expect("a path in UTF-8")
}

/// A program that ended.
#[derive(Debug)]
pub struct Ran {
    /// Exit status and both streams.
    pub output: Output,
    /// The command line, for messages.
    pub(crate) call: String,
}

impl Ran {
    /// What it printed to stdout.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// What it printed to stderr.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Fails unless the exit code is this one.
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

    /// Fails unless stderr contains every one of `parts`.
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

/// Waits until a condition holds.
///
/// # Panics
/// When it does not hold within 30 seconds.
#[track_caller]
pub fn wait_until(mut holds: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(90);
    while !holds() {
        assert!(
            std::time::Instant::now() < end,
            "the condition did not hold within 90 s"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// A program under way; ended with the test.
#[derive(Debug)]
pub struct Running(pub std::process::Child);

impl Running {
    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When it still runs after 90 seconds.
    #[track_caller]
    pub fn ends(&mut self) -> std::process::ExitStatus {
        wait_until(|| self.0.try_wait().unwrap().is_some());
        self.0.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
