//! Money over the last 30 days as bars: an SVG with a title and a description, and the same figures as a table.
//!
//! Only bars and lines are drawn; the words around them are HTML, so they stay legible when the drawing is squeezed
//! onto a telephone. All arithmetic is on integers.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::part::{Column, render_table, write_dollars, write_short_date};
use crate::domain::money::Micros;
use crate::domain::time::{DAY_MS, Timestamp};

/// How many days the plot shows, today the last.
pub const DAYS: u64 = 30;

/// The drawing's own units: a day is `DAY_WIDTH` wide, the tallest bar `HEIGHT` high.
const DAY_WIDTH: u64 = 100;
const BAR_MARGIN: u64 = 16;
const HEIGHT: u64 = 1_000;
/// An amount too small to see is still drawn.
const BAR_HEIGHT_MIN: u64 = 12;

/// What came together on one UTC day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DaySum {
    /// Any moment of the day.
    pub day: Timestamp,
    pub amount: Micros,
}

/// The last [`DAYS`] days up to `now`, oldest first: days without a row come to nothing, days before are left out.
pub fn fill_days(now: Timestamp, days: &[DaySum]) -> Vec<DaySum> {
    let mut sum_by_day: BTreeMap<u64, Micros> = BTreeMap::new();
    for row in days {
        let sum = sum_by_day.entry(row.day.utc_day()).or_default();
        *sum = sum.checked_add(row.amount).unwrap_or(Micros::MAX);
    }
    (0..DAYS)
        .rev()
        .map(|age| Timestamp::from_ms(now.minus_ms(age * DAY_MS).utc_day() * DAY_MS))
        .map(|day| DaySum { day, amount: sum_by_day.get(&day.utc_day()).copied().unwrap_or_default() })
        .collect()
}

/// The sum of all days.
pub fn sum_days(days: &[DaySum]) -> Micros {
    days.iter().fold(Micros::ZERO, |sum, row| sum.checked_add(row.amount).unwrap_or(Micros::MAX))
}

/// The smallest 1, 2 or 5 times a power of ten micro-units that no day exceeds: the top of the scale.
fn find_scale(highest: Micros) -> Micros {
    let mut power: u64 = 1_000;
    loop {
        for step in [1, 2, 5] {
            if power.saturating_mul(step) >= highest.get() {
                return Micros::new(power.saturating_mul(step)).unwrap_or(Micros::MAX);
            }
        }
        power = power.saturating_mul(10);
    }
}

/// What a plot is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlotWords {
    pub title: &'static str,
    /// The column of the amounts.
    pub column: &'static str,
    /// What stands there instead of bars.
    pub nothing: &'static str,
}

pub const SPEND: PlotWords =
    PlotWords { title: "Spend per day, last 30 days", column: "Spent", nothing: "Nothing spent in these 30 days." };
pub const EARNINGS: PlotWords =
    PlotWords { title: "Earned per day, last 30 days", column: "Earned", nothing: "Nothing earned in these 30 days." };

/// The plot of some days, with the same figures in a table below it.
pub fn render_plot(now: Timestamp, words: PlotWords, sums: &[DaySum]) -> Markup {
    let days = fill_days(now, sums);
    let total = sum_days(&days);
    let highest = days.iter().copied().max_by_key(|row| row.amount).unwrap_or(DaySum { day: now, amount: Micros::ZERO });
    let scale = find_scale(highest.amount);
    let half = Micros::new(scale.get() / 2).unwrap_or_default();
    html! {
        div.plot {
            div.plot-scale aria-hidden="true" {
                @if total.is_zero() {
                    span { "$0.00" }
                } @else {
                    span { (write_dollars(scale)) }
                    span { (write_dollars(half)) }
                    span { "$0.00" }
                }
            }
            div.plot-field {
                (render_drawing(&days, words, scale, &describe(words, total, highest)))
                @if total.is_zero() { p.plot-empty { (words.nothing) } }
            }
            div.plot-days aria-hidden="true" {
                @for row in [days.first(), days.get(10), days.get(20)].into_iter().flatten() { span { (write_short_date(row.day)) } }
                span.plot-today { "today" }
            }
        }
        details.figures {
            summary { "The same as a table" }
            (render_figures(&days, words))
        }
    }
}

fn describe(words: PlotWords, total: Micros, highest: DaySum) -> String {
    if total.is_zero() {
        return words.nothing.to_owned();
    }
    format!("{} in all; the most on {}: {}.", write_dollars(total), write_short_date(highest.day), write_dollars(highest.amount))
}

