//! Classes of a set: names of boxes become classes by the rules of the user and a taxonomy, and get their ids.

pub(super) mod list;
pub mod names;
pub(super) mod options;
pub mod remap;
pub(super) mod similar;
pub mod taxonomy;
