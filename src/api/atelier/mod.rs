//! Atelier: the marketplace under `/api`, and the files it shows (contract atelier).

pub mod file;
pub mod message;
pub mod order;
pub mod request;
pub mod review;
pub mod work;
