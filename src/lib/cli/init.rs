//! `recto init`: a folder for an experiment, with a Makefile that runs the stages, its settings, and a README.

use std::path::PathBuf;

use super::Task;
use crate::contracts::quoted_path;
use crate::error::{Error, Exit};
use crate::summary::Summary;
use crate::{files, report};

/// Write a folder for an experiment: Makefile, settings, README
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the images come from: IIIF documents, a table, or M3 / VARS
    #[arg(value_enum, value_name = "KIND")]
    kind: Archive,
    /// The folder; files that are there already are not replaced
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Archive {
    /// A IIIF collection or manifest
    Iiif,
    /// A table or list of URLs
    Table,
    /// Concepts of M3 / VARS
    M3,
}

type File = (&'static str, &'static str);

/// What all experiments have.
const COMMON: &[File] = &[
    (
        "Makefile",
        include_str!("../../../examples/experiment/Makefile"),
    ),
    (
        ".gitignore",
        include_str!("../../../examples/experiment/gitignore"),
    ),
];

const IIIF: &[File] = &[
    (
        "settings.mk",
        include_str!("../../../examples/experiment/iiif/settings.mk"),
    ),
    (
        "README.md",
        include_str!("../../../examples/experiment/iiif/README.md"),
    ),
];

const TABLE: &[File] = &[
    (
        "settings.mk",
        include_str!("../../../examples/experiment/table/settings.mk"),
    ),
    (
        "README.md",
        include_str!("../../../examples/experiment/table/README.md"),
    ),
    (
        "images.csv",
        include_str!("../../../examples/experiment/table/images.csv"),
    ),
];

const M3: &[File] = &[
    (
        "settings.mk",
        include_str!("../../../examples/experiment/m3/settings.mk"),
    ),
    (
        "README.md",
        include_str!("../../../examples/experiment/m3/README.md"),
    ),
];

impl Task for Options {
    const NAME: &'static str = "init";

    fn run(&self) -> Exit {
        report::end(Self::NAME, init(self))
    }
}

fn init(options: &Options) -> Result<Summary, Error> {
    let own = match options.kind {
        Archive::Iiif => IIIF,
        Archive::Table => TABLE,
        Archive::M3 => M3,
    };
    let written: Vec<&File> = COMMON.iter().chain(own).collect();
    for (name, _) in &written {
        let path = options.folder.join(name);
        if files::is_there(&path) {
            let error = Error::new(format!("{}: is there already", path.display()));
            return Err(error.hint("name another folder, or remove that file"));
        }
    }
    for (name, text) in &written {
        files::write(&options.folder.join(name), text.as_bytes())?;
    }
    let folder = options.folder.display();
    Ok(Summary {
        done: format!("{} files in {folder}", written.len()),
        hint: Some(format!(
            "edit {folder}/settings.mk, then run `make -C {}`",
            quoted_path(&options.folder)
        )),
        ..Summary::default()
    })
}
