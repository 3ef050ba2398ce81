//! What others wrote into tags, tables and files sends no commands to a terminal, no formulas to a spreadsheet, and no
//! links to a pull request.

use std::process::{Command, Output};

use serde_json::{Value, json};
use tagwarden_sandbox::Fault;

use crate::apply::{LEDGER, with_ledger};
use crate::fleet::RECORDED_AT;
use crate::recorded::{file, offline, policy};
use crate::support::{stderr, stdout};
use crate::world::{SAMPLE, TABLE, World};

/// A colour, a title of the window, a command of the second block of controls, another direction, and other lines.
const EVIL: &str =
    "x\u{1b}[31mred\u{1b}]0;title\u{7}\u{9b}2J\u{202e}abc\u{200b}\r\nfake line\u{2028}end";

/// The id of an instance whose id alone is as it should be.
const NAMED: &str = "i-0a1b2c3d4e5f60718";

/// Nothing in the output is a command but the styles of the command's own, and no line is one of [`EVIL`]'s.
fn is_safe(text: &str, how: &str) {
    let own = regex_lite::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    let plain = own.replace_all(text, "");
    for character in plain.chars() {
        let is_safe = character == '\n'
            || !(character.is_control() || "\u{202e}\u{200b}\u{2028}".contains(character));
        assert!(is_safe, "{how}: {character:?} in {text:?}");
    }
    assert!(!text.contains("\u{1b}[31mred"), "{how}: {text:?}");
    assert!(
        !plain.lines().any(|line| line.starts_with("fake line")),
        "{how}: {text:?}"
    );
}

fn both_are_safe(output: &Output) {
    let how = format!("{output:?}");
    is_safe(stdout(output), &how);
    is_safe(stderr(output), &how);
}

/// Instances of which everything is evil, as a recording.
fn evil_fleet(test: &str) -> String {
    let instance = |number: u8, tags: &Value| {
        json!({
            "InstanceId": format!("i-000{number}{EVIL}"), "VpcId": EVIL, "State": "running",
            "LaunchTime": "2026-11-01T00:00:00Z", "Tags": tags,
        })
    };
    let tag = |key: &str, value: &str| json!({"Key": key, "Value": value});
    let fleet = json!([
        instance(
            1,
            &json!([tag("Name", EVIL), tag("tagwarden:exempt-until", EVIL)])
        ),
        instance(
            2,
            &json!([
                tag("Name", "web"),
                tag(EVIL, EVIL),
                tag("project_code", EVIL)
            ])
        ),
        instance(
            3,
            &json!([tag("tagwarden:exempt-until", &format!("2099-12-31 {EVIL}"))])
        ),
        instance(4, &json!(null)),
    ]);
    let mut named = fleet[1].clone();
    named["InstanceId"] = NAMED.into();
    let fleet = [fleet, json!([named])];
    file(&format!("{test}.json"), &json!(fleet).to_string())
}

#[test]
fn plans_send_no_commands_to_a_terminal() {
    let fleet = evil_fleet("safe-plan");
    let evil = Value::from(EVIL).to_string();
    let policy = policy(
        "safe-plan",
        &format!(
            "rules:\n  - {{RuleId: 1, TagKey: ProjectCode, Action: Update, Required: Y, Default: {evil}}}\n\
             hold: {evil}\n"
        ),
    );
    let sample = crate::recorded::policy("safe-sample", SAMPLE);
    for form in ["text", "json", "markdown"] {
        for against in [&[][..], &["--against", &sample]] {
            let plan = [
                "plan",
                "--color",
                "always",
                "--output",
                form,
                "--at",
                RECORDED_AT,
                "--instances",
                &fleet,
                "--policy",
                &policy,
            ];
            let output = offline(&[&plan[..], against].concat()).output().unwrap();
            assert!(matches!(output.status.code(), Some(0 | 2)), "{output:?}");
            both_are_safe(&output);
        }
    }
}

#[test]
fn explanations_send_no_commands_to_a_terminal() {
    let fleet = evil_fleet("safe-explain");
    let policy = policy("safe-explain", SAMPLE);
    for form in ["text", "json"] {
        let explain = [
            "explain",
            "--color",
            "always",
            "--output",
            form,
            "--at",
            RECORDED_AT,
            "--instances",
            &fleet,
            "--policy",
            &policy,
            NAMED,
        ];
        let output = offline(&explain).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        both_are_safe(&output);
    }
}

