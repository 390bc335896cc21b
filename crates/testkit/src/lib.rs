//! What the tests of recto share: [`Workdir`], a temporary folder in which its programs run; [`server::Server`], an
//! HTTP server with every fault that real ones have; drawn datasets and services; readers that share nothing with
//! recto's writers; and the published schemas.
//!
//! Programs are run as programs and schemas read from `schemas/`, so this crate does not depend on recto.

pub mod dataset;
pub mod gate;
pub mod iiif;
pub mod m3;
pub mod mutation;
mod program;
pub mod readers;
pub mod samples;
pub mod schemas;
pub mod server;
pub mod tiffs;
pub mod transcriptions;
mod workdir;

pub use program::{Ran, Running, binary, wait_until};
pub use workdir::Workdir;
