//! What the conditions of rules ask about the instances of a resource.

use serde_json::Value;
use tagwarden_core::InstanceDetails;

use super::value::{PlannedValue, items, member};

/// What an instance or a template says of the instances.
pub fn details_of(after: PlannedValue<'_>) -> InstanceDetails {
    let text = |name: &str| after.get(name).text().map(ToOwned::to_owned);
    let market = after.get("instance_market_options").first();
    let placement = after.get("placement").first();
    let zone = placement.and_then(|it| it.get("availability_zone").text());
    let lifecycle = market.and_then(|it| it.get("market_type").text());
    InstanceDetails {
        lifecycle: lifecycle
            .map(ToOwned::to_owned)
            .or_else(|| text("instance_lifecycle")),
        instance_type: text("instance_type"),
        image_id: text("ami").or_else(|| text("image_id")),
        subnet_id: text("subnet_id"),
        availability_zone: text("availability_zone").or_else(|| zone.map(ToOwned::to_owned)),
        key_name: text("key_name"),
        ..InstanceDetails::default()
    }
}

/// The expressions of a block that there can be once.
pub fn first_expression<'p>(expressions: &'p Value, name: &str) -> &'p Value {
    let block = member(expressions, name);
    items(block).first().unwrap_or(block)
}
