//! Tables of the ledger's commands. Styled here; whatever writes the text strips what is not wanted.

use comfy_table::{
    Attribute, Cell, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle,
};

/// A table without borders. On a terminal it is not wider than that; in a pipe each row is one line.
///
/// The columns at `whole` keep each value on one line: ids are there to be copied.
pub fn table(header: &[&str], whole: &[usize], rows: Vec<Vec<Cell>>) -> String {
    const STYLE: TableStyle =
        TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
    let mut table = Table::new();
    table.load_style(STYLE).enforce_styling().style_text_only();
    table.set_header(
        header
            .iter()
            .map(|title| Cell::new(title).add_attribute(Attribute::Bold)),
    );
    table.set_content_arrangement(if table.width().is_some() {
        ContentArrangement::Dynamic
    } else {
        ContentArrangement::Disabled
    });
    table.add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        // Where a style has no line between columns there is a blank: with it, the gutter is two wide.
        let is_last = index + 1 == header.len();
        column.set_padding((0, u16::from(!is_last)));
        if whole.contains(&index) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}
