//! Class names that people cannot tell apart: they differ by marks that are not seen, by case or width, by the kind of a dash, a
//! quotation mark or what stands between words, or by letters of another script. Pure.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

/// The names that look like another, each list in the order given.
pub fn lookalikes(names: &[String]) -> Vec<Vec<&str>> {
    let mut same: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in names {
        same.entry(seen(name, plain)).or_default().push(name);
    }
    same.into_values().filter(|names| names.len() > 1).collect()
}

/// A note about names of classes that look alike; none if all can be told apart.
pub fn note(names: &[String]) -> Option<String> {
    let what = "class names that look alike and are separate classes";
    note_of(names, what, "--remap makes them one")
}

/// How many groups are compared.
const MOST_GROUPS: usize = 100_000;

/// A note about groups that look alike, of which one may be trained on and another tested; none if all can be told apart, or if
/// there are very many.
pub fn note_on_groups(names: &[String]) -> Option<String> {
    let what = "groups that look alike and may be in different splits";
    let few = (names.len() <= MOST_GROUPS).then_some(names)?;
    note_of(few, what, "write them alike in the source")
}

/// A note about names of splits that look alike; none if all can be told apart.
pub fn note_on_splits(names: &[String]) -> Option<String> {
    let what = "names of splits that look alike and are separate splits";
    note_of(names, what, "write them alike in the source")
}

/// A note about names that look alike.
fn note_of(names: &[String], what: &str, advice: &str) -> Option<String> {
    const FEW: usize = 3;
    let alike = lookalikes(names);
    let list = |names: &Vec<&str>| -> String {
        let mut plainly = names.iter().map(|name| seen(name, |c| c));
        let first = plainly.next();
        let are_of_scripts = plainly.any(|name| Some(name) != first);
        let names = names.iter();
        let names = names.map(|name| format!("`{}`", shown(name, are_of_scripts)));
        names.collect::<Vec<_>>().join(" and ")
    };
    let first: Vec<String> = alike.iter().take(FEW).map(list).collect();
    let more = if alike.len() > FEW { "; …" } else { "" };
    (!alike.is_empty()).then(|| {
        format!(
            "{what}: {} ({}{more}); {advice}",
            alike.len(),
            first.join("; ")
        )
    })
}

/// What is seen of a name, with some signs as others.
fn seen(name: &str, plain: fn(char) -> char) -> String {
    let is_seen = |c: &char| c.is_whitespace() || !is_invisible(*c);
    let visible: String = name.nfkc().filter(is_seen).map(plain).collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    let name: Vec<char> = words.join(" ").chars().collect();
    let is_letter = |at: usize| name.get(at).is_some_and(|c| c.is_alphanumeric());
    // Between words, and not before a number or behind a mark.
    let is_between =
        |at: usize| name[at] == '-' && at > 0 && is_letter(at - 1) && is_letter(at + 1);
    let spaced = (0..name.len()).map(|at| if is_between(at) { ' ' } else { name[at] });
    let spaced: String = spaced.collect();
    folded(&spaced).nfkc().collect()
}

/// The sign that a sign looks like. Of Unicode's confusables those that occur in names by mistake: what keyboards and word
/// processors put in place of a hyphen or a quotation mark, what stands between words, and letters of Greek and Cyrillic.
fn plain(c: char) -> char {
    match c {
        '_' | '-' | '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{5be}' => '-',
        '\u{2018}'..='\u{201b}' | '\u{2bb}' | '\u{2bc}' | '\u{2032}' | '`' => '\'',
        '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{2033}' => '"',
        _ => FOREIGN
            .iter()
            .find(|(foreign, _)| *foreign == c)
            .map_or(c, |(_, latin)| *latin),
    }
}

