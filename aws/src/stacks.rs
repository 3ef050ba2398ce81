//! Reads the tags of a stack with `DescribeStacks` of CloudFormation.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};

use crate::AwsError;
use crate::operation::{RefusedCall, ServiceOperation, set_endpoint};
use crate::partition::dns_suffix;

const CALL: &str = "cloudformation:DescribeStacks";

const SERVICE: &str = "CloudFormation";

/// CloudFormation's version of its API.
const VERSION: &str = "2010-05-15";

/// The most attempts. An operation on a stack waits for the answer.
const ATTEMPTS: u32 = 3;

/// How long all attempts together may take.
const LONGEST: Duration = Duration::from_secs(8);

/// The tags of a stack by their keys.
pub type StackTags = BTreeMap<String, String>;

/// Reads stacks of one Region.
///
/// See [`DescribeStacks`](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html).
#[derive(Clone, Debug)]
pub struct Stacks {
    /// The operation, or why there is none.
    operation: Result<Operation<String, StackTags, RefusedCall>, String>,
}

impl Stacks {
    /// A reader for the Region of `config`.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let region = config.region().map(AsRef::as_ref).unwrap_or_default();
        let operation = ServiceOperation {
            service: SERVICE,
            name: "DescribeStacks",
            signing_name: "cloudformation",
            region,
            endpoint: &endpoint(config, region),
            attempts: ATTEMPTS,
            longest: LONGEST,
        };
        let write = |id: String| {
            let form = form_urlencoded::Serializer::new(String::new())
                .append_pair("Action", "DescribeStacks")
                .append_pair("Version", VERSION)
                .append_pair("StackName", &id)
                .finish();
            let mut request = HttpRequest::new(SdkBody::from(form));
            request.set_method("POST")?;
            request.set_uri("/")?;
            let headers = request.headers_mut();
            headers.try_insert("content-type", "application/x-www-form-urlencoded")?;
            Ok(request)
        };
        Self {
            operation: operation.build(config, write, read),
        }
    }

    /// The tags of the stack `id`, its ARN or its name. Its resources get them.
    ///
    /// # Errors
    /// The call failed, also because there is no such stack.
    pub async fn tags_of(&self, id: &str) -> Result<StackTags, AwsError> {
        let operation = self.operation.as_ref();
        let operation = operation.map_err(|why| AwsError::unexpected(CALL, why.as_str()))?;
        let tags = operation.invoke(id.to_owned()).await;
        tags.map_err(|error| AwsError::new(CALL, &error))
    }
}

/// Where CloudFormation is: as the configuration says, or by its name in the Region.
///
/// See [CloudFormation endpoints](https://docs.aws.amazon.com/general/latest/gr/cfn.html).
fn endpoint(config: &SdkConfig, region: &str) -> String {
    if let Some(url) = set_endpoint(config, SERVICE) {
        return url;
    }
    let name = match config.use_fips() {
        Some(true) => "cloudformation-fips",
        _ => "cloudformation",
    };
    let suffix = dns_suffix(region);
    format!("https://{name}.{region}.{suffix}")
}

fn read(response: &HttpResponse) -> Result<StackTags, OrchestratorError<RefusedCall>> {
    let body = response.body().bytes().unwrap_or_default();
    let body = String::from_utf8_lossy(body);
    if response.status().is_success() {
        return tags(&body).map_err(OrchestratorError::other);
    }
    let (code, message) = refusal(&body).unwrap_or_default();
    Err(RefusedCall::answer(code.as_deref(), message.as_deref()))
}

/// The tags in `DescribeStacksResponse / DescribeStacksResult / Stacks / member / Tags / member`, of the first stack.
fn tags(body: &str) -> Result<StackTags, XmlDecodeError> {
    let mut document = Document::new(body);
    let mut root = document.root_element()?;
    let mut tags = StackTags::new();
    let stack = ["DescribeStacksResult", "Stacks", "member", "Tags"];
    within(&mut root, &stack, &mut |list| {
        while let Some(mut tag) = list.next_tag() {
            let (mut key, mut value) = (None, String::new());
            while let Some(mut member) = tag.next_tag() {
                match member.start_el().local() {
                    "Key" => key = Some(try_data(&mut member)?.into_owned()),
                    "Value" => value = try_data(&mut member)?.into_owned(),
                    _ => {}
                }
            }
            if let Some(key) = key {
                tags.insert(key, value);
            }
        }
        Ok(())
    })?;
    Ok(tags)
}

/// The code and the message in `ErrorResponse / Error`.
fn refusal(body: &str) -> Result<(Option<String>, Option<String>), XmlDecodeError> {
    let mut document = Document::new(body);
    let mut root = document.root_element()?;
    let (mut code, mut message) = (None, None);
    within(&mut root, &["Error"], &mut |error| {
        while let Some(mut member) = error.next_tag() {
            match member.start_el().local() {
                "Code" => code = Some(try_data(&mut member)?.into_owned()),
                "Message" => message = Some(try_data(&mut member)?.into_owned()),
                _ => {}
            }
        }
        Ok(())
    })?;
    Ok((code, message))
}

/// Gives `read` the first element at `path` below `decoder`.
fn within<'i>(
    decoder: &mut ScopedDecoder<'i, '_>,
    path: &[&str],
    read: &mut dyn FnMut(&mut ScopedDecoder<'i, '_>) -> Result<(), XmlDecodeError>,
) -> Result<(), XmlDecodeError> {
    let Some((first, rest)) = path.split_first() else {
        return read(decoder);
    };
    while let Some(mut tag) = decoder.next_tag() {
        if tag.start_el().local() == *first {
            return within(&mut tag, rest, read);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_tags_of_the_first_stack() {
        let body = r#"<?xml version="1.0"?>
<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
  <DescribeStacksResult>
    <Stacks>
      <member>
        <Outputs><member><OutputKey>Tags</OutputKey></member></Outputs>
        <StackName>web</StackName>
        <Tags>
          <member><Key>Owner</Key><Value>Ann &amp; Bo</Value></member>
          <member><Value>x</Value><Key>Env</Key></member>
          <member><Key>Empty</Key><Value/></member>
        </Tags>
      </member>
      <member><Tags><member><Key>Other</Key><Value>y</Value></member></Tags></member>
    </Stacks>
  </DescribeStacksResult>
</DescribeStacksResponse>"#;
        let expected = [("Owner", "Ann & Bo"), ("Env", "x"), ("Empty", "")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(tags(body).unwrap(), StackTags::from(expected));
        let without =
            "<R><DescribeStacksResult><Stacks><member/></Stacks></DescribeStacksResult></R>";
        assert_eq!(tags(without).unwrap(), StackTags::new());
        assert!(tags("not XML").is_err());
    }

    #[test]
    fn reads_a_refusal() {
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>\
                    <Message>Stack with id web does not exist</Message></Error></ErrorResponse>";
        let (code, message) = refusal(body).unwrap();
        assert_eq!(code.as_deref(), Some("ValidationError"));
        assert_eq!(message.as_deref(), Some("Stack with id web does not exist"));
    }

    #[test]
    fn asks_the_region_of_the_configuration() {
        let config = SdkConfig::builder().build();
        for (region, expected) in [
            (
                "eu-west-1",
                "https://cloudformation.eu-west-1.amazonaws.com",
            ),
            (
                "cn-north-1",
                "https://cloudformation.cn-north-1.amazonaws.com.cn",
            ),
        ] {
            assert_eq!(endpoint(&config, region), expected);
        }
    }
}
