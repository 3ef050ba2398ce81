use rstest::rstest;

use super::*;

const CALL: &str = "ec2:TerminateInstances";

fn error(code: &str, message: &str) -> AwsError {
    AwsError::with_code(CALL, code, message.to_owned())
}

fn ids(numbers: &[u32]) -> Vec<String> {
    numbers.iter().map(|it| format!("i-{it:04}")).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Protected,
    Vanished,
    Refused,
    Unclear,
    Failed,
}

fn kind(outcome: &Outcome) -> Kind {
    match outcome {
        Outcome::Refused(Reason::Protected) => Kind::Protected,
        Outcome::Refused(Reason::Vanished) => Kind::Vanished,
        Outcome::Refused(Reason::RefusedByEc2 { .. }) => Kind::Refused,
        Outcome::Unclear(_) => Kind::Unclear,
        Outcome::Failed(_) => Kind::Failed,
        other => panic!("{other:?}"),
    }
}

/// The first kind is that of a tag, the second that of a shutdown. What EC2 refused for what an instance is, is
/// remembered of shutdowns, and costs no further try that day.
#[rstest]
#[case(
    "OperationNotPermitted",
    "i-0001 may not be stopped",
    Kind::Protected,
    Kind::Protected
)]
#[case(
    "InvalidInstanceID.NotFound",
    "i-0001 does not exist",
    Kind::Vanished,
    Kind::Vanished
)]
#[case("IncorrectInstanceState", "", Kind::Failed, Kind::Refused)]
#[case("UnauthorizedOperation", "not on i-0001", Kind::Failed, Kind::Refused)]
#[case::of_another("UnauthorizedOperation", "not on i-00012", Kind::Failed, Kind::Failed)]
#[case::of_nobody("UnauthorizedOperation", "not you", Kind::Failed, Kind::Failed)]
#[case("InvalidParameterValue", "on i-0001", Kind::Failed, Kind::Refused)]
#[case("InvalidParameterValue", "", Kind::Failed, Kind::Failed)]
#[case("InternalError", "on i-0001", Kind::Unclear, Kind::Unclear)]
#[case::not_carried_out("RequestLimitExceeded", "slow down", Kind::Unclear, Kind::Failed)]
fn says_what_became_of_an_instance(
    #[case] code: &str,
    #[case] message: &str,
    #[case] tag: Kind,
    #[case] shutdown: Kind,
) {
    let error = error(code, message);
    assert_eq!(kind(&outcome(&error)), tag);
    assert_eq!(kind(&shutdown_outcome(&error, "i-0001")), shutdown);
}

#[test]
fn an_error_names_whole_ids_only() {
    for message in ["i-0001", "[i-0001]", "instance/i-0001, i-0002", "'i-0001'."] {
        assert!(names(message, "i-0001"), "{message}");
    }
    for message in ["", "i-00011", "xi-0001", "i-0001-a", "I-0001"] {
        assert!(!names(message, "i-0001"), "{message}");
    }
}

#[rstest]
#[case::named("IncorrectInstanceState", "i-0002", &[2], &[vec![1, 3, 4]])]
#[case::several_named("UnauthorizedOperation", "i-0002 i-0004", &[2, 4], &[vec![1, 3]])]
#[case::all_named("InvalidParameterValue", "i-0001 i-0002 i-0003 i-0004", &[1, 2, 3, 4], &[])]
#[case::halved("UnsupportedOperation", "no", &[], &[vec![3, 4], vec![1, 2]])]
#[case::no_room("TagLimitExceeded", "no", &[], &[vec![3, 4], vec![1, 2]])]
#[case::denied_as_a_whole("UnauthorizedOperation", "no", &[1, 2, 3, 4], &[])]
#[case::wrong_as_a_whole("InvalidParameterValue", "no", &[1, 2, 3, 4], &[])]
#[case::throttled("RequestLimitExceeded", "i-0002", &[1, 3, 4, 2], &[])]
#[case::unclear("InternalError", "i-0002", &[1, 3, 4, 2], &[])]
fn sets_aside_what_spoiled_a_call(
    #[case] code: &str,
    #[case] message: &str,
    #[case] settled: &[u32],
    #[case] rest: &[Vec<u32>],
) {
    let aside = split(ids(&[1, 2, 3, 4]), &error(code, message));
    let rest = rest.iter().map(|numbers| ids(numbers)).collect();
    let settled = ids(settled);
    assert_eq!(aside, SetAside { settled, rest });
}

#[test]
fn an_instance_alone_is_what_spoiled_the_call() {
    for message in ["no", "i-0001", "i-0002"] {
        let aside = split(ids(&[1]), &error("IncorrectInstanceState", message));
        let settled = ids(&[1]);
        assert_eq!(
            aside,
            SetAside {
                settled,
                rest: vec![]
            },
            "{message}"
        );
    }
}
