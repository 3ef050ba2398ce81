//! What `--output json` writes: one document.

use std::io::{self, BufWriter, Write};

use serde_json::{Map, Value};

/// The version of the documents' forms. It grows when a member goes or comes to mean something else; members may come
/// at any time.
pub const VERSION: u32 = 1;

/// A document of these members, with its version, on standard output.
pub fn print(mut members: Map<String, Value>) -> io::Result<()> {
    // Left to itself, standard output would be written to line by line.
    let mut out = BufWriter::new(anstream::stdout().lock());
    members.insert("version".to_owned(), VERSION.into());
    write(&mut out, &Value::from(members))?;
    out.flush()
}

/// A document on lines of its own.
pub fn write(out: &mut dyn Write, document: &Value) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    out.write_all(b"\n")
}
