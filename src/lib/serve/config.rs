//! The configuration file of `recto-serve`: what is too much for options. TOML, a table per idea; unknown keys are
//! refused, so that a mistyped one is not silently without effect.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::prepared;
use super::presets::Preset;
use super::store::settings::Settings;
use crate::files;
use crate::report::Error;

/// Everything a configuration file says. What it leaves out has its usual value.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Derivatives with names, beside those that are shipped or in their place.
    pub presets: BTreeMap<String, Preset>,
    /// What is made before anybody asks.
    pub prepare: prepared::Settings,
    /// Where answers are kept beyond memory.
    pub cache: Settings,
}

/// Reads a configuration file.
pub fn read(path: &Path) -> Result<Config, Error> {
    let bytes = files::read(path)?;
    let name = path.display().to_string();
    let text = std::str::from_utf8(&bytes)
        .map_err(|e| Error::new(format!("{name}: is not UTF-8")).because(e))?;
    parse(&name, text)
}

/// Reads the text of a configuration file; the error names line and column.
pub fn parse(name: &str, text: &str) -> Result<Config, Error> {
    toml::from_str(text).map_err(|e| {
        let start = e.span().map_or(0, |span| span.start.min(text.len()));
        let before = text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Error::new(format!("{name}:{line}:{column}: {}", e.message()))
            .hint("docs/serve.md lists every key of the configuration")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_named_by_its_place() {
        let cases = [
            ("", ""),
            ("\n[nothing]\n", "c.toml:2:2: unknown field `nothing`"),
            ("a = \n", "c.toml:1:"),
            (
                "[presets.A]\nwidth = 0\n",
                "c.toml:1:1: a preset has 1 to 65535",
            ),
            ("[cache]\ndisc = 5\n", "c.toml:2:1: unknown field `disc`"),
        ];
        for (text, wanted) in cases {
            match parse("c.toml", text) {
                Ok(_) => assert_eq!(wanted, "", "{text}"),
                Err(e) => assert!(e.to_string().contains(wanted) && !wanted.is_empty(), "{e}"),
            }
        }
    }
}
