//! The pages about orders.

use maud::Markup;

use super::super::buyer_wallet::{BuyerWallets, ProofForm, render_buyer_wallets};
use super::super::dispute::{Dispute, Ruling, render_dispute, render_ruling};
use super::super::market::{Catalogue, NewOrder, OrderFields, render_catalogue, render_new_order};
use super::super::order::{Bought, Earnings, Sold, SoldRow, render_bought, render_sold};
use super::super::order_act::Sent;
use super::super::order_sheet::{OneOrder, TimelineRow, render_order};
use super::money::{filters, pager};
use super::*;
use crate::domain::form::order::{DeliverableForm, MessageForm, OrderForm, ReviewForm};
use crate::domain::form::service::ServiceForm;
use crate::domain::form::sheet::{EarningSums, OrderSheet, WorkRequest};
use crate::domain::id::{AgentId, DeliverableId, MessageId, OrderId, ReviewId, ServiceId};
use crate::domain::market::order::{MediaType, PayoutStatus, SenderType};
use crate::domain::market::price::Price;
use crate::domain::market::rating::Rating;
use crate::domain::market::service::{Category, PriceType};
use crate::domain::market::settlement::{PayMethod, Rail};
use crate::domain::market::state::{OrderEvent, OrderStatus};

const ULID: &str = "01KGFQ4T1WZ3N8X5R7M2B6C9DE";
const WALLET: &str = "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM";
const ORIGIN: &str = "https://guildhall.example";

macro_rules! id {
    ($kind:ident) => {
        $kind::parse(&format!("{}{ULID}", $kind::PREFIX)).unwrap()
    };
}

fn price(cents: u64) -> Price {
    Price::from_minor(cents).unwrap()
}

fn order(w: Words, status: OrderStatus, cents: Option<u64>) -> OrderForm {
    let is_final = status.is_final();
    OrderForm {
        id: id!(OrderId),
        service_id: id!(ServiceId),
        service_title: w.say("Custom avatar generation, three variations and their source files"),
        client_wallet: w.say(WALLET),
        provider_agent_id: id!(AgentId),
        provider_name: w.say("Night scout"),
        brief: w.say("A cyberpunk avatar with neon accents.\nNo text in it, please."),
        reference_urls: vec![format!("https://example.org/{}", w.say("moodboard")), format!("{ORIGIN}/files/atelier/a.png")],
        reference_images: vec![format!("{ORIGIN}/files/atelier/b.png")],
        status,
        quoted_price_usd: cents.map(price),
        platform_fee_usd: cents.map(|cents| price(cents).cut().fee),
        payment_method: Some(PayMethod::UsdcSol),
        escrow_tx_hash: status.holds_money().then(|| w.say("5wHu1qwD7y5oE1n4tHbGpZ2kQ8mXr3v9LcJtKfYsAaBbCcDdEeFfGgHh")),
        refund_status: PayoutStatus::None,
        refund_tx_hash: None,
        payout_tx_hash: (status == OrderStatus::Completed).then(|| w.say("3nVfYabxKv9ohGb4nXMAtPqh1hXfWkVQkYzgYzVvFZzT")),
        deliverable_url: None,
        deliverable_media_type: None,
        deliverable_sha256: None,
        deliverables: vec![],
        quota_total: 0,
        quota_used: 0,
        workspace_expires_at: None,
        delivered_at: (status == OrderStatus::Delivered).then(|| before(HOUR_MS)),
        review_deadline: None,
        completed_at: (status == OrderStatus::Completed).then(|| before(HOUR_MS)),
        dispute_count: u64::from(status == OrderStatus::Disputed),
        auto_action_at: (!is_final).then(|| NOW.plus_ms(47 * HOUR_MS)),
        settlement: (status == OrderStatus::Completed).then_some(Rail::Sandbox),
        payout_status: if status == OrderStatus::Completed { PayoutStatus::Paid } else { PayoutStatus::None },
        created_at: before(3 * DAY_MS),
        version: 4,
    }
}

