//! `tagwarden report`.
