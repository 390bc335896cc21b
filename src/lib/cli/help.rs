//! The shape of help: `-h` is a screen, `--help` has everything in groups, and after the name of a source only what that source
//! needs.

use std::ffi::OsString;

use clap::builder::{Resettable, Str};
use clap::{Arg, Command};

use super::words::{self, Words};

/// How programs end, for their help; docs/troubleshooting.md says it in full.
const EXITS: &str = "Exit codes: 0 done, 1 failed, 2 the command line is not valid, 3 some records were left out for good, \
75 the same command may get further later, 130 stopped";

/// Options that the help of one source has, though they stand under a heading that it leaves out.
const OFTEN_USED: [&str; 4] = ["rate", "per-host", "timeout", "contact"];

/// The command line of a stage with its words: texts, groups, and what `-h` leaves out. The arguments say which help is asked for.
pub fn shape(command: Command, words: &Words, arguments: &[OsString]) -> Command {
    let source = source(words, arguments);
    let is_short = arguments.iter().any(|argument| argument == "-h");
    let command = fold(command.about(words.about), |arg| {
        let arg = grouped(arg, words);
        let is_left_out = |source| is_of_others(&arg, words, source) || is_of_all(&arg, words);
        let is_hidden = source.is_some_and(is_left_out);
        match (is_hidden, is_short) {
            (true, _) => arg.hide(true),
            // One list is shorter than many.
            (false, true) => arg.help_heading(Resettable::Reset),
            (false, false) => arg,
        }
    });
    let about_source =
        |line: &&str| source.is_none_or(|source| line.contains(&format!(" {source} ")));
    let examples = words.examples.lines().filter(about_source);
    let examples: Vec<&str> = examples.collect();
    let first = examples.first().copied().unwrap_or_default();
    let examples: String = examples.iter().map(|line| format!("  {line}\n")).collect();
    let of_all = match source {
        Some(_) => format!(
            "More options, which all sources have ({}): recto-{} --help\n\n",
            words.of_all.join(", ").to_lowercase(),
            words.stage
        ),
        None => String::new(),
    };
    command
        .after_help(format!("Example: {first}\nAll options: --help\n{EXITS}"))
        .after_long_help(format!("{of_all}Examples:\n{examples}\n{EXITS}"))
}

/// The command line of a command that is no stage: `-h` leaves out how it uses the network.
pub fn shape_task(command: Command) -> Command {
    let command = fold(command, |arg| match arg.get_help_heading() {
        Some("Network") => arg.hide_short_help(true),
        _ => arg,
    });
    match command.get_after_help() {
        Some(_) => command,
        None => command.after_help(EXITS_OF_TASKS),
    }
}

/// How commands end that are no stages, for their help.
const EXITS_OF_TASKS: &str =
    "Exit codes: 0 done, 1 failed, 2 the command line is not valid, 3 something was left out";

/// Changes every argument.
fn fold(command: Command, change: impl Fn(Arg) -> Arg) -> Command {
    let ids: Vec<String> = command
        .get_arguments()
        .map(|arg| arg.get_id().to_string())
        .collect();
    ids.into_iter()
        .fold(command, |command, id| command.mut_arg(id, &change))
}

/// An argument in its group, with a short help besides the long one.
fn grouped(arg: Arg, words: &Words) -> Arg {
    let text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let arg = match arg.get_long_help() {
        Some(_) => arg,
        None => arg.help(shortened(&text).to_owned()).long_help(text),
    };
    let Some(long) = arg.get_long().map(str::to_owned) else {
        return arg;
    };
    let is_in = |options: &[&str]| options.contains(&long.as_str());
    let group = words.groups.iter().find(|(_, options)| is_in(options));
    let heading = group.map(|(heading, _)| heading.to_string());
    let heading = heading.or_else(|| arg.get_help_heading().map(str::to_owned));
    arg.hide_short_help(!is_in(words.essential))
        .hide_env(true)
        .help_heading(Resettable::from(heading.map(Str::from)))
}

/// The first words of a text, which say what an option does.
fn shortened(text: &str) -> &str {
    let ends = [". ", "; ", ": ", " [", " ("]
        .into_iter()
        .filter_map(|end| text.find(end));
    &text[..ends.min().unwrap_or(text.len())]
}

/// The source that the command line names, where a program has sources.
fn source<'a>(words: &'a Words, arguments: &[OsString]) -> Option<&'a str> {
    let mut all = words
        .sources
        .iter()
        .flat_map(|(_, sources)| sources.iter().copied());
    all.find(|source| arguments.iter().any(|argument| argument == source))
}

/// Whether an option stands under the heading of other sources.
fn is_of_others(arg: &Arg, words: &Words, source: &str) -> bool {
    let heading = arg.get_help_heading().unwrap_or_default();
    let of = words.sources.iter().find(|(name, _)| *name == heading);
    of.is_some_and(|(_, sources)| !sources.contains(&source))
}

/// Whether a source has an option of its stage.
pub fn is_for(stage: &str, arg: &Arg, source: &str) -> bool {
    words::of(stage).is_none_or(|words| !is_of_others(arg, words, source))
}

/// Whether an option stands under a heading that the help of one source leaves out.
fn is_of_all(arg: &Arg, words: &Words) -> bool {
    let heading = arg.get_help_heading().unwrap_or_default();
    let is_often_used = || {
        arg.get_long()
            .is_some_and(|long| OFTEN_USED.contains(&long))
    };
    words.of_all.contains(&heading) && !is_often_used()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_help_is_the_first_part_of_the_long_one() {
        let cases = [
            (
                "Keep only the first N images",
                "Keep only the first N images",
            ),
            ("Keep it; else not", "Keep it"),
            ("Requests to a host [default: 4]", "Requests to a host"),
            ("Scale to 1.5 times. More", "Scale to 1.5 times"),
        ];
        for (text, wanted) in cases {
            assert_eq!(shortened(text), wanted);
        }
    }
}
