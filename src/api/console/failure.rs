//! Refusals of `/account` as pages.

use super::view::failure::{Failure, render_failure};
use crate::http::code::Code;
use crate::http::fault::Fault;

/// The page for a fault; the request's id lets its reader name it.
pub fn render_fault_page(fault: &Fault, request_id: &str) -> String {
    render_failure(&classify(fault), request_id).into_string()
}

fn classify(fault: &Fault) -> Failure {
    let retry_after_s = || {
        let header = fault.headers.iter().find(|(name, _)| *name == "Retry-After");
        header.and_then(|(_, value)| value.parse().ok()).unwrap_or(1)
    };
    match (fault.code, fault.code.status()) {
        (Code::CsrfInvalid, _) => Failure::StaleForm,
        (_, 400) => Failure::BadRequest,
        (_, 403) => Failure::Forbidden,
        (_, 404) => Failure::NotFound,
        (_, 405) => Failure::MethodNotAllowed,
        (_, 413) => Failure::TooLarge,
        (_, 415) => Failure::UnsupportedMediaType,
        (_, 429) => Failure::RateLimited { retry_after_s: retry_after_s() },
        (_, 503) => Failure::Busy,
        (_, 500..) => Failure::Internal,
        (_, status) => Failure::Refused { status, text: fault.detail.clone().into_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_status_of_the_fault() {
        for code in Code::ALL {
            let shown = classify(&Fault::new(*code, "x")).status();
            let status = code.status();
            assert!(shown == status || (status > 500 && shown == 500), "{code:?}: {shown}");
        }
        let full = Fault::new(Code::RateLimited, "x").with_header("Retry-After", "42");
        assert_eq!(classify(&full), Failure::RateLimited { retry_after_s: 42 });
    }
}
