//! Addresses of pages: every state of a page is one.

use form_urlencoded::byte_serialize;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is encoded in a path: all but what needs no encoding anywhere (RFC 3986, 2.3) and the slash.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
/// The same, and the slash.
const SEGMENT: &AsciiSet = &PATH.add(b'/');

/// An address on this server, made part by part. Blank values are left out.
#[derive(Debug, Clone)]
pub(super) struct Address {
    text: String,
    /// Whether there is no value yet.
    is_bare: bool,
}

impl Address {
    pub(super) fn new(path: &str) -> Self {
        Self { text: path.to_owned(), is_bare: true }
    }

    pub(super) fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if !value.as_ref().trim().is_empty() {
            self.text.push(if self.is_bare { '?' } else { '&' });
            self.text.extend(byte_serialize(name.as_bytes()));
            self.text.push('=');
            self.text.extend(byte_serialize(value.as_ref().as_bytes()));
            self.is_bare = false;
        }
        self
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// The page of a paper. Slashes of its id stay as they are, unless a browser would read them as steps.
pub(super) fn paper(id: &str) -> String {
    let is_plain = id.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
    format!("/papers/{}", utf8_percent_encode(id, if is_plain { PATH } else { SEGMENT }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_encoded() {
        let check = |address: Address, expected: &str| assert_eq!(address.into_text(), expected);
        check(Address::new("/search"), "/search");
        check(Address::new("/search").with("q", " "), "/search");
        check(
            Address::new("/search").with("q", "a & b?").with("year", "2020-"),
            "/search?q=a+%26+b%3F&year=2020-",
        );
        check(
            Address::new("/library").with("seed", "a/b").with("seed", "ü"),
            "/library?seed=a%2Fb&seed=%C3%BC",
        );
        assert_eq!(paper("hep-th/9901001"), "/papers/hep-th/9901001");
        assert_eq!(paper("10.5555/a?b#c"), "/papers/10.5555/a%3Fb%23c");
        assert_eq!(paper("a//b"), "/papers/a%2F%2Fb");
        assert_eq!(paper("../health"), "/papers/..%2Fhealth");
    }
}
