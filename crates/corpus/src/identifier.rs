//! The identifiers that papers carry beside their own id, in canonical form.

use serde::{Deserialize, Serialize};

/// Kinds of identifier that name a paper across sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentifierKind {
    /// ACL Anthology id: `P19-1001`, `2020.acl-main.1`.
    Acl,
    /// arXiv id without its version suffix: `1704.03578`, `hep-th/9901001`.
    Arxiv,
    /// DOI in lower case without a resolver's URL: `10.1039/c8cp06037a`.
    Doi,
    /// PubMed id: digits.
    Pmid,
    /// PubMed Central id: `PMC` and digits.
    Pmcid,
}
