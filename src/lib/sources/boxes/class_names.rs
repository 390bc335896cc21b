//! Lists of classes, a name on each line: what is no such list is told from one, whatever its file is called. Pure.

/// What labelme writes first in its lists, and what names no class.
const NO_CLASSES: [&str; 2] = ["__ignore__", "_background_"];

/// What a text is in place of a list with a name on each line; none if it may be one.
pub fn other_than_list(text: &str) -> Option<&'static str> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let first = text
        .lines()
        .next()
        .unwrap_or_default()
        .trim()
        .to_lowercase();
    let words = |separator: char| -> Vec<&str> {
        let cells = first.split(separator);
        cells.map(|cell| cell.trim().trim_matches('"')).collect()
    };
    let is_header = |separator: char| {
        let cells = words(separator);
        let has = |names: &[&str]| cells.iter().any(|cell| names.contains(cell));
        has(&["id", "class_id", "number", "index"]) && has(&["name", "class", "label", "category"])
    };
    if first.starts_with("item {") || first.starts_with("item{") {
        Some("a TensorFlow label map (.pbtxt)")
    } else if first.starts_with("# label:color_rgb") {
        Some("a CVAT label map for VOC")
    } else if first.starts_with('[') && text.ends_with(']') {
        Some("a JSON list")
    } else if first.starts_with("<?xml") || first.starts_with("<label") {
        Some("XML")
    } else if [',', ';', '\t'].into_iter().any(is_header) {
        Some("a table")
    } else {
        None
    }
}

/// Whether a line of such a list names a class.
pub fn is_class(line: &str) -> bool {
    !NO_CLASSES.contains(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_list_of_names_is_told() {
        let cases = [
            ("alef\nbet\n", None),
            ("id card\nname\n", None),
            ("[sic]\nbet\n", None),
            ("id;name\n0;bet\n", Some("a table")),
            ("id,folder,class,imagefolder\n", Some("a table")),
            ("\u{feff}\"Class\"\t\"ID\"\n", Some("a table")),
            ("item {\n  id: 1\n", Some("a TensorFlow label map (.pbtxt)")),
            (
                "# label:color_rgb:parts:actions\n",
                Some("a CVAT label map for VOC"),
            ),
            ("[\n  \"bet\"\n]\n", Some("a JSON list")),
        ];
        for (text, wanted) in cases {
            assert_eq!(other_than_list(text), wanted, "{text}");
        }
        assert!(is_class("alef") && !is_class("__ignore__"));
    }
}
