//! What commands write: text or a JSON document on standard output, and remarks on standard error.

use std::fmt::Display;
use std::io::{self, BufWriter, Write};

use clap::ValueEnum;
use serde_json::{Map, Value};

/// The form of a command's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
pub enum OutputForm {
    #[default]
    Text,
    Json,
}

/// The option for it.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct OutputArgs {
    /// What to write: text, to read, or json
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_possible_values = true
    )]
    pub output: OutputForm,
}

/// The version of the JSON documents. It grows when a member is removed or changes its meaning; members may be added at
/// any time.
pub const VERSION: u32 = 1;

/// Writes a JSON document of these members, with its version, to standard output.
pub fn print_json(mut members: Map<String, Value>) -> io::Result<()> {
    members.insert("version".to_owned(), VERSION.into());
    print_with(|out| write_json(out, &Value::from(members)))
}

/// Has `write` write to standard output, as it is.
pub fn print_with(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    // Unbuffered, standard output would be written to line by line.
    let mut out = BufWriter::new(io::stdout().lock());
    write(&mut out)?;
    out.flush()
}

/// Writes a JSON document and ends its last line.
pub fn write_json(out: &mut dyn Write, document: &Value) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    out.write_all(b"\n")
}

/// Writes text to standard output, without its styles where they are not wanted.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes a line to standard error. An error is ignored, because standard error is where it would be reported.
pub fn note(line: impl Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}
