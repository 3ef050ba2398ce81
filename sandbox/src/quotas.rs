//! AWS's request quotas, as the token buckets they are.
//!
//! EC2 evaluates each action by itself, see
//! <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>; that
//! `DeleteTags` is as `CreateTags`, and that a listing without filter and page size has half the bucket
//! of another, is assumed. CloudTrail answers two `LookupEvents` a second, see
//! <https://docs.aws.amazon.com/general/latest/gr/ct.html>. For the other calls no quota is published,
//! and none is kept. Nor is EC2's second kind of limit, by the resources a call names.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::Account;
use crate::calls::{Request, Service};
use crate::wire::ApiError;

/// The most requests in a burst, and the requests regained each second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Quota {
    burst: i64,
    refill: i64,
}

const fn quota(burst: i64, refill: i64) -> Quota {
    Quota { burst, refill }
}

/// The bucket a request draws from: its name and its size.
fn bucket(request: &Request) -> Option<(&'static str, Quota)> {
    let narrowed = [
        "MaxResults",
        "NextToken",
        "Filter.1.Name",
        "InstanceId.1",
        "VolumeId.1",
    ];
    let is_narrowed = || narrowed.iter().any(|name| request.text(name).is_some());
    Some(match (request.service, request.operation.as_str()) {
        (Service::Ec2, "DescribeInstances") => {
            if is_narrowed() {
                ("DescribeInstances", quota(100, 20))
            } else {
                (
                    "DescribeInstances, unfiltered and unpaginated",
                    quota(50, 10),
                )
            }
        }
        (Service::Ec2, "DescribeVolumes") if is_narrowed() => ("DescribeVolumes", quota(100, 20)),
        (Service::Ec2, "DescribeVolumes") => {
            ("DescribeVolumes, unfiltered and unpaginated", quota(50, 10))
        }
        (Service::Ec2, "DescribeInstanceAttribute") => {
            ("DescribeInstanceAttribute", quota(100, 20))
        }
        // The published table puts every other Describe action in the category that this one has.
        (Service::Ec2, "DescribeSpotInstanceRequests") => {
            ("DescribeSpotInstanceRequests", quota(100, 20))
        }
        (Service::Ec2, "DescribeSubnets") => ("DescribeSubnets", quota(100, 20)),
        (Service::Ec2, "DescribeTags") => ("DescribeTags", quota(100, 20)),
        (Service::Ec2, "CreateTags") => ("CreateTags", quota(100, 10)),
        (Service::Ec2, "DeleteTags") => ("DeleteTags", quota(100, 10)),
        (Service::Ec2, "TerminateInstances") => ("TerminateInstances", quota(100, 5)),
        (Service::Ec2, "StopInstances") => ("StopInstances", quota(100, 5)),
        (Service::CloudTrail, "LookupEvents") => ("LookupEvents", quota(2, 2)),
        _ => return None,
    })
}

/// A request's token, in thousandths: so a refill of so many tokens a second is as many thousandths
/// a millisecond, and nothing is lost to rounding.
const TOKEN: i64 = 1000;

/// What is left in the buckets drawn from so far, and when that was.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    levels: BTreeMap<&'static str, (i64, DateTime<Utc>)>,
}

impl Quotas {
    /// Takes a request's token, or refuses the request as its service does.
    pub(crate) fn draw(&mut self, request: &Request, now: DateTime<Utc>) -> Result<(), ApiError> {
        let Some((name, Quota { burst, refill })) = bucket(request) else {
            return Ok(());
        };
        let full = burst * TOKEN;
        let (level, filled) = self.levels.entry(name).or_insert((full, now));
        let gained = refill.saturating_mul((now - *filled).num_milliseconds());
        *level = level.saturating_add(gained).min(full);
        *filled = now;
        if *level >= TOKEN {
            *level -= TOKEN;
            return Ok(());
        }
        Err(match request.service {
            Service::Ec2 => {
                ApiError::new("RequestLimitExceeded", "Request limit exceeded.").with_status(503)
            }
            _ => ApiError::new("ThrottlingException", "Rate exceeded"),
        })
    }
}

impl Account {
    /// From now on requests above AWS's published quotas are refused: EC2's with
    /// `RequestLimitExceeded` (503), CloudTrail's with `ThrottlingException` (400). The buckets are
    /// full at first and fill up by the account's clock.
    pub fn keep_quotas(&self) {
        self.contents().quotas = Some(Quotas::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use serde_json::json;

    fn lookup() -> Request {
        Request::new(Service::CloudTrail, "LookupEvents", json!({}))
    }

    #[test]
    fn starts_with_a_full_bucket_and_refills_it_at_its_rate() {
        let mut quotas = Quotas::default();
        let start = DateTime::UNIX_EPOCH;
        assert!(quotas.draw(&lookup(), start).is_ok());
        assert!(quotas.draw(&lookup(), start).is_ok());
        let refused = quotas.draw(&lookup(), start).unwrap_err();
        assert_eq!(refused.code, "ThrottlingException");
        assert!(
            quotas
                .draw(&lookup(), start + TimeDelta::milliseconds(499))
                .is_err()
        );
        assert!(
            quotas
                .draw(&lookup(), start + TimeDelta::milliseconds(500))
                .is_ok()
        );
        let much_later = start + TimeDelta::hours(1);
        let answered = (0..10).filter(|_| quotas.draw(&lookup(), much_later).is_ok());
        assert_eq!(answered.count(), 2);
    }

    #[test]
    fn gives_a_filtered_listing_a_larger_bucket() {
        let request = |parameters| Request::new(Service::Ec2, "DescribeInstances", parameters);
        let drawn = |parameters: serde_json::Value| {
            let mut quotas = Quotas::default();
            (0..1000)
                .filter(|_| {
                    quotas
                        .draw(&request(parameters.clone()), DateTime::UNIX_EPOCH)
                        .is_ok()
                })
                .count()
        };
        assert_eq!(drawn(json!({})), 50);
        assert_eq!(drawn(json!({"MaxResults": "1000"})), 100);
        assert_eq!(drawn(json!({"InstanceId.1": "i-1"})), 100);
    }
}
