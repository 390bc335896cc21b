//! How much memory a JSON document would take once it is read: a few kilobytes on the way can be gigabytes of empty lists.

/// The most values that a document may hold. Each takes about a hundred bytes once it is read, so that a document is held in
/// less than a gigabyte.
pub const MOST: u64 = 5_000_000;

/// How many values (lists, objects, and what they hold) a JSON text has, by its punctuation outside of strings. Texts that
/// are not JSON have some number too.
pub fn values(json: &[u8]) -> u64 {
    let (mut values, mut at) = (1, 0);
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => at = end_of_string(json, at + 1),
            b',' | b'[' | b'{' => values += 1,
            _ => {}
        }
        at += 1;
    }
    values
}

/// The place of the quote that ends a string.
fn end_of_string(json: &[u8], mut at: usize) -> usize {
    while let Some(next) = json
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        at += next;
        if json[at] == b'"' {
            return at;
        }
        at += 2;
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_outside_of_strings() {
        let cases = [
            ("1", 1),
            ("[]", 2),
            ("[1,2,3]", 4),
            (r#"{"a,b":"[,\"{,","c":[{}]}"#, 5),
            (r#""\\",,"#, 3),
            (r#""open, ["#, 1),
        ];
        for (json, wanted) in cases {
            assert_eq!(values(json.as_bytes()), wanted, "{json}");
        }
    }
}
