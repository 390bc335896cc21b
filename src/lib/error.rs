//! Why a stage could not finish, and the codes its program ends with.
//!
//! A record that cannot be used is not an error: it becomes a [`Reject`](crate::summary::Reject), and the run continues.

use std::fmt;
use std::process::ExitCode;

use crate::summary::Summary;

/// How a program of recto ends. The table of exit codes in docs/troubleshooting.md lists the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done.
    Complete = 0,
    /// The stage could not finish; nothing was published.
    Failed = 1,
    /// The command line is not valid.
    Usage = 2,
    /// Published, but some records were left out (0 with `--partial-ok`), or it is not all that was wanted, as a note says.
    Partial = 3,
    /// `recto diff`: the two are not the same.
    Differs = 4,
    /// The same command may get further later: a server failed, a budget or the time was used up (0 with `--partial-ok`).
    Temporary = 75,
    /// Stopped by Ctrl-C or SIGTERM; finished work is saved, and the same command continues.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a stage could not finish: what happened, the chain of causes, and what to do about it.
#[derive(Debug)]
pub struct Error {
    what: String,
    because: Vec<String>,
    hint: Option<String>,
    exit: Exit,
    /// What was done until then.
    summary: Box<Summary>,
}

impl Error {
    /// What happened and where, greppable: `file:line:column: found and wanted`, no final period.
    pub fn new(what: impl Into<String>) -> Self {
        Error {
            what: what.into(),
            because: Vec::new(),
            hint: None,
            exit: Exit::Failed,
            summary: Box::default(),
        }
    }

    /// A command line that is not valid (exit code 2).
    pub fn usage(what: impl Into<String>) -> Self {
        Error {
            exit: Exit::Usage,
            ..Error::new(what)
        }
    }

    /// Stopped by a signal; finished work is saved (exit code 130).
    pub fn interrupted(what: impl Into<String>) -> Self {
        Error {
            exit: Exit::Interrupted,
            ..Error::new(what)
        }
    }

    /// The same command may get further later (exit code 75), if that is so.
    pub fn temporary(self, may_pass: bool) -> Self {
        match (may_pass, self.exit) {
            (true, Exit::Failed) => Error {
                exit: Exit::Temporary,
                ..self
            },
            _ => self,
        }
    }

    /// Adds a cause, and the causes of that cause.
    pub fn because(mut self, cause: impl std::error::Error) -> Self {
        let mut next: Option<&dyn std::error::Error> = Some(&cause);
        while let Some(cause) = next {
            let text = cause.to_string();
            if self.because.last() != Some(&text) {
                self.because.push(text);
            }
            next = cause.source();
        }
        self
    }

    /// Names the exact flag, file or command that helps. No hint is better than a vague one.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What happened and where, without causes and hint.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The causes, nearest first.
    pub fn causes(&self) -> &[String] {
        &self.because
    }

    /// The hint, if there is one.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What the stage had read, kept and left out when it stopped.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Takes that summary out of the error.
    pub fn take_summary(&mut self) -> Summary {
        *std::mem::take(&mut self.summary)
    }

    /// Runs `work`, which fills a summary. If it fails, the error holds the summary as far as it was filled.
    ///
    /// # Errors
    /// The error of `work`.
    pub fn with_summary(
        work: impl FnOnce(&mut Summary) -> Result<(), Error>,
    ) -> Result<Summary, Error> {
        let mut summary = Summary::default();
        match work(&mut summary) {
            Ok(()) => Ok(summary),
            Err(error) => Err(Error {
                summary: Box::new(summary),
                ..error
            }),
        }
    }

    /// What happened and why, in one line, without a hint.
    pub fn line(&self) -> String {
        let causes = self.because.iter().map(|cause| format!(": {cause}"));
        self.what.clone() + &causes.collect::<String>()
    }

    /// The code the program ends with.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        for cause in &self.because {
            write!(f, "\n  because {cause}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_what_because_and_hint_one_per_line() {
        let cause = serde_json::from_str::<u8>("x").unwrap_err();
        let text = Error::new("a.json:1:1: not JSON")
            .because(cause)
            .hint("run it again")
            .to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert_eq!(lines[0], "error: a.json:1:1: not JSON");
        assert!(lines[1].starts_with("  because expected value"), "{text}");
        assert_eq!(lines[2], "  hint: run it again");
    }
}
