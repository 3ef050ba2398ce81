//! Counts what happened in storms.

use std::ops::AddAssign;

/// The counts of what happened, to prove that a storm was not a calm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub storms: usize,
    pub functions: usize,
    pub events: usize,
    pub calls: usize,
    pub killed: usize,
    pub refused_calls: usize,
    pub lost_answers: usize,
    pub conflicts: usize,
    pub deeds: usize,
    pub meddled: usize,
    pub tags: usize,
    pub stops: usize,
    pub terminations: usize,
    /// Acts that were no longer needed, and acts in the window that no read can close.
    pub in_the_window: usize,
    pub begun: usize,
    pub spared: usize,
    pub refused: usize,
    pub failed: usize,
    pub recovered_by_others: usize,
    pub letters: usize,
    /// Letters that administrators got, because they could not be sent to their owners.
    pub fallbacks: usize,
    /// Storms of two stacks.
    pub two_stacks: usize,
    /// Storms in which the functions are down for more than a day.
    pub outages: usize,
    /// What two stacks did to the same instance, in the window that no read can close.
    pub crossed: usize,
    pub undos: usize,
    /// Tags that undos took back.
    pub undone: usize,
    /// Tags that undos left, because something had changed since they were shown.
    pub kept: usize,
    /// Tags that EC2 kept, because they had another value by then.
    pub kept_by_ec2: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.storms += other.storms;
        self.functions += other.functions;
        self.events += other.events;
        self.calls += other.calls;
        self.killed += other.killed;
        self.refused_calls += other.refused_calls;
        self.lost_answers += other.lost_answers;
        self.conflicts += other.conflicts;
        self.deeds += other.deeds;
        self.meddled += other.meddled;
        self.tags += other.tags;
        self.stops += other.stops;
        self.terminations += other.terminations;
        self.in_the_window += other.in_the_window;
        self.begun += other.begun;
        self.spared += other.spared;
        self.refused += other.refused;
        self.failed += other.failed;
        self.recovered_by_others += other.recovered_by_others;
        self.letters += other.letters;
        self.fallbacks += other.fallbacks;
        self.two_stacks += other.two_stacks;
        self.outages += other.outages;
        self.crossed += other.crossed;
        self.undos += other.undos;
        self.undone += other.undone;
        self.kept += other.kept;
        self.kept_by_ec2 += other.kept_by_ec2;
    }
}
