//! Orders as more than one door brings them: what a brief may point to, and the row that buyers list.

use super::context::Ctx;
use super::fault::Fault;
use super::tenant::{Answer, unexpected};
use crate::domain::form::order::OrderForm;
use crate::domain::id::TenantUuid;
use crate::domain::market::order::{REFERENCE_IMAGES_MAX, REFERENCE_URLS_MAX};
use crate::domain::target;
use crate::edge::Settings;
use crate::objects::tenant::order::outcome::OrderOutcome;
use crate::objects::tenant::outcome::Outcome;
use crate::store::order as orders;

/// What a brief points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// Anything that anybody may be sent to.
    Url,
    /// A file that was uploaded here.
    Image,
}

impl Reference {
    /// The field it is named in.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Url => "reference_urls",
            Self::Image => "reference_images",
        }
    }

    const fn count_max(self) -> usize {
        match self {
            Self::Url => REFERENCE_URLS_MAX,
            Self::Image => REFERENCE_IMAGES_MAX,
        }
    }
}

/// Checks what a brief points to: what is wrong, and with which of them unless it is their number.
pub fn check_references(settings: &Settings, urls: &[String], kind: Reference) -> Result<(), (Option<usize>, String)> {
    if urls.len() > kind.count_max() {
        return Err((None, format!("must have at most {} entries", kind.count_max())));
    }
    let files = format!("{}/files/", settings.public_origin);
    let rules = target::Rules { http: true, loopback: settings.allow_loopback_targets };
    for (at, url) in urls.iter().enumerate() {
        let refused = match url.as_str() {
            own if own.starts_with(&files) => None,
            _ if kind == Reference::Image => Some("must be the URL of a file that was uploaded here".to_owned()),
            other => target::check(other, rules).err().map(|error| error.to_string()),
        };
        if let Some(rule) = refused {
            return Err((Some(at), rule));
        }
    }
    Ok(())
}

/// The order an object has answered.
pub fn order_of(answer: Answer) -> Result<OrderForm, Fault> {
    match answer.outcome {
        Outcome::Order(OrderOutcome::Order(form)) => Ok(*form),
        other => Err(unexpected(&other)),
    }
}

/// Writes what buyers list, so that they read what was just done. The order itself stands in its object; what is not written
/// here follows from its event.
pub async fn note(ctx: &Ctx, tenant: TenantUuid, form: &OrderForm) {
    if let Err(fault) = ctx.with_database(async |database| orders::put(database, tenant, form).await).await {
        ctx.note_cause(&format!("an order's row waits for its event: {}", fault.detail));
    }
}