fn render_drawing(days: &[DaySum], words: PlotWords, scale: Micros, description: &str) -> Markup {
    let width = DAYS * DAY_WIDTH;
    let lines: &[u64] = if days.iter().all(|row| row.amount.is_zero()) { &[HEIGHT] } else { &[0, HEIGHT / 2, HEIGHT] };
    html! {
        svg viewBox=(format!("0 0 {width} {HEIGHT}")) preserveAspectRatio="none" role="img" aria-labelledby="plot-title plot-desc" {
            title id="plot-title" { (words.title) }
            desc id="plot-desc" { (description) }
            @for y in lines {
                line.grid x1="0" x2=(width) y1=(y) y2=(y) {}
            }
            @for (at, row) in (0..).zip(days) {
                @let height = measure_bar(row.amount, scale);
                g.day {
                    title { (write_short_date(row.day)) ": " (write_dollars(row.amount)) }
                    rect.reach x=(at * DAY_WIDTH) y="0" width=(DAY_WIDTH) height=(HEIGHT) {}
                    @if height > 0 {
                        rect.bar x=(at * DAY_WIDTH + BAR_MARGIN) y=(HEIGHT - height) width=(DAY_WIDTH - 2 * BAR_MARGIN) height=(height) {}
                    }
                }
            }
        }
    }
}

/// A bar's height in the drawing's units.
fn measure_bar(amount: Micros, scale: Micros) -> u64 {
    if amount.is_zero() {
        return 0;
    }
    let height = u128::from(amount.get()) * u128::from(HEIGHT) / u128::from(scale.get().max(1));
    u64::try_from(height).unwrap_or(HEIGHT).clamp(BAR_HEIGHT_MIN, HEIGHT)
}

fn render_figures(days: &[DaySum], words: PlotWords) -> Markup {
    let rows = html! {
        @for row in days.iter().rev() {
            tr {
                th scope="row" { time datetime=(row.day.date_text()) { (row.day.date_text()) } }
                td.number { (write_dollars(row.amount)) }
            }
        }
    };
    render_table(words.title, &[Column::text("Day"), Column::number(words.column)], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_770_000_000_000);

    fn spend(age_days: u64, micros: u64) -> DaySum {
        DaySum { day: NOW.minus_ms(age_days * DAY_MS), amount: Micros::new(micros).unwrap() }
    }

    fn count(html: &str, part: &str) -> usize {
        html.matches(part).count()
    }

    #[test]
    fn no_days_draw_no_bar_and_say_so() {
        let html = render_plot(NOW, SPEND, &[]).into_string();
        assert_eq!(count(&html, "class=\"bar\""), 0);
        assert!(html.contains("Nothing spent in these 30 days."));
        assert_eq!(count(&html, "scope=\"row\""), 30);
    }

    #[test]
    fn one_day_draws_one_bar() {
        let html = render_plot(NOW, SPEND, &[spend(0, 3_000)]).into_string();
        assert_eq!(count(&html, "class=\"bar\""), 1);
        assert!(html.contains("y=\"400\" width=\"68\" height=\"600\""), "{html}");
        assert!(html.contains("$0.003 in all"));
        assert!(html.contains("<span>$0.005</span><span>$0.0025</span>"));
    }

    #[test]
    fn many_days_are_summed_by_day_and_older_ones_left_out() {
        let mut rows: Vec<_> = (0..40).map(|age| spend(age, 1_000 * (age + 1))).collect();
        rows.push(spend(0, 7_000));
        let days = fill_days(NOW, &rows);
        assert_eq!(days.len(), 30);
        assert_eq!(days[29].amount.get(), 8_000);
        assert_eq!(days[0].amount.get(), 30_000);
        assert_eq!(count(&render_plot(NOW, SPEND, &rows).into_string(), "class=\"bar\""), 30);
    }

    #[test]
    fn a_day_that_dwarfs_the_rest_hides_none_of_them() {
        let html = render_plot(NOW, SPEND, &[spend(0, Micros::MAX.get()), spend(1, 1)]).into_string();
        assert_eq!(count(&html, "class=\"bar\""), 2);
        assert!(html.contains("height=\"12\""));
    }

    #[test]
    fn the_scale_is_never_below_the_highest_day() {
        for micros in [0, 1, 999, 1_000, 1_001, 2_001, 5_001, 123_456_789, Micros::MAX.get()] {
            let scale = find_scale(Micros::new(micros).unwrap());
            assert!(scale.get() >= micros && scale.get() >= 1_000);
        }
    }
}
