//! From the event of a hook to its answer.

use std::time::Duration;

use aws_config::SdkConfig;
use chrono::{DateTime, Utc};
use futures_util::future::{Either, select};
use serde_json::Value;
use tagwarden_aws::lambda::check_account;
use tagwarden_aws::policy_table::{PolicyTableError, read_policy};
use tagwarden_aws::stacks::Stacks;
use tagwarden_aws::{AwsError, Clock, Ec2, subnets};
use tagwarden_core::preflight::template::{
    BroughtByTemplate, LaunchType, PropertyValue, StackResource, tags, value_of,
};
use tagwarden_core::preflight::{FindingLevel, PlannedLaunch, PlannedTags, PreflightRules};
use tagwarden_core::settings::{PolicySettings, SettingError};
use tagwarden_core::{Policy, Scope};

use super::answer::HookAnswer;
use super::event::{HookChange, HookEvent, NotJudged, request_token};

/// How long to wait for AWS's answers. CloudFormation waits 30 seconds for the hook's.
const PATIENCE: Duration = Duration::from_secs(10);

/// Judges what CloudFormation is about to do.
#[derive(Debug)]
pub(crate) struct LaunchHook {
    clock: Clock,
    dynamodb: aws_sdk_dynamodb::Client,
    ec2: Ec2,
    stacks: Stacks,
}

/// What AWS says beside the event.
struct Surroundings {
    policy: Result<Policy, PolicyTableError>,
    stack_tags: Result<PlannedTags, AwsError>,
    /// The VPC of the resource's subnet; `None` if it is not needed, or the resource names no subnet.
    vpc_id: Option<Result<String, AwsError>>,
}

impl LaunchHook {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self {
            clock: Clock::of(config),
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            ec2: Ec2::new(config),
            stacks: Stacks::new(config),
        }
    }

    /// The answer to the event `payload`, for the function in the account `own_account`. It is never an error.
    pub(crate) async fn answer(
        &self,
        payload: &Value,
        own_account: Option<&str>,
        settings: &PolicySettings,
    ) -> Value {
        let answer = match HookEvent::read(payload) {
            Ok(event) => match check_account(own_account, event.account_id) {
                Ok(()) => self.judge(&event, settings).await,
                Err(foreign) => HookAnswer::pass(format!("Nothing was judged: {foreign}.")),
            },
            Err(NotJudged(why)) => HookAnswer::pass(why),
        };
        tracing::info!(failed = answer.is_failed, "hook: {}", answer.message);
        answer.into_json(request_token(payload))
    }

    async fn judge(&self, event: &HookEvent<'_>, settings: &PolicySettings) -> HookAnswer {
        let asked = std::pin::pin!(self.ask(event, settings));
        let patience = std::pin::pin!(self.clock.sleep(PATIENCE));
        let surroundings = match select(asked, patience).await {
            Either::Left((surroundings, _)) => surroundings,
            Either::Right(_) => {
                let seconds = PATIENCE.as_secs();
                tracing::error!(error.kind = "NoAnswer", "AWS did not answer the hook");
                return HookAnswer::pass(format!(
                    "Nothing was judged: AWS did not answer tagwarden within {seconds} seconds."
                ));
            }
        };
        let policy = match &surroundings.policy {
            Ok(policy) => policy,
            Err(error) => {
                tracing::error!(error.kind = "PolicyTable", "{error}");
                return HookAnswer::pass(format!("Nothing was judged: {error}."));
            }
        };
        judged(
            event,
            &surroundings,
            policy,
            &settings.scope,
            self.clock.now(),
        )
    }

    /// Asks for the policy, the tags of the stack and the VPC, all at once.
    async fn ask(&self, event: &HookEvent<'_>, settings: &PolicySettings) -> Surroundings {
        let stack_tags = async {
            let tags = self.stacks.tags_of(event.stack_id).await?;
            let mut planned = PlannedTags::default();
            for (key, value) in &tags {
                planned.set(key, value);
            }
            Ok(planned)
        };
        let needs_vpc = settings.scope.vpc_ids().len() > 0;
        let subnet = subnet(event).filter(|_| needs_vpc);
        let vpc_id = async {
            match &subnet {
                Some(subnet) => Some(subnets::vpc_of(&self.ec2, subnet).await),
                None => None,
            }
        };
        let policy = read_policy(&self.dynamodb, &settings.policy_table);
        let (policy, stack_tags, vpc_id) = futures_util::join!(policy, stack_tags, vpc_id);
        Surroundings {
            policy,
            stack_tags,
            vpc_id,
        }
    }
}

