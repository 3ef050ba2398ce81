//! The report's template in the file: there and back, and what is shown of it.

use serde_json::json;

use crate::support::{HERE, stderr, stdout};
use crate::world::{SAMPLE, TABLE, World};

const TEMPLATE: &str = "\
report:
  RuleId: 1000
  ReportTemplate: |
    {{ heading }}
    {% for group in groups %}

    # {{ group.title }}
    {% for entry in group.entries %}
      {{ entry.line }}
    {% endfor %}
    {% endfor %}
";

/// What the table has of it.
const TEXT: &str = "{{ heading }}\n{% for group in groups %}\n\n# {{ group.title }}\n\
                    {% for entry in group.entries %}\n  {{ entry.line }}\n{% endfor %}\n{% endfor %}\n";

#[test]
fn survives_a_push_and_a_pull() {
    let world = World::new("template");
    world.write("policy.yaml", &(SAMPLE.to_owned() + TEMPLATE));
    let output = world.run(&["check", "policy.yaml"]);
    assert_eq!(
        stdout(&output),
        "policy.yaml: 3 rules and the report's template, no problems\n"
    );
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    insta::assert_snapshot!(stdout(&output));
    assert_eq!(
        world.items().last(),
        Some(&json!({"RuleId": 1000, "ReportTemplate": TEXT}))
    );

    let output = world.run(&["pull"]);
    assert_eq!(stdout(&output), SAMPLE.to_owned() + TEMPLATE);
    let output = world.run(&["pull", "policy.json"]);
    assert_eq!(
        stderr(&output),
        format!("3 rules and the report's template written to policy.json, from {HERE}\n")
    );
    for file in ["policy.yaml", "policy.json"] {
        let output = world.run(&["diff", "--prune", file]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
}

#[test]
fn its_changes_are_shown_line_by_line() {
    let world = World::new("template-changes");
    world.account.put_item(
        TABLE,
        json!({"RuleId": 1000, "ReportTemplate": TEXT, "Comment": "stays"}),
    );
    let changed = TEMPLATE.replace(
        "# {{ group.title }}",
        "{{ group.title | upper }}\n    -----",
    );
    world.write("policy.yaml", &(SAMPLE.to_owned() + &changed));
    let output = world.run(&["diff", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    insta::assert_snapshot!(stdout(&output));

    // A file without it leaves it in the table, and takes it away with --prune.
    world.write("policy.yaml", SAMPLE);
    let output = world.run(&["diff", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let left = "Only in the table, and kept: row 1000 (the report's template).";
    assert!(stdout(&output).contains(left), "{output:?}");
    let output = world.run(&["push", "--prune", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        stdout(&output).contains("0 to delete; the report's template to delete."),
        "{output:?}"
    );
    assert_eq!(world.items().len(), 3);
}

/// The file decides which row is a rule and which the template: what the other kind had is taken away.
#[test]
fn a_row_changes_its_kind() {
    let world = World::new("template-kind");
    world
        .account
        .put_item(TABLE, json!({"RuleId": 3, "ReportTemplate": TEXT}));
    world.write("policy.yaml", SAMPLE);
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(world.items()[2]["TagKey"], "Expires");
    assert_eq!(world.items()[2].get("ReportTemplate"), None);

    let file = SAMPLE.split("  - RuleId: 3").next().unwrap().to_owned();
    world.write("policy.yaml", &(file + &TEMPLATE.replace("1000", "3")));
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        world.items()[2],
        json!({"RuleId": 3, "ReportTemplate": TEXT})
    );
}

/// A table with two is no policy: what `pull` writes of it shows where they are.
#[test]
fn pulls_two_templates_unchanged() {
    let world = World::new("template-two");
    for id in [1000, 1001] {
        let row = json!({"RuleId": id, "ReportTemplate": "{{ heading }}"});
        world.account.put_item(TABLE, row);
    }
    let output = world.run(&["pull", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = world.run(&["check", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let problem = "rule 1001: ReportTemplate is in the table twice: row 1000 also has it";
    assert!(stdout(&output).contains(problem), "{output:?}");
}

const LETTER: &str = "\
letter:
  RuleId: 1001
  LetterTemplate: |
    Dear {{ owner }},
    {% for group in groups %}

    # {{ group.title }}
    {% endfor %}
format: 2
";

/// The letters' template goes the same way. Its row is of format 2, which older functions refuse.
#[test]
fn the_letters_template_survives_a_push_and_a_pull() {
    let text =
        "Dear {{ owner }},\n{% for group in groups %}\n\n# {{ group.title }}\n{% endfor %}\n";
    let world = World::new("letter-template");
    let file = SAMPLE.to_owned() + TEMPLATE + &LETTER.replace("format: 2\n", "");
    world.write("policy.yaml", &file);
    let output = world.run(&["check", "policy.yaml"]);
    assert_eq!(
        stdout(&output),
        "policy.yaml: 3 rules, the report's template, the letters' template and the table's format, no problems\n"
    );
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown = stdout(&output);
    assert!(
        shown.contains("+ row 1001 (the letters' template)")
            && shown.contains("+ Dear {{ owner }},"),
        "{shown}"
    );
    let items = world.items();
    let row = json!({"RuleId": 1001, "LetterTemplate": text});
    assert!(items.contains(&row), "{items:?}");
    assert!(items.contains(&json!({"RuleId": -1, "PolicyFormat": 2})));

    let output = world.run(&["pull"]);
    assert_eq!(stdout(&output), SAMPLE.to_owned() + TEMPLATE + LETTER);
    let output = world.run(&["pull", "policy.json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for file in ["policy.yaml", "policy.json"] {
        let output = world.run(&["diff", "--prune", file]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
}

#[test]
fn a_mistake_in_the_letters_template_is_shown_at_its_line() {
    let world = World::new("letter-template-broken");
    let broken = LETTER.replace("{{ group.title }}", "{{ group.titel }}");
    world.write("policy.yaml", &(SAMPLE.to_owned() + &broken));
    let output = world.run(&["check", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = stdout(&output);
    for expected in [
        "the letters' template: undefined value",
        "# {{ group.titel }}",
        "docs/letters.md lists everything that a template can use",
    ] {
        assert!(shown.contains(expected), "{shown}");
    }
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(1));
}
