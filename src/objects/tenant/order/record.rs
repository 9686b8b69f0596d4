//! Orders as they stand in their table, and how they are shown.

use super::super::desk::{Desk, Step};
use super::super::money::column::Columns;
use super::refusal::OrderRefusal;
use crate::domain::form::order::{DeliverableForm, ListedOrder, OrderForm, ShownOrder};
use crate::domain::form::written::Written;
use crate::domain::id::{AgentId, DeliverableId, OrderId, ServiceId};
use crate::domain::market::order::{DELIVERIES_LISTED, MediaType, Order, PayoutStatus};
use crate::domain::market::price::Price;
use crate::domain::market::service::PriceType;
use crate::domain::market::settlement::{PayMethod, Rail};
use crate::domain::market::state::{OrderEvent, OrderStatus, REVIEW_MS};
use crate::domain::time::Timestamp;
use crate::objects::sql::{Row, SqlError};
use crate::{params, statements};

/// How many deliveries an order shows: the newest.
const DELIVERIES_SHOWN: u64 = 50;

macro_rules! columns {
    () => {
        "o.id, o.version, o.agent_id, o.provider_name, o.service_id, o.service_title, o.client_wallet, o.brief, o.reference_urls, \
         o.reference_images, o.status, o.since_ms, o.price_type, o.price_minor, o.turnaround_hours, o.quota_total, o.deliveries, o.disputes, \
         o.open_requests, o.payment_method, o.escrow_tx_hash, o.rail, o.payout_tx_hash, o.payout_status, o.payout_minor, o.fee_minor, o.refund_tx_hash, \
         o.refund_status, o.recent_deliveries, o.request_brief, o.paid_at_ms, o.workspace_ends_at_ms, o.delivered_at_ms, o.completed_at_ms, \
         o.created_at_ms, o.dispute_reason, o.due_at_ms"
    };
}
pub(super) use columns;

statements! {
    READ = concat!("SELECT ", columns!(), " FROM market_order o WHERE o.id = ?1");
    WRITE = "INSERT INTO market_order (id, version, agent_id, provider_name, service_id, service_title, client_wallet, brief, reference_urls,
            reference_images, status, since_ms, due_at_ms, price_type, price_minor, turnaround_hours, quota_total, created_at_ms, form)
        VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?11, ?17)";
    CHANGE = "UPDATE market_order SET version = version + 1, status = ?2, since_ms = ?3, due_at_ms = ?4, price_minor = ?5, deliveries = ?6,
            disputes = ?7, open_requests = ?8, payment_method = ?9, escrow_tx_hash = ?10, payout_tx_hash = ?11, payout_status = ?12,
            payout_minor = ?13, recent_deliveries = ?14, request_brief = ?15, paid_at_ms = ?16, workspace_ends_at_ms = ?17,
            delivered_at_ms = ?18, completed_at_ms = ?19, dispute_reason = ?20, rail = ?21, refund_tx_hash = ?22, refund_status = ?23,
            form = ?24, fee_minor = ?25
        WHERE id = ?1";
    LIST_DELIVERIES = "SELECT id, url, media_type, sha256, at_ms FROM market_delivery WHERE order_id = +?1 ORDER BY id DESC LIMIT +?2";
    WRITE_DELIVERY = "INSERT INTO market_delivery (id, order_id, url, media_type, sha256, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
}

