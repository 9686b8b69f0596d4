//! The rules of sessions, one a sentence (contract motecloud 7).

use guildhall::domain::memory::{AgentLabel, Metadata, OBSERVATIONS_MAX};
use guildhall::domain::time::{DAY_MS, Timestamp};
use guildhall::objects::memory::command::{Append, Close, Closed, Command, Finalized, MemoryCall, Open, Outcome, Refusal, SessionState};
use serde_json::json;

use super::world::{World, claim, closing, closing_with, draft, finalizing, keyed, opening, sid, sourced, weighty};

fn metadata(value: serde_json::Value) -> Option<Metadata> {
    Some(serde_json::from_value(value).unwrap())
}

fn finalized(outcome: Result<Outcome, Refusal>) -> Finalized {
    match outcome {
        Ok(Outcome::Finalized(finalized)) => finalized,
        other => panic!("{other:?}"),
    }
}

fn closed(outcome: Result<Outcome, Refusal>) -> Closed {
    match outcome {
        Ok(Outcome::Closed(closed)) => closed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_opens_once_and_is_resumed_after() {
    let mut world = World::new();
    let agent_id = AgentLabel::parse("someone").ok();
    let first = Open { agent_id, metadata: metadata(json!({"a": 1, "b": 1})), ..opening("s") };
    let Ok(Outcome::Opened(opened)) = world.ask(Command::Open(first)) else { panic!() };
    assert!(!opened.resumed && opened.context.is_none());
    assert_eq!((opened.sequence, opened.opened_at, opened.agent_id.as_deref()), (0, world.now, Some("someone")));
    world.append("s", "one").unwrap();
    world.tick(5);
    let again = Open { metadata: metadata(json!({"b": 2, "c": null})), ..opening("s") };
    let Ok(Outcome::Opened(resumed)) = world.ask(Command::Open(again)) else { panic!() };
    assert!(resumed.resumed);
    assert_eq!((resumed.sequence, resumed.opened_at, resumed.agent_id.as_deref()), (1, opened.opened_at, Some("someone")));
    let status = world.status("s").unwrap();
    assert_eq!(status.metadata.to_string(), r#"{"a":1,"b":2,"c":null}"#);
    assert_eq!((status.updated_at, status.status), (world.now, SessionState::Open));
    assert_eq!(world.counts().open_sessions, 1);
}

#[test]
fn a_closed_session_is_resumed_by_opening_it() {
    let mut world = World::new();
    world.open("s").unwrap();
    let first = closed(world.ask(Command::Close(closing_with("s", "the end"))));
    assert_eq!(world.append("s", "late"), Err(Refusal::SessionClosed));
    world.tick(1);
    let Ok(Outcome::Opened(resumed)) = world.open("s") else { panic!() };
    assert!(resumed.resumed);
    assert_eq!(world.status("s").unwrap().closed_at, None);
    assert_eq!(world.append("s", "late").unwrap().sequence, 2);
    let second = closed(world.close("s"));
    assert_eq!((second.sequence, second.summary_id, second.closed_at), (2, None, world.now));
    assert_ne!(first.closed_at, second.closed_at);
    assert_eq!(world.counts().open_sessions, 0);
}

#[test]
fn metadata_that_would_outgrow_its_bound_is_refused_and_nothing_changes() {
    let mut world = World::new();
    let with = |key: &str| Open { metadata: metadata(json!({key: "x".repeat(9_000)})), ..opening("s") };
    world.ask(Command::Open(with("a"))).unwrap();
    world.close("s").unwrap();
    let before = world.dump();
    assert_eq!(world.ask(Command::Open(with("b"))), Err(Refusal::MetadataTooLarge));
    assert_eq!(world.dump(), before);
}

#[test]
fn sequences_run_from_one_in_each_session() {
    let mut world = World::new();
    for session in ["a", "b"] {
        world.open(session).unwrap();
    }
    let sequences: Vec<u64> = ["a", "b", "a", "a", "b"].map(|session| world.append(session, "x").unwrap().sequence).into();
    assert_eq!(sequences, [1, 1, 2, 3, 2]);
    let status = world.status("a").unwrap();
    assert_eq!((status.sequence, status.observations, status.tokens), (3, 3, 3));
}

#[test]
fn a_key_is_taken_once_in_all_the_life_of_its_session() {
    let mut world = World::new();
    world.open("s").unwrap();
    world.open("t").unwrap();
    let first = world.append_keyed("s", "one", "k").unwrap();
    assert!(!first.duplicate);
    world.append("s", "two").unwrap();
    world.tick(400 * DAY_MS);
    let again = world.append_keyed("s", "one", "k").unwrap();
    assert_eq!((again.id, again.sequence, again.tokens, again.duplicate), (first.id, 1, 1, true));
    assert_eq!(again.working_memory.items, 2);
    assert_eq!(world.append_keyed("s", "One", "k"), Err(Refusal::IdempotencyConflict));
    assert!(!world.append_keyed("t", "other", "k").unwrap().duplicate);
    world.close("s").unwrap();
    assert!(world.append_keyed("s", "one", "k").unwrap().duplicate);
    assert_eq!(world.append_keyed("s", "other", "k"), Err(Refusal::IdempotencyConflict));
    assert_eq!(world.append_keyed("s", "three", "new"), Err(Refusal::SessionClosed));
    world.open("s").unwrap();
    assert!(world.append_keyed("s", "one", "k").unwrap().duplicate);
    assert_eq!(world.status("s").unwrap().sequence, 2);
}

#[test]
fn a_key_outlasts_the_merging_of_its_observation() {
    let mut world = World::new();
    world.open("s").unwrap();
    world.append("s", "same").unwrap();
    let first = world.append_keyed("s", "same ", "k").unwrap();
    assert_eq!(world.flush("s", true), Ok((2, 1)));
    let again = world.append_keyed("s", "same ", "k").unwrap();
    assert_eq!((again.id, again.sequence, again.duplicate), (first.id, 2, true));
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut world = World::new();
    assert_eq!(world.append("s", "x"), Err(Refusal::SessionNotFound));
    assert_eq!(world.flush("s", true), Err(Refusal::SessionNotFound));
    assert_eq!(world.close("s"), Err(Refusal::SessionNotFound));
    assert_eq!(world.status("s"), Err(Refusal::SessionNotFound));
    world.open("S").unwrap();
    assert_eq!(world.status("s"), Err(Refusal::SessionNotFound));
}

#[test]
fn a_smart_flush_merges_equal_contents_into_the_oldest() {
    let mut world = World::new();
    world.open("s").unwrap();
    world.open("t").unwrap();
    let eldest = world.append_draft("s", weighty("deploy  at\nnoon", 0.2)).unwrap();
    world.append("t", "deploy at noon").unwrap();
    world.append("s", "unique").unwrap();
    world.append_draft("s", weighty(" deploy at noon ", 0.9)).unwrap();
    world.append_draft("s", weighty("deploy at noon", 0.4)).unwrap();
    assert_eq!(world.flush("s", false), Ok((4, 0)));
    assert_eq!(world.flush("s", true), Ok((0, 2)));
    assert_eq!(world.flush("s", true), Ok((0, 0)));
    let status = world.status("s").unwrap();
    assert_eq!((status.sequence, status.observations, status.tokens), (4, 2, 4 + 2));
    assert_eq!(world.counts().observations, 3);
    let hits = world.search("noon");
    assert_eq!(hits.len(), 2);
    let merged = hits.iter().find(|hit| hit.id == eldest.id).unwrap();
    assert_eq!((merged.content.as_str(), merged.importance_score), ("deploy  at\nnoon", 0.9));
    assert_eq!(world.contents("unique"), ["unique"]);
    assert_eq!(world.append("s", "next").unwrap().sequence, 5);
}

#[test]
fn a_merged_observation_stays_in_the_working_set_if_any_of_its_equals_was() {
    let mut world = World::new();
    world.open("s").unwrap();
    world.append_draft("s", weighty("same", 0.1)).unwrap();
    let append = Append { session_id: sid("s"), draft: weighty("same", 0.8), working_memory_budget_tokens: 1 };
    let Ok(Outcome::Appended(trimmed)) = world.ask(Command::Append(append)) else { panic!() };
    assert_eq!(trimmed.working_memory.items, 1);
    world.flush("s", true).unwrap();
    let next = world.append("s", "other").unwrap();
    assert_eq!((next.working_memory.items, next.working_memory.tokens), (2, 3));
}

#[test]
fn closing_flushes_remembers_the_summary_and_answers_the_same_again() {
    let mut world = World::new();
    world.open("s").unwrap();
    world.append("s", "same").unwrap();
    world.append("s", "same").unwrap();
    let close = Close { smart_consolidation: true, min_sequence: 2, ..closing_with("s", "it went well") };
    let first = closed(world.ask(Command::Close(close.clone())));
    assert_eq!((first.sequence, first.closed_at), (3, world.now));
    world.tick(1_000);
    assert_eq!(closed(world.ask(Command::Close(close))), first);
    assert_eq!(closed(world.close("s")), first);
    let summary = world.search("went").remove(0);
    assert_eq!((Some(summary.id), summary.importance_score), (first.summary_id, 1.0));
    assert_eq!(summary.source_id.as_deref(), Some("session:summary"));
    assert_eq!(world.contents("summary"), ["it went well"]);
    assert_eq!(world.status("s").unwrap().observations, 2);
}

#[test]
fn a_session_behind_the_sequence_its_caller_saw_does_not_close() {
    let mut world = World::new();
    world.open("s").unwrap();
    world.append("s", "one").unwrap();
    let close = |min_sequence| Command::Close(Close { min_sequence, ..closing("s") });
    let before = world.dump();
    assert_eq!(world.ask(close(2)), Err(Refusal::SequenceBehind { sequence: 1 }));
    assert_eq!(world.dump(), before);
    assert!(world.ask(close(1)).is_ok());
    assert_eq!(world.ask(close(u64::MAX)), Err(Refusal::SequenceBehind { sequence: 1 }));
}

#[test]
fn finalizing_opens_a_missing_session_appends_and_closes() {
    let mut world = World::new();
    let drafts = vec![keyed("one", "a"), draft("two"), keyed("one", "a"), sourced("two", "x")];
    let mut command = finalizing("s", drafts);
    command.metadata = metadata(json!({"a": 1}));
    command.agent_id = AgentLabel::parse("me").ok();
    command.smart_consolidation = true;
    let done = finalized(world.ask(Command::Finalize(command.clone())));
    assert_eq!((done.appended, done.duplicates, done.sequence, done.summary_id), (3, 1, 3, None));
    let status = world.status("s").unwrap();
    assert_eq!((status.status, status.observations, status.agent_id.as_deref()), (SessionState::Closed, 2, Some("me")));
    assert_eq!(status.metadata.to_string(), r#"{"a":1}"#);
    assert_eq!(world.counts().open_sessions, 0);
}

#[test]
fn finalizing_a_closed_session_takes_known_keys_only() {
    let mut world = World::new();
    let mut first = finalizing("s", vec![keyed("one", "a"), keyed("two", "b")]);
    first.summary = guildhall::domain::memory::Summary::parse("all of it").ok();
    let done = finalized(world.ask(Command::Finalize(first.clone())));
    assert_eq!((done.appended, done.duplicates, done.sequence), (2, 0, 3));
    world.tick(9);
    let before = world.dump();
    let again = finalized(world.ask(Command::Finalize(first)));
    assert_eq!(again, Finalized { appended: 0, duplicates: 2, ..done.clone() });
    let empty = finalized(world.ask(Command::Finalize(finalizing("s", Vec::new()))));
    assert_eq!(empty, Finalized { appended: 0, duplicates: 0, ..done });
    let unknown = finalizing("s", vec![keyed("one", "a"), keyed("three", "c")]);
    assert_eq!(world.ask(Command::Finalize(unknown)), Err(Refusal::SessionClosed));
    assert_eq!(world.ask(Command::Finalize(finalizing("s", vec![draft("one")]))), Err(Refusal::SessionClosed));
    let other = finalizing("s", vec![keyed("another", "a")]);
    assert_eq!(world.ask(Command::Finalize(other)), Err(Refusal::IdempotencyConflict));
    assert_eq!(world.dump(), before);
}

#[test]
fn finalizing_appends_all_or_nothing() {
    let mut world = World::new();
    let before = world.dump();
    let conflict = finalizing("s", vec![draft("one"), keyed("two", "a"), keyed("three", "a")]);
    assert_eq!(world.ask(Command::Finalize(conflict)), Err(Refusal::IdempotencyConflict));
    assert_eq!(world.dump(), before);
    world.open("s").unwrap();
    world.append_keyed("s", "one", "a").unwrap();
    let more = finalized(world.ask(Command::Finalize(finalizing("s", vec![draft("zero"), keyed("one", "a")]))));
    assert_eq!((more.appended, more.duplicates, more.sequence), (1, 1, 2));
}

#[test]
fn a_working_budget_trims_the_least_important_then_the_oldest() {
    let mut world = World::new();
    world.open("s").unwrap();
    for (content, importance) in [("aaaa old low", 0.1), ("bbbb old mid", 0.5), ("cccc old top", 0.9), ("dddd new mid", 0.5)] {
        world.append_draft("s", weighty(content, importance)).unwrap();
    }
    let append = Append { session_id: sid("s"), draft: weighty("eeee new low", 0.1), working_memory_budget_tokens: 9 };
    let Ok(Outcome::Appended(appended)) = world.ask(Command::Append(append)) else { panic!() };
    assert_eq!((appended.working_memory.items, appended.working_memory.tokens), (3, 9));
    // The working set comes first in a context of the session; what was trimmed follows.
    let open = Open { token_budget: 100, ..opening("s") };
    let Ok(Outcome::Opened(opened)) = world.ask(Command::Open(open)) else { panic!() };
    let context = opened.context.unwrap();
    let words: Vec<&str> = context.text.split("\n\n").map(|content| &content[..4]).collect();
    assert_eq!(words, ["cccc", "dddd", "bbbb", "eeee", "aaaa"]);
    assert_eq!(context.tokens_used, (5 * 12 + 4 * 2_u64).div_ceil(4));
    assert_eq!(world.contents("aaaa"), ["aaaa old low"]);
}

#[test]
fn a_budget_smaller_than_everything_empties_the_working_set() {
    let mut world = World::new();
    let mut command = finalizing("s", vec![draft("long enough"), draft("also long")]);
    command.working_memory_budget_tokens = 1;
    world.ask(Command::Finalize(command)).unwrap();
    world.open("s").unwrap();
    assert_eq!(world.append("s", "x").unwrap().working_memory.items, 1);
}

#[test]
fn a_full_memory_takes_no_more_until_something_is_merged() {
    let mut world = World::new();
    world.open("s").unwrap();
    world.append("s", "same").unwrap();
    world.append_keyed("s", "same", "k").unwrap();
    world.sql.connection.execute_batch(&format!("UPDATE tally SET observations = {OBSERVATIONS_MAX}")).unwrap();
    let before = world.dump();
    assert_eq!(world.append("s", "more"), Err(Refusal::MemoryFull));
    assert_eq!(world.ask(Command::Close(closing_with("s", "the end"))), Err(Refusal::MemoryFull));
    assert_eq!(world.ask(Command::Finalize(finalizing("t", vec![draft("a")]))), Err(Refusal::MemoryFull));
    assert_eq!(world.dump(), before);
    assert!(world.append_keyed("s", "same", "k").unwrap().duplicate);
    assert_eq!(world.flush("s", true), Ok((2, 1)));
    assert_eq!(world.append("s", "more").unwrap().sequence, 3);
    assert_eq!(world.append("s", "yet more"), Err(Refusal::MemoryFull));
    assert!(world.close("s").is_ok());
}

#[test]
fn the_same_call_twice_is_answered_once() {
    let mut world = World::new();
    world.open("s").unwrap();
    let command = Command::Append(Append { session_id: sid("s"), draft: draft("one"), working_memory_budget_tokens: 0 });
    let call = MemoryCall { command: command.clone(), idempotency: Some(claim("scope", "body")) };
    let first = world.call(&call);
    assert!(!first.replayed && first.outcome.is_ok());
    assert_eq!(first.next_due_at_ms, Some(world.now.as_ms() + DAY_MS));
    let before = world.dump();
    let again = world.call(&call);
    assert_eq!((again.replayed, &again.outcome), (true, &first.outcome));
    let other = MemoryCall { command, idempotency: Some(claim("scope", "other body")) };
    assert_eq!(world.call(&other).outcome, Err(Refusal::IdempotencyConflict));
    assert_eq!(world.dump(), before);
    world.tick(DAY_MS);
    assert!(!world.call(&call).replayed);
    assert_eq!(world.status("s").unwrap().sequence, 2);
}

#[test]
fn a_refusal_is_kept_unless_it_is_one_the_client_may_mend() {
    let mut world = World::new();
    let append = |content: &str, key: &str| {
        Command::Append(Append { session_id: sid("s"), draft: keyed(content, key), working_memory_budget_tokens: 0 })
    };
    let missing = MemoryCall { command: append("x", "k"), idempotency: Some(claim("a", "a")) };
    assert_eq!(world.call(&missing).outcome, Err(Refusal::SessionNotFound));
    world.open("s").unwrap();
    let again = world.call(&missing);
    assert_eq!((again.replayed, again.outcome), (true, Err(Refusal::SessionNotFound)));
    world.append_keyed("s", "x", "k").unwrap();
    let conflict = MemoryCall { command: append("y", "k"), idempotency: Some(claim("b", "b")) };
    for _ in 0..2 {
        let reply = world.call(&conflict);
        assert_eq!((reply.replayed, reply.outcome), (false, Err(Refusal::IdempotencyConflict)));
    }
}

#[test]
fn what_is_due_is_forgotten_and_says_when_the_next_is() {
    let mut world = World::new();
    for (session, wait_ms) in [("a", 0), ("b", 1_000)] {
        world.tick(wait_ms);
        world.call(&MemoryCall { command: Command::Open(opening(session)), idempotency: Some(claim(session, "")) });
    }
    let due = world.now.as_ms() + DAY_MS;
    world.now = Timestamp::from_ms(due - 1);
    let reply = world.call(&MemoryCall { command: Command::RunDue, idempotency: None });
    assert_eq!((reply.outcome, reply.next_due_at_ms), (Ok(Outcome::Ran), Some(due)));
    world.now = Timestamp::from_ms(due);
    let reply = world.call(&MemoryCall { command: Command::RunDue, idempotency: None });
    assert_eq!((reply.outcome, reply.next_due_at_ms), (Ok(Outcome::Ran), None));
}

#[test]
fn a_command_takes_few_statements() {
    let mut world = World::new();
    world.open("s").unwrap();
    let append =
        |draft, working_memory_budget_tokens| Command::Append(Append { session_id: sid("s"), draft, working_memory_budget_tokens });
    assert_eq!(world.cost(append(draft("one"), 0)), 5);
    assert_eq!(world.cost(append(keyed("two", "k"), 0)), 7);
    assert_eq!(world.cost(append(keyed("three", "l"), 2)), 8);
    assert_eq!(world.cost(append(keyed("three", "l"), 2)), 2);
    assert_eq!(world.cost(Command::Open(opening("t"))), 3);
    assert_eq!(world.cost(Command::Open(Open { token_budget: 9, ..opening("s") })), 5);
    assert_eq!(world.cost(Command::Status { session_id: sid("s") }), 2);
    assert_eq!(world.cost(Command::Counts), 1);
    assert_eq!(world.cost(Command::Close(closing("t"))), 3);
    assert_eq!(world.cost(Command::Close(closing_with("s", "end"))), 5);
    let hundred = (0..100).map(|n| keyed(&format!("content {n}"), &n.to_string())).collect();
    assert_eq!(world.cost(Command::Finalize(finalizing("u", hundred))), 7);
}

#[test]
fn tables_that_are_up_to_date_cost_one_statement() {
    let world = World::new();
    let before = world.sql.statements_run();
    guildhall::objects::memory::migrate(&world.sql).unwrap();
    assert_eq!(world.sql.statements_run() - before, 1);
}
