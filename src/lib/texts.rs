//! Many texts in one piece of memory: a million paths take eight bytes each beside their own, and no allocation of their own.

/// Texts by number, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    all: String,
    /// Where each begins, and its length.
    places: Vec<u64>,
}

/// Bits of a place that are the length of the text: nothing that is listed by the million is longer than 16 MB.
const LENGTH_BITS: u32 = 24;
const LONGEST: usize = (1 << LENGTH_BITS) - 1;

impl Texts {
    /// Adds a text, without what is beyond 16 MB of it, and gives its number.
    pub fn push(&mut self, text: &str) -> u32 {
        let mut length = text.len().min(LONGEST);
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        let start = self.all.len() as u64;
        self.all.push_str(&text[..length]);
        self.places.push(start << LENGTH_BITS | length as u64);
        self.places.len() as u32 - 1
    }

    /// The text with a number.
    pub fn get(&self, number: u32) -> &str {
        let place = self.places[number as usize];
        let start = (place >> LENGTH_BITS) as usize;
        &self.all[start..start + (place & LONGEST as u64) as usize]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The same texts under other numbers: the text with the number `order[n]` gets the number `n`. Texts that are not in
    /// `order` are forgotten.
    pub fn in_order(self, order: impl Iterator<Item = u32>) -> Self {
        let places = order.map(|number| self.places[number as usize]).collect();
        Texts {
            places,
            all: self.all,
        }
    }
}

impl<T: AsRef<str>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut all = Texts::default();
        for text in texts {
            all.push(text.as_ref());
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_by_number() {
        let texts: Texts = ["a", "", "béé", "c"].into_iter().collect();
        assert_eq!(
            (0..4).map(|n| texts.get(n)).collect::<Vec<_>>(),
            ["a", "", "béé", "c"]
        );
        let turned = texts.in_order([2, 0].into_iter());
        assert_eq!(
            (turned.get(0), turned.get(1), turned.len()),
            ("béé", "a", 2)
        );
        let mut long = "é".repeat(LONGEST / 2 + 1);
        long.insert(0, 'x');
        let mut texts = Texts::default();
        texts.push(&long);
        let last = texts.push("y");
        assert_eq!(texts.get(last), "y");
        assert_eq!(texts.get(0).len(), LONGEST);
    }
}
