//! The measured fleet: of every 1,000 instances, 482 have a defect.
//!
//! Several IAM users launched it over the last 60 days, 1 to 30 instances a call. All instances of a launch have the
//! same defect. The same size always gives the same fleet.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tagwarden_sandbox::{Account, Identity, Launch};

/// The policy table.
pub const TABLE: &str = "acme_cloud_policy_tagging_def";
/// The ledger's table.
pub const LEDGER: &str = "ledger";
/// The Config rule.
pub const RULE: &str = "tagwarden";

/// The latency of every call.
pub const LATENCY: Duration = Duration::from_millis(15);

/// The numbers of instances in a launch, in turn.
const LAUNCHED_TOGETHER: [usize; 5] = [1, 2, 5, 12, 30];

/// The minutes over which the launches are spread.
const AGES: i64 = 60 * 24 * 60;

/// The defect of an instance, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matter {
    Nothing,
    NoProject,
    NoCreator,
    NeitherProjectNorCreator,
    EmptyProject,
    NoExpiry,
    EmptyExpiry,
    /// Launched 3 minutes ago, so CloudTrail does not show the launch yet.
    YoungWithoutCreator,
    Untagged,
    UntaggedAndProtected,
}

/// The number of instances with each defect, out of 1,000.
pub const MATTERS: [(Matter, usize); 10] = [
    (Matter::NoProject, 170),
    (Matter::NoCreator, 130),
    (Matter::NeitherProjectNorCreator, 38),
    (Matter::EmptyProject, 60),
    (Matter::NoExpiry, 40),
    (Matter::EmptyExpiry, 30),
    (Matter::YoungWithoutCreator, 8),
    (Matter::Untagged, 5),
    (Matter::UntaggedAndProtected, 1),
    (Matter::Nothing, 518),
];

/// Instances that one call launched.
#[derive(Clone, Copy, Debug)]
pub struct Launched {
    pub matter: Matter,
    pub count: usize,
    /// The number of the IAM user.
    pub user: usize,
}

/// An account with the fleet in it, the customer's policy, an empty ledger and a topic.
#[derive(Debug)]
pub struct Fleet {
    pub account: Account,
    pub launches: Vec<Launched>,
    /// The environment variables of both functions.
    pub variables: Vec<(String, String)>,
}

impl Fleet {
    /// Launches `size` instances, a multiple of 1,000, in `account`. From then on the account enforces AWS's quotas and
    /// takes [`LATENCY`] to answer.
    pub fn launch(account: Account, size: usize) -> Self {
        let launches = launches(size);
        let step = AGES / i64::try_from(launches.len()).unwrap();
        for (place, launched) in scattered(launches.len()).into_iter().zip(&launches) {
            let ago = TimeDelta::minutes(60 + step * i64::try_from(place).unwrap());
            account.launch_many(launched.launch(ago), launched.count);
        }
        account.create_config_rule(RULE);
        account.create_table(TABLE);
        for row in policy() {
            account.put_item(TABLE, row);
        }
        account.create_table_with_keys(LEDGER, "Pk", "Sk");
        account.set_time_to_live(LEDGER, "ExpiresAt");
        let topic = account.create_topic("reports");
        account.keep_quotas();
        account.latency(LATENCY);
        let variables = [
            ("TAGWARDEN_POLICY_TABLE", TABLE),
            ("TAGWARDEN_LEDGER_TABLE", LEDGER),
            ("TAGWARDEN_MODE", "enforce"),
            ("TAGWARDEN_GRACE_MINUTES", "0"),
            ("TAGWARDEN_RULES_MAY_DESTROY", "stop-and-terminate"),
            ("TAGWARDEN_TOPIC_ARN", &topic),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            account,
            launches,
            variables: variables.to_vec(),
        }
    }

    /// The number of instances for whose defect `is` holds.
    pub fn count(&self, is: impl Fn(Matter) -> bool) -> usize {
        let launches = self.launches.iter().filter(|launched| is(launched.matter));
        launches.map(|launched| launched.count).sum()
    }
}

