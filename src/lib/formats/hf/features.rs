//! The types of columns in the words of Hugging Face's `datasets`, and the front matter of `README.md` that names them and the
//! splits.

use std::fmt::Write as _;

use super::split_names;
use crate::formats::ascii_json::yaml_scalar;
use crate::formats::contents::{Kind, Place};
use crate::formats::dataset::Dataset;

/// The type of a column.
#[derive(Clone, Copy, Debug)]
pub enum Feature {
    /// A picture.
    Image,
    /// A number, a truth value or a text.
    Value(&'static str),
    /// The number of a class.
    Class,
    /// Any number of one type.
    List(&'static Feature),
    /// Members with names.
    Struct(Columns),
}

impl Feature {
    /// The type in a set of these classes: `datasets` refuses class labels without a name, and their numbers are numbers then.
    pub fn of(self, classes: &[String]) -> Self {
        match self {
            Feature::Class if classes.is_empty() => Feature::Value("int64"),
            other => other,
        }
    }
}

/// Columns in order: name and type.
pub type Columns = &'static [(&'static str, Feature)];

const NUMBER: Feature = Feature::Value("float64");
const NUMBERS: Feature = Feature::List(&NUMBER);

/// What [`Row`](super::row::Row) has, in its order.
pub const ROW: Columns = &[
    ("image_id", Feature::Value("int32")),
    ("width", Feature::Value("int32")),
    ("height", Feature::Value("int32")),
    ("source", Feature::Value("string")),
    ("origin", Feature::Value("string")),
    ("group", Feature::Value("string")),
    ("rights", Feature::Value("string")),
    ("attribution", Feature::Value("string")),
    ("objects", Feature::Struct(OBJECTS)),
    ("labels", Feature::List(&Feature::Value("string"))),
];

const OBJECTS: Columns = &[
    ("id", Feature::List(&Feature::Value("int32"))),
    ("bbox", Feature::List(&NUMBERS)),
    ("area", NUMBERS),
    ("iscrowd", Feature::List(&Feature::Value("bool"))),
    ("text", Feature::List(&Feature::Value("string"))),
    ("category", Feature::List(&Feature::Class)),
    ("label", Feature::List(&Feature::Value("string"))),
    ("attributes", Feature::List(&Feature::Value("string"))),
    ("rings", Feature::List(&Feature::List(&NUMBERS))),
];

/// What records have of [`ROW`], besides some of their own; `boxes` is how readers get boxes.
pub fn members(
    own: &[(&'static str, Kind, Place)],
    boxes: Kind,
) -> Vec<(&'static str, Kind, Place)> {
    let of_row: &[(&str, Kind, Place)] = &[
        ("image_id", Kind::Integer, Place::Column("image_id")),
        ("width", Kind::Integer, Place::Column("width")),
        ("height", Kind::Integer, Place::Column("height")),
        ("source", Kind::Text, Place::Column("source")),
        ("bbox", boxes, Place::Within("objects", "bbox")),
        (
            "category",
            Kind::Integers,
            Place::Within("objects", "category"),
        ),
        ("label", Kind::Texts, Place::Within("objects", "label")),
    ];
    [own, of_row].concat()
}

/// The beginning of the front matter of `README.md`: where the files of each split are. `pattern` gives them by the name of the
/// split, quoted, so that `2019` and `no` are texts, and by its number. A split without images is left out: it may have no file.
pub fn data_files(dataset: &Dataset, pattern: impl Fn(usize, &str) -> String) -> String {
    let mut yaml = String::from("---\nconfigs:\n- config_name: default\n  data_files:\n");
    for (part, name) in split_names::names(dataset).iter().enumerate() {
        if dataset.facts_of(part).next().is_some() {
            let [name, path] = [name, &pattern(part, name)].map(|text| yaml_scalar(text));
            let _ = write!(yaml, "  - split: {name}\n    path: {path}\n");
        }
    }
    yaml
}

/// The front matter of `README.md` with the types of the columns, and counts.
pub fn front_matter(
    dataset: &Dataset,
    columns: &[(&str, Feature)],
    pattern: impl Fn(usize, &str) -> String,
) -> String {
    let mut yaml = data_files(dataset, pattern);
    yaml += "dataset_info:\n  features:\n";
    for (name, feature) in columns {
        put(&mut yaml, 1, name, feature, &dataset.classes);
    }
    yaml += "  splits:\n";
    for (part, name) in split_names::names(dataset).iter().enumerate() {
        let images = dataset.facts_of(part).count();
        let bytes: u64 = dataset.facts_of(part).map(|facts| facts.bytes).sum();
        if images > 0 {
            let name = yaml_scalar(name);
            let _ = write!(
                yaml,
                "  - name: {name}\n    num_bytes: {bytes}\n    num_examples: {images}\n"
            );
        }
    }
    yaml + "---\n\n"
}

fn put(yaml: &mut String, depth: usize, name: &str, feature: &Feature, classes: &[String]) {
    let _ = writeln!(yaml, "{}- name: {name}", "  ".repeat(depth));
    type_of(yaml, depth + 1, feature, classes);
}

fn type_of(yaml: &mut String, depth: usize, feature: &Feature, classes: &[String]) {
    let indent = "  ".repeat(depth);
    match feature.of(classes) {
        Feature::Image => *yaml += &format!("{indent}dtype: image\n"),
        Feature::Value(dtype) => *yaml += &format!("{indent}dtype: {dtype}\n"),
        Feature::Class => {
            *yaml += &format!("{indent}class_label:\n{indent}  names:\n");
            for (id, class) in classes.iter().enumerate() {
                *yaml += &format!("{indent}    '{id}': {}\n", yaml_scalar(class));
            }
        }
        Feature::List(inner) => {
            *yaml += &format!("{indent}sequence:\n");
            type_of(yaml, depth + 1, inner, classes);
        }
        Feature::Struct(members) => {
            *yaml += &format!("{indent}struct:\n");
            for (name, member) in members {
                put(yaml, depth, name, member, classes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::Row;
    use super::*;
    use crate::formats::dataset::DatasetImage;

    /// Names of columns, those of structs with their members.
    fn names(columns: Columns) -> Vec<String> {
        let inner = |(name, feature): &(&str, Feature)| match feature {
            Feature::Struct(members) => names(members)
                .iter()
                .map(|m| format!("{name}.{m}"))
                .collect(),
            _ => vec![(*name).to_owned()],
        };
        columns.iter().flat_map(inner).collect()
    }

    #[test]
    fn every_member_of_a_row_has_a_type_in_its_order() {
        let (image, dataset) = (DatasetImage::default(), Dataset::default());
        let row = serde_json::to_value(Row::of(&image, &dataset)).unwrap();
        let mut found = Vec::new();
        for (name, value) in row.as_object().unwrap() {
            match value.as_object() {
                Some(members) => found.extend(members.keys().map(|m| format!("{name}.{m}"))),
                None => found.push(name.clone()),
            }
        }
        assert_eq!(found, names(ROW));
    }
}
