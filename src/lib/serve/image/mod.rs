//! The Image API: requests become plans, and plans become pixels.

pub mod admission;
pub mod api;
pub mod info;
pub mod link;
pub mod pdf;
pub mod pdf_worker;
pub mod prepare;
pub mod prepared;
pub mod preset;
pub mod renderer;
