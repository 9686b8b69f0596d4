//! The tenant itself: its profile, and what it spent day by day.

use super::agent;
use super::desk::{Desk, Done, Step, read_as, read_micros, read_optional_as, read_time, read_wallet_id};
use super::outcome::{DaySpend, Outcome, Profile};
use crate::domain::address::LoginAddress;
use crate::domain::event::Action;
use crate::domain::money::Micros;
use crate::domain::plan::Plan;
use crate::domain::time::{DAY_MS, Timestamp};
use crate::objects::sql::SqlError;
use crate::{params, statements};

statements! {
    READ = "SELECT name, plan, controller_login, default_wallet_id, created_at_ms FROM tenant";
    UPDATE = "UPDATE tenant SET name = coalesce(?1, name), plan = coalesce(?2, plan)";
    READ_SPEND = "SELECT day, spent_micros, charges FROM daily_spend WHERE day BETWEEN ?1 AND ?2 ORDER BY day";
}

/// The tenant as it stands.
pub(super) fn read(desk: &Desk<'_>) -> Step<Profile> {
    let row = desk.sql.first(READ, &[])?.ok_or(SqlError::Shape("no tenant"))?;
    Ok(Profile {
        tenant_uuid: desk.caller.tenant_uuid,
        slug: desk.caller.slug.clone(),
        name: row.text(0)?.to_owned(),
        plan: read_as(&row, 1, Plan::parse, "not a plan")?,
        agents: agent::count(desk)?,
        controller_address: read_optional_as(&row, 2, |text| LoginAddress::parse(text).ok(), "not an address")?,
        default_wallet: read_wallet_id(&row, 3)?,
        created_at_ms: read_time(&row, 4)?,
    })
}

pub(super) fn get(desk: &Desk<'_>) -> Step<Done> {
    Ok(Outcome::Profile(read(desk)?).into())
}

/// Changes the name or the plan. A plan below what is used is allowed: it only stops growth.
pub(super) fn update(desk: &mut Desk<'_>, name: Option<&str>, plan: Option<Plan>) -> Step<Done> {
    desk.sql.run(UPDATE, params![name, plan.map(Plan::as_str)])?;
    let profile = read(desk)?;
    let tenant = desk.caller.tenant_uuid.to_string();
    desk.record(Action::TenantUpdated, &tenant, None, &profile)?;
    Ok(Outcome::Profile(profile).into())
}

/// What was spent on each of the last `days` UTC days, today's last, days without spending included.
pub(super) fn list_daily_spend(desk: &Desk<'_>, days: u64) -> Step<Done> {
    Ok(Outcome::DailySpend(read_daily_spend(desk, days)?).into())
}

/// The same as rows.
pub(super) fn read_daily_spend(desk: &Desk<'_>, days: u64) -> Step<Vec<DaySpend>> {
    let today = desk.now.utc_day();
    let first = today.saturating_sub(days.saturating_sub(1));
    let rows = desk.sql.run(READ_SPEND, params![first, today])?;
    let mut rows = rows.iter().peekable();
    let mut spend = Vec::new();
    for day in first..=today {
        let mut of_day = DaySpend { date: Timestamp::from_ms(day * DAY_MS).date_text(), spent_micros: Micros::ZERO, charges: 0 };
        if let Some(row) = rows.peek()
            && row.unsigned(0)? == day
        {
            of_day.spent_micros = read_micros(row, 1)?;
            of_day.charges = row.unsigned(2)?;
            rows.next();
        }
        spend.push(of_day);
    }
    Ok(spend)
}
