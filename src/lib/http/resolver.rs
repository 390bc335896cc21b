//! Names resolved to public addresses alone: what is connected to is what was checked.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public_ip;

/// Resolves names; private addresses are left out, but for those of the user's own proxies.
#[derive(Debug)]
pub struct PublicOnly {
    /// The hosts of proxies.
    pub proxies: Vec<String>,
}

/// The name has none but private addresses.
pub const PRIVATE: &str = "its name leads to a private address";

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let is_proxy = self.proxies.iter().any(|host| host == name.as_str());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<_> = found
                .filter(|at| is_proxy || is_public_ip(at.ip()))
                .collect();
            match public.is_empty() {
                true => Err(PRIVATE.into()),
                false => Ok(Box::new(public.into_iter()) as Addrs),
            }
        })
    }
}
