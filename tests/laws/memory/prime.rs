//! The rules of priming (contract motecloud 6).

use guildhall::domain::memory::tokens_of;
use guildhall::objects::memory::command::{Command, Open, Outcome};
use proptest::prelude::*;

use super::world::{World, draft, finalizing, opening, weighty};

#[test]
fn a_context_is_ranked_by_words_times_importance() {
    let mut world = World::new();
    world.open("s").unwrap();
    for (content, importance) in [("deploy a", 0.1), ("deploy b", 1.0), ("deploy c", 0.5), ("other d", 1.0)] {
        world.append_draft("s", weighty(content, importance)).unwrap();
    }
    let primed = world.prime("how to deploy?", 0, None);
    assert_eq!(primed.context.text, "deploy b\n\ndeploy c\n\ndeploy a");
    assert_eq!((primed.token_budget, primed.context.tokens_used, primed.truncated), (2_000, 7, false));
    let score = world.search("deploy")[0].score;
    let weights: Vec<f64> = primed.items.iter().map(|item| item.score).collect();
    for (weight, importance) in weights.iter().zip([1.0, 0.5, 0.1]) {
        assert!((weight - score * (0.5 + importance)).abs() < 2e-6, "{weight} {score}");
    }
    assert!(primed.items.iter().all(|item| item.tokens == 2 && item.session_id == "s"));
}

#[test]
fn the_named_session_comes_first() {
    let mut world = World::new();
    world.open("mine").unwrap();
    world.open("other").unwrap();
    world.append_draft("mine", weighty("a long text that says deploy once", 0.0)).unwrap();
    world.append_draft("other", weighty("deploy deploy", 1.0)).unwrap();
    let contents = |world: &mut World, session| -> Vec<String> {
        world.prime("deploy", 0, session).items.into_iter().map(|item| item.content).collect()
    };
    assert_eq!(contents(&mut world, None)[0], "deploy deploy");
    assert_eq!(contents(&mut world, Some("mine")), ["a long text that says deploy once", "deploy deploy"]);
    assert_eq!(contents(&mut world, Some("unknown")), ["deploy deploy", "a long text that says deploy once"]);
}

#[test]
fn what_does_not_fit_is_passed_over_and_said() {
    let mut world = World::new();
    world.open("s").unwrap();
    world.append_draft("s", weighty(&format!("deploy {}", "x".repeat(400)), 1.0)).unwrap();
    world.append_draft("s", weighty("deploy small", 0.1)).unwrap();
    let primed = world.prime("deploy", 10, None);
    assert_eq!((primed.context.text.as_str(), primed.truncated), ("deploy small", true));
    assert!(!world.prime("deploy", 200, None).truncated);
    assert!(!world.prime("deploy", 200, Some("s")).truncated);
}

#[test]
fn nothing_found_is_an_empty_context() {
    let mut world = World::new();
    let primed = world.prime("anything", 100, Some("s"));
    assert_eq!((primed.context.text.as_str(), primed.context.tokens_used, primed.truncated), ("", 0, false));
    assert!(primed.items.is_empty());
    assert!(world.prime("!!!", 100, None).items.is_empty());
}

#[test]
fn priming_takes_three_statements_and_five_with_a_session() {
    let mut world = World::new();
    world.ask(Command::Finalize(finalizing("s", vec![draft("word"); 20]))).unwrap();
    for (session, statements) in [(None, 3), (Some("s"), 5)] {
        let before = world.sql.statements_run();
        world.prime("word", 10, session);
        assert_eq!(world.sql.statements_run() - before, statements);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn tokens_used_never_exceed_the_budget(
        contents in prop::collection::vec("[aé𝄞]{1,9}( [ab]{1,40}){0,3}", 1..40),
        budget in 1_u64..200,
    ) {
        let mut world = World::new();
        world.open("s").unwrap();
        for content in &contents {
            world.append("s", content).unwrap();
        }
        let primed = world.prime("a b é aa ab ba bb", budget, Some("s"));
        prop_assert!(primed.context.tokens_used <= budget);
        prop_assert!(primed.items.iter().map(|item| item.tokens).sum::<u64>() <= budget);
        prop_assert_eq!(primed.context.tokens_used, tokens_of(&primed.context.text));
        let joined = primed.items.iter().map(|item| item.content.as_str()).collect::<Vec<_>>().join("\n\n");
        prop_assert_eq!(&primed.context.text, &joined);
        let Ok(Outcome::Opened(opened)) = world.ask(Command::Open(Open { token_budget: budget, ..opening("s") })) else { panic!() };
        let context = opened.context.unwrap();
        prop_assert!(context.tokens_used <= budget);
        prop_assert_eq!(context.tokens_used, tokens_of(&context.text));
    }
}
