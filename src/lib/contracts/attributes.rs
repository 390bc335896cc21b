//! Attributes of boxes: few for each of millions, so that they are a sorted list rather than a tree.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Attributes of a box by name, in code-point order of the names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(Vec<(String, Value)>);

impl Attributes {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        Some(&self.0[self.place(name).ok()?].1)
    }

    /// Whether a name has a value.
    pub fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// Sets a value, and returns the one before.
    pub fn insert(&mut self, name: String, value: Value) -> Option<Value> {
        match self.place(&name) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (name, value));
                None
            }
        }
    }

    /// Removes a name.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.place(name).ok()?;
        Some(self.0.remove(at).1)
    }

    /// Keeps those for which something is true.
    pub fn retain(&mut self, is: impl Fn(&str, &Value) -> bool) {
        self.0.retain(|(name, value)| is(name, value));
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> + Clone {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// Names.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(name, _)| name)
    }

    /// Values.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().map(|(_, value)| value)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0
            .binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    /// Adds one that is usually the last.
    fn add(&mut self, name: String, value: Value) {
        match self.0.last() {
            Some((last, _)) if *last >= name => drop(self.insert(name, value)),
            _ => {
                if self.0.len() < 4 {
                    self.0.reserve_exact(1);
                }
                self.0.push((name, value));
            }
        }
    }
}

/// Values by name, in whichever form they are held.
pub trait Named {
    /// The value of a name.
    fn value(&self, name: &str) -> Option<&Value>;

    /// Sets a value.
    fn set(&mut self, name: &str, value: Value);
}

impl Named for Attributes {
    fn value(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }

    fn set(&mut self, name: &str, value: Value) {
        self.insert(name.to_owned(), value);
    }
}

impl Named for BTreeMap<String, Value> {
    fn value(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }

    fn set(&mut self, name: &str, value: Value) {
        self.insert(name.to_owned(), value);
    }
}

impl std::ops::Index<&str> for Attributes {
    type Output = Value;

    /// The value of a name; null if it has none, as in a JSON value.
    fn index(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&Value::Null)
    }
}

impl Extend<(String, Value)> for Attributes {
    fn extend<I: IntoIterator<Item = (String, Value)>>(&mut self, others: I) {
        for (name, value) in others {
            self.add(name, value);
        }
    }
}

impl FromIterator<(String, Value)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(all: I) -> Self {
        let mut attributes = Attributes::default();
        attributes.extend(all);
        attributes
    }
}

impl From<BTreeMap<String, Value>> for Attributes {
    fn from(map: BTreeMap<String, Value>) -> Self {
        Attributes(map.into_iter().collect())
    }
}

impl From<Attributes> for BTreeMap<String, Value> {
    fn from(attributes: Attributes) -> Self {
        attributes.0.into_iter().collect()
    }
}

impl<const N: usize> From<[(String, Value); N]> for Attributes {
    fn from(pairs: [(String, Value); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl IntoIterator for Attributes {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Attributes {
    type Item = (&'a String, &'a Value);
    type IntoIter = std::iter::Map<
        std::slice::Iter<'a, (String, Value)>,
        fn(&'a (String, Value)) -> (&'a String, &'a Value),
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(name, value)| (name, value))
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_map(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Attributes;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
        let mut attributes = Attributes::default();
        while let Some((name, value)) = map.next_entry()? {
            attributes.add(name, value);
        }
        Ok(attributes)
    }
}

impl JsonSchema for Attributes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        BTreeMap::<String, Value>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, Value>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_what_a_map_of_the_same_pairs_is(pairs in proptest::collection::vec(("[a-d]{0,2}", 0u32..9), 0..12), gone in "[a-d]") {
            let text = pairs.iter().map(|(name, value)| format!("{name:?}:{value}")).collect::<Vec<_>>().join(",");
            let text = format!("{{{text}}}");
            let mut map: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
            let mut attributes: Attributes = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&Attributes::from(map.clone()), &attributes);
            prop_assert_eq!(map.remove(&gone), attributes.remove(&gone));
            prop_assert_eq!(map.insert("c".into(), 1.into()), attributes.insert("c".into(), 1.into()));
            prop_assert_eq!(serde_json::to_string(&map).unwrap(), serde_json::to_string(&attributes).unwrap());
            prop_assert_eq!(map.get("a"), attributes.get("a"));
            prop_assert_eq!(map, BTreeMap::from(attributes));
        }
    }
}
