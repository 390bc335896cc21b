//! What earlier runs left behind: the journal, what it says of each image, and what follows from that for this run.

pub mod index;
pub mod input;
pub mod journal;
pub mod resume;
