//! What `doctor` looks for: the parts of a deployment, and every check with what it means.

/// A part of the deployment, in the order in which they are examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "their names say what they are")]
pub enum Area {
    Stack,
    Functions,
    Recorder,
    ConfigRule,
    Events,
    Queue,
    Policy,
    Ledger,
    Reports,
    Trail,
    Permissions,
    Key,
    Alarms,
    Costs,
}

impl Area {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Stack,
        Self::Functions,
        Self::Recorder,
        Self::ConfigRule,
        Self::Events,
        Self::Queue,
        Self::Policy,
        Self::Ledger,
        Self::Reports,
        Self::Trail,
        Self::Permissions,
        Self::Key,
        Self::Alarms,
        Self::Costs,
    ];

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Stack => "Stack",
            Self::Functions => "Functions",
            Self::Recorder => "AWS Config's recorder",
            Self::ConfigRule => "Config rule",
            Self::Events => "Events",
            Self::Queue => "Queue and dead letters",
            Self::Policy => "Policy table",
            Self::Ledger => "Ledger",
            Self::Reports => "Reports",
            Self::Trail => "CloudTrail",
            Self::Permissions => "Permissions",
            Self::Key => "Encryption key",
            Self::Alarms => "Alarms",
            Self::Costs => "Cost allocation tags",
        }
    }

    /// For programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stack => "stack",
            Self::Functions => "functions",
            Self::Recorder => "recorder",
            Self::ConfigRule => "config-rule",
            Self::Events => "events",
            Self::Queue => "queue",
            Self::Policy => "policy",
            Self::Ledger => "ledger",
            Self::Reports => "reports",
            Self::Trail => "trail",
            Self::Permissions => "permissions",
            Self::Key => "key",
            Self::Alarms => "alarms",
            Self::Costs => "costs",
        }
    }
}

/// How much a check matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It keeps tagwarden from working, in whole or in part.
    Fault,
    /// tagwarden works, and somebody should know.
    Note,
}

impl Weight {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Note => "note",
        }
    }
}

/// One thing that may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name in JSON documents.
    pub id: &'static str,
    /// The part that it is about.
    pub area: Area,
    /// How much it matters.
    pub weight: Weight,
    /// What it means for tagwarden, for the guide.
    pub meaning: &'static str,
}

macro_rules! checks {
    ($($name:ident = $id:literal, $area:ident, $weight:ident, $meaning:literal;)*) => {
        $(
            #[allow(clippy::doc_markdown, reason = "the words are for people")]
            #[doc = $meaning]
            pub const $name: Check = Check {
                id: $id,
                area: Area::$area,
                weight: Weight::$weight,
                meaning: $meaning,
            };
        )*

        /// Every check, in the order of the parts.
        #[cfg(test)]
        pub const ALL: &[Check] = &[$($name),*];
    };
}

