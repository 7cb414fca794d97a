//! Makes ids: UUIDs, version 4.

use crate::wasi::random::random::get_random_bytes;

/// A fresh one.
pub fn fresh() -> String {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(get_random_bytes(16)) {
        *to = from;
    }
    from_bytes(bytes)
}

fn from_bytes(bytes: [u8; 16]) -> String {
    let mut value = u128::from_be_bytes(bytes);
    value = value & !(0xf << 76) | 0x4 << 76;
    value = value & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{value:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    #[test]
    fn version_and_variant_are_set() {
        assert_eq!(super::from_bytes([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(super::from_bytes([0; 16]), "00000000-0000-4000-8000-000000000000");
    }
}
