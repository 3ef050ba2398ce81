//! Shows what happened in the demo, as text.

use comfy_table::{Attribute, Cell, Color, Table};
use owo_colors::OwoColorize;
use serde_json::Value;

use super::fleet;
use super::page::{DemoPage, NO_BREAK, keep_whole};
use super::story::{
    CallCounts, Inspection, InstanceSnapshot, LaterChapter, PublishedReport, Story,
};

/// The tags that the policy is about, in its order: the columns of the last table.
const TAGS: [&str; 3] = ["ProjectCode", "CreatedBy", "Expires"];

/// The whole story, on a page of the given width.
pub fn page(story: &Story, width: usize) -> String {
    let mut page = DemoPage::new(width);
    page.opening(story);
    page.before(story);
    page.dry_run(story);
    page.enforce(story);
    page.after(story);
    page.second_sweep(story);
    page.later(&story.later);
    page.closing(story);
    page.into_text()
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
        self.prose("The reports' links to the AWS console are left out here.");
        self.line(&"");
        // What it would write is in the next report.
        let report = &story.dry_run_report;
        self.message(&report.subject, &report.text, |line| {
            !line.starts_with("-- Instance")
        });
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

    fn later(&mut self, later: &LaterChapter) {
        self.heading(
            6,
            "The policy says more: which values, and when an instance ends",
        );
        self.prose(&format!(
            "Somebody exempts {}. Then the policy gets a list of values for Env, and Expires becomes an end date. \
             tagwarden push shows the change, and warns:",
            fleet::EXEMPT
        ));
        self.line(&"");
        self.laid_out(&later.policy_change.text);
        self.line(&"");
        self.prose(&format!(
            "So tagwarden undo --tag Expires takes {} dates back. The Config rule now says what somebody must fix:",
            later.undone_tags
        ));
        self.line(&"");
        let mut instances = later.found.instances.iter();
        if let Some(seen) = instances.find(|seen| seen.role == fleet::MISSPELT) {
            let annotation = seen.annotation.as_deref().unwrap_or_default();
            self.item(&format!("{} {}: {annotation}", seen.instance_id, seen.role));
        }
        self.line(&"");
        self.prose(
            "The night's sweep announces what ends. Rules may end instances, because the remediation now runs with \
             TAGWARDEN_RULES_MAY_DESTROY=stop-and-terminate:",
        );
        self.line(&"");
        self.report(&later.notice_report);
        self.line(&"");
        self.prose(&format!(
            "Three days later, {} has an allowed value. Somebody still needs {}, and has set its tag Expires to a later date. \
             Nobody needs {}:",
            fleet::MISSPELT,
            fleet::EXTENDED,
            fleet::ENDING
        ));
        self.line(&"");
        self.report(&later.end_report);
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

    fn tally(&mut self, look: &Inspection) {
        let counts = look.counts;
        self.line(&"");
        self.prose(&format!(
            "{} evaluated: {} compliant, {} non-compliant, {} not applicable.",
            counts.evaluated, counts.compliant, counts.non_compliant, counts.not_applicable
        ));
    }

    fn report(&mut self, report: &PublishedReport) {
        self.message(&report.subject, &report.text, |_| true);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::demo::play::play;

    /// A page without its styles, every date and duration replaced.
    fn plain_page(width: usize) -> String {
        let page = page(&play().unwrap(), width);
        let page = anstream::adapter::strip_str(&page).to_string();
        let replaced = [
            ("[0-9]{8}T[0-9]{6}Z-", "YYYYMMDDThhmmssZ-"),
            (r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b", "YYYY-MM-DD"),
            (r"\b[0-9]{2}:[0-9]{2}\b", "hh:mm"),
            (r" AWS calls in [0-9]+ ms:", " AWS calls in … ms:"),
        ];
        replaced.iter().fold(page, |page, (form, by)| {
            let form = regex_lite::Regex::new(form).unwrap();
            form.replace_all(&page, *by).into_owned()
        })
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
    fn no_line_is_wider_than_the_page_or_ends_in_blanks() {
        for width in [72, 80, 99, 100, 120] {
            for line in plain_page(width).lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
                assert_eq!(line, line.trim_end(), "{width}");
            }
        }
    }
}
