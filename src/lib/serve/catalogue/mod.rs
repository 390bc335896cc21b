//! What there is to serve, read at the start and when files change. Requests are looked up here; no part of a request ever
//! becomes a path.

mod folder;
mod groups;
mod images;
mod memory;
mod probe;
mod served;
mod set;
mod shared;

pub use folder::of_folder;
pub use groups::{IndexedGroup, Place};
pub use images::{Catalogue, Loaded};
pub use memory::{read_served, write_served};
pub use probe::Prober;
pub use set::of_localizations;
pub use shared::SharedCatalogue;
