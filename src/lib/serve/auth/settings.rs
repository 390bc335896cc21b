//! `[auth]` of the configuration, and what in it contradicts itself. Pure.

use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::accounts::Account;
use super::jwt;
use super::network::Network;
use super::rate::Rate;
use super::rules::{May, Rule, Verdict, Who};

/// Who may see what, and how they prove who they are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What the place is called where people log in.
    pub label: String,
    /// Which image, which visitor, what: the first that fits decides.
    pub rules: Vec<Spanned<Rule>>,
    /// Where no rule fits.
    pub otherwise: Option<Spanned<Verdict>>,
    /// Pixels a side that those see who may see an image degraded.
    pub degraded: Option<Spanned<u32>>,
    /// Users and their tokens.
    pub accounts: Vec<Spanned<Account>>,
    /// Take names and passwords in HTTP Basic.
    pub basic: bool,
    /// Tokens that others have signed.
    pub jwt: Option<Spanned<jwt::Settings>>,
    /// Who is asked where a rule says so.
    pub delegate: Option<Spanned<Delegate>>,
    /// For whom pictures are made that are not there yet.
    pub derivatives: Option<Spanned<Derivatives>>,
    /// Who is privileged.
    pub privileged: Vec<Who>,
    /// How often a client may ask.
    pub rate: Option<Spanned<Rate>>,
    /// Whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<Network>,
    /// Seconds until people must log in again.
    pub session: Spanned<u32>,
    /// Seconds that an access token of a viewer is good for.
    pub access: Spanned<u32>,
    /// The file of a secret under which sessions outlive the program, and are shared by several.
    pub secret: Option<PathBuf>,
    /// Sites whose scripts may ask with cookies, and get access tokens without having been named at the login.
    pub origins: Vec<Origin>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
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
            trusted_proxies: Vec::new(),
            session: Spanned::new(0..0, 12 * 3600),
            access: Spanned::new(0..0, 3600),
            secret: None,
            origins: Vec::new(),
        }
    }
}

/// For whom pictures are made that are not there yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Derivatives {
    /// All who may see them.
    #[default]
    Everyone,
    /// The privileged; all others see what has been made.
    Privileged,
}

/// Who decides about single images.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegate {
    /// Asked by POST.
    pub url: Option<String>,
    /// Or a program with its arguments, asked on standard input.
    #[serde(default)]
    pub command: Vec<String>,
    /// Seconds it has for an answer.
    #[serde(default = "timeout")]
    pub timeout: f64,
    /// Seconds an answer holds.
    #[serde(default = "keep")]
    pub keep: u32,
    /// Headers of the visitor's request that it is told.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Images of a document that it is asked about at most.
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

/// Scheme, host and port of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(pub String);

