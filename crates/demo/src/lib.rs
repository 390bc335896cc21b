//! Draws scroll fragments that never were: three manuscripts of two fragments each, both sides, each side in full
//! colour and in near infra-red, with a box around every letter. The same seed gives the same bytes.
//!
//! [`draw`] hands over `images/*.jpg`, `image_map.json` and `localizations.json`: what `recto-serve` serves. This crate
//! does not depend on `recto`, so `recto` may use it.

use std::collections::BTreeMap;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use rayon::prelude::*;

pub mod contract;
mod glyphs;
mod noise;
mod parchment;

use contract::{Image, ImageRef, Labels, Letter, Localizations, Provenance, Service};

/// Where the archive pretends to be.
const ARCHIVE: &str = "http://scrolls.example/iiif/3";

/// Manuscript, fragment, width, height: 10 to 13 megapixels, as the cameras of archives give.
const FRAGMENTS: [(&str, u32, u16, u16); 6] = [
    ("Demo A", 1, 4000, 3000),
    ("Demo A", 2, 3600, 2700),
    ("Demo B", 1, 4400, 3000),
    ("Demo B", 2, 3800, 2850),
    ("Demo C", 1, 3600, 2800),
    ("Demo C", 2, 4200, 2900),
];

/// One side of a fragment, not yet drawn.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    /// Name of the manuscript; images of one manuscript are one group.
    pub manuscript: &'static str,
    /// Number of the fragment within its manuscript.
    pub fragment: u32,
    /// Width and height in pixels.
    pub size: [u16; 2],
    /// `recto` or `verso`.
    pub name: &'static str,
    /// Decides every pixel. The two sides of a fragment have an even number and the odd one after it: they share their
    /// outline.
    pub seed: u64,
}

/// One photograph of a side.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Path of its file below the archive's folder, `/` as separator.
    pub path: String,
    /// The file.
    pub jpeg: Vec<u8>,
    /// What `localizations.json` says about it.
    pub image: Image,
}

/// Draws an archive of these sides; [`sides`] has those of the demo. `write` gets each file as its path below the folder (`/` as separator) and its bytes:
/// pictures first, from several threads at once, `localizations.json` last.
///
/// # Errors
/// The first error of `write`.
pub fn draw<E: Send>(
    sides: &[Side],
    write: impl Fn(&str, &[u8]) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let draw_side = |side: &Side| {
        let pictures = side.draw().into_iter();
        let written = pictures.map(|Picture { path, jpeg, image }| {
            write(&path, &jpeg)?;
            Ok((path, image))
        });
        written.collect()
    };
    let drawn: Result<Vec<Vec<_>>, E> = sides.par_iter().map(draw_side).collect();
    let drawn = drawn?.concat();
    let map = drawn.iter().map(|(path, image)| (&image.id, path));
    write("image_map.json", &json(&map.collect::<BTreeMap<_, _>>()))?;
    let images = drawn.iter().map(|(_, image)| image).collect();
    write("localizations.json", &json(&Localizations::new(images)))
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    // Only maps whose keys are not texts, and writers that fail, are refused.
    let mut bytes = serde_json::to_vec_pretty(value).expect("texts and numbers are JSON");
    bytes.push(b'\n');
    bytes
}

/// Every side of the archive that a seed stands for, in order.
pub fn sides(seed: u64) -> Vec<Side> {
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

impl Side {
    /// Draws the side in both lights: full colour, near infra-red.
    pub fn draw(&self) -> [Picture; 2] {
        // Scribes wrote on one side; one manuscript was used again.
        let lines = match (self.name, self.manuscript) {
            ("recto", _) => usize::MAX,
            (_, "Demo B") => 4,
            _ => 0,
        };
        let size = self.size.map(u32::from);
        let drawn = parchment::draw(size, self.seed, self.name == "verso", lines);
        let lights = [
            (
                "colour",
                "Full Spectrum Color",
                &drawn.colour,
                ColorType::Rgb,
            ),
            (
                "nir",
                "Near Infra-Red (NIR) ",
                &drawn.infrared,
                ColorType::Luma,
            ),
        ];
        lights.map(|(light, words, pixels, colour)| {
            let image = self.describe(light, words, &drawn.letters);
            Picture {
                path: format!("images/{}.jpg", image.id),
                jpeg: encode(pixels, self.size, colour),
                image,
            }
        })
    }

    /// What `localizations.json` says about the side in one light.
    fn describe(&self, light: &str, words: &str, letters: &[Letter]) -> Image {
        let manuscript = self.manuscript;
        let canvas = format!(
            "{}-{}-{}",
            manuscript.replace(' ', "-").to_lowercase(),
            self.fragment,
            self.name
        );
        let id = format!("{canvas}-{light}");
        let mut capital = self.name.to_owned();
        capital[..1].make_ascii_uppercase();
        let [width, height] = self.size.map(u32::from);
        Image {
            image: ImageRef {
                service: Service {
                    id: format!("{ARCHIVE}/{id}"),
                    version: 3,
                    level: 2,
                },
                width,
                height,
                media_type: "image/jpeg",
            },
            source: Provenance {
                kind: "drawing",
                manifest: manuscript,
                canvas,
                labels: Labels {
                    manifest: manuscript,
                    canvas: format!("{manuscript}, fragment {}, {}", self.fragment, self.name),
                    image: format!("{words}-{capital}"),
                },
                rights: "http://creativecommons.org/publicdomain/zero/1.0/",
                attribution: "Drawn by draw-scrolls, an example of recto",
            },
            group: manuscript.into(),
            metadata: BTreeMap::from([
                ("Manuscript", [manuscript.into()]),
                ("Fragment", [self.fragment.to_string()]),
                ("Side", [self.name.into()]),
            ]),
            labels: [],
            frame: [width, height],
            localizations: letters.to_vec(),
            id,
        }
    }
}

fn encode(pixels: &[u8], [width, height]: [u16; 2], colour: ColorType) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, 90);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    // Refused are only empty pictures, too few pixels, and writers that fail.
    let encoded = encoder.encode(pixels, width, height, colour);
    encoded.expect("pixels of this size are a JPEG");
    jpeg
}
