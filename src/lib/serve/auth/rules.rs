//! The rules about who may see which image: the first that applies to an image and a visitor decides. Pure.

use std::fmt;
use std::net::IpAddr;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor as Reader};

use super::network::Network;
use crate::conditions::Condition;
use crate::contracts::LocalizedImage;

/// What a visitor may do with an image, in ascending order: each level includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Nothing: the image seems not to exist.
    #[default]
    Hidden,
    /// Read what is known about it, without any pixels.
    None,
    /// See the degraded, smaller image.
    Degraded,
    /// See all of it.
    Full,
    /// Correct its boxes.
    Review,
}

/// What a rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The visitor has this access.
    Access(Access),
    /// The delegate decides.
    Delegate,
}

impl<'de> Deserialize<'de> for Decision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match &*String::deserialize(deserializer)? {
            "hidden" => Ok(Decision::Access(Access::Hidden)),
            "none" => Ok(Decision::Access(Access::None)),
            "degraded" => Ok(Decision::Access(Access::Degraded)),
            "full" => Ok(Decision::Access(Access::Full)),
            "review" => Ok(Decision::Access(Access::Review)),
            "delegate" => Ok(Decision::Delegate),
            other => Err(de::Error::custom(format!(
                "`{other}` is not one of hidden, none, degraded, full, review, delegate"
            ))),
        }
    }
}

/// Who sends a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visitor {
    /// The name of the authenticated user; none: anonymous.
    pub user: Option<String>,
    /// The groups of the user.
    pub groups: Vec<String>,
    /// The address the request comes from; none: unknown.
    pub address: Option<IpAddr>,
}

/// A set of visitors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everybody.
    Anyone,
    /// Every authenticated user.
    Known,
    /// One user.
    User(String),
    /// The users of a group.
    Group(String),
    /// Everybody at these addresses, such as a reading room.
    Address(Network),
}

impl Who {
    /// Reads `anyone`, `known`, `user:NAME`, `group:NAME` or `address:NETWORK`.
    ///
    /// # Errors
    /// The text is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("user", name)) if !name.is_empty() => Ok(Who::User(name.to_owned())),
            Some(("group", name)) if !name.is_empty() => Ok(Who::Group(name.to_owned())),
            Some(("address", network)) => Network::parse(network).map(Who::Address),
            None if text == "anyone" => Ok(Who::Anyone),
            None if text == "known" => Ok(Who::Known),
            _ => Err(format!(
                "`{text}` is not one of anyone, known, user:NAME, group:NAME, address:NETWORK"
            )),
        }
    }

    /// Whether a visitor belongs to it.
    pub fn includes(&self, visitor: &Visitor) -> bool {
        match self {
            Who::Anyone => true,
            Who::Known => visitor.user.is_some(),
            Who::User(name) => visitor.user.as_ref() == Some(name),
            Who::Group(name) => visitor.user.is_some() && visitor.groups.contains(name),
            Who::Address(network) => visitor.address.is_some_and(|a| network.holds(a)),
        }
    }
}

impl fmt::Display for Who {
    /// As the configuration has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Anyone => f.write_str("anyone"),
            Who::Known => f.write_str("known"),
            Who::User(name) => write!(f, "user:{name}"),
            Who::Group(name) => write!(f, "group:{name}"),
            Who::Address(network) => write!(f, "address:{network:?}"),
        }
    }
}

impl<'de> Deserialize<'de> for Who {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Who::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A rule: what some visitors may do with some images.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The conditions on an image, all of which must hold; empty: every image.
    #[serde(default, rename = "where", deserialize_with = "conditions")]
    pub images: Vec<Condition>,
    /// The visitors the rule is for.
    #[serde(default = "anyone")]
    pub who: Vec<Who>,
    /// What the rule decides.
    #[serde(rename = "may")]
    pub decision: Decision,
}

fn anyone() -> Vec<Who> {
    vec![Who::Anyone]
}

