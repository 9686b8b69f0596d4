//! What the code counts on in `wrangler.toml`.

use std::fs;
use std::path::Path;

/// Connections of one invocation that may wait for an answer at once; on the platform, who opens one more waits for one of these.
const CONNECTIONS_MAX: u64 = 6;

#[test]
fn an_invocation_makes_no_more_attempts_at_once_than_it_has_connections() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("wrangler.toml")).unwrap();
    let sizes: Vec<u64> =
        text.lines().filter_map(|line| line.strip_prefix("max_batch_size = ")).map(|size| size.trim().parse().unwrap()).collect();
    assert!(sizes.iter().all(|size| *size < CONNECTIONS_MAX) && sizes.len() == 1, "{sizes:?}");
}
