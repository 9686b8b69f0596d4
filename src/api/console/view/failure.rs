//! Pages for what went wrong. They never say more than the visitor may know.

use maud::{Markup, html};

use super::layout::render_bare;
use super::part::write_count;

/// What a page could not be shown for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// 400: a request the page cannot have sent.
    BadRequest,
    /// 403: the form's token is missing or old.
    StaleForm,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 413
    TooLarge,
    /// 415
    UnsupportedMediaType,
    /// 429
    RateLimited { retry_after_s: u64 },
    /// 500
    Internal,
    /// 503
    Busy,
    /// Any other refusal, in the words of who refused.
    Refused { status: u16, text: String },
}

impl Failure {
    /// The HTTP status of the page.
    pub const fn status(&self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::StaleForm | Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::RateLimited { .. } => 429,
            Self::Internal => 500,
            Self::Busy => 503,
            Self::Refused { status, .. } => *status,
        }
    }

    const fn title(&self) -> &'static str {
        match self {
            Self::BadRequest => "We could not read that",
            Self::StaleForm => "This form has gone stale",
            Self::Forbidden => "Not for you",
            Self::NotFound => "Nothing here",
            Self::MethodNotAllowed => "Not like that",
            Self::TooLarge => "Too large",
            Self::UnsupportedMediaType => "Not a form",
            Self::RateLimited { .. } => "Too fast",
            Self::Internal => "Our fault",
            Self::Busy => "Busy for a moment",
            Self::Refused { .. } => "That cannot be done",
        }
    }

    fn text(&self) -> String {
        match self {
            Self::BadRequest => "The request was malformed. Nothing was changed.".to_owned(),
            Self::StaleForm => "Nothing was changed. Go back, reload the page and send it again.".to_owned(),
            Self::Forbidden => "Your account may not see this page.".to_owned(),
            Self::NotFound => "There is no such page, or it is not yours to see.".to_owned(),
            Self::MethodNotAllowed => "This page does not answer that kind of request.".to_owned(),
            Self::TooLarge => "What was sent is larger than we take. Nothing was changed.".to_owned(),
            Self::UnsupportedMediaType => "This address takes forms only. Nothing was changed.".to_owned(),
            Self::RateLimited { retry_after_s } => {
                let wait = if *retry_after_s < 120 {
                    write_count((*retry_after_s).max(1), "second", "seconds")
                } else {
                    format!("{} minutes", retry_after_s.div_ceil(60))
                };
                format!("You may try again in {wait}. Nothing was changed.")
            }
            Self::Internal => "Something broke on our side and was recorded. Try again; if it stays, name the request below.".to_owned(),
            Self::Busy => "We could not answer in time. Nothing is lost: try again in a few seconds.".to_owned(),
            Self::Refused { text, .. } => text.clone(),
        }
    }
}

/// `request_id` lets the visitor name the request.
pub fn render_failure(failure: &Failure, request_id: &str) -> Markup {
    render_bare(
        failure.title(),
        &html! {
            p.status-code { (failure.status()) }
            h1 { (failure.title()) }
            p { (failure.text()) }
            div.actions {
                a.button.primary href="/account" { "To your account" }
                a.button href="/" { "Front page" }
            }
            p.aside { "Request " code { (request_id) } }
        },
    )
}
