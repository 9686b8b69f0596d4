//! A route is data. From the one table come the router, the access test, the OpenAPI document and the docs.

use std::future::Future;
use std::pin::Pin;

use matchit::Router;
#[cfg(not(target_arch = "wasm32"))]
use schemars::{Schema, SchemaGenerator};
use worker::Method;

use super::body::BodyKind;
use super::context::Ctx;
use super::fault::Fault;
use super::query::Query;
use super::reply::Reply;
use super::request::decode_percent;
use crate::domain::limit::LimitClass;

/// What a route demands of its caller (contract README 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// A wallet's session, `ags_`.
    WalletSession,
    /// A runtime credential: `mtak_` or `ags_`.
    Runtime,
    /// A management key `tl_`, or a member's human token.
    Management,
    /// An execution token, or management.
    Spend,
    /// A session of an agent, or management.
    SessionOrManagement,
    /// A session or an execution token of an agent, or management.
    Agent,
    /// An execution token; management will not do.
    Execution,
    /// A market agent's key, `atelier_`.
    Seller,
    /// A wallet that has signed, in the body or, of a GET, in the query.
    Buyer,
    /// Either of the two.
    Party,
    /// A market agent's key, or the wallet that is proved to own it, in the query.
    Owner,
    /// A path of two doors: a market agent's key or nobody is the marketplace's; whatever else is sent is the other's.
    Shared,
    /// A human: token or cookie.
    Human,
    /// A human's token with the role `admin`; a cookie will not do.
    Admin,
    /// The console: a signed-in cookie, else the sign-in page.
    Console,
    /// The console of operators.
    OperatorConsole,
}

/// A header a route cannot do without, always or for some of what it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// `Idempotency-Key`, or the same in the body: without it 400 before the handler runs.
    IdempotencyKey,
    /// `If-Match`, or the version in the body: the handler reads it, since what it says depends on the thing.
    IfMatch,
    /// Management's credential where the body names an agent of its tenant; without that anyone. The handler asks for it.
    CredentialOfAgent,
}

/// What a handler gives back.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Reply, Fault>> + 'a>>;
/// A handler: it translates, and lets the objects and the domain decide.
pub type Handler = for<'a> fn(&'a Ctx) -> Answer<'a>;
/// The schema of a type, on demand. The document is made where the tests run, and kept: see [`super::openapi`].
#[cfg(not(target_arch = "wasm32"))]
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One route.
pub struct Route {
    pub method: Method,
    /// Path with `{name}` for a segment and `{*name}` for several.
    pub path: &'static str,
    /// `operationId`: unique.
    pub name: &'static str,
    /// One line for the documents.
    pub summary: &'static str,
    pub access: Access,
    pub class: Option<LimitClass>,
    pub body: BodyKind,
    /// Whether it stands in `/openapi.json`.
    pub documented: bool,
    /// Whether it costs the query price (the billing document says so, and what it says is charged).
    pub metered: bool,
    #[cfg(not(target_arch = "wasm32"))]
    pub request: Option<SchemaOf>,
    /// The success status.
    pub status: u16,
    #[cfg(not(target_arch = "wasm32"))]
    pub response: Option<SchemaOf>,
    /// What it reads from the query, checked before the handler runs.
    pub query: &'static [Query],
    pub needs: &'static [Need],
    /// Statuses it can end in beside `status` and those that follow from its path, access, class and body: see
    /// [`super::openapi`].
    #[cfg(not(target_arch = "wasm32"))]
    pub also: &'static [u16],
    pub handler: Handler,
}

impl Route {
    /// What the path pattern must end with after its `{*rest}`, when something stands behind it.
    fn suffix(&self) -> &'static str {
        self.path.split_once("{*").and_then(|(_, rest)| rest.split_once('}')).map_or("", |(_, suffix)| suffix)
    }

    /// The pattern the matcher takes: a catch-all must stand last.
    fn pattern(&self) -> &'static str {
        self.path.strip_suffix(self.suffix()).unwrap_or(self.path)
    }

    /// The path for documents: `{*id}` is one parameter like any other.
    pub fn documented_path(&self) -> String {
        self.path.replace("{*", "{")
    }
}