impl Matter {
    /// Whether the sweep asks CloudTrail for its launcher.
    pub fn lacks_creator(self) -> bool {
        matches!(
            self,
            Self::NoCreator | Self::NeitherProjectNorCreator | Self::YoungWithoutCreator
        )
    }

    /// Whether the instance has no tags.
    pub fn is_untagged(self) -> bool {
        matches!(self, Self::Untagged | Self::UntaggedAndProtected)
    }

    /// Whether the sweep reads what is remembered of the instance: it is untagged, or lacks a name or a date.
    pub fn is_remembered(self) -> bool {
        let lacks_expiry = matches!(self, Self::NoExpiry | Self::EmptyExpiry);
        self.is_untagged() || self.lacks_creator() || lacks_expiry
    }

    /// Whether the rule finds it compliant: the expiry date has Required=N.
    pub fn is_compliant(self) -> bool {
        matches!(self, Self::Nothing | Self::NoExpiry | Self::EmptyExpiry)
    }

    /// Whether the sweep writes a tag to it.
    pub fn is_tagged_by_sweep(self) -> bool {
        !self.is_untagged() && !matches!(self, Self::Nothing | Self::YoungWithoutCreator)
    }
}

impl Launched {
    fn launch(self, ago: TimeDelta) -> Launch {
        let user = format!("user-{}@example.com", self.user);
        let is_young = self.matter == Matter::YoungWithoutCreator;
        let launch = Launch::new()
            .launched_by(Identity::iam_user(&user))
            .ago(if is_young { TimeDelta::minutes(3) } else { ago });
        match self.matter {
            Matter::Untagged => return launch,
            Matter::UntaggedAndProtected => return launch.protected(),
            _ => {}
        }
        let mut launch = launch.tag("Name", "web").tag("Environment", "production");
        launch = match self.matter {
            Matter::NoProject | Matter::NeitherProjectNorCreator => launch,
            Matter::EmptyProject => launch.tag("ProjectCode", ""),
            _ => launch.tag("ProjectCode", "Proj042"),
        };
        launch = match self.matter {
            Matter::NoExpiry => launch,
            Matter::EmptyExpiry => launch.tag("Expires", ""),
            _ => launch.tag("Expires", "2027-03-31"),
        };
        if self.matter.lacks_creator() {
            launch
        } else {
            launch.tag("CreatedBy", user)
        }
    }
}

/// The customer's sample.
pub fn policy() -> [Value; 3] {
    [
        json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"}),
        json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"}),
        json!({"RuleId": 3, "TagKey": "Expires", "Action": "Function", "Required": "N", "Default": "today()"}),
    ]
}

/// The number of IAM users that launch a fleet of `size`: 4, 16 and 64 for 1,000, 10,000 and 100,000.
fn users(size: usize) -> usize {
    4_usize.pow((size / 1_000).max(1).ilog10() + 1)
}

fn launches(size: usize) -> Vec<Launched> {
    let mut launches = Vec::new();
    let mut sizes = LAUNCHED_TOGETHER.into_iter().cycle();
    for (matter, of_1000) in MATTERS {
        let mut left = of_1000 * size / 1_000;
        while left > 0 {
            let count = sizes.next().unwrap_or(1).min(left);
            left -= count;
            let user = launches.len() % users(size);
            launches.push(Launched {
                matter,
                count,
                user,
            });
        }
    }
    launches
}

/// The numbers below `count`, each once, scattered.
fn scattered(count: usize) -> Vec<usize> {
    // A stride coprime to `count` visits every place once.
    let is_coprime = |stride: &usize| greatest_common_divisor(*stride, count) == 1;
    let stride = (count * 618 / 1_000..count).find(is_coprime).unwrap_or(1);
    (0..count).map(|number| number * stride % count).collect()
}

fn greatest_common_divisor(left: usize, right: usize) -> usize {
    if right == 0 {
        left
    } else {
        greatest_common_divisor(right, left % right)
    }
}
