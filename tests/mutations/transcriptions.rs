//! ALTO, PAGE and hOCR, as values and through the stages.

use recto::contracts::Frame;
use recto::sources::text::{self, TextFile};
use recto::{Stage, digest, extract};
use recto_testkit::mutation::{self, Random};
use recto_testkit::{samples, transcriptions};

fn damaged(random: &mut Random) -> Vec<u8> {
    let (_, sound) = *random.choose(&transcriptions::ALL);
    mutation::text(sound, random)
}

/// Every item that was read has a region and words of its own, on whatever canvas.
fn check(file: &TextFile) {
    let canvas = Frame {
        width: 1000.0,
        height: 800.0,
    };
    for page in &file.pages {
        assert!(
            page.problems
                .iter()
                .all(|problem| !problem.problem.is_empty())
        );
        for sizes in [
            (None, None),
            (Some(canvas), None),
            (page.size, Some(canvas)),
        ] {
            match text::fit(page, sizes.0, sizes.1, None) {
                Ok(fit) => {
                    assert!(
                        fit.sx.is_finite() && fit.sx > 0.0 && fit.sy.is_finite() && fit.sy > 0.0
                    );
                    let all = text::annotations(page, &fit, "file");
                    assert_eq!(all.len(), page.items.len());
                    assert!(
                        all.iter()
                            .all(|a| a.regions.len() == 1 && !a.bodies.is_empty())
                    );
                }
                Err(problem) => assert!(!problem.is_empty()),
            }
        }
    }
}

#[test]
fn transcriptions_as_values() {
    let takes = |bytes: &[u8]| match text::read(bytes) {
        Ok(file) => {
            check(&file);
            true
        }
        Err(problem) => {
            assert!(problem.len() > 10, "`{problem}` says nothing");
            false
        }
    };
    mutation::check(6_000, damaged, takes).is_mixed();
}

#[test]
fn transcriptions_at_home_through_two_stages() {
    let folder = tempfile::tempdir().unwrap();
    let at = move |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("m.json"), samples::manifest_3().to_string()).unwrap();
    let takes = move |bytes: &[u8]| {
        let (input, text, output) = (at("m.json"), at("1.xml"), at("digest.json"));
        std::fs::write(&text, bytes).unwrap();
        let args = [
            "iiif",
            &input,
            "-o",
            &output,
            "--text-files",
            &text,
            "--offline",
            "--quiet",
        ];
        let summary = digest(&digest::Options::parse(args).unwrap()).unwrap();
        assert_eq!(summary.read, summary.kept + summary.rejects.len() as u64);
        let read = summary.counts["text_files"];
        let args = [&*output, "-o", &at("localizations.json"), "--quiet"];
        let summary = extract(&extract::Options::parse(args).unwrap()).unwrap();
        assert_eq!(summary.read, summary.kept + summary.rejects.len() as u64);
        read > 0
    };
    mutation::check(60, damaged, takes);
}
