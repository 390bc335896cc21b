//! robots.txt as RFC 9309 reads it: groups of agents, the longest rule that matches, `*` and `$`. Pure.

/// Longer pauses between requests, in seconds, count as this one.
const LONGEST_DELAY: f64 = 1e9;

/// What a robots.txt says to one agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Robots {
    rules: Vec<Rule>,
    /// Seconds between requests, where it asks for that. Not part of the RFC, and used by libraries.
    pub delay: Option<f64>,
    /// The status of the server that did not give it.
    pub unread: Option<u16>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    allows: bool,
    pattern: Pattern,
}

impl Robots {
    /// Reads what is said to `agent`, a product token in lower case; else what is said to all (`*`). Groups of the
    /// same agent count as one (§2.2.1).
    pub fn read(text: &str, agent: &str) -> Self {
        let (mut named, mut general) = (None::<Robots>, None::<Robots>);
        let (mut is_named, mut is_general, mut in_head) = (false, false, false);
        // A delay is said to the agents before it, and those after it begin anew, whatever the rules are said to.
        let (mut delays_named, mut delays_general, mut has_delay) = (false, false, false);
        let text = text.trim_start_matches('\u{feff}');
        for (key, value) in text.split(['\r', '\n']).filter_map(line) {
            if key == "user-agent" {
                if !in_head {
                    (is_named, is_general) = (false, false);
                }
                if !in_head || std::mem::take(&mut has_delay) {
                    (delays_named, delays_general) = (false, false);
                }
                in_head = true;
                let (names, is_all) = (product(value).eq_ignore_ascii_case(agent), value == "*");
                (is_named, is_general) = (is_named || names, is_general || is_all);
                (delays_named, delays_general) = (delays_named || names, delays_general || is_all);
                continue;
            }
            // Other records, such as `Sitemap`, must not end the list of agents (§2.2.4).
            in_head &= !["allow", "disallow"].contains(&&*key);
            let is_delay = key == "crawl-delay";
            has_delay |= is_delay;
            let applies = match is_delay {
                true => [delays_named, delays_general],
                false => [is_named, is_general],
            };
            for (applies, group) in applies.into_iter().zip([&mut named, &mut general]) {
                if applies {
                    group.get_or_insert_default().add(&key, value);
                }
            }
        }
        named.or(general).unwrap_or_default()
    }

    /// A robots.txt that forbids everything: what a server in trouble is taken to say (RFC 9309 §2.3.1.4).
    pub fn forbidding(status: u16) -> Self {
        let rule = Rule {
            allows: false,
            pattern: Pattern::read("/"),
        };
        Robots {
            rules: vec![rule],
            delay: None,
            unread: Some(status),
        }
    }

    fn add(&mut self, key: &str, value: &str) {
        match key {
            // An empty pattern matches nothing.
            "allow" | "disallow" if !value.is_empty() => self.rules.push(Rule {
                allows: key == "allow",
                pattern: Pattern::read(value),
            }),
            "crawl-delay" => {
                let delay = value.parse().ok().filter(|delay: &f64| *delay > 0.0);
                let delay = delay.map(|delay| delay.min(LONGEST_DELAY));
                self.delay = self.delay.into_iter().chain(delay).reduce(f64::max);
            }
            _ => {}
        }
    }

    /// Whether a path with its query may be requested; the longest rule decides, and `allow` among equals.
    pub fn allows(&self, path: &str) -> bool {
        let normal = normal(path);
        let matching = self
            .rules
            .iter()
            .filter(|rule| rule.pattern.matches_normal(&normal));
        let longest = matching.max_by_key(|rule| (rule.pattern.length, rule.allows));
        path == "/robots.txt" || longest.is_none_or(|rule| rule.allows)
    }
}

fn line(line: &str) -> Option<(String, &str)> {
    let said = line.split('#').next()?;
    let (key, value) = said.split_once(':')?;
    Some((key.trim().to_ascii_lowercase(), value.trim()))
}

/// The product token that a name of an agent begins with: `Recto` of `Recto/2.0 (+https://…)`.
fn product(name: &str) -> &str {
    let end = name.find(|c: char| !c.is_ascii_alphabetic() && !"_-".contains(c));
    &name[..end.unwrap_or(name.len())]
}

