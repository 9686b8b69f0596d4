//! What the code counts on in `wrangler.toml`.

use guildhall::domain::delivery::TIME_LIMIT_MS;
use guildhall::jobs::lane::LANES;

use super::source;

/// Answers that one invocation may wait for at once on the platform; who asks for one more waits for a turn.
const CONNECTIONS_MAX: usize = 6;
/// How long the platform lets an invocation go on once it has answered.
const GOES_ON_MS: u64 = 30_000;

#[test]
fn an_invocation_makes_no_more_attempts_than_it_has_connections_and_time_for() {
    let text = source::file("wrangler.toml");
    let sizes: Vec<usize> =
        text.lines().filter_map(|line| line.strip_prefix("max_batch_size = ")).map(|size| size.trim().parse().unwrap()).collect();
    let [size] = sizes[..] else { panic!("{sizes:?}") };
    const { assert!(LANES < CONNECTIONS_MAX) };
    let longest_ms = size.div_ceil(LANES) as u64 * u64::from(TIME_LIMIT_MS);
    assert!(longest_ms <= GOES_ON_MS, "{longest_ms}");
}
