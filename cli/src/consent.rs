//! Asks the person at the terminal before anything is changed.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::exit::{CommandError, Delivery};

/// Asks `question`, and returns normally only if the answer is yes. `undone` is a whole sentence that says what was not
/// done, such as `Nothing was written.` `announced` is whether the person can have read what the question is about.
///
/// # Errors
/// The answer is not yes, standard input is not a terminal, or the person could not read what to agree to.
pub fn consent(question: &str, undone: &str, announced: Delivery) -> Result<(), CommandError> {
    if announced == Delivery::NobodyReads {
        return Err(CommandError::new(
            &"cannot ask for consent: nobody reads what would be done, because the reader of the output has ended",
            format!("{undone} To continue without a question, add --yes."),
        ));
    }
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(CommandError::new(
            &"cannot ask for consent: standard input is not a terminal",
            format!("{undone} To continue without a question, add --yes."),
        ));
    }
    match ask(question, &mut stdin.lock(), &mut anstream::stderr()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(CommandError::new(&"the answer was not yes", undone)),
        Err(error) => Err(CommandError::new(
            &format!("the answer cannot be read: {error}"),
            format!("{undone} To continue without a question, add --yes."),
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
    fn accepts_only_yes(#[case] typed: &str, #[case] is_yes: bool) {
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
