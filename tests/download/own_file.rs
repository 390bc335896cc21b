//! The file at the image's own URL: where the answers of its service are damaged, or the service is of a smaller picture.

use super::*;

/// A service at `/iiif/a`, and a file of 48 x 32 pixels at `/own.jpg`, or where `url` says.
fn image_of(server: &Server, url: &str) -> Value {
    let mut image = service("a", server.url("/iiif/a"), 2);
    image["image"]["url"] = json!(server.url(url));
    (image["image"]["width"], image["image"]["height"]) = (json!(48), json!(32));
    image
}

#[test]
fn a_service_whose_answers_are_damaged_is_replaced_by_the_file() {
    let png = {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let image = image::RgbImage::from_pixel(48, 32, image::Rgb([7, 8, 9]));
        let written = image.write_to(&mut bytes, image::ImageFormat::Png);
        written.map(|()| bytes.into_inner()).unwrap()
    };
    let empty_gif = b"GIF89a\0\0\0\0\0\0\0;".to_vec();
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    for body in [cut(jpeg(1)), cut(png), empty_gif] {
        let name = format!("{:?}", &body[..4]);
        let origin = Origin {
            width: 48,
            height: 32,
            ..Origin::default()
        };
        let server = Server::start(move |request, _| match &*request.path {
            "/own.jpg" => Answer::Serve(jpeg(9), "image/jpeg"),
            path if path.ends_with("/info.json") => origin.answer(request),
            _ => Answer::Serve(body.clone(), "image/jpeg"),
        });
        let work = one_of(image_of(&server, "/own.jpg"));
        work.run("download", &args(&["--retries", "0"])).exits(0);
        assert!(file(&work, "a") == jpeg(9), "{name}");
    }
}

#[test]
fn a_service_of_fewer_pixels_than_declared_is_told_and_the_file_that_has_them_comes_first() {
    let told = "the service has fewer pixels than the source declares: 24 x 16, not 48 x 32";
    let own_request = "/iiif/a/full/full/0/default.jpg";
    // (URL of the image, what is there, options, width of what is had, whether it is told)
    let cases: [(&str, Answer, &[&str], u64, bool); 4] = [
        (
            "/own.jpg",
            Answer::Serve(jpeg(9), "image/jpeg"),
            &[],
            48,
            true,
        ),
        ("/own.jpg", Answer::Status(404), &[], 24, true),
        (own_request, Answer::Status(404), &[], 24, true),
        (
            "/own.jpg",
            Answer::Serve(jpeg(9), "image/jpeg"),
            &["--max-width", "20"],
            20,
            false,
        ),
    ];
    for (url, there, flags, width, is_told) in cases {
        let origin = Origin {
            width: 24,
            height: 16,
            ..Origin::default()
        };
        let server = Server::start(move |request, _| match &*request.path {
            "/own.jpg" => there.clone(),
            _ => origin.answer(request),
        });
        let work = one_of(image_of(&server, url));
        let ran = work.run("download", &args(flags));
        ran.exits(0);
        assert_eq!(ran.stderr().contains(told), is_told, "{}", ran.stderr());
        assert_eq!(journal(&work)[0]["width"], width, "{url} {flags:?}");
        assert!(server.hits(own_request) <= 1, "{url}");
    }
}

#[test]
fn a_plain_file_of_fewer_pixels_than_declared_is_told() {
    // Declared width and height, options, whether it is told.
    let cases: [([u32; 2], &[&str], bool); 5] = [
        ([96, 64], &[], true),
        ([48, 32], &[], false),
        ([50, 33], &[], false),
        ([24, 16], &[], false),
        ([96, 64], &["--max-width", "20"], false),
    ];
    for ([width, height], flags, is_told) in cases {
        let server = Server::start(|_, _| Answer::Serve(jpeg(9), "image/jpeg"));
        let mut image = image_of(&server, "/own.jpg");
        image["image"].as_object_mut().unwrap().remove("service");
        (image["image"]["width"], image["image"]["height"]) = (json!(width), json!(height));
        let work = one_of(image);
        let ran = work.run("download", &args(flags));
        ran.exits(0);
        let told = "the file has fewer pixels than the source declares: 48 x 32, not 96 x 64";
        assert_eq!(ran.stderr().contains(told), is_told, "{}", ran.stderr());
        let notes = journal(&work)[0]["notes"].to_string();
        assert_eq!(notes.contains(told), is_told, "{notes}");
    }
}
