//! Lists that are narrowed and read page by page: the links of one, made from the address it was asked for with.

use super::view::part::{Filter, Pager, build_href, write_words};
use crate::http::context::Ctx;

/// A list as it was asked for.
pub struct Listing {
    path: String,
    /// The tenant, then what the list is narrowed by.
    query: Vec<(&'static str, String)>,
    is_first_page: bool,
}

/// What narrows a list beside its status.
const NARROWING: [&str; 2] = ["agent", "mandate"];

impl Listing {
    pub fn read(ctx: &Ctx, path: &str, tenant: &str) -> Self {
        let value = |name| ctx.incoming.query_value(name).map(|text| (name, text.to_owned()));
        let narrowing = ["status"].into_iter().chain(NARROWING).filter_map(value);
        let query = std::iter::once(("tenant", tenant.to_owned())).chain(narrowing).collect();
        Self { path: path.to_owned(), query, is_first_page: ctx.incoming.query_value("cursor").is_none() }
    }

    /// The list's address with these parameters in place of its own; an empty value leaves one out.
    fn href(&self, changes: &[(&'static str, &str)]) -> String {
        let kept = self.query.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let kept = kept.map(|(name, value)| (*name, value.as_str()));
        let query: Vec<_> = kept.chain(changes.iter().copied().filter(|(_, value)| !value.is_empty())).collect();
        build_href(&self.path, &query)
    }

    fn value(&self, name: &str) -> &str {
        self.query.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// All, and one for each status.
    pub fn filters(&self, statuses: &[&str]) -> Vec<Filter> {
        let current = self.value("status");
        let all = Filter { text: "All".to_owned(), href: self.href(&[("status", "")]), is_current: current.is_empty() };
        let each = statuses.iter().map(|status| Filter {
            text: capitalize(&write_words(status)),
            href: self.href(&[("status", status)]),
            is_current: current == *status,
        });
        std::iter::once(all).chain(each).collect()
    }

    pub fn pager(&self, next_cursor: Option<&str>) -> Pager {
        Pager { newest: (!self.is_first_page).then(|| self.href(&[])), older: next_cursor.map(|cursor| self.href(&[("cursor", cursor)])) }
    }

    /// What it is narrowed to beside its status, and the way back; `agent` is what that one is called.
    pub fn narrowed(&self, agent: Option<String>) -> Option<(String, String)> {
        let words = match (agent, self.value("mandate")) {
            (Some(agent), "") => format!("those of {agent}"),
            (Some(agent), mandate) => format!("those of {agent} under {mandate}"),
            (None, "") => return None,
            (None, mandate) => format!("those under {mandate}"),
        };
        Some((words, self.href(&NARROWING.map(|name| (name, "")))))
    }
}

fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_keeps_what_else_narrows_the_list_and_begins_at_its_first_page() {
        let query = vec![("tenant", "alpha".to_owned()), ("status", "denied".to_owned()), ("mandate", "mdt_1".to_owned())];
        let listing = Listing { path: "/account/payments".to_owned(), query, is_first_page: false };
        let filters = listing.filters(&["denied", "pending_approval"]);
        let hrefs: Vec<_> = filters.iter().map(|filter| (filter.href.as_str(), filter.is_current)).collect();
        assert_eq!(hrefs[0], ("/account/payments?tenant=alpha&mandate=mdt_1", false));
        assert_eq!(hrefs[1], ("/account/payments?tenant=alpha&mandate=mdt_1&status=denied", true));
        assert_eq!(filters[2].text, "Pending approval");
        assert_eq!(listing.pager(Some("x")).older.as_deref(), Some("/account/payments?tenant=alpha&status=denied&mandate=mdt_1&cursor=x"));
        assert_eq!(listing.narrowed(None).unwrap().1, "/account/payments?tenant=alpha&status=denied");
    }
}
