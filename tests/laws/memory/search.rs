//! The rules of searching (contract motecloud 5), and the index against a model of BM25.

use std::collections::BTreeSet;

use guildhall::domain::memory::{QueryText, ResultLimit, SourceId, Tags, words_of};
use guildhall::objects::memory::command::{Command, Draft, Search};
use proptest::prelude::*;
use serde_json::json;

use super::world::{World, asking, draft, finalizing, sid, sourced};

#[test]
fn a_search_finds_any_of_its_words_in_content_and_source() {
    let mut world = World::new();
    world.open("s").unwrap();
    for (content, source) in [("Deploy the gateway", "runbook"), ("The cat sleeps", "diary/cats"), ("nothing of it", "x")] {
        world.append_draft("s", sourced(content, source)).unwrap();
    }
    assert_eq!(world.contents("GATEWAY"), ["Deploy the gateway"]);
    assert_eq!(world.contents("diary"), ["The cat sleeps"]);
    assert_eq!(world.contents("gateway cat").len(), 2);
    assert_eq!(world.contents("gate"), Vec::<String>::new());
    assert_eq!(world.find(asking("absent")).total, 0);
}

#[test]
fn a_hit_tells_everything_of_its_observation() {
    let mut world = World::new();
    world.open("a/b:c").unwrap();
    let tags = Tags::parse(json!({"kind": "note", "n": 1})).unwrap();
    world.append_draft("a/b:c", Draft { tags: tags.clone(), ..sourced("héllo wörld", "src") }).unwrap();
    let hit = world.search("hello").remove(0);
    assert_eq!((hit.content.as_str(), hit.session_id.as_str(), hit.source_id.as_deref()), ("héllo wörld", "a/b:c", Some("src")));
    assert_eq!((hit.importance_score, hit.created_at, hit.tags), (0.5, world.now, tags));
    assert!(hit.score > 0.0);
}

#[test]
fn accents_and_case_make_no_difference() {
    let mut world = World::new();
    world.open("s").unwrap();
    for content in ["Café au lait", "cafe\u{301} noir", "ΟΔΟΣ", "İstanbul", "東京タワー", "हिन्दी", "ОДИН"] {
        world.append("s", content).unwrap();
    }
    for (text, count) in [("CAFE", 2), ("café", 2), ("cafe\u{301}", 2), ("οδος", 1), ("istanbul", 1), ("京", 1), ("हिन्दी", 1), ("один", 1)]
    {
        assert_eq!(world.search(text).len(), count, "{text}");
    }
}

#[test]
fn even_in_a_small_memory_a_better_match_scores_higher() {
    let mut world = World::new();
    world.open("s").unwrap();
    world.append("s", "deploy").unwrap();
    assert!(world.search("deploy")[0].score > 0.1);
    for content in ["deploy deploy deploy now", "deploy the rare gateway now", "deploy at some time or other now"] {
        world.append("s", content).unwrap();
    }
    assert_eq!(world.contents("deploy gateway")[0], "deploy the rare gateway now");
    let scores: Vec<f64> = world.search("now").iter().map(|hit| hit.score).collect();
    assert!(scores.windows(2).all(|pair| pair[0] >= pair[1]) && scores[2] > 0.0, "{scores:?}");
    assert_eq!(world.contents("deploy now")[0], "deploy deploy deploy now");
}

#[test]
fn a_search_narrows_to_a_session_and_a_source() {
    let mut world = World::new();
    for session in ["s", "t"] {
        world.open(session).unwrap();
        for source in ["x", "y"] {
            world.append_draft(session, sourced("word", source)).unwrap();
        }
    }
    let mut count = |session: Option<&str>, source: Option<&str>| {
        let source_id = source.map(|source| SourceId::parse(source).unwrap());
        world.find(Search { session_id: session.map(sid), source_id, ..asking("word") }).total
    };
    assert_eq!(count(None, None), 4);
    assert_eq!(count(Some("s"), None), 2);
    assert_eq!(count(None, Some("y")), 2);
    assert_eq!(count(Some("t"), Some("x")), 1);
    assert_eq!(count(Some("none"), None), 0);
    assert_eq!(count(None, Some("S")), 0);
}

