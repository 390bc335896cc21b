//! Outlines of several rings in every format that writes them: islands, holes that overlap, what the edge of an image or a tile
//! leaves of them.

use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use recto_testkit::readers::tar_files;
use serde_json::{Value, json};

/// A square of an outline, from its first corner to the opposite one.
fn square(from: i32, to: i32) -> Value {
    json!([[from, from], [to, from], [to, to], [from, to]])
}

/// One image of 100 x 100 pixels with an outline of parts and holes; the parts are joined from the first point.
fn outlined(parts: &[(i32, i32)], holes: &[(i32, i32)]) -> Workdir {
    let ring = |(from, to): (i32, i32)| square(from, to).as_array().unwrap().clone();
    let mut polygon = ring(parts[0]);
    for part in &parts[1..] {
        let (ring, start) = (ring(*part), polygon[0].clone());
        polygon.push(start);
        polygon.extend(ring.iter().cloned());
        polygon.push(ring[0].clone());
    }
    let (from, to) = (
        parts.iter().map(|part| part.0).min().unwrap(),
        parts.iter().map(|part| part.1).max().unwrap(),
    );
    let holes: Vec<Value> = holes.iter().map(|hole| square(hole.0, hole.1)).collect();
    let found = json!({ "id": "o", "concept": "a", "bbox": [from, from, to - from, to - from],
        "polygon": polygon, "holes": holes });
    one([100, 100], [100, 100], vec![found])
}

fn annotation(work: &Workdir) -> Value {
    reformat(work, "coco", &[]).exits(0);
    work.json("out/annotations/instances_default.json")["annotations"][0].clone()
}

/// The pixels of a mask in compressed runs.
fn inside(counts: &str) -> i64 {
    let (mut runs, mut value, mut shift): (Vec<i64>, i64, u32) = (Vec::new(), 0, 0);
    for byte in counts.bytes().map(|byte| i64::from(byte) - 48) {
        value |= (byte & 0x1f) << shift;
        shift += 5;
        if byte & 0x20 == 0 {
            if byte & 0x10 != 0 {
                value |= -1 << shift;
            }
            let before = if runs.len() > 2 {
                runs[runs.len() - 2]
            } else {
                0
            };
            runs.push(value + before);
            (value, shift) = (0, 0);
        }
    }
    runs.iter().skip(1).step_by(2).sum()
}

#[test]
fn masks_areas_and_rings_enclose_the_same() {
    type Squares<'a> = &'a [(i32, i32)];
    let cases: [(Squares, Squares, i64); 5] = [
        // An island in a hole, and an island with a hole of its own.
        (&[(0, 60), (20, 40)], &[(10, 50)], 3600 - 1600 + 400),
        (
            &[(0, 90), (30, 60)],
            &[(10, 80), (40, 50)],
            8100 - 4900 + 900 - 100,
        ),
        // Holes that overlap, a hole that leaves its part, parts that overlap.
        (&[(0, 60)], &[(10, 30), (20, 40)], 3600 - 700),
        (&[(0, 60)], &[(50, 70)], 3600 - 100),
        (&[(0, 40), (30, 60)], &[], 1600 + 900 - 100),
    ];
    for (parts, holes, area) in cases {
        let work = outlined(parts, holes);
        let found = annotation(&work);
        assert_eq!(found["area"], area, "{parts:?} {holes:?}");
        if let Some(counts) = found["segmentation"]["counts"].as_str() {
            assert_eq!(inside(counts), area, "{parts:?} {holes:?}");
        }
        reformat(&work, "webdataset", &[]).exits(0);
        let files = tar_files(&work.read("out/train-000000.tar"));
        let row: Value = serde_json::from_slice(&files[1].1).unwrap();
        let rings: Vec<Vec<f64>> =
            serde_json::from_value(row["objects"]["rings"][0].clone()).unwrap();
        assert_eq!(odd(&rings), area, "{parts:?} {holes:?}: {rings:?}");
        reformat(&work, "yolo-seg", &["--no-val"]).exits(0);
        let row = work.text("out/labels/train/a.txt");
        let numbers = row.split_whitespace().skip(1);
        let ring: Vec<f64> = numbers.map(|n| n.parse::<f64>().unwrap() * 100.0).collect();
        // Lines to and fro go through centres of pixels.
        assert!(
            odd(&[ring]).abs_diff(area) <= 2,
            "{parts:?} {holes:?}: {row}"
        );
    }
}

/// How many centres of pixels an odd number of rings `x1 y1 x2 y2 …` encloses.
fn odd(rings: &[Vec<f64>]) -> i64 {
    let crosses = |ring: &[f64], x: f64, y: f64| {
        let points: Vec<&[f64]> = ring.chunks(2).collect();
        let next = points.iter().cycle().skip(1);
        let edges = points.iter().zip(next);
        let left = edges.filter(|(a, b)| {
            (a[1] > y) != (b[1] > y) && x < a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0])
        });
        left.count()
    };
    let pixels = (0..100).flat_map(|x| (0..100).map(move |y| (x, y)));
    let is_inside = |(x, y): &(i32, i32)| {
        let (x, y) = (f64::from(*x) + 0.5, f64::from(*y) + 0.5);
        rings.iter().map(|ring| crosses(ring, x, y)).sum::<usize>() % 2 == 1
    };
    pixels.filter(is_inside).count() as i64
}

