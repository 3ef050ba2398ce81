//! AWS Config's recorder: whether it runs, and records what the stack covers as it changes.

use aws_sdk_config::Client;
use aws_sdk_config::types::{
    ConfigurationRecorder, ExclusionByResourceTypes, RecorderStatus, RecordingFrequency,
    RecordingGroup, RecordingStrategyType, ResourceType,
};
use serde_json::{Value, json};
use tagwarden_aws::AwsError;
use tagwarden_core::{Kind, Kinds};

use super::checks::{
    Area, RECORDED_DAILY, RECORDER_FAILING, RECORDER_MISSING, RECORDER_OFF, TYPE_NOT_RECORDED,
};
use super::exam::{Exam, Look};

/// Looks at the recorder.
pub async fn examine(exam: &mut Exam, kinds: Kinds) {
    let client = Client::new(&exam.access.config);
    let types: Vec<&str> = kinds.iter().map(Kind::config_type).collect();
    let look = Look::new(Area::Recorder, "what AWS Config records, and how often");
    let recorders = client.describe_configuration_recorders().send().await;
    let recorders =
        recorders.map_err(|error| AwsError::new("config:DescribeConfigurationRecorders", &error));
    let Some(recorders) = exam.see(look, recorders) else {
        judge_status(exam, &client).await;
        return;
    };
    let Some(recorder) = recorders.configuration_recorders().first() else {
        let what = format!("AWS Config has no recorder in {}.", exam.access.region);
        let fixes = first_recorder(exam, &types);
        exam.complain(RECORDER_MISSING, what, fixes);
        return;
    };
    judge_status(exam, &client).await;
    let name = recorder.name().unwrap_or("default").to_owned();
    let group = recorder.recording_group();
    let unrecorded = types.iter().filter(|it| !is_recorded(group, it));
    let unrecorded: Vec<&str> = unrecorded.copied().collect();
    let daily = types.iter().filter(|it| is_daily(recorder, it));
    let daily: Vec<&str> = daily
        .copied()
        .filter(|it| !unrecorded.contains(it))
        .collect();
    if !unrecorded.is_empty() {
        let what = format!("AWS Config does not record {}.", unrecorded.join(" and "));
        let fix = put(exam, recorder, &types);
        exam.complain(TYPE_NOT_RECORDED, what, [fix]);
    }
    if !daily.is_empty() {
        let what = format!(
            "AWS Config records {} once a day (recorder {name}).",
            daily.join(" and ")
        );
        let fix = put(exam, recorder, &types);
        exam.complain(RECORDED_DAILY, what, [fix]);
    }
}

async fn judge_status(exam: &mut Exam, client: &Client) {
    let look = Look::new(Area::Recorder, "whether AWS Config's recorder runs");
    let status = client.describe_configuration_recorder_status().send().await;
    let status =
        status.map_err(|error| AwsError::new("config:DescribeConfigurationRecorderStatus", &error));
    let Some(status) = exam.see(look, status) else {
        return;
    };
    let Some(status) = status.configuration_recorders_status().first() else {
        let unreadable = AwsError::unreadable(
            "config:DescribeConfigurationRecorderStatus",
            "the answer has no recorder",
        );
        exam.not_seen(look, &unreadable);
        return;
    };
    let name = status.name().unwrap_or("default");
    if !status.recording() {
        let what = format!("AWS Config's recorder {name} is off.");
        let start = exam.aws(&[
            "configservice",
            "start-configuration-recorder",
            "--configuration-recorder-name",
            name,
        ]);
        exam.complain(RECORDER_OFF, what, [start]);
    } else if status.last_status().is_some_and(is_failure) {
        let code = status.last_error_code().unwrap_or("no code");
        let message = status.last_error_message().unwrap_or("no message");
        let what = format!(
            "AWS Config could not deliver what the recorder {name} recorded: {code}: {message}."
        );
        let channel = exam.aws(&["configservice", "describe-delivery-channel-status"]);
        exam.complain(RECORDER_FAILING, what, [channel]);
    }
}

/// AWS's reference writes `Failure`, and AWS answers `FAILURE`.
fn is_failure(status: &RecorderStatus) -> bool {
    status.as_str().eq_ignore_ascii_case("failure")
}

/// See [RecordingGroup](https://docs.aws.amazon.com/config/latest/APIReference/API_RecordingGroup.html).
fn is_recorded(group: Option<&RecordingGroup>, kind: &str) -> bool {
    let Some(group) = group else {
        return true;
    };
    let names = |list: &[ResourceType]| list.iter().any(|listed| listed.as_str() == kind);
    let strategy = group.recording_strategy().and_then(|it| it.use_only());
    match strategy {
        Some(RecordingStrategyType::AllSupportedResourceTypes) => true,
        Some(RecordingStrategyType::ExclusionByResourceTypes) => {
            let excluded = group.exclusion_by_resource_types();
            !excluded.is_some_and(|it| names(it.resource_types()))
        }
        _ => group.all_supported() || names(group.resource_types()),
    }
}