/// Letters of Cyrillic, then of Greek, and the Latin letters that they look like.
const FOREIGN: [(char, char); 48] = [
    ('\u{410}', 'A'),
    ('\u{412}', 'B'),
    ('\u{415}', 'E'),
    ('\u{41a}', 'K'),
    ('\u{41c}', 'M'),
    ('\u{41d}', 'H'),
    ('\u{41e}', 'O'),
    ('\u{420}', 'P'),
    ('\u{421}', 'C'),
    ('\u{422}', 'T'),
    ('\u{423}', 'Y'),
    ('\u{425}', 'X'),
    ('\u{405}', 'S'),
    ('\u{406}', 'I'),
    ('\u{408}', 'J'),
    ('\u{430}', 'a'),
    ('\u{435}', 'e'),
    ('\u{43e}', 'o'),
    ('\u{440}', 'p'),
    ('\u{441}', 'c'),
    ('\u{443}', 'y'),
    ('\u{445}', 'x'),
    ('\u{455}', 's'),
    ('\u{456}', 'i'),
    ('\u{458}', 'j'),
    ('\u{501}', 'd'),
    ('\u{4bb}', 'h'),
    ('\u{51b}', 'q'),
    ('\u{51d}', 'w'),
    ('\u{4cf}', 'l'),
    ('\u{391}', 'A'),
    ('\u{392}', 'B'),
    ('\u{395}', 'E'),
    ('\u{396}', 'Z'),
    ('\u{397}', 'H'),
    ('\u{399}', 'I'),
    ('\u{39a}', 'K'),
    ('\u{39c}', 'M'),
    ('\u{39d}', 'N'),
    ('\u{39f}', 'O'),
    ('\u{3a1}', 'P'),
    ('\u{3a4}', 'T'),
    ('\u{3a5}', 'Y'),
    ('\u{3a7}', 'X'),
    ('\u{3b1}', 'a'),
    ('\u{3b9}', 'i'),
    ('\u{3bd}', 'v'),
    ('\u{3bf}', 'o'),
];

/// A text without the difference between upper and lower case, as Unicode folds it: `ß` is `ss`, and a final sigma a sigma. Both
/// forms of a dotted I are the same.
pub fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            // Its capital is that of another letter.
            'ı' => folded.push(c),
            DOT_ABOVE if folded.ends_with('i') => {}
            // Only by way of capitals are `ẞ` and `ß`, and all sigmas, the same.
            c => folded.extend(c.to_uppercase().flat_map(char::to_lowercase)),
        }
    }
    folded
}

/// What is left of a dotted capital I as a dot of its own.
const DOT_ABOVE: char = '\u{307}';

/// A name with its invisible characters by code point, and, where names differ by them, those that look like ASCII and are not.
fn shown(name: &str, are_of_scripts: bool) -> String {
    let is_hidden = |c: char| {
        let is_blank = c.is_whitespace() && c != ' ';
        is_invisible(c) || is_blank || (are_of_scripts && !c.is_ascii() && plain(c) != c)
    };
    let shown = name.chars().map(|c| match is_hidden(c) {
        true => c.escape_unicode().to_string(),
        false => c.to_string(),
    });
    shown.collect()
}

/// Marks that leave nothing on the page: joiners, marks of direction, soft hyphens, variation selectors, tags.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{2800}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
        || c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_found_and_shown_apart() {
        let cases: [(&[&str], usize); 12] = [
            (&["a", "b"], 0),
            (
                &[
                    "alef",
                    "alef\u{200f}",
                    "\u{200e}alef",
                    "al\u{200b}ef",
                    "al\u{ad}ef",
                ],
                1,
            ),
            (&["Alef", "alef"], 1),
            (&["ﬁsh", "fish", "x", "X"], 2),
            (&["a b", "a\u{a0}b", "a  b"], 1),
            (&["1", "１"], 1),
            (
                &[
                    "Straße",
                    "STRASSE",
                    "STRAẞE",
                    "σ",
                    "ς",
                    "Σ",
                    "İz",
                    "iz",
                    "x\ty",
                    "x\ny",
                    "x y",
                    "ab",
                    "a\u{2800}b",
                ],
                5,
            ),
            (&["ılık", "ilik", "ss", "s", "a\u{307}", "a"], 0),
            (&["ט", "ת"], 0),
            (&["sea star", "sea_star", "sea-star", "Sea\u{2013}star"], 1),
            (
                &[
                    "o'k",
                    "o\u{2019}k",
                    "\u{430}leph",
                    "aleph",
                    "\u{412}OAT",
                    "boat",
                    "\u{39f}",
                    "o",
                ],
                4,
            ),
            (
                &[
                    "\u{432}oat",
                    "boat",
                    "β",
                    "b",
                    "sea star",
                    "seastar",
                    "l",
                    "1",
                    "-1",
                    "A-",
                    "A",
                ],
                0,
            ),
        ];
        for (names, wanted) in cases {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(lookalikes(&names).len(), wanted, "{names:?}");
            assert_eq!(note(&names).is_some(), wanted > 0);
        }
        let note = note(&["a".into(), "a\u{200f}".into()]).unwrap();
        assert!(note.contains("`a` and `a\\u{200f}`"), "{note}");
        let note = super::note(&["a-b".into(), "\u{430}_b".into()]).unwrap();
        assert!(note.contains("`a-b` and `\\u{430}_b`"), "{note}");
    }
}
