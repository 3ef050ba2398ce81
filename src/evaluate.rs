//! From an event to results in AWS Config.

use aws_sdk_config::types::ComplianceType;
use chrono::{DateTime, Utc};

use tagwarden_aws::evaluations::{self, Compliance, Shown};
use tagwarden_aws::history;
use tagwarden_aws::instances::InstancePages;
use tagwarden_aws::policy_table::read_policy;
use tagwarden_core::annotation::annotation;
use tagwarden_core::resource::configuration_item::{
    ConfigurationItem, INSTANCE_RESOURCE_TYPE, ItemStatus, ItemSummary,
};
use tagwarden_core::settings::PolicySettings;
use tagwarden_core::{Instance, Policy, Scope, Verdict, assess};

use crate::event::{Event, InvokingEvent};
use crate::{EvaluationCounts, Rule, RuleError};

/// The policy, the scope and the present, and what there is to tell Config of an instance by them.
struct Judge {
    policy: Policy,
    scope: Scope,
    /// Not the event's time, which can be hours old: an exemption that ended meanwhile has no effect.
    now: DateTime<Utc>,
}

impl Judge {
    fn result(&self, instance: &Instance) -> Compliance {
        let assessment = assess(&self.policy, &self.scope, instance, self.now);
        Compliance {
            resource_type: INSTANCE_RESOURCE_TYPE.to_owned(),
            resource_id: instance.id.clone(),
            compliance_type: match assessment.verdict {
                Verdict::Compliant => ComplianceType::Compliant,
                Verdict::NonCompliant => ComplianceType::NonCompliant,
                Verdict::NotApplicable(_) => ComplianceType::NotApplicable,
            },
            annotation: annotation(&assessment),
        }
    }
}

impl Rule {
    pub(crate) async fn evaluate(
        &self,
        event: Event,
        settings: &PolicySettings,
    ) -> Result<EvaluationCounts, RuleError> {
        let judge = Judge {
            // Read first: without a valid policy nothing is evaluated, not even what is gone.
            policy: read_policy(&self.dynamodb, &settings.policy_table).await?,
            scope: settings.scope.clone(),
            now: self.clock.now(),
        };
        let results_of = |as_of| Results {
            rule: self,
            result_token: &event.result_token,
            as_of,
        };
        match event.cause {
            InvokingEvent::Change { configuration_item } => {
                let results = results_of(configuration_item.configuration_item_capture_time);
                let result = changed(&judge, configuration_item, event.left_scope);
                results.put_one(result).await
            }
            InvokingEvent::OversizedChange {
                configuration_item_summary: summary,
            } => {
                let results = results_of(summary.configuration_item_capture_time);
                let result = self.oversized(&judge, summary, event.left_scope).await?;
                results.put_one(result).await
            }
            InvokingEvent::Schedule {
                notification_creation_time,
            } => {
                // A test's token belongs to no rule that could have results already.
                let rule_name = event
                    .config_rule_name
                    .as_deref()
                    .filter(|_| !evaluations::is_test(&event.result_token));
                let results = results_of(notification_creation_time);
                self.everything(&judge, rule_name, &results).await
            }
        }
    }

    async fn oversized(
        &self,
        judge: &Judge,
        summary: ItemSummary,
        left_scope: bool,
    ) -> Result<Compliance, RuleError> {
        let is_evaluable = !left_scope
            && summary.configuration_item_status.is_present()
            && summary.resource_type == INSTANCE_RESOURCE_TYPE;
        if !is_evaluable {
            // Nothing in the full item would change the answer.
            return Ok(changed(judge, summary.into(), left_scope));
        }
        let Some(item) = history::full_item(&self.config, &summary).await? else {
            return Err(RuleError::NoHistory {
                resource_id: summary.resource_id,
                captured_at: summary.configuration_item_capture_time,
            });
        };
        Ok(changed(judge, item, left_scope))
    }