checks! {
    STACK_MISSING = "stack-missing", Stack, Fault,
        "There is no such stack, nor its functions";
    STACK_FAILED = "stack-failed", Stack, Fault,
        "The stack's last operation failed half way, so that nothing can be deployed, or a part is missing";
    STACK_VERSION = "stack-version", Stack, Fault,
        "The stack is of another version than this command, so that their answers may differ";
    STACK_CHANGING = "stack-changing", Stack, Note,
        "The stack is being changed right now, so that all the rest may be different in a minute";

    FUNCTION_MISSING = "function-missing", Functions, Fault,
        "One of the two functions does not exist";
    FUNCTION_INACTIVE = "function-inactive", Functions, Fault,
        "Lambda does not run the function";
    FUNCTION_OFF = "function-off", Functions, Fault,
        "The function's reserved concurrency is 0: somebody pulled the kill switch";
    FUNCTION_VERSIONS = "function-versions", Functions, Fault,
        "The two functions are of different versions";
    FUNCTION_SETTINGS = "function-settings", Functions, Fault,
        "A setting of the function cannot be read, so that it does not start";
    FUNCTION_SETTINGS_DIFFER = "function-settings-differ", Functions, Fault,
        "The two functions have different policy tables, VPCs or types of resources, so that the dashboard shows what the remediation does not do";

    RECORDER_MISSING = "recorder-missing", Recorder, Fault,
        "AWS Config records nothing here, so that the rule is never asked";
    RECORDER_OFF = "recorder-off", Recorder, Fault,
        "AWS Config's recorder is off, so that the rule is never asked";
    RECORDER_FAILING = "recorder-failing", Recorder, Fault,
        "AWS Config could not deliver what it recorded";
    TYPE_NOT_RECORDED = "type-not-recorded", Recorder, Fault,
        "AWS Config does not record a type of resource that the stack covers";
    RECORDED_DAILY = "recorded-daily", Recorder, Fault,
        "AWS Config records the type once a day, so that the rule sees a change up to a day late";

    RULE_MISSING = "rule-missing", ConfigRule, Fault,
        "No Config rule calls the rule's function: neither the stack's nor a conformance pack's";
    RULE_NOT_ACTIVE = "rule-not-active", ConfigRule, Fault,
        "The Config rule is being deleted, or its results are";
    RULE_SCOPE = "rule-scope", ConfigRule, Fault,
        "The Config rule does not cover a type of resource that the stack covers";
    RULE_NOT_ALLOWED = "rule-not-allowed", ConfigRule, Fault,
        "The function's policy does not let AWS Config call it";
    RULE_FAILING = "rule-failing", ConfigRule, Fault,
        "The rule's last evaluation failed, so that AWS Config shows old results";
    REMEDIATION_EXCEPTIONS = "remediation-exceptions", ConfigRule, Fault,
        "AWS Config gave up on remediating some resources, and leaves them alone";
    RULE_TWICE = "rule-twice", ConfigRule, Note,
        "Several Config rules call the function, and AWS charges for each evaluation";

    MAPPING_MISSING = "mapping-missing", Events, Fault,
        "Nothing brings the queue's messages to the remediation";
    MAPPING_OFF = "mapping-off", Events, Fault,
        "The event source mapping is off, so that the queue's messages wait until they expire";
    MAPPING_FAILING = "mapping-failing", Events, Fault,
        "Lambda cannot read the queue";
    EVENT_RULE_MISSING = "event-rule-missing", Events, Fault,
        "No EventBridge rule sends these events to the queue";
    EVENT_RULE_OFF = "event-rule-off", Events, Fault,
        "The EventBridge rule for these events is off";
    EVENT_RULE_NARROW = "event-rule-narrow", Events, Fault,
        "The EventBridge rule leaves out the Config rule, or a type of resource, so that what it finds starts nothing";

    QUEUE_MISSING = "queue-missing", Queue, Fault,
        "The queue of the remediation does not exist";
    QUEUE_NOT_ALLOWED = "queue-not-allowed", Queue, Fault,
        "The queue's policy does not let EventBridge send events";
    QUEUE_OLD = "queue-old", Queue, Fault,
        "Messages wait in the queue for longer than a run takes, so that the remediation is behind or stands still";
    DEAD_LETTERS = "dead-letters", Queue, Fault,
        "tagwarden gave up on messages, which wait to be looked at";
    NO_DEAD_LETTERS = "no-dead-letters", Queue, Fault,
        "The queue has no dead-letter queue, so that what fails is tried until it expires, and is lost in silence";

    POLICY_MISSING = "policy-missing", Policy, Fault,
        "The policy table does not exist";
    POLICY_KEY = "policy-key", Policy, Fault,
        "The table is not a policy table, because its key is not the number RuleId";
    POLICY_EMPTY = "policy-empty", Policy, Fault,
        "The policy table has no rules, so that nothing is evaluated and nothing is done";
    POLICY_INVALID = "policy-invalid", Policy, Fault,
        "The policy table has problems, so that nothing is evaluated and nothing is done";
    POLICY_HELD = "policy-held", Policy, Fault,
        "A row with Hold stops every write and shutdown";
    POLICY_CAUTION = "policy-caution", Policy, Note,
        "A rule is valid, and hardly means what it says";
    POLICY_UNPROTECTED = "policy-unprotected", Policy, Note,
        "The policy table is not protected from deletion";

    LEDGER_UNSET = "ledger-unset", Ledger, Fault,
        "The remediation has no ledger, so that nothing is shut down and nothing can be undone";
    LEDGER_MISSING = "ledger-missing", Ledger, Fault,
        "The ledger does not exist, so that nothing is shut down and nothing can be undone";
    LEDGER_KEY = "ledger-key", Ledger, Fault,
        "The table is not a ledger, because its key is not Pk and Sk";
    LEDGER_UNPROTECTED = "ledger-unprotected", Ledger, Note,
        "The ledger is not protected from deletion, although it holds the evidence and what undo needs";

    TOPIC_MISSING = "topic-missing", Reports, Fault,
        "The topic of the reports does not exist";
    NOTICE_UNREAD = "notice-unread", Reports, Fault,
        "Shutdowns must be announced and nobody would read it, so that none happens";
    SUBSCRIPTION_PENDING = "subscription-pending", Reports, Fault,
        "A subscription was not confirmed, so that somebody who should get the reports does not";
    REPORTS_UNREAD = "reports-unread", Reports, Note,
        "The topic of the reports has no confirmed subscription, so that nobody reads them";

    TRAIL_MISSING = "trail-missing", Trail, Fault,
        "There is no trail, so that EventBridge gets no launch events, and who launched an instance is looked up later, at most 90 days back";
    TRAIL_OFF = "trail-off", Trail, Fault,
        "The trail is not logging, with the same effect as without one";
    TRAIL_WITHOUT_MANAGEMENT = "trail-without-management", Trail, Fault,
        "No trail logs management events that write, with the same effect as without one";

    PERMISSION_MISSING = "permission-missing", Permissions, Fault,
        "A function's role may not do what the function does in this mode";

    KEY_UNUSABLE = "key-unusable", Key, Fault,
        "The key that encrypts the topic or a table is disabled, or waits for its deletion";
    KEY_POLICY = "key-policy", Key, Fault,
        "The key's policy does not let a service use it that must";

    ALARM_RINGING = "alarm-ringing", Alarms, Fault,
        "An alarm of the stack is ringing";

    COST_TAG_INACTIVE = "cost-tag-inactive", Costs, Note,
        "A tag of the policy is not a cost allocation tag that is active, so that no bill shows it";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/doctor.md");

    /// With `UPDATE_DOCS=1`, the guide's table is written again.
    #[test]
    fn the_guide_lists_every_check() {
        const HEAD: &str = "| Part | Check | Weight | What it means |\n|---|---|---|---|\n";
        let mut expected = HEAD.to_owned();
        for check in ALL {
            let (area, weight) = (check.area.title(), check.weight.name());
            let row = format!(
                "| {area} | `{}` | {weight} | {} |\n",
                check.id, check.meaning
            );
            expected.push_str(&row);
        }
        let guide = std::fs::read_to_string(GUIDE).unwrap();
        let (before, rest) = guide.split_once(HEAD).unwrap();
        let after = rest.find("\n\n").map_or("", |end| &rest[end + 1..]);
        let updated = format!("{before}{expected}{after}");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(GUIDE, updated).unwrap();
        } else {
            assert_eq!(guide, updated, "UPDATE_DOCS=1 cargo test writes it anew");
        }
    }

    #[test]
    fn every_check_has_an_id_of_its_own_and_stands_with_its_part() {
        let ids: BTreeSet<&str> = ALL.iter().map(|check| check.id).collect();
        assert_eq!(ids.len(), ALL.len());
        assert!(ALL.is_sorted_by_key(|check| check.area));
        for area in Area::ALL {
            assert!(ALL.iter().any(|check| check.area == area), "{area:?}");
        }
    }
}
