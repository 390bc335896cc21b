//! Rust source read as tokens: which modules a file's program code names, and how long its functions are. Comments,
//! texts and code for tests (`#[cfg(test)]`) do not count; what macros are given does.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A module by its path from the root of its crate: `["download", "names"]`; empty for the root.
pub type Module = Vec<String>;

/// What a file's program code says.
#[derive(Debug, Default)]
pub struct Code {
    /// Paths as they are written, such as `["super", "names", "Names"]`, each with the module in which it is written.
    pub paths: Vec<(Module, Vec<String>)>,
    /// Names that other crates are given here: `a` of `use recto_a as a`.
    pub other_crates: BTreeSet<String>,
    /// Modules in files of their own that only tests are built with.
    pub test_modules: Vec<Module>,
    /// Functions: name, line of `fn`, lines from there to the closing brace.
    pub functions: Vec<(String, usize, usize)>,
}

/// Reads the file of a module.
pub fn read(text: &str, module: &[String]) -> Code {
    let mut code = Code::default();
    let tokens = text.parse::<TokenStream>().expect("a file that compiles");
    code.walk(&tokens.into_iter().collect::<Vec<_>>(), module);
    code
}

/// A path from the root of the crate; none if it leads out of it. `exists` knows the modules of the crate.
pub fn absolute(
    within: &[String],
    path: &[String],
    exists: impl Fn(&[String]) -> bool,
) -> Option<Vec<String>> {
    let supers = path.iter().take_while(|part| *part == "super").count();
    match path[0].as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([within, &path[1..]].concat()),
        "super" => {
            let above = within.len().checked_sub(supers)?;
            Some([&within[..above], &path[supers..]].concat())
        }
        child => exists(&[within, &[child.to_owned()]].concat()).then(|| [within, path].concat()),
    }
}

impl Code {
    fn walk(&mut self, tokens: &[TokenTree], module: &[String]) {
        let mut at = 0;
        while at < tokens.len() {
            let rest = &tokens[at..];
            at += match &rest[0] {
                TokenTree::Punct(_) if is_for_tests(rest) => self.pass_over(rest, module),
                TokenTree::Group(group) => {
                    self.walk_group(group, module);
                    1
                }
                TokenTree::Ident(word) => match word.to_string().as_str() {
                    // `pub(in super::super)` says who may see, it imports nothing.
                    "pub" => 1 + usize::from(is_group(rest.get(1), Delimiter::Parenthesis)),
                    "use" if !is_punct(rest.get(1), '<') => {
                        let end = end_of_statement(rest);
                        if let [TokenTree::Ident(_), TokenTree::Ident(_), name] = &rest[1..end] {
                            self.other_crates.insert(name.to_string());
                        }
                        let mut paths = Vec::new();
                        tree(&rest[1..end], &[], &mut paths);
                        let paths = paths.into_iter().map(|path| (module.to_vec(), path));
                        self.paths.extend(paths);
                        end + 1
                    }
                    "mod" => self.inline_module(rest, module),
                    "fn" => {
                        self.measure(rest);
                        1
                    }
                    _ => self.path(rest, &tokens[..at], module),
                },
                _ => 1,
            };
        }
    }

    fn walk_group(&mut self, group: &Group, module: &[String]) {
        let inside: Vec<_> = group.stream().into_iter().collect();
        self.walk(&inside, module);
    }

    /// An attribute for tests and the item it belongs to; gives how many tokens that is.
    fn pass_over(&mut self, tokens: &[TokenTree], module: &[String]) -> usize {
        for (n, token) in tokens.iter().enumerate() {
            let word = |n: usize| tokens.get(n).map(ToString::to_string).unwrap_or_default();
            if word(n) == "mod" && is_punct(tokens.get(n + 2), ';') {
                let child = [module, &[word(n + 1)]].concat();
                self.test_modules.push(child);
            }
            let ends_with_semicolon = ["use", "const", "static", "let", "type"];
            if ends_with_semicolon.contains(&word(n).as_str()) && word(n + 1) != "fn" {
                return n + end_of_statement(&tokens[n..]) + 1;
            }
            if is_group(Some(token), Delimiter::Brace) || is_punct(Some(token), ';') {
                return n + 1;
            }
        }
        tokens.len()
    }

