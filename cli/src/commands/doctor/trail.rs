//! CloudTrail: whether a trail records launches, so that EventBridge gets them.
//!
//! The event history, in which tagwarden looks launchers up, needs no trail. EventBridge's "AWS API Call via CloudTrail"
//! does: see <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html>.

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::operation::get_event_selectors::GetEventSelectorsOutput;
use aws_sdk_cloudtrail::types::{AdvancedFieldSelector, ReadWriteType, Trail};
use tagwarden_aws::AwsError;

use super::checks::{Area, TRAIL_MISSING, TRAIL_OFF, TRAIL_WITHOUT_MANAGEMENT};
use super::exam::{Exam, Look};

/// What CloudTrail answers to a member of an organization that asks for the selectors of the organization's trail.
const NOT_OURS: [&str; 2] = ["CloudTrailARNInvalidException", "TrailNotFoundException"];

/// What a trail does for tagwarden, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum TrailState {
    Off,
    WithoutManagement,
    Records,
}

/// Looks at the trails of this Region, those of other Regions and of the organization included.
pub async fn examine(exam: &mut Exam) {
    let look = Look::new(Area::Trail, "whether a trail records launches");
    let trails = Client::new(&exam.access.config)
        .describe_trails()
        .send()
        .await;
    let trails = trails.map_err(|error| AwsError::new("cloudtrail:DescribeTrails", &error));
    let Some(trails) = exam.see(look, trails) else {
        return;
    };
    let region = exam.access.region.clone();
    let trails = trails.trail_list.unwrap_or_default();
    let trails: Vec<&Trail> = trails.iter().filter(|it| is_here(it, &region)).collect();
    let mut best: Option<(TrailState, &Trail)> = None;
    let mut is_all_seen = true;
    for trail in &trails {
        match state(exam, trail).await {
            Some(TrailState::Records) => return,
            Some(state) if best.is_none_or(|(best, _)| best < state) => best = Some((state, trail)),
            Some(_) => {}
            None => is_all_seen = false,
        }
    }
    match best {
        // One that was not seen may be the one that records.
        _ if !is_all_seen => {}
        None => {
            let what = format!("No trail of CloudTrail covers {region}.");
            let create = [
                "cloudtrail",
                "create-trail",
                "--name",
                "management-events",
                "--s3-bucket-name",
                "BUCKET",
                "--is-multi-region-trail",
            ];
            let start = ["cloudtrail", "start-logging", "--name", "management-events"];
            let fixes = [exam.aws(&create), exam.aws(&start)];
            exam.complain(TRAIL_MISSING, what, fixes);
        }
        Some((state, trail)) => complain(exam, state, trail),
    }
}

fn complain(exam: &mut Exam, state: TrailState, trail: &Trail) {
    let name = trail.name().unwrap_or_default();
    let arn = trail.trail_arn().unwrap_or(name);
    let home = trail
        .home_region()
        .unwrap_or(&exam.access.region)
        .to_owned();
    if state == TrailState::Off {
        let what = format!("The trail {name} is not logging.");
        let start = exam.aws_in(&home, &["cloudtrail", "start-logging", "--name", arn]);
        exam.complain(TRAIL_OFF, what, [start]);
    } else {
        // Selectors are replaced as a whole: a command that can be copied would end what else the trail logs.
        let what = format!(
            "The trail {name} does not log management events that write. Add them to its selectors, which put-event-selectors \
             replaces as a whole: {{\"ReadWriteType\": \"WriteOnly\", \"IncludeManagementEvents\": true}}, or the field selector \
             {{\"Field\": \"eventCategory\", \"Equals\": [\"Management\"]}} where they are advanced."
        );
        let get = ["cloudtrail", "get-event-selectors", "--trail-name", arn];
        let get = exam.aws_in(&home, &get);
        exam.complain(TRAIL_WITHOUT_MANAGEMENT, what, [get]);
    }
}

fn is_here(trail: &Trail, region: &str) -> bool {
    trail.is_multi_region_trail() == Some(true) || trail.home_region() == Some(region)
}

/// Whether the trail is another account's, such as the organization's.
fn is_foreign(exam: &Exam, trail: &Trail) -> bool {
    let owner = trail.trail_arn().and_then(|arn| arn.split(':').nth(4));
    match (owner, exam.access.account.as_deref()) {
        (Some(owner), Ok(own)) => owner != own,
        _ => false,
    }
}

/// What one trail does; `None` if it was not seen. A trail is asked in its home Region, by its ARN.
async fn state(exam: &mut Exam, trail: &Trail) -> Option<TrailState> {
    let name = trail.name().unwrap_or_default();
    let arn = trail.trail_arn().unwrap_or(name);
    let question = format!("whether the trail {name} records launches");
    let is_foreign = is_foreign(exam, trail);
    let look = if is_foreign {
        Look::minor(Area::Trail, &question)
    } else {
        Look::new(Area::Trail, &question)
    };
    let absent: &[&str] = if is_foreign { &NOT_OURS } else { &[] };
    let home = trail.home_region().unwrap_or(&exam.access.region);
    let client = Client::new(&exam.config_in(home));
    let status = client.get_trail_status().name(arn).send().await;
    let status = status.map_err(|error| AwsError::new("cloudtrail:GetTrailStatus", &error));
    let is_logging = exam.see(look, status)?.is_logging() == Some(true);
    if !is_logging {
        return Some(TrailState::Off);
    }
    let selectors = client.get_event_selectors().trail_name(arn).send().await;
    let selectors =
        selectors.map_err(|error| AwsError::new("cloudtrail:GetEventSelectors", &error));
    let selectors = exam.see_if_any(look, absent, selectors).ok()?;
    let Some(selectors) = selectors else {
        let why = "its selectors are shown to the account that it belongs to only, such as the organization's management account";
        let next = "Ask there: `aws cloudtrail get-event-selectors`.";
        exam.not_told(look, why, next);
        return None;
    };
    Some(if logs_writes(&selectors) {
        TrailState::Records
    } else {
        TrailState::WithoutManagement
    })
}

/// Whether management events that write are logged, of EC2 too. A trail whose selectors nobody set logs all management
/// events.
fn logs_writes(selectors: &GetEventSelectorsOutput) -> bool {
    let basic = selectors.event_selectors().iter().any(|selector| {
        selector.include_management_events() == Some(true)
            && selector.read_write_type() != Some(&ReadWriteType::ReadOnly)
    });
    let advanced = selectors.advanced_event_selectors().iter().any(|selector| {
        let mut fields = selector.field_selectors().iter();
        let is_management = selector.field_selectors().iter().any(|it| {
            it.field() == "eventCategory" && it.equals().iter().any(|value| value == "Management")
        });
        is_management && fields.all(takes_run_instances)
    });
    let is_unset =
        selectors.event_selectors().is_empty() && selectors.advanced_event_selectors().is_empty();
    is_unset || basic || advanced
}

/// Whether this field of a selector lets `RunInstances` through, as far as that can be told.
fn takes_run_instances(field: &AdvancedFieldSelector) -> bool {
    let value = match field.field() {
        "readOnly" => "false",
        "eventSource" => "ec2.amazonaws.com",
        "eventName" => "RunInstances",
        _ => return true,
    };
    let is = |list: &[String]| list.iter().any(|it| it == value);
    (field.equals().is_empty() || is(field.equals())) && !is(field.not_equals())
}
