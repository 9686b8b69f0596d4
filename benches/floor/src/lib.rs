//! The floor: a Worker that does nothing but hop to a Durable Object and keep one row.
//!
//! Each route has the shape of a route of ours with everything but the hops taken out, so that the ratio to it says
//! what our own code costs: `/write` one durable hop, `/read` one hop without a write, `/metering` a hop to an object
//! that writes, reads a second object and writes again, the way a metered query goes, `/keep` a durable hop that carries
//! a body there and back and keeps it as a row of its own, the way a reservation goes.

use serde::Deserialize;
use worker::{Context, DurableObject, Env, Method, Request, RequestInit, Response, Result, SqlStorage, State, durable_object, event};

const WRITE: &str = "https://object/write";
const READ: &str = "https://object/read";
const METERING: &str = "https://object/metering";
const KEEP: &str = "https://object/keep";

/// One hop: the object named `name` answers `url`.
async fn hop(env: &Env, name: &str, url: &str) -> Result<Response> {
    let stub = env.durable_object("HOP")?.get_by_name(name)?;
    stub.fetch_with_request(Request::new(url, Method::Post)?).await
}

/// One hop that takes the body along.
async fn hop_with(env: &Env, body: String) -> Result<Response> {
    let stub = env.durable_object("HOP")?.get_by_name("one")?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_body(Some(body.into()));
    stub.fetch_with_request(Request::new_with_init(KEEP, &init)?).await
}

#[event(fetch)]
async fn fetch(mut request: Request, env: Env, _: Context) -> Result<Response> {
    match request.path().as_str() {
        "/write" => hop(&env, "one", WRITE).await,
        "/read" => hop(&env, "one", READ).await,
        "/metering" => hop(&env, "one", METERING).await,
        "/keep" => hop_with(&env, request.text().await?).await,
        "/hello" => Response::ok("hello"),
        _ => Response::error("not found", 404),
    }
}

#[derive(Deserialize)]
struct Count {
    count: u32,
}

/// An object with one table of one row, and one of what it was told to keep.
#[durable_object]
pub struct Hop {
    sql: SqlStorage,
    env: Env,
}

const COUNT_UP: &str = "INSERT INTO hop (id, count) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET count = count + 1 RETURNING count";
const KEEP_BODY: &str = "INSERT INTO kept (body) VALUES (?)";
const LOOK: &str = "SELECT coalesce(max(count), 0) AS count FROM hop";

impl Hop {
    fn run(&self, statement: &str) -> Result<Response> {
        let rows: Vec<Count> = self.sql.exec(statement, None)?.to_array()?;
        Response::ok(rows.first().map_or(0, |row| row.count).to_string())
    }
}

impl DurableObject for Hop {
    fn new(state: State, env: Env) -> Self {
        let sql = state.storage().sql();
        // A failure shows at the first request as a missing table.
        let _ = sql.exec("CREATE TABLE IF NOT EXISTS hop (id INTEGER PRIMARY KEY, count INTEGER NOT NULL) STRICT", None);
        let _ = sql.exec("CREATE TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT", None);
        Self { sql, env }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        match request.path().as_str() {
            "/write" => self.run(COUNT_UP),
            "/keep" => {
                let body = request.text().await?;
                self.sql.exec(KEEP_BODY, vec![body.as_str().into()])?;
                Response::ok(body)
            }
            "/metering" => {
                self.run(COUNT_UP)?;
                hop(&self.env, "two", READ).await?.text().await?;
                self.run(COUNT_UP)
            }
            _ => self.run(LOOK),
        }
    }
}
