//! The wire format of `tf.train.Example` and of TFRecord files: three small messages, encoded here, because the order of
//! a map's keys must not change from run to run.

use std::io::{self, Write};

/// A `tf.train.Feature`, encoded.
pub struct Feature(Vec<u8>);

/// Wire type 2 of protocol buffers: a length, then that many bytes.
const LENGTH_DELIMITED: u64 = 2;

/// `Feature { bytes_list = 1 }`.
pub fn bytes<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Feature {
    let mut list = Vec::new();
    for value in values {
        put_field(&mut list, 1, value);
    }
    Feature(field(1, &list))
}

/// `Feature { float_list = 2 }`, packed.
pub fn floats(values: impl IntoIterator<Item = f32>) -> Feature {
    let packed: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
    Feature(field(2, &packed_list(&packed)))
}

/// `Feature { int64_list = 3 }`, packed.
pub fn ints(values: impl IntoIterator<Item = i64>) -> Feature {
    let mut packed = Vec::new();
    for value in values {
        // Negative numbers are written as their two's complement, ten bytes long.
        put_varint(&mut packed, value as u64);
    }
    Feature(field(3, &packed_list(&packed)))
}

fn packed_list(packed: &[u8]) -> Vec<u8> {
    if packed.is_empty() {
        Vec::new()
    } else {
        field(1, packed)
    }
}

/// `Example { features = 1 { feature = 1 map<string, Feature> } }`, keys sorted.
pub fn example(mut features: Vec<(&str, Feature)>) -> Vec<u8> {
    features.sort_by(|a, b| a.0.cmp(b.0));
    let mut map = Vec::new();
    for (key, feature) in &features {
        let mut entry = field(1, key.as_bytes());
        put_field(&mut entry, 2, &feature.0);
        put_field(&mut map, 1, &entry);
    }
    field(1, &map)
}

fn field(number: u64, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 12);
    put_field(&mut out, number, value);
    out
}

fn put_field(out: &mut Vec<u8>, number: u64, value: &[u8]) {
    put_varint(out, number << 3 | LENGTH_DELIMITED);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A TFRecord: length, masked CRC of it, data, masked CRC of it; little endian.
///
/// # Errors
/// `out` cannot be written.
pub fn write_record(out: &mut dyn Write, data: &[u8]) -> io::Result<()> {
    let length = (data.len() as u64).to_le_bytes();
    out.write_all(&length)?;
    out.write_all(&masked_crc(&length).to_le_bytes())?;
    out.write_all(data)?;
    out.write_all(&masked_crc(data).to_le_bytes())
}

/// CRC-32C, rotated and shifted: a CRC of data that contains a CRC would otherwise be weak.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_varints_of_seven_bits_low_first() {
        let cases: [(u64, &[u8]); 4] = [
            (0, &[0]),
            (127, &[127]),
            (300, &[0xac, 2]),
            (u64::MAX, &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
        ];
        for (value, wanted) in cases {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out, wanted, "{value}");
        }
    }

    #[test]
    fn an_example_is_a_map_with_sorted_keys() {
        let bytes = example(vec![("b", ints([1])), ("a", floats([]))]);
        let wanted = [
            vec![10, 21],
            vec![10, 7, 10, 1, b'a', 18, 2, 18, 0],
            vec![10, 10, 10, 1, b'b', 18, 5, 26, 3, 10, 1, 1],
        ];
        assert_eq!(bytes, wanted.concat());
    }

    #[test]
    fn a_records_checks_are_those_of_tensorflow() {
        // CRC-32C of "123456789" is 0xe3069283 (RFC 3720, appendix B.4 lists the polynomial).
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(masked_crc(b""), 0xa282_ead8);
    }
}
