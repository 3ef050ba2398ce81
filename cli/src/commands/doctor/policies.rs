//! Policies of resources: whether they let a service of AWS do something.

use serde_json::Value;

/// Whether a statement lets `service` do `action`, whatever its conditions.
pub fn allows(policy: &Value, service: &str, action: &str) -> bool {
    let many = |value: Option<&Value>| -> Vec<String> {
        match value {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(list)) => list
                .iter()
                .filter_map(Value::as_str)
                .map(ToOwned::to_owned)
                .collect(),
            _ => Vec::new(),
        }
    };
    let statements = match policy.get("Statement") {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    statements.iter().any(|statement| {
        // IAM takes the names of actions in any case: older policies have `SQS:SendMessage`.
        let action = action.to_ascii_lowercase();
        let takes = |granted: &String| {
            let granted = granted.to_ascii_lowercase();
            match granted.strip_suffix('*') {
                Some(beginning) => action.starts_with(beginning),
                None => granted == action,
            }
        };
        let services = many(statement.pointer("/Principal/Service"));
        let is_of_all = statement.get("Principal").is_some_and(|it| it == "*");
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && (is_of_all || services.iter().any(|it| it == service))
            && many(statement.get("Action")).iter().any(takes)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_one_and_many() {
        let one = json!({"Statement": {"Effect": "Allow", "Principal": {"Service": "a.amazonaws.com"}, "Action": "kms:*"}});
        assert!(allows(&one, "a.amazonaws.com", "kms:Decrypt"));
        assert!(!allows(&one, "b.amazonaws.com", "kms:Decrypt"));
        let many = json!({"Statement": [
            {"Effect": "Deny", "Principal": {"Service": "a.amazonaws.com"}, "Action": "*"},
            {"Effect": "Allow", "Principal": {"Service": ["a.amazonaws.com", "b.amazonaws.com"]}, "Action": ["kms:GenerateDataKey*"]},
        ]});
        assert!(allows(&many, "b.amazonaws.com", "kms:GenerateDataKey"));
        assert!(!allows(&many, "b.amazonaws.com", "kms:Decrypt"));
        assert!(!allows(&json!({}), "b.amazonaws.com", "kms:Decrypt"));
        let old = json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "SQS:SendMessage"}});
        assert!(allows(&old, "a.amazonaws.com", "sqs:SendMessage"));
        // Of everybody, and of an account.
        let wide = json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*"}]});
        assert!(allows(&wide, "a.amazonaws.com", "sqs:SendMessage"));
    }
}
