//! What policies deny, other than by the sandbox's own rules: single resources and single tag keys.

use std::collections::BTreeSet;

use crate::Account;
use crate::calls::{Request, Service};
use crate::ec2::is_volume;
use crate::place::{ACCOUNT_ID, CALLER, REGION};
use crate::wire::ApiError;

/// The account's denials.
#[derive(Debug, Default)]
pub(crate) struct Denials {
    /// Operations and ids of instances and volumes.
    resources: BTreeSet<(String, String)>,
    /// Keys that `CreateTags` may not set.
    tag_keys: BTreeSet<String>,
}

impl Denials {
    /// Refuses a whole EC2 call if one of its resources or keys is denied. The message names one resource: of denied
    /// resources the first, and of a call with a denied key the first of all, because a condition on `aws:TagKeys`
    /// denies every resource of the call. The key is not in the message.
    pub(crate) fn check(&self, request: &Request) -> Result<(), ApiError> {
        if request.service != Service::Ec2 {
            return Ok(());
        }
        let is_key_denied = || {
            let keys = (1..).map_while(|number| request.text(&format!("Tag.{number}.Key")));
            keys.into_iter().any(|key| self.tag_keys.contains(key))
        };
        let is_denied = |id: &&String| {
            let denial = (request.operation.clone(), (*id).clone());
            self.resources.contains(&denial)
        };
        let denied = if request.operation == "CreateTags" && is_key_denied() {
            request.resources.first()
        } else {
            request.resources.iter().find(is_denied)
        };
        let Some(id) = denied else {
            return Ok(());
        };
        let kind = if is_volume(id) { "volume" } else { "instance" };
        let message = format!(
            "You are not authorized to perform this operation. User: {CALLER} is not authorized to perform: ec2:{} on \
             resource: arn:aws:ec2:{REGION}:{ACCOUNT_ID}:{kind}/{id} with an explicit deny in a service control \
             policy. Encoded authorization failure message: c2FuZGJveA",
            request.operation
        );
        Err(ApiError::new("UnauthorizedOperation", message).with_status(403))
    }
}

impl Account {
    /// Calls of this EC2 operation, `StopInstances` for instance, that name the instance or volume are refused from now on
    /// (`UnauthorizedOperation`), as by a service control policy.
    pub fn deny(&self, operation: impl Into<String>, id: impl Into<String>) {
        let denial = (operation.into(), id.into());
        self.contents().denials.resources.insert(denial);
    }

    /// Ends [`Account::deny`].
    pub fn allow(&self, operation: impl Into<String>, id: impl Into<String>) {
        let denial = (operation.into(), id.into());
        self.contents().denials.resources.remove(&denial);
    }

    /// Calls of `CreateTags` that set this key are refused from now on (`UnauthorizedOperation`), as by a condition on
    /// `aws:TagKeys`.
    pub fn deny_tag_key(&self, key: impl Into<String>) {
        self.contents().denials.tag_keys.insert(key.into());
    }

    /// Ends [`Account::deny_tag_key`].
    pub fn allow_tag_key(&self, key: &str) {
        self.contents().denials.tag_keys.remove(key);
    }
}
