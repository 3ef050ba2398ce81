//! What each function does, on what, and when: the actions that its role must allow.
//!
//! A test compares the list with the template.

use tagwarden_core::Kind;
use tagwarden_remediation::Settings;
use tagwarden_remediation::settings::{Mode, RulesMayDestroy, Untagged};

/// Whose role it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoleOf {
    /// The function of the Config rule.
    Rule,
    /// The remediation.
    Remediation,
}

/// What an action is done on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "their names say what they are")]
pub enum NeededOn {
    /// IAM has no resource for the action.
    Anything,
    PolicyTable,
    PolicyKey,
    Results,
    Ledger,
    LedgerKey,
    Queue,
    Topic,
    TopicKey,
    LettersTopic,
    MailIdentity,
    Instances,
    Volumes,
    Logs,
}

/// When the function does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names say what they are")]
pub enum NeededWhen {
    Always,
    CoversVolumes,
    TagsInstances,
    TagsVolumes,
    MayStop,
    MayTerminate,
    WritesLetters,
    SendsMail,
}

/// One action.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// Whose role must allow it.
    pub of: RoleOf,
    /// As IAM names it.
    pub action: &'static str,
    /// On what.
    pub on: NeededOn,
    /// When.
    pub when: NeededWhen,
}

const fn rule(action: &'static str, on: NeededOn, when: NeededWhen) -> Need {
    Need {
        of: RoleOf::Rule,
        action,
        on,
        when,
    }
}

const fn remediation(action: &'static str, on: NeededOn, when: NeededWhen) -> Need {
    Need {
        of: RoleOf::Remediation,
        action,
        on,
        when,
    }
}

use NeededOn as On;
use NeededWhen::{
    Always, CoversVolumes, MayStop, MayTerminate, SendsMail, TagsInstances, TagsVolumes,
    WritesLetters,
};

/// Every action that a function needs.
pub const NEEDS: &[Need] = &[
    rule("dynamodb:Scan", On::PolicyTable, Always),
    rule("kms:Decrypt", On::PolicyKey, Always),
    rule(
        "config:GetComplianceDetailsByConfigRule",
        On::Results,
        Always,
    ),
    rule("config:GetResourceConfigHistory", On::Anything, Always),
    rule("config:PutEvaluations", On::Anything, Always),
    rule("ec2:DescribeInstances", On::Anything, Always),
    rule("ec2:DescribeVolumes", On::Anything, CoversVolumes),
    rule("logs:CreateLogStream", On::Logs, Always),
    rule("logs:PutLogEvents", On::Logs, Always),
    remediation("dynamodb:Scan", On::PolicyTable, Always),
    remediation("kms:Decrypt", On::PolicyKey, Always),
    remediation("kms:Decrypt", On::LedgerKey, Always),
    remediation("dynamodb:BatchGetItem", On::Ledger, Always),
    remediation("dynamodb:DeleteItem", On::Ledger, Always),
    remediation("dynamodb:GetItem", On::Ledger, Always),
    remediation("dynamodb:PutItem", On::Ledger, Always),
    remediation("dynamodb:Query", On::Ledger, Always),
    remediation("dynamodb:UpdateItem", On::Ledger, Always),
    remediation("ec2:DescribeInstances", On::Anything, Always),
    remediation("ec2:DescribeTags", On::Anything, Always),
    remediation("ec2:DescribeSpotInstanceRequests", On::Anything, Always),
    remediation("ec2:DescribeVolumes", On::Anything, CoversVolumes),
    remediation("cloudtrail:LookupEvents", On::Anything, Always),
    remediation("sqs:DeleteMessage", On::Queue, Always),
    remediation("sqs:GetQueueAttributes", On::Queue, Always),
    remediation("sqs:ReceiveMessage", On::Queue, Always),
    remediation("sqs:SendMessage", On::Queue, Always),
    remediation("sns:GetTopicAttributes", On::Topic, Always),
    remediation("sns:Publish", On::Topic, Always),
    remediation("kms:Decrypt", On::TopicKey, Always),
    remediation("kms:GenerateDataKey", On::TopicKey, Always),
    remediation("sns:Publish", On::LettersTopic, WritesLetters),
    remediation("ses:SendEmail", On::MailIdentity, SendsMail),
    remediation("ec2:DescribeInstanceAttribute", On::Instances, Always),
    remediation("ec2:CreateTags", On::Instances, TagsInstances),
    remediation("ec2:StopInstances", On::Instances, MayStop),
    remediation("ec2:TerminateInstances", On::Instances, MayTerminate),
    remediation("ec2:CreateTags", On::Volumes, TagsVolumes),
    remediation("logs:CreateLogStream", On::Logs, Always),
    remediation("logs:PutLogEvents", On::Logs, Always),
];

