//! Filters of images and boxes: `--label`, `--where`.

use std::collections::{BTreeMap, BTreeSet};

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::conditions::Condition;
use crate::contracts::{Annotation, BBox, Frame, Observation, Space};
use crate::selectors::{self, Selection};

/// Which observations to keep.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Any of these must match a label; empty: all images match.
    pub labels: Vec<Regex>,
    /// All of these must hold.
    pub conditions: Vec<Condition>,
}

/// The prefix of keys of boxes, as in `box.width`.
const BOX: &str = "box.";

/// Parses the regular expression of `--label`; upper and lower case are the same.
///
/// # Errors
/// It is not a regular expression.
pub fn label(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(text).case_insensitive(true).build();
    built.map_err(|e| format!("not a regular expression: {e}"))
}

impl Filter {
    /// Whether an image is wanted, whatever boxes it has.
    pub fn wants(&self, observation: &Observation) -> bool {
        let about_images = self.conditions.iter().filter(|c| !c.is_about_boxes());
        self.wants_label(observation) && about_images.into_iter().all(|c| c.holds(observation))
    }

    /// Whether a box of an image is wanted.
    pub fn wants_box(&self, observation: &Observation, annotation: &Annotation) -> bool {
        let mut about_boxes = self.conditions.iter().filter(|c| c.is_about_boxes());
        about_boxes.all(|c| c.holds_for(&box_values(observation, annotation, c.box_key())))
    }

    /// Whether boxes are filtered at all.
    pub fn is_about_boxes(&self) -> bool {
        self.conditions.iter().any(Condition::is_about_boxes)
    }

    /// The filters as users type them.
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
}

/// Why filters leave no image: what was seen of the images that they leave out.
#[derive(Debug)]
pub struct Blame {
    /// Number of images seen.
    pub images: u64,
    /// Whether `--label` matches any of them.
    is_labelled: bool,
    /// For each condition what was seen.
    conditions: Vec<Seen>,
    labels: ValueCounts,
    /// Keys of metadata, and of boxes.
    keys: BTreeSet<String>,
    box_keys: BTreeSet<String>,
    has_boxes: bool,
}

/// What was seen of one condition.
#[derive(Debug, Default)]
struct Seen {
    /// Whether any image or box has its key.
    has_key: bool,
    /// Whether it holds for an image.
    holds: bool,
    /// The values of its key.
    values: ValueCounts,
}

/// How often texts occur: the first of them, so that memory does not grow with the number of images.
#[derive(Debug, Default)]
struct ValueCounts(BTreeMap<String, usize>);

impl ValueCounts {
    /// The most texts that are told apart.
    const MOST: usize = 10_000;

    fn add(&mut self, text: &str) {
        if let Some(n) = self.0.get_mut(text) {
            *n += 1;
        } else if self.0.len() < Self::MOST {
            self.0.insert(text.to_owned(), 1);
        }
    }

    /// The most frequent texts, each with how often it occurs.
    fn most_frequent(&self, most: usize) -> String {
        let mut counts: Vec<(&String, &usize)> = self.0.iter().collect();
        counts.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
        let first = counts.into_iter().take(most);
        let first = first.map(|(text, n)| format!("{} ({n})", shortened(text)));
        first.collect::<Vec<_>>().join(", ")
    }

