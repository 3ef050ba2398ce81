//! The facts that AWS gives about an instance, before anything is derived from them.
//!
//! Every reader of an instance fills in [`InstanceFacts`], and only [`InstanceFacts::into_instance`] derives the rest.
//! So every AWS document that describes an instance gives the same [`Resource`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::details::InstanceDetails;
use super::kind::Kind;
use super::state::State;
use super::tagged::Resource;

/// The operator of a managed instance for which EC2 names no principal.
const UNNAMED_OPERATOR: &str = "an AWS service";

/// EC2's value of `InstanceLifecycle` for a Spot Instance.
const SPOT: &str = "spot";

/// The members of an instance's description that tagwarden needs, as AWS gives them.
///
/// See [Instance](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceFacts {
    /// `VpcId`.
    pub vpc_id: Option<String>,
    /// `State.Name`.
    pub state: Option<String>,
    /// `LaunchTime`: when it was last started.
    pub launch_time: Option<DateTime<Utc>>,
    /// When the primary network interface, whose `DeviceIndex` is 0, was attached.
    pub attach_time: Option<DateTime<Utc>>,
    /// `InstanceLifecycle`; an on-demand instance has none.
    pub lifecycle: Option<String>,
    /// `InstanceType`.
    pub instance_type: Option<String>,
    /// `ImageId`.
    pub image_id: Option<String>,
    /// `SubnetId`.
    pub subnet_id: Option<String>,
    /// `Placement.AvailabilityZone`.
    pub availability_zone: Option<String>,
    /// `KeyName`; an instance without a key pair has none.
    pub key_name: Option<String>,
    /// `IamInstanceProfile.Arn`; an instance without a profile has none.
    pub profile_arn: Option<String>,
    /// The account. A reservation names it, and a configuration item.
    pub owner_id: Option<String>,
    /// `SpotInstanceRequestId`.
    pub spot_request_id: Option<String>,
    /// `Operator.Managed`.
    pub is_managed: Option<bool>,
    /// `Operator.Principal`.
    pub principal: Option<String>,
    /// Whether a member that only conditions ask about is not of AWS's form. It counts as not known.
    pub is_garbled: bool,
    /// `Tags`. A tag without a value has the empty value.
    pub tags: BTreeMap<String, String>,
}

impl InstanceFacts {
    /// Reads the `configuration` of an instance as GetResourceConfigHistory gives it: a JSON object in a string.
    ///
    /// # Errors
    /// The text is not JSON, or does not describe an instance.
    pub fn from_json(text: &str) -> serde_json::Result<Self> {
        Ok(serde_json::from_str::<wire::Described>(text)?.into())
    }

    /// The instance with the id `id` that these facts describe.
    #[must_use]
    pub fn into_instance(self, id: String) -> Resource {
        let is_spot = self.lifecycle.as_deref() == Some(SPOT);
        // EC2 and Config never leave these out. What has all of them is not an excerpt.
        let is_whole = !self.is_garbled
            && self.state.is_some()
            && self.launch_time.is_some()
            && self.instance_type.is_some()
            && self.image_id.is_some()
            && self.subnet_id.is_some()
            && self.availability_zone.is_some();
        let operator = operator_of(Operator {
            managed: self.is_managed,
            principal: self.principal,
        });
        Resource {
            kind: Kind::Instance,
            id,
            attached_to: Vec::new(),
            vpc_id: self.vpc_id,
            state: self
                .state
                .map_or(State::Unknown, |name| name.as_str().into()),
            launched_at: [self.launch_time, self.attach_time]
                .into_iter()
                .flatten()
                .min(),
            started_at: self.launch_time,
            spot_request_id: self
                .spot_request_id
                .filter(|id| !id.is_empty())
                .or_else(|| is_spot.then(String::new)),
            operator,
            details: InstanceDetails {
                is_whole,
                lifecycle: self.lifecycle,
                instance_type: self.instance_type,
                image_id: self.image_id,
                subnet_id: self.subnet_id,
                availability_zone: self.availability_zone,
                key_name: self.key_name,
                profile_arn: self.profile_arn,
                owner_id: self.owner_id,
                ..InstanceDetails::default()
            },
            tags: self.tags,
        }
    }
}

/// `Operator` of a resource.
#[derive(Deserialize)]
pub(super) struct Operator {
    #[serde(default, alias = "Managed")]
    managed: Option<bool>,
    #[serde(default, alias = "Principal")]
    principal: Option<String>,
}

/// The service that manages a resource; `None` if no service does.
pub(super) fn operator_of(operator: Operator) -> Option<String> {
    let principal = operator.principal.filter(|name| !name.is_empty());
    let name = principal.unwrap_or_else(|| UNNAMED_OPERATOR.to_owned());
    (operator.managed == Some(true)).then_some(name)
}

