//! An image in one answer of its service.

use super::edges::is_nearly;
use super::grid::Rect;
use super::plan::{Dialect, dialects, fits, may_give_whole, whole_uri};
use super::{LEAST, ServiceFetch, Whole, is_refusal};
use crate::http::Error;
use crate::iiif::info::Limits;

impl ServiceFetch<'_> {
    /// Whether the service may give the image in one answer, by its `info.json`.
    pub(super) fn may_be_whole(&self) -> bool {
        let (info, [width, height]) = (&self.info, self.target);
        let is_listed =
            self.size == self.target && self.is_all() && info.sizes.contains(&self.size);
        (!self.wanted.is_canonical || is_listed || info.tiles.is_empty())
            && info.limits.allow(width, height)
            && may_give_whole(info, self.size, self.target)
    }

    /// The image in one answer, where the server gives it; what that shows of other images is noted.
    pub(super) async fn whole_if_given(&mut self) -> Result<Option<Whole>, Error> {
        let whole = self.whole().await?;
        let service = &self.wanted.service.id;
        if whole.is_some() {
            self.servers.known.gave(service, self.target).await;
        } else if self.cap == Limits::NONE {
            let host = self.servers.known.host(service);
            host.learn(|known| known.refused(service, self.target));
        }
        Ok(whole)
    }

    /// Requests the image in one answer; none when the server does not give it that way.
    pub(super) async fn whole(&mut self) -> Result<Option<Whole>, Error> {
        let has_regions = self.info.level >= 1 || !self.info.tiles.is_empty();
        let known = self.servers.known.host(&self.wanted.service.id).known();
        let is_probe = has_regions && !known.has_given(self.target);
        let size_retries = is_probe.then_some(1);
        let is_canonical = |d: &Dialect| d.both_sides == (self.info.version >= 3);
        let dialects = dialects(&self.info, self.wanted.format);
        let scaled = (self.target != self.size).then_some(self.target);
        let canonical = dialects.iter().filter(|d| is_canonical(d));
        let mut ways: Vec<(&Dialect, Option<[u32; 2]>)> = canonical.map(|d| (d, scaled)).collect();
        // A size that is listed has to be there in the words of the list (3.0 §5.3, 2.1.1 §5.3), also at level 0, where
        // nothing else has to be.
        let is_listed = self.is_all() && self.info.sizes.contains(&self.target);
        if is_listed && self.info.level == 0 && scaled.is_none() {
            ways.extend(dialects.iter().map(|d| (d, Some(self.target))));
        }
        for (dialect, scaled) in ways {
            match self.whole_in(dialect, scaled, size_retries).await? {
                WholeAnswer::Fits(whole) => return Ok(Some(*whole)),
                WholeAnswer::Smaller => return Ok(None),
                WholeAnswer::Refused => {}
            }
        }
        Ok(None)
    }

    /// Requests the image in one answer by one form of URI; a smaller answer is requested a second time.
    async fn whole_in(
        &mut self,
        dialect: &Dialect,
        scaled: Option<[u32; 2]>,
        size_retries: Option<u32>,
    ) -> Result<WholeAnswer, Error> {
        let part = self.part_of_image();
        let uri = whole_uri(&self.base, part, scaled, dialect);
        let mut smaller = None;
        for _ in 0..2 {
            let (saved, sound) = match self.save(&uri, size_retries).await {
                Ok(answer) => answer,
                Err(error) if self.is_barred(&error) => return Err(error),
                Err(error) if is_refusal(&error) => break,
                Err(error) if error.kind.may_be_size() => {
                    self.note_refusal(error);
                    break;
                }
                Err(error) => return Err(error),
            };
            let found = [sound.header.width, sound.header.height];
            // The same twice: not an accident, but what this server does.
            let is_same = smaller == Some(found);
            // Files made beforehand are named by the size that is declared.
            let is_whole = scaled.is_none() || self.info.level == 0 && scaled == Some(self.size);
            let is_near = is_whole && part.is_none() && is_nearly(found, self.size);
            let is_off = is_near && is_same && self.is_all_there_is(dialect, found).await;
            if fits(found, self.target, self.size) || is_off {
                self.note_format(dialect);
                self.note_other_size(found, is_off);
                return Ok(WholeAnswer::Fits(Box::new(Whole {
                    method: "whole",
                    uri,
                    saved,
                    sound,
                    notes: std::mem::take(&mut self.notes),
                })));
            }
            self.wanted.part.discard();
            if is_near && is_same {
                break;
            }
            // A limit makes images smaller, and leaves them their shape.
            let is_larger = found[0] > self.target[0] || found[1] > self.target[1];
            if !is_near
                && (is_larger || is_same && part.is_none() && !has_shape_of(found, self.size))
            {
                return Err(other_than_declared(&uri, self.target, found));
            }
            let host = self.servers.known.host(&self.wanted.service.id);
            let is_known = host.known().was_shown(found[0].max(found[1]));
            if !is_near && (is_same || is_known) {
                smaller = Some(found);
                self.learn_from_whole(found);
                break;
            }
            smaller = Some(found);
        }
        Ok(smaller.map_or(WholeAnswer::Refused, |_| WholeAnswer::Smaller))
    }

    /// Where the image lies in the service's image; none where it is all of it.
    pub(super) fn part_of_image(&self) -> Option<Rect> {
        (!self.is_all()).then_some(Rect {
            x: self.origin[0],
            y: self.origin[1],
            width: self.size[0],
            height: self.size[1],
        })
    }

    fn note_refusal(&mut self, error: Error) {
        self.notes.push(format!(
            "requested {} x {} in one answer: {}; covered by regions instead",
            self.target[0], self.target[1], error.message
        ));
        self.whole_error = Some(error);
    }

    /// Notes that another file type was taken than the one wanted.
    pub(super) fn note_format(&mut self, taken: &Dialect) {
        if let Some(wanted) = self.wanted.format.filter(|wanted| *wanted != taken.format) {
            let taken = &taken.format;
            let note = format!(
                "the server does not offer {wanted}: made from {taken}, which may have lost detail"
            );
            self.notes.push(note);
        }
    }

    fn learn_from_whole(&mut self, found: [u32; 2]) {
        let side = found[0].max(found[1]).max(LEAST);
        self.cap = self.cap.and(&Limits {
            width: side,
            height: side,
            area: u64::MAX,
        });
        self.notes.push(format!(
            "requested {} x {}, answered {} x {} with status 200: covered by regions instead",
            self.target[0], self.target[1], found[0], found[1]
        ));
    }
}

/// What came of a request for the whole image.
enum WholeAnswer {
    /// The image.
    Fits(Box<Whole>),
    /// A smaller one.
    Smaller,
    /// None.
    Refused,
}

/// Whether a smaller image may be a larger one scaled down: the aspect ratio is the same, but for rounding.
fn has_shape_of(found: [u32; 2], declared: [u32; 2]) -> bool {
    let [w, h] = found.map(f64::from);
    let [width, height] = declared.map(f64::from);
    let by_width = (h - w * height / width).abs();
    let by_height = (w - h * width / height).abs();
    by_width.min(by_height) <= 1.5
}

fn other_than_declared(uri: &str, declared: [u32; 2], found: [u32; 2]) -> Error {
    let message = format!(
        "{uri}: info.json declares {} x {} pixels, the answer has {} x {}: boxes and regions would not fit",
        declared[0], declared[1], found[0], found[1]
    );
    Error::info(message).with_status(200)
}
