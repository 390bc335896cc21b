//! Settings that repeat: the file `recto.toml`, found upwards from where a program runs, and variables of the environment.
//!
//! An option is taken from the command line, else from `RECTO_STAGE_OPTION` (`RECTO_DOWNLOAD_RATE`), else from the file: from the
//! section of the stage and source, of the stage, or from above all sections. A key that no program has as an option is an error.
//! Secrets do not stand in the file, but the names of variables that hold them.

use std::path::{Path, PathBuf};

use clap::{Arg, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::help;
use crate::error::Error;
use crate::{files, sources};

/// The name of the file.
const FILE: &str = "recto.toml";
/// Options that hold secrets.
const SECRETS: [&str; 2] = ["bearer", "header"];

/// Whether the value of an option may be a secret.
pub fn may_be_secret(option: &str, text: &str) -> bool {
    SECRETS.contains(&option) && !is_harmless(text)
}

/// Tables of what `recto-serve -c` reads: a file of this name may be that, or both.
const SERVER: [&str; 6] = ["presets", "pdf", "prepare", "cache", "auth", "requests"];

/// The value of an option, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Of one stage; none: of all that have the option.
    pub stage: Option<String>,
    /// Of one source of that stage.
    pub source: Option<String>,
    /// The long name of the option.
    pub option: String,
    /// Its values: several where it can be repeated.
    pub values: Vec<Value>,
    /// `recto.toml:3`, or the name of a variable.
    pub origin: String,
}

impl Setting {
    /// Whether a variable of the environment sets it, and not the file.
    pub fn is_of_environment(&self) -> bool {
        let is_its_variable = |stage: &str| self.origin == variable(stage, &self.option);
        self.stage.as_deref().is_some_and(is_its_variable)
    }
}

/// One value of an option.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// As it would stand on the command line.
    Text(String),
    /// Whether an option without value is given.
    Flag(bool),
    /// The variable that holds it, and what stands before it: the host.
    Secret(String, String),
}

/// The file of settings with what stands in it; none where there is no file.
#[derive(Debug, Default)]
pub struct File {
    /// Where it is.
    pub path: Option<PathBuf>,
    /// What stands in it.
    pub settings: Vec<Setting>,
}

/// Finds and reads the file. `commands` are the command lines of the stages.
///
/// # Errors
/// It cannot be read, is not TOML, or holds what is no option.
pub fn read(commands: &[(&str, Command)]) -> Result<File, Error> {
    let Some(path) = find()? else {
        return Ok(File::default());
    };
    let bytes = files::read(&path)?;
    let name = path.display().to_string();
    let text = String::from_utf8(bytes)
        .map_err(|e| Error::new(format!("{name}: is not UTF-8")).because(e))?;
    let file = TomlFile {
        name,
        text: &text,
        folder: files::folder_of(&path),
        commands,
    };
    Ok(File {
        settings: file.settings()?,
        path: Some(path),
    })
}

/// The file that `RECTO_CONFIG` names (empty: none), else the nearest one from here upwards.
fn find() -> Result<Option<PathBuf>, Error> {
    if let Some(named) = std::env::var_os("RECTO_CONFIG") {
        return Ok((!named.is_empty()).then(|| named.into()));
    }
    let here = std::env::current_dir()
        .map_err(|e| Error::new("the current folder cannot be found").because(e))?;
    let mut files = here.ancestors().map(|folder| folder.join(FILE));
    Ok(files.find(|path| path.is_file()))
}

/// What the environment says of an option.
pub fn of_environment(stage: &str, arg: &Arg) -> Option<Setting> {
    let option = arg.get_long()?;
    let name = variable(stage, option);
    let text = std::env::var(&name).ok()?;
    let is_file = arg
        .get_value_names()
        .is_some_and(|names| names[0] == "FILE");
    let switch = match text.trim().to_lowercase().as_str() {
        // A number may be meant where a value may stand.
        "0" | "1" if may_lack_value(arg) && !is_file => None,
        "" | "0" | "false" | "no" | "off" => Some(Value::Flag(false)),
        "1" | "true" | "yes" | "on" => Some(Value::Flag(true)),
        _ => None,
    };
    let values = match switch.filter(|_| !takes_value(arg) || may_lack_value(arg)) {
        Some(switch) => vec![switch],
        None if takes_value(arg) => text.lines().map(|line| Value::Text(line.into())).collect(),
        // That it is neither is said when it is checked.
        None => vec![Value::Text(text)],
    };
    Some(Setting {
        stage: Some(stage.into()),
        source: None,
        option: option.into(),
        values,
        origin: name,
    })
}

