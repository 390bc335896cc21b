//! Where the services of M3 are: from the command line, from a TOML file, or from the `[m3]` section of the
//! `config.ini` of m3-download, with its interpolation.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Options;
use crate::error::Error;
use crate::sources::is_url;
use crate::sources::names::below;

/// The configuration that is read when none is named: that of m3-download, where it stands.
pub const USUAL: &str = "config.ini";

/// The section, or table, that is read.
const SECTION: &str = "m3";

/// An address, and what to change if it is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The address.
    pub url: String,
    /// What sets it: "`anno` in config.ini", "--anno".
    pub name: String,
}

/// The addresses of the services. Those of annosaurus' parts are prefixes, before the name or UUID asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services {
    /// annosaurus: observations.
    pub anno: Setting,
    /// Observations with images, by concept.
    pub images: Setting,
    /// Moments by UUID.
    pub moments: Setting,
    /// Image references by UUID.
    pub references: Setting,
    /// The knowledge base, where there is one.
    pub kb: Option<Setting>,
    /// Trees below a concept of the knowledge base.
    pub trees: Option<Setting>,
    /// vampire-squid: videos and dives.
    pub vam: Option<Setting>,
}

impl Services {
    /// Every setting.
    pub fn all(&self) -> impl Iterator<Item = &Setting> {
        let required = [&self.anno, &self.images, &self.moments, &self.references];
        let optional = [&self.kb, &self.trees, &self.vam];
        required.into_iter().chain(optional.into_iter().flatten())
    }

    /// The setting behind an address: that of the longest prefix.
    pub fn behind(&self, url: &str) -> Option<&Setting> {
        self.all()
            .filter(|setting| url.starts_with(setting.url.trim_end_matches('/')))
            .max_by_key(|setting| setting.url.len())
    }

    /// Addresses are web addresses.
    fn check(self) -> Result<Self, Error> {
        let wrong = self.all().find(|setting| !is_url(&setting.url)).cloned();
        match wrong {
            None => Ok(self),
            Some(Setting { url, name }) => {
                let what = format!("{name} is no web address: `{url}`");
                Err(Error::new(what).hint("an address begins with http:// or https://"))
            }
        }
    }
}

/// The addresses that the command line gives, and for the rest a file: its name and bytes.
pub fn services(file: Option<(String, Vec<u8>)>, options: &Options) -> Result<Services, Error> {
    let settings = match &file {
        Some((name, bytes)) => read(name, bytes)?,
        None => Settings::default(),
    };
    let given = |option: &str, url: &Option<String>| {
        url.clone().map(|url| Setting {
            url,
            name: option.to_owned(),
        })
    };
    let anno = given("--anno", &options.anno);
    let kb = given("--kb", &options.kb).or_else(|| settings.get("kb", "kb/v1"));
    let base = settings.anno(&anno).ok_or_else(|| missing(&settings))?;
    let part = |key: &str, path: &str| {
        // An address given on the command line counts for all that is below it.
        let own = settings.own(key).filter(|_| anno.is_none());
        own.unwrap_or_else(|| base.below(path))
    };
    let trees = settings.own("kbdesc").filter(|_| options.kb.is_none());
    let services = Services {
        images: part("fastconceptimages", "fast/concept/images"),
        moments: part("imagedmoment", "imagedmoments"),
        references: part("imagereference", "imagereferences"),
        trees: trees.or_else(|| Some(kb.as_ref()?.below("phylogeny/down"))),
        anno: base,
        kb,
        vam: given("--vam", &options.vam).or_else(|| settings.get("vam", "vam/v1")),
    };
    services.check()
}

impl Setting {
    fn below(&self, path: &str) -> Self {
        Setting {
            url: below(&self.url, path),
            name: self.name.clone(),
        }
    }
}

/// What a file says, by key.
#[derive(Debug, Default)]
struct Settings {
    file: String,
    values: BTreeMap<String, String>,
}

impl Settings {
    /// What the file says under a key.
    fn own(&self, key: &str) -> Option<Setting> {
        let url = self.values.get(key)?;
        Some(Setting {
            url: url.clone(),
            name: format!("`{key}` in {}", self.file),
        })
    }

    /// The same; where the file names nothing but the site, the usual place on it.
    fn get(&self, key: &str, usual: &str) -> Option<Setting> {
        let only_site = !self.values.contains_key("anno");
        let usual = || Some(self.own("site").filter(|_| only_site)?.below(usual));
        self.own(key).or_else(usual)
    }

