//! Templates of CloudFormation.

use rstest::rstest;
use serde_json::Value;

use crate::scene::{Scene, findings};
use crate::support::{stderr, stdout};

/// Judges a template by the policy file.
pub fn judge(name: &str, template: &str, more: &[&str]) -> Value {
    let scene = Scene::new(&format!("stack-{name}"));
    scene.write("template.yaml", template);
    judge_in(&scene, more)
}

pub fn judge_in(scene: &Scene, more: &[&str]) -> Value {
    let arguments = [
        "template.yaml",
        "--policy",
        "policy.yaml",
        "--output",
        "json",
    ];
    let output = scene.run(&[&arguments[..], more].concat());
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)))
}

/// Its own rules judge a volume, which is never untagged.
#[test]
fn a_volume_is_judged_by_the_rules_for_volumes() {
    let scene = Scene::new("stack-volumes");
    scene.write(
        "policy.yaml",
        "rules:\n  - {RuleId: 1, TagKey: Owner, Action: Notify, Required: Y, ResourceTypes: [volume]}\nformat: 2\n",
    );
    for (properties, stack_tag, expected) in [
        ("{Size: 8}", None, vec!["error missing-tag Owner"]),
        ("{Size: 8}", Some("Owner=ann"), vec![]),
        ("{Tags: [{Key: Owner, Value: ann}]}", None, vec![]),
    ] {
        let template = format!(
            "Resources:\n  Data:\n    Type: AWS::EC2::Volume\n    Properties: {properties}\n"
        );
        scene.write("template.yaml", template);
        let more: Vec<&str> = stack_tag
            .iter()
            .flat_map(|tag| ["--stack-tag", tag])
            .collect();
        let document = judge_in(&scene, &more);
        assert_eq!(findings(&document), expected, "{document}");
    }
}

/// A name for a folder, from the text of a case.
fn named(text: &str) -> String {
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let skipped = letters.len().saturating_sub(60);
    format!("{}-{}", letters.len(), &letters[skipped..])
}

/// A template with an instance that has these tags, which lack `Owner` or not.
pub fn with_tags(tags: &str) -> String {
    format!(
        "Parameters:
  Team: {{Type: String, Default: team-shop}}
  Name: {{Type: String}}
  Teams: {{Type: CommaDelimitedList, Default: 'team-a, team-b'}}
  Looked: {{Type: 'AWS::SSM::Parameter::Value<String>', Default: /team}}
Mappings:
  Envs: {{live: {{tag: Prod}}, wrong: {{tag: prod}}}}
Conditions:
  Always: !Equals [a, a]
  Never: !Not [!Condition Always]
  Perhaps: !Equals [!Ref Name, x]
  Both: !And [!Condition Perhaps, !Condition Never]
  One: !Or [!Condition Perhaps, !Condition Always]
Resources:
  Web:
    Type: AWS::EC2::Instance
    Properties:
      Tags:
        - {{Key: ProjectCode, Value: P}}
        - {{Key: CreatedBy, Value: ann}}
{}",
        indented(tags)
    )
}

fn indented(tags: &str) -> String {
    let lines: Vec<String> = tags
        .lines()
        .map(|line| format!("        {line}\n"))
        .collect();
    lines.concat()
}

#[rstest]
#[case::right("- {Key: Owner, Value: ann}", &[])]
#[case::missing("", &["error missing-tag Owner"])]
#[case::empty("- {Key: Owner, Value: ''}", &["error empty-tag Owner"])]
#[case::not_there("- {Key: Owner, Value: !Ref 'AWS::NoValue'}", &["error empty-tag Owner"])]
#[case::number("- {Key: Owner, Value: 7}", &[])]
#[case::wrong("- {Key: Owner, Value: ann}\n- {Key: Env, Value: prod}", &["error defective-tag Env"])]
#[case::default("- {Key: Owner, Value: ann}\n- {Key: Env, Value: !Ref Team}", &[])]
#[case::substituted("- {Key: Owner, Value: ann}\n- {Key: Env, Value: !Sub '${Team}-1'}", &[])]
#[case::substituted_wrong("- {Key: Owner, Value: ann}\n- {Key: Env, Value: !Sub 'x-${Team}'}", &["error defective-tag Env"])]
#[case::substituted_own(
    "- {Key: Owner, Value: ann}\n- Key: Env\n  Value: !Sub ['${E}', {E: !FindInMap [Envs, live, tag]}]", &[])]
