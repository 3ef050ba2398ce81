//! One call from its arrival to its answer.

use chrono::{DateTime, Utc};

use crate::Account;
use crate::account::Contents;
use crate::calls::{Call, Request, Service};
use crate::place::{ACCOUNT_ID, CALLER, SandboxPlace};
use crate::wire::{Answer, ApiError, Incoming, Outgoing, Protocol, Xml};

/// What an operation knows of the call it answers.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) now: DateTime<Utc>,
    pub(crate) request_id: String,
}

impl Account {
    /// Answers a call: after the latency, within the quotas, with what the hooks changed and the
    /// faults refuse.
    pub(crate) async fn answer(&self, incoming: Incoming<'_>) -> Outgoing {
        // Latency comes first: the call must see the account as it is after the wait.
        let latency = self.contents().troubles.latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let (protocol, request) = Protocol::read(incoming);
        let (operation, outcome, context) = match request {
            Ok(request) => {
                let (outcome, context) = self.perform(&request);
                (request.operation, outcome, context)
            }
            Err(unreadable) => (String::new(), Err(unreadable), self.context()),
        };
        tracing::debug!(operation, ok = outcome.is_ok(), "answered");
        protocol.write(&operation, outcome, context.request_id, context.now)
    }

    fn context(&self) -> Context {
        let now = self.now();
        let request_id = self.contents().ids.uuid();
        Context { now, request_id }
    }

    fn perform(&self, request: &Request) -> (Result<Answer, ApiError>, Context) {
        let context = self.context();
        // Quotas come before hooks, because AWS throttles a call before it does anything.
        let admitted = match &mut self.contents().quotas {
            Some(quotas) => quotas.draw(request, context.now),
            None => Ok(()),
        };
        if admitted.is_ok() {
            self.run_hooks(&request.operation);
        }
        // Read the clock again, because a hook may have advanced it.
        let context = Context {
            now: self.now(),
            ..context
        };
        let mut contents = self.contents();
        let outcome = admitted
            .and_then(|()| contents.troubles.strike(request))
            .and_then(|()| contents.denials.check(request))
            .and_then(|()| contents.operate(request, &context));
        // Log refused calls too: tests count every attempt.
        contents.calls.push(Call {
            service: request.service,
            operation: request.operation.clone(),
            resources: request.resources.clone(),
            parameters: request.parameters.clone(),
            at: context.now,
            outcome: outcome
                .as_ref()
                .map(|_| ())
                .map_err(|error| error.code.clone()),
        });
        (outcome, context)
    }
}

impl Contents {
    /// The operations the sandbox knows.
    fn operate(&mut self, request: &Request, context: &Context) -> Result<Answer, ApiError> {
        if let Some(answer) = self.described(request) {
            return answer;
        }
        match (request.service, request.operation.as_str()) {
            (Service::Ec2, "DescribeInstances") => self.describe_instances(request, context),
            (Service::Ec2, "DescribeInstanceAttribute") => {
                self.describe_instance_attribute(request, context)
            }
            (Service::Ec2, "DescribeVolumes") => self.describe_volumes(request, context),
            (Service::Ec2, "DescribeTags") => self.describe_tags(request, context),
            (Service::Ec2, "DescribeSpotInstanceRequests") => {
                self.describe_spot_instance_requests(request, context)
            }
            (Service::Ec2, "DescribeSubnets") => self.describe_subnets(request),
            (Service::Ec2, "CreateTags") => self.create_tags(request, context),
            (Service::Ec2, "DeleteTags") => self.delete_tags(request, context),
            (Service::Ec2, "TerminateInstances") => self.terminate_instances(request, context),
            (Service::Ec2, "StopInstances") => self.stop_instances(request, context),
            (Service::DynamoDb, "BatchGetItem") => self.dynamodb.batch_get_item(request),
            (Service::DynamoDb, "DeleteItem" | "PutItem" | "UpdateItem") => {
                self.dynamodb.write_item(request)
            }
            (Service::DynamoDb, "DescribeTable") => self.dynamodb.describe_table(request),
            (Service::DynamoDb, "GetItem") => self.dynamodb.get_item(request),
            (Service::DynamoDb, "Query") => self.dynamodb.query(request),
            (Service::DynamoDb, "Scan") => self.dynamodb.scan(request),
            (Service::DynamoDb, "TransactWriteItems") => {
                self.dynamodb.transact_write_items(request, context.now)
            }
            (Service::Config, "PutEvaluations") => self.put_evaluations(request, context),
            (Service::Config, "GetComplianceDetailsByConfigRule") => {
                self.config.compliance_details(request)
            }
            (Service::Config, "GetResourceConfigHistory") => {
                self.config.resource_history(request, context)
            }
            (Service::CloudFormation, "DescribeStacks") => self.describe_stacks(request),
            (Service::CloudTrail, "LookupEvents") => self.trail.lookup_events(request, context),
            (Service::Ses, "SendEmail") => self.send_email(request),
            (Service::Sns, "GetTopicAttributes") => self.topic_attributes(request),
            (Service::Sns, "ListSubscriptionsByTopic") => self.subscriptions(request),
            (Service::Sns, "Publish") => self.publish(request),
            (Service::Sqs, "GetQueueAttributes") => self.queue_attributes(request, context.now),
            (Service::Sqs, "SendMessageBatch") => self.send_message_batch(request, context.now),
            (Service::Sts, "GetCallerIdentity") => caller_identity(request, &self.place),
            (service, operation) => Err(unknown(service, operation)),
        }
    }
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
fn caller_identity(request: &Request, place: &SandboxPlace) -> Result<Answer, ApiError> {
    request.only(&[])?;
    let mut xml = Xml::default();
    xml.text("UserId", "AROASANDBOX:tagwarden");
    xml.text("Account", &place.account);
    xml.text("Arn", CALLER.replace(ACCOUNT_ID, &place.account));
    Ok(Answer::Xml(xml))
}

/// An operation that is not there: the service's code for that, so that the SDK does not retry it, and
/// a message that names it.
fn unknown(service: Service, operation: &str) -> ApiError {
    let code = match service {
        Service::CloudFormation
        | Service::CloudWatch
        | Service::Ec2
        | Service::Iam
        | Service::Sns
        | Service::Sts => "InvalidAction",
        _ => "UnknownOperationException",
    };
    ApiError::new(
        code,
        format!("tagwarden's sandbox does not know the operation {operation} of {service}"),
    )
}
