//! The published vectors inside wasm32, where the Worker runs them.
#![cfg(target_arch = "wasm32")]
// A test falls over where it is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/vectors/mod.rs"]
mod vectors;

use wasm_bindgen_test::wasm_bindgen_test;

macro_rules! run_in_wasm {
    ($($check:ident)*) => {$(
        #[wasm_bindgen_test]
        fn $check() {
            vectors::$check();
        }
    )*};
}

crate::for_each_vector_check!(run_in_wasm);
