//! What splits are called for Hugging Face's `datasets`, which refuses a set if it refuses the name of one split.

use unicode_normalization::char::is_combining_mark;

use crate::formats::dataset::Dataset;

/// The name of a split as `datasets` calls it.
pub fn usual(split: &str) -> String {
    match split.to_ascii_lowercase().as_str() {
        "train" | "training" => "train".into(),
        "val" | "valid" | "validation" | "dev" => "validation".into(),
        "test" | "testing" => "test".into(),
        _ => split.to_owned(),
    }
}

/// The names of all splits as `datasets` calls them, in the order of [`Dataset::parts`].
pub fn names(dataset: &Dataset) -> Vec<String> {
    taken(dataset.parts("train").into_iter().map(usual))
}

/// The same for files of splits that keep their own names.
pub fn own_names(dataset: &Dataset) -> Vec<String> {
    taken(dataset.parts("train").into_iter().map(str::to_owned))
}

/// The note about splits that are called otherwise because `datasets` would refuse their names.
pub fn note(format: &str, dataset: &Dataset) -> Option<String> {
    let parts = dataset.parts("train").into_iter().zip(names(dataset));
    let renamed: Vec<String> = parts
        .filter(|(split, name)| usual(split) != *name)
        .map(|(split, name)| format!("`{split}` is `{name}`"))
        .collect();
    (!renamed.is_empty()).then(|| {
        format!(
            "{format}: `datasets` takes names of letters, digits and _ for splits, each once, and not `all`: {}",
            renamed.join(", ")
        )
    })
}

/// Names that `datasets` takes, each once, also where upper and lower case are the same.
fn taken(splits: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for split in splits {
        let name = plain(&split);
        let is_new = |name: &String| {
            let mut known = names.iter();
            known.all(|known| known.to_lowercase() != name.to_lowercase())
        };
        let numbered = (2..).map(|n| format!("{name}_{n}"));
        let name = std::iter::once(name.clone()).chain(numbered).find(is_new);
        names.extend(name);
    }
    names
}

/// A name that `datasets` takes: words with single dots between them. `all` stands for all splits together.
fn plain(split: &str) -> String {
    let is_word = |c: char| c == '_' || c.is_alphanumeric() && !is_combining_mark(c);
    let chars: Vec<char> = split.chars().collect();
    let is_word_at = |at: usize| chars.get(at).copied().is_some_and(is_word);
    let keep = |(at, &c): (usize, &char)| {
        let is_between = c == '.' && at > 0 && is_word_at(at - 1) && is_word_at(at + 1);
        if is_word(c) || is_between { c } else { '_' }
    };
    let mut name: String = chars.iter().enumerate().map(keep).collect();
    if name.is_empty() || name.eq_ignore_ascii_case("all") {
        name.push('_');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_split_has_a_name_of_its_own_that_is_taken() {
        let cases: [(&[&str], &[&str]); 6] = [
            (&["train", "val", "test"], &["train", "validation", "test"]),
            (
                &["Test", "test-unseen", "in domain"],
                &["test", "test_unseen", "in_domain"],
            ),
            (
                &["2019/a", "2019 a", "2019_A"],
                &["2019_a", "2019_a_2", "2019_A_3"],
            ),
            (&["val", "validation"], &["validation", "validation_2"]),
            (
                &["All", "..", "a.b", "a..b", ".a"],
                &["All_", "__", "a.b", "a__b", "_a"],
            ),
            (&["\u{5d0}", "e\u{301}"], &["\u{5d0}", "e_"]),
        ];
        for (splits, wanted) in cases {
            let dataset = Dataset {
                splits: splits.iter().map(|&split| split.to_owned()).collect(),
                ..Dataset::default()
            };
            assert_eq!(names(&dataset), wanted, "{splits:?}");
        }
    }
}
