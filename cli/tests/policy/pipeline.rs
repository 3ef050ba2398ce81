//! `tagwarden check` for the tools of a pipeline.

use serde_json::Value;

use crate::check::check;
use crate::pipeline_formats::{junit, sarif};
use crate::support::stdout;

/// `LINE:COLUMN-LINE:COLUMN level message` of each result.
fn results(run: &Value) -> Vec<String> {
    let results = run["results"].as_array().unwrap().iter();
    results
        .map(|result| {
            let place = &result["locations"][0]["physicalLocation"];
            let region = &place["region"];
            let message = result["message"]["text"].as_str().unwrap();
            format!(
                "{}:{}:{}-{}:{} {} {}",
                place["artifactLocation"]["uri"].as_str().unwrap(),
                region["startLine"],
                region["startColumn"],
                region["endLine"],
                region["endColumn"],
                result["level"].as_str().unwrap(),
                message.lines().next().unwrap(),
            )
        })
        .collect()
}

#[test]
fn sarif_has_each_problem_at_its_region() {
    let output = check(&["--output", "sarif", "required.yaml", "names.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let run = sarif(&output);
    insta::assert_snapshot!(results(&run).join("\n"));
}

/// Every broken file, whatever is wrong with it.
#[test]
fn sarif_and_junit_are_well_formed_for_every_broken_file() {
    let broken = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/policy/broken");
    let files = std::fs::read_dir(broken).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let files: Vec<String> = files.collect();
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let run = sarif(&check(&["--output", "sarif", &file]));
        let errors = run["results"].as_array().unwrap().iter();
        let errors = errors.filter(|it| it["level"] == "error").count();
        let tests = junit(&check(&["--output", "junit", &file]));
        let failed = tests.iter().filter(|(.., failed)| failed.is_some()).count();
        assert_eq!(errors, failed, "{file}");
        assert!(!tests.is_empty(), "{file}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_result() {
    let output = check(&["--output", "sarif", "absent.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let run = sarif(&output);
    assert!(
        results(&run)[0].starts_with("absent.yaml:1:1-1:2 error the file "),
        "{run}"
    );
}

#[test]
fn github_gets_a_line_for_each_problem() {
    let output = check(&["--output", "github", "required.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 5, "{text}");
    assert!(
        text.starts_with("::error file=required.yaml,line=2,col=54::"),
        "{text}"
    );
    assert!(text.contains("%0A") && !text.contains("\n\n"), "{text}");
}
