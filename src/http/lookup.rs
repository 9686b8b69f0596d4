//! Naming things: ids in paths, bodies and filters, each in the spellings the contract takes (contract README 2).

use super::code::Code;
use super::context::Ctx;
use super::fault::Fault;
use super::tenant::Seat;
use crate::domain::agent::{SpeltAgent, read_agent_id};
use crate::domain::id::{AgentId, NotAnId};

impl Ctx {
    /// The id in the path parameter `id`; one of no known spelling is 400.
    pub fn path_id<I>(&self, parse: impl Fn(&str) -> Result<I, NotAnId>) -> Result<I, Fault> {
        parse(self.param("id")).map_err(|error| Fault::new(Code::InvalidId, error.to_string()).in_body())
    }

    /// The agent in the path parameter `id`, in any of its spellings; another tenant's is 404.
    pub fn path_agent(&self, seat: &Seat) -> Result<AgentId, Fault> {
        match read_agent_id(self.param("id"), seat.tenant) {
            SpeltAgent::Ours(id) => Ok(id),
            SpeltAgent::Foreign => Err(Fault::not_found().in_body()),
            SpeltAgent::Unknown => Err(Fault::new(Code::InvalidId, "must be an agent's id, such as agt_<ULID>").in_body()),
        }
    }

    /// A filter of the query; a value it does not know is 400.
    pub fn filter<T>(&self, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Fault> {
        match self.incoming.query_value(name) {
            None => Ok(None),
            Some(text) => parse(text).map(Some).ok_or_else(|| Fault::field(name, "has a value that is not known here")),
        }
    }

    /// An agent in a filter; another tenant's has nothing to show, so that is 404.
    pub fn agent_filter(&self, name: &str, seat: &Seat) -> Result<Option<AgentId>, Fault> {
        self.incoming.query_value(name).map(|text| agent_in(text, name, seat)).transpose()
    }
}

/// An agent named in a field or filter at `path`.
pub fn agent_in(text: &str, path: &str, seat: &Seat) -> Result<AgentId, Fault> {
    match read_agent_id(text, seat.tenant) {
        SpeltAgent::Ours(id) => Ok(id),
        SpeltAgent::Foreign => Err(Fault::not_found().in_body()),
        SpeltAgent::Unknown => Err(Fault::field(path, "must be an agent's id, such as agt_<ULID>")),
    }
}

/// An id in a field at `path`.
pub fn id_in<I>(text: &str, path: &str, parse: impl Fn(&str) -> Result<I, NotAnId>) -> Result<I, Fault> {
    parse(text).map_err(|error| Fault::field(path, &error.to_string()))
}
