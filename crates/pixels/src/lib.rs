#![doc = include_str!("../README.md")]

mod alpha;
mod avif;
mod baseline;
mod bmp;
mod colour;
pub mod contact_sheet;
mod crop;
mod decode;
pub mod encode;
mod ending;
mod exif;
mod fax;
mod fingerprint;
mod frames;
mod gif;
mod guard;
mod header;
mod icc;
mod jp2;
mod line;
mod orientation;
mod other_types;
pub mod pdf;
#[cfg(feature = "pdf")]
pub mod pdf_reader;
#[cfg(not(feature = "pdf"))]
pub mod pdf_unsupported;
pub mod pyramid;
mod rare_jpeg;
pub mod render;
pub mod row_writers;
pub mod source;
mod tiff;
mod tiff_directory;
mod tiff_plain;
mod tiff_whole;
mod tile;
mod tile_parts;
mod verify;
mod window;

pub use crop::Crop;
pub use decode::{decode, to_eight_bit, to_png, to_png_with};
pub use ending::check_end;
pub use fingerprint::{Fingerprint, fingerprint};
pub use frames::frames;
pub use guard::guarded;
pub use header::{Header, measure_bytes, measure_in, rotated_size, sniff, suffix};
pub use icc::{icc, icc_of};
pub use line::LineShape;
pub use orientation::{stored_point, upright_point, without_orientation};
pub use other_types::{is_about_no_image, is_about_unsupported, is_unread_image};
pub use tile::{TileCutter, check_lossless, lossless_grid};
pub use verify::{
    Flaw, VerifiedFile, check_pixels, check_start, decode_whole, is_tiff, most_of_jpeg, verify,
    verify_bytes, verify_file,
};
pub use window::Window;
