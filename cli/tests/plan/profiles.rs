//! Every kind of profile is read, and one that gives no credentials says what to do.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use chrono::{SecondsFormat, TimeDelta, Utc};
use rstest::rstest;
use serde_json::json;

use crate::fake::{Fake, TOKEN};
use crate::support::{stderr, stdout};
use crate::terminal::typed_into;
use crate::world::World;

/// `printf my | sha1sum`, and that of the start URL: the names of files with tokens.
const SESSION: &str = "3ece1471f44f63177cbc35ba0b904e0c096b6783.json";
const START: &str = "e8be5486177c5b5392bd9aa76563515b29358e6e.json";

/// The default profile has another Region, in which nothing must happen.
const CONFIG: &str = "\
[default]
region = eu-west-1

[profile sso]
sso_session = my
sso_account_id = 333333333333
sso_role_name = Admin
region = us-east-2
[sso-session my]
sso_region = us-east-1
sso_start_url = https://example.awsapps.com/start

[profile sso-other]
sso_session = my
sso_account_id = 333333333333
sso_role_name = Auditor
region = us-east-2

[profile sso-legacy]
sso_start_url = https://example.awsapps.com/start
sso_region = us-east-1
sso_account_id = 333333333333
sso_role_name = Admin
region = us-east-2

[profile chained]
role_arn = arn:aws:iam::444444444444:role/x
source_profile = sso
region = us-east-2

[profile keys]
region = us-east-2

[profile mfa]
role_arn = arn:aws:iam::444444444444:role/strict
source_profile = keys
mfa_serial = arn:aws:iam::222222222222:mfa/ann
role_session_name = ann
external_id = x1
duration_seconds = 3600
region = us-east-2

[profile mfa-of-itself]
role_arn = arn:aws:iam::444444444444:role/strict
source_profile = mfa-of-itself
mfa_serial = arn:aws:iam::222222222222:mfa/ann
region = us-east-2

[profile on-mfa]
role_arn = arn:aws:iam::444444444444:role/second
source_profile = mfa
region = us-east-2

[profile process]
credential_process = ./process.sh
region = us-east-2

[profile login]
login_session = arn:aws:iam::666666666666:user/ann
region = us-east-2

[profile on-login]
role_arn = arn:aws:iam::444444444444:role/x
source_profile = login
region = us-east-2

[profile regionless]
";

const KEYS: &str = "\
[keys]
aws_access_key_id = AKIAKEYS000000000000
aws_secret_access_key = s
[mfa-of-itself]
aws_access_key_id = AKIAKEYS000000000000
aws_secret_access_key = s
";

/// An account with a policy, the files of a person, and the services around credentials.
struct Scene {
    world: World,
    fake: Fake,
}

impl Scene {
    fn new(test: &str) -> Self {
        let world = World::new(&format!("profiles-{test}"));
        world.write("aws-config", CONFIG);
        world.write("aws-credentials", KEYS);
        let scene = Self {
            world,
            fake: Fake::new(),
        };
        scene.program("process.sh", "ASIAPROCESS000000000", "process.runs");
        std::fs::create_dir_all(scene.world.path("bin")).unwrap();
        // Only the arguments that the AWS CLI has for this.
        scene.program("bin/aws", "ASIALOGIN00000000000", "aws.runs");
        scene
    }

    /// A program that prints credentials, and its arguments into a file.
    fn program(&self, name: &str, key: &str, runs: &str) {
        let printed = json!({
            "Version": 1, "AccessKeyId": key, "SecretAccessKey": "s", "SessionToken": "t",
            "Expiration": "2096-01-01T00:00:00Z",
        });
        let runs = self.world.path(runs);
        self.script(
            name,
            &format!("echo \"$*\" >> '{}'\necho '{printed}'\n", runs.display()),
        );
    }

