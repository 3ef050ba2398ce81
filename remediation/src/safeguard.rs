//! The safeguards by name: what stands between a finding and an instance that is stopped or terminated, and between a
//! letter and a wrong reader.
//!
//! All of them always hold. No setting of a function or of the command takes one out. Only the tests do, to show that the
//! simulated storms notice it.

use std::collections::BTreeSet;

/// One safeguard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Safeguard {
    /// The grace period lies between the first look and the shutdown.
    Grace,
    /// An earlier run must have seen the same reason for a shutdown.
    TwoLooks,
    /// A countdown that no run has confirmed for too long starts over.
    Confirmation,
    /// DescribeTags must agree that a tag is missing.
    TagsConfirmed,
    /// What rules may shut down is permitted by a setting of its own.
    Permission,
    /// A shutdown that must be announced waits for an accepted notice.
    Notice,
    /// What a sweep finds on nearly every instance is taken for a mistake at first.
    Suspicion,
    /// An instance that its manager would replace, or that only its manager may end, is refused.
    Manager,
    /// An exempt instance is left alone.
    Exemption,
    /// The most shutdowns an hour, by all functions together.
    Budget,
    /// The instance and the policy are read again right before the act.
    LiveTruth,
    /// Of several functions that want the same, one does it.
    Claim,
    /// An act is written down before it is done.
    WriteAhead,
    /// An owner is told the same once a day.
    ToldOnce,
    /// A letter goes only to contacts that the settings allow.
    ContactAllowed,
    /// What a contact does not take goes to the administrators.
    LetterFallback,
}

impl Safeguard {
    /// Every safeguard.
    pub const ALL: [Self; 16] = [
        Self::Grace,
        Self::TwoLooks,
        Self::Confirmation,
        Self::TagsConfirmed,
        Self::Permission,
        Self::Notice,
        Self::Suspicion,
        Self::Manager,
        Self::Exemption,
        Self::Budget,
        Self::LiveTruth,
        Self::Claim,
        Self::WriteAhead,
        Self::ToldOnce,
        Self::ContactAllowed,
        Self::LetterFallback,
    ];
}

/// The safeguards that hold: all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Safeguards {
    taken_out: BTreeSet<Safeguard>,
}

impl Safeguards {
    /// All but one, for the tests that show what it is there for.
    #[doc(hidden)]
    #[must_use]
    pub fn without(safeguard: Safeguard) -> Self {
        Self {
            taken_out: BTreeSet::from([safeguard]),
        }
    }

    /// Whether `safeguard` holds.
    #[must_use]
    pub fn hold(&self, safeguard: Safeguard) -> bool {
        !self.taken_out.contains(&safeguard)
    }
}
