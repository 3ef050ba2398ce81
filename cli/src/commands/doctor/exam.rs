//! An examination: what was found, and what could not be seen.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use aws_config::{Region, SdkConfig};
use tagwarden_aws::{AwsError, partition, with_http_client};

use super::checks::{Area, Check, Weight};
use crate::aws::access::{AwsAccess, CredentialsOrigin};
use crate::aws::trouble;

/// Something that a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The check.
    pub check: Check,
    /// What is wrong, with names: whole sentences.
    pub what: String,
    /// The commands that fix it, in their order.
    pub fixes: Vec<String>,
}

/// Something that could not be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnseenPart {
    /// The part of the deployment.
    pub area: Area,
    /// What is therefore not known: "whether …".
    pub question: String,
    /// The call that failed, as IAM names it; none if no call was made.
    pub call: Option<&'static str>,
    /// Why it failed, or why it was not made.
    pub why: String,
    /// What to do about it.
    pub what_next: String,
    /// The gravest thing that it may hide.
    pub hides: Weight,
}

/// An account and Region under examination, for one stack.
#[derive(Debug)]
pub struct Exam {
    /// The account.
    pub access: AwsAccess,
    /// The stack's name.
    pub stack: String,
    /// What was found.
    pub complaints: Vec<Complaint>,
    /// What was not seen.
    pub unseen: Vec<UnseenPart>,
    /// The parts that were seen, at least in part.
    pub seen: BTreeSet<Area>,
    /// Whether AWS has answered a call, also to refuse it.
    pub is_answered: bool,
    /// Whether the stack was seen.
    pub has_stack: bool,
}

/// The name of the change set that brings back what the template has.
const REVERT: &str = "tagwarden-revert";

/// Each parameter of the stack with the value that it has, for the AWS CLI.
const PREVIOUS: &str =
    "Stacks[0].Parameters[].join('', ['ParameterKey=', ParameterKey, ',UsePreviousValue=true'])";

/// A call failed, and that was noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnseenNoted;

/// What a look is about: the part, the question in words, and the gravest thing that it may hide.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    area: Area,
    question: &'a str,
    hides: Weight,
}

impl<'a> Look<'a> {
    /// A look that may find a fault.
    pub fn new(area: Area, question: &'a str) -> Self {
        Self {
            area,
            question,
            hides: Weight::Fault,
        }
    }

    /// A look that can find no more than notes.
    pub fn minor(area: Area, question: &'a str) -> Self {
        Self {
            hides: Weight::Note,
            ..Self::new(area, question)
        }
    }
}

impl Exam {
    /// An examination that has seen nothing yet.
    pub fn new(mut access: AwsAccess, stack: String) -> Self {
        // Ten services are called.
        access.config = with_http_client(&access.config);
        Self {
            access,
            stack,
            complaints: Vec::new(),
            unseen: Vec::new(),
            seen: BTreeSet::new(),
            is_answered: false,
            has_stack: false,
        }
    }

    /// What a call answered. A call that failed is noted as something that was not seen.
    pub fn see<T>(&mut self, look: Look<'_>, answer: Result<T, AwsError>) -> Option<T> {
        self.is_answered |= match &answer {
            Ok(_) => true,
            Err(error) => !trouble::is_unanswered(error),
        };
        match answer {
            Ok(answer) => {
                self.seen.insert(look.area);
                Some(answer)
            }
            Err(error) => {
                self.not_seen(look, &error);
                None
            }
        }
    }

    /// As [`Exam::see`], where one of AWS's codes `absent` says that there is no such thing: then `None`.
    ///
    /// # Errors
    /// The call failed otherwise.
    pub fn see_if_any<T>(
        &mut self,
        look: Look<'_>,
        absent: &[&str],
        answer: Result<T, AwsError>,
    ) -> Result<Option<T>, UnseenNoted> {
        let answer = match answer {
            Err(error) if error.code().is_some_and(|code| absent.contains(&code)) => Ok(None),
            answer => answer.map(Some),
        };
        self.see(look, answer).ok_or(UnseenNoted)
    }

