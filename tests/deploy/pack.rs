//! The conformance pack meets Config's requirements. moto and ministack have no packs: a stack of the same template on
//! moto (`whole_loop.rs`) shows that its resources work, and this file checks Config's further rules for packs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::template::{PACK, STACK, Template};

/// A pack is a YAML file with parameters and resources. The resources are rules and remediations only: see
/// <https://docs.aws.amazon.com/config/latest/developerguide/custom-conformance-pack.html> and `TemplateBody` of
/// <https://docs.aws.amazon.com/config/latest/APIReference/API_PutConformancePack.html>.
#[test]
fn contains_only_what_a_pack_may() {
    let pack = Template::read(PACK);
    assert_eq!(pack.sections, ["Conditions", "Parameters", "Resources"]);
    let types: BTreeSet<&str> = pack.resources.iter().map(|it| it.kind.as_str()).collect();
    let may_be = [
        "AWS::Config::ConfigRule",
        "AWS::Config::RemediationConfiguration",
    ];
    assert_eq!(types, BTreeSet::from(may_be));
    assert!(pack.resources.iter().all(|it| it.condition.is_none()));
}

/// A pack has up to 60 input parameters, all strings. See
/// <https://docs.aws.amazon.com/config/latest/APIReference/API_ConformancePackInputParameter.html>.
#[test]
fn required_parameters_are_outputs_of_the_stack() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/deploy.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let outputs = Template::read(STACK).outputs;
    let parameters = Template::read(PACK).parameters;
    assert!(parameters.len() <= 60);
    for (name, parameter) in &parameters {
        assert_eq!(parameter["Type"], "String", "{name}");
        let default = &parameter["Default"];
        assert!(default.is_null() || default.is_string(), "{name}");
        if default.is_null() {
            assert!(outputs.contains(name), "the stack has no output {name}");
            let given = format!("ParameterName={name},ParameterValue=\"$(output {name})\"");
            assert!(
                guide.contains(&given),
                "docs/deploy.md does not give {name}"
            );
        }
    }
}

/// Config appends `-conformance-pack-` and an id of some ten characters to the rule's name, which may then be 128 long:
/// <https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigRule.html>. The stack's event rule matches that, and
/// the stack's rule and its organization's, and no other rule whose name begins so.
#[test]
fn rule_name_leaves_room_for_the_suffix_of_config() {
    let (stack, pack) = (Template::read(STACK), Template::read(PACK));
    let name = &pack.parameters["RuleName"];
    assert_eq!(name["AllowedPattern"], "^[A-Za-z0-9_-]{1,64}$");
    for setting in ["AllowedPattern", "Default"] {
        assert_eq!(name[setting], stack.parameters["RuleName"][setting]);
    }
    let heard = &by_id(&stack)["ComplianceChanges"]["EventPattern"]["detail"]["configRuleName"];
    let beginning = |text: &str| json!({ "prefix": { "Fn::Sub": text } });
    assert_eq!(
        *heard,
        json!([
            { "Ref": "RuleName" },
            beginning("${RuleName}-conformance-pack-"),
            beginning("OrgConfigRule-${RuleName}-"),
        ])
    );
    let properties = by_id(&pack);
    let named = json!({ "Ref": "RuleName" });
    assert_eq!(properties["Rule"]["ConfigRuleName"], named);
    assert_eq!(properties["Remediation"]["ConfigRuleName"], named);
    let (of_pack, of_stack) = (&properties["Rule"], &by_id(&stack)["ConfigRule"]);
    assert_eq!(of_pack["Description"], of_stack["Description"]);
    let (of_pack, of_stack) = (&of_pack["Source"], &of_stack["Source"]);
    assert_eq!(of_pack["SourceDetails"], of_stack["SourceDetails"]);
}

/// The remediation gives the stack's document exactly its parameters, and keeps the limits of
/// <https://docs.aws.amazon.com/config/latest/APIReference/API_RemediationConfiguration.html>.
#[test]
fn remediation_fits_the_document_of_the_stack() {
    let (stack, pack) = (Template::read(STACK), Template::read(PACK));
    let remediation = by_id(&pack).remove("Remediation").unwrap();
    let document = by_id(&stack).remove("RemediationDocument").unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect();
    let (given, taken): (BTreeSet<String>, BTreeSet<String>) = (
        keys(&remediation["Parameters"]),
        keys(&document["Content"]["parameters"]),
    );
    assert_eq!(given, taken);
    let instance = &remediation["Parameters"]["InstanceId"];
    assert_eq!(
        *instance,
        json!({ "ResourceValue": { "Value": "RESOURCE_ID" } })
    );
    let of_one = json!(["IsOneType", { "Ref": "ResourceTypes" }, { "Ref": "AWS::NoValue" }]);
    assert_eq!(remediation["ResourceType"], json!({ "Fn::If": of_one }));
    assert_eq!(remediation["TargetType"], "SSM_DOCUMENT");
    // Config stops trying the others at that share of failures, and starts that share at once.
    let controls = &remediation["ExecutionControls"]["SsmControls"];
    assert_eq!(controls["ErrorPercentage"], 100);
    assert_eq!(controls["ConcurrentExecutionRatePercentage"], 1);
    for (parameter, pattern) in [
        // 1 to 25, and 1 to 2,678,000.
        ("MaximumAutomaticAttempts", "^([1-9]|1[0-9]|2[0-5])$"),
        ("RetryAttemptSeconds", "^[1-9][0-9]{0,5}$"),
    ] {
        assert_eq!(remediation[parameter], json!({ "Ref": parameter }));
        assert_eq!(pack.parameters[parameter]["AllowedPattern"], pattern);
    }
}

fn by_id(template: &Template) -> BTreeMap<&str, Value> {
    let resources = template.resources.iter();
    resources
        .map(|it| (it.id.as_str(), it.properties.clone()))
        .collect()
}