    /// The least and the greatest, if all are numbers.
    fn range(&self) -> Option<(f64, f64)> {
        let numbers = self.0.keys().map(|text| text.trim().parse::<f64>().ok());
        let numbers: Vec<f64> = numbers.collect::<Option<_>>()?;
        let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (least <= greatest).then_some((least, greatest))
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Keys that are listed at most.
const KEYS: usize = 40;

impl Blame {
    /// Nothing seen yet.
    pub fn new(filter: &Filter) -> Self {
        Blame {
            images: 0,
            is_labelled: filter.labels.is_empty(),
            conditions: filter.conditions.iter().map(|_| Seen::default()).collect(),
            labels: ValueCounts::default(),
            keys: BTreeSet::new(),
            box_keys: BTreeSet::new(),
            has_boxes: false,
        }
    }

    /// Looks at an image that is left out.
    pub fn see(&mut self, filter: &Filter, image: &Observation) {
        self.images += 1;
        self.is_labelled = self.is_labelled || filter.wants_label(image);
        if let Some(label) = labels(image).first() {
            self.labels.add(label);
        }
        for (condition, seen) in filter.conditions.iter().zip(&mut self.conditions) {
            seen.holds = seen.holds || condition.holds(image);
            let values = condition.values(image);
            values.iter().for_each(|value| seen.values.add(value));
        }
    }

    /// Looks at the keys of any image, as long as that of a condition has not been seen.
    pub fn see_keys(&mut self, filter: &Filter, image: &Observation) {
        if self.conditions.iter().all(|seen| seen.has_key) {
            return;
        }
        self.has_boxes |= !image.annotations.is_empty();
        add_keys(&mut self.keys, image.metadata.keys());
        let boxes = image.annotations.iter();
        add_keys(&mut self.box_keys, boxes.flat_map(|b| b.attributes.keys()));
        for (condition, seen) in filter.conditions.iter().zip(&mut self.conditions) {
            seen.has_key = seen.has_key || !condition.values(image).is_empty();
        }
    }

    /// The conditions that hold for every image because none has their key: it may be misspelt.
    pub fn without_key(&self, filter: &Filter) -> Vec<String> {
        let conditions = filter.conditions.iter().zip(&self.conditions);
        let idle = conditions.filter(|(condition, seen)| {
            let boxes_missing = condition.is_about_boxes() && !self.has_boxes;
            !seen.has_key && !boxes_missing && condition.holds_for::<&str>(&[])
        });
        let told = idle.map(|(condition, seen)| {
            format!(
                "--where '{}' leaves nothing out{}",
                condition.text,
                self.missing_key(condition, seen)
            )
        });
        told.collect()
    }

    /// Why no image is left: the filter that matches none even alone, else all filters together; and what helps.
    pub fn reason(&self, filter: &Filter) -> (String, Option<String>) {
        if !self.is_labelled {
            let given = filter.labels.iter().map(|l| format!("--label '{l}'"));
            let given: Vec<String> = given.collect();
            let why = format!("{} does not match any label", given.join(" or "));
            let hint = match self.labels.0.is_empty() {
                true => "no image has a label: select with --where".to_owned(),
                false => format!(
                    "the most frequent labels are {}",
                    self.labels.most_frequent(10)
                ),
            };
            return (why, Some(hint));
        }
        let mut conditions = filter.conditions.iter().zip(&self.conditions);
        match conditions.find(|(_, seen)| !seen.holds) {
            Some((condition, seen)) => (
                format!(
                    "--where '{}' does not hold for any image{}",
                    condition.text,
                    self.missing_key(condition, seen)
                ),
                values_hint(condition, seen).or_else(|| self.suggestion(condition)),
            ),
            None => (
                format!(
                    "{} together do not hold for any image",
                    filter.texts().join(", ")
                ),
                Some("each of them holds for some image: leave one out".to_owned()),
            ),
        }
    }

    /// That there is no such key, and which there are.
    fn missing_key(&self, condition: &Condition, seen: &Seen) -> String {
        if !seen.values.0.is_empty() {
            return String::new();
        }
        if condition.is_about_boxes() && !self.has_boxes {
            return ": there are no boxes".into();
        }
        let is_key = |name: &String| name.eq_ignore_ascii_case(&condition.key);
        if !condition.is_about_boxes() && self.box_keys.iter().any(is_key) {
            return format!(": it is a key of boxes: write {BOX}{}", condition.text);
        }
        let keys: Vec<String> = if condition.is_about_boxes() {
            let own = self.box_keys.iter().map(String::as_str);
            let mut keys: Vec<&str> = own.chain(BOX_NAMED.iter().copied()).collect();
            keys.sort_unstable();
            keys.dedup();
            let keys = keys.iter().take(KEYS);
            keys.map(|k| format!("{BOX}{k}")).collect()
        } else {
            let own = self.keys.iter().map(String::as_str);
            let keys = own.chain(NAMED.iter().copied()).take(KEYS);
            keys.map(str::to_owned).collect()
        };
        format!(
            ": there is no `{}`; there are {}",
            condition.key,
            keys.join(", ")
        )
    }
}

impl Blame {
    /// The condition that may be meant, with a known key instead of an unknown one: the key that contains it, else one with
    /// few other letters.
    fn suggestion(&self, condition: &Condition) -> Option<String> {
        let wanted = condition.key.to_lowercase();
        let own = |keys: &BTreeSet<String>, named: &[&str], prefix: &str| -> Vec<String> {
            let all = keys.iter().map(String::as_str).chain(named.iter().copied());
            all.map(|key| format!("{prefix}{key}")).collect()
        };
        let known = match condition.is_about_boxes() {
            false => own(&self.keys, NAMED, ""),
            true => own(&self.box_keys, BOX_NAMED, BOX),
        };
        let distance = |key: &str| {
            let key = key.to_lowercase();
            let is_longer = wanted.len() > 2 && key.contains(&wanted);
            let letters = strsim::osa_distance(&wanted, &key);
            (key != wanted && (is_longer || letters <= 2)).then_some((!is_longer, letters))
        };
        let near = known
            .into_iter()
            .filter_map(|key| Some((distance(&key)?, key)));
        let (_, key) = near.min()?;
        let meant = condition.text.replacen(&condition.key, &key, 1);
        Some(format!("did you mean --where '{meant}'?"))
    }
}

/// The values that the key of a condition has, if it has any.
fn values_hint(condition: &Condition, seen: &Seen) -> Option<String> {
    let key = &condition.key;
    if let Some((least, greatest)) = seen.values.range() {
        return Some(format!(
            "the values of {key} are from {least} to {greatest}"
        ));
    }
    let values = seen.values.most_frequent(10);
    (!values.is_empty()).then(|| format!("the most frequent values of {key} are {values}"))
}

/// Adds keys, as many as are ever listed.
fn add_keys<'a>(all: &mut BTreeSet<String>, keys: impl Iterator<Item = &'a String>) {
    for key in keys {
        if !all.contains(key) {
            all.insert(key.clone());
            if all.len() > KEYS {
                all.pop_last();
            }
        }
    }
}

impl Condition {
    /// The values of its key that an image has, or its boxes.
    fn values(&self, observation: &Observation) -> Vec<String> {
        match self.is_about_boxes() {
            true => {
                let boxes = observation.annotations.iter();
                let values = boxes.flat_map(|b| box_values(observation, b, self.box_key()));
                values.collect()
            }
            false => {
                let values = values(observation, &self.key).into_iter();
                values.map(str::to_owned).collect()
            }
        }
    }

