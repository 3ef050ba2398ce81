//! What a resource of CloudFormation says of its instances, in a template or in the event of a hook.

mod json;
mod resource;
pub mod tags;
mod value;

pub use json::value_of;
pub use resource::{BroughtByTemplate, LaunchType, StackResource};
pub use value::PropertyValue;
