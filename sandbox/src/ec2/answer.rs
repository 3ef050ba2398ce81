//! Instances as EC2's answers show them.

use super::instance::{InstanceRecord, InstanceState};
use crate::ids::long_id;
use crate::wire::{Xml, iso_millis};

/// The member `reservationSet`: the instances of one launch that stand together are one reservation.
pub(super) fn reservations(xml: &mut Xml, instances: &[InstanceRecord], owner_id: &str) {
    let launches = instances.chunk_by(|one, next| one.reservation_id == next.reservation_id);
    xml.items("reservationSet", launches, |xml, instances| {
        if let Some(first) = instances.first() {
            xml.text("reservationId", &first.reservation_id);
        }
        xml.text("ownerId", owner_id);
        xml.element("groupSet", |_| {});
        xml.items("instancesSet", instances, |xml, instance| {
            write(xml, instance, owner_id);
        });
    });
}

/// A state, as the member of this name.
pub(super) fn state(xml: &mut Xml, name: &str, state: InstanceState) {
    xml.element(name, |xml| {
        xml.value("code", state.code());
        xml.text("name", state.as_str());
    });
}

fn write(xml: &mut Xml, instance: &InstanceRecord, owner_id: &str) {
    // A terminated instance keeps its name and its past; its place in the network is given back.
    let in_network = instance.state != InstanceState::Terminated;
    xml.text("instanceId", &instance.id);
    xml.text("imageId", &instance.image_id);
    state(xml, "instanceState", instance.state);
    xml.text(
        "privateDnsName",
        if in_network {
            dns_name(instance)
        } else {
            String::new()
        },
    );
    xml.text("dnsName", "");
    let ended = instance.state.is_ending() || instance.state.is_stopping();
    xml.text("reason", if ended { "User initiated" } else { "" });
    xml.value("amiLaunchIndex", instance.launch_index);
    xml.element("productCodes", |_| {});
    xml.text("instanceType", &instance.instance_type);
    xml.text("launchTime", iso_millis(instance.launch_time));
    xml.element("placement", |xml| {
        xml.text("availabilityZone", &instance.availability_zone);
        xml.text("groupName", "");
        xml.text("tenancy", "default");
    });
    xml.element("monitoring", |xml| xml.text("state", "disabled"));
    if in_network {
        xml.text("subnetId", &instance.subnet_id);
        xml.text("vpcId", &instance.vpc_id);
        xml.text("privateIpAddress", address(instance));
    }
    if ended {
        xml.element("stateReason", |xml| {
            let code = "Client.UserInitiatedShutdown";
            xml.text("code", code);
            xml.text("message", format!("{code}: User initiated shutdown"));
        });
    }
    xml.text("architecture", "x86_64");
    let root = if instance.has_instance_store_root {
        "instance-store"
    } else {
        "ebs"
    };
    xml.text("rootDeviceType", root);
    xml.text("rootDeviceName", "/dev/xvda");
    xml.element("blockDeviceMapping", |_| {});
    xml.text("virtualizationType", "hvm");
    if let Some(request_id) = &instance.spot_request_id {
        xml.text("instanceLifecycle", "spot");
        xml.text("spotInstanceRequestId", request_id);
    }
    xml.items("tagSet", &instance.tags, |xml, (key, value)| {
        xml.text("key", key);
        xml.text("value", value);
    });
    xml.text("hypervisor", "xen");
    let interfaces = in_network.then_some(instance);
    xml.items("networkInterfaceSet", interfaces, |xml, instance| {
        interface(xml, instance, owner_id);
    });
    xml.value("ebsOptimized", false);
    xml.value("enaSupport", true);
    xml.element("operator", |xml| {
        xml.value("managed", instance.operator.is_some());
        if let Some(principal) = &instance.operator {
            xml.text("principal", principal);
        }
    });
}

/// The primary network interface: attached when the instance was made, and never again.
fn interface(xml: &mut Xml, instance: &InstanceRecord, owner_id: &str) {
    xml.text("networkInterfaceId", long_id("eni", &instance.id));
    xml.text("subnetId", &instance.subnet_id);
    xml.text("vpcId", &instance.vpc_id);
    xml.text("description", "");
    xml.text("ownerId", owner_id);
    xml.text("status", "in-use");
    xml.text("privateIpAddress", address(instance));
    xml.value("sourceDestCheck", true);
    xml.element("groupSet", |_| {});
    xml.element("attachment", |xml| {
        xml.text("attachmentId", long_id("eni-attach", &instance.id));
        xml.value("deviceIndex", 0);
        xml.text("status", "attached");
        xml.text("attachTime", iso_millis(instance.attach_time));
        xml.value("deleteOnTermination", true);
        xml.value("networkCardIndex", 0);
    });
    xml.text("interfaceType", "interface");
}

/// The instance's address in its VPC.
fn address(instance: &InstanceRecord) -> String {
    octets(instance).map(|octet| octet.to_string()).join(".")
}

/// The instance's name in its VPC, `ip-10-0-0-1.ec2.internal` for instance: what the Region
/// us-east-1 uses.
fn dns_name(instance: &InstanceRecord) -> String {
    let octets = octets(instance).map(|octet| octet.to_string());
    format!("ip-{}.ec2.internal", octets.join("-"))
}

fn octets(instance: &InstanceRecord) -> [u8; 4] {
    let [.., a, b, c] = crate::ids::fingerprint(&instance.id).to_be_bytes();
    [10, a, b, c]
}
