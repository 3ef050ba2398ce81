//! Where a service is: its address, and the Region that signatures name.

use tagwarden_aws::partition;

use super::OtherService;

/// An address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePlace {
    /// The Region that signatures name.
    pub region: String,
    /// The URL.
    pub endpoint: String,
}

/// Where `service` is for callers in `region`; `None` where the partition does not have it, or where it is not public.
///
/// See [AWS service endpoints](https://docs.aws.amazon.com/general/latest/gr/rande.html),
/// [IAM endpoints](https://docs.aws.amazon.com/general/latest/gr/iam-service.html) and
/// [Cost Explorer endpoints](https://docs.aws.amazon.com/general/latest/gr/billing.html).
pub fn of(service: OtherService, region: &str, fips: bool) -> Option<ServicePlace> {
    let at = |host: String, region: &str| {
        Some(ServicePlace {
            region: region.to_owned(),
            endpoint: format!("https://{host}"),
        })
    };
    let fips = if fips { "-fips" } else { "" };
    let suffix = dns_suffix(region)?;
    match (service, suffix) {
        (OtherService::Iam, "amazonaws.com") if region.starts_with("us-gov-") => {
            at("iam.us-gov.amazonaws.com".to_owned(), "us-gov-west-1")
        }
        (OtherService::Iam, "amazonaws.com") => at(format!("iam{fips}.amazonaws.com"), "us-east-1"),
        (OtherService::Iam, "amazonaws.com.cn") => {
            at("iam.cn-north-1.amazonaws.com.cn".to_owned(), "cn-north-1")
        }
        (OtherService::Iam, _) => at(format!("iam.{region}.{suffix}"), region),
        (OtherService::CostExplorer, "amazonaws.com") if !region.starts_with("us-gov-") => {
            at("ce.us-east-1.amazonaws.com".to_owned(), "us-east-1")
        }
        (OtherService::CostExplorer, "amazonaws.com.cn") => at(
            "ce.cn-northwest-1.amazonaws.com.cn".to_owned(),
            "cn-northwest-1",
        ),
        (OtherService::CostExplorer, _) => None,
        _ => at(
            format!("{}{fips}.{region}.{suffix}", service.signing_name()),
            region,
        ),
    }
}

/// The end of the names of hosts in a Region's partition; `None` where AWS does not publish it.
fn dns_suffix(region: &str) -> Option<&'static str> {
    let is_secret = region.split('-').any(|part| part.starts_with("iso"));
    (!is_secret).then(|| partition::dns_suffix(region))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        OtherService::Kms,
        "eu-west-1",
        "kms.eu-west-1.amazonaws.com",
        "eu-west-1"
    )]
    #[case(
        OtherService::CloudWatch,
        "cn-north-1",
        "monitoring.cn-north-1.amazonaws.com.cn",
        "cn-north-1"
    )]
    #[case(OtherService::Iam, "eu-west-1", "iam.amazonaws.com", "us-east-1")]
    #[case(
        OtherService::Iam,
        "us-gov-east-1",
        "iam.us-gov.amazonaws.com",
        "us-gov-west-1"
    )]
    #[case(
        OtherService::CostExplorer,
        "ap-south-1",
        "ce.us-east-1.amazonaws.com",
        "us-east-1"
    )]
    fn knows_the_address(
        #[case] service: OtherService,
        #[case] region: &str,
        #[case] host: &str,
        #[case] signed: &str,
    ) {
        let place = of(service, region, false).unwrap();
        assert_eq!(place.endpoint, format!("https://{host}"));
        assert_eq!(place.region, signed);
    }

    #[test]
    fn says_where_a_service_is_not() {
        assert_eq!(of(OtherService::CostExplorer, "us-gov-west-1", false), None);
        assert_eq!(of(OtherService::Kms, "us-iso-east-1", false), None);
        let fips = of(OtherService::Kms, "us-east-1", true).unwrap();
        assert_eq!(fips.endpoint, "https://kms-fips.us-east-1.amazonaws.com");
    }
}
