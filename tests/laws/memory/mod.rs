//! The Memory object, on its real statements.

mod crash;
mod model;
mod prime;
mod rule;
mod search;
mod timing;
mod world;
