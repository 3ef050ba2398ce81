//! Evaluates what an event asks for, and sends the results to AWS Config.

use aws_config::SdkConfig;
use aws_sdk_config::types::ComplianceType;
use chrono::{DateTime, Utc};
use tagwarden_aws::evaluations::{self, CurrentResult, RuleResult};
use tagwarden_aws::history;
use tagwarden_aws::policy_table::read_policy;
use tagwarden_aws::resources::{self, ResourcePages};
use tagwarden_aws::{Clock, Ec2};
use tagwarden_core::annotation::annotation;
use tagwarden_core::resource::configuration_item::{ConfigurationItem, ItemStatus, ItemSummary};
use tagwarden_core::settings::PolicySettings;
use tagwarden_core::{Kind, Kinds, Policy, Resource, Scope, Verdict, assess};

use crate::counts::EvaluationCounts;
use crate::error::RuleError;
use crate::event::{Event, InvokingEvent};

/// The AWS clients of the rule, and their clock.
#[derive(Debug)]
pub(crate) struct Clients {
    clock: Clock,
    config: aws_sdk_config::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    ec2: Ec2,
}

impl Clients {
    /// Makes the clients with `config`.
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self {
            clock: Clock::of(config),
            config: aws_sdk_config::Client::new(config),
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            ec2: Ec2::new(config),
        }
    }
}

/// Evaluates what `event` asks for, and sends the results to Config.
///
/// # Errors
/// There is no valid policy, or a call failed.
pub(crate) async fn evaluate(
    clients: &Clients,
    event: Event,
    settings: &PolicySettings,
) -> Result<EvaluationCounts, RuleError> {
    let evaluation = Evaluation {
        clients,
        // The policy is read first. Without a valid policy nothing is evaluated, not even an instance that is gone.
        policy: read_policy(&clients.dynamodb, &settings.policy_table).await?,
        scope: &settings.scope,
        kinds: settings.kinds,
        now: clients.clock.now(),
        result_token: &event.result_token,
        as_of: event.cause.as_of(),
    };
    match event.cause {
        InvokingEvent::Change { configuration_item } => {
            let result = evaluation
                .of_item(*configuration_item, event.left_scope)
                .await?;
            evaluation.send_one(result).await
        }
        InvokingEvent::OversizedChange {
            configuration_item_summary: summary,
        } => {
            let result = evaluation.of_summary(summary, event.left_scope).await?;
            evaluation.send_one(result).await
        }
        InvokingEvent::Schedule { .. } => {
            // A test has no rule in Config whose results could be read.
            let rule_name = event
                .config_rule_name
                .as_deref()
                .filter(|_| !evaluations::is_test(&event.result_token));
            evaluation.of_all(rule_name).await
        }
    }
}

/// Why there is no verdict for a resource that is neither an instance nor a volume.
const OTHER_TYPE: &str = "The policy is about EC2 instances and volumes only.";

/// The evaluation of one event.
struct Evaluation<'a> {
    clients: &'a Clients,
    policy: Policy,
    scope: &'a Scope,
    /// The kinds of resources that a schedule evaluates.
    kinds: Kinds,
    /// The current time. The event can be hours old, and an exemption that ended since then has no effect.
    now: DateTime<Utc>,
    result_token: &'a str,
    /// The time for which the results hold.
    as_of: DateTime<Utc>,
}

