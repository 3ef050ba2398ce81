//! Files that people write, and what is wrong with them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`node`] | a YAML or JSON text as a tree whose parts know their places |
//! | [`problem`] | a problem at its place, and how it is shown |
//! | [`suggestion`] | the word that a misspelt one was probably meant to be |

pub mod node;
pub mod problem;
pub mod suggestion;
