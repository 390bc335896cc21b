//! The table `[auth]` of the configuration, and the contradictions that it may hold. Pure.

use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::accounts::Account;
use super::jwt;
use super::network::Network;
use super::rate::Rate;
use super::rules::{Access, Decision, Rule, Who};

/// Who may see what, and how they prove who they are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthSettings {
    /// The name of the site, shown where people log in.
    pub label: String,
    /// Who may do what with which images: the first rule that applies decides.
    pub rules: Vec<Spanned<Rule>>,
    /// The decision where no rule applies.
    pub otherwise: Option<Spanned<Decision>>,
    /// The longest side in pixels of degraded images.
    pub degraded: Option<Spanned<u32>>,
    /// Users and their tokens.
    pub accounts: Vec<Spanned<Account>>,
    /// Accept names and passwords in HTTP Basic.
    pub basic: bool,
    /// Accept JWTs signed by an identity provider.
    pub jwt: Option<Spanned<jwt::Settings>>,
    /// The delegate, which decides where a rule says so.
    pub delegate: Option<Spanned<DelegateSettings>>,
    /// For whom images are rendered that are not cached yet.
    pub derivatives: Option<Spanned<Derivatives>>,
    /// The privileged visitors.
    pub privileged: Vec<Who>,
    /// How many requests a client may send.
    pub rate: Option<Spanned<Rate>>,
    /// Who may see `/health`; empty: everybody.
    pub health: Vec<Who>,
    /// Who may see `/metrics`; empty: everybody.
    pub metrics: Vec<Who>,
    /// The proxies whose `Forwarded` and `X-Forwarded-…` are trusted.
    pub trusted_proxies: Vec<Network>,
    /// Seconds until people must log in again.
    pub session: Spanned<u32>,
    /// Seconds until an access token of a viewer expires.
    pub access: Spanned<u32>,
    /// The file with a secret, so that sessions outlive the program and can be shared by several servers.
    pub secret: Option<PathBuf>,
    /// Sites whose scripts may send cookies, and get access tokens although the user did not name them at login.
    pub origins: Vec<Origin>,
}

impl Default for AuthSettings {
    fn default() -> Self {
        AuthSettings {
            label: "recto".into(),
            rules: Vec::new(),
            otherwise: None,
            degraded: None,
            accounts: Vec::new(),
            basic: false,
            jwt: None,
            delegate: None,
            derivatives: None,
            privileged: Vec::new(),
            rate: None,
            health: Vec::new(),
            metrics: Vec::new(),
            trusted_proxies: Vec::new(),
            session: Spanned::new(0..0, 12 * 3600),
            access: Spanned::new(0..0, 3600),
            secret: None,
            origins: Vec::new(),
        }
    }
}

/// For whom images are rendered that are not cached yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Derivatives {
    /// For everybody who may see them.
    #[default]
    Everyone,
    /// For privileged visitors; all others see what is cached.
    Privileged,
}

/// The delegate, which decides about single images.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegateSettings {
    /// Request by POST.
    pub url: Option<String>,
    /// Or a program with its arguments, which reads the question on standard input.
    #[serde(default)]
    pub command: Vec<String>,
    /// Seconds within which it must answer.
    #[serde(default = "timeout")]
    pub timeout: f64,
    /// Seconds for which a decision is kept.
    #[serde(default = "keep")]
    pub keep: u32,
    /// The headers of the visitor's request that it is told.
    #[serde(default)]
    pub headers: Vec<String>,
    /// The most images of one document that it is asked about.
    #[serde(default = "most")]
    pub most: usize,
}

fn timeout() -> f64 {
    5.0
}

fn keep() -> u32 {
    60
}

fn most() -> usize {
    200
}

/// The origin of a site: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(pub String);

impl Origin {
    /// Reads `https://host` or `https://host:port` as browsers write it, or with the slash that Authorization 1.0 has at its
    /// end (§2.1.2).
    pub fn parse(text: &str) -> Option<Self> {
        let url = url::Url::parse(text).ok()?;
        let written = url.origin().ascii_serialization();
        let is_web = ["http", "https"].contains(&url.scheme());
        (is_web && written == text.strip_suffix('/').unwrap_or(text)).then_some(Origin(written))
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Origin::parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is not an origin such as https://viewer.example"
            ))
        })
    }
}

/// A contradiction, and the bytes of the file where it stands.
pub type Contradiction = (Range<usize>, String);

impl AuthSettings {
    /// The decision where no rule applies. Without rules everything is open; with rules, only what they open.
    pub fn otherwise(&self) -> Decision {
        let usual = match self.rules.is_empty() {
            true => Access::Full,
            false => Access::None,
        };
        self.otherwise
            .as_ref()
            .map_or(Decision::Access(usual), |v| *v.get_ref())
    }

