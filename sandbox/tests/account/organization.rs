//! Several accounts and Regions behind one address.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use tagwarden_sandbox::{Account, Launch, Loopback, Organization};

use crate::refusal;

const SHOP: &str = "222222222222";

/// The configuration of somebody with this key in this Region.
fn config(loopback: &Loopback, key: &str, region: &'static str) -> SdkConfig {
    let credentials = Credentials::new(key, "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(loopback.url())
        .build()
}

/// The owner and the instances that EC2 shows there.
async fn shown(config: &SdkConfig) -> Vec<(String, String)> {
    let client = aws_sdk_ec2::Client::new(config);
    let answer = client.describe_instances().send().await.unwrap();
    let reservations = answer.reservations.unwrap_or_default().into_iter();
    reservations
        .flat_map(|reservation| {
            let owner = reservation.owner_id.clone().unwrap();
            let instances = reservation.instances.unwrap_or_default().into_iter();
            instances.map(move |it| (owner.clone(), it.instance_id.unwrap()))
        })
        .collect()
}

#[tokio::test]
async fn a_call_is_for_the_account_of_its_key_in_the_region_that_it_is_signed_for() {
    let account = Account::new();
    let organization = Organization::new(&account);
    let loopback = Loopback::serve_organization(&organization).unwrap();
    let own = account.launch(Launch::new());
    let elsewhere = organization.place(account.id(), "eu-west-1");
    let abroad = elsewhere.launch(Launch::new());
    let shop = organization.place(SHOP, "eu-west-1").launch(Launch::new());
    let (first, role) = ("AKIASANDBOX000000000", "ASIA222222222222ROLE");
    for (key, region, expected) in [
        (first, "us-east-1", Some((account.id(), &own))),
        (first, "eu-west-1", Some((account.id(), &abroad))),
        (role, "eu-west-1", Some((SHOP, &shop))),
        (role, "us-east-1", None),
    ] {
        let expected = expected.map(|(owner, id)| (owner.to_owned(), id.clone()));
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(
            shown(&config(&loopback, key, region)).await,
            expected,
            "{key} {region}"
        );
    }
    // Ids differ, and zones are those of the Region.
    assert!(own != abroad && abroad != shop);
    let zone = elsewhere.instance(&abroad).unwrap().availability_zone;
    assert_eq!(zone, "eu-west-1a");
}

#[tokio::test]
async fn a_region_that_is_not_enabled_knows_no_credentials() {
    let account = Account::new();
    let organization = Organization::new(&account);
    organization.disable_region(account.id(), "eu-west-1");
    let loopback = Loopback::serve_organization(&organization).unwrap();
    let config = config(&loopback, "AKIASANDBOX000000000", "eu-west-1");
    let ec2 = aws_sdk_ec2::Client::new(&config);
    let (code, _) = refusal(ec2.describe_instances().send().await);
    assert_eq!(code, "AuthFailure");
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let (code, _) = refusal(dynamodb.scan().table_name("t").send().await);
    assert_eq!(code, "UnrecognizedClientException");
}

#[tokio::test]
async fn a_table_is_found_by_the_arn_of_another_account() {
    let account = Account::new();
    let organization = Organization::new(&account);
    account.create_table("central");
    account.put_item("central", serde_json::json!({"RuleId": 1}));
    let loopback = Loopback::serve_organization(&organization).unwrap();
    let arn = "arn:aws:dynamodb:us-east-1:111111111111:table/central";
    let scan = async |region| {
        let config = config(&loopback, "ASIA222222222222ROLE", region);
        let client = aws_sdk_dynamodb::Client::new(&config);
        client.scan().table_name(arn).send().await
    };
    assert_eq!(scan("us-east-1").await.unwrap().count(), 1);
    // Only in the Region of the ARN.
    let (code, _) = refusal(scan("eu-west-1").await);
    assert_eq!(code, "ResourceNotFoundException");
}
