//! Why a step is not taken.

use std::fmt;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use tagwarden_core::exemption::EXEMPTION_KEY;

/// Why a step is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The instance is younger than the grace period. Deferred.
    Grace {
        /// How old it is; `None` if EC2 does not say when it was launched.
        age: Option<TimeDelta>,
        /// How old it must be.
        grace: TimeDelta,
    },
    /// There was no time to ask CloudTrail. Deferred.
    LookUpUnfinished,
    /// The function had no time left. Deferred.
    NoTime,
    /// CloudTrail does not show the launch, which it may show minutes late. Deferred.
    LaunchNotShown {
        /// How old the instance is; `None` if EC2 does not say when it was launched.
        age: Option<TimeDelta>,
        /// How old it must be.
        grace: TimeDelta,
    },
    /// A source of the tag's value cannot be read now. Deferred, for a day at most.
    SourceUnread {
        /// The source, as people know it: `its VPC vpc-1`.
        source: String,
        /// Why.
        why: String,
    },
    /// The policy changed while the run was on. Deferred.
    PolicyChanged,
    /// The run was cancelled before it came to this. Deferred.
    Interrupted,
    /// The instance has a manager, which would replace it forever, or alone may end it. Refused.
    Managed {
        /// Such as `the Auto Scaling group web`.
        manager: String,
        /// Such as `which would replace it`: [`Manager::concern`](tagwarden_core::Manager::concern).
        concern: &'static str,
        /// What would last, such as `tag the group`: [`Manager::fix`](tagwarden_core::Manager::fix).
        fix: &'static str,
    },
    /// There is no ledger to write the act down in. Refused.
    NoLedger,
    /// The hour's budget of stops and terminations is used up. Refused.
    Budget {
        /// How many are allowed.
        limit: usize,
    },
    /// It is stopped, and has not been for long enough to be terminated. Deferred.
    Stopped {
        /// When it will have been.
        terminate_on: NaiveDate,
    },
    /// A first look found the reason, and a second must agree. Deferred.
    Counting {
        /// When it was first found.
        since: DateTime<Utc>,
        /// When the shutdown may happen at the earliest.
        day: DateTime<Utc>,
    },
    /// The shutdown is announced, and its day has not come. Deferred.
    Announced {
        /// When the shutdown may happen at the earliest.
        day: DateTime<Utc>,
        /// For when this notice was meant, where there are several.
        notice: Option<DateTime<Utc>>,
    },
    /// An end date comes, or has passed and its day has not come. Deferred.
    Ends {
        /// The key of the tag with the end date.
        tag_key: String,
        /// The end date, as the tag has it.
        date: String,
        /// When the shutdown may happen at the earliest.
        day: DateTime<Utc>,
        /// How many days are left; negative once the date has passed.
        days_left: i64,
        /// For when this notice was meant; `None` for what is no notice.
        notice: Option<DateTime<Utc>>,
    },
    /// The settings do not permit rules this shutdown. Refused.
    NotPermitted {
        /// Whether it is a stop.
        is_stop: bool,
    },
    /// It must be announced, and there is no topic. Refused.
    NoTopic,
    /// It must be announced, and the report would reach nobody. Refused.
    NotAnnounced(String),
    /// DescribeTags shows a tag that DescribeInstances left out. Deferred.
    TagsDisagree,
    /// DescribeTags could not be asked. Deferred.
    TagsUnconfirmed(String),
    /// Nearly every instance of a sweep has the same defect, which is rather a mistake in the policy. Deferred.
    Suspicion {
        /// On how many instances.
        count: usize,
        /// Of how many.
        of: usize,
    },
    /// EC2 refused many of the run's instances, so the others were not tried. Deferred.
    ManyProtected,
    /// It is not part of the plan that a person agreed to. Deferred.
    NotInPlan,
    /// The run wrote a tag to the instance, or may have. The next look decides. Deferred.
    JustTagged,
    /// The instance is protected against this. Refused.
    Protected,
    /// EC2 refused this for what the instance is, or for who asked. Refused.
    RefusedByEc2 {
        /// AWS's error code.
        code: String,
        /// What EC2 answered, with the code.
        why: String,
    },
    /// The instance does not exist any more. Refused.
    Vanished,
    /// The policy has a hold: see [`Policy::hold`](tagwarden_core::Policy::hold). Refused.
    Hold {
        /// The hold's reason.
        reason: String,
    },
    /// A tag of the instance looks like an exemption and cannot be read, so it protects for some days. Refused.
    UnreadableExemption {
        /// The key of the tag.
        key: String,
        /// The value of the tag.
        value: String,
        /// The last day on which it protects, to the end of that day in UTC.
        until: NaiveDate,
    },
    /// The tag was restored several times within a week, and somebody removed it each time. Refused.
    RemovedRepeatedly {
        /// When it is written again at the earliest.
        until: NaiveDate,
        /// Who removed it last; `None` where that was not looked up or is not known.
        by: Option<String>,
    },
}

