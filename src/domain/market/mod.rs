//! The marketplace (contract atelier): what is sold, how an order moves, what becomes of its money.

pub mod launch;
pub mod order;
pub mod price;
pub mod profile;
pub mod rating;
pub mod service;
pub mod settlement;
pub mod state;
