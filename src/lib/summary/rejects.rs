//! Records that were left out, many in little memory.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::reject::Reject;
use crate::texts::Texts;

/// Rejects: there may be as many as records, so that texts that repeat are held once, and all of them in one piece.
#[derive(Clone, Default)]
pub struct Rejects {
    texts: Texts,
    /// The numbers of texts that may repeat, by their hashes.
    known: HashMap<u64, u32>,
    rows: Vec<Row>,
}

/// The four texts of a reject, by their numbers.
#[derive(Clone, Copy)]
struct Row {
    texts: [u32; 4],
    may_pass: bool,
}

/// The most texts that are looked for when another one comes.
const MOST_KNOWN: usize = 1 << 16;

impl Rejects {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds one.
    pub fn push(&mut self, reject: Reject) {
        let row = Row {
            texts: [
                self.number(&reject.input),
                self.texts.push(&reject.record),
                self.number(&reject.field),
                self.number(&reject.problem),
            ],
            may_pass: reject.may_pass,
        };
        self.rows.push(row);
    }

    /// All, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Reject> + '_ {
        self.rows.iter().map(|row| self.made(row))
    }

    /// Puts them in order: by input, record, field and problem.
    pub fn sort(&mut self) {
        let texts = &self.texts;
        self.rows.sort_by(|a, b| compare(texts, a, b));
    }

    /// All, in order: by input, record, field and problem.
    pub fn sorted(&self) -> impl Iterator<Item = Reject> + '_ {
        let mut order: Vec<&Row> = self.rows.iter().collect();
        order.sort_by(|a, b| compare(&self.texts, a, b));
        order.into_iter().map(|row| self.made(row))
    }

    /// Whether the same command may get one of them later.
    pub fn may_pass(&self) -> bool {
        self.rows.iter().any(|row| row.may_pass)
    }

    /// The number of a text that may be there already.
    fn number(&mut self, text: &str) -> u32 {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let hash = hasher.finish();
        let known = self.known.get(&hash).copied();
        if let Some(number) = known.filter(|number| self.texts.get(*number) == text) {
            return number;
        }
        let number = self.texts.push(text);
        if self.known.len() < MOST_KNOWN {
            self.known.insert(hash, number);
        }
        number
    }

    fn made(&self, row: &Row) -> Reject {
        let [input, record, field, problem] = row.texts.map(|number| self.texts.get(number));
        Reject::new(input, record, field, problem).temporary(row.may_pass)
    }
}

/// The order of rejects: by input, record, field and problem.
fn compare(texts: &Texts, a: &Row, b: &Row) -> Ordering {
    let pairs = a.texts.iter().zip(&b.texts);
    let mut orders = pairs.map(|(a, b)| match a == b {
        true => Ordering::Equal,
        false => texts.get(*a).cmp(texts.get(*b)),
    });
    let by_text = orders.find(|order| order.is_ne());
    by_text.unwrap_or_else(|| a.may_pass.cmp(&b.may_pass))
}

impl Extend<Reject> for Rejects {
    fn extend<T: IntoIterator<Item = Reject>>(&mut self, rejects: T) {
        rejects.into_iter().for_each(|reject| self.push(reject));
    }
}

impl FromIterator<Reject> for Rejects {
    fn from_iter<T: IntoIterator<Item = Reject>>(rejects: T) -> Self {
        let mut all = Rejects::default();
        all.extend(rejects);
        all
    }
}

impl From<Vec<Reject>> for Rejects {
    fn from(rejects: Vec<Reject>) -> Self {
        rejects.into_iter().collect()
    }
}

impl fmt::Debug for Rejects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_are_what_was_added_and_sort_as_themselves() {
        let reject = |n: u32| {
            let names = ["b", "", "a", "žluť"];
            let name = |n: u32| names[n as usize % names.len()];
            let problem = format!("empty: {}", n % 7);
            Reject::new(name(n / 3), format!("row {}", n % 13), name(n), problem)
                .temporary(n.is_multiple_of(5))
        };
        let mut all: Vec<Reject> = (0..200).map(reject).collect();
        let mut held = Rejects::from(all.clone());
        assert_eq!(held.iter().collect::<Vec<_>>(), all);
        assert!(held.may_pass() && held.len() == 200);
        all.sort();
        assert_eq!(held.sorted().collect::<Vec<_>>(), all);
        held.sort();
        assert_eq!(held.iter().collect::<Vec<_>>(), all);
        let texts = held.texts.len();
        assert!(texts < 230, "{texts}: those that repeat are held once");
    }
}
