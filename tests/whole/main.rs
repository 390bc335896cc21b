//! What holds across stages: the pipeline to its end, contracts, exit codes, records that add up, and the files of
//! m3-download through every stage that reads them.

mod accounts;
mod boxes;
mod contracts;
mod exit_codes;
mod forms;
mod m3download;
#[cfg(unix)]
mod outputs;
mod pipeline;
mod transcriptions;
