//! robots.txt as RFC 9309 reads it: groups of agents, the longest rule that matches, `*` and `$`. Pure.

/// What a robots.txt says to one agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Robots {
    rules: Vec<Rule>,
    /// Seconds between requests, where it asks for that; no part of the RFC, and used by libraries.
    pub delay: Option<f64>,
    /// The status of the server that did not give it.
    pub unread: Option<u16>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    allows: bool,
    pattern: String,
}

impl Robots {
    /// Reads what is said to `agent`, else what is said to all (`*`).
    pub fn read(text: &str, agent: &str) -> Self {
        let (mut named, mut general) = (None::<Robots>, None::<Robots>);
        let (mut is_named, mut is_general, mut in_head) = (false, false, false);
        for (key, value) in text.lines().filter_map(line) {
            if key == "user-agent" {
                if !in_head {
                    (is_named, is_general) = (false, false);
                }
                in_head = true;
                is_named |= value.eq_ignore_ascii_case(agent);
                is_general |= value == "*";
                continue;
            }
            in_head = false;
            for (applies, group) in [(is_named, &mut named), (is_general, &mut general)] {
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
            pattern: "/".into(),
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
                pattern: value.to_owned(),
            }),
            "crawl-delay" => self.delay = value.parse().ok().filter(|d: &f64| *d > 0.0),
            _ => {}
        }
    }

    /// Whether a path with its query may be asked for; the longest rule decides, and `allow` among equals.
    pub fn allows(&self, path: &str) -> bool {
        let matching = self
            .rules
            .iter()
            .filter(|rule| matches(&rule.pattern, path));
        let longest = matching.max_by_key(|rule| (rule.pattern.len(), rule.allows));
        path == "/robots.txt" || longest.is_none_or(|rule| rule.allows)
    }
}

fn line(line: &str) -> Option<(String, &str)> {
    let line = line.trim_start_matches('\u{feff}');
    let said = line.split('#').next()?;
    let (key, value) = said.split_once(':')?;
    Some((key.trim().to_ascii_lowercase(), value.trim()))
}

/// Whether a path starts with a pattern in which `*` is any text and a final `$` the end.
pub fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, is_all) = match pattern.strip_suffix('$') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| path.strip_prefix(first)) else {
        return false;
    };
    let mut last = "";
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        (last, rest) = (part, &rest[at + part.len()..]);
    }
    // What `*` stands for may be longer than the first fit.
    !is_all || rest.is_empty() || (pattern.contains('*') && rest.ends_with(last))
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
        assert!(Robots::read("", "recto").allows("/"));
        assert!(!Robots::forbidding(503).allows("/a"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,200}", path in "/.{0,40}") {
            Robots::read(&text, "recto").allows(&path);
        }
    }
}
