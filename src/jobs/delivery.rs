//! Attempts to hand an event over: the queue's consumer signs, calls the receiver and reports to the tenant's object, which
//! decides what follows (contract README 11).

use serde_json::{Value, json};

use super::lane;
use crate::crypto::webhook;
use crate::domain::delivery::{Attempted, RESPONSE_BYTES_MAX, TIME_LIMIT_MS, cut_response};
use crate::domain::target::{self, Host, Rules, is_public_v4, is_public_v6};
use crate::edge::post::{Post, PostError, Posted};
use crate::edge::task::Answer;
use crate::edge::{self, Edge, platform};
use crate::http::keys::Keys;
use crate::http::webhook::target_rules;
use crate::objects::clock;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::webhook::command::{Attempt, WebhookCommand};

/// A lookup of a name may take so long, and answer so much.
const LOOKUP_LIMIT_MS: u32 = 5_000;
const LOOKUP_BYTES_MAX: u32 = 65_536;

/// Makes one attempt and reports it.
pub(super) async fn attempt(edge: &Edge, attempt: &Attempt) {
    let log = |error: String| worker::console_error!("{}", json!({"job": "delivery", "delivery": attempt.delivery_id, "error": error}));
    if let Err(error) = clock::learn(edge).await {
        return log(error.to_string());
    }
    let attempted = make(edge, attempt).await;
    let report = WebhookCommand::Report { delivery_id: attempt.delivery_id, claim: attempt.claim, attempted };
    lane::report(edge, attempt.tenant, &Command::Webhook(report), log).await;
}

/// 1. The target is one that may be called, now as when it was stored. 2. Sign. 3. Call.
async fn make(edge: &Edge, attempt: &Attempt) -> Attempted {
    let (at, started_ms) = (edge::now(), edge::platform_ms());
    let ended = |response_status, retry_after, response_body, error| Attempted {
        at,
        duration_ms: edge::platform_ms().saturating_sub(started_ms),
        response_status,
        retry_after,
        response_body,
        error,
    };
    let rules = target_rules(&edge.settings);
    // What an agent names for itself may be plain http (contract atelier 1).
    let rules = Rules { http: attempt.push.is_some(), ..rules };
    if let Err(error) = check_target(edge, &attempt.url, rules).await {
        return ended(None, None, None, Some(error));
    }
    let Ok(keys) = Keys::of(&edge.settings) else { return ended(None, None, None, Some("the signing key is missing".to_owned())) };
    let id = attempt.event_id.to_string();
    let secrets = keys.open_webhook_secrets(attempt.tenant, &attempt.secrets);
    let signature = webhook::sign(&secrets, keys.ring.current(), &id, at.as_s(), &attempt.body);
    let mut head = format!(
        "content-type\napplication/json\nuser-agent\nGuildhall-Webhooks/1\nwebhook-id\n{id}\nwebhook-timestamp\n{}\nwebhook-signature\n{signature}\n",
        at.as_s()
    );
    if let (Some(push), Some(newest)) = (&attempt.push, secrets.first()) {
        let Attempt { delivery_id, body, .. } = attempt;
        let signature = webhook::sign_push(newest, at.as_s(), body);
        head.push_str(&format!(
            "x-atelier-event\n{}\nx-atelier-agent-id\next_{}\nx-atelier-delivery-id\n{delivery_id}\nx-atelier-signature\n{signature}\n",
            push.event,
            push.seller.ulid()
        ));
    }
    let post = Post { url: &attempt.url, head: &head, body: &attempt.body, limit_ms: TIME_LIMIT_MS, bytes_max: RESPONSE_BYTES_MAX };
    match post.send().await {
        Ok(Posted { status, retry_after, text }) => ended(Some(status), retry_after, cut_response(&text), error_of(status)),
        Err(error) => ended(None, None, None, Some(name_failure(error).to_owned())),
    }
}

/// Why an answer is a failure.
fn error_of(status: u16) -> Option<String> {
    match status {
        200..=299 => None,
        300..=399 => Some(format!("the receiver answered {status}; redirects are not followed")),
        _ => Some(format!("the receiver answered {status}")),
    }
}

/// Why there was no answer.
const fn name_failure(error: PostError) -> &'static str {
    match error {
        PostError::Silent => "no answer within 15 s",
        PostError::Broken => "the connection failed",
    }
}

/// Whether the URL may be called; with a resolver, also what its name stands for.
async fn check_target(edge: &Edge, url: &str, rules: Rules) -> Result<(), String> {
    let host = target::check(url, rules).map_err(|error| format!("the url {error}"))?;
    let (Host::Name(name), Some(resolver)) = (&host, &edge.settings.doh_url) else { return Ok(()) };
    if rules.loopback && (name == "localhost" || name.ends_with(".localhost")) {
        return Ok(());
    }
    let mut found = 0;
    for kind in ["A", "AAAA"] {
        let question = format!("{resolver}{}name={name}&type={kind}", if resolver.contains('?') { '&' } else { '?' });
        let answer = Answer::to(|slot| platform::get_json(&question, LOOKUP_LIMIT_MS, LOOKUP_BYTES_MAX, slot)).await;
        let text = answer.ok().and_then(|text| text.as_string()).ok_or("the name could not be looked up")?;
        found += count_public(&text).ok_or("the name stands for an address that is not public")?;
    }
    if found == 0 { Err("the name has no address".to_owned()) } else { Ok(()) }
}

/// How many addresses a resolver's answer holds; `None` when one of them is not public.
fn count_public(text: &str) -> Option<usize> {
    let answer: Value = serde_json::from_str(text).ok()?;
    let mut found = 0;
    for record in answer.get("Answer").and_then(Value::as_array).into_iter().flatten() {
        let data = record.get("data").and_then(Value::as_str).unwrap_or_default();
        let is_public = match record.get("type").and_then(Value::as_u64) {
            Some(1) => data.parse().is_ok_and(is_public_v4),
            Some(28) => data.parse().is_ok_and(is_public_v6),
            // A name on the way to an address.
            _ => continue,
        };
        if !is_public {
            return None;
        }
        found += 1;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_public_when_every_address_it_stands_for_is() {
        let answer = |records: &str| format!(r#"{{"Status":0,"Answer":[{records}]}}"#);
        let (alias, public) = (r#"{"type":5,"data":"b.example."}"#, r#"{"type":1,"data":"8.8.8.8"}"#);
        assert_eq!(count_public(&answer(&format!("{alias},{public}"))), Some(1));
        assert_eq!(count_public(&answer(r#"{"type":28,"data":"2606:4700:4700::1111"}"#)), Some(1));
        assert_eq!(count_public(r#"{"Status":3}"#), Some(0));
        for private in [
            r#"{"type":1,"data":"127.0.0.1"}"#,
            r#"{"type":1,"data":"169.254.169.254"}"#,
            r#"{"type":28,"data":"fd00::1"}"#,
            r#"{"type":1,"data":"x"}"#,
        ] {
            assert_eq!(count_public(&answer(&format!("{public},{private}"))), None, "{private}");
        }
        assert_eq!(count_public("no json"), None);
    }
}
