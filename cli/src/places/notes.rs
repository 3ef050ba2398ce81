//! What is not known of places: each note once, with the places that it is about.

use std::collections::BTreeSet;

use super::Place;

/// The most places that a note names.
const NAMED: usize = 3;

/// Notes, each a whole sentence, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaceNotes(Vec<(String, BTreeSet<Place>)>);

impl PlaceNotes {
    /// Adds a note about a place.
    pub fn add(&mut self, place: &Place, note: &str) {
        match self.0.iter_mut().find(|(known, _)| known == note) {
            Some((_, places)) => {
                places.insert(place.clone());
            }
            None => self
                .0
                .push((note.to_owned(), BTreeSet::from([place.clone()]))),
        }
    }

    /// Adds notes about all places.
    pub fn add_all(&mut self, notes: Vec<String>) {
        let notes = notes.into_iter();
        self.0.extend(notes.map(|note| (note, BTreeSet::new())));
    }

    /// The notes, of `places` places that were read. One that is not about all of them names those that it is about.
    pub fn lines(&self, places: usize) -> Vec<String> {
        let lines = self.0.iter().map(|(note, about)| {
            if about.is_empty() || about.len() == places {
                return note.clone();
            }
            let named: Vec<String> = about.iter().take(NAMED).map(ToString::to_string).collect();
            let more = match about.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            format!("{}{more}: {note}", named.join("; "))
        });
        lines.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_each_note_once_and_where() {
        let place = |account: usize| Place {
            account: account.to_string(),
            region: "r".to_owned(),
        };
        let mut notes = PlaceNotes::default();
        notes.add_all(vec!["All.".to_owned()]);
        for nth in 1..=5 {
            notes.add(&place(nth), "Everywhere.");
        }
        notes.add(&place(2), "There.");
        for nth in 2..=5 {
            notes.add(&place(nth), "Nearly.");
        }
        assert_eq!(
            notes.lines(5),
            [
                "All.",
                "Everywhere.",
                "account 2, r: There.",
                "account 2, r; account 3, r; account 4, r; and 1 more: Nearly.",
            ]
        );
    }
}