#[test]
fn equal_scores_go_newest_first_then_by_id_and_the_total_counts_all() {
    let mut world = World::new();
    let batch = |session: &str| Command::Finalize(finalizing(session, vec![draft("same words"); 40]));
    world.ask(batch("a")).unwrap();
    world.ask(batch("b")).unwrap();
    world.tick(1);
    world.ask(batch("c")).unwrap();
    let found = world.find(Search { limit: ResultLimit::parse(50).unwrap(), ..asking("same") });
    assert_eq!((found.results.len(), found.total), (50, 120));
    let order: Vec<_> = found.results.iter().map(|hit| (std::cmp::Reverse(hit.created_at), hit.id.to_string())).collect();
    assert!(order.is_sorted());
    assert_eq!(found, world.find(Search { limit: ResultLimit::parse(50).unwrap(), ..asking("same") }));
}

#[test]
fn ids_never_go_back_when_the_clock_does() {
    let mut world = World::new();
    world.open("s").unwrap();
    world.append("s", "word one").unwrap();
    let later = world.now;
    world.now = later.minus_ms(5_000);
    world.append("s", "word two").unwrap();
    assert_eq!(world.contents("word"), ["word two", "word one"]);
    assert!(world.search("word").iter().all(|hit| hit.created_at == later));
}

#[test]
fn a_search_takes_two_statements() {
    let mut world = World::new();
    world.ask(Command::Finalize(finalizing("s", vec![draft("word"); 20]))).unwrap();
    assert_eq!(world.cost(Command::Search(asking("word"))), 2);
    assert_eq!(world.cost(Command::Search(Search { session_id: Some(sid("s")), ..asking("none") })), 1);
    assert_eq!(world.cost(Command::Search(asking("!!!"))), 0);
}

#[test]
fn where_many_match_the_rarer_words_and_the_newest_are_ranked_and_all_are_counted() {
    let mut world = World::new();
    let content = |number: usize| match number {
        3 => "common half needle".to_owned(),
        number if number % 2 == 0 => "common half".to_owned(),
        _ => "common".to_owned(),
    };
    for batch in 0..60 {
        let drafts = (batch * 100..batch * 100 + 100).map(|number| draft(&content(number))).collect();
        world.ask(Command::Finalize(finalizing(&format!("s{batch}"), drafts))).unwrap();
        world.tick(1);
    }
    let before = world.sql.statements_run();
    let found = world.find(asking("common half needle"));
    assert_eq!(world.sql.statements_run() - before, 3);
    assert_eq!((found.total, found.results.len()), (6_000, 10));
    assert_eq!(found.results[0].content, "common half needle");
    assert!(found.results[1..].iter().all(|hit| hit.content == "common half" && hit.session_id == "s59"));
    let order: Vec<_> = found.results.iter().map(|hit| (-hit.score, std::cmp::Reverse(hit.created_at), hit.id.to_string())).collect();
    assert!(order.windows(2).all(|pair| pair[0] <= pair[1]));
    // The scores are those the plain statement gives.
    let sole = world.find(asking("needle"));
    let halves = world.find(Search { session_id: Some(sid("s0")), ..asking("common half needle") });
    assert_eq!((halves.total, halves.results[0].clone()), (100, found.results[0].clone()));
    assert!(found.results[0].score > sole.results[0].score);

    let all = world.find(asking("common"));
    assert_eq!((all.total, all.results[0].session_id.as_str()), (6_000, "s59"));
    assert_eq!(world.prime("common half needle", 100, None).items[0].content, "common half needle");
}

