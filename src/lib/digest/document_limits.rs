//! How large a document may be: its bytes, and the tree that its JSON becomes in memory. Pure.

/// Limits for each document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentLimits {
    /// The most bytes, after decompression.
    pub bytes: u64,
    /// The most bytes that its JSON may take as a tree in memory; none: it does not become a tree.
    pub tree: Option<u64>,
}

/// What a value of JSON takes in a tree, whatever it is.
const VALUE: u64 = 72;
/// What an object takes besides its values: a hash table and room for its first members.
const OBJECT: u64 = 480;

impl DocumentLimits {
    /// The limits for documents of so many bytes; `is_tree` says that each becomes one tree of JSON.
    pub fn new(bytes: u64, is_tree: bool) -> Self {
        DocumentLimits {
            bytes,
            tree: is_tree.then_some(bytes.saturating_mul(8)),
        }
    }

    /// Whether a document is small enough.
    ///
    /// # Errors
    /// It is too large: the problem of its reject.
    pub fn check(&self, bytes: &[u8]) -> Result<(), String> {
        if bytes.len() as u64 > self.bytes {
            return Err(self.exceeded());
        }
        let Some(most) = self.tree else {
            return Ok(());
        };
        // The most that so many bytes can become: `{"":{"":…` has a member of an object in every five.
        let is_small = (bytes.len() as u64).saturating_mul(OBJECT + VALUE) < most * 5;
        match is_small || tree_size(bytes) <= most {
            true => Ok(()),
            false => Err(format!(
                "document has too many values: they would take more than {} MB of memory; --max-document MB raises this to 8 times its value",
                most / 1_000_000
            )),
        }
    }

    /// The problem of a document with too many bytes.
    pub fn exceeded(&self) -> String {
        format!(
            "document is too large: more than {} MB; --max-document MB raises this limit",
            self.bytes / 1_000_000
        )
    }
}

/// Roughly the bytes that a JSON document takes as a tree, from its brackets and commas outside of texts. What is not
/// JSON gets some number too.
fn tree_size(bytes: &[u8]) -> u64 {
    let (mut size, mut in_text, mut is_escaped, mut last) = (VALUE, false, false, b' ');
    for byte in bytes {
        if in_text {
            size += 1;
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b',' | b'[' => size += VALUE,
            b'{' => size += VALUE + OBJECT,
            // An empty object or list has no value in it, and an empty object no table.
            b'}' if last == b'{' => size -= VALUE + OBJECT,
            b']' if last == b'[' => size -= VALUE,
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            last = *byte;
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn limits(bytes: u64, tree: u64) -> DocumentLimits {
        DocumentLimits {
            bytes,
            tree: Some(tree),
        }
    }

    #[test]
    fn values_are_counted_outside_of_texts() {
        let cases = [
            ("1", VALUE),
            ("[]", VALUE),
            ("[ ]", VALUE),
            ("{}", VALUE),
            ("[1,2]", 3 * VALUE),
            (r#"["a,[\"{"]"#, 2 * VALUE + 7),
            (r#"{"a":1,"b":[]}"#, 3 * VALUE + OBJECT + 4),
        ];
        for (text, size) in cases {
            assert_eq!(tree_size(text.as_bytes()), size, "{text}");
            assert!(serde_json::from_str::<Value>(text).is_ok(), "{text}");
        }
        for damaged in ["]]]", "}", "{]", "\"", "\"\\", ""] {
            tree_size(damaged.as_bytes());
        }
    }

    #[test]
    fn documents_of_few_bytes_and_many_values_are_refused() {
        let lists = format!("[{}1]", "[],".repeat(100_000));
        let objects = format!("[{}1]", "{\"\":0},".repeat(100_000));
        let text = format!("[\"{}\"]", "[],".repeat(100_000));
        let limits = limits(1_000_000, 2_000_000);
        for (document, is_fine) in [(&lists, false), (&objects, false), (&text, true)] {
            assert_eq!(limits.check(document.as_bytes()).is_ok(), is_fine);
        }
        assert!(limits.check(&vec![b' '; 1_000_001]).is_err());
        let anything = DocumentLimits {
            tree: None,
            ..limits
        };
        assert!(anything.check(lists.as_bytes()).is_ok());
    }
}
