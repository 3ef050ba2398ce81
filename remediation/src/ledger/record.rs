//! What is written down of an act.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::RunId;
use crate::launcher::Unknown;
use crate::plan::{Cause, Remedy, Step};
use crate::undo::{self, Before};

/// Acts of one run that were begun together: one item of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Batch {
    /// The run.
    pub run_id: RunId,
    /// Which batch of the run, from 1.
    pub number: u32,
    /// What started the run: `schedule`, `launch`, …
    pub trigger: String,
    /// When the batch was begun: after the policy was read, before anything was done.
    pub begun_at: DateTime<Utc>,
    /// The acts.
    pub acts: Vec<Act>,
}

/// One act: one remedy for one finding on one instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Act {
    /// `i-…`.
    pub instance_id: String,
    /// What was done.
    pub remedy: RemedyName,
    /// The rule that asked for it; none for an instance without any tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<i64>,
    /// The rule's tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_key: Option<String>,
    /// The value that was written; of a tag that was taken away, none, or the empty value that was left of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_value: Option<String>,
    /// Why the value is `Undefined`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Unknown>,
    /// When a stopped instance is to be terminated, if it stays stopped and untagged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminate_on: Option<NaiveDate>,
    /// The instance's tags right before: all of them for a stop or a termination, otherwise the tag's own if it was
    /// there.
    pub tags_before: BTreeMap<String, String>,
    /// How far it got.
    pub state: ActState,
    /// Why it was refused or failed, or why it is not clear whether it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The run that wrote the tag which this act takes away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<RunId>,
}

/// What an act does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RemedyName {
    /// Writes a tag.
    Tag,
    /// Stops the instance.
    Stop,
    /// Terminates the instance.
    Terminate,
    /// Takes a tag away again, or its value: `tagwarden undo`.
    Untag,
}

/// How far an act got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActState {
    /// It was about to be done. Whether it was, the instance shows.
    Begun,
    /// It was done.
    Done,
    /// The instance had changed since it was planned, so it was not done.
    Spared,
    /// EC2 refused it.
    Refused,
    /// It failed, or its function ended before it was done.
    Failed,
}

impl Act {
    /// The act that `step` asks for, about to be done to an instance with these tags; `None` for a step that changes
    /// nothing.
    #[must_use]
    pub fn begun(step: &Step, tags_before: &BTreeMap<String, String>) -> Option<Self> {
        let (remedy, tag_value, unknown) = match &step.remedy {
            Remedy::Tag { value, unknown } => (RemedyName::Tag, Some(value.clone()), *unknown),
            Remedy::Stop { .. } => (RemedyName::Stop, None, None),
            Remedy::Terminate => (RemedyName::Terminate, None, None),
            Remedy::TagLauncher | Remedy::Notify => return None,
        };
        let tags_before = match (remedy, step.cause.tag_key()) {
            (RemedyName::Tag, Some(key)) => {
                let own = tags_before.get_key_value(key).into_iter();
                own.map(|(key, value)| (key.clone(), value.clone()))
                    .collect()
            }
            _ => tags_before.clone(),
        };
        Some(Self {
            instance_id: step.instance_id.clone(),
            remedy,
            rule_id: step.cause.rule_id(),
            tag_key: step.cause.tag_key().map(ToOwned::to_owned),
            tag_value,
            unknown,
            terminate_on: match step.remedy {
                Remedy::Stop { terminate_on } => terminate_on,
                _ => None,
            },
            tags_before,
            state: ActState::Begun,
            why: None,
            undoes: None,
        })
    }

    /// The act that takes back what `step` names, about to be done.
    pub(crate) fn undoing(step: &undo::Step) -> Self {
        let written = &step.written;
        Self {
            instance_id: written.instance_id.clone(),
            remedy: RemedyName::Untag,
            rule_id: written.rule_id,
            tag_key: Some(written.tag_key.clone()),
            tag_value: match step.before {
                Before::Missing => None,
                Before::Empty => Some(String::new()),
            },
            unknown: None,
            terminate_on: None,
            tags_before: BTreeMap::from([(written.tag_key.clone(), written.value.clone())]),
            state: ActState::Begun,
            why: None,
            undoes: Some(written.run_id.clone()),
        }
    }

    /// About how many bytes it is written down in, rather too many.
    pub(super) fn size(&self) -> usize {
        // The attributes' names, an instance id, two words, and what JSON puts around them.
        const FRAME: usize = 320;
        let texts = [&self.tag_key, &self.tag_value, &self.why];
        let texts = texts.into_iter().flatten().map(String::len);
        let before = self.tags_before.iter();
        let before = before.map(|(key, value)| key.len() + value.len() + 16);
        FRAME + texts.chain(before).sum::<usize>()
    }

    /// The step that asked for this act; `None` for one that undoes.
    #[must_use]
    pub fn step(&self) -> Option<Step> {
        let remedy = match self.remedy {
            RemedyName::Tag => Remedy::Tag {
                value: self.tag_value.clone().unwrap_or_default(),
                unknown: self.unknown,
            },
            RemedyName::Stop => Remedy::Stop {
                terminate_on: self.terminate_on,
            },
            RemedyName::Terminate => Remedy::Terminate,
            RemedyName::Untag => return None,
        };
        let cause = match (self.rule_id, self.tag_key.clone()) {
            (Some(rule_id), Some(tag_key)) => {
                if self.tags_before.contains_key(&tag_key) {
                    Cause::Empty { rule_id, tag_key }
                } else {
                    Cause::Missing { rule_id, tag_key }
                }
            }
            _ => Cause::Untagged,
        };
        Some(Step {
            instance_id: self.instance_id.clone(),
            cause,
            remedy,
        })
    }
}

impl RemedyName {
    /// Whether it stops or terminates.
    #[must_use]
    pub fn is_destructive(self) -> bool {
        matches!(self, Self::Stop | Self::Terminate)
    }

    /// The name, as it is written down.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Stop => "stop",
            Self::Terminate => "terminate",
            Self::Untag => "untag",
        }
    }
}

impl ActState {
    /// The name, as it is written down.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Spared => "spared",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn tag(value: &str, unknown: Option<Unknown>) -> Remedy {
        Remedy::Tag {
            value: value.to_owned(),
            unknown,
        }
    }

    #[rstest]
    #[case(Cause::Untagged, Remedy::Terminate, &[])]
    #[case(Cause::Untagged, Remedy::Stop { terminate_on: None }, &[])]
    #[case(Cause::Untagged, Remedy::Stop { terminate_on: NaiveDate::from_ymd_opt(2026, 12, 1) }, &[])]
    #[case(Cause::Missing { rule_id: 2, tag_key: "CreatedBy".into() }, tag("Undefined", Some(Unknown::TooOld)), &[("a", "b")])]
    #[case(Cause::Empty { rule_id: 1, tag_key: "ProjectCode".into() }, tag("P1", None), &[("ProjectCode", "")])]
    #[case(Cause::Missing { rule_id: 4, tag_key: "Owner".into() }, Remedy::Terminate, &[("a", "")])]
    fn a_step_survives_being_written_down(
        #[case] cause: Cause,
        #[case] remedy: Remedy,
        #[case] tags: &[(&str, &str)],
    ) {
        let step = Step {
            instance_id: "i-00000001".into(),
            cause,
            remedy,
        };
        let tags = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let act = Act::begun(&step, &tags.collect()).unwrap();
        let item: serde_dynamo::Item = serde_dynamo::to_item(&act).unwrap();
        let read: Act = serde_dynamo::from_item(item).unwrap();
        assert_eq!(read, act);
        assert_eq!(read.step(), Some(step));
    }
}