#[case::literal("- {Key: Owner, Value: ann}\n- {Key: Env, Value: !Sub 'team-${!x}'}", &[])]
#[case::unknown_parameter("- {Key: Owner, Value: ann}\n- {Key: Env, Value: !Ref Name}", &["warning unknown-tag Env"])]
#[case::unknown_in_text("- {Key: Owner, Value: ann}\n- {Key: Env, Value: !Sub 'team-${Name}'}", &["warning unknown-tag Env"])]
#[case::looked_up("- {Key: Owner, Value: ann}\n- {Key: Env, Value: !Ref Looked}", &["warning unknown-tag Env"])]
#[case::dynamic("- {Key: Owner, Value: ann}\n- {Key: Env, Value: '{{resolve:ssm:/env}}'}", &["warning unknown-tag Env"])]
#[case::attribute("- {Key: Owner, Value: ann}\n- {Key: Env, Value: !GetAtt Db.Arn}", &["warning unknown-tag Env"])]
#[case::imported("- {Key: Owner, Value: !ImportValue owner}", &[])]
#[case::joined("- {Key: Owner, Value: ann}\n- {Key: Env, Value: !Join ['-', [team, !Ref Team]]}", &[])]
#[case::selected("- {Key: Owner, Value: ann}\n- {Key: Env, Value: !Select [1, !Ref Teams]}", &[])]
#[case::split("- {Key: Owner, Value: ann}\n- {Key: Env, Value: !Select [0, !Split ['/', 'Prod/x']]}", &[])]
#[case::mapped("- {Key: Owner, Value: ann}\n- {Key: Env, Value: !FindInMap [Envs, wrong, tag]}", &["error defective-tag Env"])]
#[case::long_form("- {Key: Owner, Value: {'Fn::If': [Never, '', ann]}}", &[])]
#[case::key_unknown("- {Key: !Ref Name, Value: x}", &["warning unknown-tag Owner", "warning unknown-tag Env"])]
#[case::tag_unknown("- !Ref Name", &["warning unknown-tag Owner", "warning unknown-tag Env"])]
#[case::if_always("- !If [Always, {Key: Owner, Value: ann}, !Ref 'AWS::NoValue']", &[])]
#[case::if_never("- !If [Never, {Key: Owner, Value: ann}, !Ref 'AWS::NoValue']", &["error missing-tag Owner"])]
#[case::if_both_fail("- !If [Both, {Key: Owner, Value: ann}, !Ref 'AWS::NoValue']", &["error missing-tag Owner"])]
#[case::if_one_holds("- !If [One, {Key: Owner, Value: ann}, !Ref 'AWS::NoValue']", &[])]
#[case::if_perhaps("- !If [Perhaps, {Key: Owner, Value: ann}, !Ref 'AWS::NoValue']", &["warning unknown-tag Owner"])]
#[case::if_of_values("- {Key: Owner, Value: !If [Perhaps, ann, bob]}", &[])]
#[case::if_of_same("- {Key: Owner, Value: ann}\n- {Key: Env, Value: !If [Perhaps, prod, prod]}", &["error defective-tag Env"])]
#[case::if_of_two_tags(
    "- !If [Perhaps, {Key: Owner, Value: ann}, {Key: Owner, Value: bob}]", &[])]
fn judges_the_tags_of_an_instance(#[case] tags: &str, #[case] expected: &[&str]) {
    let document = judge(&named(tags), &with_tags(tags), &[]);
    assert_eq!(findings(&document), expected, "{document:#}");
}

/// A given parameter counts, a condition on it decides, and a tag of the stack reaches the instance.
#[test]
fn options_say_what_the_template_does_not() {
    let perhaps = with_tags("- !If [Perhaps, {Key: Owner, Value: ann}, !Ref 'AWS::NoValue']");
    let found = |name: &str, more: &[&str]| findings(&judge(name, &perhaps, more));
    assert_eq!(
        found("given", &["--parameter", "Name=y"]),
        ["error missing-tag Owner"]
    );
    assert!(found("given-other", &["--parameter", "Name=x"]).is_empty());
    let tagged = ["--parameter", "Name=y", "--stack-tag", "Owner=team-shop"];
    assert!(found("stack-tag", &tagged).is_empty());
    let wrong = ["--parameter", "Name=x", "--stack-tag", "Env=prod"];
    assert_eq!(
        found("stack-tag-wrong", &wrong),
        ["error defective-tag Env"]
    );
    let scene = Scene::new("stack-options");
    scene.write("template.yaml", perhaps);
    let output = scene.run(&[
        "template.yaml",
        "--policy",
        "policy.yaml",
        "--parameter",
        "=x",
    ]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
}

/// An instance without tags has those of CloudFormation, so that it is never untagged.
#[test]
fn an_instance_of_a_stack_is_never_untagged() {
    let document = judge(
        "bare",
        "Resources:\n  Web:\n    Type: AWS::EC2::Instance\n",
        &[],
    );
    assert_eq!(
        findings(&document),
        [
            "error missing-tag Owner",
            "note missing-tag ProjectCode",
            "note missing-tag CreatedBy"
        ]
    );
}

/// What may add tags leaves nothing missing for certain.
#[rstest]
#[case::macro_("Transform: Corp::Tags\n", "the transform Corp::Tags")]
#[case::one_of_two(
    "Transform: ['AWS::Serverless-2016-10-31', Corp::Tags]\n",
    "the transform Corp::Tags"
)]
#[case::included(
    "Transform: {Name: 'AWS::Include', Parameters: {Location: 's3://x'}}\n",
    "a transform with parameters"
)]
fn transforms_may_add_tags(#[case] transform: &str, #[case] expected: &str) {
    let template = format!("{transform}{}", with_tags("- {Key: Env, Value: prod}"));
    let document = judge(&named(transform), &template, &[]);
    assert_eq!(
        findings(&document),
        ["error defective-tag Env", "warning unknown-tag Owner"]
    );
    assert_eq!(
        document["notes"][0],
        format!("The template has {expected}, so that no tag is missing for certain.")
    );
}

