//! Command lines: what each program takes and says of itself, and the program `recto`, which has all others as commands.
//!
//! `recto digest …` is `recto-digest …`: both take the same options, call the same function and print the same messages. What
//! a program does never depends on the name of its file.

mod allocator;
mod apply;
mod config;
#[cfg(feature = "serve")]
mod demo;
mod diff;
mod doctor;
mod export;
mod help;
mod init;
mod settings;
mod shells;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ArgMatches, Args, Command};

use crate::error::{Error, Exit};
use crate::messages;
use crate::progress::Style;
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
    let style = style(&arguments);
    match with_settings(Options::NAME, &command, arguments) {
        Ok(arguments) => {
            run_stage::<Options>(&command.get_matches_from(named(name, arguments))).into()
        }
        Err(error) => report::end_in(Options::NAME, Err(error), style).into(),
    }
}

/// Runs the program `recto`.
pub fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if is_worker(&arguments) {
        arguments.insert(0, "serve".into());
    }
    if arguments.first().is_some_and(|first| first == "help") {
        // `recto help digest m3` is `recto digest m3 --help`.
        arguments.remove(0);
        arguments.push("--help".into());
    }
    let command = recto(&arguments);
    let stage = stages()
        .into_iter()
        .find(|(name, _)| arguments.first().is_some_and(|first| first == name));
    if let Some((name, command)) = stage {
        let own = arguments.split_off(1);
        let style = style(&own);
        match with_settings(name, &command, own) {
            Ok(own) => arguments.extend(own),
            Err(error) => return report::end_in(name, Err(error), style).into(),
        }
    }
    let matches = command.get_matches_from(named("recto", arguments));
    let entries = entries();
    let chosen = matches.subcommand().and_then(|(name, matches)| {
        let entry = entries.iter().find(|entry| entry.name == name)?;
        Some((entry.run)(matches))
    });
    chosen.unwrap_or(Exit::Usage).into()
}

/// Whether these are the arguments of a worker, which a server starts by running its own program.
fn is_worker(arguments: &[OsString]) -> bool {
    let first = arguments
        .first()
        .map(|first| first.to_string_lossy())
        .unwrap_or_default();
    first.starts_with("--pdf=") || first.starts_with("--decode=")
}

/// The style that arguments ask for, before they are parsed.
fn style(arguments: &[OsString]) -> Style {
    let is_json = |pair: &[OsString]| pair[0] == "--progress" && pair[1] == "json";
    match arguments.windows(2).any(is_json) || arguments.iter().any(|a| a == "--progress=json") {
        true => Style::Json,
        false => Style::Auto,
    }
}

/// Arguments of a stage, and before them what recto.toml and the environment say of it.
fn with_settings(
    stage: &'static str,
    command: &Command,
    arguments: Vec<OsString>,
) -> Result<Vec<OsString>, Error> {
    let asks = |argument: &OsString| {
        ["-h", "--help", "-V", "--version"]
            .iter()
            .any(|asked| argument == asked)
    };
    if is_worker(&arguments) || arguments.iter().any(asks) {
        return Ok(arguments);
    }
    let file = settings::read(&stages())?;
    apply::applied(stage, command, &file, arguments)
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
struct EntryPoint {
    name: &'static str,
    /// Its command line.
    command: fn(&'static str, &[OsString]) -> Command,
    run: fn(&ArgMatches) -> Exit,
}

/// All commands of `recto`, in the order of its help.
fn entries() -> Vec<EntryPoint> {
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
        of_task::<crate::diff::Options>(),
        of_task::<crate::export::Options>(),
        of_task::<init::Options>(),
        of_task::<doctor::Options>(),
        of_task::<config::Options>(),
        of_task::<shells::Completions>(),
        of_task::<shells::Man>(),
    ]
}

/// The stages by their names, with their command lines.
fn stages() -> Vec<(&'static str, Command)> {
    let stages = entries()
        .into_iter()
        .filter(|entry| words::of(entry.name).is_some());
    stages
        .map(|entry| (entry.name, (entry.command)(entry.name, &[])))
        .collect()
}

/// The programs of the stages, as they are called alone.
fn programs() -> Vec<Command> {
    let named = stages()
        .into_iter()
        .map(|(name, command)| command.name(format!("recto-{name}")));
    named.collect()
}

/// A command of `recto` that is no stage.
trait Task: Args {
    const NAME: &'static str;

    /// Does it, and prints how it ended.
    fn run(&self) -> Exit;
}

fn of_stage<Options: Stage>() -> EntryPoint {
    EntryPoint {
        name: Options::NAME,
        command: stage_command::<Options>,
        run: run_stage::<Options>,
    }
}

fn of_task<Options: Task>() -> EntryPoint {
    EntryPoint {
        name: Options::NAME,
        command: |name, _| help::shape_task(Options::augment_args(Command::new(name))),
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
    if Options::IS_SERVER {
        allocator::give_back_large_buffers();
    }
    match Options::from_arg_matches(matches) {
        Ok(options) => report::run(&options),
        Err(error) => refused(&error),
    }
}

/// Says why a command line is not valid.
fn refused(error: &clap::Error) -> Exit {
    messages::say(error.to_string().trim_end());
    Exit::Usage
}
