//! Which entries the text of a report shows: all of them where they fit, or else what needs a person, and the first of each
//! other group.

use std::collections::BTreeMap;

use super::Entry;
use super::section::{Section, advice};
use super::text;
use super::view::{ReportFrame, budget};

/// How many entries of a group that needs no person are shown where not all of them fit.
const FIRST: usize = 10;

/// What the longest of an entry's lines has beside its text: an empty line sets advice off.
const BESIDES: usize = "   What to do: \n\n".len();

/// Room for the titles of all groups, for the line of those over the budget, and for the line about what is left out.
const TITLES: usize = 1_536;

impl<'a> ReportFrame<'a> {
    /// Those of `news`, which are in order, that a text shows in at most `room` bytes. With `joins`, all those over the
    /// budget take one line together.
    pub(super) fn shown(&self, news: &[&'a Entry], room: usize, joins: bool) -> Vec<&'a Entry> {
        let room = room.saturating_sub(TITLES);
        let mut sizes = Vec::with_capacity(news.len());
        let mut said = None;
        for entry in news {
            let advice = advice(entry);
            let is_joined = joins && budget(entry).is_some();
            let mut size = if is_joined { 0 } else { self.lines_size(entry) };
            if advice != said {
                size += advice.as_deref().map_or(0, line_size);
            }
            sizes.push(size);
            said = advice;
        }
        if sizes.iter().sum::<usize>() <= room {
            return news.to_vec();
        }

        // The first of the other groups are few, so what needs a person has the rest.
        let mut firsts: BTreeMap<Section, usize> = BTreeMap::new();
        let mut left = room;
        let mut is_first = |entry: &Entry, size: usize| {
            let count = firsts.entry(Section::of(entry)).or_default();
            *count += 1;
            let is_first = !is_person(entry) && *count <= FIRST && size <= left / 2;
            left -= if is_first { size } else { 0 };
            is_first
        };
        let marked: Vec<(&'a Entry, usize, bool)> = news
            .iter()
            .zip(sizes)
            .map(|(entry, size)| (*entry, size, is_first(entry, size)))
            .collect();
        let mut has_room = true;
        let mut shown = Vec::new();
        for (entry, size, is_first) in marked {
            if is_person(entry) {
                // All those over the budget have one line.
                has_room = has_room && size <= left;
                if has_room || (size == 0 && !shown.is_empty()) {
                    left = left.saturating_sub(size);
                    shown.push(entry);
                }
            } else if is_first {
                shown.push(entry);
            }
        }
        shown
    }

    /// Notes how many of `news` the text leaves out, when it shows `shown`.
    pub(super) fn count_left(&mut self, news: &[&Entry], shown: &[&Entry]) {
        let left = news.len() - shown.len();
        self.rest = (left > 0).then(|| text::rest(left, self.context.region));
    }

    /// At most what the lines of `entry` take, but for its advice.
    fn lines_size(&self, entry: &Entry) -> usize {
        let has_links = Section::of(entry).has_links();
        let link = self.link(entry).filter(|_| has_links);
        let about = self.about(entry).filter(|_| has_links);
        let further = [link, about].into_iter().flatten();
        line_size(&text::line(entry)) + further.map(|it| line_size(&it)).sum::<usize>()
    }
}

fn is_person(entry: &Entry) -> bool {
    Section::of(entry) == Section::Person
}

/// At most what a line takes.
fn line_size(line: &str) -> usize {
    line.len() + BESIDES
}