/// The variable that sets an option.
fn variable(stage: &str, option: &str) -> String {
    format!("RECTO_{stage}_{option}")
        .replace('-', "_")
        .to_uppercase()
}

/// Variables that set no option.
const OTHERS: [&str; 2] = ["RECTO_CONFIG", "RECTO_SHARDS"];

/// The variables of the environment that begin with `RECTO_` and set nothing, each with the nearest one that does, where it is
/// near. In Kubernetes a service named `recto-serve` makes such variables, with other endings.
pub fn unknown_variables(commands: &[(&str, Command)]) -> Vec<(String, Option<String>)> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    unknown(names, commands)
}

fn unknown(
    names: impl Iterator<Item = String>,
    commands: &[(&str, Command)],
) -> Vec<(String, Option<String>)> {
    let mut known: Vec<String> = OTHERS.map(str::to_owned).into();
    for (stage, command) in commands {
        let options = command.get_arguments().filter_map(Arg::get_long);
        known.extend(options.map(|option| variable(stage, option)));
        let own = command.get_arguments().filter_map(Arg::get_env);
        known.extend(own.filter_map(|name| name.to_str().map(str::to_owned)));
    }
    let mut unknown: Vec<_> = names
        .filter(|name| name.starts_with("RECTO_") && !known.contains(name))
        .map(|name| {
            let near = known
                .iter()
                .map(|known| (strsim::osa_distance(known, &name), known))
                .min()
                .filter(|(letters, _)| *letters <= 2);
            let near = near.map(|(_, known)| known.clone());
            (name, near)
        })
        .collect();
    unknown.sort();
    unknown
}

/// The error for a variable of the environment whose name is nearly that of an option: what it says would be taken for nothing.
pub fn misspelt(commands: &[(&str, Command)]) -> Option<Error> {
    let unknown = unknown_variables(commands);
    let (name, near) = unknown.into_iter().find(|(_, near)| near.is_some())?;
    let error = Error::usage(format!("the variable {name} is set, and sets nothing"));
    Some(error.hint(format!("did you mean {}?", near?)))
}

/// Whether the option has a variable of its own, such as `RECTO_CONTACT`, that is set.
pub fn has_own_variable(arg: &Arg) -> bool {
    arg.get_env()
        .is_some_and(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// The secret that a variable holds.
pub fn secret(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether an option has a value.
pub fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// Whether an option may be given with or without a value: `--netrc`, `--netrc=FILE`.
fn may_lack_value(arg: &Arg) -> bool {
    arg.get_num_args()
        .is_some_and(|values| values.min_values() == 0)
}

/// A file while it is read.
struct TomlFile<'a> {
    name: String,
    text: &'a str,
    folder: &'a Path,
    commands: &'a [(&'a str, Command)],
}