    /// Checks the table as a whole.
    ///
    /// # Errors
    /// The first contradiction.
    pub fn check(&self) -> Result<(), Contradiction> {
        self.check_rules()?;
        self.check_degraded()?;
        self.check_people()?;
        self.check_delegate()?;
        self.check_rest()
    }

    /// Whether anybody may correct boxes.
    pub fn lets_review(&self) -> bool {
        self.place_of(Decision::Access(Access::Review)).is_some()
            || self.place_of(Decision::Delegate).is_some()
    }

    /// Where the table makes a decision, if it does.
    fn place_of(&self, wanted: Decision) -> Option<Range<usize>> {
        let otherwise = self.otherwise.iter().map(|o| (o.span(), *o.get_ref()));
        let rules = self.rules.iter().map(|r| (r.span(), r.get_ref().decision));
        let mut all = rules.chain(otherwise);
        all.find(|(_, v)| *v == wanted).map(|(span, _)| span)
    }

    fn check_rules(&self) -> Result<(), Contradiction> {
        let takes_all = |r: &Spanned<Rule>| {
            r.get_ref().images.is_empty() && r.get_ref().who.contains(&Who::Anyone)
        };
        let Some(last) = self.rules.iter().position(takes_all) else {
            return Ok(());
        };
        let never = |what: &str| {
            format!("{what} is never reached: a rule before it is for all images and anyone")
        };
        match (self.rules.get(last + 1), &self.otherwise) {
            (Some(rule), _) => Err((rule.span(), never("this rule"))),
            (None, Some(otherwise)) => Err((otherwise.span(), never("`otherwise`"))),
            _ => Ok(()),
        }
    }

    fn check_degraded(&self) -> Result<(), Contradiction> {
        let said = self.place_of(Decision::Access(Access::Degraded));
        match (&self.degraded, said) {
            (None, Some(at)) => Err((
                at,
                "may = \"degraded\" needs `degraded`, the longest side in pixels".into(),
            )),
            (Some(n), None) if self.delegate.is_none() => Err((
                n.span(),
                "`degraded` has no effect: no rule says may = \"degraded\"".into(),
            )),
            (Some(n), _) if *n.get_ref() == 0 => Err((
                n.span(),
                "`degraded` is 0, at least 1 pixel is needed".into(),
            )),
            _ => Ok(()),
        }
    }

    /// Rules and privileges for users that cannot exist.
    fn check_people(&self) -> Result<(), Contradiction> {
        for (n, account) in self.accounts.iter().enumerate() {
            let user = &account.get_ref().user;
            if user.is_empty() || user.chars().any(char::is_control) {
                return Err((
                    account.span(),
                    "the name of an account is missing or holds control characters".into(),
                ));
            }
            if self.accounts[..n].iter().any(|a| a.get_ref().user == *user) {
                return Err((account.span(), format!("a second account of `{user}`")));
            }
        }
        if self.basic && self.accounts.is_empty() {
            return Err((self.first(), "`basic` needs [[auth.accounts]]".into()));
        }
        let places = self.rules.iter().map(|r| (r.span(), &r.get_ref().who));
        let lists = [&self.privileged, &self.health, &self.metrics];
        for (at, who) in places.chain(lists.map(|who| (self.first(), who))) {
            if let Some(who) = who.iter().find(|who| !self.can_be(who)) {
                return Err((
                    at,
                    format!(
                        "no visitor can be `{who}`: there is no such account, and [auth.jwt] is missing"
                    ),
                ));
            }
        }
        Ok(())
    }

    fn can_be(&self, who: &Who) -> bool {
        let mut accounts = self.accounts.iter().map(Spanned::get_ref);
        match who {
            Who::Anyone | Who::Address(_) => true,
            _ if self.jwt.is_some() => true,
            Who::Known => accounts.next().is_some(),
            Who::User(name) => accounts.any(|a| a.user == *name),
            Who::Group(name) => accounts.any(|a| a.groups.contains(name)),
        }
    }

    fn check_delegate(&self) -> Result<(), Contradiction> {
        let called = self.place_of(Decision::Delegate);
        let Some(delegate) = &self.delegate else {
            let why = "may = \"delegate\" needs [auth.delegate]".to_owned();
            return called.map_or(Ok(()), |at| Err((at, why)));
        };
        let (at, delegate) = (delegate.span(), delegate.get_ref());
        let is_web = |url: &String| {
            url::Url::parse(url).is_ok_and(|u| ["http", "https"].contains(&u.scheme()))
        };
        let why = match (&delegate.url, &delegate.command[..]) {
            _ if called.is_none() => {
                "the delegate is never called: no rule says may = \"delegate\""
            }
            (Some(_), [_, ..]) => "the delegate has both `url` and `command`, only one is possible",
            (None, []) => "the delegate needs a `url` or a `command`",
            (Some(url), _) if !is_web(url) => "`url` is not an http or https URL",
            _ if !(delegate.timeout > 0.0 && delegate.timeout <= 60.0) => {
                "`timeout` is not between 0 and 60 seconds"
            }
            _ => return Ok(()),
        };
        Err((at, why.to_owned()))
    }

