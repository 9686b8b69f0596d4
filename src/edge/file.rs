//! The functions of `file.js`, through which files go in and out without passing through here.

use wasm_bindgen::prelude::*;
use worker::web_sys::Request;

#[wasm_bindgen(module = "/src/edge/file.js")]
extern "C" {
    /// Goes to the file of that name in a form; an array of the form that is being read, the type declared, the first bytes and
    /// the short fields before it (pairs of name and value, as JSON) comes to `slot`, or a text that says why there is none.
    #[wasm_bindgen(js_name = openUpload)]
    pub fn open_upload(request: &Request, boundary: &str, name: &str, file_bytes_max: u32, head_bytes: u32, slot: u32);

    /// Stores that file; an array of its size and the hex of its SHA-256 comes to `slot`, or a text that says why not.
    #[wasm_bindgen(js_name = keepUpload)]
    pub fn keep_upload(upload: &JsValue, bucket: &JsValue, key: &str, content_type: &str, slot: u32);

    /// Reads no further in a form.
    #[wasm_bindgen(js_name = leaveUpload)]
    pub fn leave_upload(upload: &JsValue);

    /// Reads what is left of a body and drops it, within a bound.
    #[wasm_bindgen(js_name = drainBody)]
    pub fn drain_body(request: &Request, bytes_max: u32, slot: u32);

    /// The record of a file comes to `slot`: type, hash, size and where its bytes lie, in an array; or nothing.
    #[wasm_bindgen(js_name = findFile)]
    pub fn find_file(bucket: &JsValue, key: &str, slot: u32);

    /// The stream of part of a file comes to `slot`; or nothing.
    #[wasm_bindgen(js_name = readFile)]
    pub fn read_file(bucket: &JsValue, key: &str, offset: f64, length: f64, slot: u32);

    /// Removes a file.
    #[wasm_bindgen(js_name = deleteFile)]
    pub fn delete_file(bucket: &JsValue, key: &str, slot: u32);
}
