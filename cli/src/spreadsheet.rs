//! CSV that a spreadsheet shows as text, and from which programs get every value exactly.
//!
//! A spreadsheet takes a cell for a formula that begins with one of a few characters, and anybody can write tags. So a
//! cell that begins with one of them has `'` before it, as [OWASP] advises. A cell that begins with `'` itself has
//! another one. Programs take one `'` away from the beginning of a cell, and have the value.
//!
//! On a terminal, control characters are escaped, because nobody parses what a terminal shows.
//!
//! [OWASP]: https://owasp.org/www-community/attacks/CSV_Injection

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use crate::words::printable;

/// The characters that begin a formula, also in their full-width forms, and the one that stands before them.
const GUARDED: [char; 12] = [
    '=', '+', '-', '@', '\t', '\r', '\n', '\'', '＝', '＋', '－', '＠',
];

/// The characters for which a cell is in quotes: those of CSV, and those that some spreadsheets take for a separator too.
const QUOTED: [char; 7] = [',', ';', '\t', '|', '"', '\r', '\n'];

/// Writes rows of cells, after RFC 4180 except for the line ends.
///
/// See [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180).
pub struct CsvWriter<'a> {
    out: &'a mut dyn Write,
    is_for_eyes: bool,
}

impl<'a> CsvWriter<'a> {
    /// A writer for standard output, or for bytes that go there.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self {
            out,
            is_for_eyes: io::stdout().is_terminal(),
        }
    }

    /// Writes one row.
    ///
    /// # Errors
    /// The row cannot be written.
    pub fn row<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) -> io::Result<()> {
        for (nth, cell) in cells.into_iter().enumerate() {
            if nth > 0 {
                self.out.write_all(b",")?;
            }
            let cell = guarded(cell);
            let cell = if self.is_for_eyes {
                Cow::from(printable(&cell).replace('\n', "\\n"))
            } else {
                cell
            };
            self.out.write_all(quoted(&cell).as_bytes())?;
        }
        self.out.write_all(b"\n")
    }
}

/// The cell with a `'` before it, if a spreadsheet would take it for a formula.
fn guarded(cell: &str) -> Cow<'_, str> {
    // Some spreadsheets pass over blanks before a formula.
    if cell.starts_with(GUARDED) || cell.trim_start().starts_with(GUARDED) {
        format!("'{cell}").into()
    } else {
        cell.into()
    }
}

/// The cell in quotes, if it needs them.
fn quoted(cell: &str) -> Cow<'_, str> {
    if cell.contains(QUOTED) {
        format!("\"{}\"", cell.replace('"', "\"\"")).into()
    } else {
        cell.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(rows: &[Vec<String>], is_for_eyes: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = CsvWriter {
            out: &mut bytes,
            is_for_eyes,
        };
        for row in rows {
            writer.row(row.iter().map(String::as_str)).unwrap();
        }
        bytes
    }

    proptest! {
        /// Another reader gets every cell, none of which is a formula, and from it the value.
        #[test]
        fn gives_every_value_exactly(
            rows in prop::collection::vec(prop::collection::vec("[=+@'\" ,;a\n\r\t\u{1b}é-]{0,4}|.{0,6}", 3), 1..4),
        ) {
            let header = ["a", "b", "c"].map(ToOwned::to_owned).to_vec();
            let bytes = written(&[vec![header], rows.clone()].concat(), false);
            let mut reader = csv::Reader::from_reader(bytes.as_slice());
            let mut read = Vec::new();
            for record in reader.records() {
                let mut row = Vec::new();
                for cell in &record.unwrap() {
                    let shown = cell.trim_start();
                    prop_assert!(!shown.starts_with(['=', '+', '-', '@', '＝', '＠']), "{cell:?}");
                    row.push(cell.strip_prefix('\'').unwrap_or(cell).to_owned());
                }
                read.push(row);
            }
            prop_assert_eq!(read, rows);
        }

        #[test]
        fn sends_no_commands_to_a_terminal(cell in "[\u{0}-\u{9f}\u{202a}-\u{202e}\u{2066}-\u{2069}]{1,8}") {
            let text = String::from_utf8(written(&[vec![cell]], true)).unwrap();
            let row = text.strip_suffix('\n').unwrap();
            prop_assert!(!row.contains(char::is_control), "{row:?}");
            prop_assert!(!row.contains(|it| ('\u{202a}'..='\u{202e}').contains(&it)), "{row:?}");
        }
    }

    #[test]
    fn leaves_other_cells_alone() {
        let row = [
            "i-0a1b",
            "",
            "it's",
            "a=b",
            "a,b",
            "a;b",
            "say \"hi\"",
            "=1+1",
            " @x",
            "'a",
        ];
        let row = row.map(ToOwned::to_owned).to_vec();
        assert_eq!(
            String::from_utf8(written(&[row], false)).unwrap(),
            "i-0a1b,,it's,a=b,\"a,b\",\"a;b\",\"say \"\"hi\"\"\",'=1+1,' @x,''a\n"
        );
    }
}
