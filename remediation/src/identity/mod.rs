//! The name to write for a CloudTrail `userIdentity`.
//!
//! The cases, each with the value written, are in `docs/attribution.md`; the real-shaped identities behind that table
//! are in `cases.json` beside this file.
//!
//! See [CloudTrail userIdentity element](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html).

mod session;

use serde::Deserialize;
use serde_json::Value;
use tagwarden_core::likeness::is_blank;
use tagwarden_core::policy::MAX_VALUE_CHARS;

/// The members of `userIdentity` that name somebody. Which are there depends on the type, so none is demanded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UserIdentity {
    /// `IAMUser`, `AssumedRole`, `Root`, `AWSService`, …
    pub r#type: Option<String>,
    /// The user's name; for root, the account's alias.
    pub user_name: Option<String>,
    /// A unique id; for a session, `ROLE-ID:SESSION-NAME`.
    pub principal_id: Option<String>,
    /// The principal; for a session, `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION-NAME`.
    pub arn: Option<String>,
    /// The principal's account.
    pub account_id: Option<String>,
    /// The access key that signed the request; a call that a service makes by itself has none.
    pub access_key_id: Option<String>,
    /// The AWS service that made the call, by itself or for the principal.
    pub invoked_by: Option<String>,
    /// For temporary credentials, where they came from.
    pub session_context: Option<SessionContext>,
    /// The resource whose credentials these are, such as a Lambda function.
    pub in_scope_of: Option<Value>,
    /// The IAM Identity Center user for whom the call was made.
    pub on_behalf_of: Option<OnBehalfOf>,
}

/// Where temporary credentials came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionContext {
    /// The role or user.
    pub session_issuer: Option<SessionIssuer>,
    /// Who began the chain of roles, where that was demanded of them: it cannot be changed from role to role.
    ///
    /// See [Monitor and control actions taken with assumed roles](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html).
    pub source_identity: Option<String>,
    /// The version of the instance metadata service that gave the credentials out; only an instance's have it.
    pub ec2_role_delivery: Option<String>,
}

/// The role or user that temporary credentials were issued to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionIssuer {
    /// The role, with its path: `arn:aws:iam::ACCOUNT:role/PATH/ROLE`.
    pub arn: Option<String>,
    /// The role's name.
    pub user_name: Option<String>,
}

/// An IAM Identity Center user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OnBehalfOf {
    /// The user's id in the identity store: CloudTrail does not tell the name.
    pub user_id: Option<String>,
}

