//! Conditions as users write them, `KEY=VALUE` and the like: `--where`, and the access rules of `recto-serve`. The caller
//! knows which values a key has. Pure.

use regex::Regex;
use unicode_normalization::UnicodeNormalization as _;

use compare::Comparison;

mod compare;

/// A condition on the values of a key.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The condition as the user wrote it.
    pub text: String,
    /// The key whose values are tested, trimmed.
    pub key: String,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Is(String),
    IsNot(String),
    Matches(Regex),
    Compares(Comparison),
}

impl Condition {
    /// Parses `KEY=VALUE`, `KEY!=VALUE`, `KEY~REGEX`, or `<`, `<=`, `>`, `>=` with a number or a date. The first operator
    /// counts, so values may contain operators.
    ///
    /// # Errors
    /// A message for the user: an operator or the key is missing, the regular expression is not valid, or the bound is
    /// neither a number nor a date.
    pub fn parse(text: &str) -> Result<Self, String> {
        let at = text.find(['=', '~', '<', '>']).filter(|&at| at > 0);
        let at = at.ok_or_else(|| {
            format!("`{text}` is not KEY=VALUE, KEY!=VALUE, KEY~REGEX, KEY<NUMBER, KEY<=NUMBER, KEY>NUMBER or KEY>=NUMBER")
        })?;
        let (key, value) = (&text[..at], text[at + 1..].to_owned());
        let (key, test) = match (key.strip_suffix('!'), &text[at..=at]) {
            (_, "<" | ">") => {
                let comparison = Comparison::parse(&text[at..]);
                let problem = || {
                    format!(
                        "`{}` compares with neither a number nor a date",
                        &text[at..]
                    )
                };
                (key, Test::Compares(comparison.ok_or_else(problem)?))
            }
            (_, "~") => (
                key,
                Test::Matches(
                    Regex::new(&value).map_err(|e| format!("not a regular expression: {e}"))?,
                ),
            ),
            (Some(key), _) => (key, Test::IsNot(value)),
            (None, _) => (key, Test::Is(value)),
        };
        if key.trim().is_empty() {
            return Err(format!("the key is missing in `{text}`"));
        }
        Ok(Condition {
            text: text.to_owned(),
            key: key.trim().to_owned(),
            test,
        })
    }

    /// Whether the condition holds for something that has these values for the key: one of them must satisfy `=`, `~` and
    /// comparisons, none of them may equal the value of `!=`.
    pub fn holds_for<T: AsRef<str>>(&self, values: &[T]) -> bool {
        let mut values = values.iter().map(AsRef::as_ref);
        match &self.test {
            Test::Is(wanted) => values.any(|v| is_same(v, wanted)),
            Test::IsNot(unwanted) => !values.any(|v| is_same(v, unwanted)),
            Test::Matches(regex) => values.any(|v| regex.is_match(v)),
            Test::Compares(comparison) => values.any(|v| comparison.holds(v)),
        }
    }
}

/// Exactly the same, except for white space, since documents break lines within values, and for how accents are written:
/// behind their letters or with them.
fn is_same(value: &str, wanted: &str) -> bool {
    let composed = |text: &str| {
        let words = text.split_whitespace();
        words
            .map(|word| word.nfc().collect())
            .collect::<Vec<String>>()
    };
    value == wanted
        || value.split_whitespace().eq(wanted.split_whitespace())
        || !value.is_ascii() && !wanted.is_ascii() && composed(value) == composed(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_the_same_is_the_same() {
        for (condition, value, wanted) in [
            ("Shelf=A 1", "A\n 1", true),
            ("Shelf=caf\u{e9} 1", "cafe\u{301}\n1", true),
            ("Shelf=cafe\u{301}", "caf\u{e9}", true),
            ("Shelf!=cafe\u{301}", "caf\u{e9}", false),
            ("Shelf=cafe", "caf\u{e9}", false),
            ("Shelf=caf\u{e9}", "Caf\u{e9}", false),
        ] {
            let condition = Condition::parse(condition).unwrap();
            assert_eq!(condition.holds_for(&[value]), wanted, "{}", condition.text);
        }
    }
}
