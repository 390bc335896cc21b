//! Which images are shown where not all can be.

use super::dataset::Dataset;

/// The places of up to `most` images, evenly over the dataset, those with boxes first.
pub fn choose(dataset: &Dataset, most: usize) -> Vec<usize> {
    let (with, without): (Vec<usize>, Vec<usize>) =
        (0..dataset.facts.len()).partition(|&at| dataset.facts.get(at).boxes() > 0);
    let mut chosen = evenly(&with, most);
    chosen.extend(evenly(&without, most - chosen.len()));
    chosen.sort_unstable();
    chosen
}

fn evenly(images: &[usize], most: usize) -> Vec<usize> {
    let n = images.len().min(most);
    (0..n).map(|i| images[i * images.len() / n]).collect()
}
