//! What the functions' roles may do, by IAM's simulator. It knows the policies of the role, its boundary and the
//! organization's, and not those of resources.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use tagwarden_aws::AwsError;
use tagwarden_core::Policy;
use tagwarden_core::policy::Action;

use super::checks::{Area, PERMISSION_MISSING};
use super::exam::{Exam, Look};
use super::functions::{FunctionPair, LambdaFunction};
use super::key::CustomerKeys;
use super::needs::{NEEDS, NeededOn, RoleOf};
use super::queue::QueueView;
use super::reports::TopicView;
use super::tables::TableViews;
use crate::aws::other::{OtherCall, OtherService};

const SIMULATE: OtherCall = OtherCall::new(OtherService::Iam, "iam:SimulatePrincipalPolicy");

/// What the functions act on, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub struct ActedOn<'a> {
    /// The functions and their settings.
    pub pair: &'a FunctionPair,
    /// The tables.
    pub tables: &'a TableViews,
    /// The queue.
    pub queue: &'a QueueView,
    /// The topic of the reports.
    pub topic: &'a TopicView,
    /// The keys that are not AWS's own.
    pub keys: &'a CustomerKeys,
}

/// Asks IAM what each function's role may do.
pub async fn examine(exam: &mut Exam, on: ActedOn<'_>) {
    for (of, function) in [
        (RoleOf::Rule, &on.pair.rule),
        (RoleOf::Remediation, &on.pair.remediation),
    ] {
        let who = match of {
            RoleOf::Rule => "the Config rule's function",
            RoleOf::Remediation => "the remediation",
        };
        let question = format!("whether the role of {who} allows what it does");
        let look = Look::new(Area::Permissions, &question);
        let (Some(function), Some(settings)) = (function, &on.pair.settings) else {
            exam.not_asked(look, "the functions or their settings were not seen");
            continue;
        };
        let mut by_resource: BTreeMap<NeededOn, Vec<&str>> = BTreeMap::new();
        let needs = NEEDS
            .iter()
            .filter(|it| it.of == of && it.when.holds(settings));
        for need in needs {
            by_resource.entry(need.on).or_default().push(need.action);
        }
        let mut refused = Vec::new();
        for (needed_on, actions) in by_resource {
            let Some(resource) = arn(exam, on, function, needed_on) else {
                continue;
            };
            let resource = (needed_on, resource.as_str());
            let policy = on.tables.policy.as_ref();
            match simulate(exam, look, function, policy, resource, &actions).await {
                Some(more) => refused.extend(more),
                // Every further call would be refused alike.
                None => break,
            }
        }
        complain(exam, function, &refused);
    }
}

/// An action that is not allowed.
#[derive(Clone, Debug)]
struct RefusedAction {
    action: String,
    resource: String,
    by: &'static str,
}

fn complain(exam: &mut Exam, function: &LambdaFunction, refused: &[RefusedAction]) {
    if refused.is_empty() {
        return;
    }
    let named: Vec<String> = refused
        .iter()
        .map(|it| format!("{} on {}{}", it.action, it.resource, it.by))
        .collect();
    let what = format!(
        "The role of the function {} may not do {}.",
        function.name,
        named.join("; ")
    );
    // What the roles may do also follows from parameters, such as `TagKeys`.
    let mut fixes = exam.repair();
    if exam.has_stack {
        fixes.push(exam.deploy(&[]));
    }
    exam.complain(PERMISSION_MISSING, what, fixes);
}

