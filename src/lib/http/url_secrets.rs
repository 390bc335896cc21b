//! Secrets in URLs: passwords, keys and signatures, which lists, messages and the journal leave out.

use std::borrow::Cow;

use crate::files::hex_digest;

/// How servers sign URLs for a time: where all of `marks` are in a query, these parameters change with each signature.
struct Scheme {
    marks: &'static [&'static str],
    prefix: Option<&'static str>,
    names: &'static [&'static str],
}

impl Scheme {
    const fn prefixed(marks: &'static [&'static str], prefix: &'static str) -> Self {
        Scheme {
            marks,
            prefix: Some(prefix),
            names: &[],
        }
    }

    const fn of(marks: &'static [&'static str], names: &'static [&'static str]) -> Self {
        Scheme {
            marks,
            prefix: None,
            names,
        }
    }

    fn signs(&self, query: &str) -> bool {
        let has = |mark: &str| pairs(query).any(|pair| name_of(pair) == mark);
        self.marks.iter().all(|mark| has(mark))
    }

    fn has(&self, name: &str) -> bool {
        self.prefix.is_some_and(|prefix| name.starts_with(prefix))
            || self.marks.contains(&name)
            || self.names.contains(&name)
    }
}

/// Short names mean something else elsewhere: they count only where all marks of their scheme are.
const SCHEMES: [Scheme; 16] = [
    // AWS, Google, Alibaba, Tencent.
    Scheme::prefixed(&[], "x-amz-"),
    Scheme::prefixed(&[], "x-goog-"),
    Scheme::prefixed(&[], "x-oss-"),
    Scheme::prefixed(&["q-signature"], "q-"),
    // CloudFront, and the older ones of AWS, Google and Alibaba.
    Scheme::of(
        &["signature"],
        &[
            "expires",
            "key-pair-id",
            "policy",
            "awsaccesskeyid",
            "googleaccessid",
            "ossaccesskeyid",
            "security-token",
        ],
    ),
    // A shared access signature of Azure.
    Scheme::of(
        &["sig", "sv"],
        &[
            "se", "sp", "sr", "st", "spr", "ske", "skoid", "sks", "skt", "sktid", "skv",
        ],
    ),
    // Akamai.
    Scheme::of(&["hdnea"], &["expires"]),
    Scheme::of(&["hdnts"], &["expires"]),
    Scheme::of(&["__token__"], &[]),
    Scheme::of(&["__gda__"], &[]),
    // nginx's secure links, Cloudflare, Alibaba's CDN, Bunny and many others.
    Scheme::of(&["md5", "expires"], &[]),
    Scheme::of(&["st", "e"], &[]),
    Scheme::of(&["verify"], &[]),
    Scheme::of(&["auth_key"], &[]),
    Scheme::of(&["access_token"], &["expires"]),
    Scheme::of(&["token"], &["expires", "exp", "token_path"]),
];

/// A URL for lists and messages: without the password, and without the signatures and keys of its query.
pub fn without_secrets(url: &str) -> Cow<'_, str> {
    let after = url.split_once("://").map_or("", |(_, after)| after);
    let host = after.split(['/', '?', '#']).next().unwrap_or_default();
    let password = host.rfind('@').map(|at| &host[..at]);
    let (before, query, fragment) = parts(url);
    let is_blanked = |pair: &&str| is_secret(&name_of(pair), query);
    if password.is_none() && !pairs(query).any(|pair| is_blanked(&pair)) {
        return url.into();
    }
    let mut text = match password {
        Some(password) => before.replacen(&format!("//{password}@"), "//…@", 1),
        None => before.to_owned(),
    };
    let mut separator = '?';
    for pair in query
        .split_inclusive(['&', ';'])
        .filter(|_| !query.is_empty())
    {
        let bare = pair.trim_end_matches(['&', ';']);
        text.push(separator);
        separator = if pair.ends_with(';') { ';' } else { '&' };
        match bare.split_once('=').filter(|_| is_blanked(&bare)) {
            Some((name, _)) => text += &format!("{name}=…"),
            None => text += bare,
        }
    }
    (text + fragment).into()
}

