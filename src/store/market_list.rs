//! The marketplace as it is looked through.
//!
//! Invariant: no list costs more for there being more to list. A page is first found as numbers, along an index that has the
//! order of the list and what it is narrowed to, so that what is skipped is skipped in the index alone; then at most a hundred
//! rows are read. What is searched for is looked up among the newest [`FOUND_MAX`] that have the words.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Bind, Database, StoreError};
use crate::binds;
use crate::domain::form::order::ReviewForm;
use crate::domain::form::profile::{ProfileForm, PublicProfile};
use crate::domain::form::service::ServiceForm;
use crate::domain::id::{AgentId, ServiceId};
use crate::domain::market::price::Prices;
use crate::domain::market::rating::Rating;
use crate::domain::market::service::{Category, SERVICES_MAX};

/// Reviews a profile shows: the newest.
const REVIEWS_SHOWN: u64 = 20;
/// Of what has the words of a search so many are ordered: the newest.
const FOUND_MAX: u64 = 1_000;
/// A page begins behind so many at most.
pub const OFFSET_MAX: u64 = 10_000;

macro_rules! agent_columns {
    () => {
        "SELECT a.agent_id, a.orders, a.completed, a.ratings, a.rating_sum, a.form FROM "
    };
}

macro_rules! service_columns {
    () => {
        "SELECT s.orders, s.completed, s.ratings, s.rating_sum, s.active, a.name, a.slug, s.form FROM "
    };
}

/// The agents of a page of numbers.
macro_rules! agents_of {
    ($order:literal, $page:expr) => {
        concat!(agent_columns!(), "(", $page, " LIMIT ?1 OFFSET ?2) p CROSS JOIN market_agents a ON a.number = p.number ORDER BY ", $order)
    };
}

/// Lists of agents in one order, by [`Way`]; the order is told of agents and of what they can do.
macro_rules! agents_by {
    ($order:literal, $order_of_capabilities:literal) => {
        [
            agents_of!($order, concat!("SELECT a.number FROM market_agents a WHERE a.version > 0 AND a.active = 1 ORDER BY ", $order)),
            agents_of!(
                $order,
                concat!("SELECT c.number FROM market_capabilities c WHERE c.shown = 1 AND c.category = ?3 ORDER BY ", $order_of_capabilities)
            ),
            agents_of!($order, concat!("SELECT a.number FROM (SELECT rowid AS number FROM market_agent_words WHERE market_agent_words MATCH ?3 ORDER BY rowid DESC LIMIT ?4) w CROSS JOIN market_agents a ON a.number = w.number WHERE a.version > 0 AND a.active = 1 ORDER BY ", $order)),
        ]
    };
}

/// The services of a page of numbers.
macro_rules! services_of {
    ($order:expr, $page:expr) => {
        concat!(service_columns!(), "(", $page, " LIMIT ?1 OFFSET ?2) p CROSS JOIN market_services s ON s.number = p.number CROSS JOIN market_agents a ON a.agent_id = s.agent_id ORDER BY s.", $order, ", s.number DESC")
    };
}

/// Numbers of services that are offered, with what they are ordered by.
macro_rules! offered {
    ($key:literal) => {
        concat!("SELECT s.number, s.", $key, " AS rank FROM market_services s WHERE s.active = 1 AND s.hidden = 0")
    };
}

/// Lists of services in one order, by [`Way`].
macro_rules! services_by {
    ($key:literal, $direction:literal) => {
        [
            services_of!(concat!($key, $direction), concat!(offered!($key), " ORDER BY rank", $direction, ", s.number DESC")),
            services_of!(concat!($key, $direction), concat!(offered!($key), " AND s.category = ?3 ORDER BY rank", $direction, ", s.number DESC")),
            services_of!(concat!($key, $direction), concat!("SELECT s.number FROM (SELECT rowid AS number FROM market_service_words WHERE market_service_words MATCH ?3 ORDER BY rowid DESC LIMIT ?4) w CROSS JOIN market_services s ON s.number = w.number WHERE s.active = 1 AND s.hidden = 0 ORDER BY s.", $key, $direction, ", s.number DESC")),
            services_of!(concat!($key, $direction), concat!(offered!($key), " AND s.band = ?3 ORDER BY rank", $direction, ", s.number DESC")),
            services_of!(concat!($key, $direction), concat!(offered!($key), " AND s.category = ?3 AND s.band = ?4 ORDER BY rank", $direction, ", s.number DESC")),
            services_of!(concat!($key, $direction), concat!(offered!($key), " AND s.band = ?3 UNION ALL ", offered!($key), " AND s.band = ?4 ORDER BY rank", $direction, ", number DESC")),
            services_of!(concat!($key, $direction), concat!(offered!($key), " AND s.category = ?3 AND s.band = ?4 UNION ALL ", offered!($key), " AND s.category = ?3 AND s.band = ?5 ORDER BY rank", $direction, ", number DESC")),
        ]
    };
}

