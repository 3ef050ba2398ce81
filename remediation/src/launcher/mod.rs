//! Who launched an instance, from CloudTrail.
//!
//! CloudTrail answers two look-ups a second, 50 events each, so the fewest look-ups are the fastest:
//!
//! ```text
//! instances ──▶ Planner ──▶ Question ──▶ CloudTrail ──▶ Page ──▶ Planner ──▶ … ──▶ Launcher of each instance
//! ```
//!
//! | part | what it holds |
//! |---|---|
//! | `planner` | which question comes next, and what its answer settles; pure, and where the strategy is explained |
//! | [`LookUp`] | asks CloudTrail, at its pace and within the function's time |
//! | [`RecordedLaunches`] | the same from look-ups that somebody recorded |
//! | `record` | the members of a RunInstances record, wherever it came from |

mod look_up;
mod planner;
pub(crate) mod record;
mod recorded;

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tagwarden_aws::AwsError;
use tagwarden_core::Resource;

use crate::identity::UserIdentity;

pub use look_up::LookUp;
pub(crate) use planner::SHOWN_AFTER;
pub use recorded::{RecordedEvent, RecordedLaunches, RecordedResource};

/// How far back CloudTrail's event history goes.
///
/// See [LookupEvents](https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html).
pub const HISTORY: TimeDelta = TimeDelta::days(90);

/// An instance whose launcher is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unattributed {
    /// `i-…`.
    pub id: String,
    /// When EC2 says that it was launched; none: it does not say.
    pub launched_at: Option<DateTime<Utc>>,
    /// Who provisioned it through Service Catalog, if a tag says so: CloudTrail need not be asked.
    pub provisioned_by: Option<String>,
}

/// The tag in which Service Catalog names the principal that provisioned a product. Only AWS can write it.
///
/// See [AutoTags](https://docs.aws.amazon.com/servicecatalog/latest/adminguide/autotags.html).
const PROVISIONING_PRINCIPAL: &str = "aws:servicecatalog:provisioningPrincipalArn";

impl From<&Resource> for Unattributed {
    fn from(instance: &Resource) -> Self {
        let principal = instance.tags.get(PROVISIONING_PRINCIPAL);
        Self {
            provisioned_by: principal.and_then(|arn| UserIdentity::of_principal(arn).name()),
            id: instance.id.clone(),
            launched_at: instance.launched_at,
        }
    }
}

/// What CloudTrail says of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Launcher {
    /// Launched by this name.
    Known(String),
    /// CloudTrail shows no launch of it, or one without a name. It shows a launch minutes after it happened, so of
    /// a young instance this says nothing yet.
    Nobody,
    /// Launched before CloudTrail's event history begins, so it was not looked for.
    TooOld,
    /// CloudTrail could not be asked, or its event of the launch cannot be read.
    Failed(AwsError),
}

impl From<Option<String>> for Launcher {
    /// The launcher of an event that has this name.
    fn from(name: Option<String>) -> Self {
        name.map_or(Self::Nobody, Self::Known)
    }
}

/// Why the launcher cannot be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unknown {
    /// CloudTrail shows no launch of the instance, or one without a name, though it should by now.
    NotRecorded,
    /// The launch is older than CloudTrail's event history.
    TooOld,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRecorded => f.write_str("CloudTrail does not show who launched it"),
            Self::TooOld => write!(
                f,
                "it was launched more than {} days ago, further back than CloudTrail's event history",
                HISTORY.num_days()
            ),
        }
    }
}
