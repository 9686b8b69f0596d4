//! Where the platform comes in: the start of an instance, requests, the queue, cron.

use std::cell::OnceCell;
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use worker::web_sys::{Request, Response, ResponseInit};
use worker::{Context, Env, MessageBatch, MessageExt, QueueRetryOptionsBuilder, ScheduleContext, ScheduledEvent, event};

use crate::jobs::lane::Errand;
use crate::objects::message::Message;
use crate::{api, edge, http, jobs, objects};

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
    edge::task::connect();
    for class in [&CLOCK, &GATE, &MEMORY, &TENANT] {
        class.with(edge::platform::extend_durable_object);
    }
}

/// The classes of the objects as the platform sees them. It looks at them once this module has been loaded, and lets
/// methods be called only of those that descend from its own.
#[wasm_bindgen(raw_module = "./index.js")]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = Clock)]
    static CLOCK: JsValue;
    #[wasm_bindgen(thread_local_v2, js_name = Gate)]
    static GATE: JsValue;
    #[wasm_bindgen(thread_local_v2, js_name = Memory)]
    static MEMORY: JsValue;
    #[wasm_bindgen(thread_local_v2, js_name = Tenant)]
    static TENANT: JsValue;
}

/// A request. Exported by hand: the worker crate's macro would make a request and a response of its own kind on the way,
/// and run the handler a microtask later.
#[wasm_bindgen]
pub fn fetch(request: Request, env: Env, _context: JsValue) -> Result<JsValue, JsValue> {
    edge::task::run(async move { Ok(answer(request, env).await?.into()) })
}

async fn answer(request: Request, env: Env) -> worker::Result<Response> {
    let edge = match edge::Edge::new(env) {
        Ok(edge) => edge,
        Err(edge::BadSetting(name)) => {
            worker::console_error!("{}", serde_json::json!({"error": "a setting is missing or malformed", "setting": name}));
            let init = ResponseInit::new();
            init.set_status(503);
            return Ok(Response::new_with_opt_str_and_init(Some("this deployment is not configured"), &init)?);
        }
    };
    let routes = ROUTES.with(|routes| Rc::clone(routes.get_or_init(|| Rc::new(http::route::Map::new(api::TABLE)))));
    http::dispatch::dispatch(request, edge, &routes, api::console::failure::render_fault_page).await
}

/// Seconds until a message is delivered again whose predecessor is still on its way, or whose store was busy.
const RETRY_DELAY_S: u32 = 1;

/// Each message is acknowledged or retried by itself; one bad body does not hold up its neighbours. Errands begin first, on their
/// own and not waited for: see there.
#[event(queue)]
async fn queue(batch: MessageBatch<String>, env: Env, context: Context) -> worker::Result<()> {
    let edge = edge::Edge::new(env).ok();
    let (mut errands, mut others) = (Vec::new(), Vec::new());
    for message in batch.raw_iter() {
        match message.body().as_string().and_then(|text| serde_json::from_str(&text).ok()) {
            Some(Message::WebhookAttempt(attempt)) if edge.is_some() => {
                errands.push(Errand::Delivery(Box::new(attempt)));
                message.ack();
            }
            Some(Message::Transfer(attempt)) if edge.is_some() => {
                errands.push(Errand::Transfer(Box::new(attempt)));
                message.ack();
            }
            Some(Message::Return(attempt)) if edge.is_some() => {
                errands.push(Errand::Return(Box::new(attempt)));
                message.ack();
            }
            body => others.push((message, body)),
        }
    }
    for lane in edge.iter().flat_map(|edge| jobs::lane::lanes(edge, std::mem::take(&mut errands))) {
        context.wait_until(lane);
    }
    for (message, body) in others {
        let verdict = match (&edge, body) {
            (Some(edge), Some(body)) => jobs::projection::consume(edge, body).await,
            _ => jobs::projection::Verdict::Retry,
        };
        match verdict {
            jobs::projection::Verdict::Acknowledge => message.ack(),
            jobs::projection::Verdict::Retry => {
                message.retry_with_options(&QueueRetryOptionsBuilder::new().with_delay_seconds(RETRY_DELAY_S).build())
            }
        }
    }
    Ok(())
}

#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    let Ok(edge) = edge::Edge::new(env) else { return };
    if objects::clock::learn(&edge).await.is_ok() {
        jobs::repair::repair(&edge, edge::now()).await;
    }
}
