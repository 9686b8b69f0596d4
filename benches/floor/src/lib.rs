//! The floor: a Worker that does nothing but hop to a Durable Object and keep one row.
//!
//! Each route has the shape of a route of ours with everything but the hops taken out, so that the ratio to it says
//! what our own code costs: `/write` one durable hop, `/read` one hop without a write, `/metering` a durable hop, a
//! read of a second object and a durable hop, the way a metered query goes.

use serde::Deserialize;
use worker::{Context, DurableObject, Env, Method, Request, Response, Result, SqlStorage, State, durable_object, event};

const WRITE: &str = "https://object/write";
const READ: &str = "https://object/read";

/// One hop: the object named `name` answers `url`.
async fn hop(env: &Env, name: &str, url: &str) -> Result<Response> {
    let stub = env.durable_object("HOP")?.get_by_name(name)?;
    stub.fetch_with_request(Request::new(url, Method::Post)?).await
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, _: Context) -> Result<Response> {
    match request.path().as_str() {
        "/write" => hop(&env, "one", WRITE).await,
        "/read" => hop(&env, "one", READ).await,
        "/metering" => {
            hop(&env, "one", WRITE).await?.text().await?;
            hop(&env, "two", READ).await?.text().await?;
            hop(&env, "one", WRITE).await
        }
        "/hello" => Response::ok("hello"),
        _ => Response::error("not found", 404),
    }
}

#[derive(Deserialize)]
struct Count {
    count: u32,
}

/// An object with one table of one row.
#[durable_object]
pub struct Hop {
    sql: SqlStorage,
}

impl DurableObject for Hop {
    fn new(state: State, _: Env) -> Self {
        let sql = state.storage().sql();
        // A failure shows at the first request as a missing table.
        let _ = sql.exec("CREATE TABLE IF NOT EXISTS hop (id INTEGER PRIMARY KEY, count INTEGER NOT NULL) STRICT", None);
        Self { sql }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        let statement = if request.path() == "/write" {
            "INSERT INTO hop (id, count) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET count = count + 1 RETURNING count"
        } else {
            "SELECT coalesce(max(count), 0) AS count FROM hop"
        };
        let rows: Vec<Count> = self.sql.exec(statement, None)?.to_array()?;
        Response::ok(rows.first().map_or(0, |row| row.count).to_string())
    }
}
