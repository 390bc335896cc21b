//! recto: from image archives on the web to machine-learning training sets, every pixel accounted for.
//!
//! ```text
//! Source ─▶ digest ─▶ digest.json ─▶ extract ─▶ localizations.json ─▶ download ─▶ images/ + image_map.json
//!                                                      │                                │
//!                                                      └──────────────┬─────────────────┘
//!                                                         reformat ◀──┴──▶ serve
//! ```
//!
//! Modules in reading order: [`contracts`] are the files between the stages; [`sources`] is where observations
//! come from; [`digest`], [`extract`], [`download`], [`reformat`] and [`serve`] are the stages, each a pure core
//! and a thin shell; [`formats`] is how datasets are written; [`iiif`] speaks the Image API; [`selectors`] reads
//! the ways in which parts of images are named; [`jpeg`] proves JPEGs whole and joins their tiles undecoded.
//! [`http`], [`files`] and [`pixels`] are the only rooms that meet the network, the disk and pixels; [`progress`]
//! is how a stage goes on, [`summary`] and [`error`] what comes of it, [`report`] how it is told, [`signals`] how it is asked to end; [`schemas`] describes the files to others,
//! [`values`] reads what databases write, [`conditions`] what users make conditions of, [`corrections`] what reviewers
//! changed; [`sides`] tells which images are one canvas.

pub mod conditions;
pub mod contracts;
pub mod corrections;
pub mod digest;
pub mod download;
pub mod error;
pub mod extract;
pub mod files;
pub mod formats;
pub mod http;
pub mod pixels;
pub mod progress;
pub mod reformat;
pub mod report;
pub mod schemas;
pub mod selectors;
#[cfg(feature = "serve")]
pub mod serve;
pub mod sides;
pub mod signals;
pub mod sources;
pub mod summary;
pub mod values;

pub use digest::digest;
pub use download::download;
pub use extract::extract;
pub use recto_iiif as iiif;
pub use recto_jpeg as jpeg;
pub use reformat::reformat;
#[cfg(feature = "serve")]
pub use serve::serve;