pub fn disputes(w: Words) -> Vec<OrderForm> {
    vec![order(w, OrderStatus::Disputed, Some(12_500)), order(w, OrderStatus::Disputed, Some(0))]
}

fn sold(w: Words, with_earnings: bool) -> Sold {
    let statuses = [
        (OrderStatus::PendingQuote, None),
        (OrderStatus::Delivered, Some(12_500)),
        (OrderStatus::Disputed, Some(500)),
        (OrderStatus::Completed, Some(100_000_000)),
        (OrderStatus::Cancelled, Some(0)),
    ];
    let sums = EarningSums { in_escrow: 13_000, earned: 90_004_500, paid_out: 4_500, awaiting_wallet: 90_000_000 };
    Sold {
        tenant: w.say("agent-alpha"),
        orders: statuses.map(|(status, cents)| SoldRow { order: order(w, status, cents), agent_label: w.say("Night scout") }).into(),
        filters: filters(
            w,
            &["All", "Pending quote", "Quoted", "Accepted", "Paid", "In progress", "Delivered", "Completed", "Disputed", "Cancelled"],
        ),
        narrowed: (!with_earnings).then(|| (w.say("those of Night scout"), "/account/orders?tenant=agent-alpha".to_owned())),
        pager: pager(),
        earnings: with_earnings.then(|| Earnings { sums, days: spend(), is_sandbox: true }),
    }
}

fn delivery(w: Words, media_type: MediaType, is_ours: bool) -> DeliverableForm {
    DeliverableForm {
        id: id!(DeliverableId),
        url: if is_ours { format!("{ORIGIN}/files/atelier/c.png") } else { format!("https://cdn.example.org/{}", w.say("reel.mp4")) },
        media_type,
        sha256: is_ours.then(|| w.say("9f2c07abc41e22d09f2c07abc41e22d09f2c07abc41e22d09f2c07abc41e22d0")),
        created_at: before(HOUR_MS),
    }
}

fn sheet(w: Words, status: OrderStatus, moves: &[OrderEvent]) -> OrderSheet {
    let message = |sender_type, content| MessageForm {
        id: id!(MessageId),
        order_id: id!(OrderId),
        sender_type,
        sender_id: w.say(WALLET),
        sender_name: w.say("Night scout"),
        content: w.say(content),
        created_at: before(2 * HOUR_MS),
    };
    let is_workspace = status == OrderStatus::InProgress;
    let mut form = order(w, status, if status == OrderStatus::PendingQuote { None } else { Some(12_500) });
    if is_workspace {
        form.workspace_expires_at = Some(NOW.plus_ms(5 * DAY_MS));
        (form.quota_total, form.quota_used) = (8, 2);
    }
    if status.takes_messages() {
        form.deliverables =
            vec![delivery(w, MediaType::Video, false), delivery(w, MediaType::Image, true), delivery(w, MediaType::Image, false)];
    }
    OrderSheet {
        price_type: if is_workspace { PriceType::Weekly } else { PriceType::Fixed },
        turnaround_hours: 24,
        dispute_reason: (status == OrderStatus::Disputed).then(|| w.say("The neon is missing.\nAnd there is text in it.")),
        payout: (status == OrderStatus::Completed).then(|| price(12_500).cut().payout),
        review: (status == OrderStatus::Completed && moves.is_empty()).then(|| ReviewForm {
            id: id!(ReviewId),
            order_id: id!(OrderId),
            service_id: id!(ServiceId),
            reviewer_name: w.say(WALLET),
            rating: 4,
            comment: w.some("Fast, and just as asked."),
            created_at: before(MINUTE_MS),
        }),
        messages: if status.takes_messages() {
            vec![message(SenderType::Client, "Any news?"), message(SenderType::Agent, "On its way.\nTonight, I think.")]
        } else {
            vec![]
        },
        requests: if is_workspace {
            let request = |brief, is_answered| WorkRequest { brief: w.say(brief), at: before(DAY_MS), is_answered };
            vec![request("A cyberpunk avatar", true), request("The same in daylight", false)]
        } else {
            vec![]
        },
        timeline: vec![],
        buyers_moves: moves.to_vec(),
        takes_requests: is_workspace,
        exit: (!status.is_final()).then_some(if status == OrderStatus::Delivered || is_workspace {
            OrderStatus::Completed
        } else {
            OrderStatus::Cancelled
        }),
        order: form,
    }
}

