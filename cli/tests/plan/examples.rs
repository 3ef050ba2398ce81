//! What `docs/policy-examples.md` shows: each policy is checked as it stands on the page, and each output is the
//! command's, about the instances of the page's own table.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};
use tagwarden_sandbox::Launch;

use crate::recorded::offline;
use crate::support::{stderr, stdout};
use crate::world::World;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/policy-examples.md");

/// A section of the page.
struct Example<'a> {
    title: &'a str,
    /// The policy files, by name.
    policies: Vec<(&'a str, &'a str)>,
    instances: Vec<ExampleInstance<'a>>,
    /// The command lines, after `$ tagwarden `.
    commands: Vec<&'a str>,
}

/// A row of an example's table: the cells by the names of their columns.
struct ExampleInstance<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> ExampleInstance<'a> {
    fn cell(&self, column: &str) -> Option<&'a str> {
        let cell = self.0.get(column).copied();
        cell.filter(|text| !text.is_empty())
    }

    /// The tags in a cell such as `Env = Prod, Team = shop`.
    fn tags(&self, column: &str) -> Vec<(&'a str, &'a str)> {
        let tags = self.cell(column).unwrap_or_default().split(", ");
        let tags = tags.filter(|tag| !tag.is_empty());
        tags.map(|tag| tag.split_once(" = ").unwrap()).collect()
    }

    /// The instance's own tags. Each has a name, because an instance without any tag is another story.
    fn own_tags(&self) -> Vec<(&'a str, &'a str)> {
        let name = ("Name", self.cell("Instance").unwrap());
        std::iter::once(name).chain(self.tags("Tags")).collect()
    }

    /// As `describe-instances` describes it.
    fn described(&self, number: usize) -> Value {
        let tags = self.own_tags();
        let tags = tags
            .iter()
            .map(|(key, value)| json!({"Key": key, "Value": value}));
        json!({
            "InstanceId": id(number),
            "InstanceType": self.cell("Type").unwrap_or("t3.micro"),
            "LaunchTime": "2026-11-02T09:00:00+00:00",
            "State": {"Name": "running"},
            "VpcId": "vpc-0a1b2c3d4e5f60718",
            "Tags": tags.collect::<Vec<_>>(),
        })
    }

    /// The record of its launch by `bob`, or by the session of a role, `ci/GitHubActions`.
    fn launch_record(&self, number: usize) -> Option<Value> {
        let arn = "arn:aws:sts::111111111111:assumed-role";
        let by = self.cell("Launched by")?;
        let identity = match by.split_once('/') {
            None => json!({"type": "IAMUser", "userName": by}),
            Some((role, _)) => json!({
                "type": "AssumedRole",
                "arn": format!("{arn}/{by}"),
                "sessionContext": {"sessionIssuer": {"type": "Role", "userName": role}},
            }),
        };
        Some(json!({
            "eventName": "RunInstances",
            "eventSource": "ec2.amazonaws.com",
            "eventTime": "2026-11-02T09:00:00Z",
            "eventID": format!("launch-{number}"),
            "userIdentity": identity,
            "responseElements": {"instancesSet": {"items": [{"instanceId": id(number)}]}},
        }))
    }

    /// Launches an instance in a subnet and a VPC of its own.
    fn launch(&self, world: &World, number: usize) {
        let vpc = format!("vpc-{number:08x}");
        let mut launch = Launch::new().vpc(&vpc).ago(chrono::TimeDelta::days(1));
        for (key, value) in self.own_tags() {
            launch = launch.tag(key, value);
        }
        let launched = world.account.launch(launch);
        assert_eq!(launched, id(number));
        let subnet = world.account.instance(&launched).unwrap().subnet_id;
        for (key, value) in self.tags("Subnet's tags") {
            world.account.tag_network(&subnet, key, value);
        }
        for (key, value) in self.tags("VPC's tags") {
            world.account.tag_network(&vpc, key, value);
        }
    }
}

fn id(number: usize) -> String {
    format!("i-{number:017x}")
}

/// The sections that show a policy.
fn examples(page: &str) -> Vec<Example<'_>> {
    let sections = page.split("\n## ").skip(1);
    sections.map(example).collect()
}

