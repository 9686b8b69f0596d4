//! The functions of `platform.js`, which says to the platform in one call what would take Rust many.

use wasm_bindgen::prelude::*;
use worker::js_sys::{JsString, Promise};
use worker::web_sys::{Request, Response};
use worker::worker_sys::DurableObjectNamespace;

#[wasm_bindgen(module = "/src/edge/platform.js")]
extern "C" {
    /// From now on answers are handed to `take`: the slot they were asked for, whether they came, what they are.
    pub(super) fn connect(take: &Closure<dyn FnMut(u32, bool, JsValue)>);

    /// Makes a class of ours one whose methods can be called from elsewhere.
    #[wasm_bindgen(js_name = extendDurableObject)]
    pub fn extend_durable_object(class: &JsValue);

    /// A text in NFC and without letter case: what the platform knows of Unicode need not be carried along.
    #[wasm_bindgen(js_name = foldText)]
    pub fn fold_text(text: &str) -> String;

    /// A promise for what a task comes to.
    pub(super) fn owe(task: u32) -> Promise;

    /// Keeps that promise, or breaks it.
    pub(super) fn pay(task: u32, is_kept: bool, value: JsValue);

    /// Calls the object of that name; its answer, bytes too, comes to `slot`.
    #[wasm_bindgen(js_name = callObject)]
    pub fn call_object(objects: &DurableObjectNamespace, name: &str, call: &[u8], slot: u32);

    /// Lets time pass; then `slot` is answered with nothing.
    pub fn pause(wait_ms: u32, slot: u32);

    /// Sends a POST; status, `Retry-After` and the beginning of the answer come to `slot`, an array.
    pub fn post(url: &str, head: &str, body: &str, limit_ms: u32, bytes_max: u32, slot: u32);

    /// Asks for JSON; its text comes to `slot`.
    #[wasm_bindgen(js_name = getJson)]
    pub fn get_json(url: &str, limit_ms: u32, bytes_max: u32, slot: u32);

    /// Whether an Ed25519 signature is that key's of a message: a boolean comes to `slot`. Takes half as long as ours. The key
    /// is the `x` of its JWK. Keys are kept, so they have to be few.
    #[wasm_bindgen(js_name = verifyEd25519)]
    pub fn verify_ed25519(key: &str, signature: &[u8], message: &[u8], slot: u32);

    /// Reads the body of a request, as an `ArrayBuffer`, into `slot`.
    #[wasm_bindgen(js_name = readBody)]
    pub fn read_body(request: &Request, slot: u32);

    /// Method, URL and headers of a request, a line each.
    #[wasm_bindgen(js_name = readHead)]
    pub fn read_head(request: &Request) -> String;

    /// Runs a statement of an object's `SqlStorage`. What is bound and what comes back is packed as `platform.js` says.
    #[wasm_bindgen(catch, js_name = runStatement)]
    pub fn run_statement(
        sql: &JsValue,
        statement: &JsString,
        has_rows: bool,
        values: &[f64],
        texts: &str,
        bytes: &[u8],
    ) -> Result<JsValue, JsValue>;

    /// An answer with the headers of `head`: a line for each name, and then one for its value.
    #[wasm_bindgen(catch)]
    pub fn respond(status: u16, head: &str, has_body: bool, body: &[u8]) -> Result<Response, JsValue>;

    /// The same with a stream of the platform's for a body.
    #[wasm_bindgen(catch, js_name = respondWith)]
    pub fn respond_with(status: u16, head: &str, body: &JsValue) -> Result<Response, JsValue>;
}
