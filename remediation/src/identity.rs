//! The name to write for a CloudTrail `userIdentity`.
//!
//! See [CloudTrail userIdentity element](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html).

use serde::Deserialize;
use tagwarden::instance::is_instance_id;
use tagwarden::policy::MAX_VALUE_CHARS;

/// The members of `userIdentity` that name somebody. Which are there depends on the type, so none is demanded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UserIdentity {
    /// `IAMUser`, `AssumedRole`, `Root`, `AWSService`, …
    pub r#type: Option<String>,
    /// The user's name.
    pub user_name: Option<String>,
    /// A unique id; for a session, `ROLE-ID:SESSION-NAME`.
    pub principal_id: Option<String>,
    /// The principal; for a session, `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION-NAME`.
    pub arn: Option<String>,
    /// The principal's account.
    pub account_id: Option<String>,
    /// The AWS service that made the call.
    pub invoked_by: Option<String>,
    /// For temporary credentials, where they came from.
    pub session_context: Option<SessionContext>,
}

/// Where temporary credentials came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionContext {
    /// The role or user.
    pub session_issuer: Option<SessionIssuer>,
}

/// The role or user that temporary credentials were issued to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionIssuer {
    /// The role's name.
    pub user_name: Option<String>,
}

impl UserIdentity {
    /// Who this is, in at most 256 characters; `None` if the identity names nobody.
    ///
    /// | type | name |
    /// |---|---|
    /// | IAM user | the user's name |
    /// | assumed role | the session's name, which is the person for SSO; `role/session` where a machine chose it |
    /// | root | `root` |
    /// | AWS service, or its service-linked role | the service, such as `autoscaling.amazonaws.com` |
    /// | anything else | its name, or the end of its ARN or principal id |
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let name = match self.r#type.as_deref() {
            Some("Root") => Some("root".to_owned()),
            Some("AWSService") => self.invoked_by.clone(),
            Some("AWSAccount") => self.account_id.clone(),
            Some("AssumedRole") => self.assumed_role(),
            _ => None,
        };
        name.or_else(|| self.user_name.clone())
            .or_else(|| last_part(self.arn.as_deref(), '/'))
            .or_else(|| last_part(self.principal_id.as_deref(), ':'))
            .or_else(|| self.invoked_by.clone())
            .map(|name| name.trim().chars().take(MAX_VALUE_CHARS).collect())
            .filter(|name: &String| !name.is_empty())
    }

    fn assumed_role(&self) -> Option<String> {
        let session = last_part(self.principal_id.as_deref(), ':')
            .or_else(|| last_part(self.arn.as_deref(), '/'));
        let role = self.role();
        // A service-linked role is the service itself, whatever it calls its session.
        if role.is_some_and(|role| role.starts_with("AWSServiceRoleFor"))
            && self.invoked_by.is_some()
        {
            return self.invoked_by.clone();
        }
        match (role, session) {
            (Some(role), Some(session)) if is_machine_made(&session) => {
                Some(format!("{role}/{session}"))
            }
            (_, Some(session)) => Some(session),
            (Some(role), None) => Some(role.to_owned()),
            (None, None) => None,
        }
    }

    fn role(&self) -> Option<&str> {
        let issuer = self
            .session_context
            .as_ref()
            .and_then(|context| context.session_issuer.as_ref())
            .and_then(|issuer| issuer.user_name.as_deref());
        issuer.or_else(|| {
            let (_, path) = self.arn.as_deref()?.split_once(":assumed-role/")?;
            path.rsplit_once('/').map(|(role, _)| role)
        })
    }
}

/// Whether a program chose this session name: the instance of an instance profile, or what the SDKs and well-known
/// tools write when nobody names the session. It tells a reader little without its role.
fn is_machine_made(session: &str) -> bool {
    const PREFIXES: [&str; 6] = [
        "AWSCLI-Session",
        "GitHubActions",
        "aws-go-sdk-",
        "aws-sdk-",
        "botocore-session-",
        "terraform-",
    ];
    is_instance_id(session)
        || session.bytes().all(|byte| byte.is_ascii_digit())
        || PREFIXES.iter().any(|prefix| session.starts_with(prefix))
}

