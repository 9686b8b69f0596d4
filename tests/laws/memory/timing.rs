//! How a memory's answers slow down as it fills. Figures are printed, never asserted: `cargo test --release --test laws
//! -- --ignored --nocapture a_full_memory`.

use std::time::Instant;

use guildhall::domain::memory::ResultLimit;
use guildhall::objects::memory::command::{Append, Command, Search};

use super::world::{Seeded, World, asking, draft, finalizing, sid, sourced};

/// A memory of `size` observations of some twenty words, of which twenty hold "rare", half hold "half" and all "common".
fn fill(size: u64) -> World {
    let mut world = World::new();
    let mut random = Seeded(size);
    world.sql.connection.execute_batch("PRAGMA journal_mode = MEMORY").unwrap();
    let step = size / 20;
    for batch in 0..size / 100 {
        let observations = (batch * 100..batch * 100 + 100).map(|number| {
            let words: Vec<String> = (0..20).map(|_| format!("w{}", random.next() % 20_000)).collect();
            let rare = if number % step == 7 { "rare" } else { "" };
            let half = if number % 2 == 0 { "half" } else { "" };
            sourced(&format!("common {half} {rare} {}", words.join(" ")), &format!("source{}", number % 10))
        });
        world.ask(Command::Finalize(finalizing(&format!("s{}", batch % 1_000), observations.collect()))).ok();
        world.open(&format!("s{}", batch % 1_000)).unwrap();
        world.tick(10);
    }
    world
}

fn median_us(world: &mut World, what: &str, mut ask: impl FnMut(&mut World)) -> f64 {
    #[allow(clippy::disallowed_methods)]
    let mut times: Vec<f64> = (0..31)
        .map(|_| {
            let start = Instant::now();
            ask(world);
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("  {what}: p50 {:.0} us, worst {:.0} us", times[15], times[30]);
    times[15]
}

#[test]
#[ignore = "a measurement, not a law"]
fn a_full_memory_answers_as_fast_as_a_small_one() {
    let mut medians = Vec::new();
    for size in [1_000, 99_900] {
        println!("{size} observations");
        let mut world = fill(size);
        let mut times = Vec::new();
        let texts = ["rare", "rare w1 w2 w3", "half", "common", "common half rare w1 w2 w3"];
        for text in texts {
            times.push(median_us(&mut world, text, |world| assert!(!world.find(asking(text)).results.is_empty())));
        }
        let all = Search { limit: ResultLimit::parse(50).unwrap(), session_id: Some(sid("s3")), ..asking("common half") };
        times.push(median_us(&mut world, "common half in a session", |world| assert!(world.find(all.clone()).total > 0)));
        times
            .push(median_us(&mut world, "prime common half", |world| assert!(!world.prime("common half", 0, Some("s3")).items.is_empty())));
        let many: String = (0..500).map(|n| format!("w{n} ")).collect();
        times.push(median_us(&mut world, "500 words", |world| assert!(world.find(asking(&many)).total > 0)));
        let append =
            Command::Append(Append { session_id: sid("s3"), draft: draft("common half one more"), working_memory_budget_tokens: 0 });
        times.push(median_us(&mut world, "append", |world| assert!(world.ask(append.clone()).is_ok())));
        medians.push(times);
    }
    for (small, large) in medians[0].iter().zip(&medians[1]) {
        println!("ratio {:.2}", large / small);
    }
}
