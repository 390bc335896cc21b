//! Who may see what. [`identify`] tells who a visitor is, [`rules`] what the configuration allows, and
//! [`permissions`] what that means for each image.
//!
//! All of this is decided before anything else on every request, so that neither a cached answer nor a 304 reveals what
//! a refusal would hide.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use futures::{FutureExt as _, StreamExt as _};

use super::catalogue::Catalogue;
use super::presentation::uris::Uris;
use super::site::Site;
use super::web::forwarded::Forwarded;
use super::web::message::Response;
use super::web::route::Route;
use crate::error::Error;
use crate::http::header::HeaderMap;
use delegate::Delegate;
use flow::{LoginFlow, LoginRequest};
use identify::Identities;
use permissions::Permissions;
use rate::Buckets;
use rules::{Rule, Rules, Visitor, Who};
use settings::{AuthSettings, Derivatives};

pub mod accounts;
pub mod credentials;
pub mod delegate;
pub mod flow;
pub mod identify;
mod issuer;
pub mod jwt;
pub mod network;
pub mod permissions;
pub mod rate;
pub mod rules;
pub mod settings;
pub mod tickets;

/// Requests to the delegate that run at the same time for one document.
const AT_ONCE: usize = 8;

/// Everything that decides who may see what.
#[derive(Debug)]
pub struct Auth {
    settings: AuthSettings,
    rules: Arc<Rules>,
    label: Arc<str>,
    identities: Identities,
    delegate: Option<Delegate>,
    buckets: Option<Arc<Buckets>>,
    /// How many there were before it.
    generation: u64,
}

/// How often rules were set up in this program.
static GENERATIONS: AtomicU64 = AtomicU64::new(0);

/// What decides now, which a change of the configuration replaces as a whole; none: everybody may see everything.
#[derive(Debug, Default)]
pub struct SharedAuth(RwLock<Option<Arc<Auth>>>);

impl SharedAuth {
    /// What the configuration said at the start.
    pub fn new(auth: Option<Arc<Auth>>) -> Self {
        SharedAuth(RwLock::new(auth))
    }

    /// What decides now: one request asks once, so that it is answered by one state of the rules.
    pub fn get(&self) -> Option<Arc<Auth>> {
        let now = self.0.read().unwrap_or_else(PoisonError::into_inner);
        now.clone()
    }

    /// Requests from now on are decided by this.
    pub fn replace(&self, auth: Option<Auth>) {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *now = auth.map(Arc::new);
    }
}

impl Auth {
    /// Sets up what the configuration says; paths in it are relative to `folder`. Of what was set up `before`, sessions, mistakes
    /// and requests of clients count on.
    ///
    /// # Errors
    /// A key or a secret cannot be read, or the delegate cannot be called.
    pub fn open(
        settings: AuthSettings,
        folder: &Path,
        before: Option<&Auth>,
    ) -> Result<Self, Error> {
        let delegate = settings.delegate.as_ref();
        let delegate = delegate.map(|d| Delegate::new(d.get_ref().clone(), folder));
        let rules = Rules {
            rules: settings.rules.iter().map(|r| r.get_ref().clone()).collect(),
            otherwise: settings.otherwise(),
        };
        Ok(Auth {
            rules: Arc::new(rules),
            label: settings.label.as_str().into(),
            identities: Identities::open(
                &settings,
                folder,
                before.map(|before| &before.identities),
            )?,
            delegate: delegate.transpose()?,
            buckets: settings.rate.as_ref().map(|rate| {
                let before = before.and_then(|before| before.buckets.as_ref());
                Buckets::again(before, *rate.get_ref())
            }),
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
            settings,
        })
    }

    /// The rules that are about no image of a catalogue, each as one text.
    pub fn idle_rules(&self, catalogue: &Catalogue) -> Vec<String> {
        let is_idle = |rule: &&Rule| {
            let mut images = catalogue.images.iter();
            !images.any(|image| rule.is_about(catalogue.ruled(image)))
        };
        let idle = self.rules.rules.iter().filter(is_idle);
        let text = |rule: &Rule| {
            let conditions = rule.images.iter().map(|c| format!("`{}`", c.text));
            conditions.collect::<Vec<_>>().join(" and ")
        };
        idle.map(text).collect()
    }

    /// What tells documents that were made under these rules from those made under others.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The visitor who sends a request from an address, if that is known; `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// The response to a visitor whose credentials are wrong, or who sends too many requests.
    pub async fn visitor(
        &self,
        route: &Route,
        headers: &HeaderMap,
        address: Option<IpAddr>,
        now: i64,
    ) -> Result<Visitor, Response> {
        let mut visitor = Visitor {
            address,
            ..Visitor::default()
        };
        let person = self.identities.person(route, headers, address, now).await?;
        if let Some(person) = person {
            visitor.user = Some(person.user);
            visitor.groups = person.groups;
        }
        if let Some(buckets) = &self.buckets {
            let sender = rate::sender(visitor.user.as_deref(), address);
            (buckets.take(&sender, now)).map_err(rate::too_many_requests)?;
        }
        Ok(visitor)
    }