impl TomlFile<'_> {
    fn settings(&self) -> Result<Vec<Setting>, Error> {
        let table = DeTable::parse(self.text).map_err(|e| {
            let at = e.span().map_or(0, |span| span.start);
            Error::new(format!("{}: {}", self.place(at), e.message()))
        })?;
        let mut settings = Vec::new();
        for (key, value) in table.get_ref().iter() {
            let name: &str = key.get_ref();
            let of_stage = self.commands.iter().find(|(stage, _)| *stage == name);
            match (of_stage, value.get_ref()) {
                (Some((stage, _)), DeValue::Table(section)) => {
                    self.section(stage, section, &mut settings)?
                }
                (None, DeValue::Table(_)) if SERVER.contains(&name) => {}
                _ => settings.push(self.setting(None, None, key.span().start, name, value)?),
            }
        }
        Ok(settings)
    }

    fn section(
        &self,
        stage: &str,
        section: &DeTable,
        settings: &mut Vec<Setting>,
    ) -> Result<(), Error> {
        for (key, value) in section.iter() {
            let name: &str = key.get_ref();
            let is_source = stage == "digest" && sources::ALL.contains(&name);
            match value.get_ref() {
                DeValue::Table(of_source) if is_source => {
                    for (key, value) in of_source.iter() {
                        let at = key.span().start;
                        settings.push(self.setting(
                            Some(stage),
                            Some(name),
                            at,
                            key.get_ref(),
                            value,
                        )?);
                    }
                }
                _ => {
                    settings.push(self.setting(Some(stage), None, key.span().start, name, value)?)
                }
            }
        }
        Ok(())
    }

    fn setting(
        &self,
        stage: Option<&str>,
        source: Option<&str>,
        at: usize,
        option: &str,
        value: &Spanned<DeValue>,
    ) -> Result<Setting, Error> {
        let place = self.place(at);
        let Some(arg) = self.arg(stage, option) else {
            return Err(self.unknown(stage, &place, option));
        };
        if source.is_some_and(|source| !help::is_for(stage.unwrap_or_default(), arg, source)) {
            let source = source.unwrap_or_default();
            let what = format!("{place}: --{option} is not an option of the source {source}");
            return Err(Error::new(what));
        }
        let values = match value.get_ref() {
            DeValue::Array(list) => list
                .iter()
                .map(|one| self.value(stage, arg, &place, one.get_ref()))
                .collect(),
            one => (self.value(stage, arg, &place, one)).map(|value| vec![value]),
        };
        Ok(Setting {
            stage: stage.map(str::to_owned),
            source: source.map(str::to_owned),
            option: option.into(),
            values: values?,
            origin: place,
        })
    }

    fn value(
        &self,
        stage: Option<&str>,
        arg: &Arg,
        place: &str,
        value: &DeValue,
    ) -> Result<Value, Error> {
        let option = arg.get_long().unwrap_or_default();
        let wrong = |wanted: &str| {
            Err(Error::new(format!(
                "{place}: {option} is a {}, {wanted}",
                value.type_str()
            )))
        };
        let is_secret = SECRETS.contains(&option);
        Ok(match value {
            DeValue::Table(table) if is_secret => {
                let member =
                    |name: &str| table.get(name).and_then(|value| value.get_ref().as_str());
                let Some(variable) = member("env") else {
                    return wrong("expected { env = \"NAME\" }");
                };
                let host = member("host").map(|host| format!("{host}="));
                Value::Secret(variable.into(), host.unwrap_or_default())
            }
            DeValue::Table(_) => return wrong("a value is expected"),
            DeValue::Array(_) => return wrong("a value is expected in a list"),
            DeValue::Boolean(given) if !takes_value(arg) || may_lack_value(arg) => {
                Value::Flag(*given)
            }
            _ if !takes_value(arg) => return wrong("true or false is expected"),
            DeValue::String(text) if is_secret && !is_harmless(text) => {
                return Err(written_secret(place, option).hint(format!(
                    "name a variable that holds it: {option} = {{ env = \"NAME\" }}"
                )));
            }
            DeValue::String(text) if has_password(text) => {
                let variable = variable(stage.unwrap_or_else(|| self.stage_of(option)), option);
                return Err(written_secret(place, option)
                    .hint(format!("set the variable {variable} to the URL instead")));
            }
            DeValue::String(text) => Value::Text(self.resolved(arg, text)),
            DeValue::Integer(number) => Value::Text(number.to_string()),
            DeValue::Float(number) => Value::Text(number.to_string()),
            DeValue::Boolean(given) => Value::Text(given.to_string()),
            DeValue::Datetime(time) => Value::Text(time.to_string()),
        })
    }

    /// The path of a file or folder is meant from the folder of the file of settings.
    fn resolved(&self, arg: &Arg, text: &str) -> String {
        let is_path = arg.get_value_names().into_iter().flatten().any(|name| {
            let mut words = name.split(|c: char| !c.is_ascii_alphabetic());
            words.any(|word| ["FILE", "DIR", "FOLDER"].contains(&word))
        });
        if !is_path || text.contains("://") || text == "-" {
            return text.into();
        }
        // As shells do it.
        let below_home = match text.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                std::env::home_dir().map(|home| home.join(rest.trim_start_matches('/')))
            }
            _ => None,
        };
        let path = below_home.unwrap_or_else(|| self.folder.join(text));
        path.display().to_string()
    }

    /// The first stage that has an option.
    fn stage_of(&self, option: &str) -> &str {
        let has = |(_, command): &&(&str, Command)| {
            command
                .get_arguments()
                .any(|arg| arg.get_long() == Some(option))
        };
        self.commands
            .iter()
            .find(has)
            .map_or("STAGE", |(stage, _)| stage)
    }

    /// The option of this name, of a stage or of any.
    fn arg(&self, stage: Option<&str>, option: &str) -> Option<&Arg> {
        let commands = self
            .commands
            .iter()
            .filter(|(name, _)| stage.is_none_or(|stage| stage == *name));
        let mut args = commands.flat_map(|(_, command)| command.get_arguments());
        args.find(|arg| arg.get_long() == Some(option))
    }

    fn unknown(&self, stage: Option<&str>, place: &str, option: &str) -> Error {
        let of = stage.map_or("no program has an".into(), |stage| {
            format!("recto-{stage} has no")
        });
        let error = Error::new(format!("{place}: {of} option --{option}"));
        let commands = self
            .commands
            .iter()
            .filter(|(name, _)| stage.is_none_or(|stage| stage == *name));
        let names = commands
            .flat_map(|(_, command)| command.get_arguments())
            .filter_map(Arg::get_long);
        let near = names
            .map(|name| (strsim::osa_distance(name, option), name))
            .min();
        match near.filter(|(letters, _)| *letters <= 2) {
            Some((_, name)) => error.hint(format!("did you mean `{name}`?")),
            None => error.hint("keys are the long names of options, below the name of a stage in brackets: [download]"),
        }
    }

    /// A place in the file: its name and line.
    fn place(&self, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or_default();
        format!("{}:{}", self.name, before.matches('\n').count() + 1)
    }
}

