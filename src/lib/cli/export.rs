//! `recto export`: references to images, without pixels.

use super::Task;
use crate::error::Exit;
use crate::export::{self, Options};
use crate::report;

impl Task for Options {
    const NAME: &'static str = "export";

    fn run(&self) -> Exit {
        report::end(Self::NAME, export::export(self))
    }
}