impl Origin {
    /// Reads `https://host` or `https://host:port`, exactly as browsers write it.
    pub fn parse(text: &str) -> Option<Self> {
        let url = url::Url::parse(text).ok()?;
        let written = url.origin().ascii_serialization();
        let is_web = ["http", "https"].contains(&url.scheme());
        (is_web && written == text).then_some(Origin(written))
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

/// What contradicts itself, and where it stands.
pub type Fault = (Range<usize>, String);

impl Settings {
    /// What holds where no rule fits: nothing is closed where there are no rules, else what is not opened is.
    pub fn otherwise(&self) -> Verdict {
        let usual = match self.rules.is_empty() {
            true => May::Full,
            false => May::None,
        };
        self.otherwise
            .as_ref()
            .map_or(Verdict::May(usual), |v| *v.get_ref())
    }

    /// Finds a contradiction.
    pub fn check(&self) -> Result<(), Fault> {
        self.check_rules()?;
        self.check_degraded()?;
        self.check_people()?;
        self.check_delegate()?;
        self.check_rest()
    }

    /// Whether anybody may correct boxes.
    pub fn lets_review(&self) -> bool {
        self.says(Verdict::May(May::Review)).is_some() || self.says(Verdict::Ask).is_some()
    }

    /// Where it says what somebody may.
    fn says(&self, wanted: Verdict) -> Option<Range<usize>> {
        let otherwise = self.otherwise.iter().map(|o| (o.span(), *o.get_ref()));
        let rules = self.rules.iter().map(|r| (r.span(), r.get_ref().may));
        let mut all = rules.chain(otherwise);
        all.find(|(_, v)| *v == wanted).map(|(span, _)| span)
    }

    fn check_rules(&self) -> Result<(), Fault> {
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

    fn check_degraded(&self) -> Result<(), Fault> {
        let said = self.says(Verdict::May(May::Degraded));
        match (&self.degraded, said) {
            (None, Some(at)) => Err((
                at,
                "may = \"degraded\" needs `degraded`, the pixels a side that are left".into(),
            )),
            (Some(n), None) if self.delegate.is_none() => Err((
                n.span(),
                "`degraded` is without effect: no rule says may = \"degraded\"".into(),
            )),
            (Some(n), _) if *n.get_ref() == 0 => {
                Err((n.span(), "`degraded` is 0, which is no pixel".into()))
            }
            _ => Ok(()),
        }
    }

    /// Rules and privileges about people whom nobody could be.
    fn check_people(&self) -> Result<(), Fault> {
        for (n, account) in self.accounts.iter().enumerate() {
            let user = &account.get_ref().user;
            if user.is_empty() || user.chars().any(char::is_control) {
                return Err((account.span(), "an account has no name".into()));
            }
            if self.accounts[..n].iter().any(|a| a.get_ref().user == *user) {
                return Err((account.span(), format!("a second account of `{user}`")));
            }
        }
        if self.basic && self.accounts.is_empty() {
            return Err((self.first(), "`basic` needs [[auth.accounts]]".into()));
        }
        let places = self.rules.iter().map(|r| (r.span(), &r.get_ref().who));
        for (at, who) in places.chain([(self.first(), &self.privileged)]) {
            if let Some(who) = who.iter().find(|who| !self.can_be(who)) {
                return Err((
                    at,
                    format!("nobody can be {who:?}: no account is, and there is no [auth.jwt]"),
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

    fn check_delegate(&self) -> Result<(), Fault> {
        let asked = self.says(Verdict::Ask);
        let Some(delegate) = &self.delegate else {
            let why = "may = \"delegate\" needs [auth.delegate]".to_owned();
            return asked.map_or(Ok(()), |at| Err((at, why)));
        };
        let (at, delegate) = (delegate.span(), delegate.get_ref());
        let is_web = |url: &String| {
            url::Url::parse(url).is_ok_and(|u| ["http", "https"].contains(&u.scheme()))
        };
        let why = match (&delegate.url, &delegate.command[..]) {
            _ if asked.is_none() => "the delegate is never asked: no rule says may = \"delegate\"",
            (Some(_), [_, ..]) => "the delegate is a `url` or a `command`, not both",
            (None, []) => "the delegate needs a `url` or a `command`",
            (Some(url), _) if !is_web(url) => "`url` is not a URL of http or https",
            _ if !(delegate.timeout > 0.0 && delegate.timeout <= 60.0) => {
                "`timeout` is not between 0 and 60 seconds"
            }
            _ => return Ok(()),
        };
        Err((at, why.to_owned()))
    }

    fn check_rest(&self) -> Result<(), Fault> {
        let privileged = Some(Derivatives::Privileged);
        match &self.derivatives {
            Some(d) if Some(*d.get_ref()) == privileged && self.privileged.is_empty() => {
                let why = "derivatives = \"privileged\" needs `privileged`, who that is";
                return Err((d.span(), why.into()));
            }
            d if d.as_ref().map(|d| *d.get_ref()) != privileged && !self.privileged.is_empty() => {
                let why = "`privileged` is without effect but with derivatives = \"privileged\"";
                return Err((self.first(), why.into()));
            }
            _ => {}
        }
        if let Some(rate) = &self.rate {
            let Rate { per_second, burst } = *rate.get_ref();
            if !(per_second > 0.0 && per_second.is_finite()) || burst == 0 {
                return Err((
                    rate.span(),
                    "a rate is more than 0, and so is a burst".into(),
                ));
            }
        }
        for seconds in [&self.session, &self.access] {
            if *seconds.get_ref() == 0 {
                return Err((seconds.span(), "0 seconds are over at once".into()));
            }
        }
        Ok(())
    }

    /// Where to point for keys that hold no place of their own: the table.
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
            ("degraded = 0\n[[rules]]\nmay = \"degraded\"", "no pixel"),
            (
                "degraded = 9\n[[rules]]\nmay = \"full\"",
                "`degraded` is without effect",
            ),
            (
                "[[rules]]\nwho = [\"known\"]\nmay = \"full\"",
                "nobody can be Known",
            ),
            (
                "[[rules]]\nwho = [\"user:ben\"]\nmay = \"full\"\nACCOUNT",
                "nobody can be User(\"ben\")",
            ),
            (
                "[[rules]]\nwho = [\"group:staff\"]\nmay = \"full\"\nACCOUNT",
                "",
            ),
            (
                "[[rules]]\nwho = [\"group:other\"]\nmay = \"full\"\nACCOUNT",
                "nobody can be Group",
            ),
            ("ACCOUNTACCOUNT", "a second account of `anna`"),
            ("basic = true", "`basic` needs"),
            ("otherwise = \"delegate\"", "needs [auth.delegate]"),
            ("[delegate]\nurl = \"http://a.example\"", "never asked"),
            (
                "otherwise = \"delegate\"\n[delegate]",
                "needs a `url` or a `command`",
            ),
            (
                "otherwise = \"delegate\"\n[delegate]\nurl = \"file:///a\"",
                "not a URL",
            ),
            (
                "otherwise = \"delegate\"\n[delegate]\nurl = \"http://a\"\ncommand = [\"a\"]",
                "not both",
            ),
            (
                "otherwise = \"delegate\"\n[delegate]\ncommand = [\"a\"]\ntimeout = 0",
                "`timeout`",
            ),
            ("derivatives = \"privileged\"", "needs `privileged`"),
            ("privileged = [\"anyone\"]", "without effect but"),
            ("rate = {per_second = 0, burst = 1}", "more than 0"),
            ("session = 0", "over at once"),
        ];
        for (text, says) in cases {
            let text = text.replace("ACCOUNT", &account);
            let settings: Settings = toml::from_str(&text).unwrap();
            match settings.check() {
                Ok(()) => assert_eq!(says, "", "{text}"),
                Err((_, why)) => assert!(!says.is_empty() && why.contains(says), "{text}: {why}"),
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in [
            "origins = [\"https://a.example/\"]",
            "origins = [\"ftp://a.example\"]",
            "origins = [\"*\"]",
            "trusted_proxies = [\"all\"]",
            "otherwise = \"maybe\"",
            "[[rules]]\nmay = \"full\"\nwhere = \"group\"",
            "[[rules]]\nmay = \"full\"\nwhom = []",
            "[jwt]\nalgorithm = \"none\"\nkey = \"a\"",
        ] {
            assert!(toml::from_str::<Settings>(text).is_err(), "{text}");
        }
    }
}