/// The answer to the event `payload` of a function that has a setting that cannot be read.
pub(crate) fn without_settings(payload: &Value, error: &SettingError) -> Value {
    tracing::error!(error.kind = "InvalidSetting", "{error}");
    let answer = HookAnswer::pass(format!("Nothing was judged: {error}."));
    answer.into_json(request_token(payload))
}

/// The subnet that the event names, or the first of several, which are all in one VPC.
fn subnet(event: &HookEvent<'_>) -> Option<String> {
    let properties = value_of(event.properties);
    let subnet = match event.launch_type {
        LaunchType::Instance => match properties.get("SubnetId") {
            PropertyValue::Absent => first(&properties.get("NetworkInterfaces")).get("SubnetId"),
            subnet => subnet,
        },
        LaunchType::Group => first(&properties.get("VPCZoneIdentifier")),
        LaunchType::Volume => return None,
    };
    subnet.text().map(ToOwned::to_owned)
}

fn first<'e>(list: &PropertyValue<'e>) -> PropertyValue<'e> {
    match list {
        PropertyValue::List(items) => items.first().cloned().unwrap_or(PropertyValue::Absent),
        _ => PropertyValue::Absent,
    }
}

fn judged(
    event: &HookEvent<'_>,
    surroundings: &Surroundings,
    policy: &Policy,
    scope: &Scope,
    at: DateTime<Utc>,
) -> HookAnswer {
    let mut notes = Vec::new();
    let mut launch = launch(event, surroundings, &mut notes);
    match &surroundings.vpc_id {
        Some(Ok(vpc_id)) => launch.vpc_id = Some(vpc_id.clone()),
        Some(Err(error)) => notes.push(format!("the VPC is not known: {error}")),
        None => {}
    }
    let rules = PreflightRules { policy, scope, at };
    let mut judged = rules.judge(&launch);
    let name = event.logical_id;
    if let Some(why) = judged.not_applicable {
        return HookAnswer::pass(format!("The tag policy does not apply to {name}: {why}."));
    }
    if is_unchanged(event) {
        for finding in &mut judged.findings {
            finding.level = finding.level.max(FindingLevel::Warning);
        }
        if !judged.findings.is_empty() {
            notes.push("the update leaves the tags as they were, and is not failed".to_owned());
        }
    }
    if !judged.findings.is_empty() {
        notes.extend(judged.doubts);
    }
    let propagates = event.launch_type.propagates();
    HookAnswer::of_findings(name, &judged.findings, &notes, propagates)
}

/// The instances that the resource will launch.
fn launch(
    event: &HookEvent<'_>,
    surroundings: &Surroundings,
    notes: &mut Vec<String>,
) -> PlannedLaunch {
    let properties = value_of(event.properties);
    let property = |name: &str| properties.get(name);
    let unknown = PlannedTags::unknown();
    let stack_tags = match &surroundings.stack_tags {
        Ok(tags) => tags,
        Err(error) => {
            tracing::warn!("{error}");
            notes.push(format!("the tags of the stack are not known: {error}"));
            &unknown
        }
    };
    let resource = StackResource {
        launch_type: event.launch_type,
        logical_id: event.logical_id,
        property: &property,
        stack_tags,
    };
    // A launch template may bring any tags, and the event does not have them.
    let has_template = ["LaunchTemplate", "MixedInstancesPolicy", "InstanceId"]
        .iter()
        .any(|name| property(name) != PropertyValue::Absent);
    let brought = if has_template {
        BroughtByTemplate::unknown()
    } else {
        BroughtByTemplate::default()
    };
    let (mut launch, _) = resource.launch(brought);
    // `arn:aws:cloudformation:REGION:ACCOUNT:stack/…`
    let region = event.stack_id.split(':').nth(3);
    launch.details.stated_region = region.filter(|it| !it.is_empty()).map(ToOwned::to_owned);
    launch.details.owner_id = event.account_id.map(ToOwned::to_owned);
    launch
}

/// Whether the change is an update that leaves the tags as they were, or may do so.
fn is_unchanged(event: &HookEvent<'_>) -> bool {
    let HookChange::Update { previous } = event.change else {
        return false;
    };
    let Some(previous) = previous else {
        return true;
    };
    let of = |properties: &Value| {
        let tags = value_of(properties).get("Tags");
        let mut found = tags::list(&tags, event.launch_type.propagates());
        found.lost.sort_unstable();
        (found.tags, found.lost)
    };
    of(event.properties) == of(previous)
}
