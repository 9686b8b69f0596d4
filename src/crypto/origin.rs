//! The one origin a deployment speaks for (`PUBLIC_ORIGIN`, contract README 10).

use std::fmt;

use super::uri;

/// An http or https origin in canonical spelling: lower case, no default port, no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    text: String,
    domain_at: usize,
}

/// A text that is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnOrigin;

impl fmt::Display for NotAnOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be an http or https origin without user, path or trailing slash")
    }
}

impl Origin {
    /// Reads `http(s)://host[:port]`; a default port is dropped and capitals are lowered.
    pub fn parse(text: &str) -> Result<Self, NotAnOrigin> {
        let lower = text.to_ascii_lowercase();
        let (scheme, domain) = lower.split_once("://").ok_or(NotAnOrigin)?;
        let default_port = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => return Err(NotAnOrigin),
        };
        let domain = domain.strip_suffix(default_port).unwrap_or(domain);
        let has_host = !domain.is_empty() && !domain.starts_with(':') && !domain.ends_with(':');
        if !has_host || domain.contains(['@', '%']) || !uri::is_authority(domain) {
            return Err(NotAnOrigin);
        }
        let text = format!("{scheme}://{domain}");
        Ok(Self { domain_at: text.len() - domain.len(), text })
    }

    /// `https://example.com:8443`
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host, with its port where that is not the default: the domain of a signed message.
    pub fn domain(&self) -> &str {
        self.text.get(self.domain_at..).unwrap_or_default()
    }

    /// `https` or `http`.
    pub fn scheme(&self) -> &str {
        self.text.split_once(':').map_or("", |(scheme, _)| scheme)
    }

    pub fn is_https(&self) -> bool {
        self.scheme() == "https"
    }

    /// Whether a URI is this origin itself or something at it.
    pub fn holds(&self, uri: &str) -> bool {
        uri.strip_prefix(self.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_canonical_and_knows_its_domain() {
        for (text, canonical, domain) in [
            ("http://127.0.0.1:8787", "http://127.0.0.1:8787", "127.0.0.1:8787"),
            ("https://Guild.Example:443", "https://guild.example", "guild.example"),
            ("http://guild.example:443", "http://guild.example:443", "guild.example:443"),
            ("http://[::1]:80", "http://[::1]", "[::1]"),
        ] {
            let origin = Origin::parse(text).unwrap();
            assert_eq!((origin.as_str(), origin.domain()), (canonical, domain));
        }
        for bad in [
            "",
            "guild.example",
            "ftp://a",
            "https://",
            "https://a/",
            "https://a/b",
            "https://u@a",
            "https://a?b",
            "https://:1",
            "https://a:",
        ] {
            assert_eq!(Origin::parse(bad), Err(NotAnOrigin), "{bad}");
        }
    }

    #[test]
    fn an_origin_holds_what_stands_at_it_and_no_look_alike() {
        let origin = Origin::parse("https://guild.example").unwrap();
        for inside in ["https://guild.example", "https://guild.example/login", "https://guild.example?x"] {
            assert!(origin.holds(inside), "{inside}");
        }
        for outside in
            ["https://guild.example.evil/", "https://guild.example:8443/", "http://guild.example/", "https://guild.example@evil/"]
        {
            assert!(!origin.holds(outside), "{outside}");
        }
    }
}
