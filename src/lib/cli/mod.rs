//! Command lines: what each program takes and says of itself, and the program `recto`, which has all others as commands.
//!
//! `recto digest …` is `recto-digest …`: both take the same options, call the same function and print the same messages. What
//! a program does never depends on the name of its file.

#[cfg(feature = "serve")]
mod demo;
mod doctor;
mod help;
mod init;
mod shells;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ArgMatches, Args, Command};

use crate::error::Exit;
use crate::report::{self, Stage};
use crate::{digest, download, extract, reformat, shard};

/// The version of all programs, and the commit they are built from, where that is known.
pub const VERSION: &str = env!("RECTO_VERSION");

/// What `recto` says of itself.
const ABOUT: &str = "Turn image archives on the web into training sets for object detection";

/// Runs the program of a stage: parses the command line, runs the stage, prints how it ended, and returns the exit code. If the
/// command line is not valid, explains why and ends the program with code 2.
pub fn program<Options: Stage>(name: &'static str) -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let command = stage_command::<Options>(name, &arguments);
    run_stage::<Options>(&command.get_matches_from(named(name, arguments))).into()
}

/// Runs the program `recto`.
pub fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    // A server starts workers by running its own program with these options.
    let is_worker = |first: &OsString| {
        let first = first.to_string_lossy();
        first.starts_with("--pdf=") || first.starts_with("--decode=")
    };
    if arguments.first().is_some_and(is_worker) {
        arguments.insert(0, "serve".into());
    }
    let matches = recto(&arguments).get_matches_from(named("recto", arguments));
    let entries = entries();
    let chosen = matches.subcommand().and_then(|(name, matches)| {
        let entry = entries.iter().find(|entry| entry.name == name)?;
        Some((entry.run)(matches))
    });
    chosen.unwrap_or(Exit::Usage).into()
}

/// Arguments after the name of their program, which is not that of its file.
fn named(name: &'static str, arguments: Vec<OsString>) -> impl Iterator<Item = OsString> + Clone {
    std::iter::once(OsString::from(name)).chain(arguments)
}

/// The command line of `recto`, with these arguments: those of a command decide what its help shows.
fn recto(arguments: &[OsString]) -> Command {
    let command = Command::new("recto")
        .version(VERSION)
        .about(ABOUT)
        .after_help(words::RECTO_AFTER)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true);
    let entries = entries().into_iter();
    command.subcommands(entries.map(|entry| (entry.command)(entry.name, arguments)))
}

/// A command of `recto`.
struct Entry {
    name: &'static str,
    /// Its command line.
    command: fn(&'static str, &[OsString]) -> Command,
    run: fn(&ArgMatches) -> Exit,
}

/// All commands of `recto`, in the order of its help.
fn entries() -> Vec<Entry> {
    vec![
        of_stage::<digest::Options>(),
        of_stage::<extract::Options>(),
        of_stage::<download::Options>(),
        of_stage::<reformat::Options>(),
        #[cfg(feature = "serve")]
        of_stage::<crate::serve::Options>(),
        of_stage::<shard::Options>(),
        #[cfg(feature = "serve")]
        of_task::<demo::Options>(),
        of_task::<init::Options>(),
        of_task::<doctor::Options>(),
        of_task::<shells::Completions>(),
        of_task::<shells::Man>(),
    ]
}

/// The programs that are stages, as they are called alone.
fn programs() -> Vec<Command> {
    let stages = entries()
        .into_iter()
        .filter(|entry| words::of(entry.name).is_some());
    let named =
        stages.map(|entry| (entry.command)(entry.name, &[]).name(format!("recto-{}", entry.name)));
    named.collect()
}

/// A command of `recto` that is no stage.
trait Task: Args {
    const NAME: &'static str;

    /// Does it, and prints how it ended.
    fn run(&self) -> Exit;
}

fn of_stage<Options: Stage>() -> Entry {
    Entry {
        name: Options::NAME,
        command: stage_command::<Options>,
        run: run_stage::<Options>,
    }
}

fn of_task<Options: Task>() -> Entry {
    Entry {
        name: Options::NAME,
        command: |name, _| Options::augment_args(Command::new(name)),
        run: |matches| match Options::from_arg_matches(matches) {
            Ok(options) => options.run(),
            Err(error) => refused(&error),
        },
    }
}

/// The command line of a stage under the name of its program, or as a command of `recto`.
fn stage_command<Options: Stage>(name: &'static str, arguments: &[OsString]) -> Command {
    let command = Command::new(name)
        .version(VERSION)
        .disable_help_subcommand(true);
    let command = Options::augment_args(command);
    match words::of(Options::NAME) {
        Some(words) => help::shape(command, words, arguments),
        None => command,
    }
}

fn run_stage<Options: Stage>(matches: &ArgMatches) -> Exit {
    match Options::from_arg_matches(matches) {
        Ok(options) => report::run(&options),
        Err(error) => refused(&error),
    }
}

/// Says why a command line is not valid.
fn refused(error: &clap::Error) -> Exit {
    report::say(error.to_string().trim_end());
    Exit::Usage
}
