//! The calls of one set of tags, against an EC2 that denies instances and keys.

use std::cell::RefCell;

use super::*;

const KEYS: [&str; 4] = ["A", "B", "C", "D"];

fn tags(keys: &[&str]) -> Tags {
    let tags = keys.iter().map(|key| ((*key).to_owned(), "v".to_owned()));
    tags.collect()
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("i-{number:04}")).collect()
}

/// Writes with an EC2 that denies these instances and keys. Gives what was written, and the number of calls.
async fn written(
    count: usize,
    keys: &[&str],
    denied_ids: &[usize],
    denied_keys: &[&str],
    memory: &KeyMemory,
) -> (BTreeSet<(String, String)>, usize) {
    let all = ids(count);
    let denied: Vec<String> = denied_ids
        .iter()
        .map(|number| all[*number].clone())
        .collect();
    let calls = RefCell::new(0);
    let call = async |ids: &[String], tags: &Tags| {
        *calls.borrow_mut() += 1;
        let is_denied = tags
            .iter()
            .any(|(key, _)| denied_keys.contains(&key.as_str()));
        let named = if is_denied {
            ids.first()
        } else {
            ids.iter().find(|id| denied.contains(id))
        };
        Ok(match named {
            None => Ok(()),
            Some(id) => Err(AwsError::with_code(
                "ec2:CreateTags",
                "UnauthorizedOperation",
                format!("not authorized on resource: arn:aws:ec2:eu-west-1:1:instance/{id}"),
            )),
        })
    };
    let outcomes = write(all, tags(keys), memory, call).await;
    let names: BTreeSet<(String, String)> = outcomes
        .iter()
        .map(|it| (it.id.clone(), it.key.clone()))
        .collect();
    assert_eq!(names.len(), count * keys.len());
    assert_eq!(outcomes.len(), count * keys.len());
    let done = outcomes
        .into_iter()
        .filter(|it| it.outcome == Outcome::Done);
    (done.map(|it| (it.id, it.key)).collect(), calls.into_inner())
}

#[tokio::test]
async fn denied_instances_cost_two_calls_each() {
    for denied in [vec![], vec![7], vec![7, 500], (0..40).collect::<Vec<_>>()] {
        let memory = KeyMemory::default();
        let (done, calls) = written(1_000, &["A"], &denied, &[], &memory).await;
        assert_eq!(done.len(), 1_000 - denied.len());
        assert!(calls <= 1 + 2 * denied.len(), "{calls}");
    }
}

#[tokio::test]
async fn denied_instances_lose_no_key_of_the_others() {
    for denied in [vec![0], vec![3, 9], (0..10).collect::<Vec<_>>()] {
        let memory = KeyMemory::default();
        let (done, calls) = written(100, &KEYS, &denied, &[], &memory).await;
        assert_eq!(done.len(), (100 - denied.len()) * 4, "{denied:?}");
        assert!(calls <= 12 + 10 * denied.len(), "{denied:?}: {calls}");
    }
}

#[tokio::test]
async fn denied_key_loses_no_other_key() {
    for count in [1, 2, 3, 1_000] {
        for key in KEYS {
            let memory = KeyMemory::default();
            let (done, calls) = written(count, &KEYS, &[], &[key], &memory).await;
            assert_eq!(done.len(), count * 3, "{count} {key}");
            assert!(calls <= 60, "{count} {key}: {calls}");
        }
    }
}

#[tokio::test]
async fn remembers_a_denied_key() {
    let memory = KeyMemory::default();
    let mut last = 0;
    for _ in 0..6 {
        let (done, calls) = written(1, &["A", "B"], &[], &["B"], &memory).await;
        assert_eq!(done.len(), 1);
        last = calls;
    }
    assert_eq!(last, 1);
    // A denied instance says nothing about its keys.
    let memory = KeyMemory::default();
    for _ in 0..6 {
        let (done, _) = written(1, &["A", "B"], &[0], &[], &memory).await;
        assert!(done.is_empty());
    }
    assert_eq!(written(1, &["A", "B"], &[], &[], &memory).await, {
        let both = ["A", "B"].map(|key| ("i-0000".to_owned(), key.to_owned()));
        (BTreeSet::from(both), 1)
    });
}

#[tokio::test]
async fn leaves_without_outcome_what_was_looked_at_too_long_ago() {
    let memory = KeyMemory::default();
    let call = async |_: &[String], _: &Tags| Err(Leave::Stale);
    assert_eq!(write(ids(3), tags(&KEYS), &memory, call).await, []);
    let call = async |_: &[String], _: &Tags| Err(Leave::NoTime);
    let outcomes = write(ids(3), tags(&KEYS), &memory, call).await;
    assert_eq!(outcomes.len(), 12);
    let left = Outcome::Deferred(Reason::NoTime);
    assert!(outcomes.iter().all(|it| it.outcome == left));
}
