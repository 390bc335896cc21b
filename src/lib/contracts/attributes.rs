//! Attributes of boxes: few for each of millions, so that they are a sorted list rather than a tree.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::text::{AttributeValue, Text};

/// Attributes of a box by name, in code-point order of the names.
#[derive(Clone, Debug, PartialEq)]
pub struct Attributes<S = String, V = Value>(Vec<(S, V)>);

/// The same with names and texts that are borrowed from a file.
pub type BorrowedAttributes<'a> = Attributes<Text<'a>, AttributeValue<'a>>;

impl<S, V> Default for Attributes<S, V> {
    fn default() -> Self {
        Attributes(Vec::new())
    }
}

impl<S: AsRef<str>, V> Attributes<S, V> {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&V> {
        Some(&self.0[self.place(name).ok()?].1)
    }

    /// Whether a name has a value.
    pub fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// Sets a value, and returns the one before.
    pub fn insert(&mut self, name: S, value: V) -> Option<V> {
        match self.place(name.as_ref()) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (name, value));
                None
            }
        }
    }

    /// Removes a name.
    pub fn remove(&mut self, name: &str) -> Option<V> {
        let at = self.place(name).ok()?;
        Some(self.0.remove(at).1)
    }

    /// Keeps those for which something is true.
    pub fn retain(&mut self, is: impl Fn(&str, &V) -> bool) {
        self.0.retain(|(name, value)| is(name.as_ref(), value));
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&S, &V)> + Clone {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// Names.
    pub fn keys(&self) -> impl Iterator<Item = &S> {
        self.0.iter().map(|(name, _)| name)
    }

    /// Values.
    pub fn values(&self) -> impl Iterator<Item = &V> {
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
            .binary_search_by(|(known, _)| known.as_ref().cmp(name))
    }

    /// Adds one that is usually the last.
    fn add(&mut self, name: S, value: V) {
        match self.0.last() {
            Some((last, _)) if last.as_ref() >= name.as_ref() => drop(self.insert(name, value)),
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
    /// The value of a name. Where texts are borrowed they are no values of JSON, and there is none.
    fn value(&self, name: &str) -> Option<&Value>;

    /// The text of a name, however it is held.
    fn text(&self, name: &str) -> Option<&str>;

    /// Sets a value.
    fn set(&mut self, name: &str, value: Value);
}

impl Named for Attributes {
    fn value(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    fn set(&mut self, name: &str, value: Value) {
        self.insert(name.to_owned(), value);
    }
}

impl Named for BorrowedAttributes<'_> {
    fn value(&self, name: &str) -> Option<&Value> {
        match self.get(name)? {
            AttributeValue::Text(_) => None,
            AttributeValue::Other(value) => Some(value),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    fn set(&mut self, name: &str, value: Value) {
        self.insert(name.to_owned().into(), value.into());
    }
}

impl Named for BTreeMap<String, Value> {
    fn value(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
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

impl<S: AsRef<str>, V> Extend<(S, V)> for Attributes<S, V> {
    fn extend<I: IntoIterator<Item = (S, V)>>(&mut self, others: I) {
        for (name, value) in others {
            self.add(name, value);
        }
    }
}

impl<S: AsRef<str>, V> FromIterator<(S, V)> for Attributes<S, V> {
    fn from_iter<I: IntoIterator<Item = (S, V)>>(all: I) -> Self {
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

impl<S, V> IntoIterator for Attributes<S, V> {
    type Item = (S, V);
    type IntoIter = std::vec::IntoIter<(S, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, S, V> IntoIterator for &'a Attributes<S, V> {
    type Item = (&'a S, &'a V);
    type IntoIter = std::iter::Map<std::slice::Iter<'a, (S, V)>, fn(&'a (S, V)) -> (&'a S, &'a V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(name, value)| (name, value))
    }
}

impl<N: AsRef<str> + Serialize, V: Serialize> Serialize for Attributes<N, V> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.iter())
    }
}

impl<'de, S, V> Deserialize<'de> for Attributes<S, V>
where
    S: AsRef<str> + Deserialize<'de>,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_map(Reading(PhantomData))
    }
}

struct Reading<S, V>(PhantomData<(S, V)>);

impl<'de, S, V> Visitor<'de> for Reading<S, V>
where
    S: AsRef<str> + Deserialize<'de>,
    V: Deserialize<'de>,
{
    type Value = Attributes<S, V>;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut attributes = Attributes::default();
        while let Some((name, value)) = map.next_entry()? {
            attributes.add(name, value);
        }
        Ok(attributes)
    }
}

impl<S, V> JsonSchema for Attributes<S, V> {
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
