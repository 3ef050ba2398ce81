//! What settings mean since the last upgrade: the first report after it says so.

/// The number of [`CHANGES`]. The next release that changes what settings mean counts on, and has its own list.
pub(crate) const EDITION: u32 = 1;

/// What means something else after the upgrade from version 0.1.0.
pub(crate) const CHANGES: [&str; 5] = [
    "A rule stops or terminates instances only if TAGWARDEN_RULES_MAY_DESTROY allows it (default: no).",
    "A rule with Required = N stops and terminates nothing.",
    "A shutdown needs two looks. TAGWARDEN_GRACE_MINUTES counts from the first of them, no longer from the launch.",
    "With TAGWARDEN_UNTAGGED = stop, only what tagwarden has stopped is terminated later.",
    "CHANGELOG.md and docs/deploy.md say what else has changed.",
];

/// The lines of the text.
pub(super) fn lines(changes: &[&str]) -> String {
    let lines = changes.iter().map(|change| format!("\n* {change}"));
    let lines: String = lines.collect();
    format!("tagwarden was upgraded. This is what your settings and rules mean now:{lines}")
}
