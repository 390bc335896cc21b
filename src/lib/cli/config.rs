//! `recto config`: the settings that count, and where each stands.

use serde_json::json;

use super::settings::{File, Setting, Value};
use super::{Task, apply, settings, stages};
use crate::error::{Error, Exit};
use crate::report;
use crate::summary::Summary;

/// Print the settings of recto.toml and of the environment, and where each is set
///
/// Settings are options: `rate = 5` below `[download]` in recto.toml, which is looked for from the current folder upwards
/// (RECTO_CONFIG names another file, or none), or RECTO_DOWNLOAD_RATE=5 in the environment. The command line is before the
/// environment, the environment before the file. Options of all stages stand above the sections, those of one source of recto-digest
/// in `[digest.m3]`. Secrets are named: `bearer = { env = "NAME", host = "archive.example" }`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

impl Task for Options {
    const NAME: &'static str = "config";

    fn run(&self) -> Exit {
        report::end(Self::NAME, listed(self))
    }
}

fn listed(options: &Options) -> Result<Summary, Error> {
    let commands = stages();
    let file = settings::read(&commands)?;
    let mut rows: Vec<(String, Setting)> = Vec::new();
    for (stage, command) in &commands {
        let counting = apply::effective(stage, command, &file, None);
        for setting in &counting {
            apply::check_alone(stage, command, setting)?;
        }
        rows.extend(
            counting
                .into_iter()
                .map(|setting| ((*stage).to_owned(), setting)),
        );
    }
    let of_sources = file
        .settings
        .iter()
        .filter(|setting| setting.source.is_some());
    for (stage, command) in &commands {
        let of_stage = |setting: &&Setting| setting.stage.as_deref() == Some(stage);
        for setting in of_sources.clone().filter(of_stage) {
            apply::check_alone(stage, command, setting)?;
        }
    }
    rows.extend(of_sources.map(|setting| {
        let source = setting.source.as_deref().unwrap_or_default();
        (format!("digest.{source}"), setting.clone())
    }));
    let unknown = settings::unknown_variables(&commands);
    let unknown: Vec<String> = unknown.into_iter().map(|(name, _)| name).collect();
    let output = match options.json {
        true => as_json(&file, &rows, &unknown)?,
        false => as_text(&file, &rows, &unknown),
    };
    Ok(Summary {
        output,
        ..Summary::default()
    })
}

/// `unknown`: variables of the environment that set no option.
fn as_text(file: &File, rows: &[(String, Setting)], unknown: &[String]) -> String {
    let place = match &file.path {
        Some(path) => format!("# {}\n", path.display()),
        None => "# no recto.toml in this folder or above it\n".into(),
    };
    let line = |(section, setting): &(String, Setting)| {
        let values: Vec<String> = setting
            .values
            .iter()
            .map(|value| shown(setting, value))
            .collect();
        let values = match values.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        format!(
            "{section}.{} = {values}  # {}\n",
            setting.option, setting.origin
        )
    };
    let unused = |name: &String| format!("# {name} is set, and sets nothing\n");
    place
        + &rows.iter().map(line).collect::<String>()
        + &unknown.iter().map(unused).collect::<String>()
}

fn as_json(file: &File, rows: &[(String, Setting)], unknown: &[String]) -> Result<String, Error> {
    let row = |(section, setting): &(String, Setting)| {
        let values: Vec<String> = setting
            .values
            .iter()
            .map(|value| shown(setting, value))
            .collect();
        json!({"section": section, "option": setting.option, "values": values, "origin": setting.origin})
    };
    let settings: Vec<_> = rows.iter().map(row).collect();
    let all = json!({"file": file.path, "settings": settings, "unknown_variables": unknown});
    let text = serde_json::to_string_pretty(&all);
    text.map(|text| text + "\n")
        .map_err(|e| Error::new("the settings cannot be written as JSON").because(e))
}

/// A value; a secret by the name of its variable, or not at all.
fn shown(setting: &Setting, value: &Value) -> String {
    match value {
        Value::Text(text) if settings::may_be_secret(&setting.option, text) => "…".into(),
        Value::Text(text) => without_users(text),
        Value::Flag(given) => given.to_string(),
        Value::Secret(variable, host) => format!("{host}${variable}"),
    }
}

/// A text with `…` in place of who logs in at the servers of its URLs: `redis://:secret@host`.
fn without_users(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(['/', '=', ' ', ',']).unwrap_or(part.len());
        let (server, path) = part.split_at(end);
        let host = server.rsplit_once('@').map(|(_, host)| format!("…@{host}"));
        shown += &format!("://{}{path}", host.as_deref().unwrap_or(server));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_logs_in_is_not_shown() {
        let cases = [
            (
                "redis://:secret@cache.example:6379",
                "redis://…@cache.example:6379",
            ),
            (
                "http://a.example/=http://me:pw@b.example/x@y",
                "http://a.example/=http://…@b.example/x@y",
            ),
            ("http://a.example/x@y", "http://a.example/x@y"),
            ("you@university.example", "you@university.example"),
            ("5", "5"),
        ];
        for (given, wanted) in cases {
            assert_eq!(without_users(given), wanted);
        }
    }
}
