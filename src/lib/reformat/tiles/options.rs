//! The options that cut images into tiles.

use super::cut::TileRules;
use crate::error::Error;

/// Options that cut images into tiles.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Tiles")]
pub struct TileOptions {
    /// Cut images into tiles with sides of this many pixels, for detectors; tiles.csv leads back to the images. Group and
    /// split of a tile are those of its image; --negatives counts tiles
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(32..=8192))]
    pub tiles: Option<u32>,
    /// Minimum overlap of neighbouring tiles, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 0, requires = "tiles")]
    pub overlap: u32,
    /// Keep a box on a tile that shows at least this share of it, or of its outline if it has one; of a box larger than a tile,
    /// this share of the part that fits into one. The tile that shows most of a box always keeps it
    #[arg(long, value_name = "SHARE", default_value_t = 0.25, value_parser = share, requires = "tiles")]
    pub min_visible: f64,
}

impl TileOptions {
    /// How images are cut, if they are. Parts of boxes with a side of fewer pixels than `least_side` do not stay.
    ///
    /// # Errors
    /// Tiles would not move on.
    pub fn rules(&self, least_side: f64) -> Result<Option<TileRules>, Error> {
        let Some(side) = self.tiles else {
            return Ok(None);
        };
        if self.overlap >= side {
            let what = format!(
                "--overlap {}: is not less than --tiles {side}",
                self.overlap
            );
            return Err(Error::usage(what));
        }
        Ok(Some(TileRules {
            side,
            overlap: self.overlap,
            least_visible: self.min_visible,
            least_side,
        }))
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("is not a number from 0 to 1".into()),
    }
}
