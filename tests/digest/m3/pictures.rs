//! Which picture of its moment a box is put on, where pictures come from, what they are grouped by.

use std::slice::from_ref;

use serde_json::{Value, json};

use super::{account, digest, lab, labels, observations, plain, video};
use recto_testkit::Workdir;
use recto_testkit::m3::{Lab, association, boxed, reference, row, uuid};

fn pair() -> [Value; 2] {
    [
        reference(1, "png", "uncompressed image"),
        reference(2, "jpg", "compressed image"),
    ]
}

/// Ids of the pictures, by number, each with its number of boxes.
fn pictures(work: &Workdir) -> Vec<(String, usize)> {
    let images = observations(work);
    let one = |o: &Value| {
        (
            o["id"].as_str().unwrap().to_owned(),
            o["annotations"].as_array().unwrap().len(),
        )
    };
    images.iter().map(one).collect()
}

fn unnamed(n: usize) -> Value {
    association(
        n,
        "bounding box",
        "self",
        "{\"x\":1,\"y\":2,\"width\":3,\"height\":4}",
    )
}

#[test]
fn the_picture_that_a_box_names_is_taken_unless_told_otherwise() {
    let [png, jpg] = [uuid('r', 1), uuid('r', 2)];
    // (references that boxes name, rule, pictures with their boxes)
    type Case<'a> = (&'a [usize], &'a str, &'a [(&'a str, usize)]);
    let cases: &[Case] = &[
        (&[2, 2], "one", &[(&jpg, 2)]),
        (&[1, 2], "one", &[(&png, 2)]),
        (&[1, 2], "own", &[(&png, 1), (&jpg, 1)]),
        (&[2, 2], "png", &[(&png, 2)]),
        (&[1, 2], "jpg", &[(&jpg, 2)]),
    ];
    for (named, rule, wanted) in cases {
        // Observations of their own: the choice is for the moment.
        let rows = named
            .iter()
            .enumerate()
            .map(|(n, r)| row(n, 1, "Nanomia", &pair(), &[boxed(n, *r)]));
        let server = lab(rows.collect()).start();
        let work = Workdir::new();
        digest(&work, &server, &["Nanomia", "--prefer", rule]).exits(0);
        let wanted: Vec<(String, usize)> = wanted
            .iter()
            .map(|(id, n)| ((*id).to_owned(), *n))
            .collect();
        assert_eq!(pictures(&work), wanted, "{named:?} {rule}");
    }
}

#[test]
fn pictures_of_different_size_are_never_exchanged() {
    let [png, mut jpg] = pair();
    jpg["width_pixels"] = 32.into();
    let rows = vec![row(
        1,
        1,
        "Nanomia",
        &[png, jpg],
        &[boxed(1, 1), boxed(2, 2), unnamed(3)],
    )];
    let server = lab(rows).start();
    for rule in ["one", "png", "jpg"] {
        let work = Workdir::new();
        digest(&work, &server, &["Nanomia", "--prefer", rule])
            .exits(3)
            .says(&["its moment has several images: 2"]);
        assert_eq!(
            pictures(&work),
            [(uuid('r', 1), 1), (uuid('r', 2), 1)],
            "{rule}"
        );
    }
}

#[test]
fn an_overlay_is_taken_only_when_asked_for_and_alone() {
    let overlay = reference(2, "jpg", "compressed image with overlay");
    let both = [reference(1, "png", "source image"), overlay.clone()];
    let beside = lab(vec![row(
        1,
        1,
        "Nanomia",
        &both,
        &[boxed(1, 2), unnamed(2)],
    )])
    .start();
    let work = Workdir::new();
    for args in [&["Nanomia"][..], &["Nanomia", "--overlays"]] {
        digest(&work, &beside, args).exits(0);
        assert_eq!(pictures(&work), [(uuid('r', 1), 2)]);
    }
    let alone = lab(vec![
        row(1, 1, "Nanomia", &[overlay], &[boxed(1, 2)]),
        plain(3, "Nanomia"),
    ])
    .start();
    digest(&work, &alone, &["Nanomia"])
        .exits(3)
        .says(&["image has burnt-in text, --overlays accepts it"]);
    assert_eq!(account(&work), [1, 0, 1]);
    digest(&work, &alone, &["Nanomia", "--overlays"]).exits(0);
    assert_eq!(account(&work), [2, 0, 0]);
}

#[test]
fn boxes_drawn_on_video_are_put_on_the_picture_of_their_size() {
    let of_size = |width: u32| {
        let mut reference = reference(1, "png", "");
        reference["width_pixels"] = width.into();
        lab(vec![
            row(1, 1, "Nanomia", &[reference], &[unnamed(1)]),
            plain(2, "Nanomia"),
        ])
    };
    for (width, known, wanted) in [
        (64, true, [2, 0, 0]),
        (32, false, [2, 0, 0]),
        (32, true, [1, 0, 1]),
    ] {
        let videos = if known {
            vec![video(0, "d"), video(1, "e")]
        } else {
            vec![]
        };
        let server = Lab {
            videos,
            ..of_size(width)
        }
        .start();
        let work = Workdir::new();
        let ran = digest(&work, &server, &["Nanomia"]);
        assert_eq!(account(&work), wanted, "{width} {known}");
        if wanted[2] > 0 {
            ran.exits(3)
                .says(&["no image of its moment has the size of the video"]);
        }
    }
}

/// A box that names an image is in its pixels, whatever the sizes of the video and of other images are.
#[test]
fn a_picture_without_size_does_not_get_that_of_the_video() {
    let mut bare = reference(2, "jpg", "");
    bare["width_pixels"] = Value::Null;
    bare.as_object_mut().unwrap().remove("height_pixels");
    let sibling = reference(1, "png", "");
    /// Image references, boxes, whether the video is known, the width of the image, boxes that are kept and rejected.
    type Case<'a> = (&'a [Value], &'a [Value], bool, Value, [u64; 2]);
    let (own, of_video) = (boxed(1, 2), unnamed(2));
    let bare = [bare];
    let both = [sibling, bare[0].clone()];
    let cases: [Case; 6] = [
        (&bare, from_ref(&own), true, Value::Null, [1, 0]),
        (&bare, from_ref(&own), false, Value::Null, [1, 0]),
        (&both, from_ref(&own), true, Value::Null, [1, 0]),
        (&bare, from_ref(&of_video), true, json!(64), [1, 0]),
        (
            &bare,
            &[own.clone(), of_video.clone()],
            true,
            Value::Null,
            [1, 1],
        ),
        (
            &bare,
            &[own.clone(), of_video.clone()],
            false,
            Value::Null,
            [2, 0],
        ),
    ];
    for (references, boxes, is_known, width, [kept, rejected]) in cases {
        let rows = vec![row(1, 1, "Nanomia", references, boxes)];
        let videos = Vec::from_iter(is_known.then(|| video(1, "e")));
        let server = Lab {
            videos,
            ..lab(rows)
        }
        .start();
        let work = Workdir::new();
        let ran = digest(&work, &server, &["Nanomia"]);
        assert_eq!(account(&work), [kept, 0, rejected], "{boxes:?} {is_known}");
        assert_eq!(
            observations(&work)[0]["image"]["width"],
            width,
            "{boxes:?} {is_known}"
        );
        if rejected > 0 {
            ran.exits(3)
                .says(&["other boxes are in pixels of its image, whose size is not known"]);
        }
    }
}

#[test]
fn missing_addresses_are_looked_up_and_files_on_somebodys_disk_are_told() {
    let mut without = reference(1, "png", "");
    without.as_object_mut().unwrap().remove("url");
    let mut of_disk = reference(3, "png", "");
    of_disk["url"] = "file:/Users/someone/a.png".into();
    let jpg = reference(9, "jpg", "compressed image with overlay");
    let rows = vec![
        row(
            1,
            1,
            "Nanomia",
            &[without.clone(), jpg.clone()],
            &[boxed(1, 1)],
        ),
        // The moment does not list the reference that its box names, but the service knows it.
        row(2, 2, "Nanomia", &[jpg], &[boxed(2, 4)]),
        row(3, 3, "Nanomia", &[of_disk], &[boxed(3, 3)]),
    ];
    let mut resolved = without;
    resolved["url"] = "HOME/pictures/found.png".into();
    let lab = Lab {
        references: vec![resolved, reference(4, "png", "")],
        ..lab(rows)
    };
    let server = lab.start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"])
        .exits(3)
        .says(&["URL of the image is not a web URL: file:/Users/someone/a.png"]);
    assert_eq!(pictures(&work), [(uuid('r', 1), 1), (uuid('r', 4), 1)]);
    assert_eq!(account(&work), [2, 0, 1]);
    let urls: Vec<Value> = observations(&work)
        .iter()
        .map(|o| o["image"]["url"].clone())
        .collect();
    assert_eq!(urls[0], server.url("/pictures/found.png"));
}

#[test]
fn pictures_without_boxes_are_left_where_they_are_unless_asked_for() {
    let bare = row(2, 2, "Nanomia", &[reference(2, "png", "")], &[]);
    let server = lab(vec![plain(1, "Nanomia"), bare]).start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"]).exits(0);
    assert_eq!(observations(&work).len(), 1);
    digest(&work, &server, &["Nanomia", "--unboxed"]).exits(0);
    assert_eq!(observations(&work).len(), 2);
    work.run("extract", &["digest.json"]).exits(0);
    let images = work.json("localizations.json")["images"].clone();
    assert_eq!(
        (&images[1]["labels"], &images[1]["localizations"]),
        (&json!(["Nanomia"]), &json!([]))
    );
}

#[test]
fn the_group_is_the_dive_else_the_folder_else_the_video() {
    let rows = || {
        vec![
            plain(1, "Nanomia"),
            plain(2, "Nanomia"),
            plain(3, "Nanomia"),
        ]
    };
    let groups = |lab: Lab| {
        let work = Workdir::new();
        digest(&work, &lab.start(), &["Nanomia"]).exits(0);
        let groups = observations(&work);
        groups
            .iter()
            .map(|o| o["group"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let with = Lab {
        videos: vec![video(0, "Doc Ricketts 916"), video(1, "Doc Ricketts 917")],
        ..lab(rows())
    };
    assert_eq!(
        groups(with),
        ["Doc Ricketts 917", "Doc Ricketts 916", "Doc Ricketts 917"]
    );
    let folders = [
        "pictures/Doc Ricketts/1",
        "pictures/Doc Ricketts/0",
        "pictures/Doc Ricketts/1",
    ];
    assert_eq!(groups(lab(rows())), folders);
    let mut flat = rows();
    for (n, row) in flat.iter_mut().enumerate() {
        row["image_references"][0]["url"] = format!("HOME/pictures/{n}.png").into();
    }
    let videos = [uuid('v', 1), uuid('v', 0), uuid('v', 1)];
    assert_eq!(
        groups(lab(flat)),
        videos,
        "one folder for all tells nothing"
    );
}

#[test]
fn a_digest_becomes_a_dataset_with_every_picture_of_equal_name() {
    let mut rows: Vec<Value> = (1..=4).map(|n| plain(n, "Nanomia")).collect();
    for (n, row) in rows.iter_mut().enumerate() {
        // Equal base names in two dives, upper-case UUIDs as old exports have them.
        row["image_references"][0]["url"] = format!(
            "HOME/pictures/Doc%20Ricketts/{}/00_00_0{}.png",
            n % 2,
            n / 2
        )
        .into();
        row["image_references"][0]["uuid"] = uuid('r', n + 1).to_uppercase().into();
        row["video_reference_uuid"] = uuid('v', n % 2).to_uppercase().into();
    }
    let lab = Lab {
        videos: vec![video(0, "A"), video(1, "B")],
        ..lab(rows)
    };
    let server = lab.start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"]).exits(0);
    work.run("extract", &["digest.json"]).exits(0);
    work.run("download", &["localizations.json", "images", "--rate", "0"])
        .exits(0);
    let map = work.json("image_map.json");
    let ids: Vec<&String> = map.as_object().unwrap().keys().collect();
    assert_eq!(
        ids,
        [&uuid('r', 1), &uuid('r', 2), &uuid('r', 3), &uuid('r', 4)]
    );
    work.run(
        "reformat",
        &["localizations.json", "-f", "coco", "-o", "coco"],
    )
    .exits(0);
    assert_eq!(labels(&work).len(), 4);
    assert_eq!(work.json("coco/dataset.json")["total"]["boxes"], 4);
    assert_eq!(work.json("coco/dataset.json")["total"]["groups"], 2);
}

/// On each of two images of one file the boxes of the other would be background.
#[test]
fn one_file_of_two_moments_is_one_image() {
    let url = "http://pictures.example/a.png";
    let same = |n: usize, width: u32| {
        let mut reference = reference(n, "png", "");
        reference["url"] = url.into();
        reference["width_pixels"] = width.into();
        reference
    };
    for (width, wanted, note) in [
        (
            64,
            vec![2],
            "1 image has the URL or the checksum of another: they are one image",
        ),
        (
            65,
            vec![1, 1],
            "their sizes differ, so they stay two images",
        ),
    ] {
        let rows = vec![
            row(1, 1, "Nanomia", &[same(1, 64)], &[boxed(1, 1)]),
            row(2, 2, "Nanomia", &[same(2, width)], &[boxed(2, 2)]),
        ];
        let server = lab(rows).start();
        let work = Workdir::new();
        digest(&work, &server, &["Nanomia"]).exits(0).says(&[note]);
        assert_eq!(account(&work), [2, 0, 0]);
        let found = pictures(&work);
        let counts: Vec<usize> = found.iter().map(|(_, boxes)| *boxes).collect();
        assert_eq!(counts, wanted, "{found:?}");
        let moments = observations(&work)[0]["metadata"]["imaged_moment_uuid"].clone();
        assert_eq!(moments.as_array().unwrap().len(), wanted[0], "{moments}");
    }
}