impl Reason {
    /// The reason's name, as programs read it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Grace { .. } => "grace",
            Self::LookUpUnfinished => "look-up-unfinished",
            Self::NoTime => "no-time",
            Self::LaunchNotShown { .. } => "launch-not-shown",
            Self::SourceUnread { .. } => "source-unread",
            Self::PolicyChanged => "policy-changed",
            Self::Interrupted => "interrupted",
            Self::Managed { .. } => "owned",
            Self::NoLedger => "no-ledger",
            Self::Budget { .. } => "budget",
            Self::Stopped { .. } => "stopped",
            Self::Counting { .. } => "counting",
            Self::Announced { .. } => "announced",
            Self::Ends { .. } => "ends",
            Self::NotPermitted { .. } => "not-permitted",
            Self::NoTopic => "no-topic",
            Self::NotAnnounced(_) => "not-announced",
            Self::TagsDisagree => "tags-disagree",
            Self::TagsUnconfirmed(_) => "tags-unconfirmed",
            Self::Suspicion { .. } => "suspicion",
            Self::ManyProtected => "many-protected",
            Self::NotInPlan => "not-in-plan",
            Self::JustTagged => "just-tagged",
            Self::Protected => "protected",
            Self::RefusedByEc2 { .. } => "refused-by-ec2",
            Self::Vanished => "vanished",
            Self::Hold { .. } => "hold",
            Self::UnreadableExemption { .. } => "unreadable-exemption",
            Self::RemovedRepeatedly { .. } => "removed-repeatedly",
        }
    }

    /// Whether it only delays the step, so that a later run takes it although nobody changes anything. A budget of 0
    /// delays nothing: it prevents.
    #[must_use]
    pub fn only_delays(&self) -> bool {
        match self {
            Self::Grace { .. }
            | Self::LookUpUnfinished
            | Self::NoTime
            | Self::LaunchNotShown { .. }
            | Self::SourceUnread { .. }
            | Self::PolicyChanged
            | Self::Interrupted
            | Self::Stopped { .. }
            | Self::Counting { .. }
            | Self::Announced { .. }
            | Self::Ends { .. }
            | Self::TagsDisagree
            | Self::TagsUnconfirmed(_)
            | Self::Suspicion { .. }
            | Self::ManyProtected
            | Self::NotInPlan
            | Self::JustTagged
            | Self::UnreadableExemption { .. } => true,
            Self::Budget { limit } => *limit > 0,
            Self::Managed { .. }
            | Self::NoLedger
            | Self::NotPermitted { .. }
            | Self::NoTopic
            | Self::NotAnnounced(_)
            | Self::Protected
            | Self::RefusedByEc2 { .. }
            | Self::Vanished
            | Self::Hold { .. }
            | Self::RemovedRepeatedly { .. } => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grace {
                age: Some(age),
                grace,
            } => write!(
                f,
                "launched {} minutes ago, the grace period is {} minutes",
                age.num_minutes(),
                grace.num_minutes()
            ),
            Self::Grace { age: None, .. } => f.write_str("EC2 does not say when it was launched"),
            Self::LookUpUnfinished => {
                f.write_str("there was no time left to ask CloudTrail who launched it")
            }
            Self::LaunchNotShown {
                age: Some(age),
                grace,
            } => write!(
                f,
                "CloudTrail does not show its launch of {} minutes ago yet, and has until {} minutes after it",
                age.num_minutes(),
                grace.num_minutes()
            ),
            Self::LaunchNotShown { age: None, .. } => f.write_str(
                "CloudTrail does not show its launch yet, and EC2 does not say when it was launched",
            ),
            Self::SourceUnread { source, why } => source_unread(f, source, why),
            Self::NoTime => f.write_str("there was no time left for it"),
            Self::PolicyChanged => f.write_str("the policy changed during the run"),
            Self::Interrupted => f.write_str("the run was ended before it came to it"),
            Self::Managed {
                manager,
                concern,
                fix,
            } => write!(f, "it belongs to {manager}, {concern}: {fix}"),
            Self::NoLedger => f.write_str("no ledger table is configured (TAGWARDEN_LEDGER_TABLE)"),
            Self::Budget { limit } => write!(
                f,
                "the limit of {limit} stops and terminations an hour is reached (TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR)"
            ),
            Self::Stopped { terminate_on } => write!(
                f,
                "it is stopped, and will be terminated on {terminate_on} unless it is tagged"
            ),
            Self::Counting { since, day } => write!(
                f,
                "first seen so at {}; if it still is, it is done after {}",
                moment(*since),
                moment(*day)
            ),
            Self::Announced { day, .. } => write!(
                f,
                "this is the notice; if nothing changes, it is done after {}",
                moment(*day)
            ),
            Self::Ends {
                tag_key,
                date,
                day,
                days_left,
                ..
            } => ends(f, tag_key, date, *day, *days_left),
            Self::NotPermitted { is_stop: true } => f.write_str(
                "rules may not stop instances (TAGWARDEN_RULES_MAY_DESTROY must be stop or stop-and-terminate)",
            ),
            Self::NotPermitted { is_stop: false } => f.write_str(
                "rules may not terminate instances (TAGWARDEN_RULES_MAY_DESTROY must be stop-and-terminate)",
            ),
            Self::NoTopic => f.write_str(
                "it must be announced first, and no topic is configured (TAGWARDEN_TOPIC_ARN)",
            ),
            Self::NotAnnounced(why) => {
                write!(f, "it must be announced first, and nobody would read it: {why}")
            }
            Self::TagsDisagree => f.write_str(
                "DescribeTags shows tags that DescribeInstances leaves out, so no missing tag is believed in this run",
            ),
            Self::TagsUnconfirmed(why) => {
                write!(f, "DescribeTags did not confirm that the tag is missing: {why}")
            }
            Self::Suspicion { count, of } => write!(
                f,
                "{count} of {of} instances have the same defect, which may be a mistake in the policy; a sweep at least an hour later that finds the same does it"
            ),
            Self::ManyProtected => f.write_str("EC2 refused too many others in this run"),
            Self::NotInPlan => {
                f.write_str("it is not in the plan that was agreed to: a new plan shows it")
            }
            Self::JustTagged => f.write_str("this run wrote a tag to it: the next one decides"),
            Self::RefusedByEc2 { why, .. } => f.write_str(why),
            Self::Protected => f.write_str("the instance is protected against it"),
            Self::Vanished => f.write_str("the instance does not exist any more"),
            Self::Hold { reason } => write!(f, "the policy has a hold: {reason}"),
            Self::UnreadableExemption { key, value, until } => write!(
                f,
                "its tag {key:?} = {value:?} looks like an exemption and cannot be read: write {EXEMPTION_KEY} = \"2026-12-31 why\"; it protects the instance until the end of {until}"
            ),
            Self::RemovedRepeatedly { until, by } => removed_repeatedly(f, *until, by.as_deref()),
        }
    }
}

