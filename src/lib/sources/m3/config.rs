//! The URLs of the services of M3: from the command line, from a TOML file, or from the `[m3]` section of the
//! `config.ini` of m3-download, with its interpolation.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::options::M3Options;
use crate::error::Error;
use crate::sources::addresses::absolute;
use crate::sources::concept_names::below;
use crate::sources::{is_url, paging};
use crate::values;

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
    /// Whether the user named it, by an option or in a file; otherwise only raziel did.
    pub is_named: bool,
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
    /// raziel: which services there are, and logins.
    pub raziel: Option<ServiceUrl>,
}

impl ServiceUrls {
    /// All URLs.
    pub fn all(&self) -> impl Iterator<Item = &ServiceUrl> {
        let required = [&self.anno, &self.images, &self.moments, &self.references];
        let optional = [&self.kb, &self.trees, &self.vam, &self.raziel];
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
        let all: Vec<ServiceUrl> = self.all().cloned().collect();
        all.into_iter().try_for_each(|url| url.check().map(drop))?;
        Ok(self)
    }
}

/// A configuration file: its name and bytes.
pub type File = (String, Vec<u8>);

/// The URL of raziel, from the command line or a file. With `--login` alone it is looked for at the usual place.
///
/// # Errors
/// The file cannot be parsed, or the value is not a URL; or `--login` is given, and raziel is not known.
pub fn raziel(file: Option<&File>, options: &M3Options) -> Result<Option<ServiceUrl>, Error> {
    let settings = settings(file)?;
    let as_config = options
        .config
        .as_ref()
        .map(|path| path.display().to_string());
    let own = given("--raziel", &options.raziel)
        .or_else(|| given("--config", &as_config.filter(|path| is_url(path))))
        .or_else(|| settings.own("raziel"))
        .or_else(|| settings.own("config"));
    let usual = || Some(settings.own("site")?.below("config"));
    let raziel = match (&options.login, own) {
        (Some(_), None) => usual(),
        (_, own) => own,
    };
    match raziel {
        Some(raziel) => raziel.check().map(Some),
        None if options.login.is_some() => Err(Error::usage("--login raziel: its URL is not set")
            .hint("set it with --raziel URL, or with `raziel` or `site` in the file of -c FILE")),
        None => Ok(None),
    }
}

/// The services that raziel names (`GET endpoints`), by the keys of the configuration file; `url` is that of raziel.
/// Services under other names are passed over.
///
/// # Errors
/// The document is not a list of services.
pub fn endpoints(bytes: &[u8], url: &str) -> Result<BTreeMap<&'static str, String>, Error> {
    let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let document = values::in_snake_case(document, &[]);
    let page = paging::page(&document)
        .ok_or_else(|| Error::new(format!("{url}: response is not a list of services")))?;
    let mut services = BTreeMap::new();
    for row in page.rows {
        let name = values::text(&row["name"])
            .unwrap_or_default()
            .to_ascii_lowercase();
        let key = match name.replace(['-', '_', ' '], "").as_str() {
            "annosaurus" | "anno" => "anno",
            "oni" | "varskbserver" | "kb" => "kb",
            "vampiresquid" | "vam" => "vam",
            _ => continue,
        };
        let written = values::text(&row["url"]).filter(|written| !is_of_container(written, url));
        let proxied = || {
            let path = values::text(&row["proxy_path"])?;
            Some(format!("{}/v1", path.trim_end_matches('/')))
        };
        let address = written.or_else(proxied);
        let address = address.map(|written| absolute(&written, Some(url)));
        services.extend(address.map(|address| (key, address)));
    }
    Ok(services)
}

/// Whether a URL names a host that only other containers know: a bare name that is not raziel's own. raziel forwards what is
/// requested of it below `proxyPath`.
fn is_of_container(written: &str, raziel: &str) -> bool {
    let host = |url: &str| Some(url::Url::parse(url).ok()?.host_str()?.to_owned());
    let own = host(raziel);
    host(written).is_some_and(|host| {
        let is_bare = !host.contains('.') && !host.starts_with('[') && host != "localhost";
        is_bare && Some(&host) != own.as_ref()
    })
}

/// The URLs from the command line, the others from a file, then from what raziel names (see [`endpoints`]).
///
/// # Errors
/// The file cannot be parsed, a value is not a URL, or annosaurus is not set.
pub fn services(
    file: Option<&File>,
    options: &M3Options,
    raziel: Option<ServiceUrl>,
    endpoints: &BTreeMap<&'static str, String>,
) -> Result<ServiceUrls, Error> {
    let settings = settings(file)?;
    let told = |key: &str| {
        let url = endpoints.get(key)?.clone();
        let by = raziel.as_ref().map_or("raziel", |raziel| &raziel.url);
        Some(ServiceUrl {
            url,
            name: format!("raziel at {by}"),
            is_named: false,
        })
    };
    let get = |key: &str, usual: &str| {
        settings
            .own(key)
            .or_else(|| told(key))
            .or_else(|| settings.get(key, usual))
    };
    let anno = given("--anno", &options.anno);
    let kb = given("--kb", &options.kb).or_else(|| get("kb", "kb/v1"));
    let base = settings.anno(&anno, told("anno"));
    let base = base.ok_or_else(|| missing(&settings, raziel.as_ref()))?;
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
        vam: given("--vam", &options.vam).or_else(|| get("vam", "vam/v1")),
        raziel,
    };
    services.check()
}

