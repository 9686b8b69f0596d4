//! Atelier: the marketplace under `/api`, and the files it shows (contract atelier).

use serde::Serialize;

pub mod buyer;
pub mod file;

/// How a success looks at this door.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Success<T> {
    success: bool,
    data: T,
}

impl<T> Success<T> {
    const fn of(data: T) -> Self {
        Self { success: true, data }
    }
}
