//! Options of transcriptions: which of those that an archive offers are read, and local files.

use std::path::PathBuf;

use super::text::{Granularity, TextKind};

/// Options of transcriptions with coordinates.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Transcriptions (ALTO, PAGE, hOCR)")]
pub struct TextOptions {
    /// Which of the transcriptions of an image are read, of those that manifests and canvases link to and of those of --text-files
    /// (iiif, table) [default: auto]
    #[arg(long, value_enum, value_name = "KIND")]
    pub text: Option<TextChoice>,
    /// Read only these parts of transcriptions, which saves memory; --where box.granularity=LEVEL chooses among what was
    /// read (iiif, table; repeatable)
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub text_granularity: Vec<Granularity>,
    /// Also read ALTO, PAGE or hOCR from a file or from all files below a folder. A file is matched to an image by its own
    /// name or by the image name that it contains: these are compared with the image's file name, service, label and
    /// canvas (iiif, table; repeatable)
    #[arg(long, value_name = "PATH")]
    pub text_files: Vec<PathBuf>,
}

/// Which transcriptions are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TextChoice {
    /// One kind for each image: the first that it has of page, alto, hocr
    #[default]
    Auto,
    /// Only PAGE
    Page,
    /// Only ALTO
    Alto,
    /// Only hOCR
    Hocr,
    /// None of them
    None,
}

impl TextOptions {
    /// The first of them on the command line, as users type it.
    pub fn common_given(&self) -> Option<&'static str> {
        let files = (!self.text_files.is_empty()).then_some("--text-files");
        let choice = self.text.map(|_| "--text");
        choice
            .or(files)
            .or((!self.text_granularity.is_empty()).then_some("--text-granularity"))
    }

    /// The options as users type them.
    pub fn texts(&self) -> Vec<String> {
        let typed = self.typed().into_iter();
        typed
            .map(|(name, value)| format!("{name} {value}"))
            .collect()
    }

    /// These options of the command line, with their values as users type them.
    pub fn typed(&self) -> Vec<(&'static str, String)> {
        let named = |choice: &TextChoice| clap::ValueEnum::to_possible_value(choice);
        let text = self.text.as_ref().and_then(named);
        let text = text.map(|value| ("--text", value.get_name().to_owned()));
        let levels = self.text_granularity.iter();
        let levels = levels.map(|level| ("--text-granularity", level.name().to_owned()));
        let files = self.text_files.iter();
        let files = files.map(|path| ("--text-files", path.display().to_string()));
        text.into_iter().chain(levels).chain(files).collect()
    }

    /// Which transcriptions of an archive are read.
    pub fn choice(&self) -> TextChoice {
        self.text.unwrap_or_default()
    }
}

impl TextChoice {
    /// The kind to read where several are offered: the one that was asked for, else the first in the order of preference;
    /// none if nothing offered is wanted.
    pub fn among(self, offered: &[TextKind]) -> Option<TextKind> {
        let wanted = |kind: &TextKind| match self {
            TextChoice::Auto => true,
            TextChoice::None => false,
            TextChoice::Page => *kind == TextKind::Page,
            TextChoice::Alto => *kind == TextKind::Alto,
            TextChoice::Hocr => *kind == TextKind::Hocr,
        };
        let mut kinds = TextKind::ALL.into_iter().filter(wanted);
        kinds.find(|kind| offered.contains(kind))
    }

    /// Whether a kind is one of those to read, if it is the only one there.
    pub fn takes(self, kind: TextKind) -> bool {
        self.among(&[kind]).is_some()
    }
}
