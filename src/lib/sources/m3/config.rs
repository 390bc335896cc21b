//! The URLs of the services of M3: from the command line, from a TOML file, or from the `[m3]` section of the
//! `config.ini` of m3-download, with its interpolation.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::options::M3Options;
use crate::error::Error;
use crate::sources::concept_names::below;
use crate::sources::is_url;

/// The configuration file that is read if none is named and it exists: that of m3-download.
pub const DEFAULT_FILE: &str = "config.ini";

/// The section, or table, that is read.
const SECTION: &str = "m3";

/// The URL of a service, and the setting to change if it is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceUrl {
    /// The URL.
    pub url: String,
    /// The setting: "`anno` in config.ini", "--anno".
    pub name: String,
}

/// The URLs of the services. Those of parts of annosaurus are followed by a name or a UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceUrls {
    /// annosaurus: observations.
    pub anno: ServiceUrl,
    /// annosaurus: observations with images, by concept.
    pub images: ServiceUrl,
    /// annosaurus: moments by UUID.
    pub moments: ServiceUrl,
    /// annosaurus: image references by UUID.
    pub references: ServiceUrl,
    /// The knowledge base, if there is one.
    pub kb: Option<ServiceUrl>,
    /// The knowledge base: trees below a concept.
    pub trees: Option<ServiceUrl>,
    /// vampire-squid: videos and dives.
    pub vam: Option<ServiceUrl>,
}

impl ServiceUrls {
    /// All URLs.
    pub fn all(&self) -> impl Iterator<Item = &ServiceUrl> {
        let required = [&self.anno, &self.images, &self.moments, &self.references];
        let optional = [&self.kb, &self.trees, &self.vam];
        required.into_iter().chain(optional.into_iter().flatten())
    }

    /// The setting behind a URL: that with the longest prefix of it.
    pub fn behind(&self, url: &str) -> Option<&ServiceUrl> {
        self.all()
            .filter(|setting| url.starts_with(setting.url.trim_end_matches('/')))
            .max_by_key(|setting| setting.url.len())
    }

    /// Checks that all are web URLs.
    fn check(self) -> Result<Self, Error> {
        let wrong = self.all().find(|setting| !is_url(&setting.url)).cloned();
        match wrong {
            None => Ok(self),
            Some(ServiceUrl { url, name }) => {
                let what = format!("{name} is not a URL: `{url}`");
                Err(Error::new(what).hint("a URL begins with http:// or https://"))
            }
        }
    }
}