/// An order with all that is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub id: OrderId,
    pub version: u64,
    pub agent_id: AgentId,
    pub provider_name: String,
    pub service_id: ServiceId,
    pub service_title: String,
    pub client_wallet: String,
    pub brief: String,
    pub reference_urls: Vec<String>,
    pub reference_images: Vec<String>,
    pub order: Order,
    pub open_requests: u64,
    pub payment_method: Option<PayMethod>,
    pub escrow_tx_hash: Option<String>,
    /// The rail it was paid over: what goes out goes out over the same.
    pub rail: Option<Rail>,
    pub payout_tx_hash: Option<String>,
    pub payout_status: PayoutStatus,
    pub payout: Option<Price>,
    /// What the platform has taken, once it is completed.
    pub fee: Option<Price>,
    pub refund_tx_hash: Option<String>,
    pub refund_status: PayoutStatus,
    /// Newest first.
    pub recent: Vec<DeliverableForm>,
    /// What its oldest open request asks for, when that is not what it was placed with.
    pub request_brief: Option<String>,
    pub delivered_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub dispute_reason: Option<String>,
    /// When it is ended where it stands: when its time is up, or once its provider is gone.
    pub due_at: Option<Timestamp>,
    /// Whether its provider is known to be gone.
    pub is_forsaken: bool,
}

/// The order of that id, if there is one.
pub(super) fn find(desk: &Desk<'_>, id: OrderId) -> Step<Option<Record>> {
    Ok(desk.sql.first(READ, params![id.to_string()])?.map(|row| read_row(&row)).transpose()?)
}

/// The order of that id.
pub(super) fn read(desk: &Desk<'_>, id: OrderId) -> Step<Record> {
    Ok(find(desk, id)?.ok_or(OrderRefusal::UnknownOrder)?)
}

fn price_of(minor: Option<u64>) -> Result<Option<Price>, SqlError> {
    minor.map(|minor| Price::from_minor(minor).map_err(|_| SqlError::Shape("not a price"))).transpose()
}

/// An order out of a row of [`columns!`].
pub(super) fn read_row(row: &Row) -> Result<Record, SqlError> {
    let mut column = Columns::of(row);
    let id = column.id(OrderId::parse)?;
    let version = column.number()?;
    let agent_id = column.id(AgentId::parse)?;
    let provider_name = column.text()?;
    let service_id = column.id(ServiceId::parse)?;
    let service_title = column.text()?;
    let client_wallet = column.text()?;
    let brief = column.text()?;
    let (reference_urls, reference_images) = (column.json()?, column.json()?);
    let (status, since) = (column.name(OrderStatus::parse)?, column.time()?);
    let price_type = column.name(PriceType::parse)?;
    let price = price_of(column.number_or_null()?)?;
    let (turnaround_hours, quota) = (column.number()?, column.number()?);
    let (deliveries, disputes, open_requests) = (column.number()?, column.number()?, column.number()?);
    let (payment_method, escrow_tx_hash, rail) =
        (column.name_or_null(PayMethod::parse)?, column.text_or_null()?, column.name_or_null(Rail::parse)?);
    let payout_tx_hash = column.text_or_null()?;
    let payout_status = column.name(PayoutStatus::parse)?;
    let (payout, fee) = (price_of(column.number_or_null()?)?, price_of(column.number_or_null()?)?);
    let (refund_tx_hash, refund_status) = (column.text_or_null()?, column.name(PayoutStatus::parse)?);
    let (recent, request_brief) = (column.json()?, column.text_or_null()?);
    let (paid_at, workspace_ends_at) = (column.time_or_null()?, column.time_or_null()?);
    let (delivered_at, completed_at, created_at) = (column.time_or_null()?, column.time_or_null()?, column.time()?);
    let (dispute_reason, due_at) = (column.text_or_null()?, column.time_or_null()?);
    let order = Order { status, since, price_type, turnaround_hours, quota, price, paid_at, workspace_ends_at, deliveries, disputes };
    Ok(Record {
        id,
        version,
        agent_id,
        provider_name,
        service_id,
        service_title,
        client_wallet,
        brief,
        reference_urls,
        reference_images,
        order,
        open_requests,
        payment_method,
        escrow_tx_hash,
        rail,
        payout_tx_hash,
        payout_status,
        payout,
        fee,
        refund_tx_hash,
        refund_status,
        recent,
        request_brief,
        delivered_at,
        completed_at,
        created_at,
        dispute_reason,
        due_at,
        is_forsaken: false,
    })
}

