//! What a role session's name tells: whether somebody chose it, or a program did.

use tagwarden_core::Kind;

/// What services call the sessions in which they use a role that they were handed, such as CloudFormation's service
/// role and EMR's.
const SERVICES_OWN: [&str; 2] = ["AWSCloudFormation", "CCSSession"];

/// The beginning of the same for AWS Backup, before the role's name.
const BACKUP: &str = "AWSBackup-";

/// The session names that are the same for all users of a role: those of Service Catalog's launch role, of SageMaker's
/// roles and of Cognito's identities.
const FOR_EVERYBODY: [&str; 3] = ["CognitoIdentityCredentials", "SageMaker", "servicecatalog"];

/// The beginnings of the session names that SDKs and well-known tools make up if the caller gives none.
///
/// The SDKs for Java, JavaScript, Kotlin and PHP begin with `aws-sdk-`, version 1 of the SDK for Go with `aws-go-sdk-`, the
/// SDK for .NET with `aws-dotnet-sdk-session-`, and the SDK for Rust with one of the last three. GitLab's documentation
/// has `GitLabRunner-` and the job. Granted writes `gntd-`.
const PREFIXES: [&str; 12] = [
    "AWSCLI-Session",
    "GitHubActions",
    "GitLabRunner-",
    "assume-role-from-profile-",
    "assume-role-provider-",
    "aws-dotnet-sdk-session-",
    "aws-go-sdk-",
    "aws-sdk-",
    "botocore-session-",
    "gntd-",
    "terraform-",
    "web-identity-token-",
];

/// Whether an AWS service opened the session for itself.
pub(super) fn is_a_services_own(session: &str) -> bool {
    SERVICES_OWN.contains(&session) || session.starts_with(BACKUP)
}

/// Whether a program chose this session name: it tells a reader little without its role.
///
/// An instance's or managed node's id (an instance profile), a task's (ECS: 32 hexadecimal digits), a state machine's (Step
/// Functions: 32 letters), anything that ends in a UUID (a build's, a pod's), a number (the time, as the Go SDK writes
/// it), or one of the names and prefixes that services, SDKs and tools write.
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
    Kind::Instance.is_id(session)
        || managed_node.is_some_and(|node| Kind::Instance.is_id(node))
        || (session.len() == 32 && session.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        || ends_in_uuid
        || session.bytes().all(|byte| byte.is_ascii_digit())
        || is_a_services_own(session)
        || FOR_EVERYBODY.contains(&session)
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
    #[case("qRtYbVxNmKpLzWcFgHjDsAeUiOoPqRtY", true)]
    #[case("AWSCLI-Session", true)]
    #[case("AWSCLI-Session-1700000000", true)]
    #[case("GitHubActions", true)]
    #[case("GitLabRunner-4711-90210", true)]
    #[case("assume-role-from-profile-1700000000000", true)]
    #[case("assume-role-provider-1700000000000", true)]
    #[case("aws-dotnet-sdk-session-638000000000000000", true)]
    #[case("aws-go-sdk-1676620212864829436", true)]
    #[case("aws-sdk-java-1700000000000", true)]
    #[case("gntd-2d1LhYbVxNmKpLzWcFgHjDsAeU", true)]
    #[case("terraform-20261123", true)]
    #[case("web-identity-token-1700000000000", true)]
    #[case("CognitoIdentityCredentials", true)]
    #[case("SageMaker", true)]
    #[case("servicecatalog", true)]
    #[case("AWSCloudFormation", true)]
    #[case("AWSBackup-AWSBackupDefaultServiceRole", true)]
    #[case("CCSSession", true)]
    #[case("sagemaker-ann", false)]
    #[case("servicecatalogue", false)]
    #[case("gitlab-ann", false)]
    #[case("gntd", false)]
    #[case("terraform", false)]
    #[case("qRtYbVxNmKpLzWcFgHjDsAeUiOoPqRt", false)]
    #[case("qRtYbVxNmKpLzWcFgHjDsAeUiOoP-RtY", false)]
    #[case("ann", false)]
    #[case("ann@example.com", false)]
    #[case("i-am-ann", false)]
    #[case("a-b-c-d-e", false)]
    #[case("deadbeef", false)]
    fn tells_programs_from_people(#[case] session: &str, #[case] machine: bool) {
        assert_eq!(is_machine_made(session), machine);
    }
}