#[test]
fn sam_and_the_language_extensions_add_none() {
    for transform in [
        "Transform: AWS::Serverless-2016-10-31\n",
        "Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]\n",
    ] {
        let document = judge(
            &named(transform),
            &format!("{transform}{}", with_tags("")),
            &[],
        );
        assert_eq!(findings(&document), ["error missing-tag Owner"]);
    }
}

#[test]
fn loops_over_resources_and_macros_in_properties_are_unknown() {
    let loops = "Transform: AWS::LanguageExtensions
Resources:
  Fn::ForEach::Webs:
    - Name
    - [a, b]
    - Web${Name}:
        Type: AWS::EC2::Instance
        Properties: {Tags: [{Key: Env, Value: prod}]}
";
    let document = judge("loop", loops, &[]);
    assert_eq!(
        findings(&document)[..2],
        ["error defective-tag Env", "warning unknown-tag Owner"]
    );
    assert_eq!(document["resources"][0]["address"], "Web${Name}");
    let inside = "Resources:
  Web:
    Type: AWS::EC2::Instance
    Properties:
      Fn::Transform: {Name: 'AWS::Include', Parameters: {Location: 's3://x'}}
";
    assert_eq!(
        findings(&judge("include", inside, &[]))[0],
        "warning unknown-tag Owner"
    );
    let list = "Resources:
  Web:
    Type: AWS::EC2::Instance
    Properties:
      Tags: {'Fn::ForEach::T': [K, [Owner], {x: y}]}
";
    assert_eq!(
        findings(&judge("loop-of-tags", list, &[]))[0],
        "warning unknown-tag Owner"
    );
}

#[test]
fn a_resource_that_is_not_made_is_not_judged() {
    let template = with_tags("").replace(
        "    Type: AWS::EC2::Instance",
        "    Type: AWS::EC2::Instance\n    Condition: Never",
    );
    let document = judge("never", &template, &[]);
    assert_eq!(document["counts"]["resources"], 0);
    assert_eq!(
        document["notes"][0],
        "Not made with these parameters, and not judged: Web."
    );
    let template = template.replace("Condition: Never", "Condition: Perhaps");
    assert_eq!(judge("perhaps", &template, &[])["counts"]["resources"], 1);
}

