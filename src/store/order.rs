//! Orders across tenants: whose they are, what their buyers see of them, which transactions have paid for one, and whose payments may.

use serde::Deserialize;

use super::{Bound, Database, StoreError};
use crate::domain::form::order::{ListedOrder, OrderForm, ShownOrder};
use crate::domain::form::written::Written;
use crate::domain::id::{OrderId, PaymentId, ServiceId, TenantUuid};
use crate::{binds, statements};

statements! {
    PUT = "INSERT INTO market_orders (order_id, tenant_uuid, client_wallet, version, form) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (order_id) DO UPDATE SET version = excluded.version, form = excluded.form WHERE excluded.version > market_orders.version";
    FIND_TENANT = "SELECT tenant_uuid FROM market_orders WHERE order_id = ?1";
    FIND_SERVICE = "SELECT tenant_uuid, active FROM market_services WHERE service_id = ?1";
    LIST_OF_CLIENT = "SELECT order_id AS id, form FROM market_orders WHERE client_wallet = ?1 AND order_id < coalesce(?2, '~') ORDER BY order_id DESC LIMIT ?3";
    CLAIM_TRANSACTION = "INSERT INTO market_transactions (tx_hash, order_id) VALUES (?1, ?2) ON CONFLICT (tx_hash) DO NOTHING";
    FIND_TRANSACTION = "SELECT order_id FROM market_transactions WHERE tx_hash = ?1";
    PUT_PAYMENT = "INSERT INTO market_payments (payment_id, tenant_uuid) VALUES (?1, ?2) ON CONFLICT (payment_id) DO NOTHING";
    FIND_TENANT_OF_PAYMENT = "SELECT tenant_uuid FROM market_payments WHERE payment_id = ?1";
    TAKE_TRANSACTION = "UPDATE market_transactions SET order_id = ?2 WHERE tx_hash = ?1 AND order_id = ?3";
}

#[derive(Deserialize)]
struct TenantRow {
    tenant_uuid: String,
}

fn tenant_of(row: Option<TenantRow>) -> Result<Option<TenantUuid>, StoreError> {
    let read = |row: TenantRow| TenantUuid::parse(&row.tenant_uuid).ok_or_else(|| StoreError::Broken("not a uuid".to_owned()));
    row.map(read).transpose()
}

/// The statement that makes the row of an order what is shown of it, unless a later version is known.
pub fn put_statement(tenant: &str, order_id: &str, client_wallet: &str, version: u64, form: String) -> Bound {
    (PUT, binds![order_id, tenant, client_wallet, version, form])
}

/// Makes the row of an order what its object has just answered.
pub async fn put(database: Database<'_>, tenant: TenantUuid, order: &ShownOrder) -> Result<(), StoreError> {
    let form = order.listed.as_str().to_owned();
    let (statement, values) = put_statement(&tenant.to_string(), &order.id.to_string(), &order.client_wallet, order.version, form);
    database.write(statement, values).await.map(drop)
}

/// With whom an order lies.
pub async fn find_tenant(database: Database<'_>, order_id: OrderId) -> Result<Option<TenantUuid>, StoreError> {
    tenant_of(database.first(FIND_TENANT, binds![order_id.to_string()]).await?)
}

/// With whom a service lies, and whether it is known to be removed: what is removed never comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundService {
    pub tenant: TenantUuid,
    pub is_removed: bool,
}

/// A service, of whichever tenant.
pub async fn find_service(database: Database<'_>, service_id: ServiceId) -> Result<Option<FoundService>, StoreError> {
    #[derive(Deserialize)]
    struct Row {
        tenant_uuid: TenantUuid,
        active: u64,
    }
    let row = database.first::<Row>(FIND_SERVICE, binds![service_id.to_string()]).await?;
    Ok(row.map(|row| FoundService { tenant: row.tenant_uuid, is_removed: row.active == 0 }))
}

/// An order as its buyers list it.
#[derive(Deserialize)]
pub(super) struct FormRow {
    pub form: Written<OrderForm>,
}

/// A buyer's orders, newest first, older than `before`.
pub async fn list_of_client(
    database: Database<'_>,
    wallet: &str,
    before: Option<OrderId>,
    limit: u64,
) -> Result<Vec<ListedOrder>, StoreError> {
    let before = before.map(|id| id.to_string());
    database.rows(LIST_OF_CLIENT, binds![wallet, before, limit]).await
}

/// Claims a transaction for an order, unless another has; answers whose it is.
pub async fn claim_transaction(database: Database<'_>, tx_hash: &str, order_id: OrderId) -> Result<OrderId, StoreError> {
    #[derive(Deserialize)]
    struct Row {
        order_id: OrderId,
    }
    database.write(CLAIM_TRANSACTION, binds![tx_hash, order_id.to_string()]).await?;
    let row = database.first::<Row>(FIND_TRANSACTION, binds![tx_hash]).await?;
    row.map(|row| row.order_id).ok_or_else(|| StoreError::Broken("a claim that was just made is gone".to_owned()))
}

/// Takes the claim from an order that can not be paid by it any more; answers whose it is then.
pub async fn take_transaction(database: Database<'_>, tx_hash: &str, order_id: OrderId, from: OrderId) -> Result<OrderId, StoreError> {
    database.write(TAKE_TRANSACTION, binds![tx_hash, order_id.to_string(), from.to_string()]).await?;
    claim_transaction(database, tx_hash, order_id).await
}

/// The statement that notes with whom a payment to the marketplace lies.
pub fn put_payment_statement(tenant: &str, payment_id: &str) -> Bound {
    (PUT_PAYMENT, binds![payment_id, tenant])
}

/// Notes it.
pub async fn put_payment(database: Database<'_>, tenant: TenantUuid, payment_id: PaymentId) -> Result<(), StoreError> {
    let (statement, values) = put_payment_statement(&tenant.to_string(), &payment_id.to_string());
    database.write(statement, values).await.map(drop)
}

/// With whom a payment to the marketplace lies.
pub async fn find_tenant_of_payment(database: Database<'_>, payment_id: PaymentId) -> Result<Option<TenantUuid>, StoreError> {
    tenant_of(database.first(FIND_TENANT_OF_PAYMENT, binds![payment_id.to_string()]).await?)
}
