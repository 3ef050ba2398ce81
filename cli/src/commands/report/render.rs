//! The page as HTML.
//!
//! Whatever is not in the templates is written by strangers, and escaped; see [`html`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, Value, context};
use sha2::{Digest, Sha256};

use super::page::ReportPage;
use crate::words::thousands;

const PAGE: &str = include_str!("template/page.html");
const STYLE: &str = include_str!("template/style.css");
/// Only for a page of several accounts and Regions.
const PLACES_STYLE: &str = include_str!("template/places.css");
const SCRIPT: &str = include_str!("template/table.js");

/// The page as one HTML document that asks for nothing else.
///
/// The browser is told to run and to apply only what this program wrote, by its hash, and to load nothing: should a
/// value ever get past the escaping, it stays text.
///
/// # Errors
/// The template is at fault.
pub fn html(page: &ReportPage) -> Result<String, Error> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()?;
    environment.set_syntax(syntax);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("grouped", thousands);
    environment.add_template("page.html", PAGE)?;
    let html = environment.get_template("page.html")?.render(context! {
        page => Serde(page),
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        style_hash => hash(STYLE),
        places_style => Value::from_safe_string(PLACES_STYLE.to_owned()),
        places_style_hash => hash(PLACES_STYLE),
        script_hash => hash(SCRIPT),
    })?;
    Ok(html.replace(is_unprintable, "\u{fffd}"))
}

/// The text as Content-Security-Policy names it.
///
/// See [Content Security Policy Level 3](https://www.w3.org/TR/CSP3/#grammardef-hash-source).
fn hash(text: &str) -> Value {
    let hash = STANDARD.encode(Sha256::digest(text));
    // What base64 is made of needs no escaping, and must not be.
    Value::from_safe_string(format!("'sha256-{hash}'"))
}

/// What HTML does not allow, what shows as nothing at all, and what turns round what is written next to it.
fn is_unprintable(character: char) -> bool {
    let is_hidden = matches!(
        character,
        '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    );
    is_hidden || (character.is_control() && character != '\n')
}
