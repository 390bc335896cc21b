//! What there is to serve and who may see it, as the options say.

use std::path::Path;

use super::auth::Auth;
use super::auth::settings::AuthSettings;
use super::catalogue::{self, Catalogue, Loaded, Prober};
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

/// Who may see what, as the table `[auth]` of the configuration says; none: everybody may see everything. `before` is what held
/// until now.
///
/// # Errors
/// A key or a secret cannot be read, or the options ask for what the rules do not allow.
pub fn authorization(
    options: &Options,
    settings: Option<AuthSettings>,
    before: Option<&Auth>,
) -> Result<Option<Auth>, Error> {
    let Some((settings, path)) = settings.zip(options.config.as_deref()) else {
        options.refuse_open_review(false)?;
        return Ok(None);
    };
    if options.review.is_some() && !settings.lets_review() {
        return Err(Error::new(format!(
            "{}: --review is given, but nobody may correct anything",
            path.display()
        ))
        .hint("a rule with may = \"review\" gives permission"));
    }
    Auth::open(settings, files::folder_of(path), before).map(Some)
}

/// Notes of rules that are about no image: a rule that is meant to hide one may name it wrongly.
pub fn idle_rules(auth: Option<&Auth>, catalogue: &Catalogue) -> Vec<String> {
    let idle = auth.map(|auth| auth.idle_rules(catalogue));
    let note = |rule: String| format!("[auth]: the rule where {rule} is about no image here");
    idle.into_iter().flatten().map(note).collect()
}
