//! How acts are stored.
//!
//! A release only adds attributes, and gives old attributes no new values: older functions read what this one writes,
//! and this one reads what they wrote.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tagwarden_aws::AwsError;
use tagwarden_core::DefectName;

use super::items::{self, LedgerItem, day_key, expires, key};

use crate::launcher::Unknown;
use crate::plan::{Act, ActState, Cause, Remedy, RemedyName, Step, ValueOrigin};
use crate::run_id::RunId;

/// What is stored of an abandoned act. Older functions tell by this sentence that it was abandoned, so it must stay.
const ABANDONED: &str = "its function ended before it was done";

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

/// The attributes of an act.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredAct {
    instance_id: String,
    remedy: RemedyName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag_key: Option<String>,
    /// What was wrong with the tag. Older versions did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    defect: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag_value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unknown: Option<Unknown>,
    /// Where the value comes from. Older versions did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value_origin: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    terminate_on: Option<NaiveDate>,
    tags_before: BTreeMap<String, String>,
    state: StoredState,
    /// Whether a failed act was abandoned. Older versions wrote only the sentence.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    abandoned: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// AWS's error code. Older versions wrote it into `why` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undoes: Option<RunId>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StoredState {
    Begun,
    Done,
    Spared,
    Refused,
    Failed,
}

impl Act {
    /// Notes that its function ended before it was done.
    pub(crate) fn abandon(&mut self) {
        self.state = ActState::Abandoned;
        self.why = Some(ABANDONED.to_owned());
        self.code = None;
    }

    /// About how many bytes it is stored in, rather too many.
    pub(super) fn size(&self) -> usize {
        // The attributes' names, an instance id, four words, and what JSON puts around them.
        const FRAME: usize = 400;
        let texts = [self.tag_key(), self.tag_value(), self.why.as_deref()];
        let texts = texts.into_iter().flatten().map(str::len);
        let before = self.tags_before.iter();
        let before = before.map(|(key, value)| key.len() + value.len() + 16);
        FRAME + texts.chain(before).sum::<usize>()
    }
}

impl Serialize for Act {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (unknown, origin, terminate_on) = match &self.step.remedy {
            Remedy::Tag {
                unknown, origin, ..
            } => (*unknown, origin.as_ref(), None),
            Remedy::Stop { terminate_on } => (None, None, *terminate_on),
            Remedy::TagLauncher
            | Remedy::TagFromSource { .. }
            | Remedy::Terminate
            | Remedy::Notify { .. } => (None, None, None),
        };
        StoredAct {
            instance_id: self.instance_id().to_owned(),
            remedy: self.remedy,
            rule_id: self.rule_id(),
            tag_key: self.tag_key().map(ToOwned::to_owned),
            defect: self.step.cause.defect().map(|it| it.as_str().to_owned()),
            tag_value: self.tag_value().map(ToOwned::to_owned),
            unknown,
            value_origin: origin.map(ToString::to_string),
            terminate_on,
            tags_before: self.tags_before.clone(),
            state: self.state.into(),
            abandoned: self.state == ActState::Abandoned,
            why: self.why.clone(),
            code: self.code.clone(),
            undoes: self.undoes.clone(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Act {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        StoredAct::deserialize(deserializer).map(Self::from)
    }
}

impl From<StoredAct> for Act {
    fn from(stored: StoredAct) -> Self {
        let state = stored.act_state();
        let code = stored.error_code();
        let cause = stored.cause();
        let remedy = stored.step_remedy();
        Self {
            step: Step {
                instance_id: stored.instance_id,
                cause,
                remedy,
            },
            remedy: stored.remedy,
            tags_before: stored.tags_before,
            state,
            why: stored.why,
            code,
            undoes: stored.undoes,
        }
    }
}

impl StoredAct {
    fn cause(&self) -> Cause {
        let (Some(rule_id), Some(tag_key)) = (self.rule_id, self.tag_key.clone()) else {
            return Cause::Untagged;
        };
        let named = self.defect.as_deref().and_then(DefectName::from_name);
        Cause::Tag {
            rule_id,
            defect: named.unwrap_or_else(|| self.inferred_defect(&tag_key)),
            tag_key,
        }
    }

    /// The defect of an item that does not name it: older versions knew two.
    fn inferred_defect(&self, tag_key: &str) -> DefectName {
        let was_there = match self.remedy {
            RemedyName::Untag => self.tag_value.is_some(),
            RemedyName::Tag | RemedyName::Stop | RemedyName::Terminate => {
                self.tags_before.contains_key(tag_key)
            }
        };
        if was_there {
            DefectName::Empty
        } else {
            DefectName::Missing
        }
    }

    /// The remedy of the step. Of an act that undoes, this is the write that it takes back.
    fn step_remedy(&self) -> Remedy {
        match self.remedy {
            RemedyName::Tag => Remedy::Tag {
                value: self.tag_value.clone().unwrap_or_default(),
                unknown: self.unknown,
                origin: self.origin(),
            },
            RemedyName::Untag => {
                let key = self.tag_key.as_ref();
                let written = key.and_then(|key| self.tags_before.get(key));
                Remedy::Tag {
                    value: written.cloned().unwrap_or_default(),
                    unknown: self.unknown,
                    origin: self.origin(),
                }
            }
            RemedyName::Stop => Remedy::Stop {
                terminate_on: self.terminate_on,
            },
            RemedyName::Terminate => Remedy::Terminate,
        }
    }

    /// Where the value comes from, if this version knows such an origin.
    fn origin(&self) -> Option<ValueOrigin> {
        self.value_origin.as_deref()?.parse().ok()
    }

    fn act_state(&self) -> ActState {
        match self.state {
            StoredState::Begun => ActState::Begun,
            StoredState::Done => ActState::Done,
            StoredState::Spared => ActState::Spared,
            StoredState::Refused => ActState::Refused,
            StoredState::Failed if self.abandoned || self.why.as_deref() == Some(ABANDONED) => {
                ActState::Abandoned
            }
            StoredState::Failed => ActState::Failed,
        }
    }

    /// AWS's error code; of an item that does not hold it, the one in `why`, such as
    /// `ec2:CreateTags: UnauthorizedOperation: You are not authorized …`.
    fn error_code(&self) -> Option<String> {
        let is_open = matches!(self.state, StoredState::Failed | StoredState::Begun);
        let in_text = || {
            let mut parts = self.why.as_deref()?.splitn(3, ": ");
            let (call, code) = (parts.next()?, parts.next()?);
            let is_word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
            (is_word(call) && call.contains(':') && is_word(code)).then(|| code.to_owned())
        };
        self.code
            .clone()
            .or_else(|| is_open.then(in_text).flatten())
    }
}

impl From<ActState> for StoredState {
    fn from(state: ActState) -> Self {
        match state {
            ActState::Begun => Self::Begun,
            ActState::Done => Self::Done,
            ActState::Spared => Self::Spared,
            ActState::Refused => Self::Refused,
            // Older functions know no other value.
            ActState::Failed | ActState::Abandoned => Self::Failed,
        }
    }
}

/// The stored form of a batch.
pub(super) fn stored(batch: &Batch, now: DateTime<Utc>) -> Result<LedgerItem, AwsError> {
    let sort_key = format!("{}#{:04}", batch.run_id, batch.number);
    let mut item = items::item(key(day_key(batch.run_id.day()), sort_key), batch)?;
    item.extend([expires(now)]);
    Ok(item)
}

#[cfg(test)]
mod tests;
