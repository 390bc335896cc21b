//! Names of classes and captions, cut to the room that there is, no two of them alike.

use std::collections::{HashMap, HashSet};

use super::fonts::Fonts;
use super::line::{Cluster, Line, SPACE, line};

/// A text that may be cut.
pub struct Name {
    text: String,
    /// Whether all that is not ASCII is drawn as code points.
    is_spelled: bool,
    width: f32,
    clusters: Vec<Cluster>,
}

/// What a text looks like, without regard to the widths of its spaces.
type Looks = Vec<u64>;

const ELISION: &str = "\u{2026}";
/// What is seen where something is left out.
const LEFT_OUT: u64 = 1;

impl Name {
    /// A text as it is.
    pub fn new(fonts: &Fonts, text: &str) -> Self {
        Self::laid_out(fonts, text.to_owned(), false)
    }

    fn laid_out(fonts: &Fonts, text: String, is_spelled: bool) -> Self {
        let Line {
            width, clusters, ..
        } = line(fonts, &text, is_spelled);
        Name {
            text,
            is_spelled,
            width,
            clusters,
        }
    }

    /// How wide it is, in ems.
    pub fn width(&self) -> f32 {
        self.width
    }

    fn looks(&self) -> Looks {
        let all = self.clusters.iter();
        let all: Vec<u64> = all.flat_map(|cluster| &cluster.looks).copied().collect();
        let mut words = all.split(|look| *look == SPACE).filter(|w| !w.is_empty());
        let mut looks = words.next().unwrap_or_default().to_vec();
        for word in words {
            looks.push(SPACE);
            looks.extend_from_slice(word);
        }
        looks
    }

    /// The text within so many ems: what is left out is in its middle, since names differ at their ends.
    fn within(&self, width: f32) -> (String, Looks) {
        if self.width <= width {
            return (self.text.clone(), self.looks());
        }
        let (mut first, mut last) = (0, self.clusters.len());
        let mut used = [0.0, 0.0];
        let room = (width - 1.0).max(0.0);
        while first < last {
            let at_end = used[1] < used[0];
            let next = match at_end {
                true => &self.clusters[last - 1],
                false => &self.clusters[first],
            };
            if used[0] + used[1] + next.advance > room {
                break;
            }
            used[usize::from(at_end)] += next.advance;
            match at_end {
                true => last -= 1,
                false => first += 1,
            }
        }
        let [head, tail] = [&self.clusters[..first], &self.clusters[last..]];
        let looks = |part: &[Cluster]| -> Looks {
            part.iter().flat_map(|part| &part.looks).copied().collect()
        };
        let looks = [looks(head), vec![LEFT_OUT], looks(tail)].concat();
        let text = [
            &self.text[..self.starts(first)],
            ELISION,
            &self.text[self.starts(last)..],
        ];
        (text.concat(), looks)
    }

    /// Its begin within so many ems, and `end` behind it.
    fn begin(&self, width: f32, end: &str) -> String {
        let room = width - 0.7 * end.chars().count() as f32;
        let mut used = 0.0;
        let fits = |cluster: &&Cluster| {
            used += cluster.advance;
            used <= room
        };
        let kept = self.clusters.iter().take_while(fits).count();
        format!("{}{end}", &self.text[..self.starts(kept)])
    }

    /// The byte at which the cluster of a number begins.
    fn starts(&self, cluster: usize) -> usize {
        let cluster = self.clusters.get(cluster);
        cluster.map_or(self.text.len(), |cluster| cluster.start)
    }
}

/// The names of classes, in as many letters as there is room for.
pub struct ClassNames {
    names: Vec<Name>,
    /// Those within so many half ems.
    short: HashMap<u32, Vec<String>>,
}

impl ClassNames {
    /// Names that look like another are spelled, and have the number of their class if that is not enough.
    pub fn new(fonts: &Fonts, classes: &[String]) -> Self {
        let plain = classes.iter().map(|text| Name::new(fonts, text));
        let mut names: Vec<Name> = plain.collect();
        for is_numbered in [false, true] {
            for at in repeated(names.iter().map(Name::looks)) {
                let text = match is_numbered {
                    true => format!("{} {}", names[at].text, number(at)),
                    false => std::mem::take(&mut names[at].text),
                };
                names[at] = Name::laid_out(fonts, text, true);
            }
        }
        ClassNames {
            names,
            short: HashMap::new(),
        }
    }

    /// How wide the whole name is, in ems.
    pub fn width(&self, class: usize) -> f32 {
        self.names[class].width()
    }

    /// The name of a class within so many ems.
    pub fn within(&mut self, fonts: &Fonts, class: usize, width: f32) -> Line {
        let halves = (width * 2.0) as u32;
        let names = &self.names;
        let short = self.short.entry(halves);
        let short = short.or_insert_with(|| short_apart(names, halves as f32 / 2.0));
        line(fonts, &short[class], names[class].is_spelled)
    }
}

/// Names within so many ems, no two alike: where what is left out is what differs, the number of the class stands in its place.
fn short_apart(names: &[Name], width: f32) -> Vec<String> {
    let short: Vec<(String, Looks)> = names.iter().map(|name| name.within(width)).collect();
    let alike = repeated(short.iter().map(|(_, looks)| looks.clone()));
    let mut texts: Vec<String> = short.into_iter().map(|(text, _)| text).collect();
    for at in alike {
        texts[at] = names[at].begin(width, &format!("{ELISION}{}", number(at)));
    }
    texts
}

