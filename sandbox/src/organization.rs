//! Several accounts and Regions behind one address, and the roles that lead from one account into others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::Account;
use crate::calls::{Request, Service};
use crate::ids::Ids;
use crate::place::{ACCOUNT_ID, SandboxPlace};
use crate::wire::{Answer, ApiError, Incoming, Outgoing, Protocol, Xml, iso_seconds};

/// The access keys of an account's roles: this, the account's number, and four more letters.
const ASSUMED: &str = "ASIA";

const LIST_ACCOUNTS: &str = "AWSOrganizationsV20161128.ListAccounts";

/// How many accounts a page of the list has: few, so that there are several.
const ACCOUNTS_PAGE: usize = 3;

/// The request id of what no place answers.
const REQUEST_ID: &str = "00000000-0000-4000-a000-000000000000";

/// Accounts of one organization, each in every Region. The first is an [`Account`] as it stands: it is where calls go
/// that are signed with no role's credentials.
///
/// A call is for the account of its credentials, in the Region that it is signed for. A DynamoDB call that names a table
/// by the ARN of another account in that Region is for that account, as a resource policy would allow.
/// A clone is the same organization.
#[derive(Clone)]
pub struct Organization(Arc<Mutex<Members>>);

struct Members {
    started: DateTime<Utc>,
    places: BTreeMap<SandboxPlace, Account>,
    roles: Vec<AssumableRole>,
    /// The Regions that accounts have not enabled.
    disabled: BTreeSet<SandboxPlace>,
    /// The accounts that cannot be called any more.
    suspended: BTreeSet<String>,
    /// Whether the first account may list the accounts.
    is_listed: bool,
    /// The ARNs of the roles of all calls of `AssumeRole`, allowed or not.
    asked: Vec<String>,
}

/// A role of an account that the organization's first account may assume.
#[derive(Debug)]
struct AssumableRole {
    arn: String,
    external_id: Option<String>,
}

impl Organization {
    /// An organization with `first`, and no role in it.
    #[must_use]
    pub fn new(first: &Account) -> Self {
        let place = SandboxPlace::new(first.id(), first.region());
        Self(Arc::new(Mutex::new(Members {
            started: first.now(),
            places: BTreeMap::from([(place, first.clone())]),
            roles: Vec::new(),
            disabled: BTreeSet::new(),
            suspended: BTreeSet::new(),
            is_listed: true,
            asked: Vec::new(),
        })))
    }

    /// What an account has in a Region: nothing at first.
    #[must_use]
    pub fn place(&self, account_id: &str, region: &str) -> Account {
        self.members().place(SandboxPlace::new(account_id, region))
    }

    /// Lets the first account assume the role `name` of an account, a path and a name. With an `external_id`, only for
    /// calls that give it.
    pub fn add_role(&self, account_id: &str, name: &str, external_id: Option<&str>) {
        self.members().roles.push(AssumableRole {
            arn: format!("arn:aws:iam::{account_id}:role/{name}"),
            external_id: external_id.map(ToOwned::to_owned),
        });
    }

    /// Makes `region` one that the account has not enabled.
    pub fn disable_region(&self, account_id: &str, region: &str) {
        let place = SandboxPlace::new(account_id, region);
        self.members().disabled.insert(place);
    }

    /// The ARNs of the roles that were asked for, whether or not they were given.
    #[must_use]
    pub fn asked_roles(&self) -> Vec<String> {
        self.members().asked.clone()
    }

    /// Answers a call in the place that it is for.
    pub(crate) async fn answer(&self, incoming: Incoming<'_>) -> Outgoing {
        if incoming.target == Some(LIST_ACCOUNTS) {
            return self.list_accounts(incoming.body);
        }
        let (protocol, request) = Protocol::read(incoming);
        let place = signed_for(incoming.authorization.unwrap_or_default());
        let routed = match &request {
            // The account answers that it cannot read the call.
            Err(_) => Ok(place),
            Ok(request) => self.route(place, request),
        };
        let outcome = match (routed, request) {
            (Ok(place), Ok(request)) if is_assume_role(&request) => {
                let account = self.members().place(place);
                (self.assume_role(&request, account.now()), account.now())
            }
            (Ok(place), _) => {
                let account = self.members().place(place);
                return account.answer(incoming).await;
            }
            (Err(refusal), _) => (Err(refusal), Utc::now()),
        };
        let (outcome, now) = outcome;
        protocol.write("AssumeRole", outcome, REQUEST_ID.to_owned(), now)
    }

    /// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html>
    fn list_accounts(&self, body: &[u8]) -> Outgoing {
        let parameters: Value = serde_json::from_slice(body).unwrap_or_default();
        let members = self.members();
        let in_places = members.places.keys().map(|place| place.account.clone());
        let with_roles = members
            .roles
            .iter()
            .filter_map(|role| role.arn.split(':').nth(4));
        let with_roles = with_roles.map(ToOwned::to_owned);
        let accounts: BTreeSet<String> = in_places.chain(with_roles).collect();
        let after = parameters.get("NextToken").and_then(Value::as_str);
        let mut rest = accounts
            .into_iter()
            .filter(|id| after.is_none_or(|after| id.as_str() > after));
        let page: Vec<String> = rest.by_ref().take(ACCOUNTS_PAGE).collect();
        let next = rest.next().and_then(|_| page.last());
        let listed = page.iter().map(|id| {
            let is_suspended = members.suspended.contains(id);
            let status = if is_suspended { "SUSPENDED" } else { "ACTIVE" };
            json!({"Id": id, "Status": status})
        });
        let listed: Value = listed.collect();
        let answer = if members.is_listed {
            Ok(Answer::Json(json!({"Accounts": listed, "NextToken": next})))
        } else {
            let message = "You don't have permissions to access this resource.";
            Err(ApiError::new("AccessDeniedException", message))
        };
        Protocol::Json11.write("ListAccounts", answer, REQUEST_ID.to_owned(), Utc::now())
    }

