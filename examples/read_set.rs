//! Reads sets of localizations, each image once, and does nothing with them: what reading alone costs.
//!
//! ```sh
//! cargo run --release --example read_set localizations.json localizations.jsonl
//! ```
//!
//! `scripts/bench_scale.py` measures it beside the stages.

use std::path::Path;
use std::time::Instant;

use recto::contracts::ImageRecords;
use recto::error::Error;

fn main() -> Result<(), Error> {
    for path in std::env::args_os().skip(1) {
        let path = Path::new(&path);
        let start = Instant::now();
        let records = ImageRecords::open(path)?;
        let mut boxes = 0;
        records.visit_blocks(0..records.len(), |block| {
            let counts = block.make(|_, image| image.localizations.len())?;
            boxes += counts.into_iter().sum::<usize>();
            Ok(())
        })?;
        println!(
            "{}: {} images with {boxes} boxes in {:.2} s",
            path.display(),
            records.len(),
            start.elapsed().as_secs_f64()
        );
    }
    Ok(())
}
