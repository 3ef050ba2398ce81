//! The scenario, as data: the policy, and instances that each have something else to them.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};
use tagwarden_sandbox::{Identity, Launch};

/// The VPC in scope.
pub const VPC: &str = "vpc-0a1b2c3d4e5f60718";

/// Another one, which the policy does not reach.
const OTHER_VPC: &str = "vpc-0f9e8d7c6b5a40312";

/// An instance of the scenario.
#[derive(Clone, Debug)]
pub struct DemoInstance {
    /// What it is called; also its `Name`, where it has tags.
    pub role: &'static str,
    /// What is the matter with it, in a few words.
    pub story: &'static str,
    /// How it is launched.
    pub launch: Launch,
}

/// The role of the instance that gets its first tag between the first look at it and the second.
pub const LATE: &str = "rookie";

/// The role of the instance whose `Env` is not allowed in the second chapter.
pub const MISSPELT: &str = "search";

/// The role of the instance whose end comes.
pub const ENDING: &str = "builder";

/// The role of the instance whose end would come on the same day, had nobody set a later date.
pub const EXTENDED: &str = "billing";

/// The role of the instance that somebody exempts before the second chapter.
pub const EXEMPT: &str = "vault";

/// The policy of the second chapter: `Expires` becomes an end date, and `Env` has a list of values. An Auto Scaling group
/// decides itself when its instances go.
pub const NEW_POLICY: &str = "\
rules:
  - {RuleId: 1, TagKey: ProjectCode, Action: Update, Required: Y, Default: Proj007}
  - {RuleId: 2, TagKey: CreatedBy, Action: UserLookup, Required: Y}
  - RuleId: 3
    TagKey: Expires
    Action: Function
    Required: N
    Default: today()+30d
    WhenExpired: Terminate
    Notice: 3d
    When: '!tag:aws:autoscaling:groupName'
  - {RuleId: 4, TagKey: Env, Action: Update, Required: N, Default: Test, Allowed: [Prod, Stage, Test]}
";

/// The end date of the two instances, if the account's time begins `now`. The notice is due with the next day.
pub fn end_date(now: DateTime<Utc>) -> NaiveDate {
    (now + TimeDelta::days(3)).date_naive()
}

/// The items of the policy table.
pub fn policy() -> [Value; 3] {
    [
        json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"}),
        json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"}),
        json!({"RuleId": 3, "TagKey": "Expires", "Action": "Function", "Required": "N", "Default": "today()"}),
    ]
}

/// The instances, in the order of their launches as ids go. `now` is when the account's time begins.
pub fn members(now: DateTime<Utc>) -> Vec<DemoInstance> {
    let expires = (now + TimeDelta::days(90)).date_naive().to_string();
    let member = |role, story, launch| DemoInstance {
        role,
        story,
        launch,
    };
    let untagged = || Launch::new().vpc(VPC).ago(TimeDelta::days(2));
    let named = |role: &str| untagged().tag("Name", role);
    let dated = |role| named(role).tag("Expires", &expires);
    let ending = |role| named(role).tag("Expires", end_date(now).to_string());
    let project = |launch: Launch| launch.tag("ProjectCode", "Proj042");
    let creator = |launch: Launch| launch.tag("CreatedBy", "alice");
    vec![
        member(
            "shop",
            "every tag in place",
            creator(project(dated("shop"))).tag("Env", "Prod"),
        ),
        member(
            MISSPELT,
            "without a project",
            creator(dated(MISSPELT)).tag("Env", "prod"),
        ),
        member(
            EXTENDED,
            "launched by bob",
            project(ending(EXTENDED)).launched_by(Identity::iam_user("bob")),
        ),
        member(
            "reports",
            "launched via SSO",
            project(dated("reports")).launched_by(Identity::assumed_role(
                "AWSReservedSSO_Developer_0123456789abcdef",
                "maria@example.com",
            )),
        ),
        member(
            ENDING,
            "launched by CI",
            project(ending(ENDING)).launched_by(Identity::assumed_role("ci", "GitHubActions")),
        ),
        member(
            "mail",
            "project left empty",
            creator(dated("mail")).tag("ProjectCode", ""),
        ),
        member("wiki", "has no end date", creator(project(named("wiki")))),
        member(
            "cache",
            "key in wrong case",
            creator(dated("cache")).tag("projectcode", "Proj042"),
        ),
        member("scratch", "no tags for 2 days", untagged()),
        member(EXEMPT, "no tags, protected", untagged().protected()),
        member(
            LATE,
            "tagged a bit later",
            // Younger than the grace period, and than CloudTrail's delay.
            untagged().ago(TimeDelta::minutes(3)),
        ),
        member(
            "worker",
            "from Auto Scaling",
            untagged().auto_scaling_group("workers"),
        ),
        member("lab", "in another VPC", untagged().vpc(OTHER_VPC)),
    ]
}