    fn anno(&self, given: &Option<Setting>) -> Option<Setting> {
        // Some files name nothing but the one address that the scripts ask.
        let stem = || {
            let mut own = self.own("fastconceptimages")?;
            let url = own.url.trim_end_matches('/');
            own.url = url.strip_suffix("/fast/concept/images")?.to_owned();
            Some(own)
        };
        given
            .clone()
            .or_else(|| self.own("anno"))
            .or_else(stem)
            .or_else(|| self.get("anno", "anno/v1"))
    }
}

fn missing(settings: &Settings) -> Error {
    let error = match settings.file.as_str() {
        "" => Error::usage("nothing says where the services of M3 are"),
        file => Error::new(format!("{file}: [{SECTION}] has neither `site` nor `anno`")),
    };
    error.hint("name annosaurus with --anno URL, or `site` or `anno` in a file given with -c FILE")
}

fn read(name: &str, bytes: &[u8]) -> Result<Settings, Error> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        Error::new(format!("{name}: is not UTF-8"))
            .because(e)
            .hint("-c FILE is a TOML file, or the config.ini of m3-download")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let raw = match name.to_ascii_lowercase().ends_with(".toml") {
        true => toml(name, text)?,
        false => ini(name, text)?,
    };
    let mut values = BTreeMap::new();
    for key in raw.keys() {
        values.insert(key.clone(), interpolated(name, key, &raw, 0)?);
    }
    Ok(Settings {
        file: name.to_owned(),
        values,
    })
}

fn no_section(name: &str) -> Error {
    Error::new(format!("{name}: has no section [{SECTION}]"))
        .hint("it holds `site = http://HOST`, or `anno`, `kb` and `vam`, each with an address")
}

fn toml(name: &str, text: &str) -> Result<BTreeMap<String, String>, Error> {
    #[derive(Deserialize)]
    struct File {
        m3: Option<BTreeMap<String, toml::Value>>,
    }
    let file: File = toml::from_str(text)
        .map_err(|e| Error::new(format!("{name}: is not TOML")).because(Faulty(e.to_string())))?;
    let section = file.m3.ok_or_else(|| no_section(name))?;
    let text = |(key, value): (String, toml::Value)| match value.as_str() {
        Some(text) => Ok((key.to_ascii_lowercase(), text.to_owned())),
        None => Err(Error::new(format!(
            "{name}: [{SECTION}] `{key}` is of type {}, an address in quotes is needed",
            value.type_str()
        ))),
    };
    section.into_iter().map(text).collect()
}

/// What a parser says, on one line.
#[derive(Debug)]
struct Faulty(String);

impl std::fmt::Display for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<&str> = self.0.lines().map(str::trim).collect();
        f.write_str(&lines.join(" "))
    }
}

impl std::error::Error for Faulty {}

