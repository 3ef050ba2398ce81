//! Asks whoever sits at the terminal before anything is changed.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::exit::Failure;

/// Asks `question`, and goes on only if the answer is yes. `undone` says what that leaves as it is: a whole sentence.
///
/// # Errors
/// The answer is no, or there is nobody to ask.
pub fn consent(question: &str, undone: &str) -> Result<(), Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::new(
            &"nobody can be asked: standard input is no terminal",
            format!("{undone} To go on without being asked, add --yes."),
        ));
    }
    match ask(question, &mut stdin.lock(), &mut anstream::stderr()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::new(&"the answer was not yes", undone)),
        Err(error) => Err(Failure::new(
            &format!("the answer cannot be read: {error}"),
            format!("{undone} To go on without being asked, add --yes."),
        )),
    }
}

/// Whether the answer is yes: `y` or `yes`, in any case.
fn ask(question: &str, input: &mut dyn BufRead, output: &mut dyn Write) -> io::Result<bool> {
    write!(output, "\n{question} [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("y\n", true)]
    #[case("Yes\n", true)]
    #[case("\n", false)]
    #[case("", false)]
    #[case("no\n", false)]
    #[case("yess\n", false)]
    fn only_yes_is_yes(#[case] typed: &str, #[case] is_yes: bool) {
        let mut asked = Vec::new();
        let answer = ask(
            "Undo 1 tag on 1 instance?",
            &mut typed.as_bytes(),
            &mut asked,
        );
        assert_eq!(answer.unwrap(), is_yes);
        assert_eq!(asked, b"\nUndo 1 tag on 1 instance? [y/N] ");
    }
}
