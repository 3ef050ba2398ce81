//! What comes of a moment.

use serde_json::{Value, json};

use crate::items::text;
use crate::moment::{RULE, Scene};

/// Sends `moment`'s event to its function, in the account that it describes. Gives all that came of it.
pub async fn replay(moment: &Value) -> Value {
    let scene = Scene::of(&moment["before"]).await;
    let mut after = if moment["function"] == "rule" {
        let event = match &moment["event"] {
            Value::String(_) => scene.account.scheduled_event(RULE),
            event => event.clone(),
        };
        let answer = scene.evaluate(&event).await;
        let results = scene.account.compliance(RULE).into_iter();
        let results = results.map(|(id, it)| {
            let result = json!({"compliance": it.compliance_type, "annotation": it.annotation});
            (id, result)
        });
        json!({"answer": answer, "evaluations": results.collect::<serde_json::Map<_, _>>()})
    } else {
        let answer = scene.remediate(&moment["event"], text(&moment["requestId"]));
        json!({"answer": answer.await})
    };
    after["published"] = scene.published().into();
    after["ledger"] = scene.items().await.into();
    after["instances"] = scene.instances().into();
    after
}
