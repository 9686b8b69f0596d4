//! The files the pages load, and the policy that lets them load nothing else.

/// Sent with every page. No inline style or script is allowed, so neither an escaping mistake nor a hostile name can
/// run anything (W3C Content Security Policy Level 3).
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Sent with every page. Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
pub const REFERRER_POLICY: &str = "same-origin";

/// A file served as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Its path on this host.
    pub path: &'static str,
    pub content_type: &'static str,
    pub body: &'static str,
    /// Changes with the body: part of the address in pages, so the file can be cached for ever, and its `ETag`.
    pub version: u64,
}

impl Asset {
    const fn new(path: &'static str, content_type: &'static str, body: &'static str) -> Self {
        Self { path, content_type, body, version: hash_fnv1a(body.as_bytes()) }
    }

    /// The address pages use.
    pub fn href(&self) -> String {
        format!("{}?v={:016x}", self.path, self.version)
    }
}

pub const STYLE: Asset = Asset::new("/account/assets/style.css", "text/css; charset=utf-8", include_str!("asset/style.css"));
pub const SCRIPT: Asset = Asset::new("/account/assets/app.js", "text/javascript; charset=utf-8", include_str!("asset/app.js"));
pub const ICON: Asset = Asset::new("/account/assets/icon.svg", "image/svg+xml", include_str!("asset/icon.svg"));

/// Every file served below `/account/assets/`.
pub const ASSETS: [Asset; 3] = [STYLE, SCRIPT, ICON];

/// 64-bit FNV-1a: tells versions of a file apart, nothing more.
const fn hash_fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0100_0000_01b3);
        rest = tail;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_load_nothing_from_elsewhere() {
        for asset in ASSETS {
            for foreign in ["http:", "https:", "//cdn", "@import", "url("] {
                let body = asset.body.replace("http://www.w3.org/2000/svg", "");
                assert!(!body.contains(foreign), "{} holds {foreign}", asset.path);
            }
            assert!(asset.href().starts_with("/account/assets/"));
        }
    }

    /// The colours named in a block of custom properties.
    fn read_colours(css: &str) -> std::collections::BTreeMap<&str, [u8; 3]> {
        let block = &css[..css.find('}').unwrap()];
        block
            .lines()
            .filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": #"))
            .map(|(name, hex)| (name, std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())))
            .collect()
    }

    /// WCAG 2.2, contrast ratio of two colours.
    fn measure_contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
        let luminance = |colour: [u8; 3]| {
            let [r, g, b] = colour.map(|part| {
                let part = f64::from(part) / 255.0;
                if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_edges_stand_out_in_light_and_in_dark() {
        let css = STYLE.body;
        let blocks: Vec<_> = css.match_indices(":root {").map(|(at, _)| read_colours(&css[at..])).collect();
        assert_eq!(blocks.len(), 2);
        for colours in blocks {
            for (ink, ground, least) in [
                ("ink", "paper", 7.0),
                ("ink", "surface", 7.0),
                ("ink", "line", 4.5),
                ("quiet", "paper", 4.5),
                ("quiet", "surface", 4.5),
                ("accent", "paper", 4.5),
                ("accent", "surface", 4.5),
                ("accent-ink", "accent", 4.5),
                ("accent-ink", "accent-strong", 4.5),
                ("accent-strong", "accent-soft", 4.5),
                ("ink", "accent-soft", 4.5),
                ("danger", "surface", 4.5),
                ("danger", "danger-soft", 4.5),
                ("warning", "warning-soft", 4.5),
                ("edge", "surface", 3.0),
                ("edge", "paper", 3.0),
            ] {
                let contrast = measure_contrast(colours[ink], colours[ground]);
                assert!(contrast >= least, "{ink} on {ground}: {contrast:.2}");
            }
        }
    }

    #[test]
    fn the_version_follows_the_body() {
        assert_eq!(hash_fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash_fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
