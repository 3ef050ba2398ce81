//! Digests of texts.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The SHA-256 digest of `text` in hexadecimal digits.
pub fn sha256(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        })
}
