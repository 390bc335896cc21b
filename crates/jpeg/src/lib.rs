//! Proof that a JPEG is complete down to its last symbol, and joining of JPEG tiles into one JPEG or TIFF without
//! decoding them.
//!
//! - [`check`] decodes every MCU of every scan down to its Huffman symbols: a file that is cut short, anywhere, does not
//!   pass.
//! - [`Plan`], [`Tile`] and [`Stitcher`] join tiles in the DCT domain, symbol by symbol: the joined picture decodes to
//!   exactly the coefficients of its tiles, and only one row of tiles is in memory, compressed.
//! - [`tiled`] puts tiles into a BigTIFF as they are; [`pyramid`] does so for tiles of several sizes.
//! - [`index`] crops windows from a large JPEG, losslessly and without reading all of it.
//! - [`strip_metadata`] removes metadata and copies the rest.
//!
//! Bytes in, bytes out: the crate opens no files, starts no threads and computes no pixels. It contains no `unsafe` code.
//! Damaged input is meant to end in an error, not in a panic: tests try thousands of damaged files with every function.
//! Memory is bounded by the size of the input, as each function states. It follows ITU-T T.81 (JPEG), T.86 (APPn markers), T.871 (JFIF), T.872 (Adobe's APP14) and TIFF 6.0 with Technical Note 2; the code refers to their
//! sections. An *MCU* is the smallest unit that a scan contains: 8 x 8 pixels, or up to 32 x 32 where chroma is
//! subsampled.
//!
//! # Example
//!
//! Four tiles of 64 x 64 pixels become a picture of 128 x 128.
//!
//! ```
//! use recto_jpeg::{Grid, Plan, Stitcher, SymbolCounts, check};
//!
//! // Any source of JPEG bytes: a server, a folder. Here they are drawn.
//! let tile = |[column, row]: [usize; 2]| {
//!     let shade = |n: usize| (n % 64 * (column + 1) + n / 64 * (row + 1)) as u8;
//!     let samples: Vec<u8> = (0..64 * 64).flat_map(|n| [shade(n), 99, shade(n) / 2]).collect();
//!     let mut bytes = Vec::new();
//!     let encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
//!     encoder.encode(&samples, 64, 64, jpeg_encoder::ColorType::Rgb).map(|()| bytes)
//! };
//!
//! // A sample of the tiles determines the Huffman tables of the picture.
//! let grid = Grid::even([128, 128], [64, 64])?;
//! let mut counts = SymbolCounts::default();
//! for cell in grid.sample() {
//!     counts.add(&SymbolCounts::of(&tile(cell)?)?);
//! }
//!
//! // The header, then row by row. `plan.tile` may run in parallel.
//! let plan = Plan::new(grid.clone(), &tile([0, 0])?, &counts)?;
//! let mut out = plan.header();
//! let mut stitcher = Stitcher::new(&plan);
//! let [columns, rows] = grid.count();
//! for row in 0..rows {
//!     let mut tiles = Vec::new();
//!     for column in 0..columns {
//!         tiles.push(plan.tile([column, row], &tile([column, row])?)?);
//!     }
//!     stitcher.band(&tiles, &mut out)?;
//! }
//! stitcher.finish(&mut out)?;
//!
//! let info = check(&out)?;
//! assert_eq!([info.width, info.height], [128, 128]);
//!
//! // A file that lost its end is noticed, even if something closed it with an end marker.
//! let cut = [&out[..out.len() / 2], &[0xFF, 0xD9]].concat();
//! let error = check(&cut).unwrap_err();
//! assert!(error.to_string().starts_with("damaged JPEG: a scan ends after "), "{error}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bigtiff;
mod bits;
mod check;
mod coefficients;
mod error;
mod format;
mod header;
mod huffman;
pub mod index;
mod markers;
mod progressive;
pub mod pyramid;
mod scan;
mod scan_check;
mod stitch;
mod strip_metadata;
pub mod tiled;
mod transcode;
mod turn;

pub use check::{ComponentInfo, Info, check};
pub use error::{JoinError, JpegError, WriteError};
pub use format::Colour;
pub use stitch::{Grid, MAX_SIDE, Plan, Stitcher, Tile};
pub use strip_metadata::strip_metadata;
pub use transcode::SymbolCounts;
pub use turn::{Turn, turned};

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
