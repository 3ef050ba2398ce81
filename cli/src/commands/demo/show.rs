//! Shows what happened in the demo, as text.
//!
//! The text is always styled. The output stream strips the styles where they are not wanted.

use std::fmt::Write as _;

use comfy_table::{
    Attribute, Cell, Color, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle,
};
use owo_colors::OwoColorize;
use serde_json::Value;

use super::story::{CallCounts, Inspection, InstanceSnapshot, PublishedReport, Story};

/// The width of the page without a terminal, in columns.
const USUAL_WIDTH: u16 = 100;

/// Longer lines are hard to read; in shorter ones the tables have no room.
const WIDTHS: std::ops::RangeInclusive<u16> = 72..=120;

/// Marks a place where a cell's line must not break. It becomes a blank when the table is laid out.
const NO_BREAK: char = '\u{a0}';

/// The tags that the policy is about, in its order: the columns of the last table.
const TAGS: [&str; 3] = ["ProjectCode", "CreatedBy", "Expires"];

/// The width of the page: that of the terminal, if there is one.
pub fn width() -> usize {
    let width = Table::new().width().unwrap_or(USUAL_WIDTH);
    width.clamp(*WIDTHS.start(), *WIDTHS.end()).into()
}

/// The whole story, on a page of the given width.
pub fn page(story: &Story, width: usize) -> String {
    let mut page = DemoPage {
        width,
        text: String::new(),
    };
    page.opening(story);
    page.before(story);
    page.dry_run(story);
    page.enforce(story);
    page.after(story);
    page.second_sweep(story);
    page.closing(story);
    page.text
}

struct DemoPage {
    width: usize,
    text: String,
}

impl DemoPage {
    fn opening(&mut self, story: &Story) {
        self.line(&"tagwarden demo".bold());
        self.prose(
            "An AWS account inside this program: the functions and the AWS SDK are real, the far end is imitated. \
             Nothing of yours is touched.",
        );
        self.line(&"");
        self.prose(&format!(
            "The policy, for the instances of {}:",
            story.vpc_id
        ));
        self.line(&"");
        let columns = ["RuleId", "TagKey", "Action", "Required", "Default"];
        let mut table = self.new_table(&columns);
        for item in &story.policy {
            table.add_row(columns.map(|column| plain(item.get(column))));
        }
        self.table(&table);
    }

    fn before(&mut self, story: &Story) {
        self.heading(1, "The Config rule judges every instance");
        let instances = &story.before.instances;
        let table = if self.is_wide() {
            self.before_wide(instances)
        } else {
            self.before_narrow(instances)
        };
        self.table(&table);
        self.tally(&story.before);
    }

    fn before_wide(&self, instances: &[InstanceSnapshot]) -> Table {
        let mut table = self.new_table(&["Instance", "Role", "Story", "Verdict", "Annotation"]);
        keep_whole(&mut table, &[0, 1, 2, 3]);
        for seen in instances {
            table.add_row([
                Cell::new(&seen.instance_id),
                role(seen),
                Cell::new(seen.story),
                verdict(seen),
                annotation(seen),
            ]);
        }
        table
    }

    /// Two rows an instance, so that texts have room.
    fn before_narrow(&self, instances: &[InstanceSnapshot]) -> Table {
        let mut table = self.new_table(&["Instance", "Role and story", "Verdict and annotation"]);
        keep_whole(&mut table, &[0, 1]);
        for seen in instances {
            table.add_row([Cell::new(&seen.instance_id), role(seen), verdict(seen)]);
            table.add_row([Cell::new(""), Cell::new(seen.story), annotation(seen)]);
        }
        table
    }

    fn dry_run(&mut self, story: &Story) {
        self.heading(
            2,
            "The remediation gets the compliance changes: a dry run, its default",
        );
        self.report(&story.dry_run_report);
    }

    fn enforce(&mut self, story: &Story) {
        self.heading(3, "The same changes, with TAGWARDEN_MODE=enforce");
        self.report(&story.report);
        self.line(&"");
        self.prose(
            "The untagged ones are only counted: nothing is shut down before two looks agree. 15 minutes later, somebody has \
             given rookie a name. The scheduled sweep looks at every instance, whatever the events missed:",
        );
        self.line(&"");
        self.report(&story.sweep_report);
    }

