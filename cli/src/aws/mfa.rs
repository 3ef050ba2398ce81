//! Asks the person at the terminal for the code of an MFA device.

use std::io::{self, BufRead, IsTerminal, Write};

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub enum MfaError {
    /// Nobody can be asked.
    #[error("its role asks for the code of {serial}, and standard input is not a terminal")]
    NoTerminal { serial: String },
    /// What was typed is not a code.
    #[error("its role asks for the code of {serial}, and what was typed is not a code of digits")]
    NotACode { serial: String },
    /// The terminal cannot be read.
    #[error("the code cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Asks for the code of the device `serial`, for a role of `profile`.
///
/// # Errors
/// There is no terminal, or what was typed is not a code.
pub fn ask(profile: &str, serial: &str) -> Result<String, MfaError> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(MfaError::NoTerminal {
            serial: serial.to_owned(),
        });
    }
    read(profile, serial, &mut stdin.lock(), &mut anstream::stderr())
}

fn read(
    profile: &str,
    serial: &str,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
) -> Result<String, MfaError> {
    write!(output, "MFA code of {serial} (profile {profile}): ")?;
    output.flush()?;
    let mut line = String::new();
    input.read_line(&mut line)?;
    let code: String = line.split_whitespace().collect();
    // STS takes six digits. Its own message about anything else does not say what is wrong.
    if code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(code)
    } else {
        Err(MfaError::NotACode {
            serial: serial.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("123456\n", Some("123456"))]
    #[case(" 123 456\r\n", Some("123456"))]
    #[case("12345\n", None)]
    #[case("12345x\n", None)]
    #[case("", None)]
    fn takes_six_digits(#[case] typed: &str, #[case] code: Option<&str>) {
        let mut asked = Vec::new();
        let read = read("prod", "arn:mfa/ann", &mut typed.as_bytes(), &mut asked);
        assert_eq!(read.ok().as_deref(), code);
        assert_eq!(asked, b"MFA code of arn:mfa/ann (profile prod): ");
    }
}
