//! The configuration file of `recto-serve`: what is too much for options. TOML, a table per idea; unknown keys are
//! refused, so that a mistyped one is not silently without effect.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::Error;
use crate::files;
use crate::serve::image::preset::Preset;
use crate::serve::image::{pdf as documents, prepared};
use crate::serve::{auth, cache as store};

/// Everything a configuration file says. What it leaves out has its usual value.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Derivatives with names, beside those that are shipped or in their place.
    pub presets: BTreeMap<String, Preset>,
    /// How pages of PDF are drawn.
    pub pdf: documents::Settings,
    /// What is made before anybody asks.
    pub prepare: prepared::Settings,
    /// Where answers are kept beyond memory.
    pub cache: store::settings::Settings,
    /// Who may see what.
    pub auth: Option<auth::settings::Settings>,
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
    let config: Config = toml::from_str(text)
        .map_err(|e| fault(name, text, e.span().map_or(0, |s| s.start), e.message()))?;
    let auth = config.auth.iter().map(auth::settings::Settings::check);
    match auth.collect::<Result<(), _>>() {
        Ok(()) => Ok(config),
        Err((span, why)) => Err(fault(name, text, start(text, span.start), &why)),
    }
}

/// Where a table of authorization begins, for what has no better place.
fn start(text: &str, at: usize) -> usize {
    match at {
        0 => text.find("[auth").unwrap_or_default(),
        at => at,
    }
}

fn fault(name: &str, text: &str, start: usize, why: &str) -> Error {
    let before = text.get(..start.min(text.len())).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Error::new(format!("{name}:{line}:{column}: {why}"))
        .hint("docs/serve.md lists every key of the configuration")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What docs/serve.md shows can be used as it stands, with a hash of one's own.
    #[test]
    fn what_the_documents_show_is_read() {
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
