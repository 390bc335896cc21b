//! The Presentation API and Content Search: documents about the images of a catalogue.

pub mod activities;
pub mod annotation;
pub mod canvases;
pub mod scan;
pub mod search;
pub mod uris;
pub mod v2;
pub mod v3;
pub mod v3_canvas;