/// The value of one path parameter.
pub type Param = (&'static str, String);

/// What a method and path lead to.
pub enum Matched {
    Found(&'static Route, Vec<Param>),
    /// The path is known under other methods.
    OtherMethods(Vec<&'static str>),
    /// No such path.
    Nothing,
}

/// All routes, ready to be matched.
pub struct Map {
    matcher: Router<Vec<&'static Route>>,
}

impl Map {
    /// Builds the matcher. A pattern that cannot be inserted is left out; the house test builds the same table and
    /// finds every route of it again.
    pub fn new(table: &[&'static [Route]]) -> Self {
        let mut by_pattern: Vec<(&'static str, Vec<&'static Route>)> = Vec::new();
        for route in table.iter().copied().flatten() {
            match by_pattern.iter_mut().find(|(pattern, _)| *pattern == route.pattern()) {
                Some((_, routes)) => routes.push(route),
                None => by_pattern.push((route.pattern(), vec![route])),
            }
        }
        let mut matcher = Router::new();
        for (pattern, routes) in by_pattern {
            // Ignored on purpose: see above.
            let _ = matcher.insert(pattern, routes);
        }
        Self { matcher }
    }

    /// Finds the route of a request. The path is matched as it was sent; parameters are decoded once.
    pub fn find(&self, method: &Method, path: &str) -> Matched {
        let Ok(found) = self.matcher.at(path) else { return Matched::Nothing };
        let fits = |route: &&&'static Route| {
            path.ends_with(route.suffix())
                && path.len() > route.path.split_once("{*").map_or(0, |(before, _)| before.len()) + route.suffix().len()
        };
        let candidates: Vec<&'static Route> =
            found.value.iter().filter(|route| route.suffix().is_empty() || fits(route)).copied().collect();
        let wanted = if *method == Method::Head { Method::Get } else { method.clone() };
        match candidates.iter().find(|route| route.method == wanted) {
            Some(route) => match read_params(route, &found.params) {
                Some(params) => Matched::Found(route, params),
                None => Matched::Nothing,
            },
            None if candidates.is_empty() => Matched::Nothing,
            None => Matched::OtherMethods(allowed(&candidates)),
        }
    }
}

fn allowed(routes: &[&'static Route]) -> Vec<&'static str> {
    let mut methods = Vec::new();
    for route in routes {
        match route.method {
            Method::Get => methods.extend(["GET", "HEAD"]),
            Method::Post => methods.push("POST"),
            Method::Put => methods.push("PUT"),
            Method::Patch => methods.push("PATCH"),
            Method::Delete => methods.push("DELETE"),
            _ => {}
        }
    }
    methods.push("OPTIONS");
    methods
}

fn read_params(route: &'static Route, params: &matchit::Params<'_, '_>) -> Option<Vec<Param>> {
    let names = route.path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.trim_start_matches('*'));
    names
        .map(|name| {
            let raw = params.get(name)?;
            Some((name, decode_percent(raw.strip_suffix(route.suffix()).unwrap_or(raw))?))
        })
        .collect()
}

/// Declares a table of routes. What stands last may be left out: `query` (what is read from it), `needs` (headers it cannot
/// do without) and `also` (statuses nothing else in the row tells of).
#[macro_export]
macro_rules! routes {
    ($($method:ident $path:literal => $handler:path {
        name: $name:literal, summary: $summary:literal, access: $access:ident, class: $class:expr, body: $body:ident
        $(, documented: $documented:literal)? $(, metered: $metered:literal)? $(, request: $request:ty)? , status: $status:literal $(, response: $response:ty)?
        $(, query: $query:expr)? $(, needs: [$($need:ident),*])? $(, also: [$($also:literal),*])? $(,)?
    })*) => {
        &[$($crate::http::route::Route {
            method: worker::Method::$method,
            path: $path,
            name: $name,
            summary: $summary,
            access: $crate::http::route::Access::$access,
            class: $class,
            body: $crate::http::body::BodyKind::$body,
            documented: $crate::routes!(@flag $($documented)?),
            metered: $crate::routes!(@flag $($metered)?),
            #[cfg(not(target_arch = "wasm32"))]
            request: $crate::routes!(@schema $($request)?),
            status: $status,
            #[cfg(not(target_arch = "wasm32"))]
            response: $crate::routes!(@schema $($response)?),
            query: &$crate::routes!(@list $($query)?),
            needs: &[$($($crate::http::route::Need::$need),*)?],
            #[cfg(not(target_arch = "wasm32"))]
            also: &[$($($also),*)?],
            handler: |ctx| Box::pin($handler(ctx)),
        }),*]
    };
    (@list) => { [] };
    (@list $list:expr) => { $list };
    (@flag) => { false };
    (@flag $flag:literal) => { $flag };
    (@schema) => { None };
    (@schema $type:ty) => { Some(|generator| generator.subschema_for::<$type>()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn nothing(_: &Ctx) -> Result<Reply, Fault> {
        Ok(Reply::empty(204))
    }

    static TABLE: &[Route] = routes! {
        Post "/v2/session/open" => nothing { name: "open", summary: "", access: Public, class: None, body: Json, status: 200 }
        Post "/v2/session/{*session_id}/status" => nothing { name: "status", summary: "", access: Public, class: None, body: Json, status: 200 }
        Get "/v1/wallets/{id}" => nothing { name: "wallet", summary: "", access: Public, class: None, body: None, status: 200 }
    };

    fn find(method: Method, path: &str) -> Option<(&'static str, Vec<Param>)> {
        match Map::new(&[TABLE]).find(&method, path) {
            Matched::Found(route, params) => Some((route.name, params)),
            _ => None,
        }
    }

    #[test]
    fn an_id_may_hold_slashes_up_to_the_last_status() {
        let id = |text: &str| Some(("status", vec![("session_id", text.to_owned())]));
        assert_eq!(find(Method::Post, "/v2/session/my-agent:pr-123/status"), id("my-agent:pr-123"));
        assert_eq!(find(Method::Post, "/v2/session/my-agent%3Apr-123/status"), id("my-agent:pr-123"));
        assert_eq!(find(Method::Post, "/v2/session/a/status/status"), id("a/status"));
        assert_eq!(find(Method::Post, "/v2/session/open/status"), id("open"));
        assert_eq!(find(Method::Post, "/v2/session/open").map(|found| found.0), Some("open"));
        assert_eq!(find(Method::Post, "/v2/session//status"), None);
        assert_eq!(find(Method::Post, "/v2/session/status"), None);
        assert_eq!(find(Method::Post, "/v2/session/other"), None);
    }

    #[test]
    fn a_known_path_under_another_method_says_which() {
        let map = Map::new(&[TABLE]);
        assert!(matches!(map.find(&Method::Get, "/v2/session/x/status"), Matched::OtherMethods(methods) if methods == ["POST", "OPTIONS"]));
        assert!(matches!(map.find(&Method::Head, "/v1/wallets/w"), Matched::Found(..)));
        assert!(matches!(map.find(&Method::Get, "/v1/wallets/w/"), Matched::Nothing));
        assert!(matches!(map.find(&Method::Get, "/v1/wallets/%zz"), Matched::Nothing));
    }
}
