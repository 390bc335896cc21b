//! Damaged inputs before every parser of foreign bytes that the library has at its surface: they are refused with a message,
//! or read with every record accounted for, and neither panic nor hang. Parsers behind them are tested beside their code,
//! JPEGs and the words of the Image API in crates of their own.
//!
//! A failure names its seed: `RECTO_SEED=1234 cargo test --test mutations NAME` repeats it, `RECTO_CASES=n` runs longer.

mod documents;
mod pictures;
#[allow(dead_code, reason = "tests of `serve` use more of it")]
#[path = "../serve/running.rs"]
mod running;
mod served;
mod services;
mod sets;
mod transcriptions;
