//! The value of `--split`: names and shares. Pure.

use std::collections::BTreeSet;
use std::str::FromStr;

/// Names of splits and their shares, which sum to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Splits(Vec<(String, f64)>);

impl Splits {
    /// The names, in the order given.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The shares, in the same order.
    pub fn shares(&self) -> Vec<f64> {
        self.0.iter().map(|(_, share)| *share).collect()
    }

    /// Splits in proportion to some numbers, which are not all 0.
    pub fn in_proportion(counts: Vec<(String, u64)>) -> Self {
        let sum: u64 = counts.iter().map(|(_, n)| n).sum();
        let share = |(name, n)| (name, n as f64 / sum.max(1) as f64);
        Splits(counts.into_iter().map(share).collect())
    }
}

impl std::fmt::Display for Splits {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let each: Vec<String> = self
            .0
            .iter()
            .map(|(name, share)| format!("{name}={share}"))
            .collect();
        f.write_str(&each.join(","))
    }
}

impl FromStr for Splits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let splits: Vec<(String, f64)> = text.split(',').map(one).collect::<Result<_, _>>()?;
        let names: BTreeSet<String> = splits.iter().map(|(name, _)| name.to_lowercase()).collect();
        if names.len() != splits.len() {
            return Err("a name is used twice".into());
        }
        let sum: f64 = splits.iter().map(|(_, share)| share).sum();
        if (sum - 1.0).abs() > 1e-6 {
            return Err(format!("the shares sum to {sum}, not to 1"));
        }
        Ok(Splits(splits))
    }
}

fn one(text: &str) -> Result<(String, f64), String> {
    let (name, share) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not NAME=SHARE"))?;
    let name = name.trim();
    let safe = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if name.is_empty() || !name.bytes().all(safe) {
        return Err(format!("`{name}` is not a name of letters, digits and _"));
    }
    match share.trim().parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok((name.to_owned(), share)),
        _ => Err(format!("`{share}` is not a share above 0 and up to 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_named_positive_and_sum_to_one() {
        let cases = [
            ("train=0.8,val=0.1,test=0.1", Ok(3)),
            ("train=1", Ok(1)),
            ("train=0.8,val=0.1", Err("sum to 0.9")),
            ("train=0.5,Train=0.5", Err("twice")),
            ("train", Err("is not NAME=SHARE")),
            ("a/b=1", Err("not a name of letters")),
            ("train=1.5,val=-0.5", Err("not a share")),
            ("train=NaN", Err("not a share")),
        ];
        for (text, wanted) in cases {
            match (text.parse::<Splits>(), wanted) {
                (Ok(splits), Ok(n)) => assert_eq!(splits.0.len(), n, "{text}"),
                (Err(message), Err(part)) => assert!(message.contains(part), "{text}: {message}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
