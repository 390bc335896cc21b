//! `--url`: the canonical URLs of a request, without a server.

use super::cap::Cap;
use super::preset::{Preset, Presets};
use crate::error::Error;
use crate::iiif::resolve::RenderPlan;
use crate::iiif::{self, ImageRequest, Version};
use crate::serve::image_record::ImageRecord;
use crate::serve::presentation::uris::{self, Uris};

/// The options about URLs.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "URLs")]
pub struct UrlOptions {
    /// Print the canonical URLs of the image ID, of 3.0 and of 2.1, and serve nothing
    #[arg(long, value_name = "ID")]
    pub url: Option<String>,
    /// Which part: full, square, x,y,w,h or pct:x,y,w,h [default: full]
    #[arg(long, requires = "url")]
    pub region: Option<String>,
    /// Which size: max, w, ,h w,h !w,h or pct:n, with `^` before it to enlarge [default: max]
    #[arg(long, requires = "url")]
    pub size: Option<String>,
    /// Degrees clockwise, with `!` before them to mirror [default: 0]
    #[arg(long, requires = "url")]
    pub rotation: Option<String>,
    /// default, color, gray or bitonal [default: default]
    #[arg(long, requires = "url")]
    pub quality: Option<String>,
    /// jpg, png, tif, gif, webp or pdf [default: jpg]
    #[arg(long, requires = "url")]
    pub format: Option<String>,
    /// The derivative of the preset NAME, instead of the five options above
    #[arg(long, value_name = "NAME", requires = "url", conflicts_with_all = ["region", "size", "rotation", "quality", "format"])]
    pub preset: Option<String>,
    /// The URLs of info.json instead
    #[arg(long, requires = "url", conflicts_with_all = ["region", "size", "rotation", "quality", "format", "preset"])]
    pub info: bool,
    /// The URLs of the manifest that holds the image instead
    #[arg(long, requires = "url", conflicts_with_all = ["region", "size", "rotation", "quality", "format", "preset", "info"])]
    pub manifest: bool,
}

/// The versions, in the order in which they are printed.
const VERSIONS: [Version; 2] = [Version::V3, Version::V2];

/// The URLs about an image that the options ask for.
///
/// # Errors
/// The preset is unknown, or a word of the request is invalid.
pub fn urls(
    options: &UrlOptions,
    uris: &Uris,
    image: &ImageRecord,
    presets: &Presets,
    cap: &Cap,
) -> Result<Vec<String>, Error> {
    let (id, size) = (image.id.as_str(), image.size);
    if options.info {
        let url = |version| iiif::info_uri(&uris.service(version, id));
        return Ok(VERSIONS.map(url).into());
    }
    if options.manifest {
        let url = |version| uris.manifest(version, &image.about.group);
        return Ok(VERSIONS.map(url).into());
    }
    match &options.preset {
        None => of_request(options, uris, id, size, cap).map_err(Error::new),
        Some(name) => {
            let preset = presets.find(name).ok_or_else(|| {
                let names: Vec<&str> = presets.names().collect();
                let error = Error::new(format!("no preset is called `{name}`"));
                error.hint(format!("the presets are {}", names.join(", ")))
            })?;
            Ok(of_preset(preset, uris, id, size, cap))
        }
    }
}

/// The canonical URLs of a request for an image of `[width, height]` pixels.
fn of_request(
    options: &UrlOptions,
    uris: &Uris,
    id: &str,
    size: [u32; 2],
    cap: &Cap,
) -> Result<Vec<String>, String> {
    let or = |word: &Option<String>, usual: &str| word.clone().unwrap_or_else(|| usual.into());
    let quality_and_format =
        [or(&options.quality, "default"), or(&options.format, "jpg")].join(".");
    let region = or(&options.region, "full");
    let wanted_size = or(&options.size, "max");
    let rotation = or(&options.rotation, "0");
    let words = [&*region, &wanted_size, &rotation, &quality_and_format];
    let request = ImageRequest::parse(Version::V3, words);
    let plan = request.and_then(|r| r.resolve(Version::V3, size, &cap.declared(size)));
    plan.map(|plan| canonical(&plan, uris, id, size, cap))
        .map_err(|refusal| refusal.to_string())
}

/// The canonical URLs of a preset. A preset with a background has a single URL, its own.
fn of_preset(
    (name, preset): (&str, &Preset),
    uris: &Uris,
    id: &str,
    size: [u32; 2],
    cap: &Cap,
) -> Vec<String> {
    let plan = preset.plan(size, &cap.declared(size));
    match plan.background {
        Some(_) => {
            let path = uris::preset_path(name, &uris.segment_of(id));
            vec![uris.page(&format!("/{path}"))]
        }
        None => canonical(&plan, uris, id, size, cap),
    }
}

fn canonical(plan: &RenderPlan, uris: &Uris, id: &str, size: [u32; 2], cap: &Cap) -> Vec<String> {
    let url = |version| {
        let canonical = plan.canonical(version, size, &cap.declared(size));
        iiif::append_path(&uris.service(version, id), &canonical)
    };
    VERSIONS.map(url).into()
}