/// A URL without the parameters that sign it for a time, which another signature of the same file has too. What follows a
/// blank is left as it is.
pub fn without_signature(url: &str) -> Cow<'_, str> {
    let end = url.find(' ').unwrap_or(url.len());
    let (url, end) = url.split_at(end);
    let (before, query, fragment) = parts(url);
    let signing: Vec<&Scheme> = SCHEMES.iter().filter(|s| s.signs(query)).collect();
    let signs = |pair: &&str| {
        let name = name_of(pair);
        signing.iter().any(|scheme| scheme.has(&name))
    };
    if !pairs(query).any(|pair| signs(&pair)) {
        return match end {
            "" => url.into(),
            _ => format!("{url}{end}").into(),
        };
    }
    let kept: Vec<&str> = pairs(query).filter(|pair| !signs(pair)).collect();
    match kept.is_empty() {
        true => format!("{before}{fragment}{end}").into(),
        false => format!("{before}?{}{fragment}{end}", kept.join("&")).into(),
    }
}

/// What the journal notes of a request, a URL and what follows it after a blank: the same for another signature or password of
/// the same file.
pub fn for_journal(request: &str) -> String {
    let request = without_signature(request);
    let (url, options) = request.split_at(request.find(' ').unwrap_or(request.len()));
    format!("{}{options}", id_without_secrets(url))
}

/// The id of an image for lists, without secrets where it is a URL. Some servers name files by what they call a key: a short
/// hash tells one of these from another. An id that was made so stays as it is.
pub fn id_without_secrets(id: &str) -> String {
    let made = id.rsplit_once(" key=");
    if let Some((url, mark)) = made.filter(|(url, mark)| url.contains("=…") && mark.len() == 4) {
        return format!("{} key={mark}", without_secrets(url));
    }
    let keys: Vec<&str> = pairs(parts(id).1)
        .filter(|pair| name_of(pair).contains("key") && !pair.ends_with("=…"))
        .collect();
    let mark = match keys.is_empty() {
        true => String::new(),
        false => format!(" key={}", hex_digest(keys.join("&").as_bytes(), 4)),
    };
    format!("{}{mark}", without_secrets(id))
}

/// The id of an image as it stands in what is passed on, training sets and `recto.lock`: without secrets where it is a URL that has
/// some, and else as it is.
pub fn shared_id(id: &str) -> Cow<'_, str> {
    let may_have = id.contains(['?', '@']) && id.contains("://");
    match may_have && without_secrets(id) != id {
        true => id_without_secrets(id).into(),
        false => id.into(),
    }
}

