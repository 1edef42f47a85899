//! DescribeEvents: the last hour unless asked otherwise, at most fourteen days, newest first.
//!
//! Source: API reference DescribeEvents; order as in the guide's *Viewing ElastiCache events*.

use jiff::{SignedDuration, Timestamp};

use crate::units::{later, stamp};
use crate::wire::query::Params;
use crate::wire::xml::Xml;

use super::{ApiError, Ctx, Page};

const SOURCE_TYPES: [&str; 9] = [
    "cache-cluster",
    "cache-parameter-group",
    "cache-security-group",
    "cache-subnet-group",
    "replication-group",
    "serverless-cache",
    "serverless-cache-snapshot",
    "user",
    "user-group",
];
const FOURTEEN_DAYS_IN_MINUTES: i64 = 14 * 24 * 60;

pub fn describe(ctx: &mut Ctx<'_>, mut params: Params) -> Result<String, ApiError> {
    let id = params.take("SourceIdentifier").map(|id| id.to_lowercase());
    let source = params.take("SourceType");
    let now = ctx.as_of();
    let (from, to) = range(&mut params, now)?;
    let page = Page::take(ctx, &mut params)?;
    params.finish()?;
    if let Some(source) = &source
        && !SOURCE_TYPES.contains(&source.as_str())
    {
        return Err(ApiError::unknown(
            "InvalidParameterValue",
            format!("{source} is not a valid SourceType."),
        ));
    }
    let events = ctx
        .world
        .stores
        .get(&ctx.caller.place)
        .into_iter()
        .flat_map(|store| store.events.iter().rev());
    let events = events
        .skip_while(|event| event.at > to)
        .take_while(|event| event.at >= from)
        .filter(|event| source.as_ref().is_none_or(|source| event.source.word() == source))
        .filter(|event| id.as_ref().is_none_or(|id| event.id == *id));
    // Newest first, so that a page's key falls as the sequence number rises: new events never shift later pages.
    let (events, marker) = page.cut(events, |event| format!("{:020}", u64::MAX - event.seq));
    let mut xml = Xml::default();
    xml.opt("Marker", marker);
    xml.list("Events", "Event", events, |x, event| {
        x.text("SourceIdentifier", &event.id);
        x.text("SourceType", event.source.word());
        x.text("Message", &event.message);
        x.text("Date", stamp(event.at));
    });
    Ok(xml.finish())
}

fn range(params: &mut Params, now: Timestamp) -> Result<(Timestamp, Timestamp), ApiError> {
    let start = params.instant("StartTime")?;
    let end = params.instant("EndTime")?;
    let minutes = params.integer("Duration")?;
    if minutes.is_some_and(|m| !(1..=FOURTEEN_DAYS_IN_MINUTES).contains(&m)) {
        return Err(ApiError::value("Duration must be between 1 and 20160 minutes."));
    }
    if minutes.is_some() && start.is_some() && end.is_some() {
        return Err(ApiError::combination(
            "Duration cannot be combined with both StartTime and EndTime.",
        ));
    }
    let span = SignedDuration::from_mins(minutes.unwrap_or(60));
    let (from, to) = match (start, end) {
        (Some(start), Some(end)) => (start, end),
        (Some(start), None) => (start, minutes.map_or(now, |_| later(start, span))),
        (None, Some(end)) => (later(end, -span), end),
        (None, None) => (now - span, now),
    };
    if from > to {
        return Err(ApiError::combination("StartTime must be before EndTime."));
    }
    if from < now - SignedDuration::from_mins(FOURTEEN_DAYS_IN_MINUTES + 1) {
        return Err(ApiError::value("StartTime must be within the last 14 days."));
    }
    Ok((from, to.min(now)))
}
