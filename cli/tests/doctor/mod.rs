//! `tagwarden doctor`, against an account on loopback.

pub mod clinic;
mod faults;
mod guide;
mod odd;
mod strangers;
mod unseen;
