//! Letters: what one owner is told of their resources.
//!
//! Pure: a report, the policy and the present go in, letters come out. A letter has three forms, because SNS gives each
//! protocol its own: text for mail, JSON for programs, and a card for chat applications.
//!
//! | module | what it holds |
//! |---|---|
//! | `context` | what letters need beside the report |
//! | `draft` | what one reader is told |
//! | `kind` | what a letter is about, and what a reader can do |
//! | `keep` | the tag that keeps a resource, and the command that sets it |
//! | `view` | the built-in text |
//! | `template` | what a template of the policy table sees, and whether it is sound |
//! | `wording` | the policy table's own text |
//! | `document` | the JSON for programs |
//! | `chat` | the card for Slack and Teams |
//! | `message` | all forms as one message of SNS |

mod chat;
mod context;
mod document;
mod draft;
mod keep;
mod kind;
mod message;
mod template;
mod view;
mod wording;

pub use context::LetterContext;
pub use draft::{Letter, LetterEntry, LetterReader, letters};
pub use keep::Keep;
pub use kind::LetterKind;
pub use message::LetterMessage;
pub use template::check_letter_template;
pub use wording::LetterWording;

#[cfg(test)]
mod tests;
