//! Who made a call, as CloudTrail records it.
//!
//! The shapes follow
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::ids::fingerprint;
use crate::place::ACCOUNT_ID;
use crate::wire::iso_seconds;

/// The caller of an AWS API.
#[derive(Clone, Debug, PartialEq)]
pub enum Identity {
    /// An IAM user.
    IamUser {
        /// The user's name.
        name: String,
    },
    /// A role somebody or something has assumed.
    AssumedRole {
        /// The role's name.
        role: String,
        /// The session's name: the person's, for SSO; a machine's, for an instance profile.
        session: String,
    },
    /// A role that belongs to an AWS service and was assumed by it, as Auto Scaling's: an assumed role
    /// that names the service in `invokedBy`.
    ServiceLinkedRole {
        /// The service, `autoscaling.amazonaws.com` for instance.
        service: String,
        /// The role's name.
        role: String,
        /// The session's name.
        session: String,
    },
    /// The account's root user.
    Root,
    /// An AWS service acting by itself (`type` `AWSService`).
    Service {
        /// The service, `ec2fleet.amazonaws.com` for instance.
        name: String,
    },
    /// A user federated by `GetFederationToken`.
    Federated {
        /// The name given to the federated user.
        name: String,
    },
    /// Any other `userIdentity`, as it stands.
    Raw(Value),
}

impl Identity {
    /// An IAM user of this name.
    pub fn iam_user(name: impl Into<String>) -> Self {
        Self::IamUser { name: name.into() }
    }

    /// A role of this name in a session of that name.
    pub fn assumed_role(role: impl Into<String>, session: impl Into<String>) -> Self {
        Self::AssumedRole {
            role: role.into(),
            session: session.into(),
        }
    }

    /// The root user.
    #[must_use]
    pub fn root() -> Self {
        Self::Root
    }

    /// An AWS service by itself, `ec2fleet.amazonaws.com` for instance.
    pub fn service(name: impl Into<String>) -> Self {
        Self::Service { name: name.into() }
    }

    /// EC2 Auto Scaling with its service-linked role, as it launches the instances of a group.
    #[must_use]
    pub fn auto_scaling() -> Self {
        Self::ServiceLinkedRole {
            service: "autoscaling.amazonaws.com".to_owned(),
            role: "AWSServiceRoleForAutoScaling".to_owned(),
            session: "AutoScaling".to_owned(),
        }
    }

    /// A federated user of this name.
    pub fn federated(name: impl Into<String>) -> Self {
        Self::Federated { name: name.into() }
    }

    /// Any `userIdentity` as it stands, however odd.
    #[must_use]
    pub fn raw(user_identity: Value) -> Self {
        Self::Raw(user_identity)
    }

    /// The record's `userIdentity`; `since` is when the caller's session began, where there is one.
    #[must_use]
    pub fn user_identity(&self, since: DateTime<Utc>) -> Value {
        match self {
            Self::IamUser { name } => json!({
                "type": "IAMUser",
                "principalId": unique_id("AIDA", name),
                "arn": format!("arn:aws:iam::{ACCOUNT_ID}:user/{name}"),
                "accountId": ACCOUNT_ID,
                "accessKeyId": unique_id("AKIA", name),
                "userName": name,
            }),
            Self::AssumedRole { role, session } => {
                assumed_role(role, &format!("role/{role}"), session, since)
            }
            Self::ServiceLinkedRole {
                service,
                role,
                session,
            } => {
                let path = format!("role/aws-service-role/{service}/{role}");
                let mut identity = assumed_role(role, &path, session, since);
                if let Some(members) = identity.as_object_mut() {
                    members.insert("invokedBy".to_owned(), service.as_str().into());
                }
                identity
            }
            Self::Root => json!({
                "type": "Root",
                "principalId": ACCOUNT_ID,
                "arn": format!("arn:aws:iam::{ACCOUNT_ID}:root"),
                "accountId": ACCOUNT_ID,
                "accessKeyId": unique_id("ASIA", "root"),
                "sessionContext": {"attributes": attributes(since)},
            }),
            Self::Service { name } => json!({"type": "AWSService", "invokedBy": name}),
            Self::Federated { name } => json!({
                "type": "FederatedUser",
                "principalId": format!("{ACCOUNT_ID}:{name}"),
                "arn": format!("arn:aws:sts::{ACCOUNT_ID}:federated-user/{name}"),
                "accountId": ACCOUNT_ID,
                "accessKeyId": unique_id("ASIA", name),
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "IAMUser",
                        "principalId": unique_id("AIDA", "federation"),
                        "arn": format!("arn:aws:iam::{ACCOUNT_ID}:user/federation"),
                        "accountId": ACCOUNT_ID,
                        "userName": "federation",
                    },
                    "attributes": attributes(since),
                },
            }),
            Self::Raw(user_identity) => user_identity.clone(),
        }
    }

    /// Where the call came from: a service's name for what AWS does itself, an address otherwise.
    pub(crate) fn source(&self) -> &str {
        match self {
            Self::Service { name: service } | Self::ServiceLinkedRole { service, .. } => service,
            Self::Raw(user_identity) => user_identity
                .get("invokedBy")
                .and_then(Value::as_str)
                .unwrap_or(ADDRESS),
            _ => ADDRESS,
        }
    }

    /// The tool the call was made with, as the record's `userAgent`.
    pub(crate) fn user_agent(&self) -> &str {
        match self.source() {
            ADDRESS => "aws-cli/2.31.0 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0 md/arch#x86_64",
            service => service,
        }
    }
}