/// What contract motecloud 5 promises, computed the plain way. Each row has an empty twin in the index, and one more.
fn model_scores(documents: &[Vec<String>], query: &BTreeSet<String>) -> Vec<f64> {
    // Each document's scope is one more token of its row.
    let lengths: Vec<f64> = documents.iter().map(|words| words.len() as f64 + 1.0).collect();
    let rows = documents.len() as f64 * 2.0 + 1.0;
    let mean = lengths.iter().sum::<f64>() / rows;
    let mut scores = vec![0.0; documents.len()];
    for word in query {
        let hits = documents.iter().filter(|words| words.contains(word)).count() as f64;
        let weight = ((rows - hits + 0.5) / (hits + 0.5)).ln();
        for (score, (words, length)) in scores.iter_mut().zip(documents.iter().zip(&lengths)) {
            let frequency = words.iter().filter(|other| *other == word).count() as f64;
            *score += weight * frequency * 2.2 / (frequency + 1.2 * (0.25 + 0.75 * length / mean));
        }
    }
    scores
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_index_agrees_with_the_model(
        documents in prop::collection::vec(prop::collection::vec("[a-h]", 1..12), 1..30),
        query in prop::collection::vec("[a-j]", 1..5),
    ) {
        let mut world = World::new();
        let drafts = documents.iter().map(|words| draft(&words.join(" "))).collect();
        world.ask(Command::Finalize(finalizing("s", drafts))).unwrap();
        let scores = model_scores(&documents, &query.iter().cloned().collect());
        let found = world.find(Search { limit: ResultLimit::parse(50).unwrap(), ..asking(&query.join(", ")) });
        let matching = scores.iter().filter(|score| **score > 0.0).count();
        prop_assert_eq!(found.total, matching as u64);
        prop_assert_eq!(found.results.len(), matching);
        let mut expected: Vec<f64> = scores.into_iter().filter(|score| *score > 0.0).collect();
        expected.sort_by(|a, b| b.total_cmp(a));
        for (hit, score) in found.results.iter().zip(expected) {
            prop_assert!((hit.score - score).abs() < 1e-6, "{} {score}", hit.score);
        }
        prop_assert!(found.results.windows(2).all(|pair| pair[0].score >= pair[1].score));
    }

    #[test]
    fn any_text_is_a_legal_query(text in any::<String>()) {
        let mut world = World::new();
        world.open("s").unwrap();
        world.append("s", "something").unwrap();
        let text: String = text.chars().filter(|c| !c.is_control()).take(4_096).collect();
        if let Ok(query_text) = QueryText::parse(&text) {
            world.find(Search { query_text, ..asking("x") });
            world.prime(&text, 100, Some("s"));
        }
    }

    #[test]
    fn an_observation_is_found_by_each_of_its_words(text in "\\PC{1,60}", limit in 1_usize..4) {
        let mut world = World::new();
        world.open("s").unwrap();
        if world.append("s", &text).is_ok() {
            for word in words_of(&text).iter().take(limit) {
                prop_assert_eq!(world.contents(word), vec![text.clone()], "{}", word);
            }
        }
    }
}

#[test]
fn the_syntax_of_the_index_is_only_text() {
    let mut world = World::new();
    world.open("s").unwrap();
    world.append("s", "word near and or not").unwrap();
    let legal = [
        "\"",
        "'",
        "*",
        "wor*",
        "NEAR(word and)",
        "words:word",
        "scope : s",
        "word AND",
        "NOT",
        "OR OR OR",
        "^word",
        "- word",
        "(",
        ")))",
        "word + near",
        "{words scope}: x",
        "\"word",
        "wo\"\"rd",
        "🦀",
        "!!!",
        "\t\n",
        "a\u{200d}b",
        "%",
        "_",
        ";--",
        "\u{feff}word",
    ];
    for text in legal {
        world.find(asking(text));
    }
    for nothing in ["!!!", "\"", "*", "🦀", "((()))", "…"] {
        assert_eq!(world.find(asking(nothing)).total, 0, "{nothing}");
    }
    for found in ["NEAR(word and)", "words:word", "^word", "word AND"] {
        assert_eq!(world.find(asking(found)).total, 1, "{found}");
    }
    let many: String = (0..1_300).map(|n| format!("{n} ")).collect::<String>().chars().take(4_090).collect();
    assert_eq!(world.find(asking(&format!("word {many}"))).total, 1);
}
