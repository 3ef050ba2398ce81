//! An account with a policy, a ledger and instances; runs of the real remediation in it, and acts of other times.

use std::ops::Deref;
use std::process::Output;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use lambda_runtime::{Context, LambdaEvent};
use regex_lite::{Captures, Regex};
use serde_json::{Value, json};
use tagwarden_core::settings::Environment;
use tagwarden_remediation::{Remediation, Settings};
use tagwarden_sandbox::{Identity, Launch};

use crate::support::stdout;
use crate::world::World;

pub const LEDGER: &str = "tagwarden-ledger";

pub struct Scene {
    world: World,
}

impl Deref for Scene {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Scene {
    /// An account with the customer's policy and an empty ledger.
    pub fn new(test: &str) -> Self {
        let world = World::new(&format!("ledger-{test}"));
        world.account.create_table_with_keys(LEDGER, "Pk", "Sk");
        Self { world }
    }

    /// An instance that ann launched an hour ago, with these tags.
    pub fn launch(&self, tags: &[(&str, &str)]) -> String {
        let launch = Launch::new()
            .launched_by(Identity::iam_user("ann"))
            .ago(TimeDelta::hours(1));
        let launch = tags
            .iter()
            .fold(launch, |launch, (key, value)| launch.tag(*key, *value));
        self.account.launch(launch)
    }

    /// The remediation looks at these instances, and enforces the policy. Gives the id of its run.
    pub fn remediate(&self, ids: &[&String]) -> String {
        let before = self.runs();
        let variable = |name: &str| match name {
            "TAGWARDEN_MODE" => Some("enforce".to_owned()),
            "TAGWARDEN_LEDGER_TABLE" => Some(LEDGER.to_owned()),
            _ => None,
        };
        let settings = Settings::from_environment(&Environment::new(&variable)).unwrap();
        let remediation = Remediation::new(&self.account.sdk_config(), settings);
        let mut context = Context::default();
        context.deadline = (self.account.now() + TimeDelta::minutes(15))
            .timestamp_millis()
            .unsigned_abs();
        let event = LambdaEvent::new(json!({ "instanceIds": ids }), context);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(remediation.handle(event)).unwrap();
        let mut runs = self.runs();
        runs.retain(|run| !before.contains(run));
        runs.pop().unwrap_or_default()
    }

    /// The command on this ledger.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(&[arguments, &["--ledger-table", LEDGER]].concat())
            .output()
            .unwrap()
    }

    /// What the command wrote, which has done what it was to do.
    pub fn told(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        stdout(&output).to_owned()
    }

    /// The tags of an instance, but for its name.
    pub fn tags(&self, id: &str) -> Vec<(String, String)> {
        let mut tags = self.account.instance(id).unwrap().tags;
        tags.remove("Name");
        tags.into_iter().collect()
    }

    /// The runs that have acts in the ledger.
    pub fn runs(&self) -> Vec<String> {
        let mut runs: Vec<String> = self.batches().iter().map(|it| text(&it["RunId"])).collect();
        runs.sort();
        runs.dedup();
        runs
    }

    /// Every act in the ledger.
    pub fn acts(&self) -> Vec<Value> {
        let acts = self.batches().into_iter();
        acts.flat_map(|batch| batch["Acts"].as_array().unwrap().clone())
            .collect()
    }

    fn batches(&self) -> Vec<Value> {
        let mut items = self.account.items(LEDGER);
        items.retain(|item| item.get("Acts").is_some());
        items
    }

    /// Puts acts into the ledger that were begun some time ago by a run of this suffix, which started a second
    /// earlier. Gives the run's id.
    pub fn past(&self, ago: TimeDelta, suffix: &str, trigger: &str, acts: &[Value]) -> String {
        self.past_at(Utc::now() - ago, suffix, trigger, acts)
    }

    pub fn past_at(
        &self,
        begun_at: DateTime<Utc>,
        suffix: &str,
        trigger: &str,
        acts: &[Value],
    ) -> String {
        let started = begun_at - TimeDelta::seconds(1);
        let run = format!("{}-{suffix}", started.format("%Y%m%dT%H%M%SZ"));
        self.account.put_item(
            LEDGER,
            json!({
                "Pk": started.format("%Y-%m-%d").to_string(),
                "Sk": format!("{run}#0001"),
                "RunId": run,
                "Number": 1,
                "Trigger": trigger,
                "BegunAt": begun_at.to_rfc3339_opts(SecondsFormat::Millis, true),
                "Acts": acts,
                "ExpiresAt": 4_000_000_000_u64,
            }),
        );
        run
    }
}

/// The write of a missing tag, by rule 1.
pub fn wrote(id: &str, key: &str, value: &str, state: &str) -> Value {
    json!({
        "InstanceId": id, "Remedy": "tag", "RuleId": 1, "TagKey": key, "TagValue": value, "TagsBefore": {},
        "State": state,
    })
}

/// The end of an instance without tags.
pub fn ended(id: &str, remedy: &str, state: &str, why: Option<&str>) -> Value {
    let mut act = json!({"InstanceId": id, "Remedy": remedy, "TagsBefore": {}, "State": state});
    if let Some(why) = why {
        act["Why"] = why.into();
    }
    act
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The output with every time, and the part of a run's id that is chance, replaced by something of the same length.
pub fn timeless(output: &str) -> String {
    let replace = |text: String, pattern: &str, with: &str| {
        let pattern = Regex::new(pattern).unwrap();
        pattern.replace_all(&text, with).into_owned()
    };
    let run = Regex::new(r"\d{8}T\d{6}Z-([0-9a-f]{8})").unwrap();
    let text = run.replace_all(output, |run: &Captures<'_>| {
        // The tests' own are not chance.
        let suffix = if run[1].starts_with("0000000") {
            &run[1]
        } else {
            "xxxxxxxx"
        };
        format!("YYYYMMDDTHHMMSSZ-{suffix}")
    });
    let text = replace(
        text.into_owned(),
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
        "YYYY-MM-DD HH:MM:SS",
    );
    let text = replace(
        text,
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
        "YYYY-MM-DDTHH:MM:SS.mmmZ",
    );
    replace(text, r"\d{4}-\d\d-\d\d\b", "YYYY-MM-DD")
}