impl Record {
    /// Writes a new one. Answers how lists show it.
    pub(super) fn write(&mut self, desk: &mut Desk<'_>) -> Step<Written<OrderForm>> {
        self.due_at = self.order.due_at();
        let listed = self.listed()?.form;
        desk.sql.run(
            WRITE,
            params![
                self.id.to_string(),
                self.agent_id.to_string(),
                self.provider_name.as_str(),
                self.service_id.to_string(),
                self.service_title.as_str(),
                self.client_wallet.as_str(),
                self.brief.as_str(),
                serde_json::to_string(&self.reference_urls)?,
                serde_json::to_string(&self.reference_images)?,
                self.order.status.as_str(),
                self.created_at.as_ms(),
                self.due_at.map(Timestamp::as_ms),
                self.order.price_type.as_str(),
                self.order.price.map(Price::minor),
                self.order.turnaround_hours,
                self.order.quota,
                self.kept(&listed),
            ],
        )?;
        self.plan(desk);
        Ok(listed)
    }

    /// Writes what has changed of it. Answers how lists show it now.
    pub(super) fn write_change(&mut self, desk: &mut Desk<'_>) -> Step<Written<OrderForm>> {
        let is_let_go = self.is_forsaken && self.order.check(OrderEvent::ProviderRevoked).is_ok();
        self.due_at = if is_let_go { Some(desk.now) } else { self.order.due_at() };
        self.version += 1;
        let listed = self.listed()?.form;
        let order = &self.order;
        desk.sql.run(
            CHANGE,
            params![
                self.id.to_string(),
                order.status.as_str(),
                order.since.as_ms(),
                self.due_at.map(Timestamp::as_ms),
                order.price.map(Price::minor),
                order.deliveries,
                order.disputes,
                self.open_requests,
                self.payment_method.map(PayMethod::as_str),
                self.escrow_tx_hash.as_deref(),
                self.payout_tx_hash.as_deref(),
                self.payout_status.as_str(),
                self.payout.map(Price::minor),
                serde_json::to_string(&self.recent)?,
                self.request_brief.as_deref(),
                order.paid_at.map(Timestamp::as_ms),
                order.workspace_ends_at.map(Timestamp::as_ms),
                self.delivered_at.map(Timestamp::as_ms),
                self.completed_at.map(Timestamp::as_ms),
                self.dispute_reason.as_deref(),
                self.rail.map(Rail::as_str),
                self.refund_tx_hash.as_deref(),
                self.refund_status.as_str(),
                self.kept(&listed),
                self.fee.map(Price::minor),
            ],
        )?;
        self.plan(desk);
        Ok(listed)
    }

