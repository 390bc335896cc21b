//! `recto diff`: its exit code says whether two sets are the same.

use super::Task;
use crate::diff::{self, Options};
use crate::error::Exit;
use crate::report;

impl Task for Options {
    const NAME: &'static str = "diff";

    fn run(&self) -> Exit {
        let compared = diff::diff(self);
        let differs = compared.as_ref().is_ok_and(|compared| compared.differs);
        match report::end(Self::NAME, compared.map(|compared| compared.summary)) {
            Exit::Complete if differs => Exit::Differs,
            exit => exit,
        }
    }
}
