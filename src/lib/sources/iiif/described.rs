//! What a manifest and a canvas say of themselves, for all images on them.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::canvases::canvases_of;
use super::hanging::Hanging;
use super::range_members::CONTENT;
use super::values::{
    absolute, all, has, id, is_called, is_language_map, label, list, members, size, spelled, texts,
};
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
#[derive(Clone)]
pub struct Page<'a> {
    pub object: &'a Object,
    /// Its id; where it has none of its own, one made of its number.
    pub id: String,
    /// Its id as it is written.
    pub named: Option<String>,
    /// What paints an image that is a document of its own.
    pub painting: Value,
    pub label: Option<String>,
    /// The label of the page of painting annotations, such as the name of a layer.
    pub layer: Option<String>,
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

    /// Puts what is said into the members of a resource that is described elsewhere.
    fn put_into(&self, statements: &mut Value) {
        let given = [
            (&RIGHTS[..], &self.rights),
            (&ATTRIBUTION[..], &self.attribution),
        ];
        let Some(members) = statements.as_object_mut() else {
            return;
        };
        for (names, said) in given {
            if let Some(said) = said {
                members.retain(|member, _| !names.iter().any(|name| is_called(member, name)));
                members.insert(names[1].to_owned(), said.as_str().into());
            }
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
        own.put_into(&mut object.statements);
        object.rights = own.or(object.rights);
        Some(object)
    }
}

/// Members that say what may be done, with any prefix: `dcterms:license`, `dc:rights`.
const RIGHTS: [&str; 2] = ["rights", "license"];

/// Members that say whom to name, with any prefix.
const ATTRIBUTION: [&str; 3] = ["requiredStatement", "attribution", "attributionLabel"];

/// Whether a member says what may be done or whom to name.
pub fn is_of_rights(member: &str) -> bool {
    let mut names = RIGHTS.iter().chain(&ATTRIBUTION);
    names.any(|name| is_called(member, name))
}

impl Page<'_> {
    /// The same, with what a page of painting annotations on it says of all that it holds; none if it says nothing.
    pub fn with_layer(&self, painting: &Value) -> Option<Self> {
        let own = Rights::of(painting);
        let layer = label(&painting["label"]);
        let said = metadata(painting);
        let is_bare = own.rights.is_none() && own.attribution.is_none();
        if is_bare && layer.is_none() && said.is_empty() {
            return None;
        }
        let mut page = self.clone();
        own.put_into(&mut page.statements);
        page.rights = own.or(page.rights);
        page.layer = layer.or(page.layer);
        page.say(said);
        Some(page)
    }

    /// Adds the labels of the ranges that name the canvas.
    pub fn name_ranges(&mut self, labels: &[String]) {
        if !labels.is_empty() {
            self.say(Metadata::from([("range".to_owned(), labels.to_vec())]));
        }
    }

    /// Adds metadata.
    fn say(&mut self, said: Metadata) {
        let mut pairs: Vec<Value> = members(&self.statements, "metadata")
            .into_iter()
            .cloned()
            .collect();
        pairs.extend(
            said.iter()
                .map(|(name, values)| serde_json::json!({"label": name, "value": values})),
        );
        if let (false, Some(members)) = (said.is_empty(), self.statements.as_object_mut()) {
            members.insert("metadata".into(), pairs.into());
        }
        add_metadata(&mut self.metadata, said);
    }

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
        layer: None,
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
    const SAID: [&str; 8] = [
        "@id",
        "id",
        "@type",
        "type",
        "label",
        "width",
        "height",
        "mediaSequences",
    ];
    const ALSO_SPELLED: [&str; 2] = ["metadata", "navDate"];
    let is_said = |member: &str| {
        let is_spelled = ALSO_SPELLED.iter().any(|name| is_called(member, name));
        SAID.contains(&member) || is_spelled || is_of_rights(member)
    };
    let members = resource.as_object().into_iter().flatten();
    let said = members.filter(|(member, value)| !value.is_null() && is_said(member));
    let said = said.map(|(member, value)| (member.clone(), value.clone()));
    Value::Object(said.collect())
}

/// Ids that canvases of a manifest share though they hold different things.
pub fn shared_ids(manifest: &Value) -> HashSet<String> {
    let mut seen: HashMap<&str, &Value> = HashMap::new();
    let mut shared = HashSet::new();
    for canvas in canvases_of(manifest) {
        let content = CONTENT.map(|member| members(canvas, member));
        let is_there = CONTENT.iter().any(|member| has(canvas, member));
        let Some(name) = id(canvas).filter(|_| is_there) else {
            continue;
        };
        let first = *seen.entry(name).or_insert(canvas);
        if content != CONTENT.map(|member| members(first, member)) {
            shared.insert(name.to_owned());
        }
    }
    shared
}

/// What a resource says of itself for people, and the date by which it is found (`navDate`).
pub fn metadata(resource: &Value) -> Metadata {
    let mut metadata = Metadata::new();
    for pair in list(resource, "metadata") {
        let values = texts(&pair["value"]);
        if let Some(key) = label(&pair["label"]).filter(|_| !values.is_empty()) {
            metadata.entry(key).or_default().extend(values);
        }
    }
    if let Some(date) = spelled(resource, &["navDate"]).into_iter().find_map(label) {
        add_metadata(
            &mut metadata,
            Metadata::from([("navDate".to_owned(), vec![date])]),
        );
    }
    metadata
}

/// Adds metadata that is not there yet.
pub fn add_metadata(all: &mut Metadata, more: Metadata) {
    for (key, values) in more {
        let known = all.entry(key).or_default();
        for value in values {
            if !known.contains(&value) {
                known.push(value);
            }
        }
    }
}

fn rights(resource: &Value) -> Option<String> {
    if !resource.is_object() {
        return None;
    }
    let given = called(resource, &RIGHTS);
    given.into_iter().map(said).find_map(joined)
}

fn attribution(resource: &Value) -> Option<String> {
    if !resource.is_object() {
        return None;
    }
    let statements = called(resource, &ATTRIBUTION[..1]).into_iter();
    let statements = statements.flat_map(all);
    // A label and a value; some write the value alone.
    let statement = statements.flat_map(|given| match has(given, "value") {
        true => texts(&given["value"]),
        false if given.is_string() || is_language_map(given) => texts(given),
        false => Vec::new(),
    });
    let others = || called(resource, &ATTRIBUTION[1..]).into_iter().map(texts);
    joined(statement.collect()).or_else(|| others().find_map(joined))
}

/// What stands in the members of these names: first by the names as they are, then with prefixes or as IRIs.
fn called<'v>(resource: &'v Value, names: &[&str]) -> Vec<&'v Value> {
    let plain = names.iter().map(|name| &resource[*name]);
    let is_prefixed = |member: &str| {
        let is_one = names.iter().any(|name| is_called(member, name));
        is_one && !names.contains(&member)
    };
    let others = resource.as_object().into_iter().flatten();
    let others = others.filter(|(member, _)| is_prefixed(member));
    let others = others.map(|(_, value)| value);
    plain
        .chain(others)
        .filter(|value| !value.is_null())
        .collect()
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
