//! Output byte for byte: files, and streams that strip no styles.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Writes all of `text`.
///
/// # Errors
/// The text cannot be written.
pub fn print(out: &mut dyn Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes `text` to a new file, or with `force` over an existing one.
///
/// # Errors
/// The file cannot be written, or exists already ([`AlreadyExists`](io::ErrorKind::AlreadyExists)) without `force`.
pub fn save(path: &Path, text: &str, force: bool) -> io::Result<()> {
    let mut options = File::options();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    print(&mut options.open(path)?, text)
}
