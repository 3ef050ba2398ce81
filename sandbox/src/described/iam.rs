//! IAM's simulator, see <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>.

use serde_json::{Value, json};

use super::Descriptions;
use crate::calls::Request;
use crate::wire::ApiError;

impl Descriptions {
    /// A role's policies allow what they are not told to deny. Each action is judged for each resource.
    pub(super) fn simulate(&self, request: &Request) -> Result<Value, ApiError> {
        request.only(&[
            "PolicySourceArn",
            "ActionNames",
            "ResourceArns",
            "ContextEntries",
        ])?;
        let role = request.text("PolicySourceArn").unwrap_or_default();
        let Some(denied) = self.roles.get(role) else {
            let name = role.rsplit('/').next().unwrap_or_default();
            let message = format!("The role with name {name} cannot be found.");
            return Err(ApiError::new("NoSuchEntity", message).with_status(404));
        };
        let actions = request.list("ActionNames.member");
        if actions.is_empty() {
            let message = "1 validation error detected: Value null at 'actionNames' failed to satisfy constraint: \
                           Member must not be null";
            return Err(ApiError::new("ValidationError", message));
        }
        let mut results = Vec::new();
        for resource in request.list("ResourceArns.member") {
            for action in &actions {
                let decision = if denied.contains(*action) {
                    "implicitDeny"
                } else {
                    "allowed"
                };
                let mut result = json!({
                    "EvalActionName": action,
                    "EvalResourceName": resource,
                    "EvalDecision": decision,
                });
                let told = self.simulated.get(&(role.to_owned(), (*action).to_owned()));
                if let (Some(told), Some(result)) = (told, result.as_object_mut()) {
                    result.extend(told.as_object().cloned().unwrap_or_default());
                }
                results.push(result);
            }
        }
        Ok(json!({"EvaluationResults": results, "IsTruncated": "false"}))
    }
}