/// What a list is narrowed by: the place of its statement among those of its order.
#[derive(Clone, Copy)]
enum Way {
    All,
    Category,
    /// Words, and with them whatever else.
    Words,
    /// A band of prices: of services alone, as are those that follow.
    Band,
    CategoryAndBand,
    TwoBands,
    CategoryAndTwoBands,
}

const AGENTS_BY_POPULARITY: [&str; 3] = agents_by!("a.completed DESC, a.number DESC", "c.completed DESC, c.number DESC");
const AGENTS_BY_AGE: [&str; 3] = agents_by!("a.number DESC", "c.number DESC");
const AGENTS_BY_RATING: [&str; 3] = agents_by!("a.rating DESC, a.number DESC", "c.rating DESC, c.number DESC");

const SERVICES_BY_POPULARITY: [&str; 7] = services_by!("completed", " DESC");
const SERVICES_BY_AGE: [&str; 7] = services_by!("number", " DESC");
const SERVICES_BY_PRICE: [&str; 7] = services_by!("price_minor", "");
const SERVICES_BY_RATING: [&str; 7] = services_by!("rating", " DESC");
const SERVICES_BY_TURNAROUND: [&str; 7] = services_by!("turnaround_hours", "");

const FIND_AGENT: &str = concat!(
    agent_columns!(),
    "market_agents a WHERE (a.agent_id = ?1 OR a.slug = ?2) AND a.version > 0 AND a.active = 1 ORDER BY a.agent_id = ?1 DESC LIMIT 1"
);
const SERVICES_OF_AGENT: &str = concat!(
    service_columns!(),
    "market_services s JOIN market_agents a ON a.agent_id = s.agent_id WHERE s.agent_id = ?1 AND s.active = 1 ORDER BY s.number DESC LIMIT ?2"
);
const FIND_SERVICE: &str = concat!(
    service_columns!(),
    "market_services s JOIN market_agents a ON a.agent_id = s.agent_id WHERE s.service_id = ?1 AND s.active = 1 AND s.hidden = 0"
);
const REVIEWS_OF_AGENT: &str = "SELECT form FROM market_reviews WHERE agent_id = ?1 ORDER BY number DESC LIMIT ?2";

/// Every statement of this module.
pub const STATEMENTS: &[&[&str]] = &[
    &AGENTS_BY_POPULARITY,
    &AGENTS_BY_AGE,
    &AGENTS_BY_RATING,
    &SERVICES_BY_POPULARITY,
    &SERVICES_BY_AGE,
    &SERVICES_BY_PRICE,
    &SERVICES_BY_RATING,
    &SERVICES_BY_TURNAROUND,
    &[FIND_AGENT, SERVICES_OF_AGENT, FIND_SERVICE, REVIEWS_OF_AGENT],
];

/// The order of a list of agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentOrder {
    Popular,
    Newest,
    Rating,
}

/// The order of a list of services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceOrder {
    Popular,
    Newest,
    Cheapest,
    Rating,
    Fastest,
}

/// What a list is narrowed to, and which part of it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowed {
    /// Words that all stand in what is listed, each at the beginning of one of its.
    pub search: Option<String>,
    pub category: Option<Category>,
    /// Of services alone.
    pub prices: Option<Prices>,
    pub limit: u64,
    pub offset: u64,
}

impl Narrowed {
    /// The search in the words of the index: each word quoted, so that none is an operator, and the marks of what else the list
    /// is narrowed to. `None` when nothing can match.
    fn to_match(&self, search: &str) -> Option<String> {
        let words: Vec<String> =
            search.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(|word| format!("\"{word}\"*")).collect();
        if words.is_empty() {
            return None;
        }
        let mut terms = vec![format!("words : ({})", words.join(" AND "))];
        if let Some(category) = self.category {
            terms.push(format!("marks : c{}", category.as_str().replace('_', "")));
        }
        if let Some(prices) = self.prices {
            let bands: Vec<String> = prices.bands().iter().map(|band| format!("p{band}")).collect();
            terms.push(format!("marks : ({})", bands.join(" OR ")));
        }
        Some(terms.join(" AND "))
    }

    /// The way the list is narrowed, and what its statement is bound to. `None` when nothing can match.
    fn choose(&self) -> Option<(Way, Vec<Bind>)> {
        let mut values = binds![self.limit, self.offset];
        if let Some(search) = &self.search {
            values.extend(binds![self.to_match(search)?, FOUND_MAX]);
            return Some((Way::Words, values));
        }
        let bands = self.prices.map_or::<&[u64], _>(&[], Prices::bands);
        values.extend(self.category.map(|category| Bind::from(category.as_str())));
        values.extend(bands.iter().map(|band| Bind::from(*band)));
        let way = match (self.category, bands) {
            (None, []) => Way::All,
            (Some(_), []) => Way::Category,
            (None, [_]) => Way::Band,
            (Some(_), [_]) => Way::CategoryAndBand,
            (None, _) => Way::TwoBands,
            (Some(_), _) => Way::CategoryAndTwoBands,
        };
        Some((way, values))
    }
}

