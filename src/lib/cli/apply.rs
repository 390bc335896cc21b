//! Settings become arguments: those that the command line does not give are put before it.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, Command};

use super::help;
use super::settings::{self, File, Setting, Value};
use crate::error::Error;
use crate::sources;

/// The settings of a stage that count, each with its option: from the environment, else from the file. Those for options that the
/// source does not have are for other sources.
pub fn effective(
    stage: &str,
    command: &Command,
    file: &File,
    source: Option<&str>,
) -> Vec<Setting> {
    let args = command.get_arguments();
    let is_taken = |arg: &&Arg| source.is_none_or(|source| help::is_for(stage, arg, source));
    args.filter(is_taken)
        .filter_map(|arg| {
            let of_environment = settings::of_environment(stage, arg);
            let of_file =
                || of_file(stage, arg, file, source).filter(|_| !settings::has_own_variable(arg));
            of_environment.or_else(of_file)
        })
        .collect()
}

/// What the file says of an option: for the source before the stage, for the stage before all.
fn of_file(stage: &str, arg: &Arg, file: &File, source: Option<&str>) -> Option<Setting> {
    let option = arg.get_long()?;
    let found = file.settings.iter().filter(|setting| {
        let of_stage = setting.stage.as_deref().is_none_or(|name| name == stage);
        let of_source = setting.source.is_none() || setting.source.as_deref() == source;
        setting.option == option && of_stage && of_source
    });
    let nearest = found.max_by_key(|setting| (setting.source.is_some(), setting.stage.is_some()));
    nearest.cloned()
}

/// Arguments with the settings before them.
///
/// # Errors
/// A variable that holds a secret is not set; a value is not valid; a variable of the environment is misspelt.
pub fn applied(
    stage: &str,
    command: &Command,
    file: &File,
    arguments: Vec<OsString>,
) -> Result<Vec<OsString>, Error> {
    let line = std::iter::once(OsString::from(stage)).chain(arguments.iter().cloned());
    // What is wrong with the command line is said when it is read with everything.
    let given = command
        .clone()
        .ignore_errors(true)
        .try_get_matches_from(line);
    let is_given = |arg: &Arg| {
        let given = given.as_ref().ok();
        let source = given.and_then(|given| given.value_source(arg.get_id().as_str()));
        source == Some(ValueSource::CommandLine)
    };
    if let Some(error) = settings::misspelt(&super::stages()) {
        return Err(error);
    }
    let source = source(&arguments);
    let mut settings = effective(stage, command, file, source.as_deref());
    settings.retain(|setting| option(command, setting).is_none_or(|arg| !is_given(arg)));
    give_way(command, &mut settings, is_given);
    let mut parts = Vec::new();
    for setting in &settings {
        let words = words(setting)?;
        check(stage, command, setting, &words)?;
        parts.push((setting, words));
    }
    tell_disagreement(stage, command, &parts, &arguments)?;
    let words = parts.into_iter().flat_map(|(_, words)| words);
    Ok(words.chain(arguments).collect())
}

/// The option that a setting is of.
fn option<'a>(command: &'a Command, setting: &Setting) -> Option<&'a Arg> {
    let mut args = command.get_arguments();
    args.find(|arg| arg.get_long() == Some(&setting.option))
}

/// Whether two options exclude each other.
fn exclude(command: &Command, a: &Arg, b: &Arg) -> bool {
    let names = |one: &Arg, other: &Arg| {
        let excluded = command.get_arg_conflicts_with(one);
        excluded.iter().any(|arg| arg.get_id() == other.get_id())
    };
    names(a, b) || names(b, a)
}

/// Leaves out settings that contradict what is before them: what the command line gives, and for the file what the environment
/// says.
fn give_way(command: &Command, settings: &mut Vec<Setting>, is_given: impl Fn(&Arg) -> bool) {
    let given: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| is_given(arg))
        .collect();
    let excludes = |setting: &Setting, other: &Arg| {
        option(command, setting).is_some_and(|arg| exclude(command, arg, other))
    };
    settings.retain(|setting| !given.iter().any(|arg| excludes(setting, arg)));
    let of_environment = settings
        .iter()
        .filter(|setting| setting.is_of_environment());
    let of_environment: Vec<&Arg> = of_environment
        .filter(|setting| !is_off(setting))
        .filter_map(|setting| option(command, setting))
        .collect();
    settings.retain(|setting| {
        setting.is_of_environment() || !of_environment.iter().any(|arg| excludes(setting, arg))
    });
}

/// Whether a setting gives nothing: an option without value that is not wanted.
fn is_off(setting: &Setting) -> bool {
    setting
        .values
        .iter()
        .all(|value| *value == Value::Flag(false))
}

