//! Lambda's operations that read, by their paths.

use serde_json::{Map, Value, json};

use crate::calls::{Request, Service};

/// Where the functions are, of each version of the API.
const FUNCTIONS: [&str; 2] = ["/2015-03-31/functions/", "/2019-09-30/functions/"];

/// Where the event source mappings are.
const MAPPINGS: &str = "/2015-03-31/event-source-mappings";

/// The request that a path stands for, its query included; `None` if it is not one of Lambda's.
pub(crate) fn read(path: &str) -> Option<Request> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if path.trim_end_matches('/') == MAPPINGS {
        let parameters = form_urlencoded::parse(query.as_bytes());
        let parameters: Map<String, Value> = parameters
            .map(|(name, value)| (name.into_owned(), Value::from(value)))
            .collect();
        let parameters = Value::from(parameters);
        return Some(Request::new(
            Service::Lambda,
            "ListEventSourceMappings",
            parameters,
        ));
    }
    let rest = FUNCTIONS.iter().find_map(|it| path.strip_prefix(it))?;
    let (function, what) = rest.split_once('/')?;
    let operation = match what {
        "configuration" => "GetFunctionConfiguration",
        "concurrency" => "GetFunctionConcurrency",
        "policy" => "GetPolicy",
        _ => return None,
    };
    let parameters = json!({"FunctionName": function});
    Some(Request::new(Service::Lambda, operation, parameters))
}
