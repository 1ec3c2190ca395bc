//! Where papers lie, as people write it.

use std::fmt;
use std::str::FromStr;

use cognate_engine::EngineError;

/// What comes before host, port and collection.
const SCHEME: &str = "milvus://";
/// Longest name of a collection that Milvus takes.
const MAX_NAME_BYTES: usize = 255;

/// A collection of a server: `milvus://HOST:PORT/COLLECTION`, with `?index=flat` and `consistency=bounded` where they are
/// wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Host and port.
    pub authority: String,
    /// The database, where it is not the default one: `milvus://HOST:PORT/DATABASE/COLLECTION`.
    pub database: Option<String>,
    /// The collection.
    pub collection: String,
    /// By what vectors are found, when the collection is made.
    pub index: VectorIndex,
    /// What a search sees.
    pub consistency: Consistency,
}

/// By what vectors are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VectorIndex {
    /// A graph, in memory.
    #[default]
    Hnsw,
    /// Every vector is compared, so that none is missed.
    Flat,
    /// A graph on disks.
    DiskAnn,
}

/// What a search sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Consistency {
    /// All that was acknowledged before it began.
    #[default]
    Strong,
    /// All but what came in the last seconds; faster.
    Bounded,
}

/// What a server asks for before it answers.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// A key, or `USER:PASSWORD`.
    pub token: Option<String>,
    /// Whether to talk to it by TLS.
    pub tls: bool,
    /// Path of a file with the certificates, in PEM, of those who may vouch for it; else those that the system has.
    pub ca_file: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "…");
        f.debug_struct("Credentials").field("token", &token).field("tls", &self.tls).finish_non_exhaustive()
    }
}

impl FromStr for Address {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, EngineError> {
        read(text).ok_or_else(|| EngineError::InvalidRequest {
            parameter: "engine",
            expected: "`milvus://HOST:PORT/COLLECTION`, with `?index=flat`, `hnsw` or `diskann` and \
                       `consistency=bounded` or `strong` behind it if need be"
                .to_owned(),
            found: format!("{text:?}"),
        })
    }
}

fn read(text: &str) -> Option<Address> {
    let rest = text.strip_prefix(SCHEME)?;
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let mut parts = place.split('/');
    let authority = parts.next()?;
    let (database, collection) = match (parts.next()?, parts.next(), parts.next()) {
        (collection, None, _) => (None, collection),
        (database, Some(collection), None) => (Some(database), collection),
        _ => return None,
    };
    let (host, port) = authority.rsplit_once(':')?;
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if host.is_empty() || !host.chars().all(is_host) || port.parse::<u16>().is_err() {
        return None;
    }
    let mut address = Address {
        authority: authority.to_owned(),
        database: database.map(str::to_owned),
        collection: collection.to_owned(),
        index: VectorIndex::default(),
        consistency: Consistency::default(),
    };
    for option in options.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=')? {
            ("index", "hnsw") => address.index = VectorIndex::Hnsw,
            ("index", "flat") => address.index = VectorIndex::Flat,
            ("index", "diskann") => address.index = VectorIndex::DiskAnn,
            ("consistency", "strong") => address.consistency = Consistency::Strong,
            ("consistency", "bounded") => address.consistency = Consistency::Bounded,
            _ => return None,
        }
    }
    let is_name = |name: &str| {
        name.len() <= MAX_NAME_BYTES
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    (is_name(collection) && database.is_none_or(is_name)).then_some(address)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = self.database.as_ref().map_or_else(String::new, |database| format!("{database}/"));
        write!(f, "{SCHEME}{}/{database}{}", self.authority, self.collection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let address: Address = "milvus://localhost:19530/papers".parse().unwrap();
        assert_eq!((address.authority.as_str(), address.collection.as_str()), ("localhost:19530", "papers"));
        assert_eq!((address.index, address.consistency), (VectorIndex::Hnsw, Consistency::Strong));
        assert_eq!(address.to_string(), "milvus://localhost:19530/papers");
        let address: Address = "milvus://[::1]:1/db/x?index=flat&consistency=bounded".parse().unwrap();
        assert_eq!((address.database.as_deref(), address.collection.as_str()), (Some("db"), "x"));
        assert_eq!((address.index, address.consistency), (VectorIndex::Flat, Consistency::Bounded));
        assert_eq!(address.to_string(), "milvus://[::1]:1/db/x");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "papers",
            "http://localhost:19530/papers",
            "milvus://localhost/papers",
            "milvus://localhost:99999/papers",
            "milvus://localhost:19530",
            "milvus://localhost:19530/",
            "milvus://localhost:19530/1papers",
            "milvus://localhost:19530/pa-pers",
            "milvus://localhost:19530/a/b/c",
            "milvus://:19530/papers",
            "milvus://user:secret@localhost:19530/papers",
            "milvus://localhost:19530/papers?index=none",
            "milvus://localhost:19530/papers?indexflat",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let credentials = Credentials { token: Some("root:secret".to_owned()), ..Credentials::default() };
        assert!(!format!("{credentials:?}").contains("secret"));
    }
}
