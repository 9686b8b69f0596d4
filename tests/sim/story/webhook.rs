//! Webhooks: from an event to its end, however the receiver behaves.

use guildhall::domain::delivery::{Attempted, DeliveryStatus, FAILING_MS_MAX, LEASE_MS};
use guildhall::domain::id::{AgentId, DeliveryId, EventId, WebhookId};
use guildhall::domain::time::{DAY_MS, Timestamp};
use guildhall::domain::webhook::EventFilter;
use guildhall::objects::tenant::call::Proof;
use guildhall::objects::tenant::command::Command;
use guildhall::objects::tenant::outcome::{Event, Outcome};
use guildhall::objects::tenant::refusal::{Refusal, Thing};
use guildhall::objects::tenant::webhook::command::{
    Attempt, DeliveryView, DisabledReason, EndpointChange, EndpointView, Feed, NewEndpoint, NewWebhookSecret, WebhookCommand,
    WebhookOutcome,
};

use super::{Tale, key, micros, operator};

impl Tale {
    fn hook(&mut self, command: WebhookCommand) -> Result<WebhookOutcome, Refusal> {
        let caller = if command.is_of_house() { Proof::House } else { operator() };
        match self.ask(caller, Command::Webhook(command))? {
            Outcome::Webhook(outcome) => Ok(outcome),
            other => panic!("{other:?}"),
        }
    }

    fn endpoint(&mut self, events: &[&str]) -> WebhookId {
        match self.hook(WebhookCommand::Create(new_endpoint(events))).unwrap() {
            WebhookOutcome::Made { endpoint, .. } => endpoint.webhook_id,
            other => panic!("{other:?}"),
        }
    }

    fn view(&mut self, webhook_id: WebhookId) -> EndpointView {
        match self.hook(WebhookCommand::Get { webhook_id }).unwrap() {
            WebhookOutcome::Endpoint(view) => view,
            other => panic!("{other:?}"),
        }
    }

    fn change(&mut self, webhook_id: WebhookId, enabled: bool) {
        let change = EndpointChange { url: None, events: None, enabled: Some(enabled), description: None };
        self.hook(WebhookCommand::Update { webhook_id, change }).unwrap();
    }

    /// One public event.
    fn happen(&mut self) {
        let wallet_id = self.born.wallet_id;
        let fund = Command::Fund { wallet_id, amount_micros: micros(10_000), source: None };
        assert!(self.ask(operator(), fund).is_ok());
    }

    fn run_due(&mut self) {
        self.house(Command::RunDue { batch: 500 });
    }

    fn claim(&mut self, limit: u64) -> Vec<Attempt> {
        match self.hook(WebhookCommand::Claim { limit }).unwrap() {
            WebhookOutcome::Claimed { attempts, .. } => attempts,
            other => panic!("{other:?}"),
        }
    }

    /// What an alarm does.
    fn ring(&mut self) -> Vec<Attempt> {
        self.run_due();
        self.claim(1_000)
    }

    fn report(&mut self, attempt: &Attempt, status: u16) {
        let attempted = answered(self.now, status);
        let outcome = self.hook(WebhookCommand::Report { delivery_id: attempt.delivery_id, claim: attempt.claim, attempted });
        assert_eq!(outcome, Ok(WebhookOutcome::Reported));
    }

    fn deliveries(&mut self, webhook_id: WebhookId) -> Vec<DeliveryView> {
        let list = WebhookCommand::Deliveries { webhook_id, status: None, event: None, limit: 1_000, before: None };
        match self.hook(list).unwrap() {
            WebhookOutcome::Deliveries(views) => views,
            other => panic!("{other:?}"),
        }
    }

    fn only(&mut self, webhook_id: WebhookId) -> DeliveryView {
        let views = self.deliveries(webhook_id);
        assert_eq!(views.len(), 1);
        views[0].clone()
    }