    /// Makes the account one whose resources cannot be called, as the list of accounts says.
    pub fn suspend(&self, account_id: &str) {
        self.members().suspended.insert(account_id.to_owned());
    }

    /// Refuses the list of accounts from now on, as to an account that is no administrator.
    pub fn hide_accounts(&self) {
        self.members().is_listed = false;
    }

    /// The place that answers a request signed for `place`.
    fn route(&self, place: SandboxPlace, request: &Request) -> Result<SandboxPlace, ApiError> {
        let members = self.members();
        if members.disabled.contains(&place) {
            return Err(not_enabled(request.service));
        }
        let named = request
            .resources
            .first()
            .filter(|_| request.service == Service::DynamoDb);
        let elsewhere = named.and_then(|arn| {
            let mut parts = arn.strip_prefix("arn:aws:dynamodb:")?.split(':');
            let (region, account) = (parts.next()?, parts.next()?);
            (region == place.region).then(|| SandboxPlace::new(account, region))
        });
        Ok(elsewhere.unwrap_or(place))
    }

    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
    fn assume_role(&self, request: &Request, now: DateTime<Utc>) -> Result<Answer, ApiError> {
        request.only(&["RoleArn", "RoleSessionName", "ExternalId"])?;
        let arn = request.text("RoleArn").unwrap_or_default();
        let mut members = self.members();
        members.asked.push(arn.to_owned());
        let external_id = request.text("ExternalId");
        // AWS does not tell a role that is not there from one that does not trust the caller.
        let is_trusted = |role: &AssumableRole| {
            let is_wanted = role
                .external_id
                .as_deref()
                .is_none_or(|id| Some(id) == external_id);
            role.arn == arn && is_wanted
        };
        if !members.roles.iter().any(is_trusted) {
            let message = format!(
                "User: arn:aws:sts::{ACCOUNT_ID}:assumed-role/tagwarden/tagwarden is not authorized to perform: \
                 sts:AssumeRole on resource: {arn}"
            );
            return Err(ApiError::new("AccessDenied", message).with_status(403));
        }
        let account = arn.split(':').nth(4).unwrap_or_default();
        let name = arn.rsplit('/').next().unwrap_or_default();
        let session = request.text("RoleSessionName").unwrap_or_default();
        let until = now.checked_add_signed(TimeDelta::hours(1)).unwrap_or(now);
        let mut xml = Xml::default();
        xml.element("Credentials", |xml| {
            xml.text("AccessKeyId", format!("{ASSUMED}{account}ROLE"));
            xml.text("SecretAccessKey", "sandbox");
            xml.text("SessionToken", "sandbox");
            xml.text("Expiration", iso_seconds(until));
        });
        xml.element("AssumedRoleUser", |xml| {
            xml.text("AssumedRoleId", format!("AROASANDBOX:{session}"));
            xml.text(
                "Arn",
                format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"),
            );
        });
        Ok(Answer::Xml(xml))
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        // As with an account's contents, a panic under the lock is a failed test's own.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    fn place(&mut self, place: SandboxPlace) -> Account {
        let nth = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        let started = self.started;
        let account = self.places.entry(place.clone());
        let account =
            account.or_insert_with(|| Account::at_place(place, started, Ids::of_place(nth)));
        account.clone()
    }
}

fn is_assume_role(request: &Request) -> bool {
    request.service == Service::Sts && request.operation == "AssumeRole"
}

/// The account of the credentials, and the Region, of a signature of version 4.
fn signed_for(authorization: &str) -> SandboxPlace {
    let scope = authorization
        .split_once("Credential=")
        .map_or("", |(_, rest)| rest);
    let mut parts = scope.split('/');
    let key = parts.next().unwrap_or_default();
    let region = parts.nth(1).unwrap_or_default();
    let digits = key.strip_prefix(ASSUMED).and_then(|rest| rest.get(..12));
    let account = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    SandboxPlace::new(account.unwrap_or(ACCOUNT_ID), region)
}

/// What a service says in a Region that the account has not enabled: it does not know the credentials.
fn not_enabled(service: Service) -> ApiError {
    let (code, message) = match service {
        Service::Ec2 => (
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
        ),
        Service::Sts => (
            "InvalidClientTokenId",
            "The security token included in the request is invalid",
        ),
        _ => (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
    };
    ApiError::new(code, message).with_status(403)
}

impl fmt::Debug for Organization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.members();
        f.debug_struct("Organization")
            .field("places", &members.places.keys())
            .field("roles", &members.roles)
            .finish_non_exhaustive()
    }
}
