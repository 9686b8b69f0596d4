//! The roots of the house and how each shapes an error (contract README 1).

use serde_json::{Map, Value, json};

use super::code::Code;

/// Which door a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Root {
    /// `/v1`, and every document and unknown path outside the other roots.
    V1,
    /// `/v2` and the billing document.
    V2,
    /// `/api` and `/files`.
    Api,
    /// `/account` and the front page: HTML.
    Account,
}

impl Root {
    /// The root a path belongs to, known or not.
    pub fn of(path: &str) -> Self {
        let under = |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if under("/v2") || path == "/.well-known/motecloud-billing.json" {
            Self::V2
        } else if under("/api") || under("/files") {
            Self::Api
        } else if under("/account") || path == "/" {
            Self::Account
        } else {
            Self::V1
        }
    }

    /// The error body of this root; `extra` stands in `details` at `/v1` and at the top level elsewhere.
    pub fn error_body(self, code: Code, detail: &str, extra: &Map<String, Value>, request_id: &str) -> Value {
        let spelled = code.spelled(self);
        let mut body = match self {
            Self::V1 | Self::Account => {
                let mut body = json!({"code": spelled, "message": detail, "http_status": code.status(), "request_id": request_id});
                if let (Value::Object(body), false) = (&mut body, extra.is_empty()) {
                    body.insert("details".to_owned(), Value::Object(extra.clone()));
                }
                return body;
            }
            Self::V2 => json!({"detail": detail, "code": spelled, "request_id": request_id}),
            Self::Api => json!({"success": false, "error": detail, "code": spelled}),
        };
        if let Value::Object(body) = &mut body {
            for (name, value) in extra {
                body.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_the_root_it_lies_under() {
        for (path, root) in [
            ("/v1/agents", Root::V1),
            ("/v2", Root::V2),
            ("/v2x", Root::V1),
            ("/api/register", Root::Api),
            ("/files/a", Root::Api),
            ("/account", Root::Account),
            ("/", Root::Account),
            ("/nothing", Root::V1),
            ("/.well-known/motecloud-billing.json", Root::V2),
        ] {
            assert_eq!(Root::of(path), root, "{path}");
        }
    }
}
