//! `.netrc`: user names and passwords by host, in the format of ftp, curl and wget.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::files;

/// Which netrc file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetrcFile {
    /// The usual one: `$NETRC`, else `~/.netrc`.
    Usual,
    /// This one.
    Named(PathBuf),
}

/// The entries of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Netrc {
    /// `machine` → login, in the order of the file.
    pub machines: Vec<(String, Login)>,
    /// For hosts without an entry.
    pub default: Option<Login>,
}

/// A user name and its password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

// No message or log shows a password.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({})", self.name)
    }
}

impl Netrc {
    /// Reads the file that the user names, with a warning if others can read it too.
    ///
    /// # Errors
    /// If it cannot be read, or is not a netrc file.
    pub fn open(file: &NetrcFile) -> Result<(Self, Option<String>), Error> {
        let path = path(file)?;
        let name = path.display().to_string();
        let bytes = files::read(&path)?;
        let netrc = read(&String::from_utf8_lossy(&bytes), &name)?;
        let warning = is_open_to_others(&path).then(|| {
            format!(
                "{name}: other users can read the passwords in it; `chmod 600 {name}` prevents that"
            )
        });
        Ok((netrc, warning))
    }
}

/// The name and password for a host in a netrc file: the one that the user names, else the usual one if it exists. With a
/// warning if others can read the file too.
///
/// # Errors
/// The file cannot be read, or is not a netrc file.
pub fn login_for(
    host: &str,
    file: Option<&NetrcFile>,
) -> Result<(Option<Login>, Option<String>), Error> {
    let usual = NetrcFile::Usual;
    let is_there = || path(&usual).is_ok_and(|path| files::is_there(&path));
    let Some(file) = file.or_else(|| is_there().then_some(&usual)) else {
        return Ok((None, None));
    };
    let (netrc, warning) = Netrc::open(file)?;
    let is_host = |machine: &str| {
        machine == host
            || host
                .rsplit_once(':')
                .is_some_and(|(name, _)| machine == name)
    };
    let mut machines = netrc.machines.into_iter();
    let own = machines
        .find(|(machine, _)| is_host(machine))
        .map(|(_, login)| login);
    Ok((own.or(netrc.default), warning))
}

/// The file meant: the one named, else `$NETRC`, else the one in the home folder.
fn path(file: &NetrcFile) -> Result<PathBuf, Error> {
    if let NetrcFile::Named(path) = file {
        return Ok(path.clone());
    }
    let named = std::env::var_os("NETRC").filter(|path| !path.is_empty());
    let usual = || std::env::home_dir().map(|home| home.join(".netrc"));
    named.map(PathBuf::from).or_else(usual).ok_or_else(|| {
        Error::usage("--netrc: the home folder is not known, so .netrc cannot be found")
            .hint("--netrc=FILE names the file")
    })
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}

/// Reads the text of a file called `name`.
fn read(text: &str, name: &str) -> Result<Netrc, Error> {
    let mut netrc = Netrc::default();
    // The entry that the next words belong to; none before the first `machine`.
    let mut entry: Option<(Option<String>, Login)> = None;
    let mut cursor = Cursor {
        rest: text,
        line: 1,
    };
    while let Some(keyword) = cursor.keyword() {
        let line = cursor.line;
        let wrong = |what: String| wrong(name, line, &what);
        let mut value = || match cursor.value() {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(wrong(format!("nothing follows `{keyword}`"))),
            Err(what) => Err(wrong(what.into())),
        };
        match (keyword, &mut entry) {
            ("machine", _) => {
                let machine = value()?.to_ascii_lowercase();
                netrc.add(entry.replace((Some(machine), Login::default())));
            }
            ("default", _) => netrc.add(entry.replace((None, Login::default()))),
            ("login", Some((_, login))) => login.name = value()?,
            ("password", Some((_, login))) => login.password = value()?,
            // Some FTP servers want a third word; web servers do not.
            ("account", Some(_)) => drop(value()?),
            ("macdef", _) => {
                value()?;
                cursor.pass_macro();
            }
            ("login" | "password" | "account", None) => {
                return Err(wrong(format!("`{keyword}` before any `machine`")));
            }
            // The word is not shown: it may be half a password.
            _ => {
                let what = "a word other than machine, default, login, password, macdef";
                return Err(wrong(what.into()));
            }
        }
    }
    netrc.add(entry);
    Ok(netrc)
}

impl Netrc {
    fn add(&mut self, entry: Option<(Option<String>, Login)>) {
        match entry {
            Some((Some(machine), login)) => self.machines.push((machine, login)),
            Some((None, login)) => self.default = self.default.take().or(Some(login)),
            None => {}
        }
    }
}

