//! What a manifest and a canvas say of themselves, for all images on them.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::canvases::canvases_of;
use super::hanging::Hanging;
use super::values::{absolute, all, has, id, is_language_map, label, list, size, texts};
use crate::contracts::{Frame, Metadata};

/// Properties of a manifest that apply to all its canvases.
#[derive(Clone)]
pub struct Object {
    pub manifest: Option<String>,
    pub group: String,
    pub label: Option<String>,
    pub metadata: Metadata,
    pub rights: Rights,
    /// Those of its members that say this, for documents that hold more of it.
    pub statements: Value,
    /// Ids that different canvases of it have.
    pub shared_ids: HashSet<String>,
    /// Whether its canvases are placeholders, because the content (audio, video, a document) is in mediaSequences.
    pub is_wrapper: bool,
}

/// Properties of a canvas that apply to all its images.
pub struct Page<'a> {
    pub object: &'a Object,
    /// Its id; where it has none of its own, one made of its number.
    pub id: String,
    /// Its id as it is written.
    pub named: Option<String>,
    /// What paints an image that is a document of its own.
    pub painting: Value,
    pub label: Option<String>,
    pub frame: Option<Frame>,
    pub metadata: Metadata,
    pub rights: Rights,
    /// Those of its members that say this, for documents that hold more of it.
    pub statements: Value,
}

/// What may be done with a resource, and whom to name.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    /// URI or text of its licences or statements; of several, all.
    pub rights: Option<String>,
    /// Whom to name, or what has to be said.
    pub attribution: Option<String>,
}

impl Rights {
    /// What a resource says.
    pub fn of(resource: &Value) -> Self {
        Rights {
            rights: rights(resource),
            attribution: attribution(resource),
        }
    }

    /// The same, with what a resource around it says where it says nothing itself.
    pub fn or(self, around: Rights) -> Self {
        Rights {
            rights: self.rights.or(around.rights),
            attribution: self.attribution.or(around.attribution),
        }
    }
}

impl Object {
    /// The manifest as far as a sequence of it says something else of rights; none if it says nothing.
    pub fn in_sequence(&self, sequence: &Value) -> Option<Object> {
        let own = Rights::of(sequence);
        if own.rights.is_none() && own.attribution.is_none() {
            return None;
        }
        let mut object = self.clone();
        if let Some(members) = object.statements.as_object_mut() {
            let given = [
                (&RIGHTS[..], &own.rights),
                (&ATTRIBUTION[..], &own.attribution),
            ];
            for (names, said) in given {
                if let Some(said) = said {
                    members.retain(|name, _| !names.contains(&name.as_str()));
                    members.insert(names[names.len() - 1].to_owned(), said.as_str().into());
                }
            }
        }
        object.rights = own.or(object.rights);
        Some(object)
    }
}

/// Members that say what may be done. Only the last one may hold a text; the others hold a URI.
pub const RIGHTS: [&str; 3] = ["rights", "license", "dcterms:rights"];

/// Members that say whom to name.
pub const ATTRIBUTION: [&str; 2] = ["requiredStatement", "attribution"];

impl Page<'_> {
    /// Where annotations of the canvas hang.
    pub fn hanging(&self) -> Hanging<'_> {
        Hanging {
            manifest: self.object.manifest.as_deref(),
            canvas: Some(&self.id),
            image: None,
        }
    }
}

/// What a manifest says of itself; without its id, its group and the ids that its canvases share.
pub fn object(manifest: &Value) -> Object {
    Object {
        manifest: None,
        group: String::new(),
        label: label(&manifest["label"]),
        metadata: metadata(manifest),
        rights: Rights::of(manifest),
        statements: statements(manifest),
        shared_ids: HashSet::new(),
        is_wrapper: !list(manifest, "mediaSequences").is_empty(),
    }
}