    /// Whether it holds for an image, or for any of its boxes.
    fn holds(&self, observation: &Observation) -> bool {
        if !self.is_about_boxes() {
            return self.holds_for(&values(observation, &self.key));
        }
        let mut boxes = observation.annotations.iter();
        boxes.any(|b| self.holds_for(&box_values(observation, b, self.box_key())))
    }

    fn is_about_boxes(&self) -> bool {
        self.key.starts_with(BOX)
    }

    fn box_key(&self) -> &str {
        self.key.strip_prefix(BOX).unwrap_or(&self.key)
    }
}

/// Keys that every box has besides its attributes.
const BOX_NAMED: &[&str] = &["concept", "height", "id", "width", "x", "y"];

/// The values of a key of a box: attributes (upper and lower case are the same), position and size, class.
fn box_values(observation: &Observation, annotation: &Annotation, key: &str) -> Vec<String> {
    let bodies = || annotation.bodies.iter();
    let side = |of: fn(&BBox) -> f64| {
        let boxes = bounds(observation, annotation);
        boxes.iter().map(|b| of(b).to_string()).collect()
    };
    match key.to_ascii_lowercase().as_str() {
        "x" => side(|b| b.x),
        "y" => side(|b| b.y),
        "width" => side(|b| b.width),
        "height" => side(|b| b.height),
        "id" => vec![annotation.id.clone()],
        "concept" => bodies()
            .flat_map(|b| [Some(b.value.clone()), b.label.clone()])
            .flatten()
            .collect(),
        key => {
            let same = annotation
                .attributes
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case(key));
            same.flat_map(|(_, value)| texts(value)).collect()
        }
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        other => vec![other.to_string()],
    }
}

/// The boxes of an annotation, each in units of the space that it is drawn in.
fn bounds(observation: &Observation, annotation: &Annotation) -> Vec<BBox> {
    let image = &observation.image;
    let whole = image.declared();
    let whole = whole.and_then(|size| Frame::try_from(size.map(f64::from)).ok());
    let regions = annotation.regions.iter().filter_map(|region| {
        let space = match region.frame {
            Space::Canvas => observation.canvas,
            Space::Image => whole,
        };
        match selectors::select(region, space).ok()? {
            Selection::Part(shape) | Selection::Doubtful(shape, _) => Some(shape.bbox),
            Selection::Line(points) => BBox::around(points).ok(),
            Selection::Whole => None,
        }
    });
    regions.collect()
}

/// Keys that every image has besides its metadata.
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

fn labels(observation: &Observation) -> Vec<&str> {
    let labels = &observation.source.labels;
    [&labels.image, &labels.canvas, &labels.manifest]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect()
}

/// The values of a key: metadata with this key, else with the key in other case; and the named properties.
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
            assert_eq!(
                Condition::parse(text).unwrap().holds(&seen()),
                wanted,
                "{text}"
            );
        }
        for text in ["x", "=x", "!=x", "x~("] {
            assert!(Condition::parse(text).is_err(), "{text}");
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
