//! Signing in and out, and registering.

use serde::Deserialize;

use super::overview;
use super::posted::{Posted, Trouble};
use super::view::entrance::{Registration as RegistrationPage, SignIn, render_registration, render_sign_in};
use super::view::notice::Notice;
use super::visit::{Visit, own_path, redirect_with};
use crate::domain::limit::LimitClass;
use crate::http::account::{self, NewPassword, Password, Registration};
use crate::http::birth::bear_own_tenant;
use crate::http::context::Ctx;
use crate::http::credential::cookie_human;
use crate::http::fault::Fault;
use crate::http::field::{Email, Text};
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::session;
use crate::routes;

pub static ROUTES: &[Route] = routes! {
    Get "/account" => show_account { name: "account", summary: "Overview, or the way in", access: Public, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/sign-in" => sign_in { name: "accountSignIn", summary: "Sign in", access: Public, class: Some(LimitClass::Public), body: Form, status: 303 }
    Get "/account/sign-in" => lead_home { name: "accountSignInAgain", summary: "To the way in", access: Public, class: Some(LimitClass::Public), body: None, status: 303 }
    Post "/account/sign-out" => sign_out { name: "accountSignOut", summary: "Sign out", access: Public, class: Some(LimitClass::Public), body: Form, status: 303 }
    Get "/account/sign-out" => lead_home { name: "accountSignOutAgain", summary: "To the way in", access: Public, class: Some(LimitClass::Public), body: None, status: 303 }
    Get "/account/register" => show_registration { name: "accountRegistration", summary: "The form for a new account", access: Public, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/register" => register { name: "accountRegister", summary: "Open an account", access: Public, class: Some(LimitClass::AbRegister), body: Form, status: 303 }
};

const HOME: &str = "/account";

/// 1. Signed in: the overview, 200. 2. Signed out: the form, 200.
async fn show_account(ctx: &Ctx) -> Result<Reply, Fault> {
    if let Some(human) = cookie_human(ctx).await? {
        return overview::show_overview(ctx, &human).await;
    }
    let visit = Visit::of_stranger(ctx)?;
    let view = SignIn { next: own_path(ctx.incoming.query_value("next")), ..SignIn::default() };
    let page = render_sign_in(&visit.frame, &view);
    Ok(visit.answer(200, page))
}

/// A refused form is answered under its own address; who opens or reloads that is led to where such a form is. 303.
async fn lead_home(_: &Ctx) -> Result<Reply, Fault> {
    Ok(Reply::see_other(HOME))
}

#[derive(Deserialize)]
struct SignInForm {
    email: Email,
    password: Password,
}

/// 1. The form: 400, 403. 2. The password: 401, 429. 3. Open the session and go on: 303.
async fn sign_in(ctx: &Ctx) -> Result<Reply, Fault> {
    let posted = Posted::read(ctx, None)?;
    let next = own_path(Some(posted.value("next")));
    let proven = match Posted::parse::<SignInForm>(ctx) {
        Ok(form) => account::prove_password(ctx, &form.email, &form.password).await,
        Err(fault) => Err(fault),
    };
    match proven {
        Ok(account) => {
            let opened = session::open(ctx, account.user_id).await?;
            let location = next.unwrap_or_else(|| HOME.to_owned());
            Ok(Reply::see_other(location).with_header("Set-Cookie", opened.set_cookie))
        }
        Err(fault) => {
            let trouble = Trouble::of(fault)?;
            let visit = Visit::of_stranger(ctx)?;
            let view = SignIn {
                email: posted.entry("email", &trouble),
                password_error: trouble.at("password"),
                error: trouble.beside(&["email", "password"]),
                next,
            };
            let page = render_sign_in(&visit.frame, &view);
            Ok(visit.answer(trouble.status, page))
        }
    }
}

/// 1. The form: 403. 2. End the session: 303.
async fn sign_out(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = cookie_human(ctx).await?;
    if human.is_some() {
        Posted::read(ctx, human.as_ref())?;
    }
    let cookie = session::close(ctx, human.as_ref()).await?;
    Ok(Reply::see_other(HOME).with_header("Set-Cookie", cookie))
}

/// 1. Signed in: nothing to do here, 303. 2. The form: 200.
async fn show_registration(ctx: &Ctx) -> Result<Reply, Fault> {
    let next = own_path(ctx.incoming.query_value("next"));
    if cookie_human(ctx).await?.is_some() {
        return Ok(Reply::see_other(next.unwrap_or_else(|| HOME.to_owned())));
    }
    let visit = Visit::of_stranger(ctx)?;
    let page = render_registration(&visit.frame, &RegistrationPage { next, ..RegistrationPage::default() });
    Ok(visit.answer(200, page))
}

#[derive(Deserialize)]
struct RegistrationForm {
    name: Option<Text<1, 128>>,
    email: Email,
    password: NewPassword,
}

/// 1. The form: 400, 403. 2. Open the account: 409. 3. Give it a tenant of its own. 4. Open its session and go on: 303.
async fn register(ctx: &Ctx) -> Result<Reply, Fault> {
    let posted = Posted::read(ctx, None)?;
    let next = own_path(Some(posted.value("next")));
    let registered = match Posted::parse::<RegistrationForm>(ctx) {
        Ok(form) => {
            let name = form.name.map(Text::into_string);
            account::register(ctx, Registration { email: form.email, password: form.password, name, referred_by: None }).await
        }
        Err(fault) => Err(fault),
    };
    match registered {
        Ok(registered) => {
            bear_own_tenant(ctx, registered.user_id).await?;
            let opened = session::open(ctx, registered.user_id).await?;
            let location = next.unwrap_or_else(|| HOME.to_owned());
            let welcome = Notice::Done(format!("Your account is open. Welcome, {}.", registered.name));
            Ok(redirect_with(ctx, &opened.session_hash, &location, welcome)?.with_header("Set-Cookie", opened.set_cookie))
        }
        Err(fault) => show_registration_again(ctx, &posted, next, Trouble::of(fault)?),
    }
}

fn show_registration_again(ctx: &Ctx, posted: &Posted, next: Option<String>, trouble: Trouble) -> Result<Reply, Fault> {
    let visit = Visit::of_stranger(ctx)?;
    let view = RegistrationPage {
        name: posted.entry("name", &trouble),
        email: posted.entry("email", &trouble),
        password_error: trouble.at("password"),
        error: trouble.beside(&["name", "email", "password"]),
        next,
    };
    let page = render_registration(&visit.frame, &view);
    Ok(visit.answer(trouble.status, page))
}
