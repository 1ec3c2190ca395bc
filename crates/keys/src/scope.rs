//! What a key allows.

use std::fmt;
use std::str::FromStr;

/// What a key allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The feeds of one saved query, by its id, and nothing else: for the address of a feed, which readers store and show.
    Feed(String),
    /// One query's work.
    Read,
    /// Also papers, saved queries, labels and deduplication.
    Write,
    /// Everything.
    Admin,
}

impl Scope {
    /// Whether a key of this scope may do what a key of scope `needed` may.
    #[must_use]
    pub fn covers(&self, needed: &Self) -> bool {
        match (self, needed) {
            (Self::Feed(own), Self::Feed(needed)) => own == needed,
            (Self::Feed(_), _) => false,
            (_, Self::Feed(_)) => true,
            _ => self.rank() >= needed.rank(),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Feed(_) => 0,
            Self::Read => 1,
            Self::Write => 2,
            Self::Admin => 3,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feed(id) => write!(f, "feed:{id}"),
            Self::Read => f.write_str("read"),
            Self::Write => f.write_str("write"),
            Self::Admin => f.write_str("admin"),
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "admin" => Ok(Self::Admin),
            _ => match text.strip_prefix("feed:") {
                Some(id) if !id.is_empty() => Ok(Self::Feed(id.to_owned())),
                _ => Err(format!("expected `read`, `write`, `admin` or `feed:ID`, found {text:?}")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_the_smaller_ones() {
        let check = |has: &str, needed: &str, expected: bool| {
            let covers = has.parse::<Scope>().unwrap().covers(&needed.parse().unwrap());
            assert_eq!(covers, expected, "{has} for {needed}");
        };
        for (has, read, write, admin) in
            [("read", true, false, false), ("write", true, true, false), ("admin", true, true, true)]
        {
            check(has, "read", read);
            check(has, "write", write);
            check(has, "admin", admin);
            check(has, "feed:bats", true);
        }
        check("feed:bats", "feed:bats", true);
        for needed in ["feed:birds", "read", "write", "admin"] {
            check("feed:bats", needed, false);
        }
    }

    #[test]
    fn scopes_are_read_as_they_are_written() {
        for text in ["read", "write", "admin", "feed:bats"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in ["", "Read", "feed:", "all"] {
            assert!(text.parse::<Scope>().unwrap_err().contains("expected `read`"), "{text}");
        }
    }
}
