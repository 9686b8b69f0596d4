//! One page view: who looks, at which tenant, and what cookies the answer sets.

use maud::Markup;

use super::flash;
use super::view::layout::{Frame, Viewer};
use super::view::notice::Notice;
use crate::crypto::mac::random_alphanumerics;
use crate::edge::PlatformEntropy;
use crate::http::birth::bear_own_tenant;
use crate::http::context::Ctx;
use crate::http::credential::{Credential, Human, bad_credential};
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::session;
use crate::store::tenant::{self, Membership};

/// A page view.
pub struct Visit {
    pub frame: Frame,
    /// The tenants of who looks, oldest first.
    pub memberships: Vec<Membership>,
    /// Which of them the page is about.
    current: Option<usize>,
    cookies: Vec<String>,
}

/// The human a page of the console was opened by; the route's access has let nobody else in.
pub fn signed_in(ctx: &Ctx) -> Result<Human, Fault> {
    match &*ctx.credential() {
        Credential::Human(human) => Ok(human.clone()),
        _ => Err(bad_credential()),
    }
}

/// A key for the forms of one page view.
pub fn new_form_key() -> String {
    random_alphanumerics(24, &mut PlatformEntropy)
}

/// A human's own path to go to after signing in: below `/account` and nowhere else.
pub fn own_path(next: Option<&str>) -> Option<String> {
    let next = next?;
    let rest = next.strip_prefix("/account")?;
    let is_ours = rest.is_empty() || rest.starts_with('/') || rest.starts_with('?');
    let is_plain = next.len() <= 512 && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    // A browser reads `..` and `%2e%2e` alike, and goes up.
    let path = next.split(['?', '#']).next().unwrap_or_default();
    let stays = !path.contains('%') && !path.contains("//") && path.split('/').all(|segment| segment != "..");
    (is_ours && is_plain && stays).then(|| next.to_owned())
}

/// See other, with a notice for the page that follows.
pub fn redirect_with(ctx: &Ctx, session_hash: &str, location: &str, notice: Notice) -> Result<Reply, Fault> {
    Ok(Reply::see_other(location).with_header("Set-Cookie", flash::write(ctx, session_hash, notice)?))
}

/// The tenants of a human. Who has none yet is given their own: a registration that broke off is finished here.
async fn load_memberships(ctx: &Ctx, human: &Human) -> Result<Vec<Membership>, Fault> {
    let list = async || ctx.with_database(async |database| tenant::list_of_user(database, human.user_id).await).await;
    let memberships = list().await?;
    if !memberships.is_empty() {
        return Ok(memberships);
    }
    bear_own_tenant(ctx, human.user_id).await?;
    list().await
}

/// Refuses a form that came from a page about a tenant its sender is no member of: 404.
pub async fn check_tenant(ctx: &Ctx, human: &Human, name: &str) -> Result<(), Fault> {
    Visit::of(ctx, human, Some(name)).await?.tenant().map(drop)
}

impl Visit {
    /// Of somebody signed out, or of a page that does not care.
    pub fn of_stranger(ctx: &Ctx) -> Result<Self, Fault> {
        let form = session::open_form(ctx, None)?;
        let frame = Frame { now: ctx.now, csrf: form.csrf, form_key: new_form_key(), viewer: None, notice: None };
        Ok(Self { frame, memberships: Vec::new(), current: None, cookies: form.set_cookie.into_iter().collect() })
    }

    /// Of a signed-in human, at the tenant named, else at their first.
    pub async fn of(ctx: &Ctx, human: &Human, tenant: Option<&str>) -> Result<Self, Fault> {
        let memberships = load_memberships(ctx, human).await?;
        let current = match tenant.filter(|name| !name.is_empty()) {
            Some(name) => memberships.iter().position(|membership| membership.slug.as_str() == name),
            None => (!memberships.is_empty()).then_some(0),
        };
        let (notice, removal) = flash::take(ctx, human.session_hash.as_deref().unwrap_or_default())?;
        let viewer = Viewer {
            email: human.email.clone(),
            is_operator: human.is_admin,
            tenants: memberships.iter().map(|membership| membership.slug.to_string()).collect(),
            tenant: current.and_then(|at| memberships.get(at)).map(|membership| membership.slug.to_string()),
            approvals_waiting: 0,
            is_stopped: false,
        };
        let csrf = session::open_form(ctx, Some(human))?.csrf;
        let frame = Frame { now: ctx.now, csrf, form_key: new_form_key(), viewer: Some(viewer), notice };
        Ok(Self { frame, memberships, current, cookies: removal.into_iter().collect() })
    }

    /// Of a signed-in human, at the tenant the address names.
    pub async fn of_page(ctx: &Ctx, human: &Human) -> Result<Self, Fault> {
        Self::of(ctx, human, ctx.incoming.query_value("tenant")).await
    }

    /// The tenant the page is about; a foreign one and an unknown one alike are 404.
    pub fn tenant(&self) -> Result<&Membership, Fault> {
        self.current.and_then(|at| self.memberships.get(at)).ok_or_else(Fault::not_found)
    }

    /// The page.
    pub fn answer(self, status: u16, page: Markup) -> Reply {
        let reply = Reply::html(status, page.into_string()).no_store();
        self.cookies.into_iter().fold(reply, |reply, cookie| reply.with_header("Set-Cookie", cookie))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_house() {
        for ours in [
            "/account",
            "/account/keys",
            "/account?tenant=a&q=50%25",
            "/account/keys?next=//a",
            "/account?tenant=a",
            "/account/invite/inv_1",
        ] {
            assert_eq!(own_path(Some(ours)).as_deref(), Some(ours));
        }
        for theirs in [
            "",
            "/",
            "//evil.example",
            "https://evil.example",
            "/accounts",
            "/account\\evil",
            "/account/\r\nX: y",
            "/api/keys",
            "/account é",
            "/account/..",
            "/account/../v1",
            "/account/keys/../../x?a=/account",
            "/account/%2e%2e/x",
            "/account/.%2E/x",
            "/account//evil.example",
        ] {
            assert_eq!(own_path(Some(theirs)), None, "{theirs}");
        }
        assert_eq!(own_path(None), None);
    }
}
