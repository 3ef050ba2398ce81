//! What a role session's name tells: whether somebody chose it, or a program did.

use tagwarden_core::resource::is_instance_id;

/// What services call the sessions in which they use a role that they were handed, such as CloudFormation's service
/// role and EMR's.
const SERVICES_OWN: [&str; 2] = ["AWSCloudFormation", "CCSSession"];

/// The beginnings of the session names that SDKs and well-known tools make up if the caller gives none.
const PREFIXES: [&str; 6] = [
    "AWSCLI-Session",
    "GitHubActions",
    "aws-go-sdk-",
    "aws-sdk-",
    "botocore-session-",
    "terraform-",
];

/// Whether an AWS service opened the session for itself.
pub(super) fn is_a_services_own(session: &str) -> bool {
    SERVICES_OWN.contains(&session)
}

/// Whether a program chose this session name: it tells a reader little without its role.
///
/// An instance's or managed node's id (an instance profile), a task's (ECS: 32 hexadecimal digits), anything that
/// ends in a UUID (a build's, a pod's), a number (the time, as the Go SDK writes it), or one of the
/// prefixes that SDKs and tools write.
pub(super) fn is_machine_made(session: &str) -> bool {
    const UUID: [usize; 5] = [8, 4, 4, 4, 12];
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let managed_node = session.strip_prefix('m');
    let ends_in_uuid = {
        let mut parts = session.rsplit('-');
        UUID.iter().rev().all(|&length| {
            parts
                .next()
                .is_some_and(|part| part.len() == length && is_hex(part))
        })
    };
    is_instance_id(session)
        || managed_node.is_some_and(is_instance_id)
        || (session.len() == 32 && is_hex(session))
        || ends_in_uuid
        || session.bytes().all(|byte| byte.is_ascii_digit())
        || PREFIXES.iter().any(|prefix| session.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("i-0a1b2c3d4e5f60718", true)]
    #[case("mi-0a1b2c3d4e5f60718", true)]
    #[case("0123456789abcdef0123456789abcdef", true)]
    #[case("AWSCodeBuild-01234567-89ab-cdef-0123-456789abcdef", true)]
    #[case("eks-main-web-0-01234567-89ab-cdef-0123-456789abcdef", true)]
    #[case("1676620212864829436", true)]
    #[case("botocore-session-1700000000", true)]
    #[case("ann", false)]
    #[case("ann@example.com", false)]
    #[case("i-am-ann", false)]
    #[case("a-b-c-d-e", false)]
    #[case("deadbeef", false)]
    fn tells_programs_from_people(#[case] session: &str, #[case] machine: bool) {
        assert_eq!(is_machine_made(session), machine);
    }
}
