//! The fleet that is measured: of every 1,000 instances, 482 need something.
//!
//! Launched over the last 60 days by several IAM users, 1 to 30 instances a call, and each launch has what it has for
//! all of its instances. The same size gives the same fleet.

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

/// So long does every call take.
pub const LATENCY: Duration = Duration::from_millis(15);

/// How many instances the calls launch, in turn.
const LAUNCHED_TOGETHER: [usize; 5] = [1, 2, 5, 12, 30];

/// The launches are spread over so many minutes.
const AGES: i64 = 60 * 24 * 60;

/// What is the matter with an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matter {
    Nothing,
    NoProject,
    NoCreator,
    NeitherProjectNorCreator,
    EmptyProject,
    NoExpiry,
    EmptyExpiry,
    /// Launched 3 minutes ago: CloudTrail does not show it yet.
    YoungWithoutCreator,
    Untagged,
    UntaggedAndProtected,
}

/// Of 1,000 instances, so many have this.
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
    /// Launches `size` instances, a multiple of 1,000, in `account`, which then keeps AWS's quotas and takes
    /// [`LATENCY`] to answer.
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
            ("TAGWARDEN_TOPIC_ARN", &topic),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            account,
            launches,
            variables: variables.to_vec(),
        }
    }

    /// How many instances have a matter for which `is` holds.
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

    /// Whether it has no tags at all.
    pub fn is_untagged(self) -> bool {
        matches!(self, Self::Untagged | Self::UntaggedAndProtected)
    }

    /// Whether the rule has it compliant: an expiry date is only recommended.
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

/// So many IAM users launch in a fleet of `size`: 4, 16 and 64 for 1,000, 10,000 and 100,000.
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

/// The numbers below `count`, each once, in an order without order.
fn scattered(count: usize) -> Vec<usize> {
    // A stride without a common divisor passes every place once.
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