/// The ARN of what is acted on; `None` if it is not known, or not there.
fn arn(
    exam: &Exam,
    on: ActedOn<'_>,
    function: &LambdaFunction,
    resource: NeededOn,
) -> Option<String> {
    let account = exam.access.account.as_deref().ok();
    let account = account.or_else(|| function.arn.split(':').nth(4))?;
    let partition = exam.partition();
    let region = &exam.access.region;
    let own =
        |service: &str, rest: &str| format!("arn:{partition}:{service}:{region}:{account}:{rest}");
    let table = |name: &String| {
        if name.starts_with("arn:") {
            name.clone()
        } else {
            own("dynamodb", &format!("table/{name}"))
        }
    };
    let settings = on.pair.settings.as_ref();
    match resource {
        NeededOn::Anything => Some("*".to_owned()),
        NeededOn::PolicyTable => on.tables.policy_table.as_ref().map(table),
        NeededOn::Results => Some(own("config", "config-rule/config-rule-abc123")),
        NeededOn::Ledger => on.tables.ledger.as_ref().map(table),
        NeededOn::Queue => on.queue.arn.clone(),
        NeededOn::Topic => on.topic.arn.clone(),
        NeededOn::TopicKey => on.keys.topic.clone(),
        NeededOn::PolicyKey => on.keys.policy.clone(),
        NeededOn::LedgerKey => on.keys.ledger.clone(),
        NeededOn::LettersTopic => settings?.letters_topic_arn.clone(),
        NeededOn::MailIdentity => {
            let from = on
                .pair
                .remediation
                .as_ref()?
                .variable("TAGWARDEN_MAIL_FROM")?;
            Some(if from.starts_with("arn:") {
                from
            } else {
                own("ses", &format!("identity/{from}"))
            })
        }
        NeededOn::Instances => Some(own("ec2", "instance/i-0123456789abcdef0")),
        NeededOn::Volumes => Some(own("ec2", "volume/vol-0123456789abcdef0")),
        NeededOn::Logs => {
            let stream = format!("log-group:{}:log-stream:any", function.log_group);
            Some(own("logs", &stream))
        }
    }
}

/// The actions that the role may not do; `None` if IAM does not say.
async fn simulate(
    exam: &mut Exam,
    look: Look<'_>,
    function: &LambdaFunction,
    policy: Option<&Policy>,
    (on, resource): (NeededOn, &str),
    actions: &[&str],
) -> Option<Vec<RefusedAction>> {
    let mut parameters = Map::new();
    let mut set = |name: String, value: &str| parameters.insert(name, json!(value));
    set("PolicySourceArn".to_owned(), &function.role);
    set("ResourceArns.member.1".to_owned(), resource);
    for (index, action) in actions.iter().enumerate() {
        set(format!("ActionNames.member.{}", index + 1), action);
    }
    for (index, (key, values)) in context(exam, function, policy, on, resource)
        .iter()
        .enumerate()
    {
        let entry = format!("ContextEntries.member.{}", index + 1);
        set(format!("{entry}.ContextKeyName"), key);
        let kind = match *key {
            "aws:TagKeys" | "ses:Recipients" => "stringList",
            _ => "string",
        };
        set(format!("{entry}.ContextKeyType"), kind);
        for (index, value) in values.iter().enumerate() {
            let name = format!("{entry}.ContextKeyValues.member.{}", index + 1);
            set(name, value);
        }
    }
    let answer = SIMULATE
        .send(&exam.access.config, Value::from(parameters))
        .await;
    let answer = exam.see_if_any(look, &["NoSuchEntity"], answer);
    let answer = answer.ok()?;
    let Some(answer) = answer else {
        let all = actions.iter().map(|action| RefusedAction {
            action: (*action).to_owned(),
            resource: resource.to_owned(),
            by: ", because the role does not exist",
        });
        return Some(all.collect());
    };
    let results = answer.get("EvaluationResults").and_then(Value::as_array);
    let results = results.map(Vec::as_slice).unwrap_or_default();
    let is_judged = |action: &str| {
        results.iter().any(|result| {
            let text = |name: &str| result.get(name).and_then(Value::as_str);
            let of = text("EvalActionName");
            of.is_some_and(|it| it.eq_ignore_ascii_case(action)) && text("EvalDecision").is_some()
        })
    };
    if let Some(action) = actions.iter().find(|it| !is_judged(it)) {
        let why = format!("the answer says nothing of {action}");
        let unreadable = AwsError::unreadable(SIMULATE.name(), why);
        exam.not_seen(look, &unreadable);
        return None;
    }
    // A condition asks for a value that doctor does not know. The functions' own calls have one.
    let missing = |result: &Value| {
        let missing = result
            .get("MissingContextValues")
            .and_then(Value::as_array)?;
        let is_open = result.get("EvalDecision").and_then(Value::as_str) == Some("implicitDeny");
        let missing: Vec<&str> = missing.iter().filter_map(Value::as_str).collect();
        (is_open && !missing.is_empty()).then(|| missing.join(", "))
    };
    let unknown: BTreeSet<String> = results.iter().filter_map(missing).collect();
    if !unknown.is_empty() {
        let unknown: Vec<String> = unknown.into_iter().collect();
        let why = format!(
            "conditions of the role's policies ask for {}, which doctor does not know",
            unknown.join(", ")
        );
        exam.not_told(look, &why, "Compare them with docs/permissions.md.");
    }
    let refused = results.iter().filter(|it| missing(it).is_none());
    let refused = refused.filter_map(|result| {
        let text = |path: &str| result.pointer(path).and_then(Value::as_str);
        let decision = text("/EvalDecision")?;
        if decision == "allowed" {
            return None;
        }
        let by = if text("/OrganizationsDecisionDetail/AllowedByOrganizations") == Some("false") {
            " (a policy of the organization)"
        } else if text("/PermissionsBoundaryDecisionDetail/AllowedByPermissionsBoundary")
            == Some("false")
        {
            " (the permissions boundary)"
        } else if decision == "explicitDeny" {
            " (an explicit deny)"
        } else if text("/EvalActionName") == Some("ec2:CreateTags") {
            " with the tags of the policy (see the parameter TagKeys)"
        } else {
            ""
        };
        Some(RefusedAction {
            action: text("/EvalActionName")?.to_owned(),
            resource: resource.to_owned(),
            by,
        })
    });
    Some(refused.collect())
}