fn number(class: usize) -> String {
    format!("#{}", class + 1)
}

/// The places of those that are not the only ones of their kind.
fn repeated(looks: impl Iterator<Item = Looks>) -> Vec<usize> {
    let looks: Vec<Looks> = looks.collect();
    let mut uses: HashMap<&Looks, u32> = HashMap::new();
    for look in &looks {
        *uses.entry(look).or_default() += 1;
    }
    let is_repeated = |at: &usize| uses[&looks[*at]] > 1;
    (0..looks.len()).filter(is_repeated).collect()
}

/// The captions within so many ems: without what all begin with, where they would be alike with it.
pub fn captions(fonts: &Fonts, texts: &[&str], width: f32) -> Vec<Line> {
    let names: Vec<Name> = texts.iter().map(|text| Name::new(fonts, text)).collect();
    let short: Vec<String> = names.iter().map(|name| name.within(width).0).collect();
    let set = |texts: &[String]| texts.iter().map(|text| line(fonts, text, false)).collect();
    if are_apart(&short) {
        return set(&short);
    }
    let first = texts.first().copied().unwrap_or_default();
    let common = |text: &&str| {
        let pairs = first.chars().zip(text.chars());
        let same = pairs.take_while(|(a, b)| a == b);
        same.map(|(c, _)| c.len_utf8()).sum::<usize>()
    };
    let shared = texts.iter().map(common).min().unwrap_or(0);
    // From what differs on, with what follows as far as there is room.
    let later = texts.iter().map(|text| {
        let rest = Name::new(fonts, &format!("{ELISION}{}", &text[shared..]));
        match rest.width() <= width {
            true => rest.text,
            false => rest.begin(width, ELISION),
        }
    });
    let later: Vec<String> = later.collect();
    match are_apart(&later) {
        true => set(&later),
        false => set(&short_apart(&names, width)),
    }
}

fn are_apart(texts: &[String]) -> bool {
    texts.iter().collect::<HashSet<_>>().len() == texts.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(classes: &[&str]) -> ClassNames {
        let classes: Vec<String> = classes.iter().map(|&class| class.to_owned()).collect();
        ClassNames::new(&Fonts::within(), &classes)
    }

    /// What is seen of every name within a width.
    fn seen(names: &mut ClassNames, width: f32) -> Vec<Looks> {
        let (fonts, count) = (Fonts::within(), names.names.len());
        let set = |class| {
            let line = names.within(&fonts, class, width);
            line.clusters
                .into_iter()
                .flat_map(|cluster| cluster.looks)
                .collect()
        };
        (0..count).map(set).collect()
    }

    #[test]
    fn no_two_classes_look_alike() {
        let cases: [&[&str]; 8] = [
            &["tet \u{5d8}", "tav \u{5ea}"],
            &["é", "e", "e\u{301}"],
            // A of three scripts.
            &["A", "\u{391}", "\u{410}"],
            // Marks that are not seen, and spaces.
            &["אב", "א\u{200f}ב", "אב ", "א\u{200b}ב"],
            &["a b", "a  b", "a\u{a0}b", "a\tb"],
            // No font in the program has these.
            &["\u{10900}", "\u{10901}", "\u{12000}", "\u{e000}"],
            &["שלום", "שמום", "x", "שאיום"],
            &["क्ष", "क\u{94d}\u{200c}ष", "कष"],
        ];
        for classes in cases {
            let mut names = named(classes);
            for width in [3.0, 5.0, 8.0, 40.0] {
                let seen = seen(&mut names, width);
                let different: HashSet<&Looks> = seen.iter().collect();
                assert_eq!(different.len(), classes.len(), "{classes:?} in {width}");
            }
        }
    }

    #[test]
    fn names_that_differ_in_their_middle_have_numbers() {
        let classes = [
            "a long name of class 17 of them",
            "a long name of class 18 of them",
        ];
        let names = named(&classes);
        let short = short_apart(&names.names, 6.0);
        assert!(
            short[0].ends_with("…#1") && short[1].ends_with("…#2"),
            "{short:?}"
        );
        let ends = [
            "a very long name of a class one",
            "a very long name of a class two",
        ];
        let short = short_apart(&named(&ends).names, 8.0);
        assert!(
            short[0].ends_with("one") && short[0].starts_with("a "),
            "{short:?}"
        );
    }

    #[test]
    fn captions_keep_what_differs() {
        let fonts = Fonts::within();
        let looks = |texts: &[&str]| -> Vec<Looks> {
            let lines = captions(&fonts, texts, 10.0);
            assert!(lines.iter().all(|line| line.width <= 10.5));
            let looks = |line: Line| line.clusters.into_iter().flat_map(|c| c.looks).collect();
            lines.into_iter().map(looks).collect()
        };
        let long =
            |n: u32| format!("a-long-beginning-of-all-names/page-{n:04}/of-the-same-ending.jpg");
        let found = looks(&[&long(1), &long(12)]);
        assert_ne!(found[0], found[1]);
        assert_eq!(looks(&["a", "b"]), [looks(&["a"]), looks(&["b"])].concat());
    }
}