    fn after(&mut self, story: &Story) {
        self.heading(4, "The Config rule judges again");
        // The tags matter more than the roles, so the roles go if there is no room for both.
        let is_wide = self.is_wide();
        let mut header = vec!["Instance", "Verdict"];
        if is_wide {
            header.insert(1, "Role");
        }
        let creator = header.len() + 1;
        header.extend(TAGS);
        let mut table = self.new_table(&header);
        let others: Vec<usize> = (0..header.len())
            .filter(|index| *index != creator)
            .collect();
        keep_whole(&mut table, &others);
        let written = story.written();
        for seen in &story.after.instances {
            let tag = |key: &'static str| match seen.tags.get(key) {
                Some(value) if written.contains(&(seen.instance_id.as_str(), key)) => {
                    Cell::new(format!("+{value}")).fg(Color::DarkGreen)
                }
                Some(value) => Cell::new(value),
                None => Cell::new("-").add_attribute(Attribute::Dim),
            };
            let mut row = vec![Cell::new(&seen.instance_id)];
            row.extend(is_wide.then(|| role(seen)));
            row.push(verdict(seen));
            row.extend(TAGS.map(tag));
            table.add_row(row);
        }
        self.table(&table);
        self.tally(&story.after);
        self.prose("+ marks what tagwarden wrote. What somebody had set is as it was.");
        self.line(&"");
        self.prose("Left, and why:");
        for left in &story.left {
            self.item(&format!(
                "{} {}, {}: {}.",
                left.instance_id, left.role, left.outcome, left.reason
            ));
        }
    }

    fn second_sweep(&mut self, story: &Story) {
        let sweep = &story.second_sweep;
        self.heading(5, "One more sweep");
        let changed = match sweep.changed_instances.len() {
            0 => "No instance changes".to_owned(),
            1 => "1 instance changes".to_owned(),
            changed => format!("{changed} instances change"),
        };
        let writes = sweep.calls.writes();
        let writes = match writes.total {
            0 => "none of them a write".to_owned(),
            1 => format!("one of them a write: {}", operations(&writes)),
            total => format!("{total} of them writes: {}", operations(&writes)),
        };
        self.prose(&format!(
            "{changed}. {} AWS calls, {writes}.",
            sweep.calls.total
        ));
    }

    fn closing(&mut self, story: &Story) {
        self.line(&"");
        self.prose(&format!(
            "{} AWS calls in {} ms:",
            story.calls.total, story.wall_time_ms
        ));
        self.prose(&format!("{}.", operations(&story.calls)));
        self.line(&"");
        self.prose("Read on in README.md; the same as JSON: tagwarden demo --output json");
    }

    /// Whether every column of the tables has room.
    fn is_wide(&self) -> bool {
        self.width >= USUAL_WIDTH.into()
    }

    fn heading(&mut self, number: usize, title: &str) {
        self.line(&"");
        self.line(&format_args!(
            "{} {}",
            number.to_string().cyan().bold(),
            title.bold()
        ));
        self.line(&"");
    }

    fn tally(&mut self, look: &Inspection) {
        let counts = look.counts;
        self.line(&"");
        self.prose(&format!(
            "{} evaluated: {} compliant, {} non-compliant, {} not applicable.",
            counts.evaluated, counts.compliant, counts.non_compliant, counts.not_applicable
        ));
    }

    /// A published message, set off by a bar.
    fn report(&mut self, report: &PublishedReport) {
        let bar = "│".dimmed().to_string();
        let width = self.width.saturating_sub(4);
        self.line(&format_args!("  {bar} {}", report.subject.bold()));
        for line in report.text.trim_end().lines() {
            for part in wrap(line, width, 3) {
                let gap = if part.is_empty() { "" } else { " " };
                self.line(&format_args!("  {bar}{gap}{part}"));
            }
        }
    }

    fn prose(&mut self, text: &str) {
        for line in wrap(text, self.width, 0) {
            self.line(&line);
        }
    }

    fn item(&mut self, text: &str) {
        for line in wrap(&format!("  - {text}"), self.width, 4) {
            self.line(&line);
        }
    }

    fn line(&mut self, line: &dyn std::fmt::Display) {
        // A string takes everything.
        let _ = writeln!(self.text, "{line}");
    }

    fn table(&mut self, table: &Table) {
        let table = table.trim_fmt().replace(NO_BREAK, " ");
        self.text.push_str(&table);
        self.text.push('\n');
    }

    /// A table without borders, as wide as its contents, but not wider than the page.
    fn new_table(&self, header: &[&str]) -> Table {
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
}

