//! What the user wants of all that was seen: `--label`, `--where`.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};

use crate::contracts::Observation;

/// Which observations to keep.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Any of these must match a label; none: all do.
    pub labels: Vec<Regex>,
    /// All of these must hold.
    pub conditions: Vec<Condition>,
}

/// A condition on the values of a key.
#[derive(Clone, Debug)]
pub struct Condition {
    /// As the user wrote it.
    pub text: String,
    key: String,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Is(String),
    IsNot(String),
    Matches(Regex),
}

/// Reads a regular expression of `--label`: upper and lower case are the same.
pub fn label(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(text).case_insensitive(true).build();
    built.map_err(|e| format!("not a regular expression: {e}"))
}

/// Reads `KEY=VALUE`, `KEY!=VALUE` or `KEY~REGEX`; the first operator counts, so values may hold them too.
pub fn condition(text: &str) -> Result<Condition, String> {
    let at = text.find(['=', '~']).filter(|&at| at > 0);
    let at = at.ok_or_else(|| format!("`{text}` is not KEY=VALUE, KEY!=VALUE or KEY~REGEX"))?;
    let (key, value) = (&text[..at], text[at + 1..].to_owned());
    let (key, test) = match (key.strip_suffix('!'), &text[at..=at]) {
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

impl Filter {
    /// Whether an observation is wanted.
    pub fn wants(&self, observation: &Observation) -> bool {
        self.wants_label(observation) && self.conditions.iter().all(|c| c.holds(observation))
    }

    /// The filters as typed.
    pub fn texts(&self) -> Vec<String> {
        let labels = self.labels.iter().map(|l| format!("--label {l}"));
        let conditions = self
            .conditions
            .iter()
            .map(|c| format!("--where {}", c.text));
        labels.chain(conditions).collect()
    }

    fn wants_label(&self, observation: &Observation) -> bool {
        let labels = labels(observation);
        self.labels.is_empty()
            || self
                .labels
                .iter()
                .any(|regex| labels.iter().any(|l| regex.is_match(l)))
    }

    /// Why nothing was left of what was seen: the filter that lets nothing pass even alone, else all together.
    pub fn blame(&self, seen: &[Observation]) -> String {
        if !self.labels.is_empty() && !seen.iter().any(|o| self.wants_label(o)) {
            let given: Vec<String> = self
                .labels
                .iter()
                .map(|l| format!("--label '{l}'"))
                .collect();
            return format!("{} matches no label", given.join(" or "));
        }
        let alone = self
            .conditions
            .iter()
            .find(|c| !seen.iter().any(|o| c.holds(o)));
        match alone {
            Some(c) => format!("--where '{}' holds for none{}", c.text, c.keys_there(seen)),
            None => format!("{} hold for none together", self.texts().join(", ")),
        }
    }
}

impl Condition {
    fn holds(&self, observation: &Observation) -> bool {
        let values = values(observation, &self.key);
        match &self.test {
            Test::Is(wanted) => values.iter().any(|v| is_same(v, wanted)),
            Test::IsNot(unwanted) => !values.iter().any(|v| is_same(v, unwanted)),
            Test::Matches(regex) => values.iter().any(|v| regex.is_match(v)),
        }
    }

    fn keys_there(&self, seen: &[Observation]) -> String {
        if seen.iter().any(|o| !values(o, &self.key).is_empty()) {
            return String::new();
        }
        let mut keys: Vec<&str> = seen
            .iter()
            .flat_map(|o| o.metadata.keys())
            .map(String::as_str)
            .collect();
        keys.sort_unstable();
        keys.dedup();
        let keys: Vec<&str> = keys
            .into_iter()
            .chain(NAMED.iter().copied())
            .take(40)
            .collect();
        format!(": there is no `{}`, but {}", self.key, keys.join(", "))
    }
}

/// Keys that every observation has beside its metadata.
const NAMED: &[&str] = &[
    "label",
    "manifest",
    "canvas",
    "group",
    "rights",
    "attribution",
    "id",
    "url",
    "service",
    "kind",
];

/// Exact, but for white space that documents break lines with.
fn is_same(value: &str, wanted: &str) -> bool {
    value == wanted || value.split_whitespace().eq(wanted.split_whitespace())
}

fn labels(observation: &Observation) -> Vec<&str> {
    let labels = &observation.source.labels;
    [&labels.image, &labels.canvas, &labels.manifest]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect()
}

/// The values of a key: metadata as written, else in any case, and what an observation has by name.
fn values<'a>(observation: &'a Observation, key: &str) -> Vec<&'a str> {
    let metadata = &observation.metadata;
    let of_key = metadata.get(key).or_else(|| {
        let same = metadata
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(key));
        same.map(|(_, values)| values)
    });
    let mut values: Vec<&str> = of_key.into_iter().flatten().map(String::as_str).collect();
    values.extend(named(observation, &key.to_ascii_lowercase()));
    values
}

