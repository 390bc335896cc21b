//! The types of columns in the words of Hugging Face's `datasets`, and the front matter of `README.md` that names them and the
//! splits.

use std::fmt::Write as _;

use serde_json::{Value, json};

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
];

const OBJECTS: Columns = &[
    ("id", Feature::List(&Feature::Value("int32"))),
    ("bbox", Feature::List(&NUMBERS)),
    ("area", NUMBERS),
    ("iscrowd", Feature::List(&Feature::Value("bool"))),
    ("text", Feature::List(&Feature::Value("string"))),
    ("category", Feature::List(&Feature::Class)),
    ("label", Feature::List(&Feature::Value("string"))),
    ("rings", Feature::List(&Feature::List(&NUMBERS))),
];

/// Columns as JSON, as it stands in the metadata of Parquet files. Lists are called `Sequence`: `List` is not known to
/// `datasets` before version 4.
pub fn to_json(columns: &[(&str, Feature)], classes: &[String]) -> Value {
    let column = |(name, feature): &(&str, Feature)| ((*name).to_owned(), one(feature, classes));
    Value::Object(columns.iter().map(column).collect())
}

fn one(feature: &Feature, classes: &[String]) -> Value {
    match feature {
        Feature::Image => json!({ "_type": "Image" }),
        Feature::Value(dtype) => json!({ "dtype": dtype, "_type": "Value" }),
        Feature::Class => json!({ "names": classes, "_type": "ClassLabel" }),
        Feature::List(inner) => json!({ "feature": one(inner, classes), "_type": "Sequence" }),
        Feature::Struct(members) => to_json(members, classes),
    }
}

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

/// The front matter of `README.md`: where the files of each split are, the types of the columns, and counts. `pattern` gives
/// the files of a split by its name. A split without images is left out if it has no files.
pub fn front_matter(
    dataset: &Dataset,
    columns: &[(&str, Feature)],
    pattern: impl Fn(&str) -> String,
) -> String {
    let mut yaml = String::from("---\nconfigs:\n- config_name: default\n  data_files:\n");
    let mut counts = String::new();
    for (part, split) in dataset.parts("train").into_iter().enumerate() {
        let images = dataset.facts_of(part).count();
        if images == 0 {
            continue;
        }
        let bytes: u64 = dataset.facts_of(part).map(|facts| facts.bytes).sum();
        let name = split_name(split);
        let _ = write!(yaml, "  - split: {name}\n    path: {}\n", pattern(split));
        let _ = write!(
            counts,
            "  - name: {name}\n    num_bytes: {bytes}\n    num_examples: {images}\n"
        );
    }
    yaml += "dataset_info:\n  features:\n";
    for (name, feature) in columns {
        put(&mut yaml, 1, name, feature, &dataset.classes);
    }
    yaml + "  splits:\n" + &counts + "---\n\n"
}

fn put(yaml: &mut String, depth: usize, name: &str, feature: &Feature, classes: &[String]) {
    let _ = writeln!(yaml, "{}- name: {name}", "  ".repeat(depth));
    type_of(yaml, depth + 1, feature, classes);
}

fn type_of(yaml: &mut String, depth: usize, feature: &Feature, classes: &[String]) {
    let indent = "  ".repeat(depth);
    match feature {
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
            for (name, member) in *members {
                put(yaml, depth, name, member, classes);
            }
        }
    }
}

/// The name of a split as `datasets` calls it.
pub fn split_name(split: &str) -> String {
    match split.to_ascii_lowercase().as_str() {
        "train" | "training" => "train".into(),
        "val" | "valid" | "validation" | "dev" => "validation".into(),
        "test" | "testing" => "test".into(),
        _ => split.to_owned(),
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