fn written_secret(place: &str, option: &str) -> Error {
    Error::new(format!(
        "{place}: {option}: secrets must not be written in this file"
    ))
}

/// Whether a URL in a text holds a password: `redis://:secret@host`.
fn has_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let server = rest.split(['/', '?', '#', ' ', ',', '=']).next();
        let user = server.and_then(|server| server.rsplit_once('@'));
        let password = user.and_then(|(user, _)| user.split_once(':'));
        password.is_some_and(|(_, password)| !password.is_empty())
    })
}

/// Whether a header says nothing of who sends it: `Accept-Language: de`, perhaps for one host.
fn is_harmless(text: &str) -> bool {
    let header = text.split_once('=').map_or(text, |(_, header)| header);
    header.to_ascii_lowercase().starts_with("accept")
}

#[cfg(test)]
mod tests {
    #[test]
    fn variables_that_set_nothing_are_found_and_the_near_ones_corrected() {
        let environment = [
            "RECTO_DOWNLOAD_RAET",
            "RECTO_DOWNLOAD_RATE",
            "RECTO_CONTACT",
            "RECTO_SERVE_SERVICE_HOST",
            "RECTO_CONTCT",
            "RECTO_DOWNLAOD_RATE",
            "RECTO_CONFIG",
            "HOME",
        ];
        let names = environment.map(str::to_owned).into_iter();
        let found = super::unknown(names, &super::super::stages());
        let found: Vec<(&str, Option<&str>)> = found
            .iter()
            .map(|(name, near)| (name.as_str(), near.as_deref()))
            .collect();
        let wanted = [
            ("RECTO_CONTCT", Some("RECTO_CONTACT")),
            ("RECTO_DOWNLAOD_RATE", Some("RECTO_DOWNLOAD_RATE")),
            ("RECTO_DOWNLOAD_RAET", Some("RECTO_DOWNLOAD_RATE")),
            ("RECTO_SERVE_SERVICE_HOST", None),
        ];
        assert_eq!(found, wanted);
    }

    #[cfg(feature = "serve")]
    #[test]
    fn the_tables_of_the_server_are_all_that_it_reads() {
        let error = toml::from_str::<crate::serve::config::Config>("other = 1").unwrap_err();
        let known = error.message().split_once("expected one of ").unwrap().1;
        let known: Vec<&str> = known
            .split(", ")
            .map(|name| name.trim_matches('`'))
            .collect();
        assert_eq!(known, super::SERVER);
    }

    #[test]
    fn damaged_files_are_refused_with_their_place() {
        use recto_testkit::mutation;
        let commands = super::super::stages();
        let takes = move |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let file = super::TomlFile {
                name: "my.toml".into(),
                text: &text,
                folder: "folder".as_ref(),
                commands: &commands,
            };
            match file.settings() {
                Ok(_) => true,
                Err(error) => {
                    let words = error.to_string();
                    assert!(error.what().starts_with("my.toml:"), "{words}");
                    false
                }
            }
        };
        const SAMPLE: &str = "rate = 5\nper-host = 2\nquiet = true\nrewrite = [\"https://a/=https://b/\", \"https://c/=https://d/\"]\n\
            [digest]\nheader = \"Accept-Language: de\"\nbearer = { env = \"NAME\", host = \"archive.example\" }\n\
            [digest.table]\nurl-column = \"url\"\n[download]\njobs = 8\nlock = \"recto.lock\"\nbackoff = 0.5\n\
            [reformat]\nformat = [\"coco\", \"yolo\"]\n[presets]\n";
        assert!(takes(SAMPLE.as_bytes()));
        mutation::check(2000, |random| mutation::text(SAMPLE, random), takes).is_mixed();
    }
}