/// A URL up to its query, its query, and its fragment with `#`.
fn parts(url: &str) -> (&str, &str, &str) {
    let (rest, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    (before, query, fragment)
}

fn pairs(query: &str) -> impl Iterator<Item = &str> {
    query.split(['&', ';']).filter(|pair| !pair.is_empty())
}

fn name_of(pair: &str) -> String {
    let name = pair.split('=').next().unwrap_or_default();
    name.to_ascii_lowercase()
}

fn is_secret(name: &str, query: &str) -> bool {
    const WORDS: [&str; 13] = [
        "auth",
        "bearer",
        "credential",
        "hmac",
        "jwt",
        "key",
        "passphrase",
        "passw",
        "policy",
        "secret",
        "session",
        "sig",
        "token",
    ];
    const NAMES: [&str; 4] = ["pass", "pwd", "sid", "ticket"];
    WORDS.iter().any(|word| name.contains(word))
        || NAMES.contains(&name)
        || SCHEMES
            .iter()
            .any(|scheme| scheme.marks.contains(&name) && scheme.signs(query))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_signatures_are_left_out() {
        let cases = [
            ("https://a.org/x.jpg?page=2", "https://a.org/x.jpg?page=2"),
            ("https://anna:word@a.org/x", "https://…@a.org/x"),
            (
                "https://a.org/x?X-Amz-Date=7&X-Amz-Signature=ab%2F&w=3#f",
                "https://a.org/x?X-Amz-Date=7&X-Amz-Signature=…&w=3#f",
            ),
            (
                "https://u:p@a.org/x?api_key=7",
                "https://…@a.org/x?api_key=…",
            ),
            ("https://a.org/@me?x=1", "https://a.org/@me?x=1"),
            (
                "https://a.org/x?hdnts=exp=1~hmac=2",
                "https://a.org/x?hdnts=…",
            ),
            (
                "https://a.org/x?p=1;token=2;q",
                "https://a.org/x?p=1;token=…;q",
            ),
            (
                "https://a.org/x?md5=1&expires=2",
                "https://a.org/x?md5=…&expires=…",
            ),
            (
                "https://a.org/x?md5=1&page=2",
                "https://a.org/x?md5=1&page=2",
            ),
            ("https://a.org/x?jwt=1&pwd=2", "https://a.org/x?jwt=…&pwd=…"),
            ("no URL", "no URL"),
        ];
        for (url, wanted) in cases {
            assert_eq!(without_secrets(url), wanted);
        }
    }

    #[test]
    fn an_id_without_secrets_stays_as_it_is() {
        assert_eq!(shared_id("a?key=3"), "a?key=3");
        for (id, wanted) in [
            ("https://anna:word@a.org/a b.jpg", "https://…@a.org/a b.jpg"),
            ("https://a.org/x?token=1", "https://a.org/x?token=…"),
            ("https://a.org/x?key=1", "https://a.org/x?key=… key="),
            ("plate 600", "plate 600"),
        ] {
            let made = id_without_secrets(id);
            assert!(made.starts_with(wanted), "{made}");
            assert_eq!(id_without_secrets(&made), made);
            assert_eq!(shared_id(&shared_id(id)), shared_id(id));
        }
    }

    #[test]
    fn another_signature_is_the_same_url() {
        let cases = [
            (
                "https://b.s3.org/a.jpg?X-Amz-Date=1&X-Amz-Signature=2 format=keep",
                "https://b.s3.org/a.jpg format=keep",
            ),
            (
                "https://a.org/x?page=2&Expires=1&Signature=3",
                "https://a.org/x?page=2",
            ),
            ("https://a.org/x?expires=1", "https://a.org/x?expires=1"),
            (
                "https://a.org/x?sv=1&sig=2&id=3#f",
                "https://a.org/x?id=3#f",
            ),
            ("https://a.org/x?sp=1", "https://a.org/x?sp=1"),
            (
                "https://a.org/x?q-ak=1&q-signature=2&q=3",
                "https://a.org/x?q=3",
            ),
            ("https://a.org/x?q-ak=1", "https://a.org/x?q-ak=1"),
            ("https://a.org/x?md5=1&expires=2&w=3", "https://a.org/x?w=3"),
            ("https://a.org/x?st=1&e=2", "https://a.org/x"),
            ("https://a.org/x?e=2", "https://a.org/x?e=2"),
            ("https://a.org/x?__token__=exp=1~hmac=2", "https://a.org/x"),
            ("https://a.org/x?token=1&verify=2", "https://a.org/x"),
            ("https://a.org/x", "https://a.org/x"),
        ];
        for (url, wanted) in cases {
            assert_eq!(without_signature(url), wanted);
        }
    }

    #[test]
    fn the_journal_tells_another_file_from_another_secret() {
        let is_same = |a: &str, b: &str| for_journal(a) == for_journal(b);
        assert!(is_same(
            "https://u:p@a.org/x format=keep",
            "https://u:q@a.org/x format=keep"
        ));
        assert!(is_same(
            "https://a.org/x?token=1",
            "https://a.org/x?token=2"
        ));
        assert!(is_same(
            "https://a.org/x?session=1",
            "https://a.org/x?session=2"
        ));
        assert!(!is_same("https://a.org/x?key=1", "https://a.org/x?key=2"));
        assert!(!is_same(
            "https://a.org/x format=keep",
            "https://a.org/x format=png"
        ));
        for url in [
            "https://a.org/x?key=5&w=1 format=keep",
            "https://u:p@a.org/x#xywh=1,2,3,4 format=png",
            "https://a.org/x format=keep",
        ] {
            let noted = for_journal(url);
            assert_eq!(for_journal(&noted), noted, "noted once, it stays");
            assert!(
                !noted.contains("u:p") && !noted.contains("key=5"),
                "{noted}"
            );
        }
    }
}
