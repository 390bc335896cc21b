//! The Image API in words: region, size, rotation, quality, format; parse, resolve, print. No pixels, no network.
pub mod info;
