//! The commands whose documents and exit statuses are compared.

use std::process::Output;

use crate::world::{LEDGER, World};

/// The customer's policy as a file.
const POLICY: &str = "\
rules:
  - RuleId: 1
    TagKey: ProjectCode
    Action: Update
    Required: Y
    Default: Proj007
  - RuleId: 2
    TagKey: CreatedBy
    Action: UserLookup
    Required: Y
  - RuleId: 3
    TagKey: Expires
    Action: Function
    Required: N
    Default: today()
";

/// One command, and how it ended.
#[derive(Debug)]
pub struct Case {
    pub name: String,
    pub is_json: bool,
    pub output: Output,
}

/// The commands, in order.
struct Cases {
    world: World,
    cases: Vec<Case>,
}

impl Cases {
    /// Runs a command; a name of the case comes first.
    fn run(&mut self, name: &str, arguments: &[&str]) -> &Output {
        self.add(name, false, arguments)
    }

    /// Runs a command that writes a document.
    fn json(&mut self, name: &str, arguments: &[&str]) -> &Output {
        self.add(name, true, &[arguments, &["--output", "json"]].concat())
    }

    fn add(&mut self, name: &str, is_json: bool, arguments: &[&str]) -> &Output {
        let output = self.world.run(arguments);
        self.cases.push(Case {
            name: name.to_owned(),
            is_json,
            output,
        });
        &self.cases.last().unwrap().output
    }
}

/// Runs them all.
pub fn cases() -> Vec<Case> {
    // Each run has folders and an account of its own: the tests of this file run at the same time.
    let world = |name: &str| World::new(&format!("{name}-{:?}", std::thread::current().id()));
    let mut of = Cases {
        world: world("policy"),
        cases: Vec::new(),
    };
    files(&mut of);
    tables(&mut of);
    of.world = world("runs");
    runs(&mut of);
    without_an_account(&mut of);
    of.world = World::with_old_ledger(&format!("old-{:?}", std::thread::current().id()));
    old_ledger(&mut of);
    of.cases
}

fn files(of: &mut Cases) {
    of.world.write("same.yaml", POLICY);
    of.world.write(
        "other.yaml",
        &POLICY
            .replace("Proj007", "Proj042")
            .replace("Expires", "EndDate"),
    );
    of.world
        .write("broken.yaml", &POLICY.replace("UserLookup", "Userlookup"));
    of.world.write("no.yaml", "rules: [");
    of.json("check", &["check", "same.yaml"]);
    of.json("check broken", &["check", "same.yaml", "broken.yaml"]);
    of.run("check no YAML", &["check", "no.yaml"]);
    of.run("check no file", &["check", "absent.yaml"]);
    of.run("check nothing", &["check"]);
}

fn tables(of: &mut Cases) {
    of.json("diff same", &["diff", "same.yaml"]);
    of.json("diff other", &["diff", "other.yaml"]);
    of.run("diff broken", &["diff", "broken.yaml"]);
    of.run("diff no table", &["diff", "same.yaml", "--table", "absent"]);
    of.json("pull", &["pull"]);
    of.run("pull no table", &["pull", "--table", "absent"]);
    of.run("pull to a file", &["pull", "pulled.yaml"]);
    of.run("push broken", &["push", "broken.yaml", "--yes"]);
    of.run("push unasked", &["push", "other.yaml"]);
    of.run("push misused", &["push", "other.yaml", "--nonsense"]);
    of.json("push same", &["push", "same.yaml", "--yes"]);
    of.json("push", &["push", "other.yaml", "--yes"]);
    of.json("pull after push", &["pull"]);
    of.run("push back", &["push", "same.yaml", "--yes"]);
    of.run(
        "plan of a broken file",
        &["plan", "--policy", "broken.yaml"],
    );
    of.json(
        "plan against",
        &["plan", "--policy", "other.yaml", "--against", "table"],
    );
    of.run(
        "plan against the same",
        &["plan", "--policy", "same.yaml", "--against", "table"],
    );
}

fn runs(of: &mut Cases) {
    let ledger = ["--ledger-table", LEDGER];
    let with = |arguments: &[&'static str]| [arguments, &ledger].concat();
    of.json("plan", &with(&["plan"]));
    of.run("plan misused", &["plan", "--only", "nonsense"]);
    of.run("apply unasked", &with(&["apply"]));
    of.json("history of nothing", &with(&["history"]));
    of.json("apply", &with(&["apply", "--yes"]));
    of.json("apply again", &with(&["apply", "--yes"]));
    of.json("history", &with(&["history"]));
    of.run("history without a ledger", &["history"]);
    of.run(
        "history misused",
        &with(&["history", "--since", "yesterday"]),
    );
    of.json(
        "undo dry run",
        &with(&["undo", "--since", "1h", "--dry-run"]),
    );
    of.run("undo unasked", &with(&["undo", "--since", "1h"]));
    of.run("undo of nothing said", &with(&["undo"]));
    of.run("undo without a ledger", &["undo", "--since", "1h"]);
    of.json(
        "undo",
        &with(&[
            "undo",
            "--since",
            "1h",
            "--tag",
            "Expires",
            "--tag",
            "ProjectCode",
            "--yes",
        ]),
    );
    of.json(
        "undo again",
        &with(&["undo", "--since", "1h", "--tag", "Expires", "--yes"]),
    );
    of.json(
        "history after undo",
        &with(&["history", "--trigger", "undo"]),
    );
    of.run("report", &with(&["report", "page.html"]));
    of.run("report misused", &with(&["report", "--nonsense"]));
}

fn without_an_account(of: &mut Cases) {
    of.run("nothing", &[]);
    of.run("help", &["--help"]);
    of.run("version", &["--version"]);
    of.run("unknown command", &["nonsense"]);
    of.run("completions", &["completions", "bash"]);
    of.run(
        "completions of an unknown shell",
        &["completions", "nonsense"],
    );
    of.run("man", &["man"]);
    of.run(
        "man in a folder that cannot be made",
        &["man", "/dev/null/man"],
    );
    of.json("demo", &["demo"]);
    of.run("demo misused", &["demo", "--output", "nonsense"]);
}

/// Runs that version 0.1.0 wrote down: one that applied the policy, and one that undid a part of it.
fn old_ledger(of: &mut Cases) {
    let with = |arguments: &[&'static str]| {
        [arguments, &["--ledger-table", LEDGER, "--since", "7d"]].concat()
    };
    of.json("history of an old ledger", &with(&["history"]));
    of.json(
        "history of an old undo",
        &with(&["history", "--trigger", "undo"]),
    );
    of.json(
        "undo dry run of an old ledger",
        &with(&["undo", "--dry-run"]),
    );
    of.json("undo of an old ledger", &with(&["undo", "--yes"]));
    of.json("undo again of an old ledger", &with(&["undo", "--yes"]));
}
