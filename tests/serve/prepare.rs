//! What is made before anybody asks, and large pictures by the part.

use std::collections::BTreeMap;

use image::DynamicImage;

use crate::running::{Serving, folder, picture, set};
use recto_testkit::Workdir;

/// A JPEG with slow and fast changes.
fn jpeg(width: u16, height: u16, sampling: jpeg_encoder::SamplingFactor) -> Vec<u8> {
    let value = |x: u16, y: u16, c: u16| {
        let wave = (f32::from(x) / (19.0 + f32::from(c)) + f32::from(y) / 37.0).sin() * 80.0;
        (128.0 + wave + f32::from((x / 40 + y / 30) % 3) * 20.0) as u8
    };
    let pixels: Vec<u8> = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| (0..3).map(move |c| value(x, y, c))))
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 88);
    encoder.set_sampling_factor(sampling);
    encoder
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    bytes
}

/// The largest difference of two pictures.
fn worst(a: &DynamicImage, b: &DynamicImage) -> u8 {
    let (a, b) = (a.to_rgb8(), b.to_rgb8());
    assert_eq!(a.dimensions(), b.dimensions());
    a.iter()
        .zip(b.iter())
        .map(|(a, b)| a.abs_diff(*b))
        .max()
        .unwrap()
}

fn metric(server: &Serving, name: &str) -> u64 {
    let text = String::from_utf8(server.get("/metrics").body).unwrap();
    let line = text
        .lines()
        .find(|line| line.contains(name) && !line.starts_with('#'));
    line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn large_jpegs_are_read_by_the_part() {
    let work = Workdir::new();
    let file = jpeg(2600, 1800, jpeg_encoder::SamplingFactor::F_2_2);
    let whole = image::load_from_memory(&file).unwrap();
    work.write("pictures/large.jpg", &file);
    let server = Serving::start(&work, &["pictures"]);
    // (request, the same of the whole picture, how far off)
    let part = |x, y, w, h| whole.crop_imm(x, y, w, h);
    let smaller = |w, h| whole.resize_exact(w, h, image::imageops::FilterType::Lanczos3);
    let cases = [
        ("full/max/0/default.png", whole.clone(), 2),
        (
            "1000,900,333,222/max/0/default.png",
            part(1000, 900, 333, 222),
            2,
        ),
        (
            "2560,1536,40,264/max/0/default.png",
            part(2560, 1536, 40, 264),
            2,
        ),
        ("full/325,225/0/default.png", smaller(325, 225), 16),
        ("full/1300,900/0/default.png", smaller(1300, 900), 24),
    ];
    for (path, wanted, most) in cases {
        let off = worst(&server.image(&format!("/iiif/3/large/{path}")), &wanted);
        assert!(off <= most, "{path}: {off}");
    }
    // Tiles of whole MCUs are cut out: the pixels are the file's own but for chroma smoothed across their edges.
    let before = metric(&server, "passed_through");
    let tile = server.image("/iiif/3/large/512,512,512,512/max/0/default.jpg");
    assert!(worst(&tile.crop_imm(2, 2, 508, 508), &part(514, 514, 508, 508)) <= 2);
    assert_eq!(metric(&server, "passed_through"), before + 1);
    server.image("/iiif/3/large/513,512,512,512/max/0/default.jpg");
    server.image("/iiif/3/large/512,512,512,512/256,/0/default.jpg");
    assert_eq!(metric(&server, "passed_through"), before + 1);
    // Tiles join without seams.
    let [left, right] = ["0", "1024"]
        .map(|x| server.image(&format!("/iiif/3/large/{x},0,1024,1024/256,/0/default.png")));
    let both = server.image("/iiif/3/large/0,0,2048,1024/512,/0/default.png");
    assert!(worst(&left, &both.crop_imm(0, 0, 256, 256)) <= 2);
    assert!(worst(&right, &both.crop_imm(256, 0, 256, 256)) <= 2);
}

#[test]
fn jpegs_without_an_index_are_decoded_whole() {
    let work = Workdir::new();
    let mut file = jpeg(2600, 1800, jpeg_encoder::SamplingFactor::F_1_1);
    // Bits of a code that is not there, two thirds on: no index, but what decoders make of it.
    let length = file.len();
    file.truncate(length * 2 / 3);
    file.extend([0xff, 0xd9]);
    work.write("pictures/torn.jpg", &file);
    let server = Serving::start(&work, &["pictures"]);
    let got = server.get("/iiif/3/torn/0,0,64,64/max/0/default.png");
    assert!([200, 500].contains(&got.status), "{}", got.status);
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn jpeg_2000_is_read() {
    let work = Workdir::new();
    let file = include_bytes!("steps.jp2");
    // Code blocks of a size that there is not (COD); no pixels (SOT).
    let mut uncoded = file.to_vec();
    uncoded[146] = 0xff;
    work.write("pictures/steps.jp2", file)
        .write("pictures/torn.jp2", &file[..60])
        .write("pictures/uncoded.jp2", uncoded)
        .write("pictures/without.jp2", &file[..200]);
    let server = Serving::start(&work, &["pictures"]);
    let image = server
        .image("/iiif/3/steps/full/max/0/default.png")
        .to_rgb8();
    assert_eq!(image.dimensions(), (64, 48));
    for (x, y) in [(0, 0), (63, 47), (10, 40)] {
        assert_eq!(image.get_pixel(x, y).0, [(x * 4) as u8, (y * 5) as u8, 90]);
    }
    let (code, _, err) = server.stop();
    assert_eq!(code, 3);
    for name in ["torn", "uncoded", "without"] {
        let left_out = format!("left out {name}.jp2: not an image that can be read");
        assert!(err.contains(&left_out), "{err}");
    }
}

#[test]
fn thumbnails_are_prepared_once_and_then_served() {
    let work = folder();
    let mut broken = picture(300, 300);
    let middle = broken.len() / 2;
    broken[middle] ^= 0xff;
    work.write("pictures/broken.png", broken);
    let run = work.run("serve", &["pictures", "--prepare"]);
    run.exits(3).says(&[
        "2 images prepared in ",
        "pictures.prepared: 3 thumbnails and 0 pyramids made, 0 images already prepared",
        "cannot be prepared: ",
    ]);
    // 200 x 100 fits both boxes as it is, 1600 x 1200 makes two.
    let made = work.tree("pictures.prepared");
    assert_eq!(made.len(), 3, "{:?}", made.keys());
    work.run("serve", &["pictures", "--prepare", "--partial-ok"])
        .exits(0)
        .says(&["0 thumbnails and 0 pyramids made, 2 images already prepared"]);
    assert_eq!(work.tree("pictures.prepared"), made);

    // What stands in the folder is what is answered.
    let (name, _) = made
        .iter()
        .find(|(name, _)| name.ends_with("-400x300.jpg"))
        .unwrap();
    work.write(&format!("pictures.prepared/{name}"), "prepared");
    let server = Serving::start(&work, &["pictures"]);
    let thumbnail = "/iiif/3/in%20b%2Fc/full/!400,400/0/default.jpg";
    assert_eq!(server.get(thumbnail).body, b"prepared");
    for other in [
        "full/!400,400/0/gray.jpg",
        "full/!400,400/90/default.jpg",
        "full/!400,400/0/default.png",
        "0,0,1200,900/400,/0/default.jpg",
        "full/401,/0/default.jpg",
    ] {
        server.image(&format!("/iiif/3/in%20b%2Fc/{other}"));
    }
    assert_eq!(metric(&server, "answers_prepared_total"), 1);
    // A picture that changed is served from itself.
    work.write("pictures/in b/c.png", picture(1200, 1200));
    assert_eq!(server.image(thumbnail).width(), 400);
    assert_eq!(server.image(thumbnail).height(), 400);
    work.run("serve", &["pictures", "--prepare", "--partial-ok"])
        .exits(0)
        .says(&["2 thumbnails and 0 pyramids made, 1 image already prepared"]);
    assert!(!work.exists(&format!("pictures.prepared/{name}")));
}

#[test]
fn pyramids_are_made_and_served_in_place_of_their_sources() {
    let work = Workdir::new();
    let (even, odd) = (
        jpeg_encoder::SamplingFactor::F_1_1,
        jpeg_encoder::SamplingFactor::F_2_2,
    );
    let files: BTreeMap<&str, Vec<u8>> = BTreeMap::from([
        ("full.jpg", jpeg(2600, 1800, even)),
        ("half.jpg", jpeg(2570, 1701, odd)),
        ("flat.png", picture(1300, 700)),
    ]);
    for (name, bytes) in &files {
        work.write(&format!("pictures/{name}"), bytes);
    }
    work.write(
        "serve.toml",
        "[prepare]\nfolder = \"made\"\nthumbnails = [[100, 100]]\n",
    );
    let options = ["pictures", "-c", "serve.toml"];
    work.run(
        "serve",
        &[&options[..], &["--prepare", "--pyramids"]].concat(),
    )
    .exits(0)
    .says(&["3 thumbnails and 3 pyramids made"]);
    assert_eq!(work.tree("made").len(), 6);
    assert!(!work.exists("pictures.prepared"));
    let server = Serving::start(&work, &options);
    for (name, bytes) in &files {
        let id = name.split('.').next().unwrap();
        let whole = image::load_from_memory(bytes).unwrap();
        let info = server.json(&format!("/iiif/3/{id}/info.json"));
        assert_eq!(
            (info["width"].as_u64(), info["height"].as_u64()),
            (Some(whole.width().into()), Some(whole.height().into()))
        );
        let most = if id == "flat" { 24 } else { 3 };
        let got = server.image(&format!("/iiif/3/{id}/100,60,400,420/max/0/default.png"));
        let off = worst(&got, &whole.crop_imm(100, 60, 400, 420));
        assert!(off <= most, "{name}: {off}");
        // The edges of smaller copies are where they belong.
        let [w, h] = [whole.width() / 4, whole.height() / 4];
        let small = server.image(&format!("/iiif/3/{id}/full/{w},{h}/0/default.png"));
        let wanted = whole.resize_exact(w, h, image::imageops::FilterType::Triangle);
        let (small, wanted) = (small.to_rgb8(), wanted.to_rgb8());
        let total: u64 = small
            .iter()
            .zip(wanted.iter())
            .map(|(a, b)| u64::from(a.abs_diff(*b)))
            .sum();
        let mean = total as f64 / small.len() as f64;
        assert!(mean < 8.0, "{name}: {mean}");
    }
    // A stored tile is handed on.
    let before = metric(&server, "passed_through");
    server.image("/iiif/3/full/0,0,2048,1024/1024,512/0/default.jpg");
    let tile = server.image("/iiif/3/full/512,0,512,512/512,512/0/default.jpg");
    assert_eq!(metric(&server, "passed_through"), before + 1);
    let whole = image::load_from_memory(&files["full.jpg"]).unwrap();
    assert!(worst(&tile, &whole.crop_imm(512, 0, 512, 512)) <= 1);
    work.run(
        "serve",
        &[
            &options[..],
            &["--prepare", "--pyramids", "--quiet", "--report", "r.json"],
        ]
        .concat(),
    )
    .exits(0);
    let report = work.json("r.json");
    assert_eq!(
        (&report["pyramids"], &report["kept"]),
        (&0.into(), &3.into())
    );
}

#[test]
fn preparing_that_cannot_be_is_refused() {
    let work = set();
    work.write("file", "in the way");
    let cases: [(&[&str], i32, &str); 3] = [
        (&["set.json", "--pyramids"], 2, "--prepare"),
        (
            &["set.json", "--prepare", "--out", "file"],
            1,
            "cannot be written",
        ),
        (
            &["set.json", "--prepare", "--prepared", "out"],
            0,
            "3 images prepared in out",
        ),
    ];
    for (args, code, says) in cases {
        work.run("serve", args).exits(code).says(&[says]);
    }
}

#[test]
fn what_shows_through_is_not_made_a_pyramid() {
    let work = Workdir::new();
    let clear = |alpha: u8| {
        let image = image::RgbaImage::from_fn(40, 30, |x, _| image::Rgba([9, 8, x as u8, alpha]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    work.write("pictures/clear.png", clear(77))
        .write("pictures/opaque.png", clear(255));
    let ran = work.run("serve", &["pictures", "--prepare", "--pyramids"]);
    ran.exits(0).says(&["1 pyramid made"]);
    let server = Serving::start(&work, &["pictures"]);
    let image = server.image("/iiif/3/clear/full/max/0/default.png");
    assert_eq!(image.to_rgba8().get_pixel(5, 5).0, [9, 8, 5, 77]);
}

#[test]
fn a_file_of_the_same_length_and_date_is_another_all_the_same() {
    let work = Workdir::new();
    let grey = |value: u8| {
        let image = image::RgbImage::from_pixel(40, 30, image::Rgb([value; 3]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        image
            .write_to(&mut bytes, image::ImageFormat::Tiff)
            .unwrap();
        bytes.into_inner()
    };
    work.write("pictures/a.tif", grey(10));
    let path = work.path("pictures/a.tif");
    let date = std::fs::metadata(&path).unwrap().modified().unwrap();
    let prepare = ["pictures", "--prepare", "--pyramids"];
    work.run("serve", &prepare).exits(0);
    // The clock of the file system ticks a few hundred times a second: until it shows a later time.
    let changed = |path: &std::path::Path| {
        use std::os::unix::fs::MetadataExt;
        let about = std::fs::metadata(path).unwrap();
        (about.ctime(), about.ctime_nsec())
    };
    // What was prepared is no later than that.
    work.write("before", "");
    let before = changed(&work.path("before"));
    recto_testkit::wait_until(|| {
        work.write("probe", "");
        changed(&work.path("probe")) > before
    });
    work.write("pictures/a.tif", grey(200));
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(date).unwrap();
    let server = Serving::start(&work, &["pictures"]);
    let value = |path: &str| server.image(path).to_rgb8().get_pixel(2, 2).0[0];
    let paths = ["full/max/0/default.png", "full/max/0/default.jpg"];
    for path in paths.map(|path| format!("/iiif/3/a/{path}")) {
        assert!(value(&path) > 190, "{path}");
    }
    work.run("serve", &prepare)
        .exits(0)
        .says(&["1 pyramid made, 0 images already prepared"]);
}

#[test]
fn what_a_killed_run_left_is_removed() {
    let work = folder();
    work.run("serve", &["pictures", "--prepare"]).exits(0);
    let made = work.tree("pictures.prepared").into_keys().next().unwrap();
    let (folder, name) = made.rsplit_once('/').unwrap();
    let stem = name.rsplit_once('-').unwrap().0;
    // No process has such a number.
    let left = format!("pictures.prepared/{folder}/.{stem}-pyramid.tif.4194999.part");
    let own = format!(
        "pictures.prepared/{folder}/.{stem}-x.tif.{}.part",
        std::process::id()
    );
    work.write(&left, "half").write(&own, "half");
    // Nobody can see whether a process elsewhere runs: what it began is left for a week.
    let week = std::time::Duration::from_secs(8 * 86_400);
    let long_ago = std::time::SystemTime::now() - week;
    let file = std::fs::File::options().write(true).open(work.path(&left));
    file.unwrap().set_modified(long_ago).unwrap();
    work.run("serve", &["pictures", "--prepare", "--pyramids"])
        .exits(0);
    assert!(!work.exists(&left) && work.exists(&own));
}

#[test]
fn preparing_that_is_interrupted_goes_on_where_it_was() {
    let work = Workdir::new();
    let file = picture(600, 400);
    for n in 0..40 {
        work.write(&format!("pictures/{n}.png"), &file);
    }
    let prepare = ["pictures", "--prepare"];
    let made = || match work.exists("pictures.prepared") {
        true => work.tree("pictures.prepared").len(),
        false => 0,
    };
    let mut child = work.command("serve", &prepare).spawn().unwrap();
    recto_testkit::wait_until(|| made() > 3);
    let told = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(told.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let before = made();
    assert!(before < 80, "it was done already");
    assert!(
        work.tree("pictures.prepared")
            .keys()
            .all(|name| !name.contains(".part"))
    );
    work.run("serve", &prepare).exits(0);
    assert_eq!(made(), 80);
}
