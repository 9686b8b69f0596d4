//! `/account/settings`: name, password, sessions.

use serde::Deserialize;

use super::posted::{Posted, Trouble};
use super::view::form::Entry;
use super::view::notice::Notice;
use super::view::setting::{PasswordForm, Settings, render_settings};
use super::visit::{Visit, redirect_with, signed_in};
use crate::domain::limit::LimitClass;
use crate::http::account::{self, NewPassword, Password};
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::credential::Human;
use crate::http::fault::Fault;
use crate::http::field::{Email, Text};
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::session;
use crate::routes;
use crate::store::{session as sessions, user};

pub static ROUTES: &[Route] = routes! {
    Get "/account/settings" => show_settings { name: "accountSettings", summary: "Name, password, sessions", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/settings/name" => rename { name: "accountRename", summary: "Change the name", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
    Post "/account/settings/password" => change_password { name: "accountPassword", summary: "Change the password", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
    Post "/account/settings/sign-out-everywhere" => sign_out_everywhere { name: "accountSignOutEverywhere", summary: "End every session", access: Console, class: Some(LimitClass::Public), body: Form, status: 303 }
};

const PATH: &str = "/account/settings";

async fn render(ctx: &Ctx, human: &Human, status: u16, name: Option<Entry>, password: PasswordForm) -> Result<Reply, Fault> {
    let visit = Visit::of_page(ctx, human).await?;
    let account = ctx.with_database(async |database| user::find_by_id(database, human.user_id).await).await?;
    let sessions = ctx.with_database(async |database| sessions::count(database, human.user_id, ctx.now).await).await?;
    let account = account.ok_or_else(|| Fault::internal("a signed-in human has no account"))?;
    let name = name.unwrap_or_else(|| Entry::filled(&account.name));
    let page = render_settings(&visit.frame, &Settings { email: account.email, name, password, sessions });
    Ok(visit.answer(status, page))
}

/// 1. The page: 200.
async fn show_settings(ctx: &Ctx) -> Result<Reply, Fault> {
    render(ctx, &signed_in(ctx)?, 200, None, PasswordForm::default()).await
}

#[derive(Deserialize)]
struct NameForm {
    name: Text<1, 128>,
}

/// 1. The form: 400, 403. 2. Change the name: 303.
async fn rename(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    match Posted::parse::<NameForm>(ctx) {
        Ok(form) => {
            ctx.with_database(async |database| user::rename(database, human.user_id, form.name.as_str()).await).await?;
            done(ctx, &human, "Your name is changed.")
        }
        Err(fault) => {
            let trouble = Trouble::of(fault)?;
            render(ctx, &human, trouble.status, Some(posted.entry("name", &trouble)), PasswordForm::default()).await
        }
    }
}

fn done(ctx: &Ctx, human: &Human, text: &str) -> Result<Reply, Fault> {
    redirect_with(ctx, human.session_hash.as_deref().unwrap_or_default(), PATH, Notice::Done(text.to_owned()))
}

#[derive(Deserialize)]
struct PasswordChange {
    current_password: Password,
    new_password: NewPassword,
}

/// 1. The form: 400, 403. 2. The current password: 401, 429. 3. Change it; other sessions end, this one is opened anew: 303.
async fn change_password(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    Posted::read(ctx, Some(&human))?;
    let fault = match Posted::parse::<PasswordChange>(ctx) {
        Err(fault) => fault,
        Ok(change) => {
            let email = Email::parse(&human.email).map_err(Fault::internal)?;
            match account::prove_password(ctx, &email, &change.current_password).await {
                Err(fault) => fault,
                Ok(account) => {
                    account::set_password(ctx, account.user_id, &change.new_password).await?;
                    let opened = session::open(ctx, account.user_id).await?;
                    let notice = Notice::Done("Your password is changed. You are signed out everywhere else.".to_owned());
                    return Ok(redirect_with(ctx, &opened.session_hash, PATH, notice)?.with_header("Set-Cookie", opened.set_cookie));
                }
            }
        }
    };
    let trouble = match fault.code {
        Code::InvalidCredentials => Trouble::with_field(fault.code, "current_password", "is not your password"),
        _ => Trouble::of(fault)?,
    };
    let form = PasswordForm {
        current_error: trouble.at("current_password"),
        new_error: trouble.at("new_password"),
        error: trouble.beside(&["current_password", "new_password"]),
    };
    render(ctx, &human, trouble.status, None, form).await
}

/// 1. The form: 403. 2. End every cookie and token there is: 303 to the way in.
async fn sign_out_everywhere(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    Posted::read(ctx, Some(&human))?;
    let from = ctx.now.plus_ms(1);
    ctx.with_database(async |database| user::end_sessions(database, human.user_id, from).await).await?;
    let cookie = session::close(ctx, Some(&human)).await?;
    Ok(Reply::see_other("/account").with_header("Set-Cookie", cookie))
}
