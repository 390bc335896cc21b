//! Where values stand in their document: `items[3].items[0].body`.

use std::collections::HashMap;

use serde_json::Value;

/// The paths of some values, by their addresses. A value that does not stand in the document does not get one.
pub fn paths(document: &Value, wanted: &[&Value]) -> HashMap<*const Value, String> {
    let open = wanted
        .iter()
        .map(|value| std::ptr::from_ref(*value))
        .collect();
    let mut search = Search {
        open,
        found: HashMap::new(),
        path: String::new(),
    };
    search.visit(document);
    search.found
}

struct Search {
    open: std::collections::HashSet<*const Value>,
    found: HashMap<*const Value, String>,
    path: String,
}

impl Search {
    /// Visits a value and what it holds. Documents are nested at most as deep as serde_json reads them, 128 levels.
    fn visit(&mut self, value: &Value) {
        let address = std::ptr::from_ref(value);
        if self.open.remove(&address) {
            self.found.insert(address, self.path.clone());
        }
        if self.open.is_empty() {
            return;
        }
        let length = self.path.len();
        match value {
            Value::Array(values) => {
                for (at, value) in values.iter().enumerate() {
                    self.path.push_str(&format!("[{at}]"));
                    self.visit(value);
                    self.path.truncate(length);
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    if length > 0 {
                        self.path.push('.');
                    }
                    self.path.push_str(name);
                    self.visit(value);
                    self.path.truncate(length);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_found_where_they_stand_and_not_where_equal_ones_do() {
        let document = json!({"items": [{"body": [1, 1]}, {"body": 1}]});
        let second = &document["items"][0]["body"][1];
        let third = &document["items"][1]["body"];
        let elsewhere = json!(1);
        let found = paths(&document, &[second, third, &elsewhere, &document]);
        let path = |value: &Value| found.get(&std::ptr::from_ref(value)).map(String::as_str);
        assert_eq!(path(second), Some("items[0].body[1]"));
        assert_eq!(path(third), Some("items[1].body"));
        assert_eq!(path(&document), Some(""));
        assert_eq!(path(&elsewhere), None);
    }
}
