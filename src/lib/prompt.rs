//! Questions at the terminal, where an option asks for what must not stand on a command line: a password.

use std::io;

use console::Term;

/// Asks for a name and a password, which is not shown; none where nobody sits at a terminal.
///
/// # Errors
/// The terminal cannot be read.
pub fn login(host: &str) -> io::Result<Option<(String, String)>> {
    let term = Term::stderr();
    if !term.is_term() {
        return Ok(None);
    }
    term.write_str(&format!("name at {host}: "))?;
    let name = term.read_line()?;
    term.write_str("password: ")?;
    let password = term.read_secure_line()?;
    Ok(Some((name.trim().to_owned(), password)))
}