#[test]
fn the_table_has_holes() {
    let work = outlined(&[(0, 60)], &[(10, 30)]);
    reformat(&work, "csv", &[]).exits(0);
    let table = work.text("out/annotations.csv");
    let mut rows = table.lines();
    assert!(
        rows.next().unwrap().contains(",attributes,holes"),
        "{table}"
    );
    let wanted = ",\"[[[10,10],[30,10],[30,30],[10,30]]]\"";
    assert!(rows.next().unwrap().contains(wanted), "{table}");
}

#[test]
fn an_outline_that_encloses_nothing_is_told_and_its_box_is_kept() {
    let boxes = vec![
        json!({ "id": "flat", "concept": "a", "bbox": [10, 10, 20, 20], "polygon": [[10, 10], [30, 30], [20, 20]] }),
        json!({ "id": "outside", "concept": "a", "bbox": [10, 10, 20, 20], "polygon": [[200, 10], [230, 30], [220, 90]] }),
        json!({ "id": "filled", "concept": "a", "bbox": [10, 10, 20, 20], "polygon": square(10, 30), "holes": [square(10, 30)] }),
    ];
    let work = one([100, 100], [100, 100], boxes);
    for format in ["coco", "parquet", "labelme", "page"] {
        reformat(&work, format, &[]).exits(0).says(&[
            "outlines that enclose nothing on their image, left out: their boxes are kept: 3",
        ]);
    }
}

#[test]
fn the_mask_of_a_crowd_is_in_runs() {
    let mut crowd = boxed("c", "a", [10.0, 10.0, 20.0, 20.0]);
    crowd["polygon"] = square(10, 30);
    crowd["attributes"] = json!({ "iscrowd": 1 });
    let found = annotation(&one([100, 100], [100, 100], vec![crowd]));
    assert_eq!(found["segmentation"]["size"], json!([100, 100]), "{found}");
}

#[test]
fn what_leaves_the_image_is_cut_off() {
    let leaving = json!({ "id": "l", "concept": "a", "bbox": [60, 20, 80, 60],
        "polygon": [[60, 20], [140, 60], [140, 80], [60, 40]],
        "attributes": { "baseline": [[60, 35], [140, 75]], "keypoints": [70, 30, 2, 120, 60, 2] } });
    let found = annotation(&one([100, 100], [100, 100], vec![leaving]));
    assert_eq!(found["bbox"], json!([60, 20, 40, 60]));
    assert_eq!(
        found["attributes"]["keypoints"],
        json!([70, 30, 2, 0, 0, 0])
    );
    assert_eq!(
        found["attributes"]["baseline"],
        json!([[60, 35], [100, 55]])
    );
}

#[test]
fn the_box_on_a_tile_is_the_one_around_what_the_tile_shows() {
    let work = outlined(&[(0, 96)], &[(0, 90)]);
    let small = ["--tiles", "32", "--overlap", "0", "--min-visible", "0"];
    reformat(&work, "coco", &small).exits(0);
    let coco = work.json("out/annotations/instances_default.json");
    let boxes = coco["annotations"].as_array().unwrap();
    let on = |tile: u64| {
        boxes
            .iter()
            .find(|found| found["image_id"] == tile)
            .unwrap()
    };
    // The right edge on the third tile of the first row, and the corner on the third of the third.
    assert_eq!(on(3)["bbox"], json!([26, 0, 6, 32]), "{coco}");
    assert_eq!(on(11)["bbox"], json!([0, 0, 32, 32]), "{coco}");
    reformat(&work, "coco", &[&small[..], &["--min-box", "7"]].concat()).exits(0);
    let coco = work.json("out/annotations/instances_default.json");
    let boxes = coco["annotations"].as_array().unwrap();
    // What is left are the corners, on tiles that overlap.
    assert!(
        boxes.len() == 4
            && boxes
                .iter()
                .all(|found| found["area"].as_f64().unwrap() > 200.0),
        "{coco}"
    );
}

