//! `LookupEvents`, see
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>.

use std::cmp::Reverse;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::{Entry, Trail};
use crate::calls::Request;
use crate::dispatch::Context;
use crate::ids::page;
use crate::wire::{Answer, ApiError, epoch_seconds, from_epoch_seconds};

const LARGEST_PAGE: usize = 50;
const HISTORY: TimeDelta = TimeDelta::days(90);

/// The lookup attributes there are.
const KEYS: [&str; 8] = [
    "EventId",
    "EventName",
    "ReadOnly",
    "Username",
    "ResourceType",
    "ResourceName",
    "EventSource",
    "AccessKeyId",
];

/// What is looked up, and what of it on this page.
struct Lookup<'a> {
    attribute: Option<(&'a str, &'a str)>,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    size: usize,
}

impl Trail {
    pub(crate) fn lookup_events(
        &self,
        request: &Request,
        context: &Context,
    ) -> Result<Answer, ApiError> {
        let lookup = Lookup::of(request, context)?;
        let kind = listing(request);
        let shown = earlier(context.now, self.lag);
        let mut found: Vec<(usize, &Entry)> = self
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.time <= shown && lookup.finds(entry))
            .collect();
        // Newest first; of one moment, the one recorded last.
        found.sort_by_key(|(number, entry)| Reverse((entry.time, *number)));

        // The place is the last event shown, so one that shows up between two pages moves nothing.
        let start = match request.text("NextToken") {
            None => 0,
            Some(token) => page::open(&kind, token)
                .and_then(|place| place.parse::<usize>().ok())
                .and_then(|last| found.iter().position(|(number, _)| *number == last))
                .map(|position| position + 1)
                .ok_or_else(invalid_token)?,
        };
        let rest = found.get(start..).unwrap_or_default();
        let page = rest.get(..lookup.size).unwrap_or(rest);
        let events: Vec<Value> = page.iter().map(|(_, entry)| entry.event()).collect();
        let mut answer = json!({"Events": events});
        let last = page.last().filter(|_| page.len() < rest.len());
        if let (Some((number, _)), Some(members)) = (last, answer.as_object_mut()) {
            let token = page::seal(&kind, &number.to_string());
            members.insert("NextToken".to_owned(), token.into());
        }
        Ok(Answer::Json(answer))
    }
}

impl<'a> Lookup<'a> {
    fn of(request: &'a Request, context: &Context) -> Result<Self, ApiError> {
        request.only(&[
            "LookupAttributes",
            "StartTime",
            "EndTime",
            "MaxResults",
            "NextToken",
        ])?;
        let time = |name: &str| request.parameters.get(name).and_then(from_epoch_seconds);
        let oldest = earlier(context.now, HISTORY);
        let start = time("StartTime").unwrap_or(oldest);
        let end = time("EndTime").unwrap_or(context.now);
        if start > end {
            let message = "Start time cannot be later than end time.";
            return Err(ApiError::new("InvalidTimeRangeException", message));
        }
        Ok(Self {
            attribute: attribute(request)?,
            start: start.max(oldest),
            end,
            size: size(request)?,
        })
    }

    fn finds(&self, entry: &Entry) -> bool {
        let in_time = (self.start..=self.end).contains(&entry.time);
        let record = |name: &str| entry.record.get(name);
        let is = |name: &str, value: &str| record(name).and_then(Value::as_str) == Some(value);
        in_time
            && self.attribute.is_none_or(|(key, value)| match key {
                "EventId" => is("eventID", value),
                "EventName" => is("eventName", value),
                "EventSource" => is("eventSource", value),
                "ReadOnly" => entry.read_only() == value,
                "Username" => entry.username.as_deref() == Some(value),
                "ResourceType" => entry.resources.iter().any(|(kind, _)| *kind == value),
                "ResourceName" => entry.resources.iter().any(|(_, name)| name == value),
                "AccessKeyId" => entry.access_key_id() == Some(value),
                _ => false,
            })
    }
}

impl Entry {
    fn read_only(&self) -> &'static str {
        match self.record.get("readOnly").and_then(Value::as_bool) {
            Some(true) => "true",
            _ => "false",
        }
    }

    fn access_key_id(&self) -> Option<&str> {
        self.record
            .get("userIdentity")?
            .get("accessKeyId")?
            .as_str()
    }

    /// The event as `LookupEvents` shows it: the record is in it as a string.
    fn event(&self) -> Value {
        let resources: Vec<Value> = self
            .resources
            .iter()
            .map(|(kind, name)| json!({"ResourceType": kind, "ResourceName": name}))
            .collect();
        let members = [
            ("EventId", self.record.get("eventID").cloned()),
            ("EventName", self.record.get("eventName").cloned()),
            ("ReadOnly", Some(self.read_only().into())),
            ("AccessKeyId", self.access_key_id().map(Value::from)),
            ("EventTime", Some(epoch_seconds(self.time))),
            ("EventSource", self.record.get("eventSource").cloned()),
            ("Username", self.username.as_deref().map(Value::from)),
            ("Resources", Some(resources.into())),
            ("CloudTrailEvent", Some(self.record.to_string().into())),
        ];
        let present = members.into_iter();
        let present = present.filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(present.collect::<Map<_, _>>())
    }
}

/// A time so much earlier, or the beginning of time.
fn earlier(time: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    time.checked_sub_signed(by)
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}

fn invalid_token() -> ApiError {
    let message = "Invalid nextToken: it must come with the parameters it was issued for.";
    ApiError::new("InvalidNextTokenException", message)
}

/// What a page token is bound to: all parameters but itself.
fn listing(request: &Request) -> String {
    let mut parameters = request.parameters.clone();
    if let Some(members) = parameters.as_object_mut() {
        members.remove("NextToken");
    }
    parameters.to_string()
}

/// "Currently the list can contain only one item."
fn attribute(request: &Request) -> Result<Option<(&str, &str)>, ApiError> {
    let refused = |message: &str| ApiError::new("InvalidLookupAttributesException", message);
    let attributes = request.parameters.get("LookupAttributes");
    let attributes = attributes
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let [attribute] = attributes else {
        return match attributes {
            [] => Ok(None),
            _ => Err(refused("You can only specify one lookup attribute.")),
        };
    };
    let text = |name: &str| attribute.get(name).and_then(Value::as_str);
    let (Some(key), Some(value)) = (text("AttributeKey"), text("AttributeValue")) else {
        return Err(refused("A lookup attribute needs a key and a value."));
    };
    if !KEYS.contains(&key) || value.is_empty() {
        return Err(refused("The lookup attribute is not valid."));
    }
    Ok(Some((key, value)))
}

fn size(request: &Request) -> Result<usize, ApiError> {
    let Some(value) = request.parameters.get("MaxResults") else {
        return Ok(LARGEST_PAGE);
    };
    let size = value.as_u64().and_then(|size| usize::try_from(size).ok());
    size.filter(|size| (1..=LARGEST_PAGE).contains(size))
        .ok_or_else(|| {
            let message = format!("MaxResults must be between 1 and {LARGEST_PAGE}.");
            ApiError::new("InvalidMaxResultsException", message)
        })
}
