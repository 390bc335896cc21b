//! Images that are a pixel or two smaller than `info.json` declares.

use super::grid::{Rect, cells};
use super::plan::{Dialect, RegionPlan, output_size, whole_uri};
use super::verify::{max_region_bytes, size_of};
use super::{CAUTIOUS, ServiceFetch, may_go_another_way, wrong_size};
use crate::http::{Request, Response};

impl ServiceFetch<'_> {
    /// Where there are only files made beforehand, and one of them is all of the image but for a pixel or two, `info.json`
    /// declares these too much.
    pub(super) fn believe_sizes(&mut self) {
        let info = &self.info;
        if info.level != 0 || !info.tiles.is_empty() || !self.is_all() {
            return;
        }
        let size = self.size;
        let near = info
            .sizes
            .iter()
            .copied()
            .find(|listed| is_nearly(*listed, size));
        if let Some(near) = near.filter(|_| !info.sizes.contains(&size)) {
            self.note_other_size(near, true);
            [self.info.width, self.info.height] = near;
            (self.size, self.target) = (near, output_size(near, self.wanted.scaling));
        }
    }

    /// Whether the image is a pixel or two smaller than `info.json` declares, as regions at its right and bottom edge show; then
    /// its size from now on is that.
    pub(super) async fn is_off(&mut self, plan: &RegionPlan) -> bool {
        if !self.is_all() {
            return false;
        }
        let Some(columns) = self.lacks(plan, 0).await else {
            return false;
        };
        let Some(rows) = self.lacks(plan, 1).await else {
            return false;
        };
        let size = [plan.size[0] - columns, plan.size[1] - rows];
        if !is_nearly(size, plan.size) || !self.is_all_there_is(&plan.dialect, size).await {
            return false;
        }
        self.note_other_size(size, true);
        // Files made beforehand are named by the size that is declared.
        self.named_by = (self.info.level == 0).then_some(plan.size);
        [self.info.width, self.info.height] = size;
        (self.size, self.target) = (size, output_size(size, self.wanted.scaling));
        true
    }

    /// How many pixels the image lacks at its right (`axis` 0) or bottom edge (1), as the first region there shows; none where
    /// that is not known.
    async fn lacks(&self, plan: &RegionPlan, axis: usize) -> Option<u32> {
        let end = plan.origin[axis] + plan.size[axis];
        let end_of = |cell: &Rect| match axis {
            0 => cell.x + cell.width,
            _ => cell.y + cell.height,
        };
        let side = |size: [u32; 2]| size[axis];
        let edge = cells(plan.origin, plan.size, plan.tile).find(|cell| end_of(cell) == end)?;
        let declared = side([edge.width, edge.height]);
        let error = match self.ask_twice(plan, edge).await {
            Ok((_, found)) => return declared.checked_sub(side(found)),
            Err(error) => error,
        };
        if !may_go_another_way(&error) {
            return None;
        }
        // All of it lies outside, as it seems.
        if declared <= MOST_OFF {
            return Some(declared);
        }
        // Some servers refuse a region that reaches beyond the edge; files made beforehand have no other.
        if !plan.has_open_edges {
            return None;
        }
        for lack in 1..=MOST_OFF {
            let mut inside = edge;
            match axis {
                0 => inside.width -= lack,
                _ => inside.height -= lack,
            }
            let wanted = [inside.width, inside.height];
            let uri = whole_uri(&self.base, Some(inside), None, &plan.dialect);
            let answer = self.ask(&uri, inside).await;
            if answer.is_ok_and(|(_, found)| side(found) == side(wanted)) {
                return Some(lack);
            }
        }
        None
    }

    /// Whether an answer that misses the declared size by a pixel or two is the whole image, because the rows and columns
    /// that are missing do not exist; else it was scaled down a little.
    pub(super) async fn is_all_there_is(&self, dialect: &Dialect, found: [u32; 2]) -> bool {
        let [width, height] = self.size;
        if found[0] >= width && found[1] >= height || self.info.level == 0 {
            return true;
        }
        let edge = match found[0] < width {
            true => Rect {
                x: found[0],
                y: 0,
                width: width - found[0],
                height: height.min(CAUTIOUS),
            },
            false => Rect {
                x: 0,
                y: found[1],
                width: width.min(CAUTIOUS),
                height: height - found[1],
            },
        };
        let uri = whole_uri(&self.base, Some(edge), None, dialect);
        let request = Request {
            max_retries: Some(0),
            ..Request::image(&uri, max_region_bytes(edge)).logged(&self.wanted.log)
        };
        let read = async |reply: &Response| {
            let found = size_of(reply.body.clone(), [edge.width, edge.height]).await?;
            match found == [edge.width, edge.height] {
                true => Ok(()),
                false => Err(wrong_size(&uri, edge, found)),
            }
        };
        let answer = self.servers.client.get_checked(&request, read).await;
        // Only an answer shows that there is something; servers refuse what lies outside in many ways.
        answer.is_err()
    }

    /// Notes that the image has another size than is declared.
    pub(super) fn note_other_size(&mut self, found: [u32; 2], is_off: bool) {
        let note = is_off.then(|| {
            format!(
                "info.json declares {} x {} pixels, the image has {} x {}",
                self.size[0], self.size[1], found[0], found[1]
            )
        });
        self.notes.extend(note);
    }
}

/// By how many pixels `info.json` is off on some servers (libvips issue 1818).
const MOST_OFF: u32 = 2;

/// Whether an image misses a declared size by a pixel or two on its sides.
pub(super) fn is_nearly(found: [u32; 2], declared: [u32; 2]) -> bool {
    let is_near = |found: u32, declared: u32| found.abs_diff(declared) <= MOST_OFF;
    // Of an image that is only a few pixels wide they are not a little.
    let is_large = declared.iter().all(|side| *side >= 100);
    found != declared
        && is_large
        && is_near(found[0], declared[0])
        && is_near(found[1], declared[1])
}
