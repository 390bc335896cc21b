//! Texts of a file, borrowed from its bytes where they stand there as they are: of a million boxes none is copied.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A text of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Text(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Text(Cow::Owned(text))
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// The value of an attribute, whose text is borrowed if it is one.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue<'a> {
    /// A text.
    Text(Text<'a>),
    /// Anything else.
    Other(Value),
}

impl AttributeValue<'_> {
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            AttributeValue::Text(text) => Some(text),
            AttributeValue::Other(value) => value.as_str(),
        }
    }

    /// As a value of JSON.
    pub fn to_json(&self) -> Cow<'_, Value> {
        match self {
            AttributeValue::Text(text) => Cow::Owned(Value::String(text.as_str().to_owned())),
            AttributeValue::Other(value) => Cow::Borrowed(value),
        }
    }
}

impl Default for AttributeValue<'_> {
    fn default() -> Self {
        AttributeValue::Other(Value::Null)
    }
}

impl From<Value> for AttributeValue<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) => AttributeValue::Text(text.into()),
            other => AttributeValue::Other(other),
        }
    }
}

impl Serialize for AttributeValue<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            AttributeValue::Text(text) => text.serialize(s),
            AttributeValue::Other(value) => value.serialize(s),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for AttributeValue<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Reading(PhantomData))
    }
}

struct Reading<'a>(PhantomData<&'a str>);

impl<'de: 'a, 'a> Visitor<'de> for Reading<'a> {
    type Value = AttributeValue<'a>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(AttributeValue::Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(AttributeValue::Text(text.to_owned().into()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(AttributeValue::Other(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(AttributeValue::Other(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(AttributeValue::Other(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(AttributeValue::Other(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(AttributeValue::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(list)).map(AttributeValue::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(AttributeValue::Other)
    }
}

/// What the texts of a record are: `String`, or [`Text`] where they are borrowed.
pub trait HoldsText: AsRef<str> + Ord + Default {}

impl<T: AsRef<str> + Ord + Default> HoldsText for T {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_those_of_json_and_plain_texts_are_borrowed() {
        let values = json!([null, true, -1, 18446744073709551615u64, 0.1, "a", "b\n\u{e9}", [1, "x"], {"b": 1, "a": [{}]}]);
        let text = values.to_string();
        let read: Vec<AttributeValue> = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        for (read, value) in read.iter().zip(values.as_array().unwrap()) {
            assert_eq!(read.to_json().as_ref(), value);
            assert_eq!(read, &AttributeValue::from(value.clone()));
            assert_eq!(read.as_str(), value.as_str());
        }
        let is_borrowed =
            |value: &AttributeValue| matches!(value, AttributeValue::Text(Text(Cow::Borrowed(_))));
        assert_eq!(read.iter().filter(|value| is_borrowed(value)).count(), 1);
    }
}