/// See [RecordingMode](https://docs.aws.amazon.com/config/latest/APIReference/API_RecordingMode.html).
fn is_daily(recorder: &ConfigurationRecorder, kind: &str) -> bool {
    let Some(mode) = recorder.recording_mode() else {
        return false;
    };
    let overrides = mode.recording_mode_overrides();
    let own = overrides.iter().find(|it| {
        it.resource_types()
            .iter()
            .any(|listed| listed.as_str() == kind)
    });
    let frequency = own.map_or(mode.recording_frequency(), |it| it.recording_frequency());
    *frequency == RecordingFrequency::Daily
}

/// The command that makes the recorder record these types as they change, and leaves all else as it is.
fn put(exam: &Exam, recorder: &ConfigurationRecorder, types: &[&str]) -> String {
    let mut described = json!({
        "name": recorder.name().unwrap_or("default"),
        "roleARN": recorder.role_arn().unwrap_or_default(),
    });
    if let (Some(mode), Some(members)) = (mode(recorder, types), described.as_object_mut()) {
        members.insert("recordingMode".to_owned(), mode);
    }
    exam.aws(&[
        "configservice",
        "put-configuration-recorder",
        "--configuration-recorder",
        &described.to_string(),
        "--recording-group",
        &group(recorder.recording_group(), types).to_string(),
    ])
}

/// How often things are recorded: these types continuously, all others as before.
fn mode(recorder: &ConfigurationRecorder, types: &[&str]) -> Option<Value> {
    let mode = recorder.recording_mode()?;
    let usual = mode.recording_frequency();
    let mut overrides = Vec::new();
    for own in mode.recording_mode_overrides() {
        let listed = own.resource_types().iter().map(ResourceType::as_str);
        let others: Vec<&str> = listed.filter(|it| !types.contains(it)).collect();
        if !others.is_empty() {
            overrides.push(json!({
                "resourceTypes": others,
                "recordingFrequency": own.recording_frequency().as_str(),
            }));
        }
    }
    if *usual == RecordingFrequency::Daily {
        overrides.push(json!({"resourceTypes": types, "recordingFrequency": "CONTINUOUS"}));
    }
    Some(json!({"recordingFrequency": usual.as_str(), "recordingModeOverrides": overrides}))
}

/// What is recorded: these types, and all that was recorded before.
fn group(group: Option<&RecordingGroup>, types: &[&str]) -> Value {
    let everything = json!({
        "allSupported": true,
        "includeGlobalResourceTypes": group.is_some_and(RecordingGroup::include_global_resource_types),
    });
    let Some(group) = group else {
        return everything;
    };
    let strategy = group.recording_strategy().and_then(|it| it.use_only());
    if group.all_supported() || strategy == Some(&RecordingStrategyType::AllSupportedResourceTypes)
    {
        return everything;
    }
    if strategy == Some(&RecordingStrategyType::ExclusionByResourceTypes) {
        let excluded = group.exclusion_by_resource_types();
        let excluded = excluded
            .map(ExclusionByResourceTypes::resource_types)
            .unwrap_or_default();
        let excluded = excluded.iter().map(ResourceType::as_str);
        let left: Vec<&str> = excluded.filter(|it| !types.contains(it)).collect();
        if left.is_empty() {
            return everything;
        }
        return json!({
            "exclusionByResourceTypes": {"resourceTypes": left},
            "recordingStrategy": {"useOnly": "EXCLUSION_BY_RESOURCE_TYPES"},
        });
    }
    let mut listed: Vec<&str> = group
        .resource_types()
        .iter()
        .map(ResourceType::as_str)
        .collect();
    listed.extend(types.iter().filter(|it| !is_recorded(Some(group), it)));
    json!({
        "resourceTypes": listed,
        "recordingStrategy": {"useOnly": "INCLUSION_BY_RESOURCE_TYPES"},
    })
}

/// How a first recorder is made, for these types only, because AWS charges for each item.
fn first_recorder(exam: &Exam, types: &[&str]) -> Vec<String> {
    let role = exam.access.account.as_deref().unwrap_or("ACCOUNT");
    let role = format!(
        "name=default,roleARN=arn:{}:iam::{role}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig",
        exam.partition()
    );
    vec![
        exam.aws(&[
            "iam",
            "create-service-linked-role",
            "--aws-service-name",
            "config.amazonaws.com",
        ]),
        exam.aws(&[
            "configservice",
            "put-configuration-recorder",
            "--configuration-recorder",
            &role,
            "--recording-group",
            &json!({
                "resourceTypes": types,
                "recordingStrategy": {"useOnly": "INCLUSION_BY_RESOURCE_TYPES"},
            })
            .to_string(),
        ]),
        exam.aws(&[
            "configservice",
            "put-delivery-channel",
            "--delivery-channel",
            "name=default,s3BucketName=BUCKET",
        ]),
        exam.aws(&[
            "configservice",
            "start-configuration-recorder",
            "--configuration-recorder-name",
            "default",
        ]),
    ]
}
