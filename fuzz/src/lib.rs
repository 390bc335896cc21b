//! What is fuzzed: the `recto-jpeg` crate, and what holds for any bytes that are given to it.

use std::io::Cursor;

use recto_jpeg::{Grid, Plan, Stitcher, SymbolCounts, WriteError, check, tiled};

/// Checking any bytes ends, with the same result twice.
pub fn checked(bytes: &[u8]) {
    assert_eq!(check(bytes), check(bytes));
}

/// What is joined of any bytes is complete, has the requested size, and is a tile that can be joined again,
/// to the same bytes.
pub fn joined(bytes: &[u8]) {
    let Ok(facts) = check(bytes) else { return };
    if u64::from(facts.width) * u64::from(facts.height) > 1 << 20 {
        return;
    }
    let size = [facts.width, facts.height];
    if let Some(once) = alone(bytes, size) {
        let found = check(&once).expect("what was joined is whole");
        assert_eq!([found.width, found.height], size);
        assert_eq!(
            alone(&once, size),
            Some(once),
            "joining it alone changes nothing"
        );
    }
    let below = Grid::new(vec![size[0]], vec![size[1]; 2]);
    if let Some(stacked) = below.ok().and_then(|grid| join(grid, bytes)) {
        let found = check(&stacked).expect("what was joined is whole");
        assert_eq!([found.width, found.height], [size[0], 2 * size[1]]);
    }
    let Ok(grid) = Grid::even(size, size) else {
        return;
    };
    let Ok(plan) = tiled::TiffPlan::new(grid, bytes) else {
        return;
    };
    let Ok(tile) = plan.tile([0, 0], bytes) else {
        return;
    };
    let mut writer =
        tiled::TiffWriter::new(&plan, Cursor::new(Vec::new())).expect("memory takes all");
    assert!(writer.tile(&tile).is_ok() && writer.finish().is_ok());
}

fn alone(bytes: &[u8], size: [u32; 2]) -> Option<Vec<u8>> {
    join(Grid::even(size, size).ok()?, bytes)
}

/// A grid with the same tile in each cell.
fn join(grid: Grid, bytes: &[u8]) -> Option<Vec<u8>> {
    let [columns, rows] = grid.count();
    let counts = SymbolCounts::of(bytes).ok()?;
    let plan = Plan::new(grid, bytes, &counts).ok()?;
    let mut out = plan.header();
    let mut stitcher = Stitcher::new(&plan);
    for row in 0..rows {
        let tiles: Result<Vec<_>, _> = (0..columns)
            .map(|column| plan.tile([column, row], bytes))
            .collect();
        match stitcher.band(&tiles.ok()?, &mut out) {
            Ok(()) => {}
            Err(WriteError::Join(_)) => return None,
            Err(WriteError::Output(error)) => panic!("memory takes all: {error}"),
        }
    }
    stitcher.finish(&mut out).ok()?;
    Some(out)
}
