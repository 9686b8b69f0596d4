//! The pages about webhooks and their deliveries.

use maud::Markup;

use super::super::webhook::{AttemptRow, Delivery, Endpoint, OneWebhook, WebhookForm, Webhooks, render_webhook, render_webhooks};
use super::money::{filters, pager};
use super::*;
use crate::domain::delivery::DeliveryStatus;

fn endpoint(w: Words, disabled: bool) -> Endpoint {
    Endpoint {
        id: w.say("whk_01KGFQ4T1WZ3N8X5R7M2B6C9DE"),
        url: w.say("https://ledger.example.org/hooks/guildhall"),
        description: w.some("what the ledger clerk reads"),
        events: vec![w.say("payment.*"), w.say("approval.requested")],
        disabled: disabled.then(|| (w.say("its receiver answered 410, gone"), before(DAY_MS))),
        created_at: before(12 * DAY_MS),
    }
}

fn webhook(w: Words, disabled: bool) -> OneWebhook {
    let delivery = |event, status, attempts| Delivery {
        id: w.say("dlv_01KGFQ4T1WZ3N8X5R7M2B6C9DE"),
        event: w.say(event),
        event_id: w.say("evt_01KGFQ4T1WZ3N8X5R7M2B6C9DE"),
        status,
        created_at: before(HOUR_MS),
        next_attempt_at: (status == DeliveryStatus::Pending).then(|| NOW.plus_ms(5 * MINUTE_MS)),
        response_body: w.some("<h1>Bad gateway</h1>"),
        attempts,
    };
    let attempt = |number, result| AttemptRow { number, at: before(HOUR_MS / number), duration_ms: 143, result: w.say(result) };
    OneWebhook {
        tenant: w.say("agent-alpha"),
        endpoint: endpoint(w, disabled),
        deliveries: vec![
            delivery("payment.succeeded", DeliveryStatus::Delivered, vec![attempt(1, "200")]),
            delivery("payment.denied", DeliveryStatus::Pending, vec![attempt(1, "502"), attempt(2, "no answer within 15 s")]),
            delivery("approval.requested", DeliveryStatus::Failed, vec![]),
        ],
        filters: filters(w, &["All", "Pending", "Delivered", "Failed"]),
        pager: pager(),
    }
}

fn webhooks(w: Words) -> Webhooks {
    Webhooks {
        tenant: w.say("agent-alpha"),
        endpoints: vec![endpoint(w, false), endpoint(w, true)],
        form: WebhookForm {
            url: w.wrong("http://localhost", "must begin with https://"),
            events: w.wrong("payment", "there is no payment"),
            description: w.entry(""),
            error: w.some("There are twenty already."),
        },
    }
}

pub fn render_webhook_pages(w: Words) -> Vec<(&'static str, Markup)> {
    let frame = w.signed_in(None);
    vec![
        ("webhooks", render_webhooks(&frame, &webhooks(w))),
        ("webhooks-empty", render_webhooks(&frame, &Webhooks { tenant: w.say("agent-alpha"), ..Webhooks::default() })),
        ("webhook", render_webhook(&frame, &webhook(w, false))),
        ("webhook-disabled", render_webhook(&w.signed_in(secret(w, SecretKind::Webhook, "whsec_c2VjcmV0")), &webhook(w, true))),
    ]
}
