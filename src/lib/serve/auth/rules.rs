//! Who may see which image: rules in their order, the first that fits an image and a visitor decides. Pure.

use std::net::IpAddr;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor as Reader};

use super::network::Network;
use crate::conditions::Condition;
use crate::contracts::LocalizedImage;

/// What somebody may do with an image, from nothing up: each includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum May {
    /// It is as if it were not there.
    #[default]
    Hidden,
    /// Know that it is there and what is said about it; no pixels.
    None,
    /// See it small.
    Degraded,
    /// See all of it.
    Full,
    /// Correct its boxes.
    Review,
}

/// What a rule comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This much.
    May(May),
    /// What the delegate says.
    Ask,
}

impl<'de> Deserialize<'de> for Verdict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match &*String::deserialize(deserializer)? {
            "hidden" => Ok(Verdict::May(May::Hidden)),
            "none" => Ok(Verdict::May(May::None)),
            "degraded" => Ok(Verdict::May(May::Degraded)),
            "full" => Ok(Verdict::May(May::Full)),
            "review" => Ok(Verdict::May(May::Review)),
            "delegate" => Ok(Verdict::Ask),
            other => Err(de::Error::custom(format!(
                "`{other}` is none of hidden, none, degraded, full, review, delegate"
            ))),
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visitor {
    /// The name of who proved to be somebody; none: anonymous.
    pub user: Option<String>,
    /// The groups of that user.
    pub groups: Vec<String>,
    /// Where the request comes from; none: nowhere in particular.
    pub address: Option<IpAddr>,
}

/// A kind of visitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everybody.
    Anyone,
    /// Everybody who proved to be somebody.
    Known,
    /// One user.
    User(String),
    /// Users of a group.
    Group(String),
    /// Who comes from these addresses: a reading room.
    Address(Network),
}

impl Who {
    /// Reads `anyone`, `known`, `user:NAME`, `group:NAME` or `address:NETWORK`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("user", name)) if !name.is_empty() => Ok(Who::User(name.to_owned())),
            Some(("group", name)) if !name.is_empty() => Ok(Who::Group(name.to_owned())),
            Some(("address", network)) => Network::parse(network).map(Who::Address),
            None if text == "anyone" => Ok(Who::Anyone),
            None if text == "known" => Ok(Who::Known),
            _ => Err(format!(
                "`{text}` is none of anyone, known, user:NAME, group:NAME, address:NETWORK"
            )),
        }
    }

    /// Whether it is what a visitor is.
    pub fn is(&self, visitor: &Visitor) -> bool {
        match self {
            Who::Anyone => true,
            Who::Known => visitor.user.is_some(),
            Who::User(name) => visitor.user.as_ref() == Some(name),
            Who::Group(name) => visitor.user.is_some() && visitor.groups.contains(name),
            Who::Address(network) => visitor.address.is_some_and(|a| network.holds(a)),
        }
    }
}

impl<'de> Deserialize<'de> for Who {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Who::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A rule: which images, which visitors, what they may.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// All of these must hold for an image; none: all images.
    #[serde(default, rename = "where", deserialize_with = "conditions")]
    pub images: Vec<Condition>,
    /// A visitor must be one of these.
    #[serde(default = "anyone")]
    pub who: Vec<Who>,
    /// What they may then.
    pub may: Verdict,
}

fn anyone() -> Vec<Who> {
    vec![Who::Anyone]
}

/// One condition or a list of them.
fn conditions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Condition>, D::Error> {
    struct Conditions;
    impl<'de> Reader<'de> for Conditions {
        type Value = Vec<Condition>;
        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("a condition such as \"group=MS 1\", or a list of them")
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(vec![Condition::parse(text).map_err(E::custom)?])
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<Self::Value, A::Error> {
            let mut conditions = Vec::new();
            while let Some(text) = texts.next_element::<String>()? {
                conditions.push(Condition::parse(&text).map_err(de::Error::custom)?);
            }
            Ok(conditions)
        }
    }
    deserializer.deserialize_any(Conditions)
}

/// All rules, and what holds where none fits.
#[derive(Clone, Debug)]
pub struct Rules {
    /// In their order.
    pub rules: Vec<Rule>,
    /// Where no rule fits.
    pub otherwise: Verdict,
}

impl Rules {
    /// What a visitor may do with an image.
    pub fn verdict(&self, image: &LocalizedImage, visitor: &Visitor) -> Verdict {
        let mut fitting = self.rules.iter().filter(|rule| rule.is_about(image));
        let rule = fitting.find(|rule| rule.who.iter().any(|who| who.is(visitor)));
        rule.map_or(self.otherwise, |rule| rule.may)
    }

