//! The order in which people read a report: what needs a person first, then what was done.

use tagwarden_core::DefectName;
use tagwarden_core::exemption::EXEMPTION_KEY;

use super::Entry;
use crate::plan::{Outcome, Reason, Remedy, StepFailure};
use crate::settings::Mode;

/// A section of the report, by what an entry asks of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// No later run settles it, or a person should look before one does.
    Person,
    /// Stopped or terminated, or it would have been.
    ShutDown,
    /// Tagged, or it would have been.
    Tagged,
    /// A later run goes on with it by itself.
    Later,
    /// The instance is gone: there is nothing left to do.
    Gone,
}

/// Why an entry needs a person. The most urgent ones come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Concern {
    /// It will be terminated on a certain day.
    Deadline,
    /// AWS denies the function the call.
    Denied,
    /// There is no room for another tag.
    TagLimit,
    /// It failed in another way.
    Failure,
    /// The budget holds it up.
    Budget,
    /// Nearly every instance has the same defect.
    Suspicion,
    /// The settings do not permit it.
    NotPermitted,
    /// It must be announced, and cannot be.
    NotAnnounced,
    /// The policy has a hold.
    Hold,
    /// Nothing is shut down without a ledger.
    NoLedger,
    /// Its exemption cannot be read, and protects it for some days.
    UnreadableExemption,
    /// The instance is protected against its shutdown.
    Protected,
    /// The instance has a manager.
    Managed,
    /// Somebody keeps removing the tag.
    Removed,
    /// Its age is not known, so its grace period never ends.
    UnknownAge,
    /// The policy wants it reported.
    Reported,
    /// It cannot be found out who launched it.
    UnknownLauncher,
}

impl Section {
    /// Every section, in the order of the report.
    pub const ALL: [Self; 5] = [
        Self::Person,
        Self::ShutDown,
        Self::Tagged,
        Self::Later,
        Self::Gone,
    ];

    /// The section that `entry` is in.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        if Concern::of(entry).is_some() {
            return Self::Person;
        }
        match (&entry.outcome, &entry.step.remedy) {
            (Outcome::Done | Outcome::WouldDo, Remedy::Stop { .. } | Remedy::Terminate) => {
                Self::ShutDown
            }
            (Outcome::Done | Outcome::WouldDo, _) => Self::Tagged,
            (Outcome::Refused(_), _) => Self::Gone,
            (Outcome::Deferred(_) | Outcome::Failed(_) | Outcome::Unclear(_), _) => Self::Later,
        }
    }

    /// The section's name, as templates read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::ShutDown => "ended",
            Self::Tagged => "tagged",
            Self::Later => "later",
            Self::Gone => "gone",
        }
    }

    /// The section's title.
    #[must_use]
    pub fn title(self, mode: Mode) -> &'static str {
        match (self, mode) {
            (Self::Person, _) => "Needs a person",
            (Self::ShutDown, Mode::Enforce) => "Stopped or terminated",
            (Self::ShutDown, Mode::DryRun) => "Would be stopped or terminated",
            (Self::Tagged, Mode::Enforce) => "Tagged",
            (Self::Tagged, Mode::DryRun) => "Would be tagged",
            (Self::Later, _) => "Left for later",
            (Self::Gone, _) => "Gone meanwhile",
        }
    }

    /// Whether its lines come with links into the console: for what somebody looks at one by one.
    pub(super) fn has_links(self) -> bool {
        matches!(self, Self::Person | Self::ShutDown)
    }
}

/// Puts entries in the order of the report: sections; what needs a person by its concern; what was tagged by
/// rule; then by instance.
pub(super) fn sort(entries: &mut [&Entry]) {
    entries.sort_by(|left, right| key(left).cmp(&key(right)));
}

type Key<'a> = (Section, Option<Concern>, Option<i64>, &'a str, Option<i64>);

fn key(entry: &Entry) -> Key<'_> {
    let section = Section::of(entry);
    let rule_id = entry.step.cause.rule_id();
    let by_rule = rule_id.filter(|_| section == Section::Tagged);
    let id = &entry.step.instance_id;
    (section, Concern::of(entry), by_rule, id, rule_id)
}

