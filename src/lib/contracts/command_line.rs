//! The command that a file was made by, as one types it: `dataset.json` and `recto.lock` have it, so that it can be given again.

use std::path::Path;

/// A command line that grows word by word.
#[derive(Clone, Debug)]
pub struct CommandLine(String);

impl CommandLine {
    /// A program without arguments.
    pub fn of(program: &str) -> Self {
        CommandLine(program.to_owned())
    }

    /// Adds an argument, quoted where a shell would read it otherwise.
    pub fn word(&mut self, word: &str) {
        self.0.push(' ');
        self.0.push_str(&quoted(word));
    }

    /// Adds `--option value`; an option without a value has an empty one.
    pub fn option(&mut self, option: &str, value: &str) {
        self.0.push_str(" --");
        self.0.push_str(option);
        if !value.is_empty() {
            self.word(value);
        }
    }

    /// The whole line.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// The name of a file without its folders, which are those of one machine.
pub fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// A word as shells take it: in quotes where they would read something else.
pub fn quoted(word: &str) -> String {
    let is_special = |c: char| c.is_whitespace() || "'\"$`\\&|;<>()*?[]{}#~!".contains(c);
    match word.is_empty() || word.contains(is_special) {
        true => format!("'{}'", word.replace('\'', "'\\''")),
        false => word.to_owned(),
    }
}

/// A path as shells take it, for commands that messages show.
pub fn quoted_path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_what_was_meant() {
        let mut line = CommandLine::of("recto-digest");
        line.word("iiif");
        line.word("https://a.example/?a=1&b=2");
        line.option("label", "NIR.*Recto");
        line.option("where", "title=it's");
        line.option("no-annotations", "");
        let wanted = "recto-digest iiif 'https://a.example/?a=1&b=2' --label 'NIR.*Recto' --where 'title=it'\\''s' --no-annotations";
        assert_eq!(line.into_text(), wanted);
        assert_eq!(name_of(Path::new("a/b.json")), "b.json");
    }
}
