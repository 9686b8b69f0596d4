//! Values of SQL as they cross to the platform and back: all of a statement, or all of its rows, in three pieces. A value
//! by itself would cross half a dozen times.

use super::sql::{Row, SqlError, Value};

/// Numbers at the edge are doubles: integers beyond this do not survive.
const SAFE_INTEGER_MAX: u64 = (1 << 53) - 1;

/// What a value is; `platform.js` has the same.
const NULL: f64 = 0.0;
const NUMBER: f64 = 1.0;
const TEXT: f64 = 2.0;
const BYTES: f64 = 3.0;

/// Values in the form they cross in.
#[derive(Debug, Default, PartialEq)]
pub struct Packed {
    /// Two a value: what it is, and the number itself or how much of `texts` (in UTF-16 units) or `bytes` is its own.
    pub values: Vec<f64>,
    pub texts: String,
    pub bytes: Vec<u8>,
}

impl Packed {
    /// Packs what is bound to a statement.
    ///
    /// # Errors
    /// An integer that a double does not hold.
    #[allow(clippy::cast_precision_loss)]
    pub fn of(params: &[Value]) -> Result<Self, SqlError> {
        let mut packed = Self { values: Vec::with_capacity(params.len() * 2), ..Self::default() };
        for param in params {
            let (kind, number) = match param {
                Value::Null => (NULL, 0.0),
                Value::Integer(value) if value.unsigned_abs() <= SAFE_INTEGER_MAX => (NUMBER, *value as f64),
                Value::Integer(_) => return Err(SqlError::Shape("an integer beyond 2^53-1 does not survive a double")),
                Value::Real(value) => (NUMBER, *value),
                Value::Text(value) => {
                    packed.texts.push_str(value);
                    (TEXT, utf16_units(value) as f64)
                }
                Value::Blob(value) => {
                    packed.bytes.extend_from_slice(value);
                    (BYTES, value.len() as f64)
                }
            };
            packed.values.extend([kind, number]);
        }
        Ok(packed)
    }
}

/// Reads rows: their number, their width, and then their values, row by row.
///
/// # Errors
/// The pieces do not fit each other.
pub fn unpack(packed: &Packed) -> Result<Vec<Row>, SqlError> {
    let misfit = || SqlError::Shape("rows that do not fit their description");
    let mut pairs = packed.values.chunks_exact(2).filter_map(|pair| pair.first().zip(pair.get(1))).map(|(a, b)| (*a, *b));
    let (rows, width) = pairs.next().ok_or_else(misfit)?;
    let (rows, width) = (as_size(rows), as_size(width));
    let (mut texts, mut bytes) = (packed.texts.as_str(), packed.bytes.as_slice());
    let mut read = |(kind, number): (f64, f64)| {
        Some(if kind == NUMBER {
            Value::Real(number)
        } else if kind == TEXT {
            let (text, rest) = texts.split_at_checked(end_of_units(texts, as_size(number))?)?;
            texts = rest;
            Value::Text(text.to_owned())
        } else if kind == BYTES {
            let (blob, rest) = bytes.split_at_checked(as_size(number))?;
            bytes = rest;
            Value::Blob(blob.to_vec())
        } else {
            Value::Null
        })
    };
    let mut row = || (0..width).map(|_| pairs.next().and_then(&mut read).ok_or_else(misfit)).collect::<Result<_, _>>().map(Row);
    (0..rows).map(|_| row()).collect()
}

/// A count that crossed as a double.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn as_size(number: f64) -> usize {
    number as usize
}

fn utf16_units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// Where the first `units` UTF-16 units of `text` end, in bytes.
fn end_of_units(text: &str, units: usize) -> Option<usize> {
    let start = text.as_bytes().get(..units.min(text.len()))?;
    if start.is_ascii() {
        return (units <= text.len()).then_some(units);
    }
    let mut left = units;
    for (at, c) in text.char_indices() {
        if left == 0 {
            return Some(at);
        }
        left = left.checked_sub(c.len_utf16())?;
    }
    (left == 0).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts() -> Vec<Value> {
        ["", "plain", "größer 漢字", "𝄞😀", "", "end"].map(Value::from).to_vec()
    }

    #[test]
    fn rows_are_read_as_they_were_packed() {
        let values =
            [texts(), vec![Value::Null, Value::Real(1.5), Value::Blob(vec![0, 255]), Value::Blob(vec![]), 7_u64.into(), true.into()]]
                .concat();
        let packed = Packed::of(&values).unwrap();
        let rows = Packed { values: [vec![2.0, 6.0], packed.values].concat(), ..packed };
        let read = unpack(&rows).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].0, texts());
        // Integers come back as the doubles they crossed as.
        assert_eq!(read[1].0[..4], values[6..10]);
        assert_eq!((read[1].integer(4), read[1].integer(5)), (Ok(7), Ok(1)));
    }

    #[test]
    fn pieces_that_do_not_fit_are_no_rows() {
        let packed = Packed::of(&texts()).unwrap();
        for (values, texts) in [
            (vec![], "x"),
            (vec![1.0, 2.0, TEXT, 1.0], "x"),
            (vec![1.0, 1.0, TEXT, 2.0], "x"),
            (vec![1.0, 1.0, TEXT, 1.0], "😀"),
            (vec![1.0, 1.0, BYTES, 1.0], ""),
        ] {
            assert!(unpack(&Packed { values, texts: texts.to_owned(), bytes: Vec::new() }).is_err());
        }
        assert_eq!(packed.texts, "plaingrößer 漢字𝄞😀end");
    }

    #[test]
    fn an_integer_that_a_double_does_not_hold_is_not_bound() {
        let most = i64::try_from(SAFE_INTEGER_MAX).unwrap();
        for (value, good) in [(most, true), (-most, true), (most + 1, false), (-most - 1, false), (i64::MIN, false)] {
            assert_eq!(Packed::of(&[Value::Integer(value)]).is_ok(), good, "{value}");
        }
    }
}
