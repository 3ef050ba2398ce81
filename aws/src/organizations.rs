//! Reads the accounts of an organization.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use crate::operation::{RefusedCall, ServiceOperation, set_endpoint};
use crate::partition::{dns_suffix, partition};
use crate::{AwsError, with_http_client};

const CALL: &str = "organizations:ListAccounts";

const TARGET: &str = "AWSOrganizationsV20161128.ListAccounts";

/// The id of the service's SDK.
const SERVICE: &str = "Organizations";

/// The most attempts of a page: the call may be made a few times a second only.
const ATTEMPTS: u32 = 6;

/// How long all attempts of a page together may take.
const LONGEST: Duration = Duration::from_mins(1);

/// A page of the answer: the numbers of its active accounts, and the token of the next page.
type AccountsPage = (Vec<String>, Option<String>);

/// The numbers of the organization's active accounts, in their order. Only the management account and delegated
/// administrators may ask.
///
/// See [ListAccounts](https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html).
///
/// # Errors
/// The call failed.
pub async fn active_accounts(config: &SdkConfig) -> Result<Vec<String>, AwsError> {
    let region = config.region().map(AsRef::as_ref).unwrap_or_default();
    let (region, suffix) = home(region);
    let endpoint = set_endpoint(config, SERVICE)
        .unwrap_or_else(|| format!("https://organizations.{region}.{suffix}"));
    let operation = ServiceOperation {
        service: SERVICE,
        name: "ListAccounts",
        signing_name: "organizations",
        region,
        endpoint: &endpoint,
        attempts: ATTEMPTS,
        longest: LONGEST,
    };
    let write = |token: Option<String>| {
        let body = match token {
            Some(token) => json!({"NextToken": token}),
            None => json!({}),
        };
        let mut request = HttpRequest::new(SdkBody::from(body.to_string()));
        request.set_method("POST")?;
        request.set_uri("/")?;
        let headers = request.headers_mut();
        headers.try_insert("content-type", "application/x-amz-json-1.1")?;
        headers.try_insert("x-amz-target", TARGET)?;
        Ok(request)
    };
    let operation = operation.build(&with_http_client(config), write, read);
    let operation = operation.map_err(|why| AwsError::unexpected(CALL, why))?;
    let (mut accounts, mut token) = (Vec::new(), None);
    loop {
        let page = operation.invoke(token).await;
        let page: AccountsPage = page.map_err(|error| AwsError::new(CALL, &error))?;
        accounts.extend(page.0);
        token = page.1.filter(|token| !token.is_empty());
        if token.is_none() {
            accounts.sort();
            accounts.dedup();
            return Ok(accounts);
        }
    }
}

/// The Region in which a partition has the service, and the end of its host names.
///
/// See [AWS Organizations endpoints](https://docs.aws.amazon.com/general/latest/gr/ao.html).
fn home(region: &str) -> (&'static str, &'static str) {
    let home = match partition(region) {
        "aws-cn" => "cn-northwest-1",
        "aws-us-gov" => "us-gov-west-1",
        "aws-eusc" => "eusc-de-east-1",
        "aws-iso" => "us-iso-east-1",
        "aws-iso-b" => "us-isob-east-1",
        "aws-iso-e" => "eu-isoe-west-1",
        "aws-iso-f" => "us-isof-south-1",
        _ => "us-east-1",
    };
    (home, dns_suffix(region))
}

fn read(response: &HttpResponse) -> Result<AccountsPage, OrchestratorError<RefusedCall>> {
    if !response.status().is_success() {
        return Err(RefusedCall::of_json(response));
    }
    let body = response.body().bytes().unwrap_or_default();
    let body: Value = serde_json::from_slice(body).map_err(OrchestratorError::other)?;
    page(&body).ok_or_else(|| OrchestratorError::other("the answer has no list of accounts"))
}

fn page(body: &Value) -> Option<AccountsPage> {
    // Suspended accounts cannot be called. `State` is the newer member.
    let is_active = |account: &&Value| {
        let state = account.get("State").or_else(|| account.get("Status"));
        state.is_none_or(|state| state == "ACTIVE")
    };
    let listed = body.get("Accounts")?.as_array()?.iter();
    let ids = listed
        .filter(is_active)
        .map(|account| account.get("Id")?.as_str());
    let ids = ids
        .map(|id| id.map(ToOwned::to_owned))
        .collect::<Option<_>>()?;
    let token = body.get("NextToken").and_then(Value::as_str);
    Some((ids, token.map(ToOwned::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_page() {
        let body = json!({
            "Accounts": [
                {"Id": "222222222222", "Name": "shop", "Status": "ACTIVE"},
                {"Id": "333333333333", "State": "PENDING_CLOSURE", "Status": "ACTIVE"},
                {"Id": "444444444444", "Status": "SUSPENDED"},
                {"Id": "555555555555"},
            ],
            "NextToken": "x",
        });
        let ids = ["222222222222", "555555555555"].map(ToOwned::to_owned);
        assert_eq!(page(&body), Some((ids.to_vec(), Some("x".to_owned()))));
        assert_eq!(page(&json!({"Accounts": []})), Some((Vec::new(), None)));
        assert_eq!(page(&json!({})), None);
        assert_eq!(page(&json!({"Accounts": [{"Name": "shop"}]})), None);
    }

    #[test]
    fn knows_where_the_service_is() {
        assert_eq!(home("eu-west-1").0, "us-east-1");
        assert_eq!(home("us-gov-east-1").0, "us-gov-west-1");
        assert_eq!(home("cn-north-1"), ("cn-northwest-1", "amazonaws.com.cn"));
        assert_eq!(home("us-isob-east-1"), ("us-isob-east-1", "sc2s.sgov.gov"));
    }
}