fn one(w: Words, is_buyer: bool, sheet: OrderSheet) -> OneOrder {
    let row = |age, what, who: Option<&str>, cents: Option<u64>| TimelineRow {
        at: before(age),
        what: w.say(what),
        who: who.map(|who| w.say(who)),
        amount: cents.map(|cents| Micros::from_minor(cents).unwrap()),
    };
    OneOrder {
        tenant: w.say("agent-alpha"),
        sheet,
        is_buyer,
        is_seller: !is_buyer,
        timeline: vec![
            row(3 * DAY_MS, "Ordered", Some("the buyer"), None),
            row(2 * DAY_MS, "Paid into escrow", Some("the buyer"), Some(12_500)),
            row(HOUR_MS, "Delivered", Some("Night scout"), None),
            row(MINUTE_MS, "Completed, the agent has earned", None, Some(11_250)),
        ],
        origin: ORIGIN.to_owned(),
        is_sandbox: true,
        sent: Sent::default(),
    }
}

fn service(w: Words, price_type: PriceType) -> ServiceForm {
    ServiceForm {
        id: id!(ServiceId),
        agent_id: id!(AgentId),
        agent_name: w.say("Night scout"),
        agent_slug: w.say("night-scout"),
        category: Category::ImageGen,
        title: w.say("Custom avatar generation"),
        description: w.say("Professional AI-generated avatars in any style. Includes three variations and source files."),
        price_usd: price(1_250),
        price_type,
        turnaround_hours: 24,
        deliverables: vec![w.say("3 avatar variations"), w.say("source files")],
        demo_url: Some(format!("https://example.org/{}", w.say("portfolio"))),
        quota_limit: 8,
        active: 1,
        total_orders: 41,
        completed_orders: 38,
        avg_rating: if price_type == PriceType::Fixed { Rating::average(14, 3) } else { None },
        created_at: before(30 * DAY_MS),
        version: 1,
    }
}

fn catalogue(w: Words, services: Vec<ServiceForm>) -> Catalogue {
    let (tenant, category, sort) = (w.say("agent-alpha"), w.entry("image_gen"), w.entry("rating"));
    Catalogue { tenant, services, search: w.entry("avatar"), category, sort, pager: pager() }
}

fn new_order(w: Words, wallets: Vec<String>) -> NewOrder {
    let form = OrderFields {
        wallet: w.wrong(WALLET, "must be a wallet that you have proved"),
        brief: w.wrong("short", "must have 10 to 1000 characters"),
        reference_urls: w.wrong("ftp://x", "must begin with https://, which ftp://x is not"),
        reference_images: w.entry(""),
        error: w.some("This form was sent before with other values."),
    };
    let (images, image_error) = (vec![w.say("atelier/briefs/b/1.png")], w.some("The file must be one of image/jpeg, image/png."));
    NewOrder { tenant: w.say("agent-alpha"), service: service(w, PriceType::Weekly), wallets, images, image_error, form }
}

fn buyer_wallets(w: Words) -> BuyerWallets {
    let proof = ProofForm {
        text: w.say(&format!("atelier:{WALLET}:1770034440000")),
        wallet: w.entry(WALLET),
        signed_at: w.entry("1770034440000"),
        signature: w.wrong(
            "abc",
            "is not this wallet's over the text with this time stamp, or older than a quarter of an hour: sign the text anew",
        ),
        error: w.some("You have 20 wallets; give one of them up first."),
    };
    BuyerWallets {
        tenant: w.say("agent-alpha"),
        wallets: vec![(w.say(WALLET), before(DAY_MS)), (w.say("So11111111111111111111111111111111111111112"), before(9 * DAY_MS))],
        wallet: w.entry(WALLET),
        proof: Some(proof),
    }
}

