//! What an earlier look found, so that the next one is the second.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::json;
use tagwarden_sandbox::Account;

/// Puts a countdown into the ledger for each untagged instance that is older than a quarter of an hour. It began an hour ago.
pub fn begin_an_hour_ago(account: &Account, ledger: &str) {
    let now: DateTime<Utc> = account.now();
    let since = now - TimeDelta::hours(1);
    let is_old = |it: DateTime<Utc>| now - it > TimeDelta::minutes(15);
    for instance in account.instances() {
        if instance.tags.is_empty() && is_old(instance.launch_time) {
            let since = since.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            let sk = format!("{}#terminate#untagged", instance.id);
            let item = json!({"Pk": "countdown", "Sk": sk, "Since": since, "SeenAt": since});
            account.put_item(ledger, item);
        }
    }
}