    /// Notes a call that failed.
    pub fn not_seen(&mut self, look: Look<'_>, error: &AwsError) {
        let is_denied = error.code().is_some_and(|code| {
            code.starts_with("AccessDenied")
                || code.starts_with("UnauthorizedOperation")
                || code.starts_with("AuthorizationError")
                || code.starts_with("NotAuthorized")
        });
        let what_next = if is_denied {
            format!("Allow {} to these credentials.", error.call())
        } else if error.message() == crate::aws::other::NOT_HERE {
            "Ask in another Region with --region, if the account has one.".to_owned()
        } else if error.code().is_none() && !trouble::is_unanswered(error) {
            "The answer is not AWS's: check --endpoint-url.".to_owned()
        } else {
            trouble::what_next(error, trouble::DOCTOR)
        };
        self.unseen.push(UnseenPart {
            area: look.area,
            question: look.question.to_owned(),
            call: Some(error.call()),
            why: trouble::describe(error),
            what_next,
            hides: look.hides,
        });
    }

    /// Notes a question that could not be asked, because something else is not known.
    pub fn not_asked(&mut self, look: Look<'_>, why: &str) {
        self.not_told(look, why, "See above.");
    }

    /// Notes a question that nothing that these credentials may ask answers, and what to do about it.
    pub fn not_told(&mut self, look: Look<'_>, why: &str, what_next: &str) {
        self.unseen.push(UnseenPart {
            area: look.area,
            question: look.question.to_owned(),
            call: None,
            why: why.to_owned(),
            what_next: what_next.to_owned(),
            hides: look.hides,
        });
    }

    /// Notes what a check found.
    pub fn complain(
        &mut self,
        check: Check,
        what: impl Into<String>,
        fixes: impl IntoIterator<Item = String>,
    ) {
        self.seen.insert(check.area);
        self.complaints.push(Complaint {
            check,
            what: what.into(),
            fixes: fixes.into_iter().collect(),
        });
    }

    /// Puts faults before notes, and each in the order of the parts.
    pub fn sort(&mut self) {
        self.complaints
            .sort_by_key(|it| (it.check.weight, it.check.area));
        self.unseen.sort_by_key(|it| (it.hides, it.area));
    }

    /// How many things of this weight were found.
    pub fn count(&self, weight: Weight) -> usize {
        let complaints = self.complaints.iter();
        complaints
            .filter(|complaint| complaint.check.weight == weight)
            .count()
    }

    /// Whether nothing was found, and nothing was left unseen, that may keep tagwarden from working.
    pub fn is_sound(&self) -> bool {
        self.count(Weight::Fault) == 0 && self.unseen.iter().all(|it| it.hides == Weight::Note)
    }

    /// A command of the AWS CLI for this Region and profile. Each argument is quoted where a shell needs it.
    pub fn aws(&self, arguments: &[&str]) -> String {
        let mut line = words("aws", arguments);
        self.add_place(&mut line);
        line
    }

    /// The same for another Region.
    pub fn aws_in(&self, region: &str, arguments: &[&str]) -> String {
        let mut line = words("aws", arguments);
        self.add_options(&mut line, region);
        line
    }

    /// The same for the Region and account of what an ARN names. Of another account it has no profile.
    pub fn aws_at(&self, arn_or_name: &str, arguments: &[&str]) -> String {
        let region = self.region_of(arn_or_name);
        match self.other_account(arn_or_name) {
            None => self.aws_in(&region, arguments),
            Some(_) => format!("{} --region {}", words("aws", arguments), quoted(&region)),
        }
    }