/// What a path starts with, where `*` stands for any text and a final `$` for the end of the path.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// The texts between the `*`, in the form of [`normal`].
    parts: Vec<String>,
    is_whole: bool,
    /// Characters in the form that is compared; the rule with more of them is the more specific one.
    pub length: usize,
}

impl Pattern {
    /// Reads a pattern; every text is one.
    pub fn read(text: &str) -> Self {
        let start = text.strip_suffix('$');
        let is_whole = start.is_some();
        let mut in_query = false;
        let parts = start.unwrap_or(text).split('*');
        let parts: Vec<String> = parts.map(|part| add_normal(part, &mut in_query)).collect();
        let signs = parts.len() - 1 + usize::from(is_whole);
        Pattern {
            length: parts.iter().map(String::len).sum::<usize>() + signs,
            parts,
            is_whole,
        }
    }

    /// Whether a path with its query starts with this, whichever way each of them writes a character.
    pub fn matches(&self, path: &str) -> bool {
        self.matches_normal(&normal(path))
    }

    /// Each part is looked for from the left, which leaves the most for those after it; only the last one can be
    /// bound to the end.
    fn matches_normal(&self, path: &str) -> bool {
        let [first, middle @ ..] = &*self.parts else {
            return false;
        };
        let Some(mut rest) = path.strip_prefix(&**first) else {
            return false;
        };
        let Some((last, middle)) = middle.split_last() else {
            return !self.is_whole || rest.is_empty();
        };
        for part in middle {
            let Some(at) = rest.find(&**part) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
        match self.is_whole {
            true => rest.ends_with(&**last),
            false => rest.contains(&**last),
        }
    }
}

/// The one form in which paths are compared (§2.2.2): `é`, `%c3%a9` and `%C3%A9` are the same, and so are `~` and
/// `%7E`, `:` and `%3A`, `*` and `%2A`.
fn normal(path: &str) -> String {
    add_normal(path, &mut false)
}

/// As [`normal`], for a part of a path; `in_query` says whether a `?` came before, and is set when one comes.
fn add_normal(part: &str, in_query: &mut bool) -> String {
    let mut text = String::with_capacity(part.len());
    let mut bytes = part.as_bytes();
    while let Some(&first) = bytes.first() {
        let escaped = escape(bytes);
        bytes = &bytes[if escaped.is_some() { 3 } else { 1 }..];
        let octet = escaped.unwrap_or(first);
        // Escaped, these are text; as they are, they divide a path or a query (RFC 3986 §2.2).
        let divides = if *in_query { b"&=+" } else { b"/?;" };
        let is_plain = octet.is_ascii_graphic() && !b"%#".contains(&octet);
        if is_plain && !(escaped.is_some() && divides.contains(&octet)) {
            text.push(char::from(octet));
        } else {
            text += &format!("%{octet:02X}");
        }
        *in_query |= escaped.is_none() && octet == b'?';
    }
    text
}

/// The octet that `%` and two hexadecimal digits at the start stand for.
fn escape(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = bytes else {
        return None;
    };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\u{feff}# all\nUser-agent: *\nDisallow: /private\nAllow: /private/open\n\
        Disallow: /*.tif$\nCrawl-delay: 2 # slow\n\n\
        User-Agent: other\nUser-agent: Recto\nDisallow: /iiif/*/full/max\nAllow:\n";

    #[test]
    fn the_longest_rule_of_the_nearest_group_decides() {
        let cases = [
            ("nobody", "/a", true),
            ("nobody", "/private", false),
            ("nobody", "/private/x", false),
            ("nobody", "/private/open/x", true),
            ("nobody", "/x/a.tif", false),
            ("nobody", "/x/a.tif.tif", false),
            ("nobody", "/x/a.tif?x", true),
            ("nobody", "/robots.txt", true),
            ("recto", "/private", true),
            ("recto", "/iiif/1/full/max/0/default.jpg", false),
            ("recto", "/iiif/1/full/600,/0/default.jpg", true),
            ("other", "/iiif/1/full/max", false),
        ];
        for (agent, path, wanted) in cases {
            let robots = Robots::read(TEXT, agent);
            assert_eq!(robots.allows(path), wanted, "{agent} {path}");
        }
        assert_eq!(Robots::read(TEXT, "nobody").delay, Some(2.0));
        assert_eq!(Robots::read(TEXT, "recto").delay, None);
        let delays = "User-agent: *\nCrawl-delay: 1\n\nUser-agent: a\nCrawl-delay: 900\n\nUser-agent: b\nDisallow: /";
        let robots = Robots::read(delays, "recto");
        assert_eq!((robots.delay, robots.allows("/x")), (Some(1.0), false));
        assert!(Robots::read("", "recto").allows("/"));
        assert!(!Robots::forbidding(503).allows("/a"));
    }

    #[test]
    fn a_path_matches_in_whichever_way_it_is_written() {
        // (pattern, path, whether it matches)
        let cases = [
            // RFC 9309 §2.2.2
            ("/foo/bar?baz=quz", "/foo/bar?baz=quz", true),
            (
                "/foo/bar?baz=https://foo.bar",
                "/foo/bar?baz=https%3A%2F%2Ffoo.bar",
                true,
            ),
            ("/foo/bar/\u{30c4}", "/foo/bar/%E3%83%84", true),
            ("/foo/bar/%E3%83%84", "/foo/bar/%E3%83%84", true),
            ("/foo/bar/%62%61%7A", "/foo/bar/baz", true),
            // §2.2.3
            (
                "/path/file-with-a-%2A.html",
                "/path/file-with-a-*.html",
                true,
            ),
            (
                "/path/file-with-a-%2A.html",
                "/path/file-with-a-b.html",
                false,
            ),
            ("/path/foo-%24", "/path/foo-$", true),
            ("/path/foo-%24", "/path/foo-", false),
            ("*.gif$", "/a.gif", true),
            ("/*/x/", "/a/b/x/", true),
            // Both sides escape what they like.
            ("/caf\u{e9}/", "/caf%C3%A9/1.png", true),
            ("/caf%c3%a9/", "/caf%C3%A9/1.png", true),
            ("/%7Ejoe/", "/~joe/1.png", true),
            ("/~joe/", "/%7ejoe/1.png", true),
            ("/a%3cd", "/a%3Cd/1.png", true),
            ("/a<d", "/a%3Cd/1.png", true),
            ("/ark:/12", "/ark%3A/12", true),
            ("/100%", "/100%25", true),
            ("/a b", "/a%20b", true),
            // An escaped divider is text.
            ("/a%2Fb", "/a%2fb", true),
            ("/a%2Fb", "/a/b", false),
            ("/a/b", "/a%2Fb", false),
            ("/a?b", "/a%3Fb", false),
            ("/a?b=c%26d", "/a?b=c&d", false),
            // `*` and `$`
            ("/*00$", "/page000", true),
            ("/*aa.png$", "/aaa.png", true),
            ("/*aba*ba$", "/abab", false),
            ("/*ab*ab$", "/abab", true),
            ("/a$b", "/a$b/c", true),
            ("/a$b", "/a", false),
            ("/$", "/", true),
            ("/$", "/a", false),
            ("/**a", "/xa", true),
            ("", "/a", true),
            // Google's documentation of robots.txt, "URL matching based on path values"
            ("/fish", "/fish.html", true),
            ("/fish", "/fishheads/yummy.html", true),
            ("/fish", "/Fish.asp", false),
            ("/fish", "/catfish", false),
            ("/fish", "/?id=fish", false),
            ("/fish*", "/fish.php?id=anything", true),
            ("/fish/", "/fish", false),
            ("/fish/", "/fish/?id=anything", true),
            ("/*.php", "/folder/any.php.file.html", true),
            ("/*.php", "/windows.PHP", false),
            ("/*.php$", "/filename.php?parameters", false),
            ("/*.php$", "/filename.php5", false),
            ("/fish*.php", "/fishheads/catfish.php?parameters", true),
        ];
        for (pattern, path, wanted) in cases {
            let found = Pattern::read(pattern).matches(path);
            assert_eq!(found, wanted, "{pattern} {path}");
        }
    }

    #[test]
    fn the_more_specific_rule_wins_and_allow_among_equals() {
        // RFC 9309 §5.2, and Google's documentation, "Order of precedence for rules"
        let cases = [
            (
                "allow: /example/page/\ndisallow: /example/page/disallowed.gif",
                "/example/page/x",
                true,
            ),
            (
                "allow: /example/page/\ndisallow: /example/page/disallowed.gif",
                "/example/page/disallowed.gif",
                false,
            ),
            ("allow: /p\ndisallow: /", "/page", true),
            ("allow: /folder\ndisallow: /folder", "/folder/page", true),
            ("disallow: /folder\nallow: /folder", "/folder/page", true),
            ("allow: /page\ndisallow: /*.htm", "/page.htm", false),
            ("allow: /$\ndisallow: /", "/", true),
            ("allow: /$\ndisallow: /", "/page.htm", false),
            // As long in one form, though not as they are written.
            (
                "disallow: /caf%C3%A9\nallow: /caf\u{e9}",
                "/caf%C3%A9",
                true,
            ),
        ];
        for (rules, path, wanted) in cases {
            let robots = Robots::read(&format!("user-agent: *\n{rules}"), "recto");
            assert_eq!(robots.allows(path), wanted, "{rules} {path}");
        }
    }

    #[test]
    fn groups_are_found_and_merged_by_product_token() {
        // (robots.txt, whether recto may request /x)
        let cases = [
            ("user-agent: recto\ndisallow: /x", false),
            (
                "User-Agent : RECTO/2.0 (+https://a.org)\nDisallow : /x",
                false,
            ),
            ("user-agent: recto-images\ndisallow: /x", true),
            ("user-agent: rect\ndisallow: /x", true),
            (
                "user-agent: *\ndisallow: /x\nuser-agent: recto\nallow: /",
                true,
            ),
            (
                "user-agent: recto\ndisallow: /y\nuser-agent: a\nallow: /\nuser-agent: recto\ndisallow: /x",
                false,
            ),
            (
                "user-agent: a\nuser-agent: recto\ndisallow: /y\n\ndisallow: /x",
                false,
            ),
            (
                "user-agent: recto\nsitemap: https://a.org/s.xml\nuser-agent: b\ndisallow: /x",
                false,
            ),
            (
                "user-agent: recto\ncrawl-delay: 5\nuser-agent: b\ndisallow: /x",
                false,
            ),
            ("disallow: /x\nuser-agent: recto\ndisallow: /y", true),
            ("user-agent: recto\r\ndisallow: /x\r\n", false),
            ("user-agent: recto\rdisallow: /x\r", false),
            ("\u{feff}user-agent: recto\ndisallow: /x", false),
            ("user-agent: recto # me\ndisallow: /x#y", false),
            ("user-agent: recto\ndisallow:\nallow: /", true),
            ("user-agent recto\ndisallow /x", true),
        ];
        for (text, wanted) in cases {
            assert_eq!(Robots::read(text, "recto").allows("/x"), wanted, "{text:?}");
        }
    }

    #[test]
    fn a_delay_is_a_time_that_can_be_waited_for() {
        let cases = [
            ("2", Some(2.0)),
            ("0.5", Some(0.5)),
            ("1e300", Some(LONGEST_DELAY)),
            ("inf", Some(LONGEST_DELAY)),
            ("NaN", None),
            ("-1", None),
            ("0", None),
            ("soon", None),
            ("3\ncrawl-delay: 2\ncrawl-delay: x", Some(3.0)),
        ];
        for (value, wanted) in cases {
            let text = format!("user-agent: *\ncrawl-delay: {value}");
            assert_eq!(Robots::read(&text, "recto").delay, wanted, "{value}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,200}", path in "/.{0,40}") {
            Robots::read(&text, "recto").allows(&path);
        }
    }

    #[test]
    fn damaged_files_are_read_and_decide_about_any_path() {
        use recto_testkit::{mutation, samples};
        let paths = ["/", "/private/a.jpg", "/caf%C3%A9", "/café?a=*$", ""];
        let takes = move |bytes: &[u8]| {
            let robots = Robots::read(&String::from_utf8_lossy(bytes), "recto");
            assert!(
                robots
                    .delay
                    .is_none_or(|delay| delay.is_finite() && delay >= 0.0)
            );
            paths.map(|path| robots.allows(path)).contains(&false)
        };
        let sound = |random: &mut mutation::Random| mutation::text(samples::ROBOTS, random);
        mutation::check(5000, sound, takes).is_mixed();
    }
}
