//! What the conditions of rules ask about an instance, beside its tags and its VPC.

use super::unknown_tags::UnknownTags;

/// What the conditions of rules ask about an instance, beside its tags and its VPC, as AWS gives it.
///
/// A detail that is `None` is absent or not known: see [`is_whole`](Self::is_whole).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceDetails {
    /// Whether the description has everything that EC2 always gives. What it does not have, the instance does not have;
    /// otherwise nothing is known of it.
    pub is_whole: bool,
    /// `spot` or `scheduled`, for example; an On-Demand Instance has none.
    pub lifecycle: Option<String>,
    /// Such as `p5.48xlarge`.
    pub instance_type: Option<String>,
    /// `ami-…`
    pub image_id: Option<String>,
    /// `subnet-…`
    pub subnet_id: Option<String>,
    /// Such as `us-east-1a`, or `us-west-2-lax-1a` in a Local Zone.
    pub availability_zone: Option<String>,
    /// The name of its key pair; an instance without one has none.
    pub key_name: Option<String>,
    /// The ARN of its instance profile; an instance without one has none.
    pub profile_arn: Option<String>,
    /// The id of the account. A description without the reservation around it does not have it.
    pub owner_id: Option<String>,
    /// The Region, for an instance whose zone is not known yet. AWS describes no instance without its zone.
    pub stated_region: Option<String>,
    /// What is not known of its tags; nothing for an instance that exists.
    pub unknown_tags: UnknownTags,
}

impl InstanceDetails {
    /// The Region of the Availability Zone: `us-west-2` of `us-west-2-lax-1a`; [`stated_region`](Self::stated_region) if the
    /// zone is not known.
    ///
    /// See [Regions and Zones](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-regions-availability-zones.html).
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        let Some(zone) = self.availability_zone.as_deref() else {
            return self.stated_region.as_deref();
        };
        // A Region's name ends with its number.
        let number = zone.match_indices('-').find_map(|(dash, _)| {
            let at = dash + 1;
            let rest = zone.get(at..)?;
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            (digits > 0).then_some(at + digits)
        })?;
        zone.get(..number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_region_from_the_zone() {
        for (zone, region) in [
            ("us-east-1a", Some("us-east-1")),
            ("ap-southeast-12b", Some("ap-southeast-12")),
            ("us-gov-west-1a", Some("us-gov-west-1")),
            ("us-isob-east-1a", Some("us-isob-east-1")),
            ("us-west-2-lax-1a", Some("us-west-2")),
            ("us-east-1-wl1-bos-wlz-1", Some("us-east-1")),
            ("eusc-de-east-1a", Some("eusc-de-east-1")),
            ("somewhere", None),
            ("a-b", None),
            ("é-1", Some("é-1")),
        ] {
            let details = InstanceDetails {
                availability_zone: Some(zone.to_owned()),
                ..InstanceDetails::default()
            };
            assert_eq!(details.region(), region, "{zone}");
        }
        assert_eq!(InstanceDetails::default().region(), None);
        let stated = InstanceDetails {
            stated_region: Some("eu-west-1".to_owned()),
            ..InstanceDetails::default()
        };
        assert_eq!(stated.region(), Some("eu-west-1"));
    }
}