    /// What its row keeps of how it is listed.
    fn kept<'a>(&self, listed: &'a Written<OrderForm>) -> Option<&'a str> {
        self.order.status.awaits_provider().then(|| listed.as_str())
    }

    /// As lists show it.
    pub(super) fn listed(&self) -> Step<ListedOrder> {
        Ok(ListedOrder { id: self.id, form: Written::of(&self.form())? })
    }

    fn plan(&self, desk: &mut Desk<'_>) {
        if let Some(due_at) = self.due_at {
            desk.due_by(due_at);
        }
    }

    /// Whether it must be ended before anything else is decided.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.due_at.is_some_and(|due_at| now >= due_at)
    }

    /// Keeps a delivery.
    pub(super) fn write_delivery(&mut self, desk: &mut Desk<'_>, delivered: DeliverableForm) -> Step<()> {
        desk.sql.run(
            WRITE_DELIVERY,
            params![
                delivered.id.to_string(),
                self.id.to_string(),
                delivered.url.as_str(),
                delivered.media_type.as_str(),
                delivered.sha256.as_deref(),
                delivered.created_at.as_ms(),
            ],
        )?;
        self.delivered_at = Some(delivered.created_at);
        self.recent.insert(0, delivered);
        self.recent.truncate(DELIVERIES_LISTED);
        Ok(())
    }

    /// How it is handed on to who shows it and files it; `listed` is how lists show it now.
    pub(super) fn show(&self, desk: &Desk<'_>, listed: Written<OrderForm>) -> Step<ShownOrder> {
        let with_more = if self.has_more() { Some(Written::of(&self.form_alone(desk)?)?) } else { None };
        Ok(ShownOrder {
            id: self.id,
            client_wallet: self.client_wallet.clone(),
            version: self.version,
            price: self.order.price,
            listed,
            with_more,
        })
    }

    /// How it is shown to who looks at it alone: with more of its deliveries than it carries.
    pub(super) fn form_alone(&self, desk: &Desk<'_>) -> Step<OrderForm> {
        let mut form = self.form();
        if self.has_more() {
            let rows = desk.sql.run(LIST_DELIVERIES, params![self.id.to_string(), DELIVERIES_SHOWN])?;
            form.deliverables = rows.iter().map(read_delivery).collect::<Result<_, SqlError>>()?;
        }
        Ok(form)
    }

    /// Whether more was delivered than it carries.
    fn has_more(&self) -> bool {
        self.order.deliveries > self.recent.len() as u64
    }

    /// What the platform takes of its price, or has taken: of a dispute that was split, of the agent's part alone.
    fn fee_of(&self, price: Price) -> Price {
        match self.order.status {
            OrderStatus::Cancelled => Price::default(),
            _ => self.fee.unwrap_or(price.cut().fee),
        }
    }

    /// How it is shown in lists and events.
    pub(super) fn form(&self) -> OrderForm {
        let order = &self.order;
        let newest = self.recent.first();
        OrderForm {
            id: self.id,
            service_id: self.service_id,
            service_title: self.service_title.clone(),
            client_wallet: self.client_wallet.clone(),
            provider_agent_id: self.agent_id,
            provider_name: self.provider_name.clone(),
            brief: self.request_brief.as_ref().unwrap_or(&self.brief).clone(),
            reference_urls: self.reference_urls.clone(),
            reference_images: self.reference_images.clone(),
            status: order.status,
            quoted_price_usd: order.price,
            platform_fee_usd: order.price.map(|price| self.fee_of(price)),
            payment_method: self.payment_method,
            escrow_tx_hash: self.escrow_tx_hash.clone(),
            payout_tx_hash: self.payout_tx_hash.clone(),
            deliverable_url: newest.map(|newest| newest.url.clone()),
            deliverable_media_type: newest.map(|newest| newest.media_type),
            deliverable_sha256: newest.and_then(|newest| newest.sha256.clone()),
            deliverables: self.recent.clone(),
            quota_total: order.quota,
            quota_used: if order.price_type.window_ms().is_some() { order.deliveries } else { 0 },
            workspace_expires_at: order.workspace_ends_at,
            delivered_at: self.delivered_at,
            review_deadline: self.delivered_at.filter(|_| order.workspace_ends_at.is_none()).map(|at| at.plus_ms(REVIEW_MS)),
            completed_at: self.completed_at,
            dispute_count: order.disputes,
            auto_action_at: self.due_at,
            settlement: self.rail.filter(|_| self.payout_tx_hash.is_some() || self.refund_tx_hash.is_some()),
            payout_status: self.payout_status,
            refund_status: self.refund_status,
            refund_tx_hash: self.refund_tx_hash.clone(),
            created_at: self.created_at,
            version: self.version,
        }
    }
}

fn read_delivery(row: &Row) -> Result<DeliverableForm, SqlError> {
    let mut column = Columns::of(row);
    Ok(DeliverableForm {
        id: column.id(DeliverableId::parse)?,
        url: column.text()?,
        media_type: column.name(MediaType::parse)?,
        sha256: column.text_or_null()?,
        created_at: column.time()?,
    })
}
