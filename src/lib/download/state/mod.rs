//! What earlier runs left behind, and what follows from it for this one.

pub mod failed;
pub mod index;
pub mod input;
pub mod journal;
pub mod maps;
pub mod moves;
pub mod refresh;
pub mod renames;
pub mod resume;
pub mod segments;
pub mod settled;
pub mod store_lock;
pub mod words;
