//! The partitions of AWS: the second part of ARNs, and the end of the names of hosts.

/// The partitions but the first, by the beginning of their Regions' names: the name, and the end of the names of hosts.
///
/// See [Partitions](https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html).
const OTHERS: [(&str, &str, &str); 7] = [
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov"),
];

/// The partition of a Region, such as `aws`. A Region that is not known is in `aws`.
#[must_use]
pub fn partition(region: &str) -> &'static str {
    of(region).0
}

/// The end of the names of hosts and services in a Region's partition, such as `amazonaws.com`.
#[must_use]
pub fn dns_suffix(region: &str) -> &'static str {
    of(region).1
}

fn of(region: &str) -> (&'static str, &'static str) {
    let other = OTHERS.iter().find(|(begin, ..)| region.starts_with(begin));
    other.map_or(("aws", "amazonaws.com"), |(_, partition, suffix)| {
        (partition, suffix)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_partition_of_a_region() {
        for (region, expected, suffix) in [
            ("eu-west-1", "aws", "amazonaws.com"),
            ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
            ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
            ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
            ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov"),
            ("eu-isoe-west-1", "aws-iso-e", "cloud.adc-e.uk"),
            ("us-isof-south-1", "aws-iso-f", "csp.hci.ic.gov"),
        ] {
            assert_eq!(partition(region), expected, "{region}");
            assert_eq!(dns_suffix(region), suffix, "{region}");
        }
    }
}
