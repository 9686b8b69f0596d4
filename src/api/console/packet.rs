//! `/account/operator/packet`: the go/no-go packet of a tenant, for operators.

use super::posted::{Posted, Trouble};
use super::tenant_visit::{ask_money, ask_money_once, finish, misanswered};
use super::view::form::Entry;
use super::view::packet::{ItemRow, Packet as Page, render_packet};
use super::view::part::build_href;
use super::visit::{Visit, signed_in};
use crate::domain::limit::LimitClass;
use crate::domain::packet::{ItemStatus, PacketItem, PacketItems};
use crate::http::context::Ctx;
use crate::http::credential::Human;
use crate::http::fault::Fault;
use crate::http::field::Text;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::tenant::Seat;
use crate::objects::tenant::money::command::MoneyCommand;
use crate::objects::tenant::money::outcome::{MoneyOutcome, Packet};
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account/operator/packet" => show_packet { name: "accountPacket", summary: "What must be shown before a tenant's money is real", access: OperatorConsole, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/operator/packet" => put_packet { name: "accountPutPacket", summary: "Replace a tenant's packet", access: OperatorConsole, class: Some(LimitClass::Public), body: Form, status: 303 }
};

/// The items: the name of their fields, and their title.
const ITEMS: [(&str, &str); 7] = [
    ("hosted_health", "Hosted health"),
    ("hosted_activation", "Hosted activation"),
    ("provider", "Payment provider"),
    ("webhook", "Webhook"),
    ("reconciliation", "Reconciliation"),
    ("support", "Support"),
    ("rollback", "Rollback"),
];

/// In the order of [`ITEMS`].
fn list_items(items: PacketItems) -> [PacketItem; 7] {
    let PacketItems { hosted_health, hosted_activation, provider, webhook, reconciliation, support, rollback } = items;
    [hosted_health, hosted_activation, provider, webhook, reconciliation, support, rollback]
}

const fn name_status(status: ItemStatus) -> &'static str {
    match status {
        ItemStatus::Pending => "pending",
        ItemStatus::Go => "go",
        ItemStatus::NoGo => "no_go",
    }
}

fn show_items(items: PacketItems) -> Vec<ItemRow> {
    let rows = ITEMS.into_iter().zip(list_items(items)).map(|((name, title), item)| ItemRow {
        name: name.to_owned(),
        title: title.to_owned(),
        status: Entry::filled(name_status(item.status)),
        evidence: Entry::filled(item.evidence.as_deref().unwrap_or_default()),
        note: Entry::filled(item.note.as_deref().unwrap_or_default()),
    });
    rows.collect()
}

async fn load_packet(ctx: &Ctx, seat: &Seat) -> Result<Packet, Fault> {
    match ask_money(ctx, seat, MoneyCommand::GetPacket).await? {
        MoneyOutcome::Packet(packet) => Ok(*packet),
        other => Err(misanswered(other)),
    }
}

/// The page; `sent` is what stood in the form that was refused.
async fn render(ctx: &Ctx, human: &Human, tenant: &str, status: u16, sent: Option<(Vec<ItemRow>, Option<String>)>) -> Result<Reply, Fault> {
    let packet = load_packet(ctx, &ctx.operator_seat(tenant).await?).await?;
    let visit = Visit::of(ctx, human, Some(tenant)).await?;
    let by =
        packet.updated_by.map(|actor| if actor == format!("operator:{}", human.user_id) { "you" } else { "another operator" }.to_owned());
    let is_complete = packet.items.is_complete();
    let (items, error) = sent.unwrap_or_else(|| (show_items(packet.items), None));
    let view = Page { tenant: tenant.to_owned(), is_complete, version: packet.version, updated: by.zip(packet.updated_at), items, error };
    let page = render_packet(&visit.frame, &view);
    Ok(visit.answer(status, page))
}

/// 1. The tenant: 404. 2. The page: 200.
async fn show_packet(ctx: &Ctx) -> Result<Reply, Fault> {
    render(ctx, &signed_in(ctx)?, ctx.incoming.query_value("tenant").unwrap_or_default(), 200, None).await
}

/// A text of the form, of which an empty one is none.
fn read_text(posted: &Posted, field: &str) -> Result<Option<String>, Fault> {
    let text = posted.value(field);
    Text::<0, 2048>::parse(text).map_err(|rule| Fault::field(&format!("$.{field}"), &rule))?;
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

fn read_item(posted: &Posted, name: &str) -> Result<PacketItem, Fault> {
    let field = format!("{name}_status");
    let status = match posted.value(&field) {
        "pending" => ItemStatus::Pending,
        "go" => ItemStatus::Go,
        "no_go" => ItemStatus::NoGo,
        _ => return Err(Fault::field(&format!("$.{field}"), "must be pending, go or no go")),
    };
    let (evidence, note) = (read_text(posted, &format!("{name}_evidence"))?, read_text(posted, &format!("{name}_note"))?);
    Ok(PacketItem { status, evidence, note })
}

fn read_items(posted: &Posted) -> Result<PacketItems, Fault> {
    Ok(PacketItems {
        hosted_health: read_item(posted, "hosted_health")?,
        hosted_activation: read_item(posted, "hosted_activation")?,
        provider: read_item(posted, "provider")?,
        webhook: read_item(posted, "webhook")?,
        reconciliation: read_item(posted, "reconciliation")?,
        support: read_item(posted, "support")?,
        rollback: read_item(posted, "rollback")?,
    })
}

/// The form as it was sent, with what is wrong beside its field.
fn show_sent(posted: &Posted, trouble: &Trouble) -> (Vec<ItemRow>, Option<String>) {
    let parts = ["status", "evidence", "note"];
    let rows = ITEMS.map(|(name, title)| {
        let [status, evidence, note] = parts.map(|part| posted.entry(&format!("{name}_{part}"), trouble));
        ItemRow { name: name.to_owned(), title: title.to_owned(), status, evidence, note }
    });
    let fields: Vec<String> = ITEMS.iter().flat_map(|(name, _)| parts.map(|part| format!("{name}_{part}"))).collect();
    let shown: Vec<&str> = fields.iter().map(String::as_str).collect();
    (rows.to_vec(), trouble.beside(&shown))
}

/// 1. The form: 400, 403. 2. The tenant: 404. 3. Replace the packet. 4. Go on: 303.
async fn put_packet(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let tenant = posted.value("tenant");
    match read_items(&posted) {
        Ok(items) => {
            let seat = ctx.operator_seat(tenant).await?;
            let saved = ask_money_once(ctx, &seat, posted.claim(ctx, &human)?, MoneyCommand::PutPacket { items })
                .await
                .map(|_| "The packet is saved.".to_owned());
            finish(ctx, &human, &build_href("/account/operator/packet", &[("tenant", tenant)]), saved)
        }
        Err(fault) => {
            let trouble = Trouble::of(fault)?;
            let sent = show_sent(&posted, &trouble);
            render(ctx, &human, tenant, trouble.status, Some(sent)).await
        }
    }
}
