//! `recto completions` and `recto man`: what shells and `man` know of all programs.

use std::path::PathBuf;

use clap::Command;
use clap_complete::Shell;

use super::{Task, programs, recto};
use crate::error::{Error, Exit};
use crate::summary::{Summary, counted};
use crate::{files, report};

/// Print the completions of all programs for a shell
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell: `source <(recto completions bash)` in ~/.bashrc, or the like
    #[arg(value_enum)]
    shell: Shell,
    /// Complete the options of this program only
    #[arg(long, value_name = "NAME")]
    program: Option<String>,
}

/// Write man pages of all programs into a folder
#[derive(Debug, clap::Args)]
pub struct Man {
    /// The folder, such as ~/.local/share/man/man1
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Task for Completions {
    const NAME: &'static str = "completions";

    fn run(&self) -> Exit {
        report::end(Self::NAME, completions(self))
    }
}

impl Task for Man {
    const NAME: &'static str = "man";

    fn run(&self) -> Exit {
        report::end(Self::NAME, man(self))
    }
}

/// `recto` and the programs of the stages.
fn all() -> Vec<Command> {
    std::iter::once(recto(&[])).chain(programs()).collect()
}

fn completions(options: &Completions) -> Result<Summary, Error> {
    let wanted = |command: &Command| {
        options
            .program
            .as_deref()
            .is_none_or(|name| name == command.get_name())
    };
    let mut script = Vec::new();
    for mut command in all().into_iter().filter(wanted) {
        let name = command.get_name().to_owned();
        clap_complete::generate(options.shell, &mut command, name, &mut script);
    }
    if script.is_empty() {
        let names: Vec<String> = all()
            .iter()
            .map(|command| command.get_name().to_owned())
            .collect();
        let name = options.program.as_deref().unwrap_or_default();
        let error = Error::usage(format!("--program {name}: there is no such program"));
        return Err(error.hint(format!("programs: {}", names.join(", "))));
    }
    Ok(Summary {
        output: String::from_utf8_lossy(&script).into_owned(),
        ..Summary::default()
    })
}

fn man(options: &Man) -> Result<Summary, Error> {
    let mut written = 0;
    for command in all() {
        for (name, command) in pages(command) {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(command).render(&mut page);
            rendered.map_err(|e| Error::new(format!("{name}.1: cannot be made")).because(e))?;
            files::write(&options.folder.join(format!("{name}.1")), &page)?;
            written += 1;
        }
    }
    let done = format!(
        "{} in {}",
        counted(written, "page", "pages"),
        options.folder.display()
    );
    Ok(Summary {
        done,
        ..Summary::default()
    })
}

/// The page of a program; those of commands of `recto` that are programs too are the pages of these.
fn pages(command: Command) -> Vec<(String, Command)> {
    let name = command.get_name().to_owned();
    let command = command.disable_help_subcommand(true);
    let mut pages = Vec::new();
    for below in command.get_subcommands() {
        let name = format!("{name}-{}", below.get_name());
        if super::words::of(below.get_name()).is_none() {
            pages.push((name.clone(), below.clone().name(name)));
        }
    }
    pages.push((name, command));
    pages
}
