//! What `check` says of whole files, of files that are cut short, and of files that break the rules.

use recto_jpeg::{JpegError, check};

use crate::fixtures::*;

const SIZE: [u32; 2] = [75, 53];

fn encoded(shape: Shape) -> Vec<u8> {
    shape.encode(&Picture::drawn(SIZE, shape.channels(), 5))
}

fn variants() -> Vec<Shape> {
    let mut found = Vec::new();
    for colours in [Colours::Grey, Colours::Rgb, Colours::Cmyk, Colours::Ycck] {
        for sampling in [[1, 1], [2, 1], [1, 2], [2, 2], [4, 1]] {
            for restart in [0, 3] {
                for (progressive, optimized) in
                    [(false, false), (false, true), (true, false), (true, true)]
                {
                    if optimized && restart > 0 {
                        continue;
                    }
                    found.push(Shape {
                        colours,
                        sampling,
                        progressive,
                        optimized,
                        restart,
                        quality: 80,
                    });
                }
            }
        }
    }
    found
}

#[test]
fn whole_files_of_every_kind_pass() {
    for shape in variants() {
        let info = check(&encoded(shape)).unwrap_or_else(|e| panic!("{shape:?}: {e}"));
        assert_eq!([info.width, info.height], SIZE, "{shape:?}");
        assert_eq!(info.progressive, shape.progressive, "{shape:?}");
        assert_eq!(info.components.len(), shape.channels(), "{shape:?}");
        assert_eq!(info.restart_interval, u32::from(shape.restart), "{shape:?}");
        assert_eq!([info.stray_bytes, info.trailing_bytes], [0, 0], "{shape:?}");
        // The encoder does not interleave where a factor is above 2.
        let own_scans = (shape.optimized || shape.sampling == [4, 1]) && shape.channels() > 1;
        assert_eq!(info.scans > 1, shape.progressive || own_scans, "{shape:?}");
        if shape.colours == Colours::Rgb {
            let [h, v] = shape.sampling.map(u32::from);
            assert_eq!(info.components[0].sampling, [h, v]);
            assert_eq!(info.components[1].sampling, [1, 1]);
        }
    }
}

#[test]
fn a_file_cut_at_any_byte_is_found_out() {
    let mut cuts = 0;
    for shape in variants().into_iter().step_by(3) {
        let small = shape.encode(&Picture::drawn([33, 18], shape.channels(), 5));
        for cut in 0..small.len() {
            match check(&small[..cut]) {
                Err(JpegError::NotJpeg) if cut < 2 => {}
                Err(JpegError::Damaged(_)) => {}
                other => panic!("{shape:?} cut at {cut} of {}: {other:?}", small.len()),
            }
            // As servers do that end what they could not finish.
            let closed = [&small[..cut], &[0xFF, 0xD9]].concat();
            let lost = cut < small.len() - 2;
            let between_scans = shape.progressive && check(&closed).is_ok();
            assert!(
                !lost || between_scans || check(&closed).is_err(),
                "{shape:?} closed at {cut}"
            );
            cuts += 1;
        }
    }
    assert!(cuts > 10_000);
}

#[test]
fn a_fault_says_where_it_is() {
    let plain = encoded(Shape::default());
    let restarts = encoded(Shape {
        restart: 7,
        ..Shape::default()
    });
    let marker = |code: u8| {
        restarts
            .windows(2)
            .position(|pair| pair == [0xFF, code])
            .unwrap()
    };
    let swapped = {
        let mut bytes = restarts.clone();
        bytes[marker(0xD1) + 1] = 0xD2;
        bytes
    };
    let lost = [&restarts[..marker(0xD1)], &restarts[marker(0xD2)..]].concat();
    let end = plain.len() - 2;
    let scan = segments(&plain).last().unwrap().1.end;
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("no image", b"<!DOCTYPE html>".to_vec(), "not a JPEG"),
        ("nothing", Vec::new(), "not a JPEG"),
        (
            "no scan",
            [&plain[..2], &[0xFF, 0xD9]].concat(),
            "damaged JPEG: no frame header (SOF)",
        ),
        (
            "header",
            plain[..30].to_vec(),
            "damaged JPEG: it ends within a header segment (FF C0)",
        ),
        (
            "half",
            plain[..(scan + end) / 2].to_vec(),
            "damaged JPEG: a scan ends after ",
        ),
        (
            "no end",
            plain[..end].to_vec(),
            "damaged JPEG: it ends without its end marker (EOI)",
        ),
        (
            "more",
            [&plain[..end], &[0x55; 9], &plain[end..]].concat(),
            "damaged JPEG: more data than a scan of 70 MCUs needs",
        ),
        (
            "order",
            swapped,
            "damaged JPEG: a marker FF D2 instead of a restart marker, after 14 of 70 MCUs",
        ),
        (
            "interval",
            lost,
            "damaged JPEG: a marker FF D2 instead of a restart marker, after 14 of 70 MCUs",
        ),
        (
            "ends at restart",
            [&restarts[..marker(0xD1)], &[0xFF, 0xD9]].concat(),
            "damaged JPEG: a scan ends after 14 of 70 MCUs",
        ),
    ];
    for (name, bytes, words) in cases {
        let found = check(&bytes).unwrap_err().to_string();
        assert!(found.starts_with(words), "{name}: {found}");
    }
}

