//! Which images are a worker's: those that follow each other, so that all workers have about as many pixels. Pure.

use std::ops::Range;

use crate::reformat::assemble::Assembled;
use crate::workers::Shard;

/// The places of a worker's images in the dataset. The tiles of an image stay together.
pub fn images_of(shard: Shard, assembled: &Assembled) -> Range<usize> {
    let pixels = |at: usize| {
        let [width, height] = assembled.dataset.facts.get(at).size;
        // One more, so that images without any are divided too.
        u128::from(width) * u128::from(height) + 1
    };
    range(shard, &assembled.records, pixels)
}

fn range(shard: Shard, records: &[u32], pixels: impl Fn(usize) -> u128) -> Range<usize> {
    let total: u128 = (0..records.len()).map(&pixels).sum();
    let begins_at = |index: u64| total * u128::from(index) / u128::from(shard.count);
    let (begin, end) = (begins_at(shard.index), begins_at(shard.index + 1));
    let (mut before, mut range) = (0, records.len()..records.len());
    for at in 0..records.len() {
        let is_first = at == 0 || records[at - 1] != records[at];
        if is_first && before >= begin && at < range.start {
            range.start = at;
        }
        if is_first && before >= end {
            range.end = at;
            break;
        }
        before += pixels(at);
    }
    range.start.min(range.end)..range.end
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_image_is_one_worker_s_and_none_is_divided(
            tiles in prop::collection::vec((1usize..5, 0u32..2000), 0..40), count in 1u64..9
        ) {
            let each = tiles.iter().zip(0u32..);
            let all: Vec<(u32, u32)> = each
                .flat_map(|(&(n, pixels), record)| std::iter::repeat_n((record, pixels), n))
                .collect();
            let records: Vec<u32> = all.iter().map(|(record, _)| *record).collect();
            let pixels = |at: usize| u128::from(all[at].1) + 1;
            let mut next = 0;
            for index in 0..count {
                let range = range(Shard { index, count }, &records, pixels);
                prop_assert_eq!(range.start, next);
                next = range.end;
                let is_cut = next > 0 && next < records.len() && records[next - 1] == records[next];
                prop_assert!(!is_cut);
            }
            prop_assert_eq!(next, records.len());
        }
    }

    #[test]
    fn workers_have_about_as_many_pixels() {
        let records = [0, 1, 2, 3, 4, 5];
        let sizes = [900, 100, 100, 100, 100, 500];
        let share = |index| range(Shard { index, count: 2 }, &records, |at| sizes[at]);
        assert_eq!([share(0), share(1)], [0..1, 1..6]);
    }
}
