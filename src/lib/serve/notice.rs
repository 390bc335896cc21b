//! Lines on standard error for whoever runs the server.

use std::io::Write as _;

/// Prints one line: `serve: ` and a text.
pub fn print(text: &str) {
    // A closed standard error is no reason to stop.
    let _ = writeln!(std::io::stderr(), "serve: {text}");
}
