//! The marketplace as it is looked through: one statement for each order of a list and each way to narrow it, so that every
//! list follows an index.

use serde::Deserialize;

use super::{Bind, Database, StoreError};
use crate::binds;
use crate::domain::form::order::ReviewForm;
use crate::domain::form::profile::{ProfileForm, PublicProfile};
use crate::domain::form::service::ServiceForm;
use crate::domain::id::{AgentId, ServiceId};
use crate::domain::market::rating::Rating;
use crate::domain::market::service::{Category, SERVICES_MAX};

/// Reviews a profile shows: the newest.
const REVIEWS_SHOWN: u64 = 20;

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

/// Agents in one order: all, of a category, found by words.
macro_rules! agents_by {
    ($order:literal) => {
        [
            concat!(agent_columns!(), "market_agents a WHERE a.version > 0 AND a.active = 1 ORDER BY ", $order, " LIMIT ?1 OFFSET ?2"),
            concat!(agent_columns!(), "market_capabilities c JOIN market_agents a ON a.agent_id = c.agent_id WHERE c.category = ?3 AND a.version > 0 AND a.active = 1 ORDER BY ", $order, " LIMIT ?1 OFFSET ?2"),
            concat!(agent_columns!(), "market_agent_words w JOIN market_agents a ON a.number = w.rowid WHERE w.words MATCH ?3 AND a.version > 0 AND a.active = 1 AND (?4 IS NULL OR EXISTS (SELECT 1 FROM market_capabilities c WHERE c.category = ?4 AND c.agent_id = a.agent_id)) ORDER BY ", $order, " LIMIT ?1 OFFSET ?2"),
        ]
    };
}

/// Services in one order: all, of a category, found by words; each at a price within bounds.
macro_rules! services_by {
    ($order:literal, $price:literal) => {
        [
            concat!(service_columns!(), "market_services s JOIN market_agents a ON a.agent_id = s.agent_id WHERE s.active = 1 AND a.active = 1 AND ", $price, " BETWEEN ?3 AND ?4 ORDER BY ", $order, " LIMIT ?1 OFFSET ?2"),
            concat!(service_columns!(), "market_services s JOIN market_agents a ON a.agent_id = s.agent_id WHERE s.active = 1 AND a.active = 1 AND s.category = ?5 AND ", $price, " BETWEEN ?3 AND ?4 ORDER BY ", $order, " LIMIT ?1 OFFSET ?2"),
            concat!(service_columns!(), "market_service_words w JOIN market_services s ON s.number = w.rowid JOIN market_agents a ON a.agent_id = s.agent_id WHERE w.words MATCH ?5 AND s.active = 1 AND a.active = 1 AND +s.price_minor BETWEEN ?3 AND ?4 AND (?6 IS NULL OR s.category = ?6) ORDER BY ", $order, " LIMIT ?1 OFFSET ?2"),
        ]
    };
}

const AGENTS_BY_POPULARITY: [&str; 3] = agents_by!("a.completed DESC, a.number DESC");
const AGENTS_BY_AGE: [&str; 3] = agents_by!("a.number DESC");
const AGENTS_BY_RATING: [&str; 3] = agents_by!("a.rating DESC, a.number DESC");

// A plus before the price keeps to the index of the order.
const SERVICES_BY_POPULARITY: [&str; 3] = services_by!("s.completed DESC, s.number DESC", "+s.price_minor");
const SERVICES_BY_AGE: [&str; 3] = services_by!("s.number DESC", "+s.price_minor");
const SERVICES_BY_PRICE: [&str; 3] = services_by!("s.price_minor, s.number DESC", "s.price_minor");
const SERVICES_BY_RATING: [&str; 3] = services_by!("s.rating DESC, s.number DESC", "+s.price_minor");
const SERVICES_BY_TURNAROUND: [&str; 3] = services_by!("s.turnaround_hours, s.number DESC", "+s.price_minor");

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
    "market_services s JOIN market_agents a ON a.agent_id = s.agent_id WHERE s.service_id = ?1 AND s.active = 1 AND a.active = 1"
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
    pub limit: u64,
    pub offset: u64,
}

impl Narrowed {
    /// The search in the words of the index: each word quoted, so that none is an operator. `None` when nothing can match.
    fn to_match(&self) -> Option<Option<String>> {
        let Some(search) = &self.search else { return Some(None) };
        let words: Vec<String> =
            search.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(|word| format!("\"{word}\"*")).collect();
        if words.is_empty() { None } else { Some(Some(words.join(" "))) }
    }

    fn category(&self) -> Option<String> {
        self.category.map(|category| category.as_str().to_owned())
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

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
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

/// A page of the agents that may act.
pub async fn list_agents(database: Database<'_>, order: AgentOrder, narrowed: &Narrowed) -> Result<Vec<PublicProfile>, StoreError> {
    let [all, of_category, by_words] = match order {
        AgentOrder::Popular => AGENTS_BY_POPULARITY,
        AgentOrder::Newest => AGENTS_BY_AGE,
        AgentOrder::Rating => AGENTS_BY_RATING,
    };
    let Some(words) = narrowed.to_match() else { return Ok(Vec::new()) };
    let mut values = binds![narrowed.limit, narrowed.offset];
    let sql = match (words, narrowed.category()) {
        (Some(words), category) => {
            values.extend(binds![words, category]);
            by_words
        }
        (None, Some(category)) => {
            values.push(Bind::from(category));
            of_category
        }
        (None, None) => all,
    };
    database.rows::<AgentRow>(sql, values).await?.into_iter().map(AgentRow::into_profile).collect()
}

/// A page of the services that are offered at a price of these cents.
pub async fn list_services(
    database: Database<'_>,
    order: ServiceOrder,
    (least, most): (u64, u64),
    narrowed: &Narrowed,
) -> Result<Vec<ServiceForm>, StoreError> {
    let [all, of_category, by_words] = match order {
        ServiceOrder::Popular => SERVICES_BY_POPULARITY,
        ServiceOrder::Newest => SERVICES_BY_AGE,
        ServiceOrder::Cheapest => SERVICES_BY_PRICE,
        ServiceOrder::Rating => SERVICES_BY_RATING,
        ServiceOrder::Fastest => SERVICES_BY_TURNAROUND,
    };
    let Some(words) = narrowed.to_match() else { return Ok(Vec::new()) };
    let mut values = binds![narrowed.limit, narrowed.offset, least, most];
    let sql = match (words, narrowed.category()) {
        (Some(words), category) => {
            values.extend(binds![words, category]);
            by_words
        }
        (None, Some(category)) => {
            values.push(Bind::from(category));
            of_category
        }
        (None, None) => all,
    };
    database.rows::<ServiceRow>(sql, values).await?.into_iter().map(ServiceRow::into_form).collect()
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
