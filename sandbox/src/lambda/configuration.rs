//! What Lambda says of functions: their environment.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::Account;
use crate::calls::Request;
use crate::wire::{Answer, ApiError};

/// The environments of the account's functions, by name.
#[derive(Debug, Default)]
pub(crate) struct FunctionSettings(BTreeMap<String, Value>);

impl FunctionSettings {
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html>
    pub(crate) fn configuration(&self, request: &Request) -> Result<Answer, ApiError> {
        let name = request.text("FunctionName").unwrap_or_default();
        let Some(variables) = self.0.get(name) else {
            let message = format!("Function not found: {name}");
            return Err(ApiError::new("ResourceNotFoundException", message).with_status(404));
        };
        Ok(Answer::Json(json!({
            "FunctionName": name,
            "Environment": {"Variables": variables},
        })))
    }
}

impl Account {
    /// Puts a function with these environment variables (an object of texts) into the account. It is described only: a
    /// [`Bootstrap`](super::Bootstrap) runs one.
    pub fn create_function(&self, name: &str, variables: Value) {
        let mut contents = self.contents();
        contents.functions.0.insert(name.to_owned(), variables);
    }
}
