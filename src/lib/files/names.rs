//! File names that every file system accepts.

use unicode_normalization::UnicodeNormalization;

use super::hash::hex_digest;

/// A file or folder name that every file system and tool accepts: ASCII letters, digits, `-`, `_`, `.`; never empty,
/// never hidden, never the name of a device, at most [`SafeName::MOST`] bytes. Other scripts are transliterated, so that
/// names stay readable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafeName(String);

impl SafeName {
    /// The longest name in bytes. A hash, a suffix and a temporary ending still fit within 255.
    pub const MOST: usize = 80;

    /// A readable name for a text. Different texts may get the same: see [`SafeName::unique`].
    pub fn readable(text: &str) -> Self {
        let ascii = deunicode::deunicode(&text.nfc().collect::<String>());
        let mut name = String::new();
        for c in ascii.chars() {
            let c = if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') {
                c
            } else {
                '_'
            };
            let doubled = matches!(c, '_' | '.' | '-') && name.ends_with(['_', '.', '-']);
            if !doubled {
                name.push(c);
            }
        }
        name.truncate(Self::MOST);
        let name = name.trim_matches(['_', '.', '-']);
        match name {
            "" => SafeName("unnamed".into()),
            _ if is_device_name(name) => SafeName(format!("{name}_")),
            name => SafeName(name.to_owned()),
        }
    }

    /// A readable name that no other text gets: the text itself if it is safe already, else the readable form and a
    /// hash of the text.
    pub fn unique(text: &str) -> Self {
        let name = Self::readable(text);
        if name.0 == text {
            name
        } else {
            SafeName(format!("{}-{}", name.0, hex_digest(text.as_bytes(), 8)))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a name is that of a device on Windows, with or without a suffix.
pub fn is_device_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or("").to_ascii_lowercase();
    ["con", "prn", "aux", "nul"].contains(&&*stem) || is_numbered_device(&stem)
}

fn is_numbered_device(stem: &str) -> bool {
    stem.len() == 4
        && (stem.starts_with("com") || stem.starts_with("lpt"))
        && stem.as_bytes()[3].is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable_safe_and_keep_different_texts_apart() {
        let cases = [
            ("4Q171", "4Q171"),
            ("XHev/Se 8", "XHev_Se_8"),
            ("../../etc/passwd", "etc_passwd"),
            ("", "unnamed"),
            ("...", "unnamed"),
            ("CON", "CON_"),
            ("com1.txt", "com1.txt_"),
            ("Near Infra-Red (NIR) -Recto", "Near_Infra-Red_NIR_Recto"),
            ("Œuvre: «a»", "OEuvre_a"),
        ];
        for (text, name) in cases {
            assert_eq!(SafeName::readable(text).as_str(), name, "{text:?}");
        }
        assert_ne!(SafeName::unique("a/b"), SafeName::unique("a_b"));
        assert_eq!(SafeName::unique("4Q171").as_str(), "4Q171");
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_a_name_that_stays_in_its_folder(text in ".{0,200}") {
            let name = SafeName::unique(&text);
            proptest::prop_assert!(!name.as_str().is_empty() && name.as_str().len() <= SafeName::MOST + 10);
            proptest::prop_assert!(!name.as_str().starts_with('.'));
            proptest::prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
        }
    }
}
