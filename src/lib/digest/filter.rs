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

    /// Whether `--label` alone matches none of the images found.
    pub fn blames_labels(&self, seen: &[Observation]) -> bool {
        !self.labels.is_empty() && !seen.iter().any(|o| self.wants_label(o))
    }

    /// A condition that may be meant, where the key of one does not exist.
    pub fn suggestion(&self, seen: &[Observation]) -> Option<String> {
        let unknown = |c: &&Condition| !seen.iter().any(|o| c.has_key(o));
        let condition = self.conditions.iter().find(unknown)?;
        let key = condition.similar_key(seen)?;
        let meant = condition.text.replacen(&condition.key, &key, 1);
        Some(format!("did you mean --where '{meant}'?"))
    }

    /// Why no image is left of those found: the filter that matches none even alone, else all filters together.
    pub fn blame(&self, seen: &[Observation]) -> String {
        if self.blames_labels(seen) {
            let given: Vec<String> = self
                .labels
                .iter()
                .map(|l| format!("--label '{l}'"))
                .collect();
            return format!("{} does not match any label", given.join(" or "));
        }
        let alone = self
            .conditions
            .iter()
            .find(|c| !seen.iter().any(|o| c.holds(o)));
        match alone {
            Some(c) => format!(
                "--where '{}' does not hold for any image{}",
                c.text,
                c.known_keys(seen)
            ),
            None => format!(
                "{} together do not hold for any image",
                self.texts().join(", ")
            ),
        }
    }
}

impl Condition {
    /// Whether it holds for an image, or for any of its boxes.
    fn holds(&self, observation: &Observation) -> bool {
        if !self.is_about_boxes() {
            return self.holds_for(&values(observation, &self.key));
        }
        let mut boxes = observation.annotations.iter();
        boxes.any(|b| self.holds_for(&box_values(observation, b, self.box_key())))
    }

    /// Whether an image, or any of its boxes, has a value for its key.
    fn has_key(&self, observation: &Observation) -> bool {
        let mut boxes = observation.annotations.iter();
        match self.is_about_boxes() {
            false => !values(observation, &self.key).is_empty(),
            true => boxes.any(|b| !box_values(observation, b, self.box_key()).is_empty()),
        }
    }

    /// The known key that is most like its own: one that continues it or contains it, else one with few other letters.
    fn similar_key(&self, seen: &[Observation]) -> Option<String> {
        let wanted = self.key.to_lowercase();
        let boxes = seen.iter().flat_map(|o| &o.annotations);
        let known: BTreeSet<String> = match self.is_about_boxes() {
            false => seen
                .iter()
                .flat_map(|o| o.metadata.keys().cloned())
                .chain(NAMED.iter().map(|key| (*key).to_owned()))
                .collect(),
            true => boxes
                .flat_map(|b| b.attributes.keys().cloned())
                .chain(BOX_NAMED.iter().map(|key| (*key).to_owned()))
                .map(|key| format!("{BOX}{key}"))
                .collect(),
        };
        let distance = |key: &str| {
            let key = key.to_lowercase();
            let is_longer = key.contains(&wanted) && wanted.len() > 2;
            let letters = strsim::osa_distance(&wanted, &key);
            (is_longer || letters <= 2).then_some((!is_longer, letters))
        };
        let near = known
            .into_iter()
            .filter_map(|key| Some((distance(&key)?, key)));
        near.min().map(|(_, key)| key)
    }

    fn is_about_boxes(&self) -> bool {
        self.key.starts_with(BOX)
    }

    fn box_key(&self) -> &str {
        self.key.strip_prefix(BOX).unwrap_or(&self.key)
    }

    fn known_keys(&self, seen: &[Observation]) -> String {
        if self.is_about_boxes() {
            return self.known_box_keys(seen);
        }
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
        format!(
            ": there is no `{}`; there are {}",
            self.key,
            keys.join(", ")
        )
    }
}

impl Condition {
    fn known_box_keys(&self, seen: &[Observation]) -> String {
        let mut boxes = seen
            .iter()
            .flat_map(|o| o.annotations.iter().map(move |b| (o, b)));
        if boxes
            .clone()
            .any(|(o, b)| !box_values(o, b, self.box_key()).is_empty())
        {
            return String::new();
        }
        if boxes.next().is_none() {
            return ": there are no boxes".into();
        }
        let mut keys: Vec<&str> = boxes
            .flat_map(|(_, b)| b.attributes.keys().map(String::as_str))
            .chain(BOX_NAMED.iter().copied())
            .collect();
        keys.sort_unstable();
        keys.dedup();
        let keys: Vec<String> = keys.iter().take(40).map(|k| format!("{BOX}{k}")).collect();
        format!(
            ": there is no `{}`; there are {}",
            self.key,
            keys.join(", ")
        )
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
