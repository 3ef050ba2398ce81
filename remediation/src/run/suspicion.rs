//! What a sweep finds on nearly every instance is rather a mistake in the policy, or in what AWS answers.

use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_aws::AwsError;

use crate::ledger::{Ledger, SuspicionNote};
use crate::plan::{CountdownReason, Outcome, Plan, Reason};
use crate::remediation::Remediation;
use crate::safeguard::Safeguard;

/// The fewest instances that are suspicious.
const MANY: usize = 20;

/// How long after the first such sweep another one that finds the same acts.
const APART: TimeDelta = TimeDelta::hours(1);

/// How long a note stands unconfirmed. Sweeps may be a week apart.
const STALE_AFTER: TimeDelta = TimeDelta::days(8);

/// Defers the shutdowns of a sweep for a reason that it found on at least 20, and nine of ten, of its `instances`,
/// unless a sweep at least an hour ago found the same. Gives those reasons.
///
/// # Errors
/// The ledger did not answer.
pub(super) async fn check_sweep(
    home: &Remediation,
    ledger: &Ledger,
    plan: &mut Plan,
    instances: usize,
) -> Result<Vec<CountdownReason>, AwsError> {
    if !home.settings.safeguards.hold(Safeguard::Suspicion) {
        return Ok(Vec::new());
    }
    let now = home.clock.now();
    let mut suspicious = Vec::new();
    let reasons = plan.reasons.clone().into_iter();
    for (reason, count) in reasons.filter(|(_, count)| is_nearly_all(*count, instances)) {
        let noted = ledger.suspicion(&reason).await?;
        let noted = noted.filter(|noted| now - noted.seen_at <= STALE_AFTER);
        let first_at = noted.map_or(now, |noted| noted.first_at);
        let note = SuspicionNote {
            first_at,
            seen_at: now,
        };
        ledger.note_suspicion(&reason, &note).await?;
        if now - first_at < APART {
            let of = instances;
            plan.withdraw(&reason, &Outcome::Deferred(Reason::Suspicion { count, of }));
            suspicious.push(reason);
        }
    }
    Ok(suspicious)
}

/// Until when sweeps that find `reason` only report it, because one found it on nearly every instance; `None` if nothing
/// of the kind is noted in `ledger`.
///
/// # Errors
/// The ledger did not answer.
pub(crate) async fn suspected_until(
    ledger: &Ledger,
    reason: &CountdownReason,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, AwsError> {
    let noted = ledger.suspicion(reason).await?;
    let noted = noted.filter(|noted| now - noted.seen_at <= STALE_AFTER);
    let until = noted.and_then(|noted| noted.first_at.checked_add_signed(APART));
    Ok(until.filter(|until| now < *until))
}

/// Whether a reason that `count` of `instances` have is rather a mistake.
pub(crate) fn is_nearly_all(count: usize, instances: usize) -> bool {
    count >= MANY && count.saturating_mul(10) >= instances.saturating_mul(9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(19, 19, false)]
    #[case(20, 20, true)]
    #[case(20, 22, true)]
    #[case(20, 23, false)]
    #[case(900, 1_000, true)]
    #[case(899, 1_000, false)]
    fn takes_twenty_and_nine_of_ten_for_suspicious(
        #[case] count: usize,
        #[case] instances: usize,
        #[case] is: bool,
    ) {
        assert_eq!(is_nearly_all(count, instances), is);
    }
}
