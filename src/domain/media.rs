//! What may be uploaded, and how a file's first bytes tell what it is (contract atelier 5).
//!
//! Invariant: a type is told by bytes alone. What could be made to run where it is shown, HTML and SVG above all, begins with
//! none of them.

use super::market::order::MediaType;

/// As many of a file's first bytes as are ever looked at.
pub const HEAD_BYTES: usize = 64;

/// A type of file that may be uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileType {
    Jpeg,
    Png,
    Webp,
    Gif,
    Mp4,
    Webm,
    Quicktime,
}

/// The brands by which a file of the MPEG-4 family says that it is a film. Its kin holds pictures (`avif`, `heic`) and sound.
const MP4_BRANDS: [&[u8]; 16] = [
    b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7", b"iso8", b"iso9", b"mp41", b"mp42", b"avc1", b"dash", b"MSNV", b"M4V ",
    b"mmp4",
];

/// What a QuickTime film without a brand may begin with, after four bytes of length.
const QUICKTIME_ATOMS: [&[u8]; 4] = [b"moov", b"mdat", b"wide", b"pnot"];

/// What names the kind of a Matroska file as WebM: the element's number, its length, its text.
const WEBM_DOCUMENT: &[u8] = b"\x42\x82\x84webm";

impl FileType {
    pub const ALL: [Self; 7] = [Self::Jpeg, Self::Png, Self::Webp, Self::Gif, Self::Mp4, Self::Webm, Self::Quicktime];

    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Mp4 => "video/mp4",
            Self::Webm => "video/webm",
            Self::Quicktime => "video/quicktime",
        }
    }

    /// What the names of such files end in.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Mp4 => "mp4",
            Self::Webm => "webm",
            Self::Quicktime => "mov",
        }
    }

    pub const fn media_type(self) -> MediaType {
        match self {
            Self::Jpeg | Self::Png | Self::Webp | Self::Gif => MediaType::Image,
            Self::Mp4 | Self::Webm | Self::Quicktime => MediaType::Video,
        }
    }

    /// Reads the value of a `Content-Type`, parameters and all.
    pub fn parse(content_type: &str) -> Option<Self> {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|known| known.content_type().eq_ignore_ascii_case(media))
    }

    /// What a file is that begins with these bytes.
    pub fn sniff(head: &[u8]) -> Option<Self> {
        let head = head.get(..HEAD_BYTES).unwrap_or(head);
        let at = |from: usize| head.get(from..from + 4).unwrap_or_default();
        if head.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if head.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a") {
            Some(Self::Gif)
        } else if head.starts_with(b"RIFF") && at(8) == b"WEBP" {
            Some(Self::Webp)
        } else if head.starts_with(b"\x1a\x45\xdf\xa3") {
            head.windows(WEBM_DOCUMENT.len()).any(|window| window == WEBM_DOCUMENT).then_some(Self::Webm)
        } else if at(4) == b"ftyp" {
            match at(8) {
                b"qt  " => Some(Self::Quicktime),
                brand => MP4_BRANDS.contains(&brand).then_some(Self::Mp4),
            }
        } else {
            QUICKTIME_ATOMS.contains(&at(4)).then_some(Self::Quicktime)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_it_begins_with() {
        let cases: [(&[u8], Option<FileType>); 20] = [
            (b"\xff\xd8\xff\xe0\x00\x10JFIF", Some(FileType::Jpeg)),
            (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", Some(FileType::Png)),
            (b"GIF89a\x01\x00", Some(FileType::Gif)),
            (b"GIF88a\x01\x00", None),
            (b"RIFF\x1a\x00\x00\x00WEBPVP8L", Some(FileType::Webp)),
            (b"RIFF\x1a\x00\x00\x00WAVEfmt ", None),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm", Some(FileType::Webm)),
            (b"\x1a\x45\xdf\xa3\xa3\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x88matroska", None),
            (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41", Some(FileType::Mp4)),
            (b"\x00\x00\x00\x18ftypM4V \x00\x00\x00\x00", Some(FileType::Mp4)),
            (b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  ", Some(FileType::Quicktime)),
            (b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat", Some(FileType::Quicktime)),
            (b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf", None),
            (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", None),
            (b"\x00\x00\x00\x20ftypM4A \x00\x00\x02\x00isom", None),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\">", None),
            (b"<!doctype html><script>", None),
            (b"%PDF-1.7", None),
            (b"\x89PN", None),
            (b"", None),
        ];
        for (head, expected) in cases {
            assert_eq!(FileType::sniff(head), expected, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn what_stands_behind_the_head_is_not_looked_at() {
        let mut late = b"\x1a\x45\xdf\xa3".to_vec();
        late.resize(HEAD_BYTES, 0);
        late.extend(WEBM_DOCUMENT);
        assert_eq!(FileType::sniff(&late), None);
    }

    #[test]
    fn a_type_is_declared_in_any_case_and_with_parameters() {
        for kind in FileType::ALL {
            assert_eq!(FileType::parse(kind.content_type()), Some(kind));
        }
        assert_eq!(FileType::parse("Video/MP4; codecs=\"avc1\""), Some(FileType::Mp4));
        for other in ["", "image/svg+xml", "text/html", "image/pngx", "application/octet-stream"] {
            assert_eq!(FileType::parse(other), None, "{other}");
        }
    }
}