pub fn render_order_pages(w: Words) -> Vec<(&'static str, Markup)> {
    let (frame, tenant) = (w.signed_in(None), w.say("agent-alpha"));
    let refused = |one: OneOrder, verb: &str, name: &str, error: &str| {
        let entries = vec![(name.to_owned(), w.wrong("x", error))];
        OneOrder { sent: Sent { verb: verb.to_owned(), entries, error: w.some("This was refused.") }, ..one }
    };
    let quoted = sheet(w, OrderStatus::Quoted, &[OrderEvent::Accept, OrderEvent::Pay, OrderEvent::Cancel]);
    let delivered = sheet(w, OrderStatus::Delivered, &[OrderEvent::Approve, OrderEvent::Dispute]);
    let judged = |percent| Dispute { order: one(w, false, sheet(w, OrderStatus::Disputed, &[])), outcome: w.entry("split"), percent };
    let ruling = Ruling {
        tenant: tenant.clone(),
        order_id: w.say("ord_01KGFQ4T1WZ3N8X5R7M2B6C9DE"),
        service_title: w.say("Custom avatar generation"),
        outcome: w.say("split"),
        percent: w.say("40"),
        payout: price(4_500),
        fee: price(500),
        refund: price(7_500),
        note: w.wrong("", "must have 1 to 1000 characters"),
        error: w.some("That does not happen to an order that is completed."),
    };
    vec![
        ("orders", render_sold(&frame, &sold(w, true))),
        ("orders-narrowed", render_sold(&frame, &sold(w, false))),
        ("orders-empty", render_sold(&frame, &Sold { tenant: tenant.clone(), earnings: Some(Earnings::default()), ..Sold::default() })),
        ("order-quoted", render_order(&frame, &refused(one(w, true, quoted), "pay", "escrow_tx_hash", "has paid for another order"))),
        ("order-delivered", render_order(&frame, &refused(one(w, true, delivered), "dispute", "reason", "is too long"))),
        ("order-workspace", render_order(&frame, &one(w, true, sheet(w, OrderStatus::InProgress, &[])))),
        ("order-completed", render_order(&frame, &one(w, true, sheet(w, OrderStatus::Completed, &[OrderEvent::Accept])))),
        ("order-sold", render_order(&frame, &one(w, false, sheet(w, OrderStatus::Completed, &[])))),
        ("order-new", render_order(&frame, &one(w, false, sheet(w, OrderStatus::PendingQuote, &[])))),
        ("bought", render_bought(&frame, &Bought { tenant: tenant.clone(), orders: disputes(w), pager: pager(), has_wallets: true })),
        ("bought-empty", render_bought(&frame, &Bought { tenant: tenant.clone(), has_wallets: true, ..Bought::default() })),
        ("bought-no-wallet", render_bought(&frame, &Bought { tenant: tenant.clone(), ..Bought::default() })),
        ("services", render_catalogue(&frame, &catalogue(w, vec![service(w, PriceType::Fixed), service(w, PriceType::Quote)]))),
        ("services-empty", render_catalogue(&frame, &catalogue(w, vec![]))),
        ("service", render_new_order(&frame, &new_order(w, vec![w.say(WALLET)]))),
        ("service-no-wallet", render_new_order(&frame, &new_order(w, vec![]))),
        ("buyer-wallets", render_buyer_wallets(&frame, &buyer_wallets(w))),
        ("buyer-wallets-empty", render_buyer_wallets(&frame, &BuyerWallets { tenant, ..BuyerWallets::default() })),
        ("dispute", render_dispute(&frame, &judged(w.wrong("0", "must be a whole number from 1 to 99")))),
        ("ruling", render_ruling(&frame, &ruling)),
    ]
}
