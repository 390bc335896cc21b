//! How the images of a split are shared out to files, so that none becomes too large to move. Pure.

/// The shards of a split, and which image comes next.
#[derive(Debug)]
pub struct Shards {
    /// How many images each holds.
    images: Vec<usize>,
    current: usize,
    written: usize,
}

impl Shards {
    /// Shards whose images have at most `most` bytes together; an image with more is alone in its own. Without images there
    /// is one empty shard, so that readers find a file.
    pub fn new(sizes: impl Iterator<Item = u64>, most: u64) -> Self {
        let (mut images, mut n, mut bytes) = (Vec::new(), 0, 0u64);
        for size in sizes {
            if n > 0 && bytes.saturating_add(size) > most {
                images.push(n);
                (n, bytes) = (0, 0);
            }
            n += 1;
            bytes = bytes.saturating_add(size);
        }
        images.push(n);
        Shards {
            images,
            current: 0,
            written: 0,
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.images.len()
    }

    /// The number of the shard of the next image, from 0.
    pub fn current(&self) -> usize {
        self.current
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.images == [0]
    }

    /// Whether the next image is the last of its shard.
    pub fn is_last(&self) -> bool {
        self.images.get(self.current) == Some(&(self.written + 1))
    }

    /// Counts an image: another comes next.
    pub fn add(&mut self) {
        (self.current, self.written) = match self.is_last() {
            true => (self.current + 1, 0),
            false => (self.current, self.written + 1),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_shard_begins_before_one_is_too_large() {
        let mut shards = Shards::new([5, 5, 11, 1, 9, 1].into_iter(), 10);
        assert_eq!(shards.images, [2, 1, 2, 1]);
        let mut next = || {
            let is_last = shards.is_last();
            shards.add();
            is_last
        };
        let ends: Vec<bool> = (0..6).map(|_| next()).collect();
        assert_eq!(ends, [false, true, true, false, true, true]);
        assert_eq!((shards.current(), shards.count()), (4, 4));
        let none = Shards::new(std::iter::empty(), 10);
        assert!(none.is_empty() && none.count() == 1);
    }
}
