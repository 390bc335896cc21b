//! JSON in which nothing is lost in silence: a member that stands twice in an object is read once (RFC 8259, section 4, leaves
//! open which), and the other one is told.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The most members that are told of one document.
const MOST_TOLD: usize = 1000;

/// Reads a document. Of members with one name in one object the last counts; the paths of those before it that say something
/// else are returned too.
///
/// # Errors
/// It is not JSON.
pub fn read(bytes: &[u8]) -> serde_json::Result<(Value, Repeated)> {
    let mut repeated = Repeated::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Seed(&mut repeated).deserialize(&mut deserializer)?;
    deserializer.end()?;
    repeated.paths.sort();
    repeated.paths.dedup();
    Ok((value, repeated))
}

/// Members that stand before others of their name and say something else.
#[derive(Debug, Default, PartialEq)]
pub struct Repeated {
    /// Their paths, of the first [`MOST_TOLD`].
    pub paths: Vec<String>,
    /// How many more there are.
    pub more: u64,
}

/// Reads a value; collects the paths of repeated members in it, from it on.
struct Seed<'r>(&'r mut Repeated);

impl Seed<'_> {
    /// Puts what a path within a value begins with before those that were found in it.
    fn prefix(&mut self, from: usize, start: &str) {
        for path in &mut self.0.paths[from..] {
            let joint = if path.is_empty() || path.starts_with('[') {
                ""
            } else {
                "."
            };
            *path = format!("{start}{joint}{path}");
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, to: &mut fmt::Formatter) -> fmt::Result {
        to.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut values: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        loop {
            let before = self.0.paths.len();
            let Some(value) = values.next_element_seed(Seed(self.0))? else {
                return Ok(read.into());
            };
            if self.0.paths.len() > before {
                self.prefix(before, &format!("[{}]", read.len()));
            }
            read.push(value);
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let before = self.0.paths.len();
            let value = members.next_value_seed(Seed(self.0))?;
            if self.0.paths.len() > before {
                self.prefix(before, &name);
            }
            let is_other = read.get(&name).is_some_and(|first| *first != value);
            match is_other {
                true if self.0.paths.len() < MOST_TOLD => self.0.paths.push(name.clone()),
                true => self.0.more += 1,
                false => {}
            }
            read.insert(name, value);
        }
        Ok(Value::Object(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_stand_twice_are_told_with_their_places() {
        let cases = [
            (r#"{"a": 1, "b": [2, -3, 1.5, "x", null, true]}"#, vec![]),
            (r#"{"a": 1, "a": 2}"#, vec!["a"]),
            (r#"{"a": [1], "a": [1]}"#, vec![]),
            (
                r#"{"a": [{}, {"b": {"c": 1, "c": 2}}], "d": 1, "d": 2, "d": 3}"#,
                vec!["a[1].b.c", "d"],
            ),
            (r#"[[{"a": 1, "a": 2}]]"#, vec!["[0][0].a"]),
        ];
        for (text, wanted) in cases {
            let (value, repeated) = read(text.as_bytes()).unwrap();
            assert_eq!(value, serde_json::from_str::<Value>(text).unwrap());
            assert_eq!(repeated.paths, wanted, "{text}");
            assert_eq!(repeated.more, 0, "{text}");
        }
        // Those beyond the most that are told are counted.
        let twice: Vec<String> = (0..1003)
            .map(|n| format!(r#""{n}": 1, "{n}": 2"#))
            .collect();
        let text = format!("{{{}}}", twice.join(", "));
        let (_, repeated) = read(text.as_bytes()).unwrap();
        assert_eq!((repeated.paths.len(), repeated.more), (MOST_TOLD, 3));
        for bad in ["", "{", "[1] 2", "{\"a\": 1,}", &"[".repeat(1000)] {
            let wanted = serde_json::from_str::<Value>(bad).unwrap_err().to_string();
            assert_eq!(
                read(bad.as_bytes()).unwrap_err().to_string(),
                wanted,
                "{bad}"
            );
        }
    }
}
