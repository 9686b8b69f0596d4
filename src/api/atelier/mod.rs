//! Atelier: the marketplace (contract atelier).

pub mod message;
pub mod order;
pub mod request;
pub mod review;
pub mod work;
