//! What a recording lacks, and what that does to a plan.

use tagwarden_core::{Kind, Resource, Scope};

use super::shape::{RecordedInstance, SeenTags};
use crate::exit::CommandError;
use crate::words::count;

/// Makes sure that the recording `name` has what the verdicts in `scope` depend on.
///
/// # Errors
/// A projection left out the states, the VPCs where the scope has some, or the tags.
pub fn check(name: &str, found: &[RecordedInstance], scope: &Scope) -> Result<(), CommandError> {
    let stateless = |it: &&RecordedInstance| !it.instance.state.is_gone() && !it.members.has_state;
    if let Some(lost) = Lost::new("State", found.iter().filter(stateless)) {
        return Err(lost.error(
            name,
            "a terminated instance looks like a running one",
            "State",
            "configuration.state.name",
        ));
    }
    if scope.vpc_ids().len() > 0
        && let Some(lost) = Lost::new(
            "VpcId",
            living_instances(found).filter(|it| it.instance.vpc_id.is_none()),
        )
    {
        return Err(lost.error(
            name,
            "the list of VPCs would leave them out",
            "VpcId",
            "configuration.vpcId",
        ));
    }
    // EC2 leaves the member out for an instance without tags. A projection that has it writes null.
    let is_of_ec2 = |it: &RecordedInstance| {
        it.members.is_whole || (!it.members.is_item && it.members.tags != SeenTags::Absent)
    };
    let is_lost = !found.iter().any(is_of_ec2);
    let tagless = |it: &&RecordedInstance| {
        it.members.tags == SeenTags::Absent && (it.members.is_item || is_lost)
    };
    if let Some(lost) = Lost::new("Tags", living(found).filter(tagless)) {
        return Err(lost.error(name, "they look untagged", "Tags", "tags"));
    }
    Ok(())
}

/// What else cannot be known of the instances of a recording, each a whole sentence.
pub fn notes(found: &[RecordedInstance]) -> Vec<String> {
    let mut notes = Vec::new();
    if found.is_empty() {
        notes.push(
            "The recording has no instances. Check the query that made it, and its Region."
                .to_owned(),
        );
    }
    if lack_tags(found) {
        notes.push(
            "No instance of the recording has tags. If it was made with --query, the query may have left them out."
                .to_owned(),
        );
    } else {
        let is_suspicious = |it: &&RecordedInstance| {
            it.members.tags == SeenTags::Empty && !it.members.is_item && !it.members.is_whole
        };
        if let Some(lost) = Lost::new("", living(found).filter(is_suspicious)) {
            notes.push(format!(
                "{} in the recording the list Tags: [], such as {}. If --query picks tags, as Tags[?Key=='…'] does, \
                 the other tags are lost, and these may look untagged without being so.",
                lost.have(),
                lost.first
            ));
        }
    }
    let ageless = living_instances(found).filter(|it| it.instance.launched_at.is_none());
    if let Some(lost) = Lost::new("LaunchTime", ageless) {
        notes.push(format!(
            "{} no LaunchTime in the recording, such as {}, so their ages are not known, \
             and they count as too young to be shut down.",
            lost.have(),
            lost.first
        ));
    }
    notes
}

/// Whether the recording seems to leave the tags out: it has several instances, and none has tags.
fn lack_tags(found: &[RecordedInstance]) -> bool {
    living_instances(found).count() > 1
        && living_instances(found).all(|it| it.instance.tags.is_empty())
}

fn living(found: &[RecordedInstance]) -> impl Iterator<Item = &RecordedInstance> {
    found.iter().filter(|it| !it.instance.state.is_gone())
}

/// Those that are instances. A volume has no VPC, most have no tags, and none is ever shut down.
fn living_instances(found: &[RecordedInstance]) -> impl Iterator<Item = &RecordedInstance> {
    living(found).filter(|it| it.instance.kind == Kind::Instance)
}

/// A member that instances lack.
struct Lost<'a> {
    member: &'static str,
    number: usize,
    first: &'a str,
    is_item: bool,
}

impl<'a> Lost<'a> {
    /// `None` if no instance lacks it.
    fn new(
        member: &'static str,
        mut instances: impl Iterator<Item = &'a RecordedInstance>,
    ) -> Option<Self> {
        let RecordedInstance {
            instance: Resource { id, .. },
            members,
            ..
        } = instances.next()?;
        Some(Self {
            member,
            first: id,
            is_item: members.is_item,
            number: 1 + instances.count(),
        })
    }

    /// `1 instance has`, `2 instances have`.
    fn have(&self) -> String {
        let verb = if self.number == 1 { "has" } else { "have" };
        format!("{} {verb}", count(self.number, "instance"))
    }

    fn error(&self, name: &str, why: &str, described: &str, selected: &str) -> CommandError {
        let what = format!(
            "{name}: {} no {}, such as {}, and {why}",
            self.have(),
            self.member,
            self.first
        );
        let what_next = if self.is_item {
            format!("Record whole items, or select {selected} in the query as well.")
        } else {
            format!("Record without --query, or keep {described} in the query.")
        };
        CommandError::new(&what, what_next)
    }
}
