//! Guildhall: the edge-hosted back office for autonomous agents.
//!
//! This file holds the entry points alone; `api::TABLE` is the map of what can be asked.

use std::cell::OnceCell;
use std::rc::Rc;

use worker::{Context, Env, Request, Response, event};

pub mod api;
pub mod crypto;
pub mod domain;
pub mod edge;
pub mod http;
pub mod objects;
pub mod store;

pub use objects::clock::Clock;
pub use objects::gate::object::Gate;

thread_local! {
    static ROUTES: OnceCell<Rc<http::route::Map>> = const { OnceCell::new() };
}

/// Keeps the panic's text readable in the log, and the worker crate's own hook, which brings the next request a fresh
/// instance: the one installed last calls the one before it.
#[event(start)]
fn start() {
    let recover = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        console_error_panic_hook::hook(panic);
        recover(panic);
    }));
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> worker::Result<Response> {
    let edge = match edge::Edge::new(env) {
        Ok(edge) => edge,
        Err(edge::BadSetting(name)) => {
            worker::console_error!("{}", serde_json::json!({"error": "a setting is missing or malformed", "setting": name}));
            return Response::error("this deployment is not configured", 503);
        }
    };
    let routes = ROUTES.with(|routes| Rc::clone(routes.get_or_init(|| Rc::new(http::route::Map::new(api::TABLE)))));
    http::dispatch::dispatch(request, edge, &routes, |fault, request_id| format!("{} {request_id}", fault.detail)).await
}