    fn script(&self, name: &str, text: &str) {
        self.world.write(name, &format!("#!/bin/sh\n{text}"));
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.world.path(name), executable).unwrap();
    }

    /// The token that `aws sso login` leaves, for this long.
    fn token(&self, file: &str, left: TimeDelta, refresh: Option<&str>) {
        let time = |left: TimeDelta| (Utc::now() + left).to_rfc3339_opts(SecondsFormat::Secs, true);
        // The portal does not take an expired token. For a start URL, the SDK leaves that to the portal.
        let session = if left > TimeDelta::zero() {
            TOKEN
        } else {
            "old"
        };
        let mut token =
            json!({"accessToken": session, "expiresAt": time(left), "region": "us-east-1"});
        if let Some(refresh) = refresh {
            token["accessToken"] = "old".into();
            token["refreshToken"] = refresh.into();
            token["clientId"] = "client".into();
            token["clientSecret"] = "secret".into();
            token["registrationExpiresAt"] = time(TimeDelta::days(30)).into();
        }
        let cache = self.world.path(".aws/sso/cache");
        std::fs::create_dir_all(&cache).unwrap();
        std::fs::write(cache.join(file), token.to_string()).unwrap();
    }

    /// A command without keys or a Region in the environment.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.command_without_credentials(arguments);
        let path = std::env::var("PATH").unwrap();
        let bin = self.world.path("bin");
        command
            .env_remove("AWS_REGION")
            .env("HOME", self.world.path(""))
            .env("PATH", format!("{}:{path}", bin.display()));
        self.fake.serve_for(&mut command);
        command
    }

    fn run(&self, profile: &str) -> Output {
        let arguments = ["plan", "--profile", profile];
        self.command(&arguments).output().unwrap()
    }

    /// The plan was made in this account, and in the profile's Region.
    fn plans(&self, output: &Output, account: &str, profile: &str) {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(stderr(output), "");
        let head =
            format!("0 instances of us-east-2 (account {account}, profile {profile}) under ");
        assert!(stdout(output).starts_with(&head), "{output:?}");
        assert!(self.world.account.count("Scan") > 0);
    }

    /// Nothing was asked of the account, and the message has these parts.
    fn fails(&self, output: &Output, parts: &[&str]) {
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(stdout(output), "");
        for part in parts {
            assert!(stderr(output).contains(part), "{part}: {}", stderr(output));
        }
        assert_eq!(self.world.account.calls().len(), 0);
    }
}

#[rstest]
#[case("sso", SESSION, "333333333333")]
#[case("sso-legacy", START, "333333333333")]
#[case("chained", SESSION, "444444444444")]
fn reads_a_session_of_identity_center(
    #[case] profile: &str,
    #[case] file: &str,
    #[case] account: &str,
) {
    let scene = Scene::new(&format!("session-{profile}"));
    scene.token(file, TimeDelta::hours(1), None);
    scene.plans(&scene.run(profile), account, profile);
    let asked = scene.fake.calls("GetRoleCredentials");
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0]["account_id"], "333333333333");
}

#[test]
fn renews_a_session_that_has_a_refresh_token() {
    let scene = Scene::new("renewed");
    scene.token(SESSION, TimeDelta::hours(-1), Some("refresh"));
    scene.plans(&scene.run("sso"), "333333333333", "sso");
    let cached = scene.world.read(&format!(".aws/sso/cache/{SESSION}"));
    assert!(
        cached.contains(TOKEN) && cached.contains("next"),
        "{cached}"
    );
    // The next command has the new token.
    scene.plans(&scene.run("sso"), "333333333333", "sso");
    assert_eq!(scene.fake.calls("CreateToken").len(), 1);
}

#[rstest]
#[case("sso", "the profile \"sso\" is not signed in", "sso")]
#[case(
    "sso-legacy",
    "the profile \"sso-legacy\" is not signed in",
    "sso-legacy"
)]
#[case(
    "chained",
    "the profile \"chained\", which builds on the profile \"sso\", is not signed in",
    "sso"
)]
fn names_the_command_that_signs_in(#[case] profile: &str, #[case] what: &str, #[case] login: &str) {
    let line = format!("then run the command again:\n\n  aws sso login --profile {login}\n");
    let parts = [
        what,
        "IAM Identity Center, or its session has expired\n",
        &line,
    ];
    let scene = Scene::new(&format!("signed-out-{profile}"));
    scene.fails(&scene.run(profile), &parts);
    // Expired.
    scene.token(SESSION, TimeDelta::hours(-1), None);
    scene.token(START, TimeDelta::hours(-1), None);
    scene.fails(&scene.run(profile), &parts);
    // Revoked, and no longer to be renewed.
    for (left, refresh) in [(1, "revoked"), (-1, "revoked")] {
        scene.token(SESSION, TimeDelta::hours(left), Some(refresh));
        scene.token(START, TimeDelta::hours(left), Some(refresh));
        scene.fails(&scene.run(profile), &parts);
    }
    // The same by the environment.
    let mut command = scene.command(&["plan"]);
    let output = command.env("AWS_PROFILE", profile).output().unwrap();
    scene.fails(&output, &["(AWS_PROFILE)", &line]);
}

