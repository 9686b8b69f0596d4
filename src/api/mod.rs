//! The doors: handlers and the JSON they speak, nothing else.

use crate::http::route::Route;

pub mod house;
pub mod motecloud;
pub mod spendguard;

/// Every route there is: the map of the application.
pub const TABLE: &[&[Route]] = &[
    house::health::ROUTES,
    house::document::ROUTES,
    house::test_clock::ROUTES,
    motecloud::billing::ROUTES,
    motecloud::wallet_session::ROUTES,
    motecloud::signup::ROUTES,
    motecloud::enroll::ROUTES,
    motecloud::invitation::ROUTES,
    motecloud::query::ROUTES,
    motecloud::session::ROUTES,
    motecloud::admin::ROUTES,
    spendguard::wallet::ROUTES,
    spendguard::api_key::ROUTES,
];