/// The URLs from the command line, and the others from a file (its name and bytes).
///
/// # Errors
/// The file cannot be parsed, a value is not a URL, or annosaurus is not set.
pub fn services(
    file: Option<(String, Vec<u8>)>,
    options: &M3Options,
) -> Result<ServiceUrls, Error> {
    let settings = match &file {
        Some((name, bytes)) => read(name, bytes)?,
        None => ConfigFile::default(),
    };
    let given = |option: &str, url: &Option<String>| {
        url.clone().map(|url| ServiceUrl {
            url,
            name: option.to_owned(),
        })
    };
    let anno = given("--anno", &options.anno);
    let kb = given("--kb", &options.kb).or_else(|| settings.get("kb", "kb/v1"));
    let base = settings.anno(&anno).ok_or_else(|| missing(&settings))?;
    let part = |key: &str, path: &str| {
        // A URL on the command line also sets all those below it.
        let own = settings.own(key).filter(|_| anno.is_none());
        own.unwrap_or_else(|| base.below(path))
    };
    let trees = settings.own("kbdesc").filter(|_| options.kb.is_none());
    let services = ServiceUrls {
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

impl ServiceUrl {
    fn below(&self, path: &str) -> Self {
        ServiceUrl {
            url: below(&self.url, path),
            name: self.name.clone(),
        }
    }
}

/// The settings of a file, by key.
#[derive(Debug, Default)]
struct ConfigFile {
    file: String,
    values: BTreeMap<String, String>,
}

impl ConfigFile {
    /// The setting of a key.
    fn own(&self, key: &str) -> Option<ServiceUrl> {
        let url = self.values.get(key)?;
        Some(ServiceUrl {
            url: url.clone(),
            name: format!("`{key}` in {}", self.file),
        })
    }

    /// The same; if the file sets only the site, the default path on it.
    fn get(&self, key: &str, usual: &str) -> Option<ServiceUrl> {
        let only_site = !self.values.contains_key("anno");
        let usual = || Some(self.own("site").filter(|_| only_site)?.below(usual));
        self.own(key).or_else(usual)
    }

    fn anno(&self, given: &Option<ServiceUrl>) -> Option<ServiceUrl> {
        // Some files set only the one URL that the scripts of m3-download use.
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

fn missing(settings: &ConfigFile) -> Error {
    let error = match settings.file.as_str() {
        "" => Error::usage("the URLs of the M3 services are not set"),
        file => Error::new(format!(
            "{file}: [{SECTION}] sets neither `site` nor `anno`"
        )),
    };
    error.hint("set annosaurus with --anno URL, or `site` or `anno` in the file of -c FILE")
}

fn read(name: &str, bytes: &[u8]) -> Result<ConfigFile, Error> {
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
    Ok(ConfigFile {
        file: name.to_owned(),
        values,
    })
}

fn no_section(name: &str) -> Error {
    Error::new(format!("{name}: section [{SECTION}] is missing"))
        .hint("it sets `site = http://HOST`, or `anno`, `kb` and `vam`, each to a URL")
}

fn toml(name: &str, text: &str) -> Result<BTreeMap<String, String>, Error> {
    #[derive(Deserialize)]
    struct File {
        m3: Option<BTreeMap<String, toml::Value>>,
    }
    let file: File = toml::from_str(text).map_err(|e| {
        Error::new(format!("{name}: is not TOML")).because(ParserMessage(e.to_string()))
    })?;
    let section = file.m3.ok_or_else(|| no_section(name))?;
    let text = |(key, value): (String, toml::Value)| match value.as_str() {
        Some(text) => Ok((key.to_ascii_lowercase(), text.to_owned())),
        None => Err(Error::new(format!(
            "{name}: [{SECTION}] `{key}` is of type {}, a URL in quotes is needed",
            value.type_str()
        ))),
    };
    section.into_iter().map(text).collect()
}

/// The message of a parser, on one line.
#[derive(Debug)]
struct ParserMessage(String);

impl std::fmt::Display for ParserMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<&str> = self.0.lines().map(str::trim).collect();
        f.write_str(&lines.join(" "))
    }
}

impl std::error::Error for ParserMessage {}

/// The keys of the section, read as by Python's `configparser`: upper and lower case are the same, `=` or `:`, comments
/// on lines of their own.
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
                let what = format!("{name}:{}: `{line}` is not a setting", at + 1);
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
            Error::new(format!("{name}: [{SECTION}] `{key}`: {problem}"))
                .hint(format!("{name} sets URLs, such as `site = http://HOST`")),
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
            // URLs contain percent signs themselves: `%20`.
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

    fn of(name: &str, text: &str, options: &M3Options) -> Result<ServiceUrls, String> {
        services(Some((name.into(), text.into())), options).map_err(|e| e.to_string())
    }

    #[test]
    fn the_file_of_the_scripts_is_read_with_its_interpolation() {
        let found = of("config.ini", SCRIPTS, &M3Options::default()).unwrap();
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
        let found = of("lab.toml", toml, &M3Options::default()).unwrap();
        assert_eq!(
            found.moments.url,
            "https://lab.example/anno/v1/imagedmoments"
        );
        assert_eq!(found.vam.unwrap().url, "https://lab.example/vam/v1");
        let options = M3Options {
            anno: Some("http://other.example/a/".into()),
            kb: Some("http://other.example/k".into()),
            ..M3Options::default()
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
            ("c.ini", "[m4]\nsite=x\n", "c.ini: section [m3] is missing"),
            ("c.toml", "site = 'x'\n", "c.toml: section [m3] is missing"),
            ("c.toml", "[m3\n", "c.toml: is not TOML"),
            (
                "c.toml",
                "[m3]\nanno = 3\n",
                "c.toml: [m3] `anno` is of type integer, a URL in quotes is needed",
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
                "c.ini: [m3] sets neither `site` nor `anno`",
            ),
            ("c.ini", "[m3]\nsite\n", "c.ini:2: `site` is not a setting"),
            (
                "c.ini",
                "[m3]\nanno=lab.example/anno\n",
                "`anno` in c.ini is not a URL: `lab.example/anno`",
            ),
        ];
        for (name, text, wanted) in cases {
            let error = of(name, text, &M3Options::default()).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
        let error = services(None, &M3Options::default()).unwrap_err();
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
                &M3Options::default(),
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