impl Evaluation<'_> {
    /// The result for `resource`.
    fn of_resource(&self, resource: &Resource) -> RuleResult {
        let assessment = assess(&self.policy, self.scope, resource, self.now);
        RuleResult {
            resource_type: resource.kind.config_type().to_owned(),
            resource_id: resource.id.clone(),
            compliance_type: match assessment.verdict {
                Verdict::Compliant => ComplianceType::Compliant,
                Verdict::NonCompliant => ComplianceType::NonCompliant,
                Verdict::NotApplicable(_) => ComplianceType::NotApplicable,
            },
            annotation: annotation(&assessment),
        }
    }

    /// The result for the resource of `item`, which may be gone or of a type that no policy is about.
    ///
    /// # Errors
    /// The item describes nothing of its resource, or the instance of a volume cannot be read.
    async fn of_item(
        &self,
        item: ConfigurationItem,
        left_scope: bool,
    ) -> Result<RuleResult, RuleError> {
        let why = if left_scope {
            "The resource has left the scope of this rule."
        } else if !item.configuration_item_status.is_present() {
            match item.configuration_item_status {
                ItemStatus::ResourceNotRecorded => "AWS Config does not record the resource.",
                _ => "The resource has been deleted.",
            }
        } else if item.kind().is_none() {
            OTHER_TYPE
        } else if item.describes_nothing() {
            return Err(RuleError::EmptyItem {
                resource_id: item.resource_id,
            });
        } else {
            return self.of_present(item).await;
        };
        Ok(not_applicable(item.resource_type, item.resource_id, why))
    }

    /// The result for the resource of `item`, which is there and described.
    async fn of_present(&self, item: ConfigurationItem) -> Result<RuleResult, RuleError> {
        let (resource_type, resource_id) = (item.resource_type.clone(), item.resource_id.clone());
        let Some(mut resource) = item.into_resource() else {
            return Ok(not_applicable(resource_type, resource_id, OTHER_TYPE));
        };
        // Config does not say in which VPC the instance of a volume is.
        let (ec2, resources) = (&self.clients.ec2, std::slice::from_mut(&mut resource));
        resources::place(ec2, &self.policy, self.scope, resources).await?;
        Ok(self.of_resource(&resource))
    }

    /// The result for the resource of `summary`, whose item is read from Config's history.
    async fn of_summary(
        &self,
        summary: ItemSummary,
        left_scope: bool,
    ) -> Result<RuleResult, RuleError> {
        let needs_item = !left_scope
            && summary.configuration_item_status.is_present()
            && Kind::from_config_type(&summary.resource_type).is_some();
        if !needs_item {
            return self.of_item(summary.into(), left_scope).await;
        }
        let Some(item) = history::full_item(&self.clients.config, &summary).await? else {
            return Err(RuleError::NoHistory {
                resource_id: summary.resource_id,
                captured_at: summary.configuration_item_capture_time,
            });
        };
        self.of_item(item, left_scope).await
    }

    /// Sends a result for every resource in scope, and `NOT_APPLICABLE` for each one that Config shows a result for
    /// although it is gone or no longer in scope. Results that [need not be sent](must_be_sent) are only counted.
    ///
    /// The results of a page are sent while the next page is read. Memory therefore grows only with the results that
    /// Config shows.
    async fn of_all(&self, rule_name: Option<&str>) -> Result<EvaluationCounts, RuleError> {
        // Config's results are read before the resources. One that is created in between then has no result
        // here, and cannot be mistaken for one that is gone.
        let mut current = match rule_name {
            Some(name) => Some(evaluations::current_results(&self.clients.config, name).await?),
            None => None,
        };
        let mut counts = EvaluationCounts::default();
        let mut unsent: Vec<RuleResult> = Vec::new();
        let mut has_sent = false;
        let mut pages = ResourcePages::of(
            &self.clients.ec2,
            &self.policy,
            self.scope,
            self.kinds.iter(),
        );
        loop {
            // Send while the next page is read. Before the last page only full calls are made, to make fewer calls. At
            // the end one call is made even without results, because Config then records the evaluation.
            let is_last = !pages.has_next();
            let rest = if is_last {
                Vec::new()
            } else {
                unsent.split_off(unsent.len() - unsent.len() % evaluations::BATCH)
            };
            let batch = std::mem::replace(&mut unsent, rest);
            let must_send = !batch.is_empty() || (is_last && !has_sent);
            has_sent |= must_send;
            let sending = async move {
                if must_send {
                    self.send(batch).await
                } else {
                    Ok(())
                }
            };
            let (page, sent) = futures_util::join!(pages.next(), sending);
            sent?;
            let Some(page) = page else { break };

            // Count every result of the page, and keep those that Config must be sent.
            let mut results: Vec<_> = page?.iter().map(|it| self.of_resource(it)).collect();
            counts += EvaluationCounts::of(&results);
            if let Some(current) = &mut current {
                results.retain(|result| {
                    must_be_sent(result, current.remove(&result.resource_id).as_ref())
                });
            }
            unsent.extend(results);

            // Only after the last page is it known that what is left of Config's results is of nothing in scope.
            if !pages.has_next() {
                let gone = results_of_gone(current.take().unwrap_or_default().into_keys());
                counts += EvaluationCounts::of(&gone);
                unsent.extend(gone);
            }
        }
        Ok(counts)
    }

    async fn send_one(&self, result: RuleResult) -> Result<EvaluationCounts, RuleError> {
        let results = vec![result];
        let counts = EvaluationCounts::of(&results);
        self.send(results).await?;
        Ok(counts)
    }

    async fn send(&self, results: Vec<RuleResult>) -> Result<(), RuleError> {
        let Clients { clock, config, .. } = self.clients;
        evaluations::put(config, clock, self.result_token, self.as_of, results).await?;
        Ok(())
    }
}

/// Whether Config must be sent `result`, given the `current` result that it shows for the instance.
///
/// Config charges for each result, so a result that it already shows is left out. One that is not compliant is always
/// sent, because that makes Config retry an automatic remediation that failed.
fn must_be_sent(result: &RuleResult, current: Option<&CurrentResult>) -> bool {
    match (&result.compliance_type, current) {
        (ComplianceType::Compliant, Some(CurrentResult::Compliant(annotation))) => {
            result.annotation.as_deref() != annotation.as_deref()
        }
        (ComplianceType::NotApplicable, None) => false,
        _ => true,
    }
}

/// The results for resources that Config shows a result for and that are not in scope.
fn results_of_gone(ids: impl Iterator<Item = String>) -> Vec<RuleResult> {
    ids.filter_map(|id| {
        let kind = Kind::of_id(&id)?;
        let why = match kind.attached_by() {
            None => format!("The {kind} is gone, or not in a VPC of this policy."),
            Some(_) => format!(
                "The {kind} is gone, no rule is for it, or it is not attached to an instance in a VPC of this policy."
            ),
        };
        Some(not_applicable(kind.config_type().to_owned(), id, &why))
    })
    .collect()
}

fn not_applicable(resource_type: String, resource_id: String, why: &str) -> RuleResult {
    RuleResult {
        resource_type,
        resource_id,
        compliance_type: ComplianceType::NotApplicable,
        annotation: Some(why.to_owned()),
    }
}