/// An address of the range kept for documentation.
const ADDRESS: &str = "203.0.113.24";

/// What `LookupEvents` knows the caller by: the user's name, or the session's for an assumed role.
/// Records of callers that have neither carry no `Username`.
pub(crate) fn username(user_identity: &Value) -> Option<String> {
    let text = |name: &str| user_identity.get(name).and_then(Value::as_str);
    let after_colon = |principal: &str| principal.split_once(':').map(|(_, name)| name.to_owned());
    match text("type")? {
        "Root" => Some("root".to_owned()),
        "AssumedRole" | "FederatedUser" => text("principalId").and_then(after_colon),
        _ => text("userName").map(str::to_owned),
    }
}

fn assumed_role(role: &str, path: &str, session: &str, since: DateTime<Utc>) -> Value {
    let id = unique_id("AROA", role);
    json!({
        "type": "AssumedRole",
        "principalId": format!("{id}:{session}"),
        "arn": format!("arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role}/{session}"),
        "accountId": ACCOUNT_ID,
        "accessKeyId": unique_id("ASIA", session),
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": id,
                "arn": format!("arn:aws:iam::{ACCOUNT_ID}:{path}"),
                "accountId": ACCOUNT_ID,
                "userName": role,
            },
            "webIdFederationData": {},
            "attributes": attributes(since),
        },
    })
}

fn attributes(since: DateTime<Utc>) -> Value {
    json!({"creationDate": iso_seconds(since), "mfaAuthenticated": "false"})
}

/// An IAM unique id or access key id, see
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>.
fn unique_id(prefix: &str, name: &str) -> String {
    format!("{prefix}{:016X}", fingerprint(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_a_role_by_its_session() {
        let name = |identity: Identity| username(&identity.user_identity(DateTime::UNIX_EPOCH));
        assert_eq!(name(Identity::iam_user("alice")).as_deref(), Some("alice"));
        assert_eq!(
            name(Identity::assumed_role("Admin", "bob")).as_deref(),
            Some("bob")
        );
        assert_eq!(
            name(Identity::auto_scaling()).as_deref(),
            Some("AutoScaling")
        );
        assert_eq!(name(Identity::root()).as_deref(), Some("root"));
        assert_eq!(name(Identity::federated("carol")).as_deref(), Some("carol"));
        assert_eq!(name(Identity::service("ec2fleet.amazonaws.com")), None);
        assert_eq!(name(Identity::raw(Value::Null)), None);
    }

    #[test]
    fn names_the_service_as_the_source_of_its_calls() {
        assert_eq!(
            Identity::auto_scaling().source(),
            "autoscaling.amazonaws.com"
        );
        assert_eq!(
            Identity::auto_scaling().user_agent(),
            "autoscaling.amazonaws.com"
        );
        assert_eq!(Identity::root().source(), "203.0.113.24");
    }
}