impl UserIdentity {
    /// Who this is, as a tag's value of 1 to 256 characters; `None` if the identity has no name.
    ///
    /// | type | name |
    /// |---|---|
    /// | IAM user | the user's name |
    /// | assumed role | its source identity; else the session's name, which is the person for SSO; `role/session` where a program named the session |
    /// | root | `root`, unless a service acted by itself |
    /// | AWS service, its service-linked role, or a role it assumed itself | the service, such as `autoscaling.amazonaws.com` |
    /// | another account | the account's number |
    /// | anything else | its name, or the end of its ARN or principal id |
    ///
    /// A service that somebody had make the call (`invokedBy` CloudFormation, EC2 Fleet) does not hide that somebody.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let name = match self.r#type.as_deref() {
            Some("Root") => Some(self.root()),
            Some("AWSService") => self.service(),
            Some("AWSAccount") => filled(self.account_id.as_deref()),
            Some("AssumedRole") => self.assumed_role(),
            _ => None,
        };
        name.or_else(|| filled(self.user_name.as_deref()))
            .or_else(|| last_part(self.arn.as_deref(), '/'))
            .or_else(|| last_part(self.principal_id.as_deref(), ':'))
            .or_else(|| filled(self.on_behalf_of.as_ref()?.user_id.as_deref()))
            .or_else(|| self.service())
            .and_then(|name| tag_value(&name))
    }

    /// The identity of a principal of which only the ARN is known: a user, the root user or a role's session.
    #[must_use]
    pub fn of_principal(arn: &str) -> Self {
        let kind = match arn.splitn(6, ':').nth(5) {
            Some("root") => Some("Root"),
            Some(resource) if resource.starts_with("assumed-role/") => Some("AssumedRole"),
            _ => None,
        };
        Self {
            r#type: kind.map(ToOwned::to_owned),
            arn: Some(arn.to_owned()),
            ..Self::default()
        }
    }

    /// The service that made the call. `AWS Internal` is some service, so that it names none.
    fn service(&self) -> Option<String> {
        filled(self.invoked_by.as_deref()).filter(|service| service != "AWS Internal")
    }

    /// Auto Scaling without a service-linked role launches as the account's root, without any credentials: that is
    /// not the root user.
    fn root(&self) -> String {
        let signed =
            self.session_context.is_some() || filled(self.access_key_id.as_deref()).is_some();
        let service = self.service().filter(|_| !signed);
        service.unwrap_or_else(|| "root".to_owned())
    }

    fn assumed_role(&self) -> Option<String> {
        if let Some(service) = self.linked_service() {
            return Some(service);
        }
        let context = self.session_context.as_ref();
        if let Some(source) = context.and_then(|context| filled(context.source_identity.as_deref()))
        {
            return Some(source);
        }
        let session = last_part(self.principal_id.as_deref(), ':')
            .or_else(|| last_part(self.arn.as_deref(), '/'));
        let role = self.role();
        let Some(session) = session else {
            return role.map(ToOwned::to_owned);
        };
        if session::is_a_services_own(&session)
            && let Some(service) = self.service()
        {
            return Some(service);
        }
        match role {
            Some(role) if self.is_a_machines(&session) => Some(format!("{role}/{session}")),
            _ => Some(session),
        }
    }

    /// The service behind a service-linked role, whatever it calls its session.
    ///
    /// See [Create a service-linked role](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html).
    fn linked_service(&self) -> Option<String> {
        let path = self
            .issuer()
            .and_then(|issuer| issuer.arn.as_deref()?.split_once(":role/aws-service-role/"))
            .map(|(_, path)| path);
        let is_linked = path.is_some() || self.role()?.starts_with("AWSServiceRoleFor");
        if !is_linked {
            return None;
        }
        self.service()
            .or_else(|| path?.split_once('/').map(|(service, _)| service.to_owned()))
    }

    fn is_a_machines(&self, session: &str) -> bool {
        let context = self.session_context.as_ref();
        self.in_scope_of.is_some()
            || context.is_some_and(|context| context.ec2_role_delivery.is_some())
            || session::is_machine_made(session)
    }

    fn role(&self) -> Option<&str> {
        let issuer = self.issuer().and_then(|issuer| issuer.user_name.as_deref());
        issuer.or_else(|| {
            let (_, path) = self.arn.as_deref()?.split_once(":assumed-role/")?;
            path.rsplit_once('/').map(|(role, _)| role)
        })
    }

    fn issuer(&self) -> Option<&SessionIssuer> {
        self.session_context.as_ref()?.session_issuer.as_ref()
    }
}

/// `name` as a tag may hold it: no control characters, none around it, at most 256 characters; `None` if nothing is
/// left.
///
/// See [Tag restrictions](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions).
pub(crate) fn tag_value(name: &str) -> Option<String> {
    let printable: String = name.chars().filter(|char| !char.is_control()).collect();
    let cut: String = printable.trim().chars().take(MAX_VALUE_CHARS).collect();
    // A value of zero-width characters alone would be found empty again at every look.
    filled(Some(cut.trim_end())).filter(|value| !is_blank(value))
}

fn filled(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

fn last_part(text: Option<&str>, separator: char) -> Option<String> {
    let (_, last) = text?.rsplit_once(separator)?;
    filled(Some(last))
}

#[cfg(test)]
mod tests;
