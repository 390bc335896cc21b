//! `--url`: the canonical URLs of a request, without a server. Pure but for its options.

use super::ids::Ids;
use super::picture::Cap;
use super::presets::Preset;
use crate::iiif::resolve::RenderPlan;
use crate::iiif::{self, ImageRequest, Version};

/// What is asked of `--url`.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "URLs")]
pub struct Wanted {
    /// Print the canonical URLs of the image ID, of 3.0 and of 2.1, and serve nothing
    #[arg(long, value_name = "ID")]
    pub url: Option<String>,
    /// Which part: full, square, x,y,w,h or pct:x,y,w,h [default: full]
    #[arg(long, requires = "url")]
    pub region: Option<String>,
    /// How large: max, w, ,h w,h !w,h or pct:n, `^` before it to enlarge [default: max]
    #[arg(long, requires = "url")]
    pub size: Option<String>,
    /// Degrees clockwise, `!` before them to mirror [default: 0]
    #[arg(long, requires = "url")]
    pub rotation: Option<String>,
    /// default, color, gray or bitonal [default: default]
    #[arg(long, requires = "url")]
    pub quality: Option<String>,
    /// jpg, png, tif, gif, webp or pdf [default: jpg]
    #[arg(long, requires = "url")]
    pub format: Option<String>,
    /// What the preset NAME asks for, instead of the five above
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

/// The URLs of `info.json`.
pub fn info(ids: &Ids, id: &str) -> Vec<String> {
    let url = |version| iiif::info_uri(&ids.service(version, id));
    VERSIONS.map(url).into()
}

/// The URLs of the manifest of a group.
pub fn manifest(ids: &Ids, group: &str) -> Vec<String> {
    VERSIONS.map(|version| ids.manifest(version, group)).into()
}

/// The canonical URLs of what is wanted of an image of `[width, height]` pixels. The error says what is not offered.
pub fn image(
    wanted: &Wanted,
    ids: &Ids,
    id: &str,
    size: [u32; 2],
    cap: &Cap,
) -> Result<Vec<String>, String> {
    let word = |said: &Option<String>, usual: &str| said.clone().unwrap_or_else(|| usual.into());
    let last = [
        word(&wanted.quality, "default"),
        word(&wanted.format, "jpg"),
    ]
    .join(".");
    let region = word(&wanted.region, "full");
    let asked = word(&wanted.size, "max");
    let rotation = word(&wanted.rotation, "0");
    let request = ImageRequest::parse(Version::V3, [&region, &asked, &rotation, &last]);
    let plan = request.and_then(|r| r.resolve(Version::V3, size, &cap.declared(size)));
    plan.map(|plan| spelled(&plan, ids, id, size, cap))
        .map_err(|refusal| refusal.to_string())
}

/// The canonical URLs of a preset. One with a mat has a single URL, its own.
pub fn preset(
    (name, preset): (&str, &Preset),
    ids: &Ids,
    id: &str,
    size: [u32; 2],
    cap: &Cap,
) -> Vec<String> {
    let plan = preset.plan(size, &cap.declared(size));
    match plan.background {
        Some(_) => {
            let path = super::presets::path(name, &ids.segment_of(id));
            vec![ids.page(&format!("/{path}"))]
        }
        None => spelled(&plan, ids, id, size, cap),
    }
}

fn spelled(plan: &RenderPlan, ids: &Ids, id: &str, size: [u32; 2], cap: &Cap) -> Vec<String> {
    let url = |version| {
        let canonical = plan.canonical(version, size, &cap.declared(size));
        iiif::append_path(&ids.service(version, id), &canonical)
    };
    VERSIONS.map(url).into()
}
