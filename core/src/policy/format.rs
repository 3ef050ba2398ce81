//! The format of a policy table: which attributes mean something.

/// The format of a policy table.
///
/// A table means what it always meant unless it has the row `{RuleId, PolicyFormat: 2}`. Older functions take that row for
/// a rule without a tag key, and do nothing. So a restriction that they do not know cannot widen a termination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyFormat {
    /// The format of tables without a format row. Attributes that its version did not have are other people's columns.
    #[default]
    V1,
    /// The format with optional attributes. An attribute that tagwarden does not know is a problem, unless it is `Comment`
    /// or begins with `x-`.
    V2,
}

impl PolicyFormat {
    /// The newest format that this version reads.
    pub const NEWEST: Self = Self::V2;

    /// The number in the table.
    #[must_use]
    pub fn number(self) -> i64 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}