#[test]
fn files_send_no_commands_to_a_terminal() {
    // YAML takes no raw control character but these, and JSON takes what is escaped.
    let raw = "rules:\n  - {RuleId: 1, TagKey: \"\u{9b}2J\u{202e}\u{200b}\u{2028}\", Action: Delete, \u{202e}x: 1}\n";
    let evil = Value::from(EVIL).to_string();
    let escaped = format!(
        "{{\"rules\": [{{\"RuleId\": {evil}, \"TagKey\": {evil}, \"Action\": {evil}, \"Required\": {evil}, \
         \"Default\": {evil}, {evil}: 1}}], {evil}: 1}}"
    );
    for (name, text) in [("raw", raw), ("escaped", &escaped), ("controls", EVIL)] {
        let policy = policy(&format!("safe-{name}"), text);
        for form in ["text", "json"] {
            let output = offline(&["check", "--color", "always", "--output", form, &policy])
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            both_are_safe(&output);
        }
        let sample = crate::recorded::policy("safe-files", SAMPLE);
        for (instances, policy) in [("x", &policy), (policy.as_str(), &sample)] {
            let plan = [
                "plan",
                "--color",
                "always",
                "--instances",
                instances,
                "--policy",
                policy,
            ];
            both_are_safe(&offline(&plan).output().unwrap());
        }
    }
    // The name of a file that somebody else chose.
    let directory = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("safe-names");
    std::fs::create_dir_all(&directory).unwrap();
    let name = "x\u{1b}[31mred\u{202e}\nfake line.yaml";
    std::fs::write(directory.join(name), SAMPLE).unwrap();
    for arguments in [
        ["check", name, name].as_slice(),
        &["check", "absent\u{1b}[31mred"],
        &["plan", "--policy", name, "--instances", name],
    ] {
        let mut command = offline(&[arguments, &["--color", "always"]].concat());
        both_are_safe(&command.current_dir(&directory).output().unwrap());
    }
}

/// A world whose tables were written by somebody who means ill.
fn evil_world(test: &str) -> World {
    let world = with_ledger(test);
    let mut row = json!({"RuleId": 9, "TagKey": EVIL, "Action": "Notify", "Required": "N"});
    row[EVIL] = EVIL.into();
    world.account.put_item(TABLE, row);
    world
        .account
        .put_item(TABLE, json!({"RuleId": 10, "Hold": EVIL}));
    world
}

#[test]
fn tables_send_no_commands_to_a_terminal() {
    let world = evil_world("safe-tables");
    world.write("policy.yaml", SAMPLE);
    for arguments in [
        &["diff", "policy.yaml"][..],
        &["diff", "--prune", "policy.yaml"],
        &["diff", "--prune", "--output", "json", "policy.yaml"],
        &["push", "--prune", "policy.yaml"],
        &["push", "--prune", "--output", "json", "policy.yaml"],
        &["pull"],
        &["pull", "--output", "json"],
        &["plan"],
        &["apply", "--yes", "--ledger-table", LEDGER],
    ] {
        let output = world.run(&[arguments, &["--color", "always"]].concat());
        assert!(
            !stdout(&output).is_empty() || stderr(&output).contains("rule 9"),
            "{output:?}"
        );
        both_are_safe(&output);
    }
}

