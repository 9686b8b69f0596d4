//! Small parts that several pages share: moments, amounts, badges, tables, links.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::domain::money::Micros;
use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};

/// A path with `name=value` pairs behind it, each percent-encoded.
pub fn build_href(path: &str, query: &[(&str, &str)]) -> String {
    let mut href = path.to_owned();
    for (at, (name, value)) in query.iter().enumerate() {
        href.push(if at == 0 { '?' } else { '&' });
        href.push_str(name);
        href.push('=');
        href.push_str(&encode_component(value));
    }
    href
}

/// Percent-encodes all but the unreserved characters of RFC 3986 2.3, so that the text is one segment or value.
pub fn encode_component(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

/// An amount for the eye: `$1,234.50`, `$0.001`; exact, at least two places.
pub fn write_dollars(amount: Micros) -> String {
    let exact = amount.to_string();
    let (whole, fraction) = exact.split_once('.').unwrap_or((&exact, ""));
    format!("${}.{fraction:0<2}", group_digits(whole))
}

/// Digits with a comma between thousands.
fn group_digits(digits: &str) -> String {
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number for the eye: `20,418`.
pub fn write_number(number: u64) -> String {
    group_digits(&number.to_string())
}

/// A count and its noun: `1 key`, `3 keys`.
pub fn write_count(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", write_number(count), if count == 1 { one } else { many })
}

/// `2026-01-31 12:00`, in UTC.
fn write_minute(at: Timestamp) -> String {
    at.to_string().chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// `31 Jan`, in UTC.
pub fn write_short_date(at: Timestamp) -> String {
    let date = at.date_text();
    let month = match date.get(5..7) {
        Some("01") => "Jan",
        Some("02") => "Feb",
        Some("03") => "Mar",
        Some("04") => "Apr",
        Some("05") => "May",
        Some("06") => "Jun",
        Some("07") => "Jul",
        Some("08") => "Aug",
        Some("09") => "Sep",
        Some("10") => "Oct",
        Some("11") => "Nov",
        _ => "Dec",
    };
    format!("{} {month}", date.get(8..).unwrap_or_default().trim_start_matches('0'))
}

/// How far `at` lies from `now`: `in 23 h`, `just now`, `5 min ago`, `3 days ago`.
pub fn write_distance(now: Timestamp, at: Timestamp) -> String {
    let (ahead_ms, behind_ms) = (at.since_ms(now), now.since_ms(at));
    let span = |ms: u64| match ms {
        ms if ms >= 2 * DAY_MS => format!("{} days", ms / DAY_MS),
        ms if ms >= HOUR_MS => format!("{} h", ms / HOUR_MS),
        ms => format!("{} min", ms / MINUTE_MS),
    };
    if ahead_ms >= MINUTE_MS {
        format!("in {}", span(ahead_ms))
    } else if behind_ms >= MINUTE_MS {
        format!("{} ago", span(behind_ms))
    } else {
        "just now".to_owned()
    }
}

/// A moment, to the minute.
pub fn render_moment(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (write_minute(at)) } }
}

/// A moment as its distance from now; the exact time stands in the title.
pub fn render_distance(now: Timestamp, at: Timestamp) -> Markup {
    html! { time datetime=(at) title=(format!("{} UTC", write_minute(at))) { (write_distance(now, at)) } }
}

/// When something ends: never, `in 23 h`, or a mark that it has.
pub fn render_expiry(now: Timestamp, expires_at: Option<Timestamp>) -> Markup {
    match expires_at {
        None => html! { span.quiet { "never" } },
        Some(at) if at <= now => render_badge("expired", Tone::Quiet),
        Some(at) => render_distance(now, at),
    }
}

/// The colour of a badge; its word says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Warning,
    Quiet,
}

pub fn render_badge(word: &str, tone: Tone) -> Markup {
    let tone = match tone {
        Tone::Good => "good",
        Tone::Warning => "warning",
        Tone::Quiet => "quiet",
    };
    html! { span class=(format!("badge badge-{tone}")) { (word) } }
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    /// Numbers stand to the right.
    pub is_number: bool,
    /// Read out, but not shown: columns of buttons.
    pub is_silent: bool,
}