    fn check_rest(&self) -> Result<(), Contradiction> {
        let privileged = Some(Derivatives::Privileged);
        match &self.derivatives {
            Some(d) if Some(*d.get_ref()) == privileged && self.privileged.is_empty() => {
                let why =
                    "derivatives = \"privileged\" needs `privileged`, the list of these visitors";
                return Err((d.span(), why.into()));
            }
            d if d.as_ref().map(|d| *d.get_ref()) != privileged && !self.privileged.is_empty() => {
                let why = "`privileged` has no effect without derivatives = \"privileged\"";
                return Err((self.first(), why.into()));
            }
            _ => {}
        }
        if let Some(rate) = &self.rate {
            let Rate { per_second, burst } = *rate.get_ref();
            if !(per_second > 0.0 && per_second.is_finite()) || burst == 0 {
                return Err((
                    rate.span(),
                    "`per_second` and `burst` must be more than 0".into(),
                ));
            }
        }
        for seconds in [&self.session, &self.access] {
            if *seconds.get_ref() == 0 {
                return Err((
                    seconds.span(),
                    "`session` and `access` must be more than 0 seconds".into(),
                ));
            }
        }
        Ok(())
    }

    /// The place of keys whose own place is not known: the start of the table.
    fn first(&self) -> Range<usize> {
        0..0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    #[test]
    fn contradictions_are_found() {
        let account =
            format!("[[accounts]]\nuser = \"anna\"\ngroups = [\"staff\"]\ntoken = \"{HASH}\"\n");
        let cases: [(&str, &str); 22] = [
            ("", ""),
            (
                "[[rules]]\nmay = \"full\"\n[[rules]]\nmay = \"none\"",
                "this rule is never reached",
            ),
            (
                "otherwise = \"none\"\n[[rules]]\nmay = \"full\"",
                "`otherwise` is never reached",
            ),
            ("[[rules]]\nmay = \"degraded\"", "needs `degraded`"),
            (
                "degraded = 0\n[[rules]]\nmay = \"degraded\"",
                "at least 1 pixel",
            ),
            (
                "degraded = 9\n[[rules]]\nmay = \"full\"",
                "`degraded` has no effect",
            ),
            (
                "[[rules]]\nwho = [\"known\"]\nmay = \"full\"",
                "no visitor can be `known`",
            ),
            (
                "[[rules]]\nwho = [\"user:ben\"]\nmay = \"full\"\nACCOUNT",
                "no visitor can be `user:ben`",
            ),
            (
                "[[rules]]\nwho = [\"group:staff\"]\nmay = \"full\"\nACCOUNT",
                "",
            ),
            (
                "[[rules]]\nwho = [\"group:other\"]\nmay = \"full\"\nACCOUNT",
                "no visitor can be `group:other`",
            ),
            ("ACCOUNTACCOUNT", "a second account of `anna`"),
            ("basic = true", "`basic` needs"),
            ("otherwise = \"delegate\"", "needs [auth.delegate]"),
            ("[delegate]\nurl = \"http://a.example\"", "never called"),
            (
                "otherwise = \"delegate\"\n[delegate]",
                "needs a `url` or a `command`",
            ),
            (
                "otherwise = \"delegate\"\n[delegate]\nurl = \"file:///a\"",
                "not an http",
            ),
            (
                "otherwise = \"delegate\"\n[delegate]\nurl = \"http://a\"\ncommand = [\"a\"]",
                "has both",
            ),
            (
                "otherwise = \"delegate\"\n[delegate]\ncommand = [\"a\"]\ntimeout = 0",
                "`timeout`",
            ),
            ("derivatives = \"privileged\"", "needs `privileged`"),
            ("privileged = [\"anyone\"]", "has no effect without"),
            ("rate = {per_second = 0, burst = 1}", "more than 0"),
            ("session = 0", "more than 0 seconds"),
        ];
        for (text, says) in cases {
            let text = text.replace("ACCOUNT", &account);
            let settings: AuthSettings = toml::from_str(&text).unwrap();
            match settings.check() {
                Ok(()) => assert_eq!(says, "", "{text}"),
                Err((_, why)) => assert!(!says.is_empty() && why.contains(says), "{text}: {why}"),
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in [
            "origins = [\"ftp://a.example\"]",
            "origins = [\"*\"]",
            "trusted_proxies = [\"all\"]",
            "otherwise = \"maybe\"",
            "[[rules]]\nmay = \"full\"\nwhere = \"group\"",
            "[[rules]]\nmay = \"full\"\nwhom = []",
            "[jwt]\nalgorithm = \"none\"\nkey = \"a\"",
        ] {
            assert!(toml::from_str::<AuthSettings>(text).is_err(), "{text}");
        }
    }
}
