//! `GetResourceConfigHistory`, see
//! <https://docs.aws.amazon.com/config/latest/APIReference/API_GetResourceConfigHistory.html>.

use std::cmp::Reverse;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::evaluations::{invalid_token, limit};
use super::item::RecordedItem;
use super::{Config, resource_type as type_of};
use crate::calls::Request;
use crate::dispatch::Context;
use crate::ids::page;
use crate::wire::{Answer, ApiError, from_epoch_seconds};

/// "Each call to the API is limited to span a duration of seven days."
const SPAN: TimeDelta = TimeDelta::days(7);

/// Where a page begins: a moment, and how many items beyond it were shown.
#[derive(Clone, Copy)]
struct Place {
    from: DateTime<Utc>,
    shown: usize,
}

impl Config {
    pub(crate) fn resource_history(
        &self,
        request: &Request,
        context: &Context,
    ) -> Result<Answer, ApiError> {
        request.only(&[
            "resourceType",
            "resourceId",
            "laterTime",
            "earlierTime",
            "chronologicalOrder",
            "limit",
            "nextToken",
        ])?;
        let size = limit(request, "limit")?;
        let resource_type = request.text("resourceType").unwrap_or_default();
        let id = request.text("resourceId").unwrap_or_default();
        let mut items: Vec<&RecordedItem> =
            self.history.iter().filter(|item| item.id == id).collect();
        items.sort_by_key(|item| item.time);
        let (Some(oldest), Some(newest), true) =
            (items.first(), items.last(), resource_type == type_of(id))
        else {
            let message = format!(
                "Resource {id} of resourceType:{resource_type} is unknown or has not been discovered"
            );
            return Err(ApiError::new("ResourceNotDiscoveredException", message));
        };

        let time = |name: &str| request.parameters.get(name).and_then(from_epoch_seconds);
        let later = time("laterTime").unwrap_or(context.now);
        let earlier = time("earlierTime").unwrap_or(oldest.time).max(oldest.time);
        if time("laterTime")
            .zip(time("earlierTime"))
            .is_some_and(|(later, earlier)| later < earlier)
        {
            let message = "The later time is before the earlier time.";
            return Err(ApiError::new("InvalidTimeRangeException", message));
        }
        let forward = request.text("chronologicalOrder") == Some("Forward");
        let (begin, end) = if forward {
            (earlier, later.min(newest.time))
        } else {
            (later, earlier)
        };

        let kind = format!("GetResourceConfigHistory {id} {forward}");
        let place = match request.text("nextToken") {
            None => Place {
                from: begin,
                shown: 0,
            },
            Some(token) => Place::open(&kind, token).ok_or_else(invalid_token)?,
        };
        let (page, next) = span(&items, place, end, size, forward);
        let listed: Vec<Value> = page.into_iter().map(RecordedItem::listed).collect();
        let mut answer = json!({"configurationItems": listed});
        if let (Some(next), Some(members)) = (next, answer.as_object_mut()) {
            members.insert("nextToken".to_owned(), next.seal(&kind).into());
        }
        Ok(Answer::Json(answer))
    }
}

/// The items of the seven days from `place` on towards `end`, at most `size`, and where to go on if
/// that is not all: also when these days hold none.
fn span<'a>(
    items: &[&'a RecordedItem],
    place: Place,
    end: DateTime<Utc>,
    size: usize,
    forward: bool,
) -> (Vec<&'a RecordedItem>, Option<Place>) {
    let border = if forward {
        place
            .from
            .checked_add_signed(SPAN)
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    } else {
        place
            .from
            .checked_sub_signed(SPAN)
            .unwrap_or(DateTime::<Utc>::MIN_UTC)
    };
    let is_last = if forward {
        border >= end
    } else {
        border <= end
    };
    let within = |time: DateTime<Utc>| match (forward, is_last) {
        (true, true) => (place.from..=end).contains(&time),
        (true, false) => (place.from..border).contains(&time),
        (false, true) => (end..=place.from).contains(&time),
        // The border itself belongs to the days that follow.
        (false, false) => border < time && time <= place.from,
    };
    let mut in_span: Vec<&RecordedItem> = items
        .iter()
        .filter(|item| within(item.time))
        .copied()
        .collect();
    if !forward {
        in_span.sort_by_key(|item| Reverse(item.time));
    }
    let rest = in_span.get(place.shown..).unwrap_or_default();
    let page = rest.get(..size).unwrap_or(rest);
    let next = if page.len() < rest.len() {
        Some(Place {
            shown: place.shown + page.len(),
            ..place
        })
    } else if is_last {
        None
    } else {
        Some(Place {
            from: border,
            shown: 0,
        })
    };
    (page.to_vec(), next)
}

impl Place {
    fn seal(self, kind: &str) -> String {
        page::seal(
            kind,
            &format!("{} {}", self.from.timestamp_millis(), self.shown),
        )
    }

    fn open(kind: &str, token: &str) -> Option<Self> {
        let place = page::open(kind, token)?;
        let (from, shown) = place.split_once(' ')?;
        Some(Self {
            from: DateTime::from_timestamp_millis(from.parse().ok()?)?,
            shown: shown.parse().ok()?,
        })
    }
}
