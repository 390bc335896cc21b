//! `recto doctor`.

use recto_testkit::Workdir;
use recto_testkit::server::{Answer, Server};
use serde_json::Value;

#[test]
fn a_sound_machine_passes() {
    let work = Workdir::new();
    let server = Server::start(|_, _| Answer::Serve(b"here".to_vec(), "text/plain"));
    let url = server.url("/");
    let ran = work.run("recto", &["doctor", "--json", &url]);
    let found: Value = serde_json::from_str(&ran.stdout()).unwrap();
    let checks = found["checks"].as_array().unwrap();
    let of = |name: &str| {
        checks
            .iter()
            .filter(|check| check["check"] == name)
            .collect::<Vec<_>>()
    };
    for name in ["proxy", "certificates", "disk", "limits", "host"] {
        assert!(!of(name).is_empty(), "{name}");
    }
    assert_eq!(of("host")[0]["ok"], true);
    assert!(
        of("host")[0]["found"]
            .as_str()
            .unwrap()
            .contains("status 200")
    );
    // Nothing is left behind.
    assert!(work.tree("").is_empty());
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let work = Workdir::new();
    let cases: [(&[&str], (&str, &str), &str); 4] = [
        (&[], ("HTTPS_PROXY", "nonsense://x"), "FAIL proxy"),
        (&[], ("SSL_CERT_FILE", "missing.pem"), "FAIL certificates"),
        (
            &["--folder", "/proc/no-such-folder"],
            ("A", "b"),
            "FAIL disk",
        ),
        (&["http://127.0.0.1:9/"], ("A", "b"), "FAIL host"),
    ];
    for (args, (name, value), wanted) in cases {
        let args = [&["doctor", "--timeout", "5"], args].concat();
        let mut command = work.command("recto", &args);
        let ran = work.run_command(command.env_remove("SSL_CERT_DIR").env(name, value));
        ran.exits(1).says(&["checks failed"]);
        assert!(ran.stdout().contains(wanted), "{}", ran.stdout());
        // What a host said is help enough.
        assert!(
            wanted == "FAIL host" || ran.stdout().contains("hint: "),
            "{}",
            ran.stdout()
        );
    }
}

#[test]
fn a_folder_that_does_not_exist_is_not_created() {
    let work = Workdir::new();
    for folder in ["missing/below", &work.path("missing").display().to_string()] {
        let ran = work.run("recto", &["doctor", "--folder", folder]);
        let wanted = format!("{folder}: does not exist; a download would create it in ");
        assert!(ran.stdout().contains(&wanted), "{}", ran.stdout());
        assert!(ran.stdout().contains("GiB free"), "{}", ran.stdout());
        assert!(work.tree("").is_empty());
    }
}

#[test]
fn passwords_of_proxies_are_not_shown() {
    let work = Workdir::new();
    let mut command = work.command("recto", &["doctor"]);
    let ran = work.run_command(command.env("HTTPS_PROXY", "http://me:word@proxy.example:3128"));
    assert!(
        ran.stdout()
            .contains("HTTPS_PROXY http://proxy.example:3128"),
        "{}",
        ran.stdout()
    );
    assert!(!ran.stdout().contains("word"), "{}", ran.stdout());
}