#[test]
fn names_a_role_that_is_not_assigned() {
    let scene = Scene::new("unassigned");
    scene.token(SESSION, TimeDelta::hours(1), None);
    scene.fails(
        &scene.run("sso-other"),
        &[
            "ForbiddenException",
            "Check sso_account_id and sso_role_name of the profile \"sso-other\"",
        ],
    );
}

#[test]
fn runs_a_credential_process_once() {
    let scene = Scene::new("process");
    scene.plans(&scene.run("process"), "555555555555", "process");
    assert_eq!(scene.world.read("process.runs").lines().count(), 1);
    let mut command = scene.command(&["plan"]);
    let output = command.env("AWS_PROFILE", "process").output().unwrap();
    scene.plans(&output, "555555555555", "process");
    assert_eq!(scene.world.read("process.runs").lines().count(), 2);
}

#[rstest]
#[case(
    "echo 'the vault is \x1b[31mlocked' >&2; exit 3",
    "the vault is [31mlocked"
)]
#[case("echo nonsense", "could not parse response")]
fn shows_why_a_credential_process_failed(#[case] text: &str, #[case] why: &str) {
    let scene = Scene::new(&format!("process-{}", text.len()));
    scene.script("process.sh", text);
    scene.fails(
        &scene.run("process"),
        &[
            why,
            "Run the credential_process of the profile \"process\" by itself",
        ],
    );
}

#[rstest]
#[case("login", "666666666666")]
#[case("on-login", "444444444444")]
fn reads_a_console_session_by_the_aws_cli(#[case] profile: &str, #[case] account: &str) {
    let scene = Scene::new(profile);
    scene.plans(&scene.run(profile), account, profile);
    assert_eq!(
        scene.world.read("aws.runs"),
        "configure export-credentials --profile login --format process\n"
    );
    let mut command = scene.command(&["plan"]);
    let output = command.env("AWS_PROFILE", profile).output().unwrap();
    scene.plans(&output, account, profile);
}

#[test]
fn names_the_command_that_begins_a_console_session() {
    let scene = Scene::new("login-over");
    scene.script("bin/aws", "echo 'Your session has expired.' >&2; exit 255");
    let line = "  aws login --profile login\n";
    scene.fails(&scene.run("login"), &["Your session has expired.", line]);
    scene.fails(
        &scene.run("on-login"),
        &["\"on-login\", which builds on the profile \"login\",", line],
    );
    // Without the AWS CLI.
    let mut command = scene.command(&["plan", "--profile", "login"]);
    let output = command.env("PATH", "/usr/bin:/bin").output().unwrap();
    scene.fails(&output, &["not found", "must be on the PATH", line]);
}

#[rstest]
#[case("mfa", 1)]
#[case("mfa-of-itself", 1)]
#[case("on-mfa", 2)]
fn asks_for_the_code_once(#[case] profile: &str, #[case] roles: usize) {
    let scene = Scene::new(&format!("code-{profile}"));
    let command = scene.command(&["plan", "--profile", profile]);
    let output = typed_into(&command, "", "123456\n");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    let question = "MFA code of arn:aws:iam::222222222222:mfa/ann (profile mfa";
    assert_eq!(text.matches(question).count(), 1, "{text}");
    let whose = format!("us-east-2 (account 444444444444, profile {profile})");
    assert!(text.contains(&whose), "{text}");
    let assumed = scene.fake.calls("AssumeRole");
    assert_eq!(assumed.len(), roles, "{assumed:?}");
    assert_eq!(assumed[0]["TokenCode"], "123456");
    assert_eq!(
        assumed[0]["SerialNumber"],
        "arn:aws:iam::222222222222:mfa/ann"
    );
    if profile == "mfa" {
        let more = ["RoleSessionName", "ExternalId", "DurationSeconds"].map(|it| &assumed[0][it]);
        assert_eq!(more, ["ann", "x1", "3600"]);
    } else {
        assert_eq!(assumed[roles - 1]["RoleSessionName"], "tagwarden");
    }
}

