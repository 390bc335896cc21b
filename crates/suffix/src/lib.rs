#![doc = include_str!("../README.md")]

/// Whether a domain, in lower case and without a dot at its end, is a public suffix: a name below which anyone may register
/// another ([the list](https://publicsuffix.org)).
///
/// ```
/// assert!(recto_suffix::is_public_suffix("co.uk"));
/// assert!(!recto_suffix::is_public_suffix("example.co.uk"));
/// ```
#[inline(never)]
pub fn is_public_suffix(domain: &str) -> bool {
    psl::suffix_str(domain) == Some(domain)
}