/// The keys of the section, as Python's `configparser` reads them: keys in any case, `=` or `:`, comments on
/// lines of their own.
fn ini(name: &str, text: &str) -> Result<BTreeMap<String, String>, Error> {
    let mut values = BTreeMap::new();
    let (mut section, mut found) = (String::new(), false);
    for (at, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(title) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = title.trim().to_owned();
            found |= section == SECTION;
        } else if section == SECTION || section == "DEFAULT" {
            let (key, value) = line.split_once(['=', ':']).ok_or_else(|| {
                let what = format!("{name}:{}: `{line}` is no setting", at + 1);
                Error::new(what).hint("a setting is written `anno = http://HOST/anno/v1`")
            })?;
            values.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    found.then_some(values).ok_or_else(|| no_section(name))
}

/// A value with `%(key)s` filled in; `%%` is a percent sign.
fn interpolated(
    name: &str,
    key: &str,
    raw: &BTreeMap<String, String>,
    depth: usize,
) -> Result<String, Error> {
    const DEEPEST: usize = 10; // that of configparser
    let fault = |problem: String| {
        Err(
            Error::new(format!("{name}: [{SECTION}] `{key}`: {problem}")).hint(format!(
                "{name} sets addresses, such as `site = http://HOST`"
            )),
        )
    };
    if depth > DEEPEST {
        return fault("refers to itself".into());
    }
    let (mut text, mut rest) = (String::new(), raw.get(key).map_or("", String::as_str));
    while let Some((before, after)) = rest.split_once('%') {
        text += before;
        if let Some(after) = after.strip_prefix('%') {
            text.push('%');
            rest = after;
            continue;
        }
        let reference = after.strip_prefix('(').and_then(|a| a.split_once(")s"));
        let Some((other, after)) = reference else {
            // An address holds percent signs of its own: `%20`.
            text.push('%');
            rest = after;
            continue;
        };
        let other = other.trim().to_ascii_lowercase();
        if !raw.contains_key(&other) {
            return fault(format!("`{other}`, which it refers to, is not set"));
        }
        text += &interpolated(name, &other, raw, depth + 1)?;
        rest = after;
    }
    Ok(text + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPTS: &str = "[other]\nx\n[m3]\nsite=http://lab.example\nanno=%(site)s/anno/v1\nkb = %(site)s/kb/v1\n\
        ; a comment\nfastconceptimages=%(anno)s/fast/concept/images\nkbdesc=%(kb)s/phylogeny/down/\n\
        imagedmoment=%(anno)s/imagedmoments\nImageReference: %(anno)s/refs\n";

    fn of(name: &str, text: &str, options: &Options) -> Result<Services, String> {
        services(Some((name.into(), text.into())), options).map_err(|e| e.to_string())
    }

    #[test]
    fn the_file_of_the_scripts_is_read_with_its_interpolation() {
        let found = of("config.ini", SCRIPTS, &Options::default()).unwrap();
        assert_eq!(found.anno.url, "http://lab.example/anno/v1");
        assert_eq!(
            found.images.url,
            "http://lab.example/anno/v1/fast/concept/images"
        );
        assert_eq!(found.references.url, "http://lab.example/anno/v1/refs");
        assert_eq!(found.references.name, "`imagereference` in config.ini");
        assert_eq!(
            found.trees.unwrap().url,
            "http://lab.example/kb/v1/phylogeny/down/"
        );
        assert_eq!(
            found.vam, None,
            "what an older file does not name is not guessed"
        );
    }

    #[test]
    fn a_site_is_enough_and_the_command_line_counts_more() {
        let toml = "[m3]\nsite = \"https://lab.example\"\n";
        let found = of("lab.toml", toml, &Options::default()).unwrap();
        assert_eq!(
            found.moments.url,
            "https://lab.example/anno/v1/imagedmoments"
        );
        assert_eq!(found.vam.unwrap().url, "https://lab.example/vam/v1");
        let options = Options {
            anno: Some("http://other.example/a/".into()),
            kb: Some("http://other.example/k".into()),
            ..Options::default()
        };
        let found = of("config.ini", SCRIPTS, &options).unwrap();
        assert_eq!(
            found.images.url,
            "http://other.example/a/fast/concept/images"
        );
        assert_eq!(
            found.trees.unwrap().url,
            "http://other.example/k/phylogeny/down"
        );
        let page = "http://other.example/a/fast/concept/images/x";
        let found = services(None, &options).unwrap();
        assert_eq!(found.behind(page).unwrap().name, "--anno");
        assert_eq!(found.behind("http://else.example/"), None);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let cases = [
            ("c.ini", "[m4]\nsite=x\n", "c.ini: has no section [m3]"),
            ("c.toml", "site = 'x'\n", "c.toml: has no section [m3]"),
            ("c.toml", "[m3\n", "c.toml: is not TOML"),
            (
                "c.toml",
                "[m3]\nanno = 3\n",
                "c.toml: [m3] `anno` is of type integer, an address in quotes is needed",
            ),
            (
                "c.ini",
                "[m3]\nanno=%(site)s/anno\n",
                "c.ini: [m3] `anno`: `site`, which it refers to, is not set",
            ),
            ("c.ini", "[m3]\na=%(b)s\nb=%(a)s\n", "refers to itself"),
            (
                "c.ini",
                "[m3]\nkb=http://a\n",
                "c.ini: [m3] has neither `site` nor `anno`",
            ),
            ("c.ini", "[m3]\nsite\n", "c.ini:2: `site` is no setting"),
            (
                "c.ini",
                "[m3]\nanno=lab.example/anno\n",
                "`anno` in c.ini is no web address: `lab.example/anno`",
            ),
        ];
        for (name, text, wanted) in cases {
            let error = of(name, text, &Options::default()).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
        let error = services(None, &Options::default()).unwrap_err();
        assert!(error.to_string().contains("--anno URL"), "{error}");
    }

    #[test]
    fn damaged_files_are_read_or_refused_with_their_name() {
        use recto_testkit::{mutation, samples};
        for (name, sound) in [
            ("m3.toml", samples::M3_TOML),
            ("config.ini", samples::M3_INI),
        ] {
            let takes = move |bytes: &[u8]| match services(
                Some((name.to_owned(), bytes.to_vec())),
                &Options::default(),
            ) {
                Ok(services) => services.all().all(|setting| is_url(&setting.url)),
                Err(error) => {
                    assert!(error.to_string().contains(name), "{error}");
                    false
                }
            };
            mutation::check(3000, move |random| mutation::text(sound, random), takes).is_mixed();
        }
    }
}
