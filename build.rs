//! Tells the programs which commit they are built from: `RECTO_COMMIT`, what `cargo package` noted, or what git says. Builds
//! without optimization are told only by `RECTO_COMMIT`: they would be built again after every commit.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=RECTO_COMMIT");
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let version = match commit() {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    };
    println!("cargo:rustc-env=RECTO_VERSION={version}");
}

/// The first digits of the commit, where it is known.
fn commit() -> Option<String> {
    let commit = std::env::var("RECTO_COMMIT")
        .ok()
        .or_else(packed)
        .or_else(checked_out)?;
    let is_hash = commit.len() >= 7 && commit.chars().all(|c| c.is_ascii_hexdigit());
    is_hash.then(|| commit[..commit.len().min(12)].to_owned())
}

/// That of a package: `{"git": {"sha1": "…"}}`.
fn packed() -> Option<String> {
    let noted = std::fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, rest) = noted.split_once("\"sha1\"")?;
    Some(rest.split('"').nth(1)?.to_owned())
}

/// That of a working copy whose top is this folder.
fn checked_out() -> Option<String> {
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "debug")
        || !Path::new(".git").exists()
    {
        return None;
    }
    for name in ["HEAD", "logs/HEAD"] {
        println!(
            "cargo:rerun-if-changed={}",
            git(&["rev-parse", "--git-path", name])?
        );
    }
    git(&["rev-parse", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