/// One condition or a list of them.
fn conditions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Condition>, D::Error> {
    struct Conditions;
    impl<'de> Reader<'de> for Conditions {
        type Value = Vec<Condition>;
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
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

/// What rules are asked about: an image, and the file that it is of. The rights of a file hold for all its pages, and do not
/// change with the files beside it.
#[derive(Clone, Copy, Debug)]
pub struct RuledImage<'a> {
    /// What is said of the image.
    pub about: &'a LocalizedImage,
    /// What is said of the first page of its file, if it is a further one.
    pub cover: Option<&'a LocalizedImage>,
    /// Its names besides its id, and those of its file.
    pub names: &'a [String],
    /// Concepts of its boxes that `about` does not hold.
    pub concepts: &'a [String],
}

/// All rules, and the decision where none of them applies.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The rules; the first that applies decides.
    pub rules: Vec<Rule>,
    /// The decision where no rule applies.
    pub otherwise: Decision,
}

impl Rules {
    /// The decision about a visitor and an image.
    pub fn decision(&self, image: RuledImage, visitor: &Visitor) -> Decision {
        let mut applicable = self.rules.iter().filter(|rule| rule.is_about(image));
        let rule = applicable.find(|rule| rule.who.iter().any(|who| who.includes(visitor)));
        rule.map_or(self.otherwise, |rule| rule.decision)
    }

    /// Whether any decision depends on the address of a visitor.
    pub fn ask_for_addresses(&self) -> bool {
        let mut who = self.rules.iter().flat_map(|rule| &rule.who);
        who.any(|who| matches!(who, Who::Address(_)))
    }

    /// Whether everybody may see all of an image, whatever some may do besides.
    pub fn open_to_everybody(&self, image: RuledImage) -> bool {
        let is_open =
            |decision| matches!(decision, Decision::Access(access) if access >= Access::Full);
        for rule in self.rules.iter().filter(|rule| rule.is_about(image)) {
            match is_open(rule.decision) {
                false => return false,
                true if rule.who.contains(&Who::Anyone) => return true,
                true => {}
            }
        }
        is_open(self.otherwise)
    }

    /// What everybody may do with an image; none if that depends on the visitor.
    pub fn for_everybody(&self, image: RuledImage) -> Option<Access> {
        let mut applicable = self.rules.iter().filter(|rule| rule.is_about(image));
        let decision = match applicable.next() {
            None => self.otherwise,
            Some(rule) if rule.who.contains(&Who::Anyone) => rule.decision,
            Some(_) => return None,
        };
        match decision {
            Decision::Access(access) => Some(access),
            Decision::Delegate => None,
        }
    }
}

impl Rule {
    /// Whether the rule is about an image.
    pub fn is_about(&self, image: RuledImage) -> bool {
        let holds = |c: &Condition| c.holds_for(&image.values(&c.key));
        self.images.iter().all(holds)
    }
}

impl<'a> RuledImage<'a> {
    /// An image that is a whole file of no other name.
    pub fn alone(about: &'a LocalizedImage) -> Self {
        RuledImage {
            about,
            cover: None,
            names: &[],
            concepts: &[],
        }
    }

    /// The values of a key: what holds for the first page of a file holds for the others too.
    pub fn values(&self, key: &str) -> Vec<&'a str> {
        let mut values = values(self.about, key);
        values.extend(self.cover.iter().flat_map(|cover| self::values(cover, key)));
        let further = match key.to_ascii_lowercase().as_str() {
            "id" => self.names,
            "concept" => self.concepts,
            _ => &[],
        };
        values.extend(further.iter().map(String::as_str));
        values
    }
}

