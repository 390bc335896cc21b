//! The Image API: requests become plans ([`api`]), and plans become pixels ([`renderer`]).

pub mod admission;
pub mod api;
pub mod cap;
pub mod file_looks;
pub mod file_name;
pub mod held_memory;
pub mod info;
pub mod link;
pub mod pdf;
pub mod pdf_worker;
pub mod prepare;
pub mod prepared;
pub mod preset;
pub mod presets;
pub mod renderer;