#[derive(Deserialize)]
struct AgentRow {
    agent_id: AgentId,
    orders: u64,
    completed: u64,
    ratings: u64,
    rating_sum: u64,
    form: String,
}

#[derive(Deserialize)]
struct ServiceRow {
    orders: u64,
    completed: u64,
    ratings: u64,
    rating_sum: u64,
    active: u64,
    name: String,
    slug: String,
    form: String,
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Broken(format!("a form does not read: {error}")))
}

impl AgentRow {
    fn into_profile(self) -> Result<PublicProfile, StoreError> {
        let mut form: ProfileForm = read(&self.form)?;
        (form.total_orders, form.completed_orders) = (self.orders, self.completed);
        form.avg_rating = Rating::average(self.rating_sum, self.ratings);
        Ok(form.into())
    }
}

impl ServiceRow {
    fn into_form(self) -> Result<ServiceForm, StoreError> {
        let mut form: ServiceForm = read(&self.form)?;
        (form.agent_name, form.agent_slug, form.active) = (self.name, self.slug, self.active);
        (form.total_orders, form.completed_orders) = (self.orders, self.completed);
        form.avg_rating = Rating::average(self.rating_sum, self.ratings);
        Ok(form)
    }
}

/// A page of a list, by the statements of its order.
async fn list<R: DeserializeOwned, T>(
    database: Database<'_>,
    statements: &[&'static str],
    narrowed: &Narrowed,
    into: impl FnMut(R) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let Some((way, values)) = narrowed.choose() else { return Ok(Vec::new()) };
    let sql = statements.get(way as usize).ok_or_else(|| StoreError::Broken("a list is not narrowed that way".to_owned()))?;
    database.rows::<R>(sql, values).await?.into_iter().map(into).collect()
}

/// A page of the agents that may act.
pub async fn list_agents(database: Database<'_>, order: AgentOrder, narrowed: &Narrowed) -> Result<Vec<PublicProfile>, StoreError> {
    let statements = match order {
        AgentOrder::Popular => AGENTS_BY_POPULARITY,
        AgentOrder::Newest => AGENTS_BY_AGE,
        AgentOrder::Rating => AGENTS_BY_RATING,
    };
    list(database, &statements, narrowed, AgentRow::into_profile).await
}

/// A page of the services that are offered.
pub async fn list_services(database: Database<'_>, order: ServiceOrder, narrowed: &Narrowed) -> Result<Vec<ServiceForm>, StoreError> {
    let statements = match order {
        ServiceOrder::Popular => SERVICES_BY_POPULARITY,
        ServiceOrder::Newest => SERVICES_BY_AGE,
        ServiceOrder::Cheapest => SERVICES_BY_PRICE,
        ServiceOrder::Rating => SERVICES_BY_RATING,
        ServiceOrder::Fastest => SERVICES_BY_TURNAROUND,
    };
    list(database, &statements, narrowed, ServiceRow::into_form).await
}

/// The agent of that id or slug, if it may act.
pub async fn find_agent(
    database: Database<'_>,
    agent_id: Option<AgentId>,
    slug: &str,
) -> Result<Option<(AgentId, PublicProfile)>, StoreError> {
    let row = database.first::<AgentRow>(FIND_AGENT, binds![agent_id.map(|id| id.to_string()), slug]).await?;
    row.map(|row| Ok((row.agent_id, row.into_profile()?))).transpose()
}

/// What an agent offers, newest first.
pub async fn services_of(database: Database<'_>, agent_id: AgentId) -> Result<Vec<ServiceForm>, StoreError> {
    let rows = database.rows::<ServiceRow>(SERVICES_OF_AGENT, binds![agent_id.to_string(), SERVICES_MAX]).await?;
    rows.into_iter().map(ServiceRow::into_form).collect()
}

/// A service that is offered.
pub async fn find_service(database: Database<'_>, service_id: ServiceId) -> Result<Option<ServiceForm>, StoreError> {
    database.first::<ServiceRow>(FIND_SERVICE, binds![service_id.to_string()]).await?.map(ServiceRow::into_form).transpose()
}

/// What buyers said of an agent, newest first.
pub async fn reviews_of(database: Database<'_>, agent_id: AgentId) -> Result<Vec<ReviewForm>, StoreError> {
    #[derive(Deserialize)]
    struct Row {
        form: String,
    }
    let rows = database.rows::<Row>(REVIEWS_OF_AGENT, binds![agent_id.to_string(), REVIEWS_SHOWN]).await?;
    rows.into_iter().map(|row| read(&row.form)).collect()
}