fn wrong(name: &str, line: usize, what: &str) -> Error {
    Error::new(format!("{name}:{line}: not a netrc file: {what}")).hint(
        "entries are `machine HOST login NAME password WORD`; words with blanks need \"quotes\"",
    )
}

/// A place in a text.
struct Cursor<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Cursor<'a> {
    /// The next keyword, after comments.
    fn keyword(&mut self) -> Option<&'a str> {
        loop {
            self.pass_blanks();
            if !self.rest.starts_with('#') {
                return self.bare();
            }
            self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
    }

    /// The next value: a bare word, or a quoted one with `\"`, `\\`, `\n`, `\r` and `\t` in it.
    fn value(&mut self) -> Result<Option<String>, &'static str> {
        self.pass_blanks();
        let Some(quoted) = self.rest.strip_prefix('"') else {
            return Ok(self.bare().map(str::to_owned));
        };
        let (mut value, mut characters) = (String::new(), quoted.char_indices());
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.take(at + 2);
                    return Ok(Some(value));
                }
                '\n' => break,
                '\\' => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 'r')) => value.push('\r'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, c)) => value.push(c),
                    None => break,
                },
                c => value.push(c),
            }
        }
        Err("a quote does not end on its line")
    }

    /// Skips a macro, which ends with an empty line.
    fn pass_macro(&mut self) {
        self.take(self.rest.find('\n').map_or(self.rest.len(), |at| at + 1));
        while !self.rest.is_empty() {
            let end = self.rest.find('\n').map_or(self.rest.len(), |at| at + 1);
            if self.take(end).trim().is_empty() {
                return;
            }
        }
    }

    fn pass_blanks(&mut self) {
        let blanks = self.rest.len() - self.rest.trim_start().len();
        self.take(blanks);
    }

    fn bare(&mut self) -> Option<&'a str> {
        let end = self.rest.find(char::is_whitespace);
        let word = self.take(end.unwrap_or(self.rest.len()));
        (!word.is_empty()).then_some(word)
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(name: &str, password: &str) -> Login {
        Login {
            name: name.into(),
            password: password.into(),
        }
    }

    #[test]
    fn entries_are_read_in_every_shape_that_people_write() {
        let text = concat!(
            "# mine\n",
            "machine A.org login me password #se\"cret\n",
            "machine b.org\n\tlogin \"you there\"\n\taccount x\n\tpassword \"a \\\"b\\\" \\\\ c\"\n",
            "macdef init\n  cd /pub\n  machine evil login no password no\n\n",
            "machine c.org password only # more\n",
            "default login anonymous password me@example.org\n",
        );
        let netrc = read(text, "x").unwrap();
        let machines = [
            ("a.org", login("me", "#se\"cret")),
            ("b.org", login("you there", "a \"b\" \\ c")),
            ("c.org", login("", "only")),
        ];
        let machines = machines.map(|(host, login)| (host.to_owned(), login));
        assert_eq!(netrc.machines, machines);
        assert_eq!(netrc.default, Some(login("anonymous", "me@example.org")));
        assert_eq!(read("", "x").unwrap(), Netrc::default());
    }

    #[test]
    fn mistakes_are_reported_with_their_line_and_without_their_words() {
        let cases = [
            (
                "machine a login b\nhunter2 x",
                "x:2: not a netrc file: a word other than",
            ),
            (
                "\nlogin me",
                "x:2: not a netrc file: `login` before any `machine`",
            ),
            (
                "machine a\nlogin",
                "x:2: not a netrc file: nothing follows `login`",
            ),
            (
                "machine a login \"b\nc\"",
                "x:1: not a netrc file: a quote does not end",
            ),
            (
                "machine",
                "x:1: not a netrc file: nothing follows `machine`",
            ),
        ];
        for (text, wanted) in cases {
            let error = read(text, "x").unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(machine|login|password|macdef|default|[ \n\"\\\\#a-c])*") {
            let _ = read(&text, "x");
        }
    }

    #[test]
    fn damaged_files_are_read_or_refused_with_their_line() {
        use recto_testkit::{mutation, samples};
        let takes = |bytes: &[u8]| match read(&String::from_utf8_lossy(bytes), "my.netrc") {
            Ok(_) => true,
            Err(error) => {
                let words = error.to_string();
                assert!(error.what().starts_with("my.netrc:"), "{words}");
                // The passwords of the sample.
                assert!(
                    !words.contains("secret") && !words.contains("\\\"b\\\""),
                    "{words}"
                );
                false
            }
        };
        mutation::check(5000, |random| mutation::text(samples::NETRC, random), takes).is_mixed();
    }
}
