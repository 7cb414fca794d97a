//! How a vector is written: as numbers, or as their bytes in base64, which is a third as long.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Encoding {
    Float,
    Base64,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Vector {
    Float(Vec<f32>),
    /// Each number has four bytes, the least significant first.
    Base64(String),
}

impl Vector {
    pub fn new(values: &[f32], encoding: Encoding) -> Self {
        match encoding {
            Encoding::Float => Self::Float(values.to_vec()),
            Encoding::Base64 => {
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                Self::Base64(BASE64_STANDARD.encode(bytes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_the_bytes_of_each_number_with_padding() {
        for (values, expected) in
            [(&[1.0][..], "AACAPw=="), (&[1.0, -2.5], "AACAPwAAIMA="), (&[0.1, 0.2, 0.3], "zczMPc3MTD6amZk+")]
        {
            let Vector::Base64(text) = Vector::new(values, Encoding::Base64) else { panic!("no text") };
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn numbers_are_written_so_that_they_read_as_the_same() {
        let values = [0.1_f32, 1.0 / 3.0, -1e-7, f32::MIN_POSITIVE];
        let text = serde_json::to_string(&Vector::new(&values, Encoding::Float)).unwrap();
        let read: Vec<f64> = serde_json::from_str(&text).unwrap();
        assert_eq!(read.iter().map(|number| *number as f32).collect::<Vec<_>>(), values);
    }
}