/// A group and its template: which version it asks for decides whether its tags are known.
#[rstest]
#[case::latest(
    "{LaunchTemplateId: !Ref Lt, Version: !GetAtt Lt.LatestVersionNumber}",
    true
)]
#[case::latest_list(
    "{LaunchTemplateId: !Ref Lt, Version: {'Fn::GetAtt': [Lt, LatestVersionNumber]}}",
    true
)]
#[case::latest_word("{LaunchTemplateId: !Ref Lt, Version: $Latest}", true)]
#[case::named("{LaunchTemplateName: jobs, Version: $Latest}", true)]
#[case::number("{LaunchTemplateId: !Ref Lt, Version: '3'}", false)]
#[case::default(
    "{LaunchTemplateId: !Ref Lt, Version: !GetAtt Lt.DefaultVersionNumber}",
    false
)]
#[case::elsewhere("{LaunchTemplateId: lt-1, Version: $Latest}", false)]
#[case::imported("{LaunchTemplateId: !ImportValue lt, Version: $Latest}", false)]
fn a_group_has_the_tags_of_its_template(#[case] specification: &str, #[case] is_known: bool) {
    let template = |property: &str| {
        format!(
            "Resources:
  Lt:
    Type: AWS::EC2::LaunchTemplate
    Properties:
      LaunchTemplateName: jobs
      LaunchTemplateData:
        TagSpecifications:
          - {{ResourceType: volume, Tags: [{{Key: ProjectCode, Value: V}}]}}
          - {{ResourceType: instance, Tags: [{{Key: Owner, Value: ann}}]}}
  Jobs:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      {property}
      Tags:
        - {{Key: ProjectCode, Value: P, PropagateAtLaunch: true}}
        - {{Key: CreatedBy, Value: ann, PropagateAtLaunch: 'true'}}
"
        )
    };
    let expected: &[&str] = if is_known {
        &[]
    } else {
        &["warning unknown-tag Owner", "warning unknown-tag Env"]
    };
    let own = template(&format!("LaunchTemplate: {specification}"));
    let document = judge(&named(specification), &own, &[]);
    assert_eq!(findings(&document), expected, "{document:#}");
    let mixed = format!(
        "MixedInstancesPolicy: {{LaunchTemplate: {{LaunchTemplateSpecification: {specification}, Overrides: [{{InstanceType: x}}]}}}}"
    );
    let document = judge(
        &format!("mixed{}", named(specification)),
        &template(&mixed),
        &[],
    );
    assert_eq!(findings(&document), expected, "{document:#}");
}

#[test]
fn a_group_keeps_tags_to_itself() {
    let template = "Resources:
  Jobs:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      LaunchConfigurationName: jobs
      Tags:
        - {Key: Owner, Value: ann, PropagateAtLaunch: false}
        - {Key: ProjectCode, Value: P, PropagateAtLaunch: true}
        - {Key: CreatedBy, Value: ann, PropagateAtLaunch: true}
";
    let document = judge("kept", template, &[]);
    assert_eq!(findings(&document), ["error missing-tag Owner"]);
    // The group's tag replaces the stack's.
    let tagged = judge("kept-tagged", template, &["--stack-tag", "Owner=ann"]);
    assert_eq!(findings(&tagged), ["error missing-tag Owner"]);
    let message = document["resources"][0]["findings"][0]["message"]
        .as_str()
        .unwrap();
    assert!(
        message.ends_with("the group has it without PropagateAtLaunch"),
        "{message}"
    );
    assert_eq!(
        document["resources"][0]["fix"],
        "Tags:\n  - Key: Owner\n    Value: \"\" # fill in\n    PropagateAtLaunch: true\n"
    );
}

/// An instance with a template elsewhere may get tags from it.
#[test]
fn an_instance_has_the_tags_of_its_template() {
    let template = with_tags("").replace(
        "      Tags:",
        "      LaunchTemplate: {LaunchTemplateId: lt-1, Version: $Latest}\n      Tags:",
    );
    let document = judge("instance-template", &template, &[]);
    assert_eq!(
        findings(&document),
        ["warning unknown-tag Owner", "warning unknown-tag Env"]
    );
}

/// Findings are at the tag, or else at the resource; in JSON as in YAML.
#[test]
fn says_line_and_column() {
    let scene = Scene::new("stack-places");
    scene.write("template.yaml", with_tags("- Key: Env\n  Value: prod"));
    scene.write(
        "template.json",
        "{\n  \"Resources\": {\n    \"Web\": {\"Type\": \"AWS::EC2::Instance\", \"Properties\": {\"Tags\": [\n      {\"Key\": \
         \"Env\", \"Value\": \"\\ud83d\\ude00\"}, {\"Key\": \"Owner\", \"Value\": \"\"}\n    ]}}\n  }\n}\n",
    );
    let output = scene.run(&[
        "template.yaml",
        "template.json",
        "--policy",
        "policy.yaml",
        "--output",
        "github",
    ]);
    assert_eq!(output.status.code(), Some(2));
    let places = stdout(&output)
        .lines()
        .filter(|line| line.starts_with("::error"));
    let places: Vec<&str> = places.filter_map(|line| line.split("::").nth(1)).collect();
    assert_eq!(
        places,
        [
            "error file=template.yaml,line=15,col=3",
            "error file=template.yaml,line=21,col=11",
            "error file=template.json,line=4,col=48",
            "error file=template.json,line=4,col=7",
        ],
        "{}",
        stdout(&output)
    );
    let text = scene.run(&["template.json", "--policy", "policy.yaml"]);
    assert!(
        stdout(&text).contains("\"Tags\": [\n      {\"Key\": \"Owner\", \"Value\": \"\"},\n"),
        "{}",
        stdout(&text)
    );
}
