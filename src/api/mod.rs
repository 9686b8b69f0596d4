//! The doors: handlers and the JSON they speak, nothing else.

use crate::http::route::Route;

pub mod agentbot;
pub mod atelier;
pub mod console;
pub mod house;
pub mod maip;
pub mod motecloud;
pub mod spendguard;

/// Every route there is: the map of the application.
pub const TABLE: &[&[Route]] = &[
    agentbot::account::ROUTES,
    agentbot::sign_in::ROUTES,
    atelier::order::ROUTES,
    atelier::work::ROUTES,
    atelier::message::ROUTES,
    atelier::review::ROUTES,
    atelier::file::ROUTES,
    atelier::register::ROUTES,
    atelier::profile::ROUTES,
    atelier::service::ROUTES,
    atelier::launch::ROUTES,
    atelier::catalogue::ROUTES,
    console::front::ROUTES,
    console::entrance::ROUTES,
    console::invitation::ROUTES,
    console::tenant::ROUTES,
    console::agent::ROUTES,
    console::key::ROUTES,
    console::enrollment::ROUTES,
    console::revocation::ROUTES,
    console::billing::ROUTES,
    console::setting::ROUTES,
    console::operator::ROUTES,
    console::packet::ROUTES,
    console::approval::ROUTES,
    console::mandate::ROUTES,
    console::payment::ROUTES,
    console::lease::ROUTES,
    console::wallet::ROUTES,
    console::webhook::ROUTES,
    console::audit::ROUTES,
    house::health::ROUTES,
    house::document::ROUTES,
    house::test_clock::ROUTES,
    #[cfg(feature = "panic-route")]
    house::panic::ROUTES,
    motecloud::billing::ROUTES,
    motecloud::wallet_session::ROUTES,
    motecloud::tenant::ROUTES,
    motecloud::signup::ROUTES,
    motecloud::enroll::ROUTES,
    motecloud::invitation::ROUTES,
    motecloud::query::ROUTES,
    motecloud::session::ROUTES,
    motecloud::finalize::ROUTES,
    motecloud::admin::ROUTES,
    spendguard::wallet::ROUTES,
    spendguard::api_key::ROUTES,
    spendguard::token::ROUTES,
    spendguard::mandate::ROUTES,
    spendguard::payment::ROUTES,
    spendguard::estimate::ROUTES,
    spendguard::reservation::ROUTES,
    spendguard::lease::ROUTES,
    spendguard::approval::ROUTES,
    spendguard::usage::ROUTES,
    spendguard::control::ROUTES,
    spendguard::webhook::ROUTES,
    spendguard::delivery::ROUTES,
    spendguard::event::ROUTES,
    spendguard::tenant::ROUTES,
    maip::agent::ROUTES,
    maip::key::ROUTES,
    maip::session::ROUTES,
    maip::delegation::ROUTES,
    maip::guardrail::ROUTES,
    maip::receipt::ROUTES,
    maip::trust::ROUTES,
];
