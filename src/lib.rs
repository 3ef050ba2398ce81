//! The AWS Config rule: reports each instance as `COMPLIANT`, `NON_COMPLIANT` or `NOT_APPLICABLE`.
//!
//! It only reports, and changes nothing but its own results. The same executable is the function of the hook of
//! CloudFormation, which judges instances before they are created: the events tell them apart.
//!
//! ```text
//! event ──▶ Event ──▶ evaluate() ──▶ PutEvaluations
//!                        ▲
//!      policy table, instances, Config's history
//! ```
//!
//! | module | what it holds | why it exists |
//! |---|---|---|
//! | `function` | [`RuleFunction`], the function as Lambda starts it | The hook must answer also where a setting cannot be read. |
//! | `hook` | the hook of CloudFormation | It has the same policy, and its function is made of the same zip. |
//! | `rule` | [`Rule`], which handles events | One place shows what happens to an event, from its account to the answer. |
//! | `evaluate` | from an event to results in Config | The three kinds of events differ only in the instances that they evaluate. |
//! | `event` | [`Event`], the event of a Config rule | Config nests JSON in strings and leaves members out, which the rest must not have to know. |
//! | `parameters` | the rule's parameters | A parameter that is misspelt must be an error, because its default could cover every VPC. |
//! | `counts` | [`EvaluationCounts`], the answer | A person who invokes the function sees what it did. |
//! | `error` | [`RuleError`] | Alarms and filters need a stable name for each kind of error. |

mod counts;
mod error;
mod evaluate;
mod event;
mod function;
mod hook;
mod parameters;
mod rule;

pub use counts::EvaluationCounts;
pub use error::RuleError;
pub use event::{Event, EventError};
pub use function::RuleFunction;
pub use parameters::ParameterError;
pub use rule::Rule;
