//! CloudFormation: stacks with their tags, and `DescribeStacks`, see
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html>.

use std::collections::BTreeMap;

use serde_json::json;

use crate::Account;
use crate::account::Contents;
use crate::calls::Request;
use crate::described::{Described, as_xml};
use crate::place::{ACCOUNT_ID, REGION};
use crate::wire::{Answer, ApiError, Xml};

/// The account's stacks: their tags by their ARNs.
#[derive(Debug, Default)]
pub(crate) struct CloudFormation {
    stacks: BTreeMap<String, BTreeMap<String, String>>,
}

impl Contents {
    /// One stack: one that is described, by its name; or one that is being created, by its ARN.
    pub(crate) fn describe_stacks(&mut self, request: &Request) -> Result<Answer, ApiError> {
        request.only(&["StackName"])?;
        let id = request.text("StackName").unwrap_or_default();
        if let Some(stack) = self.described.one(Described::Stack, id) {
            return Ok(Answer::Xml(as_xml(&json!({"Stacks": [stack]}))));
        }
        let Some(tags) = self.cloudformation.stacks.get(id) else {
            let message = format!("Stack with id {id} does not exist");
            return Err(ApiError::new("ValidationError", message));
        };
        let mut xml = Xml::default();
        xml.element("Stacks", |xml| {
            xml.element("member", |xml| {
                xml.text("StackId", id);
                xml.text("StackName", id.split('/').nth(1).unwrap_or_default());
                xml.text("StackStatus", "CREATE_IN_PROGRESS");
                xml.element("Tags", |xml| {
                    for (key, value) in tags {
                        xml.element("member", |xml| {
                            xml.text("Key", key);
                            xml.text("Value", value);
                        });
                    }
                });
            });
        });
        Ok(Answer::Xml(xml))
    }
}

impl Account {
    /// Begins to create the stack `name` with these tags. Returns its ARN.
    #[must_use]
    pub fn create_stack(&self, name: &str, tags: &[(&str, &str)]) -> String {
        let mut contents = self.contents();
        let id = contents.ids.uuid();
        let arn = format!("arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:stack/{name}/{id}");
        let tags = tags.iter();
        let tags = tags.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        contents
            .cloudformation
            .stacks
            .insert(arn.clone(), tags.collect());
        arn
    }
}
