//! What was fetched becomes a file: kept as it is, joined without decoding, or re-encoded.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Journey, Leftover, Ready, path_of, re_encoding};
use crate::contracts::{Download, SampledRegion};
use crate::download::encode::{decode_and_encode, join, loss_note, re_encode};
use crate::download::options::{Format, Lossless};
use crate::download::service::lossless::{Joined, fits_jpeg};
use crate::download::service::plan::{RegionPlan, Sample, output_size};
use crate::download::service::region_store::RegionStore;
use crate::download::service::{Whole, grid};
use crate::files::{self, Part};
use crate::http::{self, Error};
use crate::pixels::VerifiedFile;
use crate::pixels::row_writers::{Encoding, JPEG_LONGEST};

impl Journey<'_> {
    /// One answer: kept as it is, or re-encoded where another type or size is wanted.
    pub(super) async fn keep_or_re_encode(&self, whole: Whole) -> Result<Ready, Error> {
        let header = &whole.sound.header;
        let Some((encoding, size)) = re_encoding(&self.to.output, header) else {
            let download = self.entry(whole.method, &whole.uri, &whole.sound, 1, whole.notes);
            return Ok(Ready {
                part: self.part.clone(),
                download: Download {
                    etag: whole.saved.etag(),
                    last_modified: whole.saved.last_modified(),
                    redirected_to: redirected_to(&whole.saved.url, &whole.uri),
                    ..download
                },
                leftover: None,
            });
        };
        self.check_lossless(Some(
            "the server sent another file type or size than requested",
        ))?;
        let mut notes = whole.notes;
        notes.extend(loss_note(header));
        let output = self.output_part();
        let path = output.path().to_owned();
        let sound = re_encode(&self.part, header.orientation, size, encoding, path).await?;
        Ok(Ready {
            part: output,
            download: self.entry("encoded", &whole.uri, &sound, 1, notes),
            leftover: Some(Leftover::Part(self.part.clone())),
        })
    }

    /// Regions: joined without decoding where possible, otherwise decoded and re-encoded.
    pub(super) async fn assemble(
        &self,
        store: Arc<RegionStore>,
        mut notes: Vec<String>,
    ) -> Result<Ready, Error> {
        if let Some(why) = self.re_encoding_reason(store.plan()) {
            self.check_lossless(Some(why))?;
            return self.re_encode_regions(store, notes).await;
        }
        let output = self.output_part();
        let may_be_tiff = self.to.output.format != Format::Jpg;
        let (how, sound) = match join(store.clone(), may_be_tiff, output.path().to_owned()).await? {
            Ok(joined) => joined,
            Err(why) => {
                let refused = format!("the regions cannot be joined: {why}");
                self.check_lossless(Some(&refused))?;
                notes.push(format!("regions decoded and re-encoded: {why}"));
                return self.re_encode_regions(store, notes).await;
            }
        };
        let method = match how {
            Joined::Jpeg => "joined",
            Joined::Coefficients => "joined-coefficients",
            Joined::Tiff => "tiled",
        };
        Ok(self.of_regions(method, output, sound, store, notes))
    }

    async fn re_encode_regions(
        &self,
        store: Arc<RegionStore>,
        mut notes: Vec<String>,
    ) -> Result<Ready, Error> {
        let plan = store.plan();
        let size = output_size(plan.size, self.to.output.scaling);
        let usual = match plan.dialect.format == "png" {
            true => Encoding::Png,
            false => Encoding::Jpeg,
        };
        let mut encoding = self.to.output.format.encoding().unwrap_or(usual);
        if encoding == Encoding::Jpeg && size[0].max(size[1]) > JPEG_LONGEST {
            encoding = Encoding::Tiff;
            notes.push(format!(
                "a JPEG cannot hold {} x {} pixels: written as TIFF",
                size[0], size[1]
            ));
        }
        notes.extend(store.sample().as_ref().and_then(loss_note));
        let output = self.output_part();
        let path = output.path().to_owned();
        let sound = decode_and_encode(store.clone(), size, encoding, path).await?;
        Ok(self.of_regions("stitched", output, sound, store, notes))
    }

    fn of_regions(
        &self,
        method: &str,
        part: Part,
        sound: VerifiedFile,
        store: Arc<RegionStore>,
        notes: Vec<String>,
    ) -> Ready {
        let plan = store.plan();
        let regions = grid::count(plan.size, plan.tile) as u32;
        let download = self.entry(method, &plan.service, &sound, regions, notes);
        let sample = self.sampled.lock().unwrap_or_else(PoisonError::into_inner);
        let redirected_to = sample.redirected_to.clone();
        drop(sample);
        Ready {
            part,
            download: Download {
                redirected_to,
                region: sampled(&store, &self.sampled),
                ..download
            },
            leftover: Some(Leftover::Store(store)),
        }
    }

    fn output_part(&self) -> Part {
        Part::new(self.work.with_extension("out"))
    }

    /// Why regions are re-encoded whatever they are, by the options or by what the server gives; none when they may be
    /// joined.
    pub(super) fn re_encoding_reason(&self, plan: &RegionPlan) -> Option<&'static str> {
        let output = &self.to.output;
        let shrinks = output_size(plan.size, output.scaling) != plan.size;
        match output.format {
            _ if output.lossless == Lossless::Off => Some("--lossless off"),
            Format::Png | Format::Tif => Some("only JPEG regions are joined without decoding them"),
            _ if shrinks => Some("the requested size is smaller than the joined regions"),
            _ if plan.dialect.format != "jpg" => Some("the server does not offer JPEG"),
            Format::Jpg if !fits_jpeg(plan.size) => Some("the image is too large for a JPEG"),
            _ => None,
        }
    }

    /// The error of an image that has to be re-encoded although `--lossless require` forbids it.
    pub(super) fn check_lossless(&self, reason: Option<&str>) -> Result<(), Error> {
        match reason.filter(|_| self.to.output.lossless == Lossless::Require) {
            Some(why) => Err(Error::unsupported(format!("--lossless require: {why}"))),
            None => Ok(()),
        }
    }

    /// The line of the journal, but for the time and the number of requests.
    fn entry(
        &self,
        method: &str,
        uri: &str,
        sound: &VerifiedFile,
        regions: u32,
        notes: Vec<String>,
    ) -> Download {
        Download {
            recto: Download::NAME.into(),
            id: self.image.id.clone(),
            path: path_of(&self.to.naming.stem(self.image), sound),
            uri: http::without_secrets(uri).into_owned(),
            bytes: sound.bytes,
            sha256: sound.sha256.clone(),
            width: sound.header.width,
            height: sound.header.height,
            media_type: sound.header.media_type.into(),
            method: method.into(),
            regions,
            notes,
            asked: self.request.clone(),
            ..Download::default()
        }
    }
}

/// Where redirects led, for the journal; none where the URL requested answered.
fn redirected_to(answered: &str, requested: &str) -> Option<String> {
    (answered != requested).then(|| http::without_secrets(answered).into_owned())
}

/// The region by which a later run sees whether an image has changed.
fn sampled(store: &RegionStore, sample: &Mutex<Sample>) -> Option<SampledRegion> {
    let plan = store.plan();
    let cell = plan.sample()?;
    let bytes = store.read(cell).ok()?;
    let sample = sample.lock().unwrap_or_else(PoisonError::into_inner);
    Some(SampledRegion {
        uri: plan.uri(cell),
        sha256: files::hex_digest(&bytes, 64),
        etag: sample.etag.clone(),
        last_modified: sample.last_modified.clone(),
        size: sample.size,
    })
}
