//! `--tiles`: images cut into tiles before a format for detectors is written.

pub mod cut;
pub mod names;
pub mod options;
pub mod table;
