//! Draws scroll fragments that never were: three manuscripts of two fragments each, both sides, each side in full
//! colour and in near infra-red, with a box around every letter. The same seed gives the same bytes.
//!
//! Writes `OUT/images/*.jpg`, `OUT/localizations.json` and `OUT/image_map.json`: what `recto-serve` serves.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rayon::prelude::*;
use recto::contracts::{Frame, ImageMap, ImageRef, Labels, Localization, Localizations};
use recto::contracts::{LocalizedImage, Provenance, Service};
use recto::error::Error;
use recto::files;

#[path = "glyphs.rs"]
mod glyphs;
#[path = "noise.rs"]
mod noise;
#[path = "parchment.rs"]
mod parchment;

/// Draw a small archive of invented scroll fragments
#[derive(clap::Parser)]
struct Args {
    /// Folder to draw into
    out: PathBuf,
    /// Another seed draws other fragments
    #[arg(long, default_value_t = 1947)]
    seed: u64,
}

/// Where the archive pretends to be.
const ARCHIVE: &str = "http://scrolls.example/iiif/3";

/// Manuscript, fragment, width, height: 10 to 13 megapixels, as the cameras of archives give.
const FRAGMENTS: [(&str, u32, u32, u32); 6] = [
    ("Demo A", 1, 4000, 3000),
    ("Demo A", 2, 3600, 2700),
    ("Demo B", 1, 4400, 3000),
    ("Demo B", 2, 3800, 2850),
    ("Demo C", 1, 3600, 2800),
    ("Demo C", 2, 4200, 2900),
];

/// One side of a fragment.
#[derive(Clone, Copy)]
struct Side {
    manuscript: &'static str,
    fragment: u32,
    size: [u32; 2],
    name: &'static str,
    seed: u64,
}

fn main() -> ExitCode {
    let args = <Args as clap::Parser>::parse();
    match draw(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn draw(args: &Args) -> Result<(), Error> {
    let drawn: Result<Vec<_>, Error> = sides(args.seed)
        .into_par_iter()
        .map(|side| draw_side(&side, &args.out))
        .collect();
    let (images, paths): (Vec<_>, Vec<_>) = drawn?.into_iter().flatten().unzip();
    let map: ImageMap = images
        .iter()
        .map(|image| image.id.clone())
        .zip(paths)
        .collect();
    files::write_json(&args.out.join("image_map.json"), &map)?;
    files::write_json(
        &args.out.join("localizations.json"),
        &Localizations::new(images),
    )
}

fn sides(seed: u64) -> Vec<Side> {
    let fragments = FRAGMENTS.iter().zip(1_u64..);
    let of_fragment = |(&(manuscript, fragment, width, height), n)| {
        [("recto", 0_u64), ("verso", 1)].map(|(name, verso): (_, u64)| Side {
            manuscript,
            fragment,
            size: [width, height],
            name,
            seed: seed.wrapping_mul(1000) + n * 2 + verso,
        })
    };
    fragments.flat_map(of_fragment).collect()
}

/// Draws a side in both lights; gives each image with its path below `out`.
fn draw_side(side: &Side, out: &Path) -> Result<Vec<(LocalizedImage, String)>, Error> {
    // Scribes wrote on one side; one manuscript was used again.
    let lines = if side.name == "recto" {
        usize::MAX
    } else if side.manuscript == "Demo B" {
        4
    } else {
        0
    };
    let drawn = parchment::draw(side.size, side.seed, side.name == "verso", lines);
    let lights = [
        (
            "colour",
            "Full Spectrum Color",
            encode(&drawn.colour, side.size, jpeg_encoder::ColorType::Rgb)?,
        ),
        (
            "nir",
            "Near Infra-Red (NIR) ",
            encode(&drawn.infrared, side.size, jpeg_encoder::ColorType::Luma)?,
        ),
    ];
    let mut images = Vec::new();
    for (light, words, jpeg) in lights {
        let image = describe(side, light, words, &drawn.letters);
        let path = format!("images/{}.jpg", image.id);
        files::write(&out.join(&path), &jpeg)?;
        images.push((image, path));
    }
    Ok(images)
}

fn encode(
    pixels: &[u8],
    [w, h]: [u32; 2],
    colour: jpeg_encoder::ColorType,
) -> Result<Vec<u8>, Error> {
    let mut jpeg = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, 90);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_2_0);
    // Sides in `FRAGMENTS` are far below 65536.
    let encoded = encoder.encode(pixels, w as u16, h as u16, colour);
    encoded.map_err(|e| Error::new("a picture cannot be encoded").because(e))?;
    Ok(jpeg)
}

fn describe(side: &Side, light: &str, words: &str, letters: &[Localization]) -> LocalizedImage {
    let stem = format!(
        "{}-{}-{}",
        side.manuscript.replace(' ', "-").to_lowercase(),
        side.fragment,
        side.name
    );
    let id = format!("{stem}-{light}");
    let mut capital = side.name.to_owned();
    capital[..1].make_ascii_uppercase();
    let metadata = [
        ("Manuscript", side.manuscript.to_owned()),
        ("Fragment", side.fragment.to_string()),
        ("Side", side.name.to_owned()),
    ];
    LocalizedImage {
        image: ImageRef {
            service: Some(Service {
                id: format!("{ARCHIVE}/{id}"),
                version: 3,
                level: Some(2),
                region: None,
            }),
            width: Some(side.size[0]),
            height: Some(side.size[1]),
            media_type: Some("image/jpeg".into()),
            ..ImageRef::default()
        },
        source: Provenance {
            kind: "drawing".into(),
            manifest: Some(side.manuscript.into()),
            canvas: Some(stem),
            labels: Labels {
                manifest: Some(side.manuscript.into()),
                canvas: Some(format!(
                    "{}, fragment {}, {}",
                    side.manuscript, side.fragment, side.name
                )),
                image: Some(format!("{words}-{capital}")),
            },
            rights: Some("http://creativecommons.org/publicdomain/zero/1.0/".into()),
            attribution: Some("Drawn by draw-scrolls, an example of recto".into()),
        },
        group: side.manuscript.into(),
        metadata: metadata
            .map(|(key, value)| (key.into(), vec![value]))
            .into(),
        frame: Frame::try_from(side.size.map(f64::from)).ok(),
        localizations: letters.to_vec(),
        id,
        ..LocalizedImage::default()
    }
}
