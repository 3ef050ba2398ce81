//! Links into the AWS console.

use tagwarden_core::Kind;

/// The page of the resource `id` in the EC2 console of `region`; `None` where there is no public console, or where
/// either does not make a valid link.
///
/// Each Region has a host of its own, and each partition its own domain: see
/// [Choosing a Region](https://docs.aws.amazon.com/awsconsolehelpdocs/latest/gsg/select-region.html),
/// [AWS GovCloud (US)](https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/getting-started-sign-in.html),
/// [China](https://docs.amazonaws.cn/en_us/aws/latest/userguide/endpoints-Beijing.html) and the
/// [European Sovereign Cloud](https://docs.aws.eu/).
pub(crate) fn page(region: &str, id: &str) -> Option<String> {
    let is_name = |text: &str| {
        let mut bytes = text.bytes();
        !text.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let domain = domain(region).filter(|_| is_name(region) && is_name(id))?;
    let fragment = match Kind::of_id(id).unwrap_or_default() {
        Kind::Instance => "InstanceDetails:instanceId",
        Kind::Volume => "VolumeDetails:volumeId",
    };
    Some(format!(
        "https://{region}.{domain}/ec2/home?region={region}#{fragment}={id}"
    ))
}

fn domain(region: &str) -> Option<&'static str> {
    // AWS's isolated Regions, us-iso-east-1 and others, have consoles that it does not publish.
    if region.split('-').any(|part| part.starts_with("iso")) {
        return None;
    }
    Some(match region {
        region if region.starts_with("cn-") => "console.amazonaws.cn",
        region if region.starts_with("us-gov-") => "console.amazonaws-us-gov.com",
        region if region.starts_with("eusc-") => "console.amazonaws-eusc.eu",
        _ => "console.aws.amazon.com",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("us-east-1", Some("https://us-east-1.console.aws.amazon.com/ec2/"))]
    #[case("cn-north-1", Some("https://cn-north-1.console.amazonaws.cn/ec2/"))]
    #[case(
        "us-gov-west-1",
        Some("https://us-gov-west-1.console.amazonaws-us-gov.com/ec2/")
    )]
    #[case(
        "eusc-de-east-1",
        Some("https://eusc-de-east-1.console.amazonaws-eusc.eu/ec2/")
    )]
    #[case("us-iso-east-1", None)]
    #[case("us-isob-east-1", None)]
    #[case("", None)]
    #[case("us-east-1.example.com/", None)]
    fn each_partition_has_a_console_of_its_own(
        #[case] region: &str,
        #[case] console: Option<&str>,
    ) {
        let home = format!("home?region={region}#InstanceDetails:instanceId=i-0a1b2c3d4e5f60718");
        assert_eq!(
            page(region, "i-0a1b2c3d4e5f60718"),
            console.map(|console| format!("{console}{home}"))
        );
    }

    #[test]
    fn links_no_page_for_other_texts() {
        assert_eq!(page("us-east-1", "i-1 or more"), None);
        assert_eq!(page("us-east-1", ""), None);
    }

    #[test]
    fn a_volume_has_a_page_of_its_own() {
        let link = page("us-east-1", "vol-0a1b2c3d4e5f60718").unwrap();
        assert!(
            link.ends_with("#VolumeDetails:volumeId=vol-0a1b2c3d4e5f60718"),
            "{link}"
        );
    }
}
