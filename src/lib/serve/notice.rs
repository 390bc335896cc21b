//! Lines on standard error for whoever runs the server.

use crate::messages;

/// Prints one line: `serve: ` and a text.
pub fn print(text: &str) {
    messages::say(&format!("serve: {text}"));
}