    /// `mod name { … }`; gives how many tokens are done with.
    fn inline_module(&mut self, tokens: &[TokenTree], module: &[String]) -> usize {
        match (tokens.get(1), tokens.get(2)) {
            (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body)))
                if body.delimiter() == Delimiter::Brace =>
            {
                self.walk_group(body, &[module, &[name.to_string()]].concat());
                3
            }
            _ => 1,
        }
    }

    /// `fn name(…) { … }`.
    fn measure(&mut self, tokens: &[TokenTree]) {
        let Some(TokenTree::Ident(name)) = tokens.get(1) else {
            return; // the type of a function
        };
        for token in tokens {
            match token {
                TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
                    let first = tokens[0].span().start().line;
                    let lines = body.span_close().end().line - first + 1;
                    self.functions.push((name.to_string(), first, lines));
                    return;
                }
                TokenTree::Punct(end) if end.as_char() == ';' => return, // promised by a trait
                _ => {}
            }
        }
    }

    /// `crate::b::c` within code; gives how many tokens it has. `b::c` is left to the `use` that brings `b` here, or is
    /// a child that the module lists.
    fn path(&mut self, tokens: &[TokenTree], before: &[TokenTree], module: &[String]) -> usize {
        let mut parts = vec![tokens[0].to_string()];
        while let [
            _,
            TokenTree::Punct(a),
            TokenTree::Punct(b),
            TokenTree::Ident(part),
            ..,
        ] = &tokens[3 * (parts.len() - 1)..]
            && (a.as_char(), b.as_char()) == (':', ':')
        {
            parts.push(part.to_string());
        }
        let length = 3 * (parts.len() - 1) + 1;
        let goes_on =
            matches!(before, [.., a, b] if is_punct(Some(a), ':') && is_punct(Some(b), ':'));
        let from_here = matches!(parts[0].as_str(), "crate" | "self" | "super");
        if from_here && parts.len() > 1 && !goes_on {
            self.paths.push((module.to_vec(), parts));
        }
        length
    }
}

/// The paths of what stands after `use`.
fn tree(tokens: &[TokenTree], above: &[String], paths: &mut Vec<Vec<String>>) {
    for branch in tokens.split(|token| is_punct(Some(token), ',')) {
        let mut path = above.to_vec();
        let mut grows = false;
        for token in branch {
            match token {
                TokenTree::Ident(word) => match word.to_string().as_str() {
                    "as" => break,
                    "self" if !path.is_empty() => grows = true,
                    word => {
                        path.push(word.to_owned());
                        grows = true;
                    }
                },
                TokenTree::Group(group) => {
                    tree(
                        &group.stream().into_iter().collect::<Vec<_>>(),
                        &path,
                        paths,
                    );
                    grows = false;
                    break;
                }
                TokenTree::Punct(punct) if punct.as_char() == '*' => grows = true,
                // A path of other crates: `::name`.
                TokenTree::Punct(_) if path.is_empty() => break,
                _ => {}
            }
        }
        if grows {
            paths.push(path);
        }
    }
}

/// `#[cfg(test)]`, `#[cfg(all(test, …))]`.
fn is_for_tests(tokens: &[TokenTree]) -> bool {
    let [TokenTree::Punct(hash), TokenTree::Group(attribute), ..] = tokens else {
        return false;
    };
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    hash.as_char() == '#' && (text == "cfg(test)" || text.starts_with("cfg(all(test,"))
}

fn is_group(token: Option<&TokenTree>, delimiter: Delimiter) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == delimiter)
}

