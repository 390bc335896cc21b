//! What holds annotations, and what their page says of all of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::values::{all, id, label, list, local_name, named};

/// What annotations hang on: they are about it unless they say something else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hanging<'h> {
    /// Id of the manifest.
    pub manifest: Option<&'h str>,
    /// Id of the canvas.
    pub canvas: Option<&'h str>,
    /// Id of the observation, for annotations of one image of a canvas.
    pub image: Option<&'h str>,
}

/// What a page says about all its annotations.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PageStatements {
    /// Its label, such as the name of a layer.
    pub label: Option<String>,
    /// Its granularity (IIIF Text Granularity extension), for annotations without one.
    pub granularity: Option<String>,
}

/// Where a page names an annotation: the memo of the request for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PageEntry {
    /// What the page says.
    pub page: PageStatements,
    /// The position on the page, from 1.
    pub order: Option<usize>,
}

impl PageStatements {
    /// What a page says.
    pub fn of(page: &Value) -> Self {
        PageStatements {
            label: label(&page["label"]),
            granularity: granularity(page),
        }
    }
}

/// `page`, `block`, `line`, `word`…: `textGranularity`, or the type of Dublin Core that stands for it.
pub fn granularity(value: &Value) -> Option<String> {
    let of_dublin_core = ["dcType", "dc:type", "dcterms:type"].into_iter();
    let given = of_dublin_core.flat_map(|member| list(value, member));
    stated_granularity(value).or_else(|| name_of(given))
}

/// The same by `textGranularity` alone, also with the prefix of the extension or by its IRI, where the context is not that of
/// Presentation 3.
pub fn stated_granularity(value: &Value) -> Option<String> {
    name_of(named(value, &["textGranularity"]).flat_map(all))
}

fn name_of<'v>(given: impl Iterator<Item = &'v Value>) -> Option<String> {
    let given = given.filter_map(|value| id(value).or_else(|| id(&value["@value"])));
    let mut names = given.map(|text| local_name(text).to_lowercase());
    names.find(|name| !name.is_empty())
}