    fn feed(&mut self, after: Option<EventId>, types: &[&str], agent_id: Option<AgentId>) -> (Vec<Event>, Option<EventId>) {
        let events = EventFilter::parse(types.iter().copied()).unwrap();
        match self.hook(WebhookCommand::Feed(Feed { after, events, limit: 100, wait_ms: 0, agent_id })).unwrap() {
            WebhookOutcome::Feed { events, next_after } => (events, next_after),
            other => panic!("{other:?}"),
        }
    }

    fn next_due(&mut self) -> Option<Timestamp> {
        let call = self.call(Proof::House, Command::RunDue { batch: 500 });
        self.send(&call).next_due_at_ms
    }
}

fn new_endpoint(events: &[&str]) -> NewEndpoint {
    NewEndpoint {
        url: "https://hooks.example.com/in".to_owned(),
        events: EventFilter::parse(events.iter().copied()).unwrap(),
        description: None,
        secret: secret(1),
    }
}

fn secret(number: u8) -> NewWebhookSecret {
    NewWebhookSecret { at_rest: vec![number; 73], for_repeat: None }
}

fn answered(at: Timestamp, status: u16) -> Attempted {
    let error = (status >= 300).then(|| format!("the receiver answered {status}"));
    Attempted { at, duration_ms: 7, response_status: Some(status), retry_after: None, response_body: Some("ok".to_owned()), error }
}

#[test]
fn an_event_is_handed_out_once_and_a_good_answer_ends_it() {
    let mut tale = Tale::new();
    let hook = tale.endpoint(&["*"]);
    tale.happen();
    let attempts = tale.ring();
    assert_eq!(attempts.len(), 1, "what happened before the endpoint was made is not its own");
    assert_eq!((attempts[0].claim, attempts[0].secrets.as_slice()), (1, [hex(1)].as_slice()));
    let body: serde_json::Value = serde_json::from_str(&attempts[0].body).unwrap();
    assert_eq!((body["type"].as_str(), body["timestamp"].as_str()), (Some("wallet.funded"), Some("2026-02-02T12:00:00.000Z")));
    assert_eq!((&body["data"]["amount"], &body["data"]["currency"]), (&1.into(), &"usd".into()));
    assert!(tale.ring().is_empty(), "one under way is not handed out again");
    tale.report(&attempts[0], 204);
    let view = tale.only(hook);
    assert_eq!(
        (view.status, view.attempts, view.next_attempt_at_ms, view.response_status),
        (DeliveryStatus::Delivered, 1, None, Some(204))
    );
    assert_eq!((view.event_id, view.attempt_log.len()), (attempts[0].event_id, 1));
    tale.pass_ms(DAY_MS);
    assert!(tale.ring().is_empty());
}

fn hex(number: u8) -> String {
    format!("{number:02x}").repeat(73)
}

#[test]
fn an_endpoint_gets_what_it_asked_for_and_nothing_that_stays_inside() {
    let mut tale = Tale::new();
    let (all, money, agents) = (tale.endpoint(&["*"]), tale.endpoint(&["wallet.*"]), tale.endpoint(&["agent.*", "payment.denied"]));
    tale.mint(operator(), super::KeyHolder::NewAgent { label: "x".to_owned() }, 9).unwrap();
    tale.happen();
    let attempts = tale.ring();
    let kinds = |tale: &mut Tale, id| tale.deliveries(id).into_iter().map(|view| view.event).rev().collect::<Vec<_>>();
    let mut of_all = kinds(&mut tale, all);
    of_all.sort();
    assert_eq!(of_all, ["agent.registered", "wallet.funded"], "the key that was minted is nobody's business");
    assert_eq!(kinds(&mut tale, money), ["wallet.funded"]);
    assert_eq!(kinds(&mut tale, agents), ["agent.registered"]);
    assert_eq!(attempts.len(), 4);
}