fn example(section: &str) -> Example<'_> {
    let (title, text) = section.split_once('\n').unwrap();
    let mut policies = Vec::new();
    let mut commands = Vec::new();
    for block in text.split("```").skip(1).step_by(2) {
        let (language, block) = block.split_once('\n').unwrap();
        match language {
            "yaml" => {
                let first = block.lines().next().unwrap();
                policies.push((first.strip_prefix("# ").unwrap_or("policy.yaml"), block));
            }
            _ => commands.extend(
                block
                    .lines()
                    .filter_map(|it| it.strip_prefix("$ tagwarden ")),
            ),
        }
    }
    let mut rows = text.lines().filter_map(|line| {
        let cells = line.strip_prefix("| ")?.strip_suffix('|')?;
        Some(cells.split('|').map(str::trim).collect::<Vec<_>>())
    });
    let columns = rows.next().unwrap();
    let instances = rows.map(|cells| {
        assert_eq!(cells.len(), columns.len(), "{title}: {cells:?}");
        ExampleInstance(columns.iter().copied().zip(cells).collect())
    });
    Example {
        title,
        policies,
        instances: instances.collect(),
        commands,
    }
}

impl Example<'_> {
    /// An account and a directory with all that the example has, as an account and as recordings.
    fn world(&self) -> World {
        let name: String = self.title.split(' ').collect::<Vec<_>>().join("-");
        let world = World::new(&format!("example-{name}"));
        for (name, text) in &self.policies {
            world.write(name, text);
        }
        let numbered = || (1..).zip(&self.instances);
        let fleet: Vec<Value> = numbered()
            .map(|(number, it)| it.described(number))
            .collect();
        let fleet = json!({"Reservations": [{"OwnerId": "111111111111", "Instances": fleet}]});
        world.write("fleet.json", &fleet.to_string());
        let launches: Vec<Value> = numbered()
            .filter_map(|(number, it)| it.launch_record(number))
            .collect();
        world.write("launches.json", &json!({"Records": launches}).to_string());
        for (number, instance) in numbered() {
            instance.launch(&world, number);
        }
        world
    }

    /// What this command line writes. Only one without a recording reaches the account.
    fn output(&self, world: &World, line: &str) -> String {
        let arguments: Vec<&str> = line.split(' ').collect();
        let mut command: Command = if arguments.contains(&"--instances") {
            let mut command = offline(&arguments);
            command.current_dir(world.path(""));
            command
        } else {
            world.command(&arguments)
        };
        let output = command.output().unwrap();
        assert_eq!(stderr(&output), "", "{}: {line}", self.title);
        assert_eq!(output.status.code(), Some(2), "{}: {output:?}", self.title);
        let moment = regex_lite::Regex::new(r"as of \S+ \S+ UTC").unwrap();
        let text = stdout(&output).trim_end();
        moment
            .replace(text, "as of 2026-11-23 00:00 UTC")
            .into_owned()
    }
}

/// The page shows what the command writes. With `UPDATE_DOCS=1`, the outputs are written again.
#[test]
fn page_shows_the_real_outputs() {
    let page = std::fs::read_to_string(PATH).unwrap();
    let examples = examples(&page);
    assert!(examples.len() >= 8, "{}", examples.len());
    let mut updated = String::new();
    let mut rest = page.as_str();
    for example in &examples {
        let world = example.world();
        for (name, _) in &example.policies {
            let check = world.run(&["check", name]);
            let is_sound = stdout(&check).ends_with("no problems\n");
            assert!(is_sound, "{}: {check:?}", example.title);
        }
        assert!(
            (2..=5).contains(&example.instances.len()),
            "{}",
            example.title
        );
        assert!(!example.commands.is_empty(), "{}", example.title);
        for line in &example.commands {
            let shown = format!("$ tagwarden {line}\n");
            let begin = rest.find(&shown).unwrap() + shown.len();
            let end = begin + rest[begin..].find("```").unwrap();
            updated.push_str(&rest[..begin]);
            updated.push_str(&example.output(&world, line));
            updated.push('\n');
            rest = &rest[end..];
        }
    }
    updated.push_str(rest);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        return std::fs::write(PATH, updated).unwrap();
    }
    compare(&page, &updated);
}

/// The first line that differs, because the whole page is too much to read.
fn compare(page: &str, updated: &str) {
    let mut lines = page.lines().zip(updated.lines());
    let differ = |(page, updated): &(&str, &str)| page != updated && !page.starts_with('─');
    if let Some((page, updated)) = lines.find(differ) {
        panic!("docs/policy-examples.md shows\n{page}\nand the command writes\n{updated}");
    }
    assert_eq!(
        page, updated,
        "docs/policy-examples.md: UPDATE_DOCS=1 writes it again"
    );
}