/// What a canvas says of itself. `number`, from 1, is part of its id if it has none of its own.
pub fn page<'a>(canvas: &Value, object: &'a Object, number: usize, base: &str) -> Page<'a> {
    let is_shared = id(canvas).is_some_and(|id| object.shared_ids.contains(id));
    let named = id(canvas).map(str::to_owned);
    let own = named
        .as_deref()
        .filter(|_| !is_shared)
        .map(|id| absolute(base, id));
    let around = named.as_ref().unwrap_or(&object.group);
    Page {
        object,
        id: own.unwrap_or_else(|| format!("{around}#canvas-{number}")),
        named,
        painting: Value::Null,
        label: label(&canvas["label"]),
        frame: size(&canvas["width"])
            .zip(size(&canvas["height"]))
            .map(|(width, height)| Frame { width, height }),
        metadata: metadata(canvas),
        rights: Rights::of(canvas),
        statements: statements(canvas),
    }
}

/// What a manifest or canvas says of itself, without what it holds.
pub fn statements(resource: &Value) -> Value {
    const SAID: [&str; 14] = [
        "@id",
        "id",
        "@type",
        "type",
        "label",
        "width",
        "height",
        "metadata",
        "rights",
        "license",
        "dcterms:rights",
        "requiredStatement",
        "attribution",
        "mediaSequences",
    ];
    let said = SAID.iter().filter(|member| has(resource, member));
    let said = said.map(|member| ((*member).to_owned(), resource[*member].clone()));
    Value::Object(said.collect())
}

/// Ids that canvases of a manifest share though they hold different things.
pub fn shared_ids(manifest: &Value) -> HashSet<String> {
    let mut seen: HashMap<&str, &Value> = HashMap::new();
    let mut shared = HashSet::new();
    for canvas in canvases_of(manifest) {
        let content = ["items", "images", "resources", "content"].map(|member| &canvas[member]);
        let Some(name) = id(canvas).filter(|_| content.iter().any(|value| !value.is_null())) else {
            continue;
        };
        let first = *seen.entry(name).or_insert(canvas);
        if content != ["items", "images", "resources", "content"].map(|member| &first[member]) {
            shared.insert(name.to_owned());
        }
    }
    shared
}

fn metadata(resource: &Value) -> Metadata {
    let mut metadata = Metadata::new();
    for pair in list(resource, "metadata") {
        let values = texts(&pair["value"]);
        if let Some(key) = label(&pair["label"]).filter(|_| !values.is_empty()) {
            metadata.entry(key).or_default().extend(values);
        }
    }
    metadata
}

fn rights(resource: &Value) -> Option<String> {
    if !resource.is_object() {
        return None;
    }
    let given = RIGHTS.iter().map(|member| said(&resource[*member]));
    given.into_iter().find_map(joined)
}

fn attribution(resource: &Value) -> Option<String> {
    if !resource.is_object() {
        return None;
    }
    let statements = list(resource, "requiredStatement");
    // A label and a value; some write the value alone.
    let statement = statements
        .into_iter()
        .flat_map(|given| match has(given, "value") {
            true => texts(&given["value"]),
            false if given.is_string() || is_language_map(given) => texts(given),
            false => Vec::new(),
        });
    joined(statement.collect()).or_else(|| joined(texts(&resource["attribution"])))
}

/// The texts of a member; things are called by their ids.
fn said(value: &Value) -> Vec<String> {
    let named = all(value).into_iter();
    let named = named.filter(|value| value.is_object() && value["@value"].is_null());
    let named: Vec<String> = named.filter_map(id).map(str::to_owned).collect();
    match named.is_empty() {
        true => texts(value),
        false => named,
    }
}

/// Several statements as one, each once.
fn joined(statements: Vec<String>) -> Option<String> {
    let mut seen = HashSet::new();
    let each = statements.iter().filter(|text| seen.insert(text.as_str()));
    let each: Vec<&str> = each.map(String::as_str).collect();
    (!each.is_empty()).then(|| each.join("; "))
}