    /// What everybody may do with an image, if it is the same for all.
    pub fn for_all(&self, image: &LocalizedImage) -> Option<May> {
        let mut fitting = self.rules.iter().filter(|rule| rule.is_about(image));
        let verdict = match fitting.next() {
            None => self.otherwise,
            Some(rule) if rule.who.contains(&Who::Anyone) => rule.may,
            Some(_) => return None,
        };
        match verdict {
            Verdict::May(may) => Some(may),
            Verdict::Ask => None,
        }
    }
}

impl Rule {
    fn is_about(&self, image: &LocalizedImage) -> bool {
        let holds = |c: &Condition| c.holds_for(&values(image, &c.key));
        self.images.iter().all(holds)
    }
}

/// The values of a key of an image: metadata as written, else in any case, and what every image has by name.
fn values<'a>(image: &'a LocalizedImage, key: &str) -> Vec<&'a str> {
    let same = |(name, _): &(&String, _)| name.eq_ignore_ascii_case(key);
    let told = image.metadata.get(key);
    let told = told.or_else(|| image.metadata.iter().find(same).map(|(_, values)| values));
    let mut values: Vec<&str> = told.into_iter().flatten().map(String::as_str).collect();
    let (source, labels) = (&image.source, &image.source.labels);
    let one = |value: &'a Option<String>| value.iter().map(String::as_str);
    match key.to_ascii_lowercase().as_str() {
        "id" => values.push(&image.id),
        "group" => values.push(&image.group),
        "kind" => values.push(&source.kind),
        "rights" | "license" => values.extend(one(&source.rights)),
        "attribution" => values.extend(one(&source.attribution)),
        "manifest" => values.extend(one(&source.manifest).chain(one(&labels.manifest))),
        "canvas" => values.extend(one(&source.canvas).chain(one(&labels.canvas))),
        "label" => values.extend(
            one(&labels.image)
                .chain(one(&labels.canvas))
                .chain(one(&labels.manifest)),
        ),
        "concept" => {
            values.extend(image.labels.iter().map(String::as_str));
            values.extend(image.localizations.iter().map(|l| l.concept.as_str()));
        }
        _ => {}
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(user: &str, groups: &[&str], address: &str) -> Visitor {
        Visitor {
            user: Some(user.to_owned()).filter(|u| !u.is_empty()),
            groups: groups.iter().map(|g| (*g).to_owned()).collect(),
            address: address.parse().ok(),
        }
    }

    fn rules(text: &str) -> Rules {
        #[derive(Deserialize)]
        struct Some {
            rules: Vec<Rule>,
        }
        Rules {
            rules: toml::from_str::<Some>(text).unwrap().rules,
            otherwise: Verdict::May(May::None),
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rules = rules(
            r#"
            [[rules]]
            where = ["group=MS 1", "rights~^CC"]
            may = "full"
            [[rules]]
            where = "group=MS 1"
            who = ["user:anna", "address:10.0.0.0/8"]
            may = "review"
            [[rules]]
            where = "group=MS 1"
            who = ["group:staff"]
            may = "delegate"
            [[rules]]
            who = ["known"]
            may = "degraded"
            "#,
        );
        let mut closed = LocalizedImage {
            group: "MS 1".into(),
            ..LocalizedImage::default()
        };
        let mut open = closed.clone();
        open.source.rights = Some("CC0".into());
        let may = Verdict::May;
        let cases = [
            (&open, visitor("", &[], ""), may(May::Full)),
            (&closed, visitor("", &[], ""), may(May::None)),
            (&closed, visitor("anna", &["staff"], ""), may(May::Review)),
            (&closed, visitor("", &[], "10.1.2.3"), may(May::Review)),
            (&closed, visitor("ben", &["staff"], ""), Verdict::Ask),
            (&closed, visitor("ben", &[], "11.0.0.1"), may(May::Degraded)),
        ];
        for (image, visitor, wanted) in cases {
            assert_eq!(rules.verdict(image, &visitor), wanted, "{visitor:?}");
        }
        assert_eq!(rules.for_all(&open), Some(May::Full));
        assert_eq!(rules.for_all(&closed), None);
        // Groups prove nothing without a user.
        assert!(!Who::Group("staff".into()).is(&visitor("", &["staff"], "")));
        closed.group = "MS 2".into();
        assert_eq!(rules.for_all(&closed), None);
    }

    #[test]
    fn what_is_no_visitor_is_refused() {
        for text in [
            "",
            "anna",
            "user:",
            "group:",
            "everyone",
            "address:x",
            "known:",
        ] {
            assert!(Who::parse(text).is_err(), "{text}");
        }
    }
}