impl Column {
    pub const fn text(name: &'static str) -> Self {
        Self { name, is_number: false, is_silent: false }
    }

    pub const fn number(name: &'static str) -> Self {
        Self { name, is_number: true, is_silent: false }
    }

    pub const fn action(name: &'static str) -> Self {
        Self { name, is_number: true, is_silent: true }
    }
}

/// A table that scrolls sideways in itself, so the page never does; reachable by keyboard.
pub fn render_table(caption: &str, columns: &[Column], rows: &Markup) -> Markup {
    html! {
        div.scroll role="region" aria-label=(caption) tabindex="0" {
            table {
                caption.unseen { (caption) }
                thead {
                    tr {
                        @for column in columns {
                            th.number[column.is_number] scope="col" {
                                @if column.is_silent { span.unseen { (column.name) } } @else { (column.name) }
                            }
                        }
                    }
                }
                tbody { (rows) }
            }
        }
    }
}

/// One of several views of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    pub text: String,
    pub href: String,
    pub is_current: bool,
}

/// Links to the views of a list; `label` says what they choose.
pub fn render_filters(label: &str, filters: &[Filter]) -> Markup {
    html! {
        nav.filters aria-label=(label) {
            ul {
                @for filter in filters {
                    li { a href=(filter.href) aria-current=[filter.is_current.then_some("true")] { (filter.text) } }
                }
            }
        }
    }
}

/// The way through a list that is read by pages, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pager {
    /// Back to the first page, when this is another.
    pub newest: Option<String>,
    pub older: Option<String>,
}

pub fn render_pager(pager: &Pager) -> Markup {
    html! {
        @if pager.newest.is_some() || pager.older.is_some() {
            nav.pager aria-label="Pages" {
                @if let Some(href) = &pager.newest { a.button.small href=(href) { "Newest" } }
                @if let Some(href) = &pager.older { a.button.small href=(href) rel="next" { "Older" } }
            }
        }
    }
}

/// A stored name for the eye: `pending approval`.
pub fn write_words(name: &str) -> String {
    name.replace(['_', '.'], " ")
}

/// What stands where a list has no rows.
pub fn render_empty(text: &str) -> Markup {
    html! { p.empty { (text) } }
}

/// A heading with a line under it, at the top of a page.
pub fn render_heading(title: &str, lead: &str) -> Markup {
    html! {
        div.heading {
            h1 { (title) }
            @if !lead.is_empty() { p.lead { (lead) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_grouped_and_have_at_least_two_places() {
        for (micros, text) in [
            (0, "$0.00"),
            (1_000, "$0.001"),
            (990_000, "$0.99"),
            (999_000, "$0.999"),
            (1_500_000, "$1.50"),
            (1_234_500_000, "$1,234.50"),
            (1_000_000_000_000, "$1,000,000.00"),
        ] {
            assert_eq!(write_dollars(Micros::new(micros).unwrap()), text);
        }
    }

    #[test]
    fn distances_read_as_people_say_them() {
        let now = Timestamp::from_ms(10 * DAY_MS);
        assert_eq!(write_distance(now, now), "just now");
        assert_eq!(write_distance(now, now.minus_ms(5 * MINUTE_MS)), "5 min ago");
        assert_eq!(write_distance(now, now.minus_ms(3 * DAY_MS)), "3 days ago");
        assert_eq!(write_distance(now, now.plus_ms(23 * HOUR_MS)), "in 23 h");
        assert_eq!(write_short_date(Timestamp::parse("2026-03-05T00:00:00Z").unwrap()), "5 Mar");
    }

    #[test]
    fn a_value_cannot_leave_its_place_in_an_address() {
        assert_eq!(
            build_href("/account/keys", &[("tenant", "a&b=c/../\"#é"), ("agent", "x")]),
            "/account/keys?tenant=a%26b%3Dc%2F..%2F%22%23%C3%A9&agent=x"
        );
    }
}
