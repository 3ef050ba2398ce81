//! What tagwarden reads from AWS and writes to it.
//!
//! The readers and writers page, batch, retry and report errors. They decide nothing; `tagwarden-core` decides.
//!
//! | module or type | what it holds | why it exists |
//! |---|---|---|
//! | [`policy_table`] | the policy, from its DynamoDB table | Every reader must see the whole table, strongly consistent, or none of it. |
//! | [`instances`] | instances, from DescribeInstances | A large fleet must be read by pages, so that memory does not grow with it. |
//! | [`volumes`] | volumes, from DescribeVolumes | They are read page by page as well, and EC2 has no filter for their VPC. |
//! | [`resources`] | resources of all kinds | What reads all of them need not know which call reads which kind. |
//! | [`spot_requests`] | the types of Spot requests | A description of an instance does not say whether its request launches another one. |
//! | [`subnets`] | the VPC of a subnet, from `DescribeSubnets` | A resource that is about to be created names its subnet, and a policy its VPCs. |
//! | [`stacks`] | the tags of a stack, from `DescribeStacks` | A resource gets them, and the event of a hook does not have them. |
//! | [`tags`] | tags, from DescribeTags | DescribeInstances may leave tags out, so a missing tag needs a second source. |
//! | [`history`] | configuration items, from AWS Config's history | Config leaves an item that is too large out of its event. |
//! | [`evaluations`] | the Config rule's results | Config takes 100 results a call and charges for each, so it is also asked what it shows. |
//! | [`mail`] | mail, by Amazon SES | The whole SDK of SES would take the remediation's zip over its limit, for one call. |
//! | [`other_region`] | where an ARN must be called | One table and one topic serve the functions of many Regions. |
//! | [`partition`](mod@partition) | the partition of a Region, and the end of host names | ARNs and addresses are not everywhere those of `aws`. |
//! | [`organizations`] | the accounts of an organization, from ListAccounts | A command that is for all accounts must know them. |
//! | `paging` | filters, and where in a list a reader is | The readers of EC2's lists page alike. |
//! | [`operation`] | one operation of a service, on the SDK's runtime | The whole SDKs of SES and CloudFormation are not worth their size, nor are others for one call of the command. |
//! | [`lambda`] | start-up, errors, log and metrics of a Lambda function | Both functions must start, fail and log the same way. |
//! | [`Ec2`] | a client that keeps EC2's request quotas | A throttled request costs more time than a wait for its turn. |
//! | [`function_config`] | the SDK's configuration of a Lambda function | The SDK's default chain is a tenth of the executable, and a function needs none of it. |
//! | [`Clock`] | the time of the SDK's clients | Tests replace the time of the clients and of tagwarden in one place. |
//! | [`AwsError`] | the error of every call | Messages name the call as IAM does, so that a reader knows which permission is missing. |

mod clock;
mod config;
mod ec2;
mod error;
pub mod evaluations;
mod from_ec2;
pub mod history;
pub mod instances;
pub mod lambda;
pub mod mail;
pub mod operation;
pub mod organizations;
mod paging;
pub mod partition;
pub mod policy_table;
mod region;
pub mod resources;
pub mod spot_requests;
pub mod stacks;
pub mod subnets;
pub mod tags;
pub mod volumes;

pub use clock::Clock;
pub use config::{APP_NAME, function_config, http_client, with_http_client};
pub use ec2::Ec2;
pub use error::AwsError;
pub use region::other_region;
