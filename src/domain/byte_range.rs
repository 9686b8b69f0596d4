//! Part of a file, as a `Range` header asks for it (RFC 9110 section 14).

/// Bytes `first..=last` of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    pub first: u64,
    pub last: u64,
}

/// What a `Range` header comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It is no single range of bytes, and counts as if it had not been sent.
    Whole,
    Part(ByteRange),
    /// It begins behind the end.
    Beyond,
}

impl ByteRange {
    pub const fn length(self) -> u64 {
        self.last - self.first + 1
    }

    /// Reads a header about a file of so many bytes.
    pub fn read(header: &str, size: u64) -> Asked {
        let unit_and_set = header.split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"));
        let Some((from, to)) = unit_and_set.and_then(|(_, set)| set.trim().split_once('-')) else { return Asked::Whole };
        // Of several ranges none is answered: the whole file is, which a server may do with any.
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().unwrap_or(u64::MAX));
        let (Some(from_number), Some(to_number)) = (number(from), number(to)) else { return Asked::Whole };
        let (first, last) = match (from.is_empty(), to.is_empty()) {
            (true, true) => return Asked::Whole,
            (true, false) if to_number == 0 => return Asked::Beyond,
            (true, false) => (size.saturating_sub(to_number), size.saturating_sub(1)),
            (false, true) => (from_number, size.saturating_sub(1)),
            (false, false) if to_number < from_number => return Asked::Whole,
            (false, false) => (from_number, to_number.min(size.saturating_sub(1))),
        };
        if first >= size { Asked::Beyond } else { Asked::Part(Self { first, last }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_http_says() {
        let part = |first, last| Asked::Part(ByteRange { first, last });
        for (header, expected) in [
            ("bytes=0-0", part(0, 0)),
            ("bytes=0-9", part(0, 9)),
            ("bytes=0-99", part(0, 9)),
            ("bytes=4-", part(4, 9)),
            ("bytes=9-9", part(9, 9)),
            ("bytes=-1", part(9, 9)),
            ("bytes=-10", part(0, 9)),
            ("bytes=-99999999999999999999999", part(0, 9)),
            ("Bytes = 2-3", part(2, 3)),
            ("bytes=10-", Asked::Beyond),
            ("bytes=99999999999999999999999-", Asked::Beyond),
            ("bytes=-0", Asked::Beyond),
            ("bytes=5-4", Asked::Whole),
            ("bytes=0-1,3-4", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("bytes=+1-2", Asked::Whole),
            ("items=0-1", Asked::Whole),
            ("bytes", Asked::Whole),
            ("", Asked::Whole),
        ] {
            assert_eq!(ByteRange::read(header, 10), expected, "{header}");
        }
        assert_eq!(ByteRange::read("bytes=0-", 0), Asked::Beyond);
        assert_eq!(ByteRange { first: 4, last: 9 }.length(), 6);
    }
}
