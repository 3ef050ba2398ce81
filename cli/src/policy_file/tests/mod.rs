//! What reading, writing and checking promise for every file.

mod places;
mod round_trip;
mod schema;

use super::PolicyFile;

/// Reads a text as a file of the name `policy.yaml`.
fn read(text: &str) -> PolicyFile {
    PolicyFile::read("policy.yaml".to_owned(), text.to_owned())
}

/// `LINE:COLUMN message` of each problem.
fn problems(text: &str) -> Vec<String> {
    let file = read(text);
    let problems = file.problems.iter().map(|problem| {
        let json = problem.to_json(&file.path, &file.text);
        let message = json["message"].as_str().unwrap();
        format!("{}:{} {message}", json["line"], json["column"])
    });
    problems.collect()
}