impl NeededWhen {
    /// Whether it is so with these settings of the remediation, which are those of the whole stack.
    pub fn holds(self, settings: &Settings) -> bool {
        let kinds = settings.policy.kinds;
        let enforces = |kind: Kind| settings.mode == Mode::Enforce && kinds.contains(kind);
        let rules = settings.rules_may_destroy;
        match self {
            Self::Always => true,
            Self::CoversVolumes => kinds.contains(Kind::Volume),
            Self::TagsInstances => enforces(Kind::Instance),
            Self::TagsVolumes => enforces(Kind::Volume),
            Self::MayStop => {
                enforces(Kind::Instance)
                    && (settings.untagged == Untagged::Stop || rules != RulesMayDestroy::No)
            }
            Self::MayTerminate => {
                enforces(Kind::Instance)
                    && (settings.untagged == Untagged::Terminate
                        || settings.terminate_after.is_some()
                        || rules == RulesMayDestroy::StopAndTerminate)
            }
            Self::WritesLetters => settings.letters_topic_arn.is_some(),
            Self::SendsMail => settings.mail_from.is_some() && !settings.mail_domains.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regex_lite::Regex;

    use super::*;

    const TEMPLATE: &str = include_str!("../../../../cloudformation/tagwarden.yaml");

    /// The actions in the template's policies of a role, those that stand apart included.
    fn granted(role: &str) -> BTreeSet<String> {
        let resources = TEMPLATE.split("\nResources:\n").nth(1).unwrap();
        let resources = resources.split("\nOutputs:\n").next().unwrap();
        let begin = Regex::new(r"(?m)^  ([A-Za-z]+):$").unwrap();
        let starts: Vec<usize> = begin.find_iter(resources).map(|it| it.start()).collect();
        let ends = starts.iter().skip(1).copied().chain([resources.len()]);
        let action = Regex::new(
            r"\b(?:cloudtrail|config|dynamodb|ec2|kms|logs|ses|sns|sqs):[A-Z][A-Za-z]+\b",
        )
        .unwrap();
        let list =
            Regex::new(r"Action:(?: \[[^\]]*\]| [^\n]*|\n(?: +- [a-z0-9]+:[A-Za-z]+\n)+)").unwrap();
        let mut all = BTreeSet::new();
        for (start, end) in starts.iter().zip(ends) {
            let resource = &resources[*start..end];
            let is_role = resource.starts_with(&format!("  {role}:"));
            let is_policy = resource.contains("Type: AWS::IAM::Policy\n")
                && resource
                    .lines()
                    .any(|line| line.contains("Roles: [") && line.contains(role));
            if is_role || is_policy {
                for list in list.find_iter(resource) {
                    all.extend(
                        action
                            .find_iter(list.as_str())
                            .map(|it| it.as_str().to_owned()),
                    );
                }
            }
        }
        all
    }

    #[test]
    fn the_list_is_what_the_template_grants() {
        for (of, role) in [
            (RoleOf::Rule, "RuleRole"),
            (RoleOf::Remediation, "RemediationRole"),
        ] {
            let needs = NEEDS.iter().filter(|it| it.of == of);
            let needs: BTreeSet<String> = needs.map(|it| it.action.to_owned()).collect();
            assert_eq!(needs, granted(role), "{role}");
        }
    }
}