fn role(seen: &InstanceSnapshot) -> Cell {
    Cell::new(seen.role).add_attribute(Attribute::Bold)
}

/// The verdict that Config shows; without one, the state of a terminated instance.
fn verdict(seen: &InstanceSnapshot) -> Cell {
    match seen.verdict.as_deref() {
        Some("COMPLIANT") => Cell::new("COMPLIANT").fg(Color::DarkGreen),
        Some(verdict) => Cell::new(verdict).fg(Color::DarkRed),
        None if seen.state == "terminated" => Cell::new(seen.state).fg(Color::DarkYellow),
        None => Cell::new("no result").add_attribute(Attribute::Dim),
    }
}

fn annotation(seen: &InstanceSnapshot) -> Cell {
    let annotation = seen.annotation.as_deref().unwrap_or_default();
    // Findings are easier to tell apart on lines of their own, and a rule stays with its number.
    let annotation = annotation.replace("); ", ");\n");
    Cell::new(annotation.replace("(rule ", &format!("(rule{NO_BREAK}")))
}

fn keep_whole(table: &mut Table, columns: &[usize]) {
    for column in columns {
        if let Some(column) = table.column_mut(*column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

fn plain(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn operations(calls: &CallCounts) -> String {
    let operations: Vec<String> = calls
        .by_operation
        .iter()
        .map(|(operation, tally)| match tally.refused {
            0 => format!("{operation} {}", tally.calls),
            refused => format!("{operation} {} ({refused} refused)", tally.calls),
        })
        .collect();
    operations.join(", ")
}

/// Breaks `text` between words into lines of at most `width` characters, the second and later ones indented. A word
/// that is longer has a line of its own. What `text` is indented by stays.
fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
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
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::demo::play::play;

    /// A page without its styles, every date and duration replaced.
    fn plain_page(width: usize) -> String {
        let page = page(&play().unwrap(), width);
        let page = anstream::adapter::strip_str(&page).to_string();
        let today = chrono::Utc::now().date_naive();
        // Midnight may pass between the account's first look at the clock and this one.
        let dates = [today, today - chrono::Days::new(1)].into_iter();
        let dates = dates.flat_map(|day| [day, day + chrono::Days::new(90)]);
        let page = dates.fold(page, |page, date| {
            page.replace(&date.to_string(), "YYYY-MM-DD")
        });
        let run_id = regex_lite::Regex::new("[0-9]{8}T[0-9]{6}Z-").unwrap();
        let page = run_id.replace_all(&page, "YYYYMMDDThhmmssZ-");
        let time = regex_lite::Regex::new(r"\b[0-9]{2}:[0-9]{2}\b").unwrap();
        let page = time.replace_all(&page, "hh:mm");
        page.lines()
            .map(|line| match line.split_once(" AWS calls in ") {
                Some((calls, _)) => format!("{calls} AWS calls in … ms:\n"),
                None => format!("{line}\n"),
            })
            .collect()
    }

    #[test]
    fn a_narrow_page() {
        insta::assert_snapshot!(plain_page(80));
    }

    #[test]
    fn annotations_break_where_they_read_well() {
        let wide = plain_page(120);
        assert!(wide.contains("missing tag ProjectCode (rule 1);\n"));
        assert!(wide.contains("missing tag ProjectCode (rule 1; found projectcode)\n"));
        for width in [72, 80, 99, 100, 120] {
            let page = plain_page(width);
            assert!(
                !page.contains("(rule\n") && !page.contains(NO_BREAK),
                "{width}"
            );
        }
    }

    #[test]
    fn no_line_but_a_link_is_wider_than_the_page_and_none_ends_in_blanks() {
        for width in [72, 80, 99, 100, 120] {
            for line in plain_page(width).lines() {
                let is_link = line.trim_start_matches([' ', '│']).starts_with("https://");
                let fits = line.chars().count() <= width;
                assert!(fits || is_link, "{width}: {line}");
                assert_eq!(line, line.trim_end(), "{width}");
            }
        }
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("", 9, 3), [""]);
        assert_eq!(wrap("one two three", 13, 3), ["one two three"]);
        assert_eq!(wrap("one two three", 12, 3), ["one two", "   three"]);
        assert_eq!(wrap("  - one two", 9, 4), ["  - one", "    two"]);
        assert_eq!(
            wrap("incomprehensibilities at length", 9, 0),
            ["incomprehensibilities", "at length"]
        );
    }
}
