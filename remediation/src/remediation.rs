//! What all runs share, and why a run fails.

use tagwarden_aws::mail::Mailer;
use tagwarden_aws::policy_table::PolicyTableError;
use tagwarden_aws::{AwsError, Clock, Ec2, other_region};
use tagwarden_core::Policy;

use crate::launcher::LookUp;
use crate::ledger::Ledger;
use crate::metrics::CountLookUps;
use crate::plan::{Agreed, Focus, Mandate, StepFailure};
use crate::progress::Monitor;
use crate::settings::Settings;
use crate::trigger::TriggerError;

/// What all runs share: clients, settings and ledger. Build it once; it serves any number of events.
#[derive(Debug)]
pub struct Remediation {
    pub(crate) clock: Clock,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) ec2: Ec2,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) look_up: LookUp,
    /// Where the instances are.
    pub(crate) region: Option<String>,
    pub(crate) settings: Settings,
    sns: aws_sdk_sns::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    /// Sends mail to owners, or why it cannot; `None`: mail has no sender.
    pub(crate) mailer: Option<Result<Mailer, String>>,
    pub(crate) monitor: Monitor,
    /// What the runs may do at most; `None`, as in the functions: whatever the policy asks for.
    pub(crate) mandate: Option<Mandate>,
    /// The policy that was agreed to with it.
    pub(crate) agreed_policy: Option<Policy>,
}

/// Why a run did nothing, or what it could not report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemediationError {
    /// The event cannot be served.
    #[error(transparent)]
    Trigger(#[from] TriggerError),
    /// There is no valid policy.
    #[error(transparent)]
    PolicyTable(#[from] PolicyTableError),
    /// The policy changed between the survey and the act.
    #[error(
        "the policy changed during the run, so nothing was done: the next run applies the new policy"
    )]
    PolicyChanged,
    /// The policy is not the one that a person agreed to.
    #[error("the policy changed since the plan was shown, so nothing was done")]
    PolicyNotAgreed,
    /// The run was cancelled before it changed anything.
    #[error("the run was cancelled before anything was done")]
    Interrupted,
    /// The instances could not be read.
    #[error("nothing was done: {0}")]
    Aws(#[from] AwsError),
    /// Everything was done, and the report could not be published; it is in the function's log.
    #[error("the report could not be published: {0}")]
    Unreported(AwsError),
}

impl Remediation {
    /// Makes the remediation with clients of `config`, in its time.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig, settings: Settings) -> Self {
        let clock = Clock::of(config);
        let cloudtrail = aws_sdk_cloudtrail::config::Builder::from(config)
            .interceptor(CountLookUps)
            .build();
        let cloudtrail = aws_sdk_cloudtrail::Client::from_conf(cloudtrail);
        let dynamodb = aws_sdk_dynamodb::Client::new(config);
        let ledger = settings
            .ledger_table
            .clone()
            .map(|table| Ledger::new(dynamodb.clone(), clock.clone(), table));
        let sender = settings.mail_from.as_ref();
        let mailer = sender.map(|sender| Mailer::new(config, sender));
        Self {
            clock: clock.clone(),
            dynamodb,
            ec2: Ec2::new(config),
            ledger,
            look_up: LookUp::new(cloudtrail, clock),
            region: config.region().map(ToString::to_string),
            settings,
            sns: aws_sdk_sns::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            mailer,
            monitor: Monitor::default(),
            mandate: None,
            agreed_policy: None,
        }
    }

    /// A client for the Region of a topic, because SNS refuses a topic of another Region than the endpoint's.
    pub(crate) fn sns_of(&self, topic_arn: &str) -> aws_sdk_sns::Client {
        let config = self.sns.config();
        match other_region(topic_arn, config.region()) {
            None => self.sns.clone(),
            region => aws_sdk_sns::Client::from_conf(config.to_builder().region(region).build()),
        }
    }

    /// The same, whose runs `monitor` shows and cancels.
    #[must_use]
    pub fn monitored(mut self, monitor: &Monitor) -> Self {
        self.monitor = monitor.clone();
        self.look_up.monitor = monitor.clone();
        self
    }

    /// The same, which looks at and does no more than what `focus` asks for.
    #[must_use]
    pub fn focused(mut self, focus: Focus) -> Self {
        self.mandate = Some(Mandate {
            focus,
            agreed: None,
        });
        self
    }

    /// The same, which does what was agreed to, as far as it is still asked for, and nothing else.
    #[must_use]
    pub fn limited(mut self, agreed: Agreed) -> Self {
        self.mandate.get_or_insert_default().agreed = Some(agreed);
        self
    }

    /// The same, whose runs do nothing if the policy is not `policy` any more.
    #[must_use]
    pub fn under(mut self, policy: &Policy) -> Self {
        self.agreed_policy = Some(policy.clone());
        self
    }
}

impl RemediationError {
    /// The failure of a step that could not be confirmed. Without the words "nothing was done", because tags may have
    /// been written by then.
    pub(crate) fn to_failure(&self) -> StepFailure {
        match self {
            Self::Aws(error) => error.into(),
            Self::PolicyTable(PolicyTableError::Unreadable { source, .. }) => StepFailure {
                text: self.to_string(),
                ..StepFailure::from(source)
            },
            error => StepFailure::without_code(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tagwarden_core::settings::Environment;
    use tagwarden_sandbox::Account;

    use super::*;
    use crate::settings::Settings;

    /// One topic for several Regions is in another Region than most of its functions.
    #[rstest]
    #[case("arn:aws:sns:us-east-1:111111111111:letters", "us-east-1")]
    #[case("arn:aws:sns:eu-west-1:222222222222:letters", "eu-west-1")]
    #[case("arn:aws-cn:sns:cn-north-1:222222222222:letters", "cn-north-1")]
    fn a_topic_is_called_in_its_own_region(#[case] arn: &str, #[case] region: &str) {
        let settings = Settings::from_environment(&Environment::new(&|_| None)).unwrap();
        let home = Remediation::new(&Account::new().sdk_config(), settings);
        let client = home.sns_of(arn);
        assert_eq!(client.config().region().unwrap().as_ref(), region);
    }
}