#[test]
fn says_what_is_wrong_with_a_code() {
    let scene = Scene::new("wrong-code");
    let command = scene.command(&["plan", "--profile", "mfa"]);
    let output = typed_into(&command, "", "12345\n");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stdout(&output).contains("not a code of digits"),
        "{output:?}"
    );
    assert_eq!(scene.fake.calls("AssumeRole").len(), 0);
    let output = typed_into(&command, "", "654321\n");
    assert!(stdout(&output).contains("AccessDenied"), "{output:?}");
    assert_eq!(scene.world.account.calls().len(), 0);
}

/// Exported keys come without the profile's Region, so the line has it.
#[test]
fn says_what_to_do_where_nobody_can_type_a_code() {
    let scene = Scene::new("no-terminal");
    let line = "\n  eval \"$(aws configure export-credentials --profile mfa --format env)\"; export AWS_REGION=us-east-2\n";
    scene.fails(
        &scene.run("mfa"),
        &["the profile \"mfa\" gives no AWS credentials: its role asks for the code of arn:aws:iam::222222222222:mfa/ann",
          "standard input is not a terminal", "in that shell, without --profile:", line],
    );
    let mut command = scene.command(&["plan"]);
    let output = command.env("AWS_PROFILE", "mfa").output().unwrap();
    scene.fails(&output, &["in that shell:\n", line]);
    assert_eq!(scene.fake.calls("AssumeRole").len(), 0);
}

#[rstest]
#[case("mfaa", "Did you mean \"mfa\"? ")]
#[case("MFA", "Did you mean \"mfa\"? ")]
#[case("elsewhere", "")]
fn names_an_unknown_profile(#[case] name: &str, #[case] guess: &str) {
    let scene = Scene::new(&format!("unknown-{name}"));
    let list = format!(
        "\n\n{guess}These profiles are defined: chained, default, keys, login, mfa, mfa-of-itself, on-login, on-mfa, \
         process, regionless, sso, sso-legacy, sso-other.\n"
    );
    let what = format!("error: there is no profile {name:?}{list}");
    scene.fails(&scene.run(name), &[&what]);
    let mut command = scene.command(&["plan"]);
    let output = command.env("AWS_PROFILE", name).output().unwrap();
    let what = format!("error: there is no profile {name:?} (AWS_PROFILE){list}");
    scene.fails(&output, &[&what]);
    scene.world.write("aws-config", "");
    scene.world.write("aws-credentials", "");
    scene.fails(
        &scene.run(name),
        &["There are no profiles. `aws configure sso`"],
    );
}

#[test]
fn names_the_profile_that_has_no_region() {
    let scene = Scene::new("regionless");
    scene.fails(
        &scene.run("regionless"),
        &[
            "no AWS Region given, and the profile \"regionless\" has none",
            "--region",
        ],
    );
}

/// Keys in the environment come before `AWS_PROFILE`, and the header says so.
#[test]
fn names_keys_of_the_environment() {
    let scene = Scene::new("keys-first");
    for profile in ["sso", "elsewhere"] {
        let mut command = scene.command(&["plan"]);
        command
            .env("AWS_PROFILE", profile)
            .env("AWS_REGION", "us-east-2")
            .env("AWS_ACCESS_KEY_ID", "AKIASANDBOX000000000")
            .env("AWS_SECRET_ACCESS_KEY", "s");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let head =
            "0 instances of us-east-2 (account 111111111111, keys of the environment) under ";
        assert!(stdout(&output).starts_with(head), "{output:?}");
    }
}