fn settings(file: Option<&File>) -> Result<ConfigFile, Error> {
    match file {
        Some((name, bytes)) => read(name, bytes),
        None => Ok(ConfigFile::default()),
    }
}

/// The URL of an option.
fn given(option: &str, url: &Option<String>) -> Option<ServiceUrl> {
    Some(ServiceUrl {
        url: url.clone()?,
        name: option.to_owned(),
        is_named: true,
    })
}

impl ServiceUrl {
    fn below(&self, path: &str) -> Self {
        ServiceUrl {
            url: below(&self.url, path),
            ..self.clone()
        }
    }

    fn check(self) -> Result<Self, Error> {
        match is_url(&self.url) {
            true => Ok(self),
            false => {
                let what = format!("{} is not a URL: `{}`", self.name, self.url);
                Err(Error::new(what).hint("a URL begins with http:// or https://"))
            }
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
            is_named: true,
        })
    }

    /// The same; if the file sets only the site, the default path on it.
    fn get(&self, key: &str, usual: &str) -> Option<ServiceUrl> {
        let only_site = !self.values.contains_key("anno");
        let usual = || Some(self.own("site").filter(|_| only_site)?.below(usual));
        self.own(key).or_else(usual)
    }

    /// annosaurus: given by an option, in the file, or told by raziel.
    fn anno(&self, given: &Option<ServiceUrl>, told: Option<ServiceUrl>) -> Option<ServiceUrl> {
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
            .or(told)
            .or_else(|| self.get("anno", "anno/v1"))
    }
}

fn missing(settings: &ConfigFile, raziel: Option<&ServiceUrl>) -> Error {
    let error = match (settings.file.as_str(), raziel) {
        (_, Some(raziel)) => Error::new(format!(
            "{}: annosaurus is not among the services",
            raziel.url
        )),
        ("", _) => Error::usage("the URLs of the M3 services are not set"),
        (file, _) => Error::new(format!(
            "{file}: [{SECTION}] sets neither `site` nor `anno`"
        )),
    };
    error.hint("set annosaurus with --anno URL, all services with --raziel URL, or `site` or `anno` in the file of -c FILE")
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
        let file = (name.to_owned(), text.into());
        services(Some(&file), options, None, &BTreeMap::new()).map_err(|e| e.to_string())
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
        let found = services(None, &options, None, &BTreeMap::new()).unwrap();
        assert_eq!(found.behind(page).unwrap().name, "--anno");
        assert_eq!(found.behind("http://else.example/"), None);
    }

    #[test]
    fn raziel_names_what_is_not_set_otherwise() {
        let document = br#"[{"name": "annosaurus", "url": "http://m3.example/anno/v1", "proxyPath": "/anno"},
            {"name": "vars-kb-server", "url": "http://kb:8080/v1", "proxyPath": "/kb"}, {"name": "vampire-squid", "url": "/vam/v1"},
            {"name": "panoptes", "url": "http://m3.example/panoptes"}]"#;
        let told = endpoints(document, "http://lab.example:8080/config").unwrap();
        let wanted = [
            ("anno", "http://m3.example/anno/v1"),
            ("kb", "http://lab.example:8080/kb/v1"),
            ("vam", "http://lab.example:8080/vam/v1"),
        ];
        let shown: Vec<(&str, &str)> = told.iter().map(|(key, url)| (*key, url.as_str())).collect();
        assert_eq!(shown, wanted);
        let options = M3Options {
            kb: Some("http://other.example/k".into()),
            ..M3Options::default()
        };
        let file = (
            "lab.toml".to_owned(),
            b"[m3]\nconfig = 'http://lab.example:8080/config'\n".to_vec(),
        );
        let raziel = raziel(Some(&file), &options).unwrap();
        let found = services(Some(&file), &options, raziel, &told).unwrap();
        assert_eq!(
            found.images.url,
            "http://m3.example/anno/v1/fast/concept/images"
        );
        assert_eq!(found.anno.name, "raziel at http://lab.example:8080/config");
        let named: Vec<&str> = found
            .all()
            .filter(|s| s.is_named)
            .map(|s| s.url.as_str())
            .collect();
        let own = [
            "http://other.example/k",
            "http://other.example/k/phylogeny/down",
            "http://lab.example:8080/config",
        ];
        assert_eq!(named, own, "what only raziel names receives no token");
        let error = endpoints(b"{\"message\": \"no\"}", "http://lab.example").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("response is not a list of services"),
            "{error}"
        );
        let empty = BTreeMap::new();
        let error = services(Some(&file), &M3Options::default(), found.raziel, &empty).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("annosaurus is not among the services"),
            "{error}"
        );
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
        let error = services(None, &M3Options::default(), None, &BTreeMap::new()).unwrap_err();
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
                Some(&(name.to_owned(), bytes.to_vec())),
                &M3Options::default(),
                None,
                &BTreeMap::new(),
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