#[test]
fn what_is_unusual_but_whole_passes() {
    let plain = encoded(Shape {
        sampling: [2, 2],
        ..Shape::default()
    });
    let with = |before: u8, added: Vec<u8>| {
        rewritten(&plain, |code, bytes| {
            Some([if code == before { &added[..] } else { &[] }, bytes].concat())
        })
    };
    let end = plain.len() - 2;
    let behind = |more: &[u8]| [&plain[..end], more, &plain[end..]].concat();
    let cases = [
        ("fill before a segment", with(0xDB, vec![0xFF; 5])),
        ("fill before the end", behind(&[0xFF; 7])),
        ("a restart that nothing follows", behind(&[0xFF, 0xD0])),
        ("a comment behind the scan", behind(&segment(0xFE, b"late"))),
        ("tables behind the scan", behind(&segment(0xDD, &[0, 9]))),
        (
            "unknown applications",
            with(
                0xC0,
                [segment(0xE5, &[0; 900]), segment(0xEF, b"")].concat(),
            ),
        ),
        ("an empty comment", with(0xDA, segment(0xFE, b""))),
        (
            "no Huffman tables",
            rewritten(&plain, |code, bytes| (code != 0xC4).then(|| bytes.to_vec())),
        ),
        (
            "extended",
            rewritten(&plain, |code, bytes| {
                Some(if code == 0xC0 {
                    segment(0xC1, &bytes[4..])
                } else {
                    bytes.to_vec()
                })
            }),
        ),
        (
            "as many bytes too many as libjpeg passes over",
            [&plain[..plain.len() - 2], &[0x55; 4], &[0xFF, 0xD9]].concat(),
        ),
        (
            "a scan header of odd fields",
            rewritten(&plain, |code, bytes| {
                let at = bytes.len() - 3;
                Some(if code == 0xDA {
                    [&bytes[..at], &[0, 0, 0]].concat()
                } else {
                    bytes.to_vec()
                })
            }),
        ),
    ];
    let info = check(&plain).unwrap();
    for (name, bytes) in cases {
        assert_ne!(bytes, plain, "{name}");
        let found = check(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(found.components, info.components, "{name}");
        assert_eq!([found.stray_bytes, found.trailing_bytes], [0, 0], "{name}");
    }
    let trailing = [&plain[..], &plain].concat();
    assert_eq!(check(&trailing).unwrap().trailing_bytes, plain.len());
    let stray = with(0xDB, vec![1, 2, 3]);
    assert_eq!(
        check(&stray).unwrap().stray_bytes,
        6,
        "three before each of two tables"
    );
}

#[test]
fn a_height_told_behind_the_scan_is_the_height() {
    let plain = encoded(Shape {
        restart: 4,
        ..Shape::default()
    });
    let unknown = rewritten(&plain, |code, bytes| {
        let mut bytes = bytes.to_vec();
        if code == 0xC0 {
            bytes[5..7].fill(0);
        }
        Some(bytes)
    });
    let found = check(&unknown).unwrap_err().to_string();
    assert_eq!(
        found,
        "damaged JPEG: a height of 0, and no DNL segment that gives it"
    );
    let end = unknown.len() - 2;
    let lines = segment(0xDC, &(SIZE[1] as u16).to_be_bytes());
    let told = [&unknown[..end], &lines, &unknown[end..]].concat();
    assert_eq!(check(&told).unwrap().height, SIZE[1]);
}

#[test]
fn kinds_that_are_not_read_are_left_to_others() {
    let plain = encoded(Shape::default());
    let as_frame = |kind: u8, precision: u8| {
        rewritten(&plain, |code, bytes| {
            Some(match code {
                0xC0 => segment(kind, &[&[precision], &bytes[5..]].concat()),
                _ => bytes.to_vec(),
            })
        })
    };
    let cases = [
        (as_frame(0xC1, 12), "12 bits per sample"),
        (as_frame(0xC3, 8), "lossless coding"),
        (as_frame(0xC5, 8), "hierarchical coding"),
        (as_frame(0xC9, 8), "arithmetic coding"),
        (as_frame(0xCA, 8), "arithmetic coding"),
        (as_frame(0xCE, 8), "hierarchical and arithmetic coding"),
    ];
    for (bytes, words) in cases {
        assert_eq!(check(&bytes), Err(JpegError::Unsupported(words.into())));
    }
}

#[test]
fn a_component_or_a_scan_that_is_missing_is_noticed() {
    for progressive in [false, true] {
        let bytes = encoded(Shape {
            optimized: true,
            progressive,
            ..Shape::default()
        });
        let is_scan = |at: &usize| bytes[*at..].starts_with(&[0xFF, 0xDA]);
        let scans: Vec<usize> = (0..bytes.len()).filter(is_scan).collect();
        assert!(scans.len() > 2);
        // Only the first scan, then the end.
        let first = [&bytes[..scans[1]], &[0xFF, 0xD9]].concat();
        let words = "no scan of component 2 of 3";
        assert_eq!(check(&first), Err(JpegError::Damaged(words.into())));
    }
    let bytes = encoded(Shape {
        progressive: true,
        ..Shape::default()
    });
    let scan = segments(&bytes).last().unwrap().1.clone();
    for (from, to, words) in [
        (
            [0, 0, 0],
            [0, 0, 0x21],
            "a scan of coefficients 0 to 0 of component 1 out of order",
        ),
        (
            [0, 0, 0],
            [1, 5, 0],
            "a scan of coefficients 1 to 5 of component 1 before its first",
        ),
        (
            [0, 0, 0],
            [0, 5, 0],
            "a scan header (SOS) with an illegal progression",
        ),
        (
            [0, 0, 0],
            [0, 0, 0x31],
            "a scan header (SOS) with an illegal progression",
        ),
    ] {
        let mut changed = bytes.clone();
        let fields = &mut changed[scan.end - 3..scan.end];
        assert_eq!(fields, from);
        fields.copy_from_slice(&to);
        assert_eq!(check(&changed), Err(JpegError::Damaged(words.into())));
    }
}

#[test]
fn tables_that_make_no_sense_are_refused() {
    let plain = encoded(Shape::default());
    let with = |code: u8, body: &[u8]| {
        rewritten(&plain, |found, bytes| {
            Some(
                [
                    if found == 0xDA {
                        segment(code, body)
                    } else {
                        Vec::new()
                    },
                    bytes.to_vec(),
                ]
                .concat(),
            )
        })
    };
    let counts = |first: u8, second: u8| [&[0x00, first, second][..], &[0; 14]].concat();
    let cases = [
        (0xC4, counts(3, 0), "more symbols than the segment holds"),
        (
            0xC4,
            [&counts(3, 0)[..], &[1, 2, 3]].concat(),
            "more codes than their lengths allow",
        ),
        (
            0xC4,
            [&counts(1, 0)[..], &[16]].concat(),
            "a DC table with symbols above 15",
        ),
        (0xC4, vec![0x20; 17], "a class or number out of range"),
        (0xC4, vec![0x00; 5], "a table that is cut short"),
        (0xDB, vec![0x00; 12], "a table that is cut short"),
        (0xDB, vec![0x05; 65], "a precision or number out of range"),
        (0xDD, vec![0x05], "cut short"),
        (
            0xC0,
            vec![8, 0, 8, 0, 8, 1, 1, 0x11, 0],
            "a second frame header",
        ),
    ];
    for (code, body, words) in cases {
        match check(&with(code, &body)) {
            Err(JpegError::Damaged(found)) => {
                assert!(found.contains(words), "{found}, not {words}")
            }
            other => panic!("{words}: {other:?}"),
        }
    }
}

#[test]
fn few_bytes_cannot_ask_for_much_memory() {
    for (progressive, words) in [
        (
            true,
            "unsupported JPEG: progressive with 201326592 blocks; at most 16777216 are kept in memory",
        ),
        (false, "damaged JPEG: a scan ends after "),
    ] {
        let shape = Shape {
            progressive,
            ..Shape::default()
        };
        let huge = rewritten(&encoded(shape), |code, bytes| {
            let mut bytes = bytes.to_vec();
            if matches!(code, 0xC0 | 0xC2) {
                bytes[5..9].fill(0xFF);
            }
            Some(bytes)
        });
        let found = check(&huge).unwrap_err().to_string();
        assert!(found.starts_with(words), "{found}");
    }
    let large = rewritten(
        &encoded(Shape {
            progressive: true,
            ..Shape::default()
        }),
        |code, bytes| {
            let mut bytes = bytes.to_vec();
            if code == 0xC2 {
                bytes[5..9].copy_from_slice(&[0x20, 0, 0x20, 0]);
            }
            Some(bytes)
        },
    );
    let found = check(&large).unwrap_err().to_string();
    assert!(
        found.starts_with("damaged JPEG: 3145728 blocks cannot be in "),
        "{found}"
    );
}

#[test]
fn a_colour_profile_in_as_many_segments_as_there_can_be_is_read() {
    let plain = encoded(Shape::default());
    for count in [254u8, 255] {
        let part = |number: u8| {
            segment(
                0xE2,
                &[b"ICC_PROFILE\0", &[number, count, number][..]].concat(),
            )
        };
        let parts: Vec<u8> = (1..=count).flat_map(part).collect();
        let bytes = [&plain[..2], &parts, &plain[2..]].concat();
        let profile: Vec<u8> = (1..=count).collect();
        assert_eq!(check(&bytes).unwrap().icc, Some(profile));
    }
}
