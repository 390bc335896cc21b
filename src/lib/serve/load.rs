//! What there is to serve, as the options say.

use std::path::Path;

use super::catalogue::{self, Loaded, Prober};
use super::options::Options;
use crate::contracts;
use crate::error::Error;
use crate::files;

/// Reads what there is to serve.
///
/// # Errors
/// The folder or a file of the set cannot be read, or the options contradict each other.
pub fn load(options: &Options, prober: &Prober) -> Result<Loaded, Error> {
    let Some(source) = &options.source else {
        return Err(Error::usage("a folder or a localizations.json is needed"));
    };
    if files::is_in_store(source) {
        let what = format!("{}: is in an object store", source.display());
        return Err(Error::new(what).hint(
            "recto-serve needs files: copy it to a file or folder here (docs/serve.md, Images in an object store)",
        ));
    }
    if !source.exists() && !files::is_dash(source) {
        let what = format!("{}: no such file or folder", source.display());
        return Err(
            Error::new(what).hint("name a folder of images, or the output of `recto-extract`")
        );
    }
    if !source.is_dir() || contracts::is_set_folder(source) {
        let default = Path::new("image_map.json");
        return catalogue::of_localizations(
            source,
            options.image_map.as_deref().unwrap_or(default),
            prober,
        );
    }
    match &options.image_map {
        Some(_) => Err(Error::usage(
            "--image-map needs a localizations.json, not a folder",
        )),
        None => catalogue::of_folder(source, options.follow_links, prober),
    }
}