/// Names the settings without which a command line would be valid: what clap says of these, nobody has typed.
fn tell_disagreement(
    stage: &str,
    command: &Command,
    parts: &[(&Setting, Vec<OsString>)],
    arguments: &[OsString],
) -> Result<(), Error> {
    let parsed = |left_out: Option<usize>| {
        let kept = parts
            .iter()
            .enumerate()
            .filter(|(at, _)| Some(*at) != left_out);
        let words = kept.flat_map(|(_, (_, words))| words);
        let line = words.chain(arguments).cloned();
        let line = std::iter::once(OsString::from(stage)).chain(line);
        command.clone().try_get_matches_from(line)
    };
    let Err(error) = parsed(None) else {
        return Ok(());
    };
    let is_of_several = matches!(
        error.kind(),
        ErrorKind::ArgumentConflict | ErrorKind::MissingRequiredArgument
    );
    let culprits = (0..parts.len()).filter(|at| is_of_several && parsed(Some(*at)).is_ok());
    let places: Vec<&str> = culprits.map(|at| &*parts[at].0.origin).collect();
    if places.is_empty() {
        return Ok(());
    }
    let text = error.to_string();
    let text = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = text
        .trim_start_matches("error: ")
        .split_whitespace()
        .collect();
    let what = format!("{}: {}", places.join(" and "), words.join(" "));
    Err(Error::usage(what).hint("`recto config` shows what is set; RECTO_CONFIG= takes no file"))
}

/// Checks a setting by itself, as far as the secrets that it names are known.
///
/// # Errors
/// Its value is not valid.
pub fn check_alone(stage: &str, command: &Command, setting: &Setting) -> Result<(), Error> {
    match words(setting) {
        Ok(words) => check(stage, command, setting, &words),
        // It is needed only where the stage runs.
        Err(_) => Ok(()),
    }
}

/// Checks the values of a setting, so that the message names the file or variable where they stand.
fn check(
    stage: &str,
    command: &Command,
    setting: &Setting,
    words: &[OsString],
) -> Result<(), Error> {
    let line = std::iter::once(OsString::from(stage)).chain(words.iter().cloned());
    let Err(error) = command.clone().try_get_matches_from(line) else {
        return Ok(());
    };
    let Setting { origin, option, .. } = setting;
    if setting.values.len() > 1 && error.kind() == ErrorKind::ArgumentConflict {
        let what = format!("{origin}: --{option} has several values, and takes one");
        return Err(Error::usage(what));
    }
    let is_wrong = matches!(
        error.kind(),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::TooManyValues
    );
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) if is_wrong => value,
        // Everything else that is wrong, such as what is missing here, is told of the whole command line.
        _ => return Ok(()),
    };
    let what = match settings::may_be_secret(option, value) {
        true => format!("{origin}: not a valid value for --{option}"),
        false => format!("{origin}: `{value}` is not a valid value for --{option}"),
    };
    let why = error.source().map(ToString::to_string);
    let valid = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) if !valid.is_empty() => {
            Some(format!("valid values: {}", valid.join(", ")))
        }
        _ => None,
    };
    let what = match why {
        Some(why) => format!("{what}: {why}"),
        None if error.kind() == ErrorKind::TooManyValues => {
            format!("{what}: true or false is expected")
        }
        None => what,
    };
    let error = Error::usage(what);
    Err(match valid {
        Some(valid) => error.hint(valid),
        None => error,
    })
}

/// The source that a command line of `digest` names.
fn source(arguments: &[OsString]) -> Option<String> {
    let named = arguments.iter().filter_map(|argument| argument.to_str());
    let mut sources = named.filter(|argument| sources::ALL.contains(argument));
    sources.next().map(str::to_owned)
}

/// A setting as arguments.
fn words(setting: &Setting) -> Result<Vec<OsString>, Error> {
    let option = &setting.option;
    let word = |value: &Value| match value {
        Value::Flag(false) => Ok(None),
        Value::Flag(true) => Ok(Some(format!("--{option}").into())),
        Value::Text(text) => Ok(Some(format!("--{option}={text}").into())),
        Value::Secret(variable, host) => match settings::secret(variable) {
            Some(secret) => Ok(Some(format!("--{option}={host}{secret}").into())),
            None => Err(Error::new(format!(
                "{}: the variable {variable} is not set",
                setting.origin
            ))
            .hint(format!(
                "set {variable} in the environment to what --{option} takes"
            ))),
        },
    };
    setting
        .values
        .iter()
        .filter_map(|value| word(value).transpose())
        .collect()
}