/// What a person can do about an entry, as far as that is known and not in its line already.
pub(super) fn advice(entry: &Entry) -> Option<String> {
    Some(match Concern::of(entry)? {
        Concern::Deadline if matches!(entry.outcome, Outcome::Deferred(Reason::Ends { .. })) => format!(
            "set the tag to a later date to keep it, or exempt it with the tag {EXEMPTION_KEY}."
        ),
        Concern::Deadline => format!(
            "tag it before that day to keep it, or exempt it with the tag {EXEMPTION_KEY}."
        ),
        Concern::Denied => {
            "AWS denies the function this call: look at its role, permissions boundary and service control policies."
                .to_owned()
        }
        Concern::TagLimit => "it has as many tags as EC2 allows: take one away.".to_owned(),
        Concern::Failure => {
            "the next sweep tries again; what fails every time is in the function's log.".to_owned()
        }
        Concern::Budget => {
            "nothing if so many are meant: the limit is for each hour, and the next runs go on. If not, look at the policy."
                .to_owned()
        }
        Concern::Suspicion => {
            "nothing if so many are meant. If not, correct the policy before the next sweep.".to_owned()
        }
        Concern::NotPermitted => {
            "set the stack's parameter RulesMayDestroy if rules are meant to shut instances down."
                .to_owned()
        }
        Concern::NotAnnounced => {
            "subscribe somebody to the topic of the reports, and let the function ask for its subscriptions."
                .to_owned()
        }
        Concern::NoLedger => {
            "set TAGWARDEN_LEDGER_TABLE: nothing is stopped or terminated that is not written down."
                .to_owned()
        }
        Concern::Protected => {
            format!("tag it, turn its protection off, or exempt it with the tag {EXEMPTION_KEY}.")
        }
        Concern::Hold => {
            "take the row with Hold out of the policy table once tagwarden may go on.".to_owned()
        }
        // The line says what to do.
        Concern::Managed | Concern::UnreadableExemption | Concern::Removed => return None,
        Concern::UnknownAge => "tag it, or end it: its grace period has no end.".to_owned(),
        Concern::Reported if entry.step.cause.defect() == Some(DefectName::NotAllowed) => {
            "write an allowed value: tagwarden never overwrites a value that somebody set.".to_owned()
        }
        Concern::Reported => "tag it: the policy only reports this.".to_owned(),
        Concern::UnknownLauncher => {
            "whoever knows who launched it sets the tag: tagwarden never overwrites a value that somebody set."
                .to_owned()
        }
    })
}

impl Concern {
    fn of(entry: &Entry) -> Option<Self> {
        match &entry.outcome {
            Outcome::Failed(failure) | Outcome::Unclear(failure) => Some(Self::of_failure(failure)),
            Outcome::Refused(reason) | Outcome::Deferred(reason) => Self::of_reason(reason),
            Outcome::Done | Outcome::WouldDo => match &entry.step.remedy {
                Remedy::Notify { .. } => Some(Self::Reported),
                Remedy::Tag {
                    unknown: Some(_), ..
                } => Some(Self::UnknownLauncher),
                Remedy::Tag { unknown: None, .. }
                | Remedy::TagLauncher
                | Remedy::TagFromSource { .. }
                | Remedy::Stop { .. }
                | Remedy::Terminate => None,
            },
        }
    }

    /// By the codes of [EC2](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html) and CloudTrail.
    fn of_failure(failure: &StepFailure) -> Self {
        Self::of_code(failure.code.as_deref())
    }

    fn of_code(code: Option<&str>) -> Self {
        match code {
            Some("UnauthorizedOperation") => Self::Denied,
            Some(code) if code.starts_with("AccessDenied") => Self::Denied,
            Some("TagLimitExceeded") => Self::TagLimit,
            _ => Self::Failure,
        }
    }

    fn of_reason(reason: &Reason) -> Option<Self> {
        match reason {
            Reason::Managed { .. } => Some(Self::Managed),
            Reason::NoLedger => Some(Self::NoLedger),
            Reason::Hold { .. } => Some(Self::Hold),
            Reason::UnreadableExemption { .. } => Some(Self::UnreadableExemption),
            Reason::Budget { .. } => Some(Self::Budget),
            Reason::Stopped { .. } | Reason::Announced { .. } | Reason::Ends { .. } => {
                Some(Self::Deadline)
            }
            Reason::NotPermitted { .. } => Some(Self::NotPermitted),
            Reason::NoTopic | Reason::NotAnnounced(_) => Some(Self::NotAnnounced),
            Reason::TagsUnconfirmed(_) => Some(Self::Denied),
            Reason::Suspicion { .. } => Some(Self::Suspicion),
            Reason::Protected => Some(Self::Protected),
            Reason::RefusedByEc2 { code, .. } => Some(Self::of_code(Some(code))),
            Reason::RemovedRepeatedly { .. } => Some(Self::Removed),
            Reason::Grace { age: None, .. } | Reason::LaunchNotShown { age: None, .. } => {
                Some(Self::UnknownAge)
            }
            Reason::Grace { age: Some(_), .. }
            | Reason::LaunchNotShown { age: Some(_), .. }
            | Reason::Counting { .. }
            | Reason::TagsDisagree
            | Reason::LookUpUnfinished
            | Reason::SourceUnread { .. }
            | Reason::NoTime
            | Reason::PolicyChanged
            | Reason::Interrupted
            | Reason::ManyProtected
            | Reason::NotInPlan
            | Reason::JustTagged
            | Reason::Vanished => None,
        }
    }
}
