//! How calls, answers and stored answers are written: postcard, fields in order and variants by number, without names.
//!
//! Invariant: what was ever written can be read. A stored answer outlives the build that wrote it by up to a day, and
//! while a new build is rolled out an old one may be at the other end of a hop. So a type that is written here is only
//! ever added to, by a variant at the end of an enum; a struct is not changed but replaced. The house test keeps a
//! record of these types and fails when one of them is anything but longer.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The first byte of everything written. Another one is another format, which this build does not read.
const FORMAT: u8 = 1;

/// Why something cannot be written or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireError {
    /// A value has no written form.
    Unwritable,
    /// The bytes are not such a value of this format.
    Unreadable,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unwritable => "a value has no written form",
            Self::Unreadable => "not a value of this type and format",
        })
    }
}

/// Writes a value.
///
/// # Errors
/// [`WireError::Unwritable`].
pub fn write<T: Serialize>(value: &T) -> Result<Vec<u8>, WireError> {
    // A byte and a pair are written as they are, with nothing around them.
    postcard::to_allocvec(&(FORMAT, value)).map_err(|_| WireError::Unwritable)
}

/// Reads a value; nothing may be left over.
///
/// # Errors
/// [`WireError::Unreadable`].
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    let Some((&FORMAT, written)) = bytes.split_first() else { return Err(WireError::Unreadable) };
    match postcard::take_from_bytes(written) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(WireError::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;
    use crate::domain::id::{AgentId, TenantUuid};

    #[test]
    fn what_is_written_is_read_again_and_nothing_else_is() {
        let value = (TenantUuid::from_bytes([7; 16]), Digest::of(&[b"x"]), Some("text".to_owned()), -3_i64, 0.5_f64);
        let written = write(&value).unwrap();
        assert_eq!(read::<(TenantUuid, Digest, Option<String>, i64, f64)>(&written).unwrap(), value);
        for length in 0..written.len() {
            assert!(read::<(TenantUuid, Digest, Option<String>, i64, f64)>(&written[..length]).is_err(), "{length}");
        }
        let longer = [written.as_slice(), &[0]].concat();
        assert!(read::<(TenantUuid, Digest, Option<String>, i64, f64)>(&longer).is_err());
        let mut other_format = written;
        other_format[0] = 2;
        assert!(read::<(TenantUuid, Digest, Option<String>, i64, f64)>(&other_format).is_err());
    }

    #[test]
    fn an_id_takes_few_bytes() {
        let id = AgentId::parse("agt_01ARZ3NDEKTSV4RRFFQ69G5FAV").unwrap();
        assert!(write(&id).unwrap().len() <= 20);
        assert_eq!(read::<AgentId>(&write(&id).unwrap()).unwrap(), id);
    }
}
