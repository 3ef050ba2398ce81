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
        assert!(!ids.is_empty() && !tags.is_empty());
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

/// Every choice of denied instances among a few, with one key and with two.
#[tokio::test]
async fn whichever_instances_are_denied_the_others_get_their_tags() {
    for count in 1..6_usize {
        for choice in 0..1_usize << count {
            let denied: Vec<usize> = (0..count).filter(|it| choice >> it & 1 == 1).collect();
            for keys in [&KEYS[..1], &KEYS[..2]] {
                let memory = KeyMemory::default();
                let (done, _) = written(count, keys, &denied, &[], &memory).await;
                let how = format!("{denied:?} of {count}");
                assert_eq!(done.len(), (count - denied.len()) * keys.len(), "{how}");
            }
        }
    }
}

/// Writes to three instances with an EC2 that refuses a call by `refuse`, which gives code and message.
async fn refused(
    keys: &[&str],
    refuse: impl Fn(&[String], &Tags) -> Option<(&'static str, String)>,
) -> BTreeMap<(String, String), Outcome> {
    let call = async |ids: &[String], tags: &Tags| {
        assert!(!ids.is_empty() && !tags.is_empty());
        Ok(match refuse(ids, tags) {
            None => Ok(()),
            Some((code, message)) => Err(AwsError::with_code("ec2:CreateTags", code, message)),
        })
    };
    let outcomes = write(ids(3), tags(keys), &KeyMemory::default(), call).await;
    let outcomes = outcomes.into_iter();
    outcomes.map(|it| ((it.id, it.key), it.outcome)).collect()
}

fn is_done(outcomes: &BTreeMap<(String, String), Outcome>, id: &str, key: &str) -> bool {
    outcomes[&(id.to_owned(), key.to_owned())] == Outcome::Done
}

/// An error that names one of the instances is about that one, whatever its code.
#[tokio::test]
async fn an_instance_that_a_permanent_error_names_is_set_aside() {
    let outcomes = refused(&["A"], |ids, _| {
        let bad = ids.iter().find(|id| *id == "i-0001")?;
        Some(("InvalidParameterValue", format!("{bad} takes no tags")))
    })
    .await;
    for (id, done) in [("i-0000", true), ("i-0001", false), ("i-0002", true)] {
        assert_eq!(is_done(&outcomes, id, "A"), done, "{id}");
    }
}

/// One that names all of them is about one of the keys.
#[tokio::test]
async fn keys_are_tried_separately_where_a_permanent_error_names_all_instances() {
    let outcomes = refused(&["A", "B"], |ids, tags| {
        let is_bad = tags.iter().any(|(key, _)| key == "B");
        is_bad.then(|| ("InvalidParameterValue", ids.join(" ")))
    })
    .await;
    for id in ids(3) {
        assert!(is_done(&outcomes, &id, "A"), "{id}");
        assert!(!is_done(&outcomes, &id, "B"), "{id}");
    }
}

/// A key that was denied where others were accepted is suspected at once the next time, until it is accepted.
#[tokio::test]
async fn a_suspected_key_costs_no_denial_of_each_instance() {
    let memory = KeyMemory::default();
    let first = written(3, &["A", "B"], &[], &["B"], &memory).await;
    let second = written(3, &["C", "B"], &[], &["B"], &memory).await;
    assert_eq!((first.0.len(), second.0.len()), (3, 3));
    assert!(second.1 < first.1, "{} {}", second.1, first.1);

    // Accepted once, it is not the key: a denied instance is set aside without trying the keys separately.
    let memory = KeyMemory::default();
    let _ = written(3, &["A", "B"], &[], &["B"], &memory).await;
    let _ = written(3, &["B"], &[], &[], &memory).await;
    let (done, calls) = written(3, &["A", "B"], &[1], &[], &memory).await;
    assert_eq!((done.len(), calls), (4, 2));
}
