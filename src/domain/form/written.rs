//! A form in JSON, as it is shown: written once, where it is made, and handed on as text by whoever only passes it on.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The JSON of a `T`.
#[derive(Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Written<T> {
    json: String,
    #[serde(skip)]
    form: PhantomData<fn() -> T>,
}

impl<T> Written<T> {
    /// What [`Written::of`] wrote and somebody has kept.
    pub fn from_kept(json: String) -> Self {
        Self { json, form: PhantomData }
    }

    pub fn as_str(&self) -> &str {
        &self.json
    }
}

impl<T: Serialize> Written<T> {
    /// # Errors
    /// The form has no JSON.
    pub fn of(form: &T) -> Result<Self, serde_json::Error> {
        Ok(Self { json: serde_json::to_string(form)?, form: PhantomData })
    }
}

impl<T: DeserializeOwned> Written<T> {
    /// # Errors
    /// The text is not such a form.
    pub fn read(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.json)
    }
}

impl<T> Clone for Written<T> {
    fn clone(&self) -> Self {
        Self { json: self.json.clone(), form: PhantomData }
    }
}

impl<T> PartialEq for Written<T> {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl<T> Eq for Written<T> {}

impl<T> fmt::Debug for Written<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.json)
    }
}
