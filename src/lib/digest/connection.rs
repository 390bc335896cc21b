//! What has to be known before the first document is requested: a login, and the services that raziel names.

use std::collections::BTreeMap;

use super::changes::Changes;
use super::document_limits::DocumentLimits;
use super::fetch::Fetcher;
use super::options::Options;
use crate::error::Error;
use crate::http::{self, Login, TokenLogin};
use crate::prompt;
use crate::sources::m3::config::{self, ServiceUrl};
use crate::sources::{DocumentRequest, Source};

/// The options of the HTTP client, with the login of `--login`.
///
/// # Errors
/// The login's URL, name or password is not known.
pub fn http(options: &Options) -> Result<http::Options, Error> {
    let http = options.http();
    if options.m3.login.is_none() || options.source != "m3" {
        return Ok(http);
    }
    let file = options.config_file()?;
    let raziel = config::raziel(file.as_ref(), &options.m3)?;
    let login = raziel
        .map(|raziel| token_login(&raziel, &http))
        .transpose()?;
    Ok(http::Options { login, ..http })
}

/// Name and password for raziel: from a netrc file, else typed in.
fn token_login(raziel: &ServiceUrl, http: &http::Options) -> Result<TokenLogin, Error> {
    let host = http::host_of(&raziel.url).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(&*host, |(name, _)| name);
    let (known, _) = http::login_for(&host, http.netrc.as_ref())?;
    let typed = || {
        let typed = prompt::login(name)
            .map_err(|e| Error::new("--login raziel: the terminal cannot be read").because(e))?;
        typed
            .map(|(name, password)| Login { name, password })
            .ok_or_else(|| {
                Error::usage(format!("--login raziel: no name and password for {name}")).hint(
                    format!("write `machine {name} login NAME password WORD` into ~/.netrc"),
                )
            })
    };
    Ok(TokenLogin {
        url: format!("{}/auth", raziel.url.trim_end_matches('/')),
        login: known.map_or_else(typed, Ok)?,
    })
}

/// The source that the options describe. For m3, raziel is asked for the services that are not set.
///
/// # Errors
/// An option belongs to another source, one is missing, or raziel does not name the services.
pub fn source(options: &Options, http: &http::Options) -> Result<Box<dyn Source>, Error> {
    if options.source != "m3" {
        return options.source(None);
    }
    options.refuse_foreign()?;
    let file = options.config_file()?;
    let m3 = &options.m3;
    let raziel = config::raziel(file.as_ref(), m3)?;
    let is_wanted = m3.anno.is_none() || m3.kb.is_none() || m3.vam.is_none();
    let told = match &raziel {
        Some(raziel) if is_wanted => endpoints(options, http, raziel)?,
        _ => BTreeMap::new(),
    };
    let services = config::services(file.as_ref(), m3, raziel, &told)?;
    options.source(Some(services))
}

/// The services that raziel names.
fn endpoints(
    options: &Options,
    http: &http::Options,
    raziel: &ServiceUrl,
) -> Result<BTreeMap<&'static str, String>, Error> {
    let request = DocumentRequest {
        location: format!("{}/endpoints", raziel.url.trim_end_matches('/')),
        ..DocumentRequest::default()
    };
    let url = request.location.clone();
    let named = [url.clone()];
    let fetcher = Fetcher::new(
        http,
        &named,
        options.cache.as_deref(),
        options.offline,
        DocumentLimits::new(1_000_000, true),
        "JSON",
        Changes::default(),
    )?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new("the network client cannot be set up").because(e))?;
    let answer = runtime.block_on(fetcher.read(None, request))?;
    let answer = answer.map_err(|failure| {
        let hint = match failure.status {
            Some(401 | 403) if http.login.is_none() => "--login raziel logs in first".into(),
            _ => format!(
                "check the URL {}, which is set by {}",
                raziel.url, raziel.name
            ),
        };
        Error::new(format!("{url}: {}", failure.problem))
            .hint(hint)
            .temporary(failure.may_pass)
    })?;
    config::endpoints(&answer.bytes, &raziel.url)
}