    /// A result for every instance in scope, and `NOT_APPLICABLE` for those that Config still shows a result for
    /// although they are gone or no longer in scope. What [is no news](is_news) to Config is counted, and not
    /// sent.
    ///
    /// A page's results are sent while the next page is read, so that memory grows with what Config shows
    /// alone.
    async fn everything(
        &self,
        judge: &Judge,
        rule_name: Option<&str>,
        results: &Results<'_>,
    ) -> Result<EvaluationCounts, RuleError> {
        // Before the instances: one that is launched in between then cannot pass for one that is gone.
        let mut shown = match rule_name {
            Some(name) => Some(evaluations::shown(&self.config, name).await?),
            None => None,
        };
        let mut counts = EvaluationCounts::default();
        let mut news: Vec<Compliance> = Vec::new();
        let mut has_sent = false;
        let mut pages = InstancePages::in_scope(&self.ec2, &judge.scope);
        loop {
            let is_last = !pages.has_next();
            // Until the last page only full calls are made; what is left goes with the next page's.
            let rest = if is_last {
                Vec::new()
            } else {
                news.split_off(news.len() - news.len() % evaluations::BATCH)
            };
            let batch = std::mem::replace(&mut news, rest);
            let is_to_send = !batch.is_empty() || (is_last && !has_sent);
            has_sent |= is_to_send;
            let put = async move {
                if is_to_send {
                    results.put(batch).await
                } else {
                    Ok(())
                }
            };
            let (page, put) = futures_util::join!(pages.next(), put);
            put?;
            let Some(page) = page else { break };
            let mut judged: Vec<Compliance> = page?.iter().map(|it| judge.result(it)).collect();
            counts += count(&judged);
            if let Some(shown) = &mut shown {
                judged.retain(|result| is_news(result, shown.remove(&result.resource_id).as_ref()));
            }
            news.extend(judged);
            if !pages.has_next() {
                let gone = shown.take().unwrap_or_default().into_keys().map(|id| {
                    let why = "The instance is gone, or not in a VPC of this policy.";
                    not_applicable(INSTANCE_RESOURCE_TYPE.to_owned(), id, why)
                });
                let gone: Vec<Compliance> = gone.collect();
                counts += count(&gone);
                news.extend(gone);
            }
        }
        Ok(counts)
    }
}

/// Where the results of one event go.
struct Results<'a> {
    rule: &'a Rule,
    result_token: &'a str,
    as_of: DateTime<Utc>,
}

impl Results<'_> {
    async fn put_one(&self, result: Compliance) -> Result<EvaluationCounts, RuleError> {
        let result = vec![result];
        let counts = count(&result);
        self.put(result).await?;
        Ok(counts)
    }

    async fn put(&self, results: Vec<Compliance>) -> Result<(), RuleError> {
        let Rule { clock, config, .. } = self.rule;
        evaluations::put(config, clock, self.result_token, self.as_of, results).await?;
        Ok(())
    }
}

/// Whether `result` tells Config anything that it does not show of the instance already.
///
/// Config charges for each result it is told. One that is not compliant counts as news all the same: that is what starts
/// Config's automatic remediation once more where it has failed.
fn is_news(result: &Compliance, shown: Option<&Shown>) -> bool {
    match (&result.compliance_type, shown) {
        (ComplianceType::Compliant, Some(Shown::Compliant(annotation))) => {
            result.annotation.as_deref() != annotation.as_deref()
        }
        (ComplianceType::NotApplicable, None) => false,
        _ => true,
    }
}

fn changed(judge: &Judge, item: ConfigurationItem, left_scope: bool) -> Compliance {
    let why = if left_scope {
        "The resource has left the scope of this rule."
    } else if !item.configuration_item_status.is_present() {
        match item.configuration_item_status {
            ItemStatus::ResourceNotRecorded => "AWS Config does not record the resource.",
            _ => "The resource has been deleted.",
        }
    } else if item.resource_type != INSTANCE_RESOURCE_TYPE {
        "The policy is about EC2 instances only."
    } else {
        return judge.result(&item.into_instance());
    };
    not_applicable(item.resource_type, item.resource_id, why)
}

fn not_applicable(resource_type: String, resource_id: String, why: &str) -> Compliance {
    Compliance {
        resource_type,
        resource_id,
        compliance_type: ComplianceType::NotApplicable,
        annotation: Some(why.to_owned()),
    }
}

fn count(results: &[Compliance]) -> EvaluationCounts {
    let of = |wanted: &ComplianceType| {
        results
            .iter()
            .filter(|result| result.compliance_type == *wanted)
            .count()
    };
    EvaluationCounts {
        evaluated: results.len(),
        compliant: of(&ComplianceType::Compliant),
        non_compliant: of(&ComplianceType::NonCompliant),
        not_applicable: of(&ComplianceType::NotApplicable),
    }
}