#[test]
fn the_ledger_and_aws_send_no_commands_to_a_terminal() {
    let world = with_ledger("safe-ledger");
    let output = world.run(&["apply", "--yes", "--ledger-table", LEDGER]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // Whoever can write to the ledger.
    for mut item in world.account.items(LEDGER) {
        let Some(acts) = item.get_mut("Acts").and_then(Value::as_array_mut) else {
            continue;
        };
        for act in acts {
            for member in ["InstanceId", "TagKey", "TagValue", "Why"] {
                if act.get(member).is_some() {
                    act[member] = EVIL.into();
                }
            }
        }
        item["Trigger"] = EVIL.into();
        world.account.put_item(LEDGER, item);
    }
    for arguments in [
        &["history", "--ledger-table", LEDGER][..],
        &["history", "--output", "json", "--ledger-table", LEDGER],
        &[
            "undo",
            "--since",
            "1h",
            "--dry-run",
            "--ledger-table",
            LEDGER,
        ],
        &["undo", "--since", "1h", "--yes", "--ledger-table", LEDGER],
    ] {
        let output = world.run(&[arguments, &["--color", "always"]].concat());
        both_are_safe(&output);
    }
    let shown = world.run(&["history", "--ledger-table", LEDGER]);
    assert!(stdout(&shown).contains("fake line"), "{shown:?}");

    world
        .account
        .fail(Fault::new("Scan", "ValidationException", EVIL).always());
    world
        .account
        .fail(Fault::new("DescribeInstances", "UnauthorizedOperation", EVIL).always());
    for arguments in [&["plan"][..], &["pull"], &["plan", "--profile", EVIL]] {
        let output = world.run(&[arguments, &["--color", "always"]].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        both_are_safe(&output);
    }
}

/// Runs the command on the terminal of `script` (util-linux).
#[cfg(target_os = "linux")]
fn on_a_terminal(command: &Command) -> String {
    let line: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let mut script = Command::new("script");
    script
        .args(["-qec", &line.join(" "), "/dev/null"])
        .stdin(std::process::Stdio::null());
    String::from_utf8(script.output().unwrap().stdout).unwrap()
}

/// The CSV of a plan of instances with these names.
fn csv_of(test: &str, names: &[&str]) -> Command {
    let instances = names.iter().zip(1..).map(|(name, number)| {
        json!({
            "InstanceId": format!("i-{number:017}"), "State": "running", "LaunchTime": "2026-11-01T00:00:00Z",
            "Tags": [{"Key": "Name", "Value": name}],
        })
    });
    let fleet = file(
        &format!("{test}.json"),
        &instances.collect::<Value>().to_string(),
    );
    let policy = policy(test, SAMPLE);
    offline(&[
        "plan",
        "--output",
        "csv",
        "--instances",
        &fleet,
        "--policy",
        &policy,
        "--only",
        "noncompliant",
    ])
}

#[test]
fn csv_has_no_formulas_and_every_value() {
    let names = [
        "=HYPERLINK(\"http://x.example\")",
        "+1",
        "-1",
        "@SUM(A1)|cmd",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "'quoted",
        "＝1",
        "a;=1",
        "plain",
        EVIL,
    ];
    let output = csv_of("csv-names", &names).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let mut found = Vec::new();
    for record in csv::Reader::from_reader(output.stdout.as_slice()).records() {
        let record = record.unwrap();
        for cell in &record {
            assert!(
                !cell.trim_start().starts_with(['=', '+', '-', '@', '＝']),
                "{cell:?}"
            );
        }
        let name = record[1]
            .strip_prefix('\'')
            .unwrap_or(&record[1])
            .to_owned();
        if !found.contains(&name) {
            found.push(name);
        }
    }
    assert_eq!(found, names);
}

#[cfg(target_os = "linux")]
#[test]
fn csv_sends_no_commands_to_a_terminal() {
    let text = on_a_terminal(&csv_of("csv-terminal", &[EVIL])).replace("\r\n", "\n");
    assert!(text.contains(r"x\u{1b}[31mred"), "{text:?}");
    is_safe(&text, "on a terminal");
}

#[test]
fn markdown_fits_into_a_comment() {
    let names: Vec<String> = (0..3_000)
        .map(|number| format!("{EVIL}, https://x.example/{number} @ann www.x.example"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // Writes the recording; the command is another one.
    drop(csv_of("markdown-long", &names));
    let fleet = format!("{}/plan-markdown-long.json", env!("CARGO_TARGET_TMPDIR"));
    let (new, old) = (
        policy("markdown-new", SAMPLE),
        policy("markdown-old", &SAMPLE.replace("Proj007", "P")),
    );
    let plan = [
        "plan",
        "--output",
        "markdown",
        "--all",
        "--instances",
        &fleet,
        "--policy",
        &new,
    ];
    let against = [&plan[..], &["--against", &old]].concat();
    for arguments in [&plan[..], &against] {
        let output = offline(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let text = stdout(&output);
        assert!(text.len() <= 65_536, "{}", text.len());
        let rows = text
            .lines()
            .filter(|line| line.starts_with("| ") && line.contains("i-"))
            .count();
        let left_out = regex_lite::Regex::new(r"\*\*([0-9,]+) more rows are left out\*\*").unwrap();
        let left_out: usize = left_out.captures(text).unwrap()[1]
            .replace(',', "")
            .parse()
            .unwrap();
        let all = if arguments.len() == plan.len() {
            9_000
        } else {
            3_000
        };
        assert_eq!(rows + left_out, all);
        assert!(
            text.contains("A recording does not say") || text.contains("No recording says"),
            "{text}"
        );
        for link in ["https://", "www.", "@ann"] {
            assert!(!text.contains(link), "{link}");
        }
        is_safe(text, "markdown");
    }
}
