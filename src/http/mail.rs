//! Handing mail to the upstream: `POST <MAIL_BASE_URL>` with `{to,subject,text}` and a bearer key. Without an upstream
//! the mail waits (contract README 10).

use serde_json::json;
use wasm_bindgen::JsValue;
use worker::{Fetch, Headers, Method, Request, RequestInit};

use super::context::Ctx;
use super::fault::Fault;
use crate::domain::id::MailId;
use crate::domain::time::Timestamp;
use crate::edge::{Edge, PlatformEntropy, Settings};
use crate::store::mail::{self, NewMail};
use crate::store::{Database, StoreError};

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    Sent,
    Queued,
}

impl Delivery {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Queued => "queued",
        }
    }
}

impl Ctx {
    /// Queues a mail and tries to send it at once. It stays queued when there is no upstream or it does not take it.
    pub async fn send_mail(&self, mail: &NewMail<'_>) -> Result<Delivery, Fault> {
        let id = MailId::new(self.now, &mut PlatformEntropy);
        self.with_database(async |database| mail::queue(database, id, mail, self.now).await).await?;
        let sent = hand_over(&self.edge, mail.recipient, mail.subject, mail.body).await;
        self.with_database(async |database| settle(database, &id.to_string(), sent, self.now).await).await
    }
}

/// Notes how an attempt went. `None`: there is no upstream, so there was none.
pub async fn settle(database: Database<'_>, mail_id: &str, sent: Option<bool>, now: Timestamp) -> Result<Delivery, StoreError> {
    match sent {
        None => Ok(Delivery::Queued),
        Some(true) => mail::mark_sent(database, mail_id, now).await.map(|()| Delivery::Sent),
        Some(false) => mail::mark_tried(database, mail_id).await.map(|()| Delivery::Queued),
    }
}

/// Hands one mail to the upstream; `None` when none is configured.
pub async fn hand_over(edge: &Edge, recipient: &str, subject: &str, text: &str) -> Option<bool> {
    let (url, key) = Settings::upstream(edge.env(), "MAIL")?;
    Some(post(&url, key.as_deref(), &json!({"to": recipient, "subject": subject, "text": text}).to_string()).await.unwrap_or(false))
}

async fn post(url: &str, key: Option<&str>, body: &str) -> worker::Result<bool> {
    let headers = Headers::new();
    headers.set("Content-Type", "application/json")?;
    if let Some(key) = key {
        headers.set("Authorization", &format!("Bearer {key}"))?;
    }
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_headers(headers).with_body(Some(JsValue::from_str(body)));
    let response = Fetch::Request(Request::new_with_init(url, &init)?).send().await?;
    Ok((200..300).contains(&response.status_code()))
}
