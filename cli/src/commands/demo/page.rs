//! A page of text: headings, paragraphs, lists and tables, not wider than a width.
//!
//! The text is always styled. The output stream strips the styles where they are not wanted.

use std::fmt::Write as _;

use anstream::adapter::strip_str;
use comfy_table::{
    Attribute, Cell, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle,
};
use owo_colors::OwoColorize;

/// The width of the page without a terminal, in columns.
const USUAL_WIDTH: u16 = 100;

/// Longer lines are hard to read; in shorter ones the tables have no room.
const WIDTHS: std::ops::RangeInclusive<u16> = 72..=120;

/// Marks a place where a cell's line must not break. It becomes a blank when the table is laid out.
pub const NO_BREAK: char = '\u{a0}';

/// The width of the page: that of the terminal, if there is one.
pub fn width() -> usize {
    let width = Table::new().width().unwrap_or(USUAL_WIDTH);
    width.clamp(*WIDTHS.start(), *WIDTHS.end()).into()
}

/// A page in the making.
pub struct DemoPage {
    /// The widest that a line may be.
    width: usize,
    text: String,
}

impl DemoPage {
    /// An empty page.
    pub fn new(width: usize) -> Self {
        Self {
            width,
            text: String::new(),
        }
    }

    /// All of its text.
    pub fn into_text(self) -> String {
        self.text
    }

    /// Whether every column of the tables has room.
    pub fn is_wide(&self) -> bool {
        self.width >= USUAL_WIDTH.into()
    }

    pub fn heading(&mut self, number: usize, title: &str) {
        self.line(&"");
        self.line(&format_args!(
            "{} {}",
            number.to_string().cyan().bold(),
            title.bold()
        ));
        self.line(&"");
    }

    pub fn prose(&mut self, text: &str) {
        for line in wrap(text, self.width, 0) {
            self.line(&line);
        }
    }

    pub fn item(&mut self, text: &str) {
        for line in wrap(&format!("  - {text}"), self.width, 4) {
            self.line(&line);
        }
    }

    pub fn line(&mut self, line: &dyn std::fmt::Display) {
        // A string takes everything.
        let _ = writeln!(self.text, "{line}");
    }

    pub fn table(&mut self, table: &Table) {
        let table = table.trim_fmt().replace(NO_BREAK, " ");
        self.text.push_str(&table);
        self.text.push('\n');
    }

    /// A table without borders, as wide as its contents, but not wider than the page.
    pub fn new_table(&self, header: &[&str]) -> Table {
        const STYLE: TableStyle =
            TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
        let mut table = Table::new();
        table
            .load_style(STYLE)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(self.width).unwrap_or(USUAL_WIDTH))
            .enforce_styling()
            .style_text_only();
        table.set_header(
            header
                .iter()
                .map(|title| Cell::new(title).add_attribute(Attribute::Bold)),
        );
        for (index, column) in table.column_iter_mut().enumerate() {
            // Where a style has no line between columns there is a blank: with it, the gutter is two wide.
            let is_last = index + 1 == header.len();
            column.set_padding((0, u16::from(!is_last)));
        }
        table
    }

    /// A message, set off by a bar, without its links: they are wider than the page. Of the lines that `shows` leaves out,
    /// each run is one `…`.
    pub fn message(&mut self, subject: &str, text: &str, shows: impl Fn(&str) -> bool) {
        let bar = "│".dimmed().to_string();
        let width = self.width.saturating_sub(4);
        self.line(&format_args!("  {bar} {}", subject.bold()));
        let mut is_cut = false;
        let is_link = |line: &&str| line.trim_start().starts_with("https://");
        for line in text.trim_end().lines().filter(|line| !is_link(line)) {
            if !shows(line) {
                if !is_cut {
                    self.line(&format_args!("  {bar} …"));
                }
                is_cut = true;
                continue;
            }
            is_cut = false;
            for part in wrap(line, width, 3) {
                let gap = if part.is_empty() { "" } else { " " };
                self.line(&format_args!("  {bar}{gap}{part}"));
            }
        }
    }

    /// A text of lines that another command lays out. Lines that are too wide are broken, and lose their styles.
    pub fn laid_out(&mut self, text: &str) {
        for line in text.trim_end().lines() {
            let plain = strip_str(line).to_string();
            if plain.chars().count() <= self.width {
                self.line(&line);
            } else {
                self.prose(&plain);
            }
        }
    }
}

/// Columns whose cells are not broken.
pub fn keep_whole(table: &mut Table, columns: &[usize]) {
    for column in columns {
        if let Some(column) = table.column_mut(*column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

/// Breaks `text` between words into lines of at most `width` characters, the second and later ones indented. A word
/// that is longer has a line of its own. What `text` is indented by stays. A rule stays with its number.
fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    let text = text.replace("(rule ", &format!("(rule{NO_BREAK}"));
    let words = text.trim_start().split_inclusive(' ');
    let mut lines = Vec::new();
    let mut line: String = text.chars().take_while(|c| *c == ' ').collect();
    let mut is_begun = false;
    for word in words {
        let length = line.chars().count() + word.trim_end().chars().count();
        if is_begun && length > width {
            lines.push(line.trim_end().to_owned());
            line = " ".repeat(indent);
        }
        line.push_str(word);
        is_begun = true;
    }
    lines.push(line.trim_end().to_owned());
    let lines = lines.into_iter();
    lines.map(|line| line.replace(NO_BREAK, " ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("", 9, 3), [""]);
        assert_eq!(wrap("one two three", 13, 3), ["one two three"]);
        assert_eq!(wrap("one two three", 12, 3), ["one two", "   three"]);
        assert_eq!(wrap("tag (rule 3)", 9, 3), ["tag", "   (rule 3)"]);
        assert_eq!(wrap("  - one two", 9, 4), ["  - one", "    two"]);
        assert_eq!(
            wrap("incomprehensibilities at length", 9, 0),
            ["incomprehensibilities", "at length"]
        );
    }

    #[test]
    fn what_a_message_leaves_out_is_marked_once() {
        let mut page = DemoPage::new(80);
        page.message(
            "Subject",
            "one\n  https://aws.example\ntwo\nthree\nfour\n",
            |line| !line.starts_with('t'),
        );
        let text = strip_str(&page.into_text()).to_string();
        assert_eq!(text, "  │ Subject\n  │ one\n  │ …\n  │ four\n");
    }
}
