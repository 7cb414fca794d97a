//! Who may ask: whoever shows the token of the application's settings.

use std::hint::black_box;

use crate::corral::host::config;
use crate::failure::Failure;

/// The setting that holds it.
const SETTING: &str = "spin_token";

/// Lets in who shows the token. `header` is the value of `Authorization`.
pub fn admit(header: Option<&str>) -> Result<(), Failure> {
    check(config::get(SETTING).as_deref(), header)
}

fn check(token: Option<&str>, header: Option<&str>) -> Result<(), Failure> {
    // An empty one would let everybody in.
    let token = token.filter(|token| !token.is_empty()).ok_or(Failure::NotOffered)?;
    let shown = header.and_then(bearer).ok_or(Failure::Unauthorized)?;
    if same(token.as_bytes(), shown.as_bytes()) { Ok(()) } else { Err(Failure::Unauthorized) }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Takes the same time wherever they differ.
fn same(token: &[u8], shown: &[u8]) -> bool {
    let mut difference = token.len() ^ shown.len();
    for (index, byte) in shown.iter().enumerate() {
        // As long as what is shown, whose length is no secret to whoever shows it.
        difference |= usize::from(token[index % token.len()] ^ byte);
        difference = black_box(difference);
    }
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_lets_in_and_nothing_else_does() {
        let shown = |header| check(Some("s3cret"), header);
        for good in ["bearer s3cret", "Bearer s3cret", "BEARER  s3cret "] {
            assert!(shown(Some(good)).is_ok(), "{good}");
        }
        let bad = [
            "bearer ",
            "bearer s3cre",
            "bearer s3crets",
            "bearer s3creT",
            "bearer s3crets3cret",
            "s3cret",
            "basic s3cret",
            "",
            "bearer\ts3cret",
        ];
        for bad in bad.map(Some).into_iter().chain([None]) {
            assert!(matches!(shown(bad), Err(Failure::Unauthorized)), "{bad:?}");
        }
    }

    #[test]
    fn without_a_token_nobody_is_let_in() {
        for token in [None, Some("")] {
            for header in [None, Some("bearer "), Some("bearer x")] {
                assert!(matches!(check(token, header), Err(Failure::NotOffered)), "{token:?} {header:?}");
            }
        }
    }
}
