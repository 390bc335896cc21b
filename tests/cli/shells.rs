//! Completions and man pages.

use std::process::Command;

use recto_testkit::Workdir;

const PROGRAMS: [&str; 7] = [
    "recto",
    "recto-digest",
    "recto-extract",
    "recto-download",
    "recto-reformat",
    "recto-serve",
    "recto-shard",
];

#[test]
fn every_shell_has_completions_of_every_program() {
    let work = Workdir::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = work.run("recto", &["completions", shell]).exits(0).stdout();
        for program in PROGRAMS {
            assert!(script.contains(program), "{shell}: {program}");
        }
        let one = work
            .run("recto", &["completions", shell, "--program", "recto-shard"])
            .stdout();
        assert!(
            script.contains(&one) && one.len() < script.len() / 4,
            "{shell}"
        );
    }
    work.run("recto", &["completions", "bash", "--program", "nonsense"])
        .exits(2)
        .says(&["recto-digest"]);
}

/// Bash itself, which is the shell of these tests' machine, completes a word.
#[test]
fn bash_completes_options() {
    let work = Workdir::new();
    work.run("recto", &["completions", "bash"]);
    let script = work.run("recto", &["completions", "bash"]).stdout();
    work.write("completions.bash", script);
    let ask = "source completions.bash; COMP_WORDS=(recto digest --url-c); COMP_CWORD=2; _recto recto --url-c digest; echo ${COMPREPLY[*]}";
    let ran = work.run_command(Command::new("bash").args(["--norc", "-c", ask]));
    assert_eq!(ran.exits(0).stdout().trim(), "--url-column");
}

#[test]
fn every_program_has_a_man_page() {
    let work = Workdir::new();
    work.run("recto", &["man", "man1"]).exits(0);
    for program in PROGRAMS
        .into_iter()
        .chain(["recto-demo", "recto-init", "recto-shard-plan"])
    {
        let page = work.text(&format!("man1/{program}.1"));
        assert!(page.contains(&format!(".TH {program} 1")), "{program}");
        assert!(page.contains("DESCRIPTION"), "{program}");
    }
    let page = work.text("man1/recto-digest.1");
    assert!(page.contains("descendants") && page.contains("Examples:"));
}
