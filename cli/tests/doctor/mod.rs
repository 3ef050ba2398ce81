//! `tagwarden doctor`, against an account on loopback.

pub mod clinic;
mod faults;
mod guide;
mod strangers;
mod unseen;
