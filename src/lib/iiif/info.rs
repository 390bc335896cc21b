//! `info.json` as it is really published.