fn named<'a>(observation: &'a Observation, key: &str) -> Vec<&'a str> {
    let source = &observation.source;
    let one = |value: &'a Option<String>| value.iter().map(String::as_str).collect::<Vec<_>>();
    match key {
        "label" => labels(observation),
        "manifest" => [&source.manifest, &source.labels.manifest]
            .into_iter()
            .flat_map(one)
            .collect(),
        "canvas" => [&source.canvas, &source.labels.canvas]
            .into_iter()
            .flat_map(one)
            .collect(),
        "group" => vec![&observation.group],
        "rights" | "license" => one(&source.rights),
        "attribution" => one(&source.attribution),
        "id" => vec![&observation.id],
        "url" => one(&observation.image.url),
        "service" => observation
            .image
            .service
            .iter()
            .map(|s| s.id.as_str())
            .collect(),
        "kind" => vec![&source.kind],
        _ => Vec::new(),
    }
}

/// The most frequent labels, each with how often it occurs.
pub fn frequent_labels(seen: &[Observation], most: usize) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for label in seen.iter().flat_map(|o| labels(o).into_iter().take(1)) {
        *counts.entry(label).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> =
        counts.into_iter().map(|(l, n)| (l.to_owned(), n)).collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.truncate(most);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::{Labels, Provenance};

    fn seen() -> Observation {
        let labels = Labels {
            image: Some("NIR".into()),
            canvas: Some("Recto".into()),
            manifest: Some("4Q171".into()),
        };
        let source = Provenance {
            manifest: Some("https://a/m".into()),
            rights: Some("CC0".into()),
            labels,
            ..Provenance::default()
        };
        let metadata = [(
            "Shelf mark".to_owned(),
            vec!["A=1".to_owned(), "B".to_owned()],
        )]
        .into();
        Observation {
            id: "https://a/1".into(),
            source,
            group: "g".into(),
            metadata,
            ..Observation::default()
        }
    }

    #[test]
    fn conditions_are_tried_on_any_value_of_their_key() {
        let cases = [
            ("Shelf mark=B", true),
            ("shelf MARK=B", true),
            ("Shelf mark=A=1", true),
            ("Shelf mark=b", false),
            ("Shelf mark!=B", false),
            ("Shelf mark!=C", true),
            ("Shelf mark~^A", true),
            ("Shelf mark~^C", false),
            ("label=Recto", true),
            ("label=NIR", true),
            ("manifest=4Q171", true),
            ("manifest=https://a/m", true),
            ("group=g", true),
            ("rights=CC0", true),
            ("id~/1$", true),
            ("nothing=x", false),
            ("nothing!=x", true),
        ];
        for (text, wanted) in cases {
            assert_eq!(condition(text).unwrap().holds(&seen()), wanted, "{text}");
        }
        for text in ["x", "=x", "!=x", "x~("] {
            assert!(condition(text).is_err(), "{text}");
        }
    }

    #[test]
    fn any_label_of_image_canvas_and_manifest_is_enough() {
        for (texts, wanted) in [
            (vec!["nir"], true),
            (vec!["^rec"], true),
            (vec!["q17"], true),
            (vec!["x"], false),
            (vec!["x", "recto"], true),
        ] {
            let labels = texts.iter().map(|t| label(t).unwrap()).collect();
            let filter = Filter {
                labels,
                ..Filter::default()
            };
            assert_eq!(filter.wants(&seen()), wanted, "{texts:?}");
        }
    }
}
