//! Sessions against a plain model: random commands, every answer compared.

use std::collections::BTreeMap;

use guildhall::domain::memory::{OnceKey, Summary, fold_whitespace, tokens_of};
use guildhall::objects::memory::command::{Append, Close, Command, Draft, Finalize, Outcome, Refusal, SessionState};
use proptest::prelude::*;

use super::world::{World, closing, draft, finalizing, sid, weighty};

const SESSIONS: [&str; 3] = ["a", "b/c", "d:e"];
const CONTENTS: [&str; 5] = ["one", "two two", "two  two", " one ", "a third thing"];
const KEYS: [&str; 3] = ["k", "l", "m"];

#[derive(Debug, Clone)]
enum Step {
    Open(usize),
    Append { session: usize, draft: Piece, budget: u64 },
    Flush { session: usize, smart: bool },
    Close { session: usize, smart: bool, summary: bool, min_sequence: u64 },
    Finalize { session: usize, smart: bool, summary: bool, budget: u64, drafts: Vec<Piece> },
}

#[derive(Debug, Clone)]
struct Piece {
    content: usize,
    tenths: u64,
    key: Option<usize>,
}

impl Piece {
    fn draft(&self) -> Draft {
        let idempotency_key = self.key.map(|key| OnceKey::parse(KEYS[key]).unwrap());
        Draft { idempotency_key, ..weighty(CONTENTS[self.content], self.tenths as f64 / 10.0) }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Kept {
    content: String,
    tenths: u64,
    working: bool,
    sequence: u64,
}

#[derive(Debug, Clone, Default)]
struct Modelled {
    closed: bool,
    sequence: u64,
    consolidated: u64,
    kept: Vec<Kept>,
    keys: BTreeMap<usize, (usize, u64)>,
}

impl Modelled {
    /// Which of the drafts are new, or why not.
    fn sort(&self, drafts: &[Piece]) -> Result<Vec<bool>, Refusal> {
        let mut keys = self.keys.clone();
        let mut news = Vec::new();
        for piece in drafts {
            let known = piece.key.and_then(|key| keys.get(&key).copied());
            if known.is_some_and(|(content, _)| content != piece.content) {
                return Err(Refusal::IdempotencyConflict);
            }
            if let Some(key) = piece.key {
                keys.entry(key).or_insert((piece.content, 0));
            }
            news.push(known.is_none());
        }
        Ok(news)
    }

    fn take(&mut self, piece: &Piece) -> u64 {
        self.sequence += 1;
        if let Some(key) = piece.key {
            self.keys.insert(key, (piece.content, self.sequence));
        }
        let content = CONTENTS[piece.content].to_owned();
        self.kept.push(Kept { content, tenths: piece.tenths, working: true, sequence: self.sequence });
        self.sequence
    }

    fn sum(&mut self) {
        self.sequence += 1;
        self.kept.push(Kept { content: "sum".into(), tenths: 10, working: true, sequence: self.sequence });
        self.consolidated = self.sequence;
    }

    fn trim(&mut self, budget: u64) {
        while budget > 0 && self.working().1 > budget {
            let in_set = self.kept.iter_mut().filter(|kept| kept.working);
            in_set.min_by_key(|kept| (kept.tenths, kept.sequence)).unwrap().working = false;
        }
    }

    fn working(&self) -> (u64, u64) {
        let in_set = || self.kept.iter().filter(|kept| kept.working);
        (in_set().count() as u64, in_set().map(|kept| tokens_of(&kept.content)).sum())
    }

    fn flush(&mut self, smart: bool) -> (u64, u64) {
        let consolidated = self.sequence - self.consolidated;
        self.consolidated = self.sequence;
        let before = self.kept.len();
        if smart {
            let mut unique: Vec<Kept> = Vec::new();
            for kept in self.kept.drain(..) {
                match unique.iter_mut().find(|other| fold_whitespace(&other.content) == fold_whitespace(&kept.content)) {
                    Some(eldest) => {
                        eldest.tenths = eldest.tenths.max(kept.tenths);
                        eldest.working |= kept.working;
                    }
                    None => unique.push(kept),
                }
            }
            self.kept = unique;
        }
        (consolidated, (before - self.kept.len()) as u64)
    }
}

fn piece() -> impl Strategy<Value = Piece> {
    (0..CONTENTS.len(), 0_u64..=10, prop::option::of(0..KEYS.len())).prop_map(|(content, tenths, key)| Piece { content, tenths, key })
}

fn step() -> impl Strategy<Value = Step> {
    let session = 0..SESSIONS.len();
    let budget = prop_oneof![2 => Just(0_u64), 1 => 1_u64..12];
    prop_oneof![
        3 => session.clone().prop_map(Step::Open),
        8 => (session.clone(), piece(), budget.clone()).prop_map(|(session, draft, budget)| Step::Append { session, draft, budget }),
        2 => (session.clone(), any::<bool>()).prop_map(|(session, smart)| Step::Flush { session, smart }),
        2 => (session.clone(), any::<bool>(), any::<bool>(), 0_u64..4)
            .prop_map(|(session, smart, summary, min_sequence)| Step::Close { session, smart, summary, min_sequence }),
        1 => (session, any::<bool>(), any::<bool>(), budget, prop::collection::vec(piece(), 0..5))
            .prop_map(|(session, smart, summary, budget, drafts)| Step::Finalize { session, smart, summary, budget, drafts }),
    ]
}

/// Runs a step in both and compares the answers.
fn take_step(world: &mut World, model: &mut BTreeMap<usize, Modelled>, step: &Step) {
    let summary = |wanted: bool| wanted.then(|| Summary::parse("sum").unwrap());
    match step {
        Step::Open(session) => {
            let Ok(Outcome::Opened(opened)) = world.open(SESSIONS[*session]) else { panic!() };
            assert_eq!(opened.resumed, model.contains_key(session));
            let modelled = model.entry(*session).or_default();
            modelled.closed = false;
            assert_eq!(opened.sequence, modelled.sequence);
        }
        Step::Append { session, draft: piece, budget } => {
            let append = Append { session_id: sid(SESSIONS[*session]), draft: piece.draft(), working_memory_budget_tokens: *budget };
            let answer = world.ask(Command::Append(append));
            let expected = append_to(model.get_mut(session), piece, *budget);
            let answer = answer.map(|outcome| match outcome {
                Outcome::Appended(done) => (done.sequence, done.duplicate, (done.working_memory.items, done.working_memory.tokens)),
                other => panic!("{other:?}"),
            });
            assert_eq!(answer, expected);
        }
        Step::Flush { session, smart } => {
            let expected = model.get_mut(session).map(|modelled| modelled.flush(*smart)).ok_or(Refusal::SessionNotFound);
            assert_eq!(world.flush(SESSIONS[*session], *smart), expected);
        }
        Step::Close { session, smart, summary: summed, min_sequence } => {
            let close = Close {
                summary: summary(*summed),
                smart_consolidation: *smart,
                min_sequence: *min_sequence,
                ..closing(SESSIONS[*session])
            };
            let answer = world.ask(Command::Close(close)).map(|outcome| match outcome {
                Outcome::Closed(closed) => closed.sequence,
                other => panic!("{other:?}"),
            });
            assert_eq!(answer, close_in(model.get_mut(session), *smart, *summed, *min_sequence));
        }
        Step::Finalize { session, smart, summary: summed, budget, drafts } => {
            let finalize = Finalize {
                summary: summary(*summed),
                smart_consolidation: *smart,
                working_memory_budget_tokens: *budget,
                ..finalizing(SESSIONS[*session], drafts.iter().map(Piece::draft).collect())
            };
            let answer = world.ask(Command::Finalize(finalize)).map(|outcome| match outcome {
                Outcome::Finalized(done) => (done.appended, done.duplicates, done.sequence),
                other => panic!("{other:?}"),
            });
            let mut modelled = model.get(session).cloned().unwrap_or_default();
            let expected = finalize_in(&mut modelled, drafts, *smart, *summed, *budget);
            if expected.is_ok() {
                model.insert(*session, modelled);
            }
            assert_eq!(answer, expected);
        }
    }
}

type Appending = (u64, bool, (u64, u64));

fn append_to(modelled: Option<&mut Modelled>, piece: &Piece, budget: u64) -> Result<Appending, Refusal> {
    let modelled = modelled.ok_or(Refusal::SessionNotFound)?;
    let is_new = modelled.sort(std::slice::from_ref(piece))?[0];
    if !is_new {
        return Ok((modelled.keys[&piece.key.unwrap()].1, true, modelled.working()));
    }
    if modelled.closed {
        return Err(Refusal::SessionClosed);
    }
    let sequence = modelled.take(piece);
    modelled.trim(budget);
    Ok((sequence, false, modelled.working()))
}

fn close_in(modelled: Option<&mut Modelled>, smart: bool, summed: bool, min_sequence: u64) -> Result<u64, Refusal> {
    let modelled = modelled.ok_or(Refusal::SessionNotFound)?;
    if modelled.sequence < min_sequence {
        return Err(Refusal::SequenceBehind { sequence: modelled.sequence });
    }
    if !modelled.closed {
        modelled.flush(smart);
        if summed {
            modelled.sum();
        }
        modelled.closed = true;
    }
    Ok(modelled.sequence)
}

fn finalize_in(modelled: &mut Modelled, drafts: &[Piece], smart: bool, summed: bool, budget: u64) -> Result<(u64, u64, u64), Refusal> {
    let news = modelled.sort(drafts)?;
    let appended = news.iter().filter(|new| **new).count() as u64;
    let duplicates = drafts.len() as u64 - appended;
    if modelled.closed {
        return if appended == 0 { Ok((0, duplicates, modelled.sequence)) } else { Err(Refusal::SessionClosed) };
    }
    for (piece, _) in drafts.iter().zip(news).filter(|(_, new)| *new) {
        modelled.take(piece);
    }
    modelled.flush(smart);
    if summed {
        modelled.sum();
    }
    modelled.trim(budget);
    modelled.closed = true;
    Ok((appended, duplicates, modelled.sequence))
}

/// Compares everything that can be read of a session.
fn compare(world: &mut World, model: &BTreeMap<usize, Modelled>) {
    for (session, modelled) in model {
        let status = world.status(SESSIONS[*session]).unwrap();
        assert_eq!(status.status == SessionState::Closed, modelled.closed);
        let tokens: u64 = modelled.kept.iter().map(|kept| tokens_of(&kept.content)).sum();
        assert_eq!((status.sequence, status.observations, status.tokens), (modelled.sequence, modelled.kept.len() as u64, tokens));
    }
    let counts = world.counts();
    assert_eq!(counts.open_sessions, model.values().filter(|modelled| !modelled.closed).count() as u64);
    assert_eq!(counts.observations, model.values().map(|modelled| modelled.kept.len() as u64).sum::<u64>());
    let kept: Vec<&Kept> = model.values().flat_map(|modelled| &modelled.kept).collect();
    for word in ["one", "two", "third", "sum"] {
        let found = world.find(super::world::asking(word)).total;
        assert_eq!(found, kept.iter().filter(|kept| kept.content.contains(word)).count() as u64, "{word}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn sessions_behave_as_the_model(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        let mut model = BTreeMap::new();
        for step in &steps {
            world.tick(1);
            take_step(&mut world, &mut model, step);
        }
        compare(&mut world, &model);
    }

    #[test]
    fn a_smart_flush_keeps_what_is_unique(contents in prop::collection::vec("[ab]{1,2}[ \n]{0,2}[ab]{0,2}", 1..40)) {
        let mut world = World::new();
        world.open("s").unwrap();
        let mut unique = std::collections::BTreeSet::new();
        for content in &contents {
            world.append_draft("s", draft(content)).unwrap();
            unique.insert(fold_whitespace(content));
        }
        let merged = contents.len() - unique.len();
        prop_assert_eq!(world.flush("s", true), Ok((contents.len() as u64, merged as u64)));
        prop_assert_eq!(world.counts().observations, unique.len() as u64);
        for content in unique {
            prop_assert!(world.search(&content).iter().any(|hit| fold_whitespace(&hit.content) == content));
        }
    }

    #[test]
    fn sequences_have_no_gap_under_any_interleaving(order in prop::collection::vec((0_usize..3, prop::option::of(0_usize..3)), 1..60)) {
        let mut world = World::new();
        let mut given: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for session in SESSIONS {
            world.open(session).unwrap();
        }
        for (session, key) in order {
            let piece = Piece { content: 0, tenths: 5, key };
            let done = world.append_draft(SESSIONS[session], piece.draft()).unwrap();
            if !done.duplicate {
                given.entry(session).or_default().push(done.sequence);
            }
        }
        for sequences in given.values() {
            prop_assert_eq!(sequences.clone(), (1..=sequences.len() as u64).collect::<Vec<_>>());
        }
    }
}