#[test]
fn how_much_a_tile_shows_is_measured_on_the_outline() {
    // 40 % of it and of its box are on the second tile.
    let slanted = json!([[116, 40], [256, 120], [256, 130], [116, 50]]);
    // 35 % of it are on the second tile, and half of its box.
    let angle = json!([[10, 10], [190, 10], [190, 14], [14, 14], [14, 90], [10, 90]]);
    // 4 % of it.
    let heavy = json!([[10, 10], [190, 10], [190, 12], [60, 12], [60, 90], [10, 90]]);
    // As long as six tiles, of which each shows its part.
    let long = json!([[10, 10], [590, 80], [590, 84], [10, 14]]);
    let cases = [
        (&slanted, [400, 200], "200", "0.25", 2),
        (&slanted, [400, 200], "200", "0.39", 2),
        (&slanted, [400, 200], "200", "0.41", 1),
        (&angle, [200, 100], "100", "0.25", 2),
        (&heavy, [200, 100], "100", "0.25", 1),
        (&long, [600, 100], "100", "0.25", 6),
    ];
    for (outline, size, side, least, wanted) in cases {
        let points: Vec<[f64; 2]> = serde_json::from_value(outline.clone()).unwrap();
        let [xs, ys] = [0, 1].map(|axis| points.iter().map(move |point| point[axis]));
        let ([left, right], [top, bottom]) = (ends(xs), ends(ys));
        let mut found = boxed("o", "a", [left, top, right - left, bottom - top]);
        found["polygon"] = outline.clone();
        let work = one(size, size, vec![found]);
        let call = ["--tiles", side, "--min-visible", least];
        reformat(&work, "coco", &call).exits(0);
        let coco = work.json("out/annotations/instances_default.json");
        let boxes = coco["annotations"].as_array().unwrap();
        assert_eq!(boxes.len(), wanted, "{outline} {least}");
    }
}

/// The smallest and the largest of some numbers.
fn ends(numbers: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    let smallest = numbers.clone().fold(f64::MAX, f64::min);
    [smallest, numbers.fold(f64::MIN, f64::max)]
}

#[test]
fn boxes_with_two_texts_or_two_outlines_are_not_one() {
    let with = |id: &str, more: Value| {
        let mut found = boxed(id, "a", [10.0, 10.0, 20.0, 20.0]);
        found
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        found
    };
    let falling = json!({ "polygon": [[10, 10], [12, 10], [30, 30], [28, 30]] });
    let rising = json!({ "polygon": [[10, 30], [12, 30], [30, 10], [28, 10]] });
    let text = |text: &str| json!({ "attributes": { "text": text } });
    let cases = [
        ([falling.clone(), rising.clone()], 2),
        ([text("alef"), text("bet")], 2),
        ([text("alef"), text("alef")], 1),
        ([falling.clone(), falling.clone()], 1),
        ([falling, text("alef")], 1),
    ];
    for ([first, second], kept) in cases {
        let work = one(
            [100, 100],
            [100, 100],
            vec![with("1", first), with("2", second)],
        );
        let told = reformat(&work, "coco", &[]).exits(0).stderr();
        assert_eq!(told.contains("repeat the same box"), kept == 1, "{told}");
        reformat(&work, "coco", &["--merge-equal"]).exits(0);
        let coco = work.json("out/annotations/instances_default.json");
        assert_eq!(
            coco["annotations"].as_array().unwrap().len(),
            kept,
            "{coco}"
        );
    }
}

#[test]
fn a_rectangle_that_is_not_the_smallest_is_told() {
    let rotated = json!({ "id": "r", "concept": "a", "bbox": [60, 30, 60, 50],
        "polygon": [[65, 30], [120, 60], [115, 80], [60, 50]] });
    let work = one([100, 100], [100, 100], vec![rotated]);
    reformat(&work, "yolo-obb", &["--no-val"])
        .exits(0)
        .says(&["1 rectangle is larger than the outline needs"]);
}

#[test]
fn the_box_around_an_outline_that_a_tile_cuts_off_is_the_one_around_what_is_left() {
    let ring = json!([[120, 45], [198, 50], [300, 95], [300, 5], [198, 40]]);
    // As some tools write it, in whole pixels around decimals.
    let uneven = json!([
        [120.4, 45],
        [198, 50],
        [299.6, 94.7],
        [299.5, 5.3],
        [198, 40]
    ]);
    // The outline, the box, and whether that is the one around the outline.
    let cases = [
        (&ring, [120.0, 5.0, 180.0, 90.0], true),
        (&uneven, [120.0, 5.0, 180.0, 90.0], true),
        (&ring, [90.0, 0.0, 210.0, 99.0], false),
    ];
    for (outline, bbox, is_around) in cases {
        let mut leaving = boxed("o", "a", bbox);
        leaving["polygon"] = outline.clone();
        let work = one([200, 100], [200, 100], vec![leaving]);
        // The image cuts the box off on its own; the first tile, as far as 150, cuts it again.
        for (tiles, wanted) in [
            (&[][..], 90.0),
            (&["--tiles", "150", "--min-visible", "0"], 2.0),
        ] {
            reformat(&work, "coco", tiles).exits(0);
            let coco = work.json("out/annotations/instances_default.json");
            let found = &coco["annotations"][0];
            let [_, _, _, height]: [f64; 4] =
                serde_json::from_value(found["bbox"].clone()).unwrap();
            assert_eq!(
                (height - wanted).abs() < 2.0,
                is_around,
                "{tiles:?} {found}"
            );
        }
    }
}
