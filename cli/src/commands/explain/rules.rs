//! Each rule on one instance: the tag's value, what is wrong with it, and what is done about that.

use chrono::{DateTime, Utc};
use tagwarden_core::policy::RuleStanding;
use tagwarden_core::wording::{sentence, suggestion, too_far};
use tagwarden_core::{Action, Assessment, Defect, Policy, Resource, TagRule, Verdict};
use tagwarden_remediation::explain::{
    ExplainedEndDate, ExplainedStep, Explanation, LauncherSource, ValueSource,
};
use tagwarden_remediation::plan::{Outcome, Remedy};

use crate::forecast::rows::{obstacle, what};
use crate::words::on_one_line;

/// A rule on one instance.
#[derive(Debug)]
pub struct ExplainedRule<'a> {
    pub rule: &'a TagRule,
    /// Whether it applies to the instance, and which condition decided that.
    pub standing: RuleStanding<'a>,
    /// The tag's value.
    pub value: Option<&'a str>,
    /// What is wrong with it.
    pub defect: Option<Defect<'a>>,
    /// The end date in it.
    pub end_date: Option<&'a ExplainedEndDate>,
    /// What is done about it.
    pub step: Option<&'a ExplainedStep>,
}

/// The rules in order.
pub fn rules<'a>(
    policy: &'a Policy,
    instance: &'a Resource,
    explanation: &'a Explanation,
    now: DateTime<Utc>,
) -> Vec<ExplainedRule<'a>> {
    let rules = policy.rules().iter();
    rules
        .map(|rule| {
            let mut steps = explanation.steps.iter();
            let mut end_dates = explanation.end_dates.iter();
            let standing = policy.standing(rule, instance);
            let defect = rule.defect(instance, policy.rules(), now);
            ExplainedRule {
                rule,
                standing,
                value: instance.tags.get(&rule.tag_key).map(String::as_str),
                defect: defect.filter(|_| standing == RuleStanding::Applies),
                end_date: end_dates.find(|it| it.rule_id == rule.id),
                step: steps.find(|it| it.entry.step.cause.rule_id() == Some(rule.id)),
            }
        })
        .collect()
}

impl ExplainedRule<'_> {
    /// `Update, required`.
    pub fn asks_for(&self) -> String {
        let (action, required) = (action(&self.rule.action), self.rule.required);
        format!(
            "{action}, {}",
            if required { "required" } else { "optional" }
        )
    }

    /// `"Proj042"`, or nothing.
    pub fn shown_value(&self) -> String {
        self.value.map(|it| format!("{it:?}")).unwrap_or_default()
    }

    /// What is wrong, near misses included.
    pub fn finding(&self, instance: &Resource) -> String {
        if self.standing != RuleStanding::Applies {
            return self.standing.to_string();
        }
        match self.defect {
            None => self.end_date.map_or_else(|| "in order".to_owned(), ends),
            Some(Defect::Missing {
                near_miss: Some(key),
            }) => {
                let value = instance.tags.get(key).map_or("", String::as_str);
                format!("missing; near miss {key:?} = {value:?}")
            }
            Some(Defect::Empty { value }) if !value.is_empty() => "empty: only blanks".to_owned(),
            Some(Defect::TooFar { .. }) => format!("not allowed: {}", too_far(self.rule)),
            Some(Defect::NotAllowed { value, .. }) => match suggestion(self.rule, value) {
                Some(hint) => format!("not allowed, {hint}"),
                None => "not allowed".to_owned(),
            },
            Some(Defect::Expired { .. }) => self.end_date.map_or_else(String::new, ends),
            Some(defect) => defect.name().to_string(),
        }
    }

    /// What is done about it.
    pub fn remedy(&self, assessment: &Assessment<'_>) -> String {
        match self.step {
            Some(step) => sentence(&step_in_words(step)),
            None if self.defect.is_none() => String::new(),
            None if matches!(assessment.verdict, Verdict::NotApplicable(_)) => {
                "Nothing: the policy does not apply".to_owned()
            }
            None if assessment.is_untagged => {
                "Nothing: the whole instance has one remedy".to_owned()
            }
            None => "Nothing: the tag is optional".to_owned(),
        }
    }
}

/// `ends in 10 days`.
pub fn ends(end_date: &ExplainedEndDate) -> String {
    match end_date.days_left {
        0 => "ends today".to_owned(),
        1 => "ends tomorrow".to_owned(),
        -1 => "ended yesterday".to_owned(),
        days if days > 0 => format!("ends in {days} days"),
        days => format!("ended {} days ago", days.unsigned_abs()),
    }
}

/// What a step does, where a value comes from, and what stands against it.
pub fn step_in_words(step: &ExplainedStep) -> String {
    let entry = &step.entry;
    let done = match &entry.step.remedy {
        Remedy::Tag {
            value,
            unknown: Some(_),
            ..
        } => format!("write {value:?}"),
        // What follows says where the value comes from.
        Remedy::Tag {
            value,
            origin: Some(origin),
            ..
        } if origin.describe().is_some() => format!("write {value:?}"),
        Remedy::Tag { value, .. } => {
            let from = step.source.map(source).unwrap_or_default();
            format!("write {value:?}, {from}")
        }
        Remedy::TagLauncher => "write who launched it".to_owned(),
        Remedy::TagFromSource { source } => format!("write the value of {}", on_one_line(source)),
        Remedy::Notify {
            correction: Some(correction),
        } => format!("report only: {}", on_one_line(correction)),
        Remedy::Notify { correction: None } => "report only".to_owned(),
        Remedy::Stop { .. } | Remedy::Terminate => what(entry),
    };
    let stands = match &entry.outcome {
        Outcome::Deferred(_) => "not yet",
        Outcome::Refused(_) => "refused",
        Outcome::Failed(_) => "failed",
        _ => "",
    };
    let why = match entry.step.remedy {
        // It says that already.
        Remedy::Notify { .. } if stands.is_empty() => None,
        _ => obstacle(entry),
    };
    match (why, stands) {
        (Some(why), "") => format!("{done}: {why}"),
        (Some(why), stands) => format!("{done}: {stands}, because {why}"),
        (None, _) => done,
    }
}

/// Where a value comes from.
fn source(source: ValueSource) -> String {
    match source {
        ValueSource::Default => "the rule's default".to_owned(),
        ValueSource::Function => "the rule's function".to_owned(),
        ValueSource::Launcher(source) => format!("who launched it, from {}", look_up(source)),
        // The step's origin names them.
        ValueSource::NearMiss
        | ValueSource::OtherTag
        | ValueSource::Instance
        | ValueSource::Subnet
        | ValueSource::Vpc
        | ValueSource::WhoRow => "from a source".to_owned(),
        ValueSource::Restored => "which tagwarden wrote before and somebody removed".to_owned(),
    }
}

/// Where it is known from who launched an instance.
pub fn look_up(source: LauncherSource) -> &'static str {
    match source {
        LauncherSource::ServiceCatalog => "Service Catalog's tag",
        LauncherSource::LaunchEvent => "the launch's event, noted in the ledger",
        LauncherSource::EarlierLookUp => "an earlier look-up, noted in the ledger",
        LauncherSource::CloudTrail => "CloudTrail",
        LauncherSource::Recording => "the recording",
    }
}

/// The action's name in the policy table.
pub fn action(action: &Action) -> &'static str {
    match action {
        Action::Update { .. } => "Update",
        Action::UserLookup => "UserLookup",
        Action::Function(_) => "Function",
        Action::Notify => "Notify",
        Action::Stop => "Stop",
        Action::Terminate => "Terminate",
    }
}
