//! `/`, and the files that pages load.

use super::asset::{Asset, ICON, SCRIPT, STYLE};
use super::view::front::{Front, render_front};
use super::view::layout::{Frame, Viewer};
use crate::domain::limit::LimitClass;
use crate::domain::money::Micros;
use crate::domain::wallet::NEW_TENANT_CREDIT;
use crate::http::context::Ctx;
use crate::http::credential::cookie_human;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::session;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/" => show_front { name: "front", summary: "The front page", access: Public, class: Some(LimitClass::Public), body: None, status: 200 }
    Get "/account/assets/style.css" => show_style { name: "style", summary: "The stylesheet", access: Public, class: Some(LimitClass::Public), body: None, status: 200 }
    Get "/account/assets/app.js" => show_script { name: "script", summary: "The copy buttons", access: Public, class: Some(LimitClass::Public), body: None, status: 200 }
    Get "/account/assets/icon.svg" => show_icon { name: "icon", summary: "The icon", access: Public, class: Some(LimitClass::Public), body: None, status: 200 }
};

/// 1. Who looks, if signed in. 2. The page: 200.
async fn show_front(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = cookie_human(ctx).await?;
    let csrf = match &human {
        Some(human) => session::open_form(ctx, Some(human))?.csrf,
        None => String::new(),
    };
    let viewer = human.map(|human| Viewer {
        email: human.email,
        is_operator: human.is_admin,
        tenants: Vec::new(),
        tenant: None,
        approvals_waiting: 0,
        is_stopped: false,
    });
    let frame = Frame { now: ctx.now, csrf, form_key: String::new(), viewer, notice: None };
    let view = Front {
        origin: ctx.edge.settings.public_origin.clone(),
        query_price: Micros::new(ctx.edge.settings.query_price_micros).unwrap_or_default(),
        new_tenant_credit: NEW_TENANT_CREDIT,
    };
    Ok(Reply::html(200, render_front(&frame, &view).into_string()).with_header("Cache-Control", "private, no-cache"))
}

/// 1. The file: 200, 304. Under an address with its version it never changes.
fn serve(ctx: &Ctx, asset: &Asset) -> Reply {
    let reply = Reply::text(asset.content_type, asset.body);
    match ctx.incoming.query_value("v") {
        Some(version) if version == format!("{:016x}", asset.version) => {
            reply.with_header("Cache-Control", "public, max-age=31536000, immutable")
        }
        _ => ctx.publish(reply),
    }
}

async fn show_style(ctx: &Ctx) -> Result<Reply, Fault> {
    Ok(serve(ctx, &STYLE))
}

async fn show_script(ctx: &Ctx) -> Result<Reply, Fault> {
    Ok(serve(ctx, &SCRIPT))
}

async fn show_icon(ctx: &Ctx) -> Result<Reply, Fault> {
    Ok(serve(ctx, &ICON))
}
