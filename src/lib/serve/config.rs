//! The configuration file of `recto-serve`, for what is too long for options. TOML, a table per subject; unknown keys are
//! refused, so that a mistyped key is not silently ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::auth::settings::AuthSettings;
use super::cache::settings::CacheSettings;
use super::image::pdf::PdfSettings;
use super::image::prepared::PrepareSettings;
use super::image::preset::Preset;
use super::web::request_class::{ClassSettings, RequestClass};
use crate::error::Error;
use crate::files;

/// A configuration file. Tables that it leaves out have their default values.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Presets, in addition to the built-in ones or in their place.
    pub presets: BTreeMap<String, Preset>,
    /// How pages of PDF are drawn.
    pub pdf: PdfSettings,
    /// What `--prepare` makes.
    pub prepare: PrepareSettings,
    /// Where answers are cached besides memory.
    pub cache: CacheSettings,
    /// Who may see what.
    pub auth: Option<AuthSettings>,
    /// How many requests of each class a client may send, and how long answers are fresh.
    pub requests: BTreeMap<RequestClass, ClassSettings>,
    /// The tables as they are written, but for `[auth]`: what is read at the start only.
    #[serde(skip)]
    pub fixed: toml::Table,
}

impl Config {
    /// The tables, but for `[auth]`, that are not as they were in `before`, in the order of their names.
    pub fn other_tables(&self, before: &toml::Table) -> Vec<String> {
        let names: BTreeSet<&String> = before.keys().chain(self.fixed.keys()).collect();
        let other = |name: &&&String| before.get(**name) != self.fixed.get(**name);
        names
            .iter()
            .filter(other)
            .map(|name| format!("[{name}]"))
            .collect()
    }
}

/// Reads a configuration file.
///
/// # Errors
/// The file cannot be read, or is not a valid configuration; the error names line and column.
pub fn read(path: &Path) -> Result<Config, Error> {
    let bytes = files::read(path)?;
    let name = path.display().to_string();
    let text = std::str::from_utf8(&bytes)
        .map_err(|e| Error::new(format!("{name}: not UTF-8")).because(e))?;
    parse(&name, text)
}

/// Reads the text of a configuration file.
///
/// # Errors
/// The text is not a valid configuration; the error names line and column.
pub fn parse(name: &str, text: &str) -> Result<Config, Error> {
    let unread =
        |e: toml::de::Error| invalid(name, text, e.span().map_or(0, |s| s.start), e.message());
    let mut config: Config = toml::from_str(text).map_err(unread)?;
    config.fixed = toml::from_str(text).map_err(unread)?;
    config.fixed.remove("auth");
    let auth = config.auth.iter().map(AuthSettings::check);
    match auth.collect::<Result<(), _>>() {
        Ok(()) => Ok(config),
        Err((span, why)) => Err(invalid(name, text, start(text, span.start), &why)),
    }
}

/// The place of a contradiction in the text; if it is not known, the start of the tables about authorization.
fn start(text: &str, at: usize) -> usize {
    match at {
        0 => text.find("[auth").unwrap_or_default(),
        at => at,
    }
}

fn invalid(name: &str, text: &str, start: usize, why: &str) -> Error {
    let before = text.get(..start.min(text.len())).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Error::new(format!("{name}:{line}:{column}: {why}"))
        .hint("docs/serve.md lists every key of the configuration")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of docs/serve.md are valid, once a hash is filled in.
    #[test]
    fn examples_of_the_documentation_are_valid() {
        let text = include_str!("../../../docs/serve.md");
        let hash = format!("sha256:{}", "0".repeat(64));
        let blocks = text.split("```toml\n").skip(1);
        let blocks: Vec<String> = blocks
            .filter_map(|rest| rest.split_once("```"))
            .map(|(block, _)| block.replace("$argon2id$…", &hash))
            .collect();
        assert!(!blocks.is_empty());
        for block in blocks {
            if let Err(e) = parse("docs/serve.md", &block) {
                panic!("{e}");
            }
        }
    }

    #[test]
    fn errors_name_line_and_column() {
        let cases = [
            ("", ""),
            ("\n[nothing]\n", "c.toml:2:2: unknown field `nothing`"),
            ("a = \n", "c.toml:1:"),
            (
                "[presets.A]\nwidth = 0\n",
                "c.toml:1:1: `width` and `height` are 1 to 65535",
            ),
            ("[pdf]\npatience = 1\n", ""),
            ("[cache]\ndisc = 5\n", "c.toml:2:1: unknown field `disc`"),
            ("[auth]\n[[auth.rules]]\nmay = 1\n", "c.toml:3:7: "),
            (
                "[[auth.rules]]\nmay = \"full\"\n[[auth.rules]]\nmay = \"none\"\n",
                "c.toml:3:1: this rule is never reached",
            ),
            ("# who\n[auth]\nbasic = true\n", "c.toml:2:1: `basic` needs"),
        ];
        for (text, wanted) in cases {
            match parse("c.toml", text) {
                Ok(_) => assert_eq!(wanted, "", "{text}"),
                Err(e) => assert!(e.to_string().contains(wanted) && !wanted.is_empty(), "{e}"),
            }
        }
    }
}