#[test]
fn ten_attempts_are_made_and_then_it_has_failed() {
    let mut tale = Tale::new();
    let hook = tale.endpoint(&["*"]);
    tale.happen();
    let mut pauses_s = Vec::new();
    for n in 1..=10 {
        let attempts = tale.ring();
        assert_eq!(attempts.len(), 1, "attempt {n}");
        tale.report(&attempts[0], 500);
        if let Some(next) = tale.only(hook).next_attempt_at_ms {
            assert_eq!(tale.next_due(), Some(next), "the alarm stands for it");
            pauses_s.push(next.since_ms(tale.now) / 1_000);
            tale.now = next.minus_ms(1);
            assert!(tale.ring().is_empty(), "not before its time");
            tale.now = next;
        }
    }
    let wanted = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
    assert_eq!(pauses_s.len(), 9);
    for (pause, wanted) in pauses_s.iter().zip(wanted) {
        assert!((wanted - wanted / 10 - 1..=wanted + wanted / 10).contains(pause), "{pause} for {wanted}");
    }
    let view = tale.only(hook);
    assert_eq!((view.status, view.attempts, view.attempt_log.len()), (DeliveryStatus::Failed, 10, 10));
    assert_eq!(view.attempt_log.iter().map(|attempt| attempt.attempt).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    tale.pass_ms(DAY_MS);
    assert!(tale.ring().is_empty());
}

#[test]
fn what_is_lost_on_the_way_goes_out_again_and_only_the_latest_report_counts_once() {
    let mut tale = Tale::new();
    let hook = tale.endpoint(&["*"]);
    tale.happen();
    let first = tale.ring();
    tale.pass_ms(LEASE_MS - 1);
    assert!(tale.ring().is_empty());
    tale.pass_ms(1);
    let second = tale.ring();
    assert_eq!((second[0].delivery_id, second[0].event_id, second[0].claim), (first[0].delivery_id, first[0].event_id, 2));
    tale.report(&first[0], 500);
    assert_eq!(tale.only(hook).attempts, 0, "the report of a lost attempt");
    tale.report(&second[0], 500);
    tale.report(&second[0], 500);
    tale.report(&second[0], 200);
    let view = tale.only(hook);
    assert_eq!((view.attempts, view.status), (1, DeliveryStatus::Pending), "one report an attempt");
    // A report that is late, but before anybody took it for lost, counts.
    tale.pass_ms(6_000);
    let third = tale.ring();
    tale.pass_ms(10 * LEASE_MS);
    tale.report(&third[0], 200);
    assert_eq!(tale.only(hook).status, DeliveryStatus::Delivered);
    let nobody =
        WebhookCommand::Report { delivery_id: DeliveryId::from_ulid(ulid::Ulid::nil()), claim: 1, attempted: answered(tale.now, 200) };
    assert_eq!(tale.hook(nobody), Ok(WebhookOutcome::Reported), "a report of what is gone");
}

#[test]
fn a_dead_endpoint_gets_one_probe_at_a_time_and_a_living_one_everything_at_once() {
    let mut tale = Tale::new();
    let hook = tale.endpoint(&["*"]);
    for _ in 0..40 {
        tale.happen();
    }
    let attempts = tale.ring();
    assert_eq!(attempts.len(), 40);
    for attempt in &attempts {
        tale.report(attempt, 503);
    }
    tale.pass_ms(29_000);
    assert!(tale.ring().is_empty(), "forty are due, but the breaker is open");
    let due = tale.next_due().unwrap();
    assert!(due > tale.now, "and the alarm does not ring for them");
    tale.now = due;
    let probe = tale.ring();
    assert_eq!(probe.len(), 1);
    assert!(tale.ring().is_empty(), "one at a time");
    tale.report(&probe[0], 503);
    let attempts_used: u64 = tale.deliveries(hook).iter().map(|view| view.attempts).sum();
    assert_eq!(attempts_used, 41, "the others wait without using their attempts up");
    tale.pass_ms(60_000);
    let lost = tale.ring();
    assert_eq!(lost.len(), 1);
    tale.pass_ms(LEASE_MS);
    let probe = tale.ring();
    assert_eq!(probe.len(), 1, "a probe that was lost holds nobody up for ever");
    tale.report(&probe[0], 200);
    let rest = tale.ring();
    assert_eq!(rest.len(), 38, "all but the delivered one and the one probed before, whose schedule goes on");
    for attempt in &rest {
        tale.report(attempt, 200);
    }
}

#[test]
fn what_was_under_way_when_the_endpoint_answered_well_does_not_open_the_breaker() {
    let mut tale = Tale::new();
    tale.endpoint(&["*"]);
    for _ in 0..30 {
        tale.happen();
    }
    let hanging = tale.ring();
    let sent_at = tale.now;
    tale.pass_ms(14_000);
    tale.happen();
    let good = tale.ring();
    tale.report(&good[0], 200);
    tale.pass_ms(1_000);
    for attempt in &hanging {
        let attempted = Attempted { response_status: None, error: Some("no answer".to_owned()), ..answered(sent_at, 200) };
        tale.hook(WebhookCommand::Report { delivery_id: attempt.delivery_id, claim: attempt.claim, attempted }).unwrap();
    }
    tale.pass_ms(6_000);
    assert_eq!(tale.ring().len(), 30);
}

#[test]
fn a_receiver_that_is_gone_is_called_no_more_and_the_others_hear_of_it() {
    let mut tale = Tale::new();
    let (gone, other) = (tale.endpoint(&["wallet.*"]), tale.endpoint(&["webhook.*"]));
    tale.happen();
    tale.happen();
    let attempts = tale.ring();
    tale.report(&attempts[0], 410);
    assert_eq!(tale.view(gone).disabled, Some((DisabledReason::Gone, tale.now)));
    tale.report(&attempts[1], 500);
    tale.happen();
    tale.pass_ms(DAY_MS);
    let told = tale.ring();
    assert_eq!(told.len(), 1, "only the other one");
    let body: serde_json::Value = serde_json::from_str(&told[0].body).unwrap();
    assert_eq!((body["type"].as_str(), body["data"]["disabled_reason"].as_str()), (Some("webhook.disabled"), Some("gone")));
    assert_eq!(body["data"]["id"].as_str(), Some(gone.to_string().as_str()));
    assert_eq!(tale.deliveries(other).len(), 1);
    let delivery_id = attempts[0].delivery_id;
    let refused = Err(Refusal::WebhookDisabled);
    assert_eq!(tale.hook(WebhookCommand::ReplayOne { webhook_id: gone, delivery_id }), refused);
    assert_eq!(tale.hook(WebhookCommand::ReplaySince { webhook_id: gone, since: Timestamp::from_ms(0) }), refused);
    assert_eq!(tale.hook(WebhookCommand::Test { webhook_id: gone }), refused);
    tale.change(gone, true);
    let resumed = tale.ring();
    assert_eq!(resumed.len(), 1, "what was on its schedule goes on; what was missed waits for a replay");
    assert_eq!(resumed[0].delivery_id, attempts[1].delivery_id);
    tale.report(&resumed[0], 200);
    assert_eq!(
        tale.hook(WebhookCommand::ReplaySince { webhook_id: gone, since: Timestamp::from_ms(0) }),
        Ok(WebhookOutcome::Queued { events: 3 })
    );
    let mut replayed = tale.ring();
    assert_eq!(replayed.len(), 3, "the birth's funding, the failed one and the missed one");
    replayed.retain(|attempt| attempt.delivery_id == delivery_id);
    assert_eq!((replayed.len(), replayed[0].event_id), (1, attempts[0].event_id), "under its own id");
}

#[test]
fn five_days_of_failures_disable_an_endpoint() {
    let mut tale = Tale::new();
    let hook = tale.endpoint(&["wallet.*"]);
    let began = tale.now;
    tale.happen();
    let attempts = tale.ring();
    tale.report(&attempts[0], 500);
    tale.now = began.plus_ms(FAILING_MS_MAX - 1);
    let attempts = tale.ring();
    tale.report(&attempts[0], 500);
    assert_eq!(tale.view(hook).disabled, None);
    tale.now = tale.only(hook).next_attempt_at_ms.unwrap();
    let attempts = tale.ring();
    tale.report(&attempts[0], 500);
    assert_eq!(tale.view(hook).disabled.map(|(reason, _)| reason), Some(DisabledReason::Failing));
}

#[test]
fn a_replay_is_one_attempt_and_takes_nothing_back() {
    let mut tale = Tale::new();
    let webhook_id = tale.endpoint(&["*"]);
    tale.happen();
    let first = tale.ring();
    tale.report(&first[0], 200);
    let delivery_id = first[0].delivery_id;
    let replay = WebhookCommand::ReplayOne { webhook_id, delivery_id };
    assert!(tale.hook(replay.clone()).is_ok());
    let again = tale.ring();
    assert_eq!((again[0].event_id, again[0].body.as_str()), (first[0].event_id, first[0].body.as_str()));
    tale.report(&again[0], 500);
    let view = tale.only(webhook_id);
    assert_eq!(
        (view.status, view.attempts, view.response_status),
        (DeliveryStatus::Delivered, 2, Some(500)),
        "it was delivered, and stays so"
    );
    tale.pass_ms(DAY_MS);
    assert!(tale.ring().is_empty(), "no schedule follows");
    assert_eq!(tale.hook(WebhookCommand::ReplaySince { webhook_id, since: tale.now }), Ok(WebhookOutcome::Queued { events: 0 }));
    let other = tale.endpoint(&["*"]);
    let elsewhere = WebhookCommand::ReplayOne { webhook_id: other, delivery_id };
    assert_eq!(tale.hook(elsewhere), Err(Refusal::NotFound(Thing::Delivery)));
    let unknown = WebhookId::from_ulid(ulid::Ulid::nil());
    assert_eq!(tale.hook(WebhookCommand::ReplayOne { webhook_id: unknown, delivery_id }), Err(Refusal::NotFound(Thing::Webhook)));
}

#[test]
fn two_secrets_sign_for_a_day_after_a_rotation_however_many_there_were() {
    let mut tale = Tale::new();
    let webhook_id = tale.endpoint(&["*"]);
    assert!(tale.hook(WebhookCommand::RotateSecret { webhook_id, secret: secret(2) }).is_ok());
    tale.happen();
    assert_eq!(tale.ring()[0].secrets, [hex(2), hex(1)], "the new one first");
    assert!(tale.hook(WebhookCommand::RotateSecret { webhook_id, secret: secret(3) }).is_ok());
    tale.happen();
    assert_eq!(tale.ring()[0].secrets, [hex(3), hex(2)], "the last two");
    assert_eq!(tale.count("webhook_secret"), 2);
    tale.pass_ms(DAY_MS);
    tale.happen();
    assert!(tale.ring().iter().all(|attempt| attempt.secrets == [hex(3)]));
}

#[test]
fn what_was_asked_for_is_tried_first_though_the_breaker_is_open() {
    let mut tale = Tale::new();
    let webhook_id = tale.endpoint(&["wallet.*"]);
    for _ in 0..30 {
        tale.happen();
    }
    for attempt in tale.ring() {
        tale.report(&attempt, 503);
    }
    tale.pass_ms(6_000);
    assert!(tale.ring().is_empty(), "the breaker is open and thirty are due");
    let wanted = tale.deliveries(webhook_id)[0].clone();
    let outcome = tale.hook(WebhookCommand::ReplayOne { webhook_id, delivery_id: wanted.delivery_id });
    let Ok(WebhookOutcome::Delivery(shown)) = outcome else { panic!("{outcome:?}") };
    assert!(shown.next_attempt_at_ms.is_some_and(|at| at >= wanted.created_at_ms && at <= tale.now), "{shown:?}");
    let probe = tale.ring();
    assert_eq!(probe.iter().map(|attempt| attempt.delivery_id).collect::<Vec<_>>(), [wanted.delivery_id]);
    tale.report(&probe[0], 503);
    assert!(tale.hook(WebhookCommand::Test { webhook_id }).is_ok());
    let probe = tale.ring();
    let body: serde_json::Value = serde_json::from_str(&probe[0].body).unwrap();
    assert_eq!((probe.len(), body["type"].as_str()), (1, Some("webhook.test")));
}

#[test]
fn what_happened_while_an_endpoint_wanted_it_is_its_own_whatever_it_wants_then() {
    let mut tale = Tale::new();
    let (disabled, gone, changed) = (tale.endpoint(&["wallet.*"]), tale.endpoint(&["wallet.*"]), tale.endpoint(&["wallet.*"]));
    tale.happen();
    let under_way = tale.ring();
    for _ in 0..1_100 {
        tale.happen();
    }
    tale.change(disabled, false);
    let attempt =
        under_way.iter().find(|attempt| tale.deliveries(gone).iter().any(|view| view.delivery_id == attempt.delivery_id)).unwrap();
    tale.report(attempt, 410);
    let change = EndpointChange { url: None, events: EventFilter::parse(["payment.*"]).ok(), enabled: None, description: None };
    tale.hook(WebhookCommand::Update { webhook_id: changed, change }).unwrap();
    tale.happen();
    tale.change(disabled, true);
    tale.change(gone, true);
    tale.run_due();
    for webhook_id in [disabled, gone, changed] {
        let list = WebhookCommand::Deliveries { webhook_id, status: None, event: None, limit: 2_000, before: None };
        let Ok(WebhookOutcome::Deliveries(views)) = tale.hook(list) else { panic!() };
        assert_eq!(views.len(), 1_101, "all before, and not the one after");
    }
}

#[test]
fn a_receiver_that_was_gone_before_says_nothing_of_where_the_endpoint_is_now() {
    let mut tale = Tale::new();
    let (moved, enabled) = (tale.endpoint(&["wallet.*"]), tale.endpoint(&["wallet.*"]));
    tale.happen();
    let attempts = tale.ring();
    let sent_at = tale.now;
    tale.pass_ms(1_000);
    let url = Some("https://new.example.com/in".to_owned());
    let change = EndpointChange { url, events: None, enabled: None, description: None };
    tale.hook(WebhookCommand::Update { webhook_id: moved, change }).unwrap();
    tale.change(enabled, false);
    tale.change(enabled, true);
    for attempt in &attempts {
        let attempted = answered(sent_at, 410);
        tale.hook(WebhookCommand::Report { delivery_id: attempt.delivery_id, claim: attempt.claim, attempted }).unwrap();
    }
    for webhook_id in [moved, enabled] {
        assert_eq!(tale.view(webhook_id).disabled, None);
        assert_eq!(tale.only(webhook_id).status, DeliveryStatus::Pending, "it is tried again");
    }
    tale.pass_ms(6_000);
    let again = tale.ring();
    assert_eq!(again.len(), 2);
    tale.report(&again[0], 410);
    tale.report(&again[1], 410);
    for webhook_id in [moved, enabled] {
        assert!(tale.view(webhook_id).disabled.is_some(), "what is there now is gone as well");
    }
}

#[test]
fn an_endpoint_that_has_moved_begins_anew() {
    let mut tale = Tale::new();
    let webhook_id = tale.endpoint(&["wallet.*"]);
    for _ in 0..30 {
        tale.happen();
    }
    for attempt in tale.ring() {
        tale.report(&attempt, 503);
    }
    tale.pass_ms(6_000);
    assert!(tale.ring().is_empty());
    let url = Some("https://new.example.com/in".to_owned());
    let change = EndpointChange { url, events: None, enabled: None, description: None };
    tale.hook(WebhookCommand::Update { webhook_id, change }).unwrap();
    assert_eq!(tale.ring().len(), 30, "what failed elsewhere is no reason to wait");
}

#[test]
fn what_was_delivered_stays_so_when_its_event_is_gone() {
    let mut tale = Tale::new();
    let webhook_id = tale.endpoint(&["*"]);
    tale.happen();
    tale.pass_ms(1_000);
    let first = tale.ring();
    tale.report(&first[0], 200);
    let delivery_id = first[0].delivery_id;
    tale.object.sql.connection.execute("DELETE FROM outbox", []).unwrap();
    assert!(tale.hook(WebhookCommand::ReplayOne { webhook_id, delivery_id }).is_ok());
    assert!(tale.ring().is_empty());
    let view = tale.only(webhook_id);
    assert_eq!((view.status, view.error.as_deref()), (DeliveryStatus::Delivered, Some("the event is kept no more")));
}

#[test]
fn events_that_were_handed_on_can_be_read_again() {
    let mut tale = Tale::new();
    for _ in 0..5 {
        tale.happen();
    }
    tale.house(Command::OutboxAck { upto_seq: 1 << 40 });
    let mut read = |after_seq| match tale.ask(Proof::House, Command::OutboxReadAfter { after_seq, limit: 3 }) {
        Ok(Outcome::Events { after_seq: after, events }) if after == after_seq => events.iter().map(|event| event.seq).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let first = read(0);
    let next = read(first[2]);
    assert_eq!((first.len(), next.len()), (3, 3));
    assert!(first[2] < next[0]);
    assert!(read(1 << 40).is_empty());
    assert_eq!(tale.ask(operator(), Command::OutboxReadAfter { after_seq: 0, limit: 1 }), Err(Refusal::Forbidden));
}

#[test]
fn the_feed_counts_the_events_it_looks_at_and_not_their_numbers() {
    let mut tale = Tale::new();
    let (_, after) = tale.feed(None, &["*"], None);
    // Fifty thousand entries that are announced to nobody, then one event.
    tale.happen();
    tale.object.sql.connection.execute("UPDATE outbox SET seq = seq + 50000 WHERE seq = (SELECT max(seq) FROM outbox)", []).unwrap();
    assert_eq!(tale.feed(after, &["wallet.*"], None).0.len(), 1, "numbers without events are no events");
}

#[test]
fn a_test_goes_to_the_endpoint_it_tests_and_to_no_other() {
    let mut tale = Tale::new();
    let (tested, other) = (tale.endpoint(&["payment.denied"]), tale.endpoint(&["*"]));
    assert!(tale.hook(WebhookCommand::Test { webhook_id: tested }).is_ok());
    let attempts = tale.ring();
    assert_eq!((attempts.len(), tale.deliveries(other).len()), (1, 0));
    let body: serde_json::Value = serde_json::from_str(&attempts[0].body).unwrap();
    assert_eq!((body["type"].as_str(), body["data"]["id"].as_str()), (Some("webhook.test"), Some(tested.to_string().as_str())));
    assert!(body["data"]["public_key"].as_str().unwrap().starts_with("whpk_"), "as GET shows it");
    tale.report(&attempts[0], 500);
    assert_eq!(tale.only(tested).status, DeliveryStatus::Failed, "a test is one attempt");
}

#[test]
fn twenty_endpoints_are_the_most_and_a_deleted_one_is_unknown() {
    let mut tale = Tale::new();
    let ids: Vec<_> = (0..20).map(|_| tale.endpoint(&["*"])).collect();
    assert_eq!(tale.hook(WebhookCommand::Create(new_endpoint(&["*"]))), Err(Refusal::WebhookLimit));
    tale.happen();
    let webhook_id = ids[3];
    assert_eq!(tale.hook(WebhookCommand::Delete { webhook_id }), Ok(WebhookOutcome::Deleted));
    for command in [
        WebhookCommand::Get { webhook_id },
        WebhookCommand::Delete { webhook_id },
        WebhookCommand::Test { webhook_id },
        WebhookCommand::RotateSecret { webhook_id, secret: secret(2) },
        WebhookCommand::Deliveries { webhook_id, status: None, event: None, limit: 1, before: None },
    ] {
        assert_eq!(tale.hook(command), Err(Refusal::NotFound(Thing::Webhook)));
    }
    assert_eq!(tale.ring().len(), 19);
    tale.endpoint(&["*"]);
    assert_eq!(tale.ask(key(1), Command::Webhook(WebhookCommand::List)), Err(Refusal::Forbidden), "an agent's key does not manage");
    let claim = Command::Webhook(WebhookCommand::Claim { limit: 1 });
    assert_eq!(tale.ask(operator(), claim), Err(Refusal::Forbidden), "what the house does is the house's");
}

#[test]
fn the_feed_goes_on_after_what_was_read_and_begins_anew_after_what_is_gone() {
    let mut tale = Tale::new();
    let (born, next) = tale.feed(None, &["*"], None);
    let kinds: Vec<_> = born.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["wallet.funded", "agent.registered"]);
    assert_eq!(tale.feed(next, &["*"], None).0, []);
    tale.happen();
    let (events, after) = tale.feed(next, &["*"], None);
    assert_eq!((events.len(), events[0].kind.as_str(), after), (1, "wallet.funded", Some(events[0].event_id)));
    let (none, moved) = tale.feed(None, &["payment.*"], None);
    assert_eq!((none.len(), moved), (0, after), "nothing wanted up to there");
    assert_eq!(tale.feed(None, &["agent.*"], None).0.len(), 1);
    let agent = tale.born.agent_id.unwrap();
    assert_eq!(tale.feed(None, &["*"], Some(agent)).0.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(), ["agent.registered"]);
    assert_eq!(tale.feed(None, &["*"], Some(AgentId::from_ulid(ulid::Ulid::nil()))).0, []);
    // One of another tenant, or one that never was: from the oldest.
    let stranger = EventId::of_seq(events[0].seq, tale.now, &mut super::Random::new(77));
    assert_eq!(tale.feed(Some(stranger), &["*"], None).0.len(), 3);
    tale.pass_ms(31 * DAY_MS);
    tale.house(Command::OutboxAck { upto_seq: 1 << 40 });
    tale.run_due();
    tale.happen();
    assert_eq!(tale.feed(next, &["*"], None).0.len(), 1, "what was purged is skipped");
}

#[test]
fn deliveries_are_kept_thirty_days() {
    let mut tale = Tale::new();
    let hook = tale.endpoint(&["*"]);
    tale.happen();
    let attempts = tale.ring();
    tale.report(&attempts[0], 200);
    tale.pass_ms(30 * DAY_MS - 1);
    tale.run_due();
    assert_eq!(tale.deliveries(hook).len(), 1);
    tale.hook(WebhookCommand::Delete { webhook_id: hook }).unwrap();
    tale.pass_ms(2 * 3_600_000);
    while tale.next_due().is_some_and(|due| due <= tale.now) {}
    assert_eq!((tale.count("delivery"), tale.count("webhook_endpoint"), tale.count("webhook_secret")), (0, 0, 0));
}

#[test]
fn an_endpoint_has_five_hundred_under_way_and_every_event_of_a_flood_goes_out_once() {
    let mut tale = Tale::new();
    let hook = tale.endpoint(&["wallet.*"]);
    for _ in 0..1_200 {
        tale.happen();
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut under_way = Vec::new();
    for _ in 0..20 {
        tale.run_due();
        let claimed = tale.claim(100);
        assert!(claimed.len() <= 100);
        under_way.extend(claimed);
    }
    assert_eq!(under_way.len(), 500);
    assert!(tale.next_due().is_some_and(|due| due > tale.now), "no alarm rings for what there is no room for");
    while !under_way.is_empty() {
        for attempt in std::mem::take(&mut under_way) {
            assert!(seen.insert(attempt.event_id), "twice");
            tale.report(&attempt, 200);
        }
        tale.pass_ms(1_000);
        under_way = tale.ring();
    }
    assert_eq!(seen.len(), 1_200);
    let list = WebhookCommand::Deliveries { webhook_id: hook, status: Some(DeliveryStatus::Pending), event: None, limit: 10, before: None };
    assert_eq!(tale.hook(list), Ok(WebhookOutcome::Deliveries(Vec::new())));
}
