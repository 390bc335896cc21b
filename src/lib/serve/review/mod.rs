//! Corrections of boxes: the requests that make them and the file that keeps them.

pub mod classes;
pub mod file;
pub mod request;