fn removed_repeatedly(
    f: &mut fmt::Formatter<'_>,
    until: NaiveDate,
    by: Option<&str>,
) -> fmt::Result {
    f.write_str("it was restored three times within a week, and removed each time")?;
    if let Some(by) = by {
        write!(f, ", last by {by}")?;
    }
    write!(
        f,
        "; it is not written again before {until}: put the tag into the code that removes it"
    )
}

fn source_unread(f: &mut fmt::Formatter<'_>, source: &str, why: &str) -> fmt::Result {
    write!(
        f,
        "its value may be that of {source}, which cannot be read now: {why}; it waits for a day at most"
    )
}

/// A moment as the report names it, to the minute.
fn moment(at: DateTime<Utc>) -> impl fmt::Display {
    at.format("%Y-%m-%d %H:%M UTC")
}

/// That the end date `date` comes or has passed, and what keeps the instance.
fn ends(
    f: &mut fmt::Formatter<'_>,
    tag_key: &str,
    date: &str,
    day: DateTime<Utc>,
    days_left: i64,
) -> fmt::Result {
    match days_left {
        1 => write!(f, "{tag_key} = {date}, 1 day is left")?,
        0 => write!(f, "{tag_key} = {date}, this is the last day")?,
        left if left > 0 => write!(f, "{tag_key} = {date}, {left} days are left")?,
        _ => write!(f, "{tag_key} = {date} has passed")?,
    }
    write!(
        f,
        "; it is done after {} unless {tag_key} is set to a later date",
        moment(day)
    )
}
