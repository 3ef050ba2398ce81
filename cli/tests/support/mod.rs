//! Runs the built command.

use std::process::{Command, Output};

/// The command, in an environment that says nothing about colours.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagwarden"));
    command.args(arguments);
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command
}

/// The sandbox's account, as headers and questions name it.
#[allow(
    dead_code,
    reason = "not every test that is made of this file needs it"
)]
pub const HERE: &str = "us-east-1 (account 111111111111, keys of the environment)";

#[allow(
    dead_code,
    reason = "not every test that is made of this file needs it"
)]
pub fn tagwarden(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

pub fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Every one of `commands` fails alike: exit 1, nothing on standard output, a message with these parts.
#[allow(
    dead_code,
    reason = "not every test that is made of this file needs it"
)]
pub fn fail_alike(commands: &[&[&str]], prepare: impl Fn(&[&str]) -> Command, parts: &[&str]) {
    for arguments in commands {
        let output = prepare(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(stdout(&output), "");
        let message = stderr(&output);
        assert!(message.starts_with("error: "), "{message}");
        for part in parts {
            assert!(message.contains(part), "{part} is not in {message}");
        }
    }
}
