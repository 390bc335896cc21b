//! Conditions as users write them, `KEY=VALUE` and its kin: `--where`, and the rules of `recto-serve`. What the
//! values of a key are is known to whoever asks. Pure.

use regex::Regex;

use compare::Comparison;

mod compare;

/// A condition on the values of a key.
#[derive(Clone, Debug)]
pub struct Condition {
    /// As the user wrote it.
    pub text: String,
    /// The key it is about.
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
    /// Reads `KEY=VALUE`, `KEY!=VALUE`, `KEY~REGEX` or `KEY<NUMBER`; the first operator counts, so values may hold
    /// them too.
    pub fn parse(text: &str) -> Result<Self, String> {
        let at = text.find(['=', '~', '<', '>']).filter(|&at| at > 0);
        let at = at.ok_or_else(|| {
            format!("`{text}` is not KEY=VALUE, KEY!=VALUE, KEY~REGEX, KEY<NUMBER, KEY<=NUMBER, KEY>NUMBER or KEY>=NUMBER")
        })?;
        let (key, value) = (&text[..at], text[at + 1..].to_owned());
        let (key, test) = match (key.strip_suffix('!'), &text[at..=at]) {
            (_, "<" | ">") => {
                let comparison = Comparison::parse(&text[at..]);
                let neither = || {
                    format!(
                        "`{}` compares with neither a number nor a date",
                        &text[at..]
                    )
                };
                (key, Test::Compares(comparison.ok_or_else(neither)?))
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
            return Err(format!("`{text}` names no key"));
        }
        Ok(Condition {
            text: text.to_owned(),
            key: key.trim().to_owned(),
            test,
        })
    }

    /// Whether it holds for what has these values of its key.
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

/// Exact, but for white space that documents break lines with.
fn is_same(value: &str, wanted: &str) -> bool {
    value == wanted || value.split_whitespace().eq(wanted.split_whitespace())
}
