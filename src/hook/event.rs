//! The event of a Lambda hook.
//!
//! See [Create Lambda functions to evaluate resources for Lambda Hooks](https://docs.aws.amazon.com/cloudformation-cli/latest/hooks-userguide/lambda-hooks-create-lambda-function.html).

use serde_json::Value;
use tagwarden_core::preflight::template::LaunchType;

/// Whether `payload` is the event of a hook. No other event has the name of a hook's type.
pub(crate) fn is_hook_event(payload: &Value) -> bool {
    payload.get("hookTypeName").is_some()
}

/// A resource that CloudFormation is about to create or to change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HookEvent<'e> {
    pub(crate) account_id: Option<&'e str>,
    pub(crate) stack_id: &'e str,
    pub(crate) launch_type: LaunchType,
    pub(crate) logical_id: &'e str,
    /// The properties that the resource will have.
    pub(crate) properties: &'e Value,
    pub(crate) change: HookChange<'e>,
}

/// What happens to the resource.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HookChange<'e> {
    Create,
    Update {
        /// The properties that it has now; `None` if the event does not say.
        previous: Option<&'e Value>,
    },
}

/// Why an event is not judged: a whole sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotJudged(pub(crate) String);

impl<'e> HookEvent<'e> {
    /// Reads `payload`.
    ///
    /// # Errors
    /// It is not about a resource that is judged, or something that must be there is absent: [`NotJudged`] says what.
    pub(crate) fn read(payload: &'e Value) -> Result<Self, NotJudged> {
        let not_judged = |why: String| Err(NotJudged(why));
        let request = payload.get("requestData").unwrap_or(&Value::Null);
        let of_request = |name: &str| text(request, &[name]);
        let target_type = of_request("targetType").unwrap_or_default();
        let target = of_request("targetName").unwrap_or_default();
        if matches!(target_type, "STACK" | "CHANGE_SET") {
            return not_judged(format!(
                "tagwarden judges resources, and this operation is a {target_type}: leave only RESOURCE in the hook's TargetOperations."
            ));
        }
        let stack_id = text(payload, &["stackId", "stackID"]);
        let Some(stack_id) = stack_id.filter(|_| target_type != "RESOURCE") else {
            return not_judged(
                "tagwarden does not judge what the Cloud Control API creates.".to_owned(),
            );
        };
        let Some(launch_type) = LaunchType::named(target) else {
            return not_judged(format!(
                "tagwarden judges {}, and not {target:?}.",
                LaunchType::ALL.map(LaunchType::as_str).join(", ")
            ));
        };
        let models = request.get("targetModel").unwrap_or(&Value::Null);
        let model = |name: &str| models.get(name).filter(|it| it.is_object());
        let change = match text(payload, &["actionInvocationPoint"]) {
            Some("CREATE_PRE_PROVISION") => HookChange::Create,
            Some("UPDATE_PRE_PROVISION") => HookChange::Update {
                previous: model("previousResourceProperties"),
            },
            Some("DELETE_PRE_PROVISION") => {
                return not_judged("tagwarden does not judge a deletion.".to_owned());
            }
            other => {
                return not_judged(format!(
                    "tagwarden does not know the invocation point {:?}.",
                    other.unwrap_or_default()
                ));
            }
        };
        let Some(properties) = model("resourceProperties") else {
            return not_judged(
                "The event has no properties of the resource, so that nothing was judged."
                    .to_owned(),
            );
        };
        Ok(Self {
            account_id: text(payload, &["awsAccountId"]),
            stack_id,
            launch_type,
            logical_id: of_request("targetLogicalId").unwrap_or("The resource"),
            properties,
            change,
        })
    }
}

/// The token of the request, which the answer repeats.
pub(crate) fn request_token(payload: &Value) -> Option<&str> {
    // The guide writes it in both ways.
    text(payload, &["clientRequestToken", "clientRequesttoken"])
}

/// The first member with one of these names that is a text and not blank.
fn text<'e>(value: &'e Value, names: &[&str]) -> Option<&'e str> {
    let mut found = names.iter().filter_map(|name| value.get(name)?.as_str());
    found.find(|text| !text.trim().is_empty())
}
