//! One byte string for each JSON value (RFC 8785).

use std::fmt;

use serde::Serialize;

/// A value that has no canonical JSON, such as a map whose keys are not text, or a number that is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotCanonical;

impl fmt::Display for NotCanonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("has no canonical JSON")
    }
}

/// The canonical bytes of a value: equal values, whatever their spelling, give equal bytes. Numbers are doubles, as
/// RFC 8785 has it.
pub fn to_canonical<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    serde_json_canonicalizer::to_vec(&value).map_err(|_| NotCanonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        String::from_utf8(to_canonical(&value).unwrap()).unwrap()
    }

    #[test]
    fn the_example_of_rfc_8785_comes_out_as_printed() {
        let input = r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#;
        let expected =
            r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
        assert_eq!(canonical(input), expected);
    }

    #[test]
    fn members_are_sorted_by_utf_16_units() {
        let input = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let sorted: Vec<_> = canonical(input).split(',').map(|member| member.rsplit(':').next().unwrap().to_owned()).collect();
        let expected = [
            "Carriage Return",
            "One",
            "Control",
            "Latin Small Letter O With Diaeresis",
            "Euro Sign",
            " Grinning Face",
            "Hebrew Letter Dalet With Dagesh",
        ];
        for (member, expected) in sorted.iter().zip(expected) {
            assert!(member.contains(expected), "{member} {expected}");
        }
    }

    #[test]
    fn the_spelling_of_a_value_does_not_count() {
        assert_eq!(canonical(r#"{"b":1.0,"a":[10e0]}"#), canonical(r#" { "a" : [10], "b" : 1 } "#));
        assert_ne!(canonical(r#"{"a":null}"#), canonical("{}"));
    }

    #[test]
    fn what_has_no_canonical_form_is_an_error() {
        assert_eq!(to_canonical(&f64::NAN), Err(NotCanonical));
    }
}
