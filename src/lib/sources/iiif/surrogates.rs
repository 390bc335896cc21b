//! Halves of characters in JSON: `\ud83d` alone is no character (RFC 8259, section 8.2), and some programs cut texts there.

/// JSON with U+FFFD in the place of halves of characters; none if there are none.
pub fn replaced(json: &[u8]) -> Option<Vec<u8>> {
    let mut written = Vec::with_capacity(json.len());
    let (mut at, mut is_changed) = (0, false);
    while let Some(byte) = json.get(at) {
        let length = match (byte, half(&json[at..])) {
            (b'\\', Some(first)) => {
                let second = json.get(at + 6..).and_then(half);
                let is_pair = first < 0xDC00 && second.is_some_and(|second| second >= 0xDC00);
                if !is_pair {
                    written.extend(br"\ufffd");
                    (at, is_changed) = (at + 6, true);
                    continue;
                }
                12
            }
            (b'\\', None) => 2,
            _ => 1,
        };
        let end = json.len().min(at + length);
        written.extend(&json[at..end]);
        at = end;
    }
    is_changed.then_some(written)
}

/// The half of a character that an escape at the beginning stands for.
fn half(json: &[u8]) -> Option<u16> {
    let digits = json.strip_prefix(br"\u")?.get(..4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    let code = u16::from_str_radix(digits, 16).ok()?;
    (0xD800..0xE000).contains(&code).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_replaced_and_nothing_else() {
        let cases = [
            (r#"["a\ud800b"]"#, Some("[\"a\u{fffd}b\"]")),
            (r#"["\uDC00\ud83d"]"#, Some("[\"\u{fffd}\u{fffd}\"]")),
            (r#"["\ud83d\ude00\ud83d"]"#, Some("[\"\u{1f600}\u{fffd}\"]")),
            (r#"["\ud83d\ude00", "\\ud800", "\u00e9"]"#, None),
            (r#"["\ud8"#, None),
        ];
        for (json, wanted) in cases {
            let found = replaced(json.as_bytes());
            let read =
                found.map(|json| serde_json::from_slice::<serde_json::Value>(&json).unwrap());
            let wanted =
                wanted.map(|json| serde_json::from_str::<serde_json::Value>(json).unwrap());
            assert_eq!(read, wanted, "{json}");
        }
    }
}
