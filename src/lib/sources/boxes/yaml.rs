//! YAML as far as settings of datasets have it: texts, lists and maps. Scalars stay as they are written, so that a class
//! named `no` or `1e3` keeps its name. Aliases are refused: a few lines of them can stand for any number of nodes.

use saphyr_parser::{Event, Parser};

/// The deepest nesting that is read.
const MOST_DEPTH: usize = 50;

/// A node of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A scalar, as it is written without its quotes.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the document.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The member of a map.
    pub fn member(&self, name: &str) -> Option<&Node> {
        match self {
            Node::Map(members) => members
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, node)| node),
            _ => None,
        }
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match self {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A list or map that is being read; of a map also the key that waits for its value.
enum Open {
    List(Vec<Node>),
    Map(Vec<(String, Node)>, Option<String>),
}

/// Reads the first document of a YAML file.
///
/// # Errors
/// It is not YAML, has aliases, is nested too deeply, or a key is not a scalar.
pub fn read(text: &str) -> Result<Node, String> {
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|e| format!("document cannot be read as YAML: {e}"))?;
        let done = match event {
            Event::Scalar(text, ..) => Some(Node::Text(text.into_owned())),
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Vec::new(), None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items)) => Some(Node::List(items)),
                Some(Open::Map(members, _)) => Some(Node::Map(members)),
                None => None,
            },
            Event::Alias(_) => return Err("document has aliases, which are not read".into()),
            Event::DocumentEnd => break,
            _ => None,
        };
        if open.len() > MOST_DEPTH {
            return Err("document is nested too deeply".into());
        }
        let Some(node) = done else { continue };
        match (open.last_mut(), node) {
            (None, node) => return Ok(node),
            (Some(Open::List(items)), node) => items.push(node),
            (Some(Open::Map(members, key)), node) => match (key.take(), node) {
                (Some(key), node) => members.push((key, node)),
                (None, Node::Text(text)) => *key = Some(text),
                (None, _) => return Err("document has a key that is not a text".into()),
            },
        }
    }
    Err("document is empty".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_as_they_are_written() {
        let root = read(
            "# set\ntrain: ../train\nnc: 3\nnames:\n  0: no\n  1: '1e3'\n  7: \"a: \\u00e9\"\n",
        )
        .unwrap();
        let wanted = [("0", "no"), ("1", "1e3"), ("7", "a: é")];
        let names = wanted.map(|(key, name)| (key.to_owned(), Node::Text(name.to_owned())));
        assert_eq!(root.member("names"), Some(&Node::Map(names.to_vec())));
        let list = read("names: [a, 'b, c']").unwrap();
        let wanted = ["a", "b, c"].map(|name| Node::Text(name.to_owned()));
        assert_eq!(list.member("names"), Some(&Node::List(wanted.to_vec())));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let deep = "[".repeat(80);
        for (text, begin) in [
            ("", "document is empty"),
            ("a: &x [1]\nb: *x\n", "document has aliases"),
            ("[a]: b", "document has a key that is not a text"),
            (&*deep, "document is nested too deeply"),
            ("a: [b", "document cannot be read as YAML: "),
        ] {
            let problem = read(text).unwrap_err();
            assert!(problem.starts_with(begin), "{text}: {problem}");
        }
    }
}