fn last_part(text: Option<&str>, separator: char) -> Option<String> {
    let (_, last) = text?.rsplit_once(separator)?;
    (!last.is_empty()).then(|| last.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn assumed_role(role: &str, session: &str) -> Value {
        json!({
            "type": "AssumedRole",
            "principalId": format!("AROAEXAMPLE:{session}"),
            "arn": format!("arn:aws:sts::111111111111:assumed-role/{role}/{session}"),
            "accountId": "111111111111",
            "sessionContext": {"sessionIssuer": {"type": "Role", "userName": role}},
        })
    }

    fn service_role() -> Value {
        let mut identity = assumed_role("AWSServiceRoleForAutoScaling", "AutoScaling");
        identity["invokedBy"] = json!("autoscaling.amazonaws.com");
        identity
    }

    #[rstest]
    #[case::iam_user(json!({"type": "IAMUser", "userName": "ann", "arn": "arn:aws:iam::1:user/ops/ann", "principalId": "AIDAEXAMPLE"}), "ann")]
    #[case::root(json!({"type": "Root", "arn": "arn:aws:iam::111111111111:root", "principalId": "111111111111"}), "root")]
    #[case::sso(
        assumed_role("AWSReservedSSO_Admin_0123456789abcdef", "ann@example.com"),
        "ann@example.com"
    )]
    #[case::person(assumed_role("Admin", "ann"), "ann")]
    #[case::instance_profile(
        assumed_role("Builder", "i-0a1b2c3d4e5f60718"),
        "Builder/i-0a1b2c3d4e5f60718"
    )]
    #[case::boto(
        assumed_role("Batch", "botocore-session-1700000000"),
        "Batch/botocore-session-1700000000"
    )]
    #[case::numbers(assumed_role("Batch", "1700000000123"), "Batch/1700000000123")]
    #[case::arn_only(json!({"type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/Ci/GitHubActions"}), "Ci/GitHubActions")]
    #[case::auto_scaling(service_role(), "autoscaling.amazonaws.com")]
    #[case::service(json!({"type": "AWSService", "invokedBy": "elasticmapreduce.amazonaws.com"}), "elasticmapreduce.amazonaws.com")]
    #[case::federated(json!({"type": "FederatedUser", "arn": "arn:aws:sts::1:federated-user/ann", "principalId": "1:ann"}), "ann")]
    #[case::web_identity(json!({"type": "WebIdentityUser", "userName": "ann@example.com", "principalId": "accounts.example.com:app:1"}), "ann@example.com")]
    #[case::other_account(json!({"type": "AWSAccount", "accountId": "222222222222", "principalId": "AIDAEXAMPLE:x"}), "222222222222")]
    #[case::to_come(json!({"type": "SomethingNew", "principalId": "ID:ann"}), "ann")]
    fn names(#[case] identity: Value, #[case] name: &str) {
        let identity: UserIdentity = serde_json::from_value(identity).unwrap();
        assert_eq!(identity.name().as_deref(), Some(name));
    }

    #[test]
    fn nobody_is_named_by_nothing() {
        for identity in [json!({}), json!({"type": "IAMUser", "userName": " "})] {
            let identity: UserIdentity = serde_json::from_value(identity).unwrap();
            assert_eq!(identity.name(), None);
        }
    }

    #[test]
    fn a_name_fits_a_tag() {
        let name = "é".repeat(300);
        let identity: UserIdentity =
            serde_json::from_value(json!({"type": "IAMUser", "userName": name})).unwrap();
        assert_eq!(identity.name().unwrap(), "é".repeat(256));
    }
}
