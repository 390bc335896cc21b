//! Writes the marker segments of a JPEG from SOI to SOS (ITU-T T.81, annex B; JFIF; Adobe's APP14; ICC.1, annex B).

use crate::format::Format;
use crate::huffman::Table;
use crate::markers::Quantization;
use crate::transcode::EncodingTables;

/// All segments up to the only scan of a sequential JPEG of `[width, height]` pixels; application segments (JFIF, ICC
/// profile, Adobe) only if wanted.
pub fn header(
    format: &Format,
    size: [u32; 2],
    tables: &EncodingTables,
    app_segments: bool,
) -> Vec<u8> {
    let mut out = vec![0xFF, 0xD8];
    if app_segments {
        write_app_segments(&mut out, format);
    }
    let mut distinct: Vec<&Quantization> = Vec::new();
    for table in &format.quantization {
        if !distinct.contains(&table) {
            write_segment(&mut out, 0xDB, &dqt(distinct.len() as u8, table));
            distinct.push(table);
        }
    }
    write_frame(&mut out, format, size, &distinct);
    tables.each(|id, table| write_segment(&mut out, 0xC4, &dht(id, table)));
    let mut scan = vec![format.components.len() as u8];
    for ((id, _), number) in format.components.iter().zip(tables.numbers()) {
        scan.extend([*id, number as u8 * 0x11]);
    }
    scan.extend([0, 63, 0]);
    write_segment(&mut out, 0xDA, &scan);
    out
}

/// Writes a marker segment. The body must be shorter than 65,534 bytes.
pub fn write_segment(out: &mut Vec<u8>, code: u8, body: &[u8]) {
    out.extend([0xFF, code]);
    out.extend((body.len() as u16 + 2).to_be_bytes());
    out.extend_from_slice(body);
}

fn write_frame(
    out: &mut Vec<u8>,
    format: &Format,
    [width, height]: [u32; 2],
    distinct: &[&Quantization],
) {
    let [_, _, high, low] = height.to_be_bytes();
    let [_, _, left, right] = width.to_be_bytes();
    let mut body = vec![8, high, low, left, right, format.components.len() as u8];
    for ((id, [across, down]), table) in format.components.iter().zip(&format.quantization) {
        let number = distinct.iter().position(|other| *other == table);
        let sampling = across << 4 | down;
        body.extend([*id, sampling as u8, number.unwrap_or(0) as u8]);
    }
    // Baseline has 8-bit quantization tables (B.2.4.1).
    let is_extended = distinct.iter().any(|table| is_16_bit(table));
    write_segment(out, if is_extended { 0xC1 } else { 0xC0 }, &body);
}

fn write_app_segments(out: &mut Vec<u8>, format: &Format) {
    if let Some(density) = format.jfif {
        let mut body = b"JFIF\0\x01\x01".to_vec();
        body.extend(density);
        body.extend([0, 0]);
        write_segment(out, 0xE0, &body);
    }
    const MAX_PART: usize = 65_533 - 14;
    let parts = format.icc.iter().flat_map(|icc| icc.chunks(MAX_PART));
    let count = parts.clone().count();
    for (number, part) in (1usize..).zip(parts) {
        let mut body = b"ICC_PROFILE\0".to_vec();
        // A profile that was read from at most 255 segments needs no more.
        body.extend([number as u8, count as u8]);
        body.extend(part);
        write_segment(out, 0xE2, &body);
    }
    if let Some(transform) = format.adobe {
        let mut body = b"Adobe\0\x64\0\0\0\0".to_vec();
        body.push(transform);
        write_segment(out, 0xEE, &body);
    }
}

fn is_16_bit(table: &Quantization) -> bool {
    table.iter().any(|&step| step > 255)
}

fn dqt(number: u8, table: &Quantization) -> Vec<u8> {
    match is_16_bit(table) {
        true => [
            vec![0x10 | number],
            table.iter().flat_map(|step| step.to_be_bytes()).collect(),
        ]
        .concat(),
        false => [vec![number], table.iter().map(|&step| step as u8).collect()].concat(),
    }
}

fn dht(id: u8, table: &Table) -> Vec<u8> {
    [&[id], &table.counts[..], &table.symbols].concat()
}
