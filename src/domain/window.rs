//! Spending windows of a mandate: the UTC day, the UTC month, and all time.
//!
//! Invariant: an amount counts in the windows of its hold, from the hold until it is freed or for good once it is spent. A
//! window that is over counts nothing; what is freed or spent later changes only windows that are still open.

use serde::{Deserialize, Serialize};

use super::money::{Micros, MoneyError};
use super::time::{DAY_MS, Timestamp};

/// What one window holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Window {
    pub held: Micros,
    pub spent: Micros,
}

impl Window {
    /// Held and spent together.
    pub fn used(&self) -> Micros {
        self.held.checked_add(self.spent).unwrap_or(Micros::MAX)
    }

    /// What is left of a limit; `None` without one.
    pub fn left_of(&self, limit: Option<Micros>) -> Option<Micros> {
        limit.map(|limit| limit.checked_sub(self.used()).unwrap_or(Micros::ZERO))
    }

    fn hold(&mut self, amount: Micros) -> Result<(), MoneyError> {
        self.held = self.held.checked_add(amount)?;
        Ok(())
    }

    fn free(&mut self, amount: Micros) -> Result<(), MoneyError> {
        self.held = self.held.checked_sub(amount)?;
        Ok(())
    }

    fn spend(&mut self, amount: Micros) -> Result<(), MoneyError> {
        self.held = self.held.checked_sub(amount)?;
        self.spent = self.spent.checked_add(amount)?;
        Ok(())
    }
}

/// The windows of a mandate. `day_number` (days since the epoch) says which day and month `day` and `month` are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Windows {
    pub day_number: u64,
    pub day: Window,
    pub month: Window,
    pub total: Window,
}

impl Windows {
    /// The windows as they stand at `now`: a day or month that is over counts nothing. A clock a little behind the last
    /// call's is still in that call's day.
    pub fn at(mut self, now: Timestamp) -> Self {
        self.roll(now);
        self
    }

    fn roll(&mut self, now: Timestamp) {
        let today = now.utc_day();
        if today <= self.day_number {
            return;
        }
        if month_of(today) != month_of(self.day_number) {
            self.month = Window::default();
        }
        self.day = Window::default();
        self.day_number = today;
    }

    /// Holds an amount; answers the day it counts in.
    pub fn hold(&mut self, amount: Micros, now: Timestamp) -> Result<u64, MoneyError> {
        self.roll(now);
        self.day.hold(amount)?;
        self.month.hold(amount)?;
        self.total.hold(amount)?;
        Ok(self.day_number)
    }

    /// Frees an amount that was held on `day`.
    pub fn free(&mut self, amount: Micros, day: u64) -> Result<(), MoneyError> {
        self.of_hold(day).try_for_each(|window| window.free(amount))
    }

    /// Spends an amount that was held on `day`.
    pub fn spend(&mut self, amount: Micros, day: u64) -> Result<(), MoneyError> {
        self.of_hold(day).try_for_each(|window| window.spend(amount))
    }

    /// The windows in which a hold of that day still counts.
    fn of_hold(&mut self, day: u64) -> impl Iterator<Item = &mut Window> {
        let (same_day, same_month) = (day == self.day_number, month_of(day) == month_of(self.day_number));
        [(true, &mut self.total), (same_day, &mut self.day), (same_month, &mut self.month)]
            .into_iter()
            .filter_map(|(counts, window)| counts.then_some(window))
    }

    /// When the day and the month that hold at `now` are over.
    pub fn resets_at(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let today = now.utc_day().max(self.day_number);
        let tomorrow = Timestamp::from_ms((today + 1) * DAY_MS);
        // A month has at most 31 days: one of the next 31 days is another month's first.
        let first = (today + 1..=today + 31).find(|day| month_of(*day) != month_of(today)).unwrap_or(today + 31);
        (tomorrow, Timestamp::from_ms(first * DAY_MS))
    }
}

/// A number for the UTC month of a day, the same for all its days.
fn month_of(day: u64) -> (u64, u64) {
    Timestamp::from_ms(day.saturating_mul(DAY_MS)).utc_month()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(n: u64) -> Micros {
        Micros::new(n).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_day_that_is_over_counts_nothing_and_its_month_still_does() {
        let mut windows = Windows::default();
        let monday = windows.hold(micros(5), at("2026-03-30T23:59:59.999Z")).unwrap();
        let next = windows.at(at("2026-03-31T00:00:00Z"));
        assert_eq!((next.day.used(), next.month.used(), next.total.used()), (micros(0), micros(5), micros(5)));
        let april = windows.at(at("2026-04-01T00:00:00Z"));
        assert_eq!((april.month.used(), april.total.used()), (micros(0), micros(5)));
        let mut april = april;
        april.spend(micros(5), monday).unwrap();
        assert_eq!(
            (april.day, april.month, april.total),
            (Window::default(), Window::default(), Window { held: micros(0), spent: micros(5) })
        );
    }

    #[test]
    fn a_hold_counts_in_the_window_of_its_hold_though_it_is_freed_later() {
        let mut windows = Windows::default();
        let first = windows.hold(micros(7), at("2026-03-30T12:00:00Z")).unwrap();
        let second = windows.hold(micros(2), at("2026-03-31T12:00:00Z")).unwrap();
        windows.free(micros(7), first).unwrap();
        assert_eq!((windows.day.held, windows.month.held, windows.total.held), (micros(2), micros(2), micros(2)));
        windows.spend(micros(2), second).unwrap();
        assert_eq!((windows.day.spent, windows.day.held), (micros(2), micros(0)));
    }

    #[test]
    fn a_clock_a_little_behind_counts_in_the_day_that_has_begun() {
        let mut windows = Windows::default();
        let later = windows.hold(micros(1), at("2026-04-01T00:00:00Z")).unwrap();
        let behind = windows.hold(micros(1), at("2026-03-31T23:59:59.900Z")).unwrap();
        assert_eq!(later, behind);
        assert_eq!(windows.month.held, micros(2));
    }

    #[test]
    fn a_month_ends_on_its_last_day() {
        let of = |text: &str| Windows::default().resets_at(at(text)).1.to_string();
        assert_eq!(of("2026-02-01T00:00:00Z"), "2026-03-01T00:00:00.000Z");
        assert_eq!(of("2024-02-29T23:59:59Z"), "2024-03-01T00:00:00.000Z");
        assert_eq!(of("2026-12-31T12:00:00Z"), "2027-01-01T00:00:00.000Z");
    }
}