impl<'de> Deserialize<'de> for InstanceFacts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            // A deleted resource's item has no configuration.
            Value::Null => Ok(Self::default()),
            Value::String(text) => Self::from_json(&text),
            value => serde_json::from_value::<wire::Described>(value).map(Into::into),
        }
        .map_err(serde::de::Error::custom)
    }
}

/// Deserialises a member that Config may set to `null`.
pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The JSON as AWS writes it. Every member is optional, because Config leaves out, or sets to `null`, what it does not
/// know. The upper-case names are those of the AWS CLI, for [`DescribedInstance`](super::described::DescribedInstance).
pub(super) mod wire {
    use super::super::detail::Detail;
    use super::{DateTime, Deserialize, InstanceFacts, Operator, Utc, null_as_default};

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(in crate::resource) struct Described {
        #[serde(default, alias = "InstanceId")]
        instance_id: Option<String>,
        #[serde(default, alias = "VpcId")]
        vpc_id: Option<String>,
        #[serde(default, alias = "State")]
        state: Option<State>,
        #[serde(default, alias = "LaunchTime")]
        launch_time: Option<DateTime<Utc>>,
        #[serde(default, alias = "InstanceLifecycle")]
        instance_lifecycle: Option<String>,
        #[serde(default, alias = "InstanceType")]
        instance_type: Detail<String>,
        #[serde(default, alias = "ImageId")]
        image_id: Detail<String>,
        #[serde(default, alias = "SubnetId")]
        subnet_id: Detail<String>,
        #[serde(default, alias = "Placement")]
        placement: Detail<Placement>,
        #[serde(default, alias = "KeyName")]
        key_name: Detail<String>,
        #[serde(default, alias = "IamInstanceProfile")]
        iam_instance_profile: Detail<Profile>,
        #[serde(default, alias = "SpotInstanceRequestId")]
        spot_instance_request_id: Option<String>,
        #[serde(default, alias = "Operator")]
        operator: Option<Operator>,
        #[serde(default, alias = "Tags", deserialize_with = "null_as_default")]
        tags: Vec<Tag>,
        #[serde(
            default,
            alias = "NetworkInterfaces",
            deserialize_with = "null_as_default"
        )]
        network_interfaces: Vec<NetworkInterface>,
    }

    #[derive(Deserialize)]
    struct State {
        #[serde(default, alias = "Name")]
        name: Option<String>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Placement {
        #[serde(default, alias = "AvailabilityZone")]
        availability_zone: Detail<String>,
    }

    #[derive(Deserialize)]
    struct Profile {
        #[serde(default, alias = "Arn")]
        arn: Detail<String>,
    }

    #[derive(Deserialize)]
    struct Tag {
        #[serde(alias = "Key")]
        key: String,
        #[serde(default, alias = "Value")]
        value: Option<String>,
    }

    #[derive(Deserialize)]
    struct NetworkInterface {
        #[serde(default, alias = "Attachment")]
        attachment: Option<Attachment>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Attachment {
        #[serde(default, alias = "DeviceIndex")]
        device_index: Option<i64>,
        #[serde(default, alias = "AttachTime")]
        attach_time: Option<DateTime<Utc>>,
    }

    impl Described {
        /// Takes the instance's id. A configuration item names it elsewhere.
        pub(in crate::resource) fn take_id(&mut self) -> Option<String> {
            self.instance_id.take()
        }
    }

    impl From<Described> for InstanceFacts {
        fn from(wire: Described) -> Self {
            let primary_interface = wire
                .network_interfaces
                .into_iter()
                .filter_map(|interface| interface.attachment)
                .find(|attachment| attachment.device_index == Some(0));
            let (is_managed, principal) = wire.operator.map_or((None, None), |operator| {
                (operator.managed, operator.principal)
            });
            let mut is_garbled = false;
            let placement = wire.placement.given(&mut is_garbled);
            let availability_zone =
                placement.and_then(|it| it.availability_zone.given(&mut is_garbled));
            let profile = wire.iam_instance_profile.given(&mut is_garbled);
            let profile_arn = profile.and_then(|it| it.arn.given(&mut is_garbled));
            Self {
                vpc_id: wire.vpc_id,
                state: wire.state.and_then(|state| state.name),
                launch_time: wire.launch_time,
                attach_time: primary_interface.and_then(|attachment| attachment.attach_time),
                lifecycle: wire.instance_lifecycle,
                instance_type: wire.instance_type.given(&mut is_garbled),
                image_id: wire.image_id.given(&mut is_garbled),
                subnet_id: wire.subnet_id.given(&mut is_garbled),
                availability_zone,
                key_name: wire.key_name.given(&mut is_garbled),
                profile_arn,
                // An instance's own description does not name its account.
                owner_id: None,
                spot_request_id: wire.spot_instance_request_id,
                is_managed,
                principal,
                is_garbled,
                tags: wire
                    .tags
                    .into_iter()
                    .map(|tag| (tag.key, tag.value.unwrap_or_default()))
                    .collect(),
            }
        }
    }
}
