//! Whom a report's entries concern.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::Serialize;
use tagwarden_core::Owner;

use super::{Entry, Report, console, text};
use crate::plan::{Outcome, Reason, Remedy};

/// What a report says of a resource beside its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportSubject {
    /// The value of its tag `Name`; none where that is absent or blank.
    pub name: Option<String>,
    /// Whose it is; none: nobody is known.
    pub owner: Option<Owner>,
    /// Who launched it, as far as that is known.
    pub launcher: Option<String>,
    /// The instances that it is attached to; none for an instance.
    pub attached_to: Vec<String>,
    /// The manager of a volume, in words: its tags are written all the same, but new volumes come without them.
    pub manager: Option<String>,
    /// When its first countdown began: the day that its letters belong to.
    pub counted_since: Option<NaiveDate>,
}

/// The subjects of a report, by resource.
pub type Subjects = BTreeMap<String, ReportSubject>;

impl ReportSubject {
    /// What people read of it; none where nothing is known.
    #[must_use]
    pub fn describe(&self) -> Option<String> {
        let owner = self.owner.as_ref().map(|owner| owner.name.as_str());
        let launcher = self.launcher.as_deref().filter(|it| Some(*it) != owner);
        let attached_to = (!self.attached_to.is_empty()).then(|| self.attached_to.join(", "));
        let parts = [
            ("Name", self.name.as_deref()),
            ("Owner", owner),
            ("Launched by", launcher),
            ("Attached to", attached_to.as_deref()),
            ("Managed by", self.manager.as_deref()),
        ];
        let parts = parts.into_iter();
        let parts = parts.filter_map(|(what, value)| Some(format!("{what}: {}.", value?)));
        let parts: Vec<String> = parts.collect();
        (!parts.is_empty()).then(|| text::printable(&parts.join(" ")))
    }
}

/// An entry as programs read it, with whom it concerns.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntryDocument<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    launcher: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    attached_to: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    managed_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    console_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<DateTime<Utc>>,
}

impl Report {
    /// What is known of the resource of `entry`.
    #[must_use]
    pub fn subject(&self, entry: &Entry) -> Option<&ReportSubject> {
        self.subjects.get(&entry.step.instance_id)
    }

    /// `entry` as programs read it, of a resource in `region`.
    pub(crate) fn document<'a>(
        &'a self,
        entry: &'a Entry,
        region: Option<&'a str>,
    ) -> EntryDocument<'a> {
        let subject = self.subject(entry);
        let owner = subject.and_then(|it| it.owner.as_ref());
        EntryDocument {
            entry,
            name: subject.and_then(|it| it.name.as_deref()),
            owner: owner.map(|owner| owner.name.as_str()),
            launcher: subject.and_then(|it| it.launcher.as_deref()),
            attached_to: subject.map_or(&[], |it| &it.attached_to),
            managed_by: subject.and_then(|it| it.manager.as_deref()),
            account: self.origin.sender.account.as_deref(),
            region,
            console_link: region.and_then(|region| console::page(region, &entry.step.instance_id)),
            due_at: entry.due_at(),
        }
    }
}

impl Entry {
    /// When the resource is to be stopped or terminated, where that is known: nothing happens before it.
    #[must_use]
    pub fn due_at(&self) -> Option<DateTime<Utc>> {
        let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
        match (&self.outcome, &self.step.remedy) {
            (
                Outcome::Deferred(
                    Reason::Announced { day, .. }
                    | Reason::Ends { day, .. }
                    | Reason::Counting { day, .. },
                ),
                _,
            ) => Some(*day),
            (Outcome::Deferred(Reason::Stopped { terminate_on }), _)
            | (
                Outcome::Done | Outcome::WouldDo,
                Remedy::Stop {
                    terminate_on: Some(terminate_on),
                },
            ) => Some(midnight(*terminate_on)),
            _ => None,
        }
    }
}