/// What the conditions of the stack's policies ask for. The simulator knows only what it is given.
fn context(
    exam: &Exam,
    function: &LambdaFunction,
    policy: Option<&Policy>,
    on: NeededOn,
    resource: &str,
) -> Vec<(&'static str, Vec<String>)> {
    let region = &exam.access.region;
    let mut context = vec![("aws:RequestedRegion", vec![region.clone()])];
    let via = |service: &str| {
        let region = exam.region_of(resource);
        (
            "kms:ViaService",
            vec![format!("{service}.{region}.{}", exam.dns_suffix())],
        )
    };
    match on {
        NeededOn::TopicKey => context.push(via("sns")),
        NeededOn::PolicyKey | NeededOn::LedgerKey => context.push(via("dynamodb")),
        NeededOn::MailIdentity => {
            let from = function.variable("TAGWARDEN_MAIL_FROM").unwrap_or_default();
            let sender = from.parse::<tagwarden_aws::mail::MailSender>();
            if let Ok(sender) = sender {
                context.push(("ses:FromAddress", vec![sender.address().to_owned()]));
            }
            // The policy wants a recipient, of one of these domains. `*.example.com` is all below it.
            let domains = function.variable("TAGWARDEN_MAIL_DOMAINS");
            let domain = domains.as_deref().and_then(|it| it.split(',').next());
            if let Some(domain) = domain {
                let domain = domain.trim().to_ascii_lowercase().replace('*', "any");
                context.push(("ses:Recipients", vec![format!("owner@{domain}")]));
            }
        }
        NeededOn::Instances | NeededOn::Volumes => {
            // The stack's parameter TagKeys limits the tags that may be written. The policy may have others.
            let rules = policy.map(Policy::rules).unwrap_or_default().iter();
            let written = rules.filter(|rule| {
                matches!(
                    rule.action,
                    Action::Update { .. } | Action::UserLookup | Action::Function(_)
                )
            });
            let keys: BTreeSet<&str> = written.map(|rule| rule.tag_key.as_str()).collect();
            if !keys.is_empty() {
                let keys = keys.into_iter().map(ToOwned::to_owned);
                context.push(("aws:TagKeys", keys.collect()));
            }
        }
        _ => {}
    }
    context
}
