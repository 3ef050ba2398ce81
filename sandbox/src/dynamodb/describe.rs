//! `DescribeTable`, see <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeTable.html>.

use serde_json::json;

use super::DynamoDb;
use crate::Account;
use crate::calls::Request;
use crate::place::{ACCOUNT_ID, REGION};
use crate::wire::{Answer, ApiError};

/// What a table's description says beside its key.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableSettings {
    is_protected: bool,
    key: Option<String>,
}

impl DynamoDb {
    /// A table may be named by its ARN, too.
    pub(crate) fn describe_table(&self, request: &Request) -> Result<Answer, ApiError> {
        request.only(&["TableName"])?;
        let name = request.text("TableName").unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or(name);
        let table = self.table(name)?;
        let settings = self.settings.get(name).cloned().unwrap_or_default();
        let roles = ["HASH", "RANGE"];
        let schema = table
            .key_types()
            .zip(roles)
            .map(|((name, _), role)| json!({"AttributeName": name, "KeyType": role}));
        let definitions = table
            .key_types()
            .map(|(name, kind)| json!({"AttributeName": name, "AttributeType": kind}));
        let mut described = json!({
            "TableName": name,
            "TableArn": format!("arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{name}"),
            "TableStatus": "ACTIVE",
            "KeySchema": schema.collect::<Vec<_>>(),
            "AttributeDefinitions": definitions.collect::<Vec<_>>(),
            "DeletionProtectionEnabled": settings.is_protected,
        });
        if let (Some(key), Some(members)) = (settings.key, described.as_object_mut()) {
            let encryption = json!({"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key});
            members.insert("SSEDescription".to_owned(), encryption);
        }
        Ok(Answer::Json(json!({"Table": described})))
    }
}

impl Account {
    /// Switches the deletion protection of a table on or off. A new table has none.
    pub fn protect_table(&self, name: &str, on: bool) {
        let settings = &mut self.contents().dynamodb.settings;
        settings.entry(name.to_owned()).or_default().is_protected = on;
    }

    /// Encrypts a table with the key of this ARN, in the place of DynamoDB's own.
    pub fn encrypt_table(&self, name: &str, key_arn: &str) {
        let settings = &mut self.contents().dynamodb.settings;
        settings.entry(name.to_owned()).or_default().key = Some(key_arn.to_owned());
    }
}
