//! What the page says, and how it is made HTML.

mod charts;
mod fleet;
mod html;
mod people;
mod places;
