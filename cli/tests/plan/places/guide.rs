//! What `docs/accounts.md` shows is what the command writes.

use super::{LAB, SHOP, document, recorded, run};
use crate::support::{stderr, stdout};

const GUIDE: &str = include_str!("../../../../docs/accounts.md");

#[test]
fn guide_shows_the_real_output() {
    let world = recorded::world("guide");
    let line = format!(
        "plan --instances org.json --policy policy.yaml --accounts {SHOP},{LAB},444444444444 --at 2026-11-23T12:00:00Z"
    );
    let output = run(&world, &line);
    let shown = format!("$ tagwarden {line}\n{}{}", stdout(&output), stderr(&output));
    assert!(
        GUIDE.contains(shown.trim_end()),
        "docs/accounts.md does not show:\n{shown}"
    );
    // The members that it names are those of the document.
    let all = document(&run(&world, &format!("{line} --output json")));
    for name in all.as_object().unwrap().keys() {
        assert!(GUIDE.contains(&format!("`{name}`")), "{name}");
    }
}
