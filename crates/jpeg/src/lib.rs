//! JPEGs without pixels: whether one is whole, and how tiles become one picture without being decoded.
//!
//! [`check`] decodes every MCU down to its symbols. [`Plan`], [`Tile`] and [`Stitcher`] join tiles in the DCT domain,
//! symbol by symbol: the picture decodes to exactly the coefficients of its tiles. [`tiled`] puts them into a TIFF as
//! they are. Bytes in, bytes out: this room knows no files, no network and no pixels. docs/lossless.md tells more.
//!
//! ```
//! # fn tile(cell: [usize; 2]) -> Vec<u8> { Vec::new() }
//! # fn join() -> Result<Vec<u8>, recto_jpeg::Stop> {
//! use recto_jpeg::{Grid, Plan, Stitcher, Tally};
//!
//! let grid = Grid::even([7216, 5412], [512, 512])?;
//! let mut tally = Tally::default();
//! for cell in grid.sample() {
//!     tally.add(&Tally::of(&tile(cell))?);
//! }
//! let plan = Plan::new(grid.clone(), &tile([0, 0]), &tally)?;
//! let mut out = plan.head();
//! let mut stitcher = Stitcher::new(&plan);
//! for row in 0..grid.count()[1] {
//!     let cells = (0..grid.count()[0]).map(|column| [column, row]);
//!     let tiles: Vec<_> = cells.map(|cell| plan.tile(cell, &tile(cell))).collect::<Result<_, _>>()?;
//!     stitcher.band(&tiles, &mut out)?;
//! }
//! stitcher.finish(&mut out)?;
//! # Ok(out)
//! # }
//! ```

mod bare;
mod bigtiff;
mod bits;
mod check;
mod coefficients;
mod fault;
mod huffman;
pub mod index;
mod markers;
mod progressive;
pub mod pyramid;
mod scan;
mod skim;
mod stitch;
mod style;
pub mod tiled;
mod transcode;

pub use bare::bare;
pub use check::{Facts, check};
pub use fault::{Fault, Refusal};
pub use stitch::{Grid, LONGEST, Plan, Stitcher, Stop, Tile};
pub use style::Colour;
pub use transcode::Tally;
