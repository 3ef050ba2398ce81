//! One page of the manual.

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::external::{self, External};

/// A page, and the name of its file.
#[derive(Debug)]
pub struct ManPage {
    /// Such as `tagwarden-plan.1`.
    pub file: String,
    /// In the language of `man`: <https://man7.org/linux/man-pages/man7/groff_man.7.html>.
    pub text: String,
}

/// The page of `command`, and those of its subcommands.
///
/// # Errors
/// Writing to memory fails, which does not happen.
pub fn all(command: Command) -> io::Result<Vec<ManPage>> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let commands: Vec<&Command> = std::iter::once(&command)
        .chain(command.get_subcommands())
        .collect();
    let names: Vec<&str> = commands.iter().map(|command| name(command)).collect();
    commands
        .iter()
        .map(|command| page(command, &names))
        .collect()
}

/// Such as `tagwarden-plan`.
fn name(command: &Command) -> &str {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
}

/// `names` are those of all pages.
fn page(command: &Command, names: &[&str]) -> io::Result<ManPage> {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let man = Man::new(command.clone().override_usage(usage))
        .source(concat!("tagwarden ", env!("CARGO_PKG_VERSION")))
        .manual("The manual of tagwarden");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    // People copy the names of options and variables, so nothing is hyphenated or spaced out.
    text.extend(b".nh\n.ad l\n");
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    man.render_options_section(&mut text)?;
    rest(command, names).to_writer(&mut text)?;
    Ok(ManPage {
        file: man.get_filename(),
        text: typewritten(&String::from_utf8_lossy(&text)),
    })
}

/// The sections of the help below its options, and those that only the page has, in the order of man-pages(7).
fn rest(command: &Command, names: &[&str]) -> Roff {
    let help = command
        .get_after_long_help()
        .or_else(|| command.get_after_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    let (examples, others): (Vec<_>, Vec<_>) =
        sections(&help).into_iter().partition(Section::is_examples);
    let mut roff = Roff::new();
    for section in others {
        roff.control("SH", [section.title.to_uppercase().as_str()]);
        for (term, text) in section.items() {
            item(&mut roff, term, &text);
        }
    }
    for (title, external) in [
        ("ENVIRONMENT", external::variables(command)),
        ("FILES", external::files(command)),
    ] {
        list(&mut roff, title, &external);
    }
    for section in examples {
        roff.control("SH", ["EXAMPLES"]);
        roff.control("nf", []);
        for line in section.lines {
            let line = line.strip_prefix("  ").unwrap_or(line);
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    roff.control("SH", ["SEE ALSO"]);
    let others = names.iter().filter(|other| **other != name(command));
    let mut see_also = Vec::new();
    for other in others {
        if !see_also.is_empty() {
            see_also.push(roman(", "));
        }
        see_also.push(bold(*other));
        see_also.push(roman("(1)"));
    }
    roff.text(see_also);
    roff
}

fn list(roff: &mut Roff, title: &str, items: &[External]) {
    if items.is_empty() {
        return;
    }
    roff.control("SH", [title]);
    for external in items {
        item(roff, external.name, external.what_for);
    }
}

fn item(roff: &mut Roff, term: &str, text: &str) {
    roff.control("TP", []);
    roff.text([bold(term)]);
    roff.text([roman(text)]);
}

/// A part of the help: a line that is not indented and ends with a colon, and those below it.
#[derive(Debug, PartialEq, Eq)]
struct Section<'a> {
    title: &'a str,
    lines: Vec<&'a str>,
}

fn sections(help: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in help.lines() {
        match (line.strip_suffix(':'), sections.last_mut()) {
            (Some(title), _) if !line.starts_with(' ') => sections.push(Section {
                title,
                lines: Vec::new(),
            }),
            (_, Some(section)) => section.lines.push(line),
            (_, None) => {}
        }
    }
    for section in &mut sections {
        while section.lines.last().is_some_and(|line| line.is_empty()) {
            section.lines.pop();
        }
    }
    sections
}

impl<'a> Section<'a> {
    /// Whether it keeps its lines, because people copy them.
    fn is_examples(&self) -> bool {
        matches!(self.title, "Examples" | "Start here")
    }

    /// The items that it lists, each with its text: `  0    done`. Further lines of a text are indented further.
    fn items(&self) -> Vec<(&'a str, String)> {
        let mut items: Vec<(&str, String)> = Vec::new();
        for line in &self.lines {
            let entry = line.trim_start();
            let is_new = line.len() - entry.len() == 2;
            match items.last_mut() {
                Some((_, text)) if !is_new => {
                    if !text.is_empty() {
                        text.push(' ');
                    }
                    text.push_str(entry);
                }
                _ => {
                    let (term, text) = entry.split_once("  ").unwrap_or((entry, ""));
                    items.push((term, text.trim_start().to_owned()));
                }
            }
        }
        items
    }
}

/// The page with bold words in place of backticks, and with tildes and circumflexes that stay what they are: `man` would
/// typeset them as accents.
fn typewritten(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    for line in page.lines() {
        if line.starts_with('.') {
            text.push_str(line);
        } else {
            let is_paired = line.matches('`').count() % 2 == 0;
            let mut is_code = false;
            for character in line.chars() {
                match character {
                    '`' if is_paired => {
                        is_code = !is_code;
                        text.push_str(if is_code { r"\fB" } else { r"\fR" });
                    }
                    '`' => text.push_str(r"\(ga"),
                    '~' => text.push_str(r"\(ti"),
                    '^' => text.push_str(r"\(ha"),
                    other => text.push(other),
                }
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_sections_of_a_help_and_their_items() {
        let help = "Examples:\n  a\n\n  b\n\nThe JSON document:\n  one, two\n         both\n  three  of it,\n         and more";
        let sections = sections(help);
        let titles: Vec<&str> = sections.iter().map(|section| section.title).collect();
        assert_eq!(titles, ["Examples", "The JSON document"]);
        assert_eq!(sections[0].lines, ["  a", "", "  b"]);
        assert_eq!(
            sections[1].items(),
            [
                ("one, two", "both".to_owned()),
                ("three", "of it, and more".to_owned())
            ]
        );
    }

    #[test]
    fn escapes_what_man_would_typeset() {
        assert_eq!(
            typewritten("as `push` has ~/x^\n.TH `\none ` alone"),
            "as \\fBpush\\fR has \\(ti/x\\(ha\n.TH `\none \\(ga alone\n"
        );
    }
}
