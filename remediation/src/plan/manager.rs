//! Whether an instance has a manager, as far as the run knows.

use tagwarden_core::{Manager, Resource};

use super::{PlanContext, Reason};
use crate::settings::Settings;

/// Why the manager of `instance` stands against its shutdown; `None` if the instance has no manager.
///
/// A one-time Spot request launches no other instance, so that it is not a manager.
pub(crate) fn manager_of(
    instance: &Resource,
    settings: &Settings,
    context: &PlanContext,
) -> Option<Reason> {
    let manager = instance.manager(&settings.manager_tags)?;
    if let Manager::SpotRequest { id: Some(id) } = manager
        && context.one_time_spot.contains(id)
    {
        return None;
    }
    Some(Reason::Managed {
        manager: manager.to_string(),
        concern: manager.concern(),
        fix: manager.fix(),
    })
}