    /// The permissions of a visitor. The delegate is asked about the images at the positions that `concerned` gives.
    pub async fn permissions(
        &self,
        visitor: Visitor,
        catalogue: &Catalogue,
        concerned: impl FnOnce() -> Vec<usize>,
        headers: &HeaderMap,
        now: i64,
    ) -> Permissions {
        let derivatives = self.settings.derivatives.as_ref();
        let only_privileged = derivatives.is_some_and(|d| *d.get_ref() == Derivatives::Privileged);
        let mut privileged = self.settings.privileged.iter();
        let mut permissions = Permissions {
            rules: Some(self.rules.clone()),
            only_cached: only_privileged && !privileged.any(|who| who.includes(&visitor)),
            visitor,
            delegated: HashMap::new(),
            degraded: self.settings.degraded.as_ref().map(|d| *d.get_ref()),
            label: self.label.clone(),
            basic: self.settings.basic,
        };
        let Some(delegate) = &self.delegate else {
            return permissions;
        };
        let shared_headers = delegate.headers_of(headers);
        let images = concerned().into_iter();
        let images = images.map(|at| catalogue.ruled(&catalogue.images[at]));
        let images: Vec<_> = images
            .filter(|image| permissions.is_delegated(*image))
            .take(delegate.most())
            .collect();
        let mut decisions = Vec::new();
        for image in images {
            let access = delegate.access(image, &permissions.visitor, &shared_headers, now / 1000);
            decisions.push(
                access
                    .map(|access| (image.about.id.clone(), access))
                    .boxed(),
            );
        }
        let decisions = futures::stream::iter(decisions).buffer_unordered(AT_ONCE);
        permissions.delegated = decisions.collect().await;
        permissions
    }

    /// Answers a request for one of the services below `/auth/`.
    pub async fn answer(
        &self,
        request: &LoginRequest<'_>,
        site: &Site<'_>,
        uris: &Uris,
    ) -> Response {
        let flow = LoginFlow {
            identities: &self.identities,
            settings: &self.settings,
            request,
        };
        flow.answer(site, uris).await
    }

    /// Who sent a request, and what trusted proxies say about it; `peer` is the other end of the connection.
    pub fn forwarded(&self, headers: &HeaderMap, peer: IpAddr) -> Forwarded {
        let proxies = &self.settings.trusted_proxies;
        Forwarded::read(headers, peer, |address| {
            proxies.iter().any(|proxy| proxy.holds(address))
        })
    }

    /// Whether everybody may see a page without saying who they are: pages about the server, unless they are restricted.
    pub fn is_open(&self, route: &Route) -> bool {
        self.watchers(route).is_some_and(<[Who]>::is_empty)
    }

    /// Who may see a page about the server; empty: everybody. None for other pages.
    fn watchers(&self, route: &Route) -> Option<&[Who]> {
        match route {
            Route::Health => Some(&self.settings.health),
            Route::Metrics => Some(&self.settings.metrics),
            _ => None,
        }
    }

    /// Refuses a page about the server to visitors who may not see it.
    ///
    /// # Errors
    /// The refusal.
    pub fn check_status_page(&self, route: &Route, visitor: &Visitor) -> Result<(), Response> {
        let watchers = self.watchers(route).unwrap_or_default();
        if watchers.is_empty() || watchers.iter().any(|who| who.includes(visitor)) {
            return Ok(());
        }
        let permissions = Permissions {
            visitor: visitor.clone(),
            basic: self.settings.basic,
            ..Permissions::default()
        };
        Err(permissions.refuse("this page is not open to everybody"))
    }

    /// Adds the headers of every response where there are rules: who may store it, and which sites' scripts may read it.
    pub fn finish(&self, mut response: Response, route: &Route, origin: &str) -> Response {
        let is_same_for_everybody =
            matches!(route, Route::Asset(_) | Route::Health | Route::Metrics)
                || response.header("cache-control").starts_with("public");
        if !is_same_for_everybody {
            if response.header("cache-control") != "no-store" {
                response.set_header("cache-control", "private, no-cache");
            }
            response.vary_by("authorization, cookie, x-api-key");
        }
        let mut listed = self.settings.origins.iter();
        if listed.any(|o| o.0 == origin) {
            response.set_header("access-control-allow-origin", origin);
            response.set_header("access-control-allow-credentials", "true");
        }
        if !self.settings.origins.is_empty() {
            response.vary_by("origin");
        }
        response
    }

    /// Metrics in the text format of Prometheus.
    pub fn metrics(&self) -> String {
        self.delegate
            .as_ref()
            .map_or_else(String::new, Delegate::metrics)
    }
}
