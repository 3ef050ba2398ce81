//! Tables. The text is styled; the output stream strips the styles where they are not wanted.

use std::fmt::Display;

use comfy_table::{
    Attribute, Cell, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle,
};

use crate::words::printable;

/// A terminal with fewer columns than this has no room for spare columns.
const ROOMY: u16 = 120;

/// The width of the terminal, if standard output is one.
pub fn width() -> Option<u16> {
    Table::new().width()
}

/// Whether there is no room for spare columns.
fn is_narrow(width: Option<u16>) -> bool {
    width.is_some_and(|width| width < ROOMY)
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    title: &'static str,
    /// Whether each value stays on one line, as ids do, so that people can copy it.
    is_whole: bool,
    /// Whether the column is omitted where there is no room.
    is_spare: bool,
}

impl Column {
    /// A column whose values may take several lines.
    pub const fn new(title: &'static str) -> Self {
        Self {
            title,
            is_whole: false,
            is_spare: false,
        }
    }

    /// A column whose values stay on one line.
    pub const fn whole(title: &'static str) -> Self {
        let is_whole = true;
        Self {
            is_whole,
            ..Self::new(title)
        }
    }

    /// A column whose values stay on one line, and that is omitted where there is no room.
    pub const fn spare(title: &'static str) -> Self {
        let is_spare = true;
        Self {
            is_spare,
            ..Self::whole(title)
        }
    }
}

/// A cell with this text. Its lines stay lines, so a text from elsewhere must be on one line already.
pub fn cell(text: impl Display) -> Cell {
    Cell::new(printable(&text.to_string()))
}

/// A table without borders, at most `width` wide. Without a `width`, each row is one line. A row has a cell for each
/// column.
pub fn table(columns: &[Column], rows: Vec<Vec<Cell>>, width: Option<u16>) -> String {
    const STYLE: TableStyle =
        TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
    let is_shown = |column: &Column| !(column.is_spare && is_narrow(width));
    let mut table = Table::new();
    table.load_style(STYLE).enforce_styling().style_text_only();
    match width {
        Some(width) => table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    let shown: Vec<&Column> = columns.iter().filter(|column| is_shown(column)).collect();
    let titles = shown.iter().map(|column| column.title);
    table.set_header(titles.map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
    for row in rows {
        let cells = row.into_iter().zip(columns);
        let cells = cells.filter(|(_, column)| is_shown(column));
        table.add_row(cells.map(|(cell, _)| cell));
    }
    let count = shown.len();
    for (index, (column, shown)) in table.column_iter_mut().zip(&shown).enumerate() {
        // A style without lines between columns has a blank there, which makes the gutter two wide.
        let is_last = index + 1 == count;
        column.set_padding((0, u16::from(!is_last)));
        if shown.is_whole {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: Option<u16>) -> String {
        let columns = [
            Column::spare("When"),
            Column::whole("Run"),
            Column::new("Outcome"),
        ];
        let cells = [
            "2026-11-23",
            "20261123T120000Z-1a2b3c4d",
            "some words to be broken",
        ];
        table(&columns, vec![cells.map(Cell::new).into()], width)
    }

    #[test]
    fn a_row_is_one_line_in_a_pipe() {
        assert_eq!(shown(None).lines().count(), 3);
        assert!(
            shown(None)
                .contains("2026-11-23  20261123T120000Z-1a2b3c4d  some words to be broken\n")
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [40, 60, 119, 120, 200] {
            let shown = anstream::adapter::strip_str(&shown(Some(width))).to_string();
            assert!(shown.contains("20261123T120000Z-1a2b3c4d"), "{shown}");
            assert_eq!(shown.contains("2026-11-23"), width >= ROOMY, "{shown}");
            for line in shown.lines() {
                assert!(line.chars().count() <= width.into(), "{width}: {line}");
                assert_eq!(line, line.trim_end());
            }
        }
    }
}
