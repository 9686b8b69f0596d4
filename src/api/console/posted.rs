//! Forms as they come back: the token checked, the values kept, and a refusal turned into words beside its field.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::view::form::Entry;
use crate::domain::idempotency::Claim;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::credential::Human;
use crate::http::fault::Fault;
use crate::http::{idempotency, session};

/// The fields of a form that a page of ours gave to this browser.
pub struct Posted {
    fields: Vec<(String, String)>,
}

impl Posted {
    /// Reads the form and checks its token: 403.
    pub fn read(ctx: &Ctx, human: Option<&Human>) -> Result<Self, Fault> {
        let posted = Self { fields: ctx.incoming.form()? };
        session::check_form(ctx, human, posted.value("csrf"))?;
        Ok(posted)
    }

    /// What stood in a field; nothing when it was not sent.
    pub fn value(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The form as a request type.
    pub fn parse<T: DeserializeOwned>(ctx: &Ctx) -> Result<T, Fault> {
        ctx.incoming.form_body()
    }

    /// The claim of a form that does its work once, however often it is sent: 400 without the key its page gave it.
    pub fn claim(&self, ctx: &Ctx, human: &Human) -> Result<Claim, Fault> {
        let key = ctx.repeat_key()?.ok_or_else(|| Fault::field("$.idempotency_key", "is required"))?;
        let fields = self.fields.iter().filter(|(name, _)| name != "csrf");
        let body: Map<_, _> = fields.map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        idempotency::claim(&format!("user:{}", human.user_id), ctx.route, ctx.params(), &key, &Value::Object(body))
    }

    /// A field as it is shown again, with what is wrong with it.
    pub fn entry(&self, name: &str, trouble: &Trouble) -> Entry {
        Entry { value: self.value(name).to_owned(), error: trouble.at(name) }
    }
}

/// Why a form was refused, in words for who sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub status: u16,
    field: Option<String>,
    text: String,
}

impl Trouble {
    /// A refusal that belongs on the form's own page; any other goes on to the error page.
    pub fn of(fault: Fault) -> Result<Self, Fault> {
        let status = fault.code.status();
        if !matches!(status, 400 | 401 | 402 | 409 | 422) {
            return Err(fault);
        }
        let field = fault.extra.get("path").and_then(|path| path.as_str()).and_then(|path| path.strip_prefix("$.")).map(str::to_owned);
        let text = match &field {
            Some(name) => fault.detail.strip_prefix(name.as_str()).map_or(fault.detail.trim(), str::trim).to_owned(),
            None => write_sentence(&fault.detail),
        };
        Ok(Self { status, field, text })
    }

    /// A trouble with one field.
    pub fn with_field(code: Code, name: &str, text: &str) -> Self {
        Self { status: code.status(), field: Some(name.to_owned()), text: text.to_owned() }
    }

    /// What is wrong with this field.
    pub fn at(&self, name: &str) -> Option<String> {
        (self.field.as_deref() == Some(name)).then(|| self.text.clone())
    }

    /// What is wrong with the form as a whole, or with a field that is not among those it shows.
    pub fn beside(&self, shown: &[&str]) -> Option<String> {
        match &self.field {
            Some(name) if shown.contains(&name.as_str()) => None,
            Some(name) => Some(write_sentence(&format!("{name} {}", self.text))),
            None => Some(self.text.clone()),
        }
    }
}

/// A capital in front, a full stop behind.
pub fn write_sentence(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_stands_beside_its_field_or_above_the_form() {
        let field = Trouble::of(Fault::field("$.email", "must be an e-mail address")).unwrap();
        assert_eq!(field.at("email").as_deref(), Some("must be an e-mail address"));
        assert_eq!(field.at("name"), None);
        assert_eq!(field.beside(&["email"]), None);
        assert_eq!(field.beside(&[]).as_deref(), Some("Email must be an e-mail address."));
        let whole = Trouble::of(Fault::new(Code::InvalidCredentials, "the e-mail or the password is wrong")).unwrap();
        assert_eq!(whole.beside(&["email"]).as_deref(), Some("The e-mail or the password is wrong."));
        assert!(Trouble::of(Fault::internal("x")).is_err());
        assert!(Trouble::of(Fault::new(Code::CsrfInvalid, "x")).is_err());
    }
}
