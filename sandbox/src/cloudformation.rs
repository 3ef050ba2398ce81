//! CloudFormation: stacks with their tags, and `DescribeStacks`, see
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html>.

use std::collections::BTreeMap;

use crate::Account;
use crate::account::Contents;
use crate::calls::Request;
use crate::place::{ACCOUNT_ID, REGION};
use crate::wire::{Answer, ApiError, Xml};

/// The account's stacks: their tags by their ARNs.
#[derive(Debug, Default)]
pub(crate) struct CloudFormation {
    stacks: BTreeMap<String, BTreeMap<String, String>>,
}

impl Contents {
    /// One stack, by its ARN: a stack that is being made is found by its name, too, but a deleted one is not.
    pub(crate) fn describe_stacks(&mut self, request: &Request) -> Result<Answer, ApiError> {
        request.only(&["StackName"])?;
        let id = request.text("StackName").unwrap_or_default();
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