    /// The account of what an ARN names, if that is another one.
    pub fn other_account<'a>(&self, arn_or_name: &'a str) -> Option<&'a str> {
        let owner = arn_or_name.split(':').nth(4);
        let owner = owner.filter(|it| arn_or_name.starts_with("arn:") && !it.is_empty())?;
        let own = self.access.account.as_deref().ok()?;
        Some(owner).filter(|it| *it != own)
    }

    /// Says in which account commands are run, if that is another one: a sentence behind others, or nothing.
    pub fn elsewhere(&self, arn_or_name: &str) -> String {
        self.other_account(arn_or_name)
            .map_or_else(String::new, |account| {
                format!(" Run the commands in account {account}.")
            })
    }

    /// A command of tagwarden for a policy table: of this stack, or of another account.
    pub fn tagwarden_for(&self, table: &str, arguments: &[&str]) -> String {
        if self.other_account(table).is_none() {
            return self.tagwarden(arguments);
        }
        let region = self.region_of(table);
        let place = ["--table", table, "--region", &region];
        words("tagwarden", &[arguments, &place].concat())
    }

    /// A command of tagwarden for this Region and profile.
    pub fn tagwarden(&self, arguments: &[&str]) -> String {
        let mut line = words("tagwarden", arguments);
        let _ = write!(line, " --stack {}", quoted(&self.stack));
        self.add_place(&mut line);
        line
    }

    /// Deploys the stack again, with these parameters. The bucket for the zips is not known here.
    pub fn deploy(&self, parameters: &[&str]) -> String {
        let stack = ["--bucket", "BUCKET", "--stack", self.stack.as_str()];
        let mut line = words("scripts/deploy", &stack);
        self.add_place(&mut line);
        for parameter in parameters {
            line.push(' ');
            line.push_str(&quoted(parameter));
        }
        line
    }

    /// Brings back what was deleted, or changed by hand, in the stack. CloudFormation itself changes nothing where neither the
    /// template nor a parameter is new, so that another deployment would not help. Without a stack, it is deployed.
    ///
    /// See [Drift-aware change sets](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html).
    pub fn repair(&self) -> Vec<String> {
        if !self.has_stack {
            return vec![self.deploy(&[])];
        }
        let change_set = |command: &[&str]| {
            let of = ["--stack-name", &self.stack, "--change-set-name", REVERT];
            self.aws(&[&["cloudformation"], command, &of[..]].concat())
        };
        // A parameter that is not named would get its default.
        let of = ["--stack-name", &self.stack, "--output", "text"];
        let parameters = self.aws(&[&["cloudformation", "describe-stacks"], &of[..]].concat());
        let create = change_set(&[
            "create-change-set",
            "--use-previous-template",
            "--deployment-mode",
            "REVERT_DRIFT",
            "--capabilities",
            "CAPABILITY_IAM",
        ]);
        vec![
            format!("{create} --parameters $({parameters} --query \"{PREVIOUS}\")"),
            change_set(&["wait", "change-set-create-complete"]),
            change_set(&["describe-change-set"]),
            change_set(&["execute-change-set"]),
        ]
    }

    /// The partition of ARNs here, such as `aws`.
    pub fn partition(&self) -> &'static str {
        partition::partition(&self.access.region)
    }

    /// The end of the names of services in policies here.
    pub fn dns_suffix(&self) -> &'static str {
        partition::dns_suffix(&self.access.region)
    }

    /// The ARN of a table, by its ARN or its name here. Where the account is not known, the name.
    pub fn table_arn(&self, arn_or_name: &str) -> String {
        match self.access.account.as_deref() {
            Ok(account) if !arn_or_name.starts_with("arn:") => {
                let (partition, region) = (self.partition(), &self.access.region);
                format!("arn:{partition}:dynamodb:{region}:{account}:table/{arn_or_name}")
            }
            _ => arn_or_name.to_owned(),
        }
    }

    /// The Region of what an ARN names; of a mere name this one.
    pub fn region_of(&self, arn_or_name: &str) -> String {
        let region = arn_or_name.split(':').nth(3);
        let region = region.filter(|it| arn_or_name.starts_with("arn:") && !it.is_empty());
        region.unwrap_or(&self.access.region).to_owned()
    }

    /// The configuration for another Region.
    pub fn config_in(&self, region: &str) -> SdkConfig {
        let builder = self.access.config.clone().into_builder();
        builder.region(Region::new(region.to_owned())).build()
    }

    /// The configuration for the Region of what an ARN names; of a mere name this one.
    pub fn config_of(&self, arn_or_name: &str) -> SdkConfig {
        self.config_in(&self.region_of(arn_or_name))
    }

    fn add_place(&self, line: &mut String) {
        self.add_options(line, &self.access.region);
    }

    fn add_options(&self, line: &mut String, region: &str) {
        let _ = write!(line, " --region {}", quoted(region));
        if let CredentialsOrigin::Profile(profile) = &self.access.credentials {
            let _ = write!(line, " --profile {}", quoted(profile));
        }
    }
}

fn words(program: &str, arguments: &[&str]) -> String {
    let mut line = program.to_owned();
    for argument in arguments {
        line.push(' ');
        line.push_str(&quoted(argument));
    }
    line
}

/// The word as a POSIX shell takes it for one word.
fn quoted(word: &str) -> String {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"-_./:=,@+%".contains(&it);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_what_a_shell_would_read_otherwise() {
        assert_eq!(words("aws", &["a", "--b=c/d:e"]), "aws a --b=c/d:e");
        assert_eq!(
            words("aws", &["", "a b", "it's"]),
            r"aws '' 'a b' 'it'\''s'"
        );
        assert_eq!(quoted("$(rm)"), "'$(rm)'");
    }
}