/// The values of a key of an image: its metadata, with the key as written or else in any case, and the fields that
/// every image has.
fn values<'a>(image: &'a LocalizedImage, key: &str) -> Vec<&'a str> {
    let same = |(name, _): &(&String, _)| name.eq_ignore_ascii_case(key);
    let found = image.metadata.get(key);
    let found = found.or_else(|| image.metadata.iter().find(same).map(|(_, values)| values));
    let mut values: Vec<&str> = found.into_iter().flatten().map(String::as_str).collect();
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
            otherwise: Decision::Access(Access::None),
        }
    }

    #[test]
    fn the_first_rule_that_applies_decides() {
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
        let access = Decision::Access;
        let cases = [
            (&open, visitor("", &[], ""), access(Access::Full)),
            (&closed, visitor("", &[], ""), access(Access::None)),
            (
                &closed,
                visitor("anna", &["staff"], ""),
                access(Access::Review),
            ),
            (
                &closed,
                visitor("", &[], "10.1.2.3"),
                access(Access::Review),
            ),
            (&closed, visitor("ben", &["staff"], ""), Decision::Delegate),
            (
                &closed,
                visitor("ben", &[], "11.0.0.1"),
                access(Access::Degraded),
            ),
        ];
        for (image, visitor, wanted) in cases {
            let image = RuledImage::alone(image);
            assert_eq!(rules.decision(image, &visitor), wanted, "{visitor:?}");
        }
        let for_everybody = |image: &LocalizedImage| rules.for_everybody(RuledImage::alone(image));
        assert_eq!(for_everybody(&open), Some(Access::Full));
        assert_eq!(for_everybody(&closed), None);
        let is_open = |image: &LocalizedImage| rules.open_to_everybody(RuledImage::alone(image));
        assert_eq!((is_open(&open), is_open(&closed)), (true, false));
        // Groups prove nothing without a user.
        assert!(!Who::Group("staff".into()).includes(&visitor("", &["staff"], "")));
        closed.group = "MS 2".into();
        assert_eq!(for_everybody(&closed), None);
    }

    #[test]
    fn an_image_is_open_to_everybody_by_any_rule() {
        let staff = |may: &str| format!("[[rules]]\nwho = [\"group:staff\"]\nmay = \"{may}\"\n");
        let anyone = |may: &str| format!("[[rules]]\nmay = \"{may}\"\n");
        let cases = [
            (anyone("full"), true),
            (staff("review") + &anyone("full"), true),
            (staff("full") + &staff("review") + &anyone("review"), true),
            (staff("review") + &anyone("degraded"), false),
            (staff("none") + &anyone("full"), false),
            (staff("delegate") + &anyone("full"), false),
            // What follows a rule for anyone is not reached.
            (anyone("full") + &staff("none"), true),
            // Otherwise none.
            (staff("full"), false),
        ];
        for (text, wanted) in cases {
            let image = LocalizedImage::default();
            let found = rules(&text).open_to_everybody(RuledImage::alone(&image));
            assert_eq!(found, wanted, "{text}");
        }
    }

    #[test]
    fn a_page_has_the_values_of_the_first_page_of_its_file_too() {
        let of = |id: &str, label: &str| LocalizedImage {
            id: id.into(),
            labels: [label.to_owned()].into_iter().collect(),
            ..LocalizedImage::default()
        };
        let (cover, about) = (of("doc.pdf", "seal"), of("doc.pdf;2", "blank"));
        let names = ["doc", "doc.pdf", "doc;2", "doc.pdf;2"].map(str::to_owned);
        let page = RuledImage {
            cover: Some(&cover),
            names: &names,
            concepts: &["drawn".to_owned()],
            ..RuledImage::alone(&about)
        };
        let holds = |text: &str| {
            let condition = Condition::parse(text).unwrap();
            condition.holds_for(&page.values(&condition.key))
        };
        for text in [
            "id=doc",
            "ID=doc.pdf",
            "id=doc;2",
            "id=doc.pdf;2",
            "id~^doc$",
            "concept=seal",
            "concept=blank",
            "concept=drawn",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in ["id!=doc", "id!=doc.pdf;2", "id=doc;1", "concept!=seal"] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn invalid_visitors_are_refused() {
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