fn is_punct(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

fn end_of_statement(tokens: &[TokenTree]) -> usize {
    let end = tokens.iter().position(|token| is_punct(Some(token), ';'));
    end.unwrap_or(tokens.len())
}

fn words(path: &str) -> Vec<String> {
    let words = path.split("::").filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// The paths of a text that stands in module `a::b` of a crate with modules `a`, `a::b`, `a::b::child`, `a::c`, `d`.
#[cfg(test)]
fn paths(text: &str) -> Vec<String> {
    let modules = ["a", "a::b", "a::b::child", "a::c", "d"].map(words);
    let exists = |module: &[String]| modules.iter().any(|known| known == module);
    let code = read(text, &words("a::b"));
    let inside = code.paths.iter();
    inside
        .filter_map(|(within, path)| Some(absolute(within, path, exists)?.join("::")))
        .collect()
}

#[test]
fn imports_of_every_shape_are_found() {
    let cases: &[(&str, &[&str])] = &[
        ("use crate::d;", &["d"]),
        ("use crate::d::Thing;", &["d::Thing"]),
        ("use crate::d::Thing as Other;", &["d::Thing"]),
        ("use crate::d as e;", &["d"]),
        ("use crate::d::*;", &["d"]),
        ("use crate::{a, d::{self, Thing}};", &["a", "d", "d::Thing"]),
        (
            "use crate::{\n    d::{x::{y as z, w}, v},\n};",
            &["d::x::y", "d::x::w", "d::v"],
        ),
        ("pub(crate) use crate::d::Thing;", &["d::Thing"]),
        ("use super::c;", &["a::c"]),
        ("use super::super::d;", &["d"]),
        ("use super::{c::X, super::d};", &["a::c::X", "d"]),
        ("use super::*;", &["a"]),
        ("use self::child::X;", &["a::b::child::X"]),
        ("use child::X;", &["a::b::child::X"]),
        (
            "pub use child::{X, Y as Z};",
            &["a::b::child::X", "a::b::child::Y"],
        ),
        ("fn f() { use crate::d::g; g() }", &["d::g"]),
        ("mod inner { use super::super::c; }", &["a::c"]),
        ("mod inner { use super::child; }", &["a::b::child"]),
        ("use std::{fs, io};", &[]),
        ("use ::d::Thing;", &[]),
        ("use c::X;", &[]),
        (
            "fn f() -> impl Iterator + use<'_> { crate::d::g() }",
            &["d::g"],
        ),
    ];
    for (text, found) in cases {
        assert_eq!(&paths(text), found, "{text}");
    }
}

#[test]
fn names_of_other_crates_are_known() {
    let text = "pub use other_a as a;\nuse b as _;\nuse c;\nuse other::d as e;\nuse crate::f as g;";
    let found = read(text, &[]).other_crates;
    assert_eq!(found, BTreeSet::from(["a", "_"].map(str::to_owned)));
}

#[test]
fn paths_within_code_are_found() {
    let cases: &[(&str, &[&str])] = &[
        ("fn f() { crate::d::g(1) }", &["d::g"]),
        ("fn f(x: &super::c::X) {}", &["a::c::X"]),
        ("fn f() { self::child::g::<u8>() }", &["a::b::child::g"]),
        (
            "fn f() { vec![crate::d::X { a: super::c::y }] }",
            &["d::X", "a::c::y"],
        ),
        ("fn f() { child::g::<u8>() }", &[]),
        ("macro_rules! m { () => { $crate::d::g() } }", &["d::g"]),
        (
            "#[arg(value_parser = crate::d::parse)] struct A;",
            &["d::parse"],
        ),
        ("impl<T: crate::d::X> T {}", &["d::X"]),
        ("fn f() { <crate::d::X as Y>::z() }", &["d::X"]),
        ("mod child;", &[]),
        (
            "pub(crate) mod child;\npub(in super::super) struct A(pub(super) u8);",
            &[],
        ),
        ("/// [`crate::d`]\nfn f() { \"crate::d::x\" }", &[]),
        ("// use crate::d;\n/* crate::d::x */", &[]),
        ("fn f() { other::child::x(); ::child::x(); self.a }", &[]),
    ];
    for (text, found) in cases {
        assert_eq!(&paths(text), found, "{text}");
    }
}

#[test]
fn code_for_tests_is_passed_over() {
    let cases: &[(&str, &[&str])] = &[
        (
            "#[cfg(test)]\nmod tests { use crate::d; }\nuse crate::a;",
            &["a"],
        ),
        (
            "#[cfg(test)]\npub(crate) mod tests { use crate::d; }\nuse crate::a;",
            &["a"],
        ),
        ("#[cfg(all(test, unix))]\nmod tests { use crate::d; }", &[]),
        ("#[cfg(test)]\nuse crate::d::{X, Y};\nuse crate::a;", &["a"]),
        (
            "#[cfg(test)]\n#[rustfmt::skip]\nconst A: d::X = d::X { a: crate::d::y };\nuse crate::a;",
            &["a"],
        ),
        (
            "#[cfg(test)]\nconst fn f() { crate::d::g() }\nuse crate::a;",
            &["a"],
        ),
        ("#[cfg(test)]\nmod child;\nuse crate::a;", &["a"]),
        ("#[cfg(not(test))]\nuse crate::a;", &["a"]),
    ];
    for (text, found) in cases {
        assert_eq!(&paths(text), found, "{text}");
    }
    let code = read("#[cfg(test)]\nmod child;\nmod other;", &words("a"));
    assert_eq!(code.test_modules, [words("a::child")]);
}

#[test]
fn functions_are_measured_from_their_first_line_to_their_last() {
    let text = "trait T {\n    fn promised(&self);\n}\n\nfn one() {}\n\nimpl X {\n    /// Words.\n    pub async fn three(\n        self,\n    ) {\n        let f: fn(u8) = |_| ();\n    }\n}\n\
                #[cfg(test)]\nmod tests {\n    fn of_tests() {}\n}\n";
    let found = read(text, &[]).functions;
    assert_eq!(
        found,
        [("one".to_owned(), 5, 1), ("three".to_owned(), 9, 5)]
    );
}
