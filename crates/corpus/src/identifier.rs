//! The identifiers that papers carry beside their own id, in canonical form.
//!
//! Sources write the same identifier in many ways (`https://doi.org/10.1039/C8CP06037A`,
//! `doi:10.1039/c8cp06037a`). [`IdentifierKind::canonical`] gives all of them one form, so that equal
//! papers have equal text; [`lookup`](crate::lookup) says what a person or client means by a text.

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::doi;
pub use crate::lookup::{Lookup, is_surely_identifier, listed_identifiers, lookup};
use crate::paper::PaperId;

/// Longest text read as an identifier, in bytes: a URL with every byte of a long DOI percent-encoded.
const MAX_FORM_BYTES: usize = 2048;

/// Kinds of identifier that name a paper across sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentifierKind {
    /// ACL Anthology id: `P19-1001`, `2020.acl-main.1`.
    Acl,
    /// arXiv id without its version suffix or subject class: `1704.03578`, `math/0309136`.
    Arxiv,
    /// Semantic Scholar's corpus id: digits.
    CorpusId,
    /// DOI in lower case without a resolver's URL: `10.1039/c8cp06037a`.
    Doi,
    /// OpenAlex's id of a work: `W` and digits.
    OpenAlex,
    /// PubMed id: digits.
    Pmid,
    /// PubMed Central id: `PMC` and digits.
    Pmcid,
}

impl IdentifierKind {
    /// Every kind, in order.
    pub const ALL: [Self; 7] =
        [Self::Acl, Self::Arxiv, Self::CorpusId, Self::Doi, Self::OpenAlex, Self::Pmid, Self::Pmcid];

    /// The kind's name as it stands in `external_ids` and, in any case, before the colon of a look-up.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Acl => "acl",
            Self::Arxiv => "arxiv",
            Self::CorpusId => "corpusid",
            Self::Doi => "doi",
            Self::OpenAlex => "openalex",
            Self::Pmid => "pmid",
            Self::Pmcid => "pmcid",
        }
    }

    /// What is expected where an identifier of this kind shall stand, for messages.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Acl => "an ACL Anthology id such as P19-1001 or 2020.acl-main.1",
            Self::Arxiv => "an arXiv id such as 1704.03578 or hep-th/9901001",
            Self::CorpusId => "a corpus id of Semantic Scholar such as CorpusId:2000001",
            Self::OpenAlex => "an OpenAlex id such as W2741809807",
            Self::Doi => "a DOI such as 10.1000/182",
            Self::Pmid => "a PubMed id such as 31715818",
            Self::Pmcid => "a PubMed Central id such as PMC3539452",
        }
    }

    /// The canonical form of an identifier of this kind, or `None` where `text` is none.
    ///
    /// Reads the bare identifier, the kind's name and a colon or a space before it, and the URLs of its
    /// usual sites. Idempotent: a canonical form is its own canonical form.
    #[must_use]
    pub fn canonical(self, text: &str) -> Option<String> {
        let text = text.trim();
        if text.len() > MAX_FORM_BYTES {
            return None;
        }
        let text =
            strip_label(text, self.name()).or_else(|| strip_spaced_label(text, self.name())).unwrap_or(text);
        match self {
            Self::Acl => canonical_acl(text),
            Self::Arxiv => canonical_arxiv(text),
            Self::CorpusId => canonical_corpus_id(text),
            Self::Doi => doi::canonical(text),
            Self::OpenAlex => canonical_openalex(text),
            Self::Pmid => canonical_pmid(text),
            Self::Pmcid => canonical_pmcid(text),
        }
    }
}

/// One identifier with its kind, in canonical form.
///
/// Only [`ExternalId::new`] makes one outside this crate, so `value` is always canonical.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct ExternalId {
    /// What kind of identifier it is.
    pub kind: IdentifierKind,
    /// The identifier in its kind's canonical form.
    pub value: String,
}

impl ExternalId {
    /// Reads `text` as an identifier of `kind`, in any form that
    /// [`canonical`](IdentifierKind::canonical) reads; `None` where it is none.
    #[must_use]
    pub fn new(kind: IdentifierKind, text: &str) -> Option<Self> {
        kind.canonical(text).map(|value| Self { kind, value })
    }
}

/// The identifier that a record's own id is, where it has the form of one: the ids of an arXiv
/// snapshot are arXiv ids. The id itself stays as it is.
#[must_use]
pub fn sniff_record_id(id: &PaperId) -> Option<ExternalId> {
    identify(id.as_str())
}

/// The one identifier that `text` names, if any.
pub(crate) fn identify(text: &str) -> Option<ExternalId> {
    for kind in IdentifierKind::ALL {
        if strip_label(text, kind.name()).is_some() {
            // A DOI that arXiv gave is an arXiv id.
            return ExternalId::new(kind, text).or_else(|| ExternalId::new(IdentifierKind::Arxiv, text));
        }
    }
    // A bare number could be a PMID, a PMCID or any database's own id; `1704.03578` is only arXiv's.
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let kinds = if is_number { &[IdentifierKind::Arxiv][..] } else { &IdentifierKind::ALL };
    kinds.iter().find_map(|&kind| ExternalId::new(kind, text))
}

/// arXiv's archives: those that old identifiers begin with, and the newer ones that only name
/// categories (`econ`, `eess`, `q-fin`, `stat`).
#[rustfmt::skip]
const ARXIV_ARCHIVES: [&str; 38] = [
    "acc-phys", "adap-org", "alg-geom", "ao-sci", "astro-ph", "atom-ph", "bayes-an", "chao-dyn",
    "chem-ph", "cmp-lg", "comp-gas", "cond-mat", "cs", "dg-ga", "econ", "eess", "funct-an", "gr-qc",
    "hep-ex", "hep-lat", "hep-ph", "hep-th", "math", "math-ph", "mtrl-th", "nlin", "nucl-ex",
    "nucl-th", "patt-sol", "physics", "plasm-ph", "q-alg", "q-bio", "q-fin", "quant-ph", "solv-int",
    "stat", "supr-con",
];

/// Whether `text` is a category of arXiv's: `cs.CR`, `cond-mat.mes-hall`, `hep-th`.
pub(crate) fn is_arxiv_category(text: &str) -> bool {
    let (archive, class) = text.split_once('.').unwrap_or((text, "AA"));
    ARXIV_ARCHIVES.contains(&archive)
        && class.len() >= 2
        && class.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
}

/// Without `label` and a colon at the start, in any case; `None` where they are not there.
pub(crate) fn strip_label<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let (found, rest) = text.split_once(':')?;
    found.eq_ignore_ascii_case(label).then(|| rest.trim_start())
}

/// Without `label` and white space at the start, in any case: `DOI 10.1000/182`.
fn strip_spaced_label<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let (found, rest) = text.split_once(char::is_whitespace)?;
    found.eq_ignore_ascii_case(label).then(|| rest.trim_start())
}

/// The path of a URL on one of `hosts`, percent-decoded, without query, fragment and outer slashes.
/// The scheme and `www.` may be missing, as in links that people paste.
pub(crate) fn url_path(text: &str, hosts: &[&str]) -> Option<String> {
    let rest = ["https://", "http://"].iter().find_map(|scheme| strip_prefix_ignoring_case(text, scheme));
    let rest = rest.unwrap_or(text);
    let rest = strip_prefix_ignoring_case(rest, "www.").unwrap_or(rest);
    let (host, path) = rest.split_once('/')?;
    if !hosts.iter().any(|known| host.eq_ignore_ascii_case(known)) {
        return None;
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = percent_encoding::percent_decode_str(path).decode_utf8().ok()?;
    Some(path.trim_matches('/').to_owned())
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

fn canonical_arxiv(text: &str) -> Option<String> {
    /// Year, month, number of the scheme in use since April 2007.
    static NEW: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^([0-9]{2})([0-9]{2})\.([0-9]{4,5})(v[0-9]+)?$"));
    /// Archive, subject class, year, month and number, of the scheme before.
    static OLD: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"^([a-z]+(?:-[a-z]+)?)(?:\.[a-z-]{2,})?/([0-9]{2})([0-9]{2})([0-9]{3})(v[0-9]+)?$")
    });

    /// A question to arXiv's own interface about one paper.
    static API: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^(?i:(?:https?://)?(?:export\.)?arxiv\.org/api/query\?(?:[^#]*&)?id_list=)([^&#,]+)(?:[&#]|$)",
        )
    });

    /// How DBLP, and the catalogue of astronomy (a bibcode), write one in the names of their own.
    static ELSEWHERE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(concat!(
            r"^(?:(?i:(?:https?://)?(?:www\.)?dblp\.(?:org|uni-trier\.de)/rec/(?:[a-z]+/)?journals/corr/abs-)",
            r"([0-9]{4})-([0-9]{4,5})(?:\.[a-z]+)?",
            r"|(?:(?i:(?:https?://)?ui\.adsabs\.harvard\.edu/(?:abs|#abs)/))?",
            r"(?:19|20)[0-9]{2}arXiv([0-9]{4})\.?([0-9]{4,5})[A-Z](?:/abstract)?)$",
        ))
    });

    if let Some(parts) = ELSEWHERE.captures(text) {
        let mut digits = parts.iter().skip(1).flatten().map(|part| part.as_str());
        return canonical_arxiv(&format!("{}.{}", digits.next()?, digits.next()?));
    }
    let asked = API.captures(text).and_then(|parts| parts.get(1));
    let asked = asked.map(|id| percent_encoding::percent_decode_str(id.as_str()).decode_utf8_lossy());
    let text = asked.as_deref().unwrap_or(text);
    // As OAI-PMH names it.
    let text = strip_prefix_ignoring_case(text, "oai:arxiv.org:").unwrap_or(text);
    // As DOIs of arXiv end, and figures in a citation.
    let bare = strip_prefix_ignoring_case(text, "arxiv.");
    let text = bare.filter(|id| id.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(text);
    let path = url_path(text, &ARXIV_HOSTS);
    let doi = doi::arxiv_id(text).map(|id| format!("arxiv:{id}"));
    let text = match path.as_ref().or(doi.as_ref()) {
        Some(path) => {
            path.strip_prefix("api/")
                .unwrap_or(path)
                .split_once(['/', ':'])
                .filter(|(page, _)| is_arxiv_page(page))?
                .1
        }
        // arXiv's own citations end in the category: `arXiv:1704.03578v2 [cs.CR]`.
        None => text.split(" [").next().unwrap_or_default(),
    };
    let text = text.trim_end_matches(['.', ',', ';', ' ']).to_ascii_lowercase();
    let text = text.strip_suffix(".pdf").unwrap_or(&text);

    if let Some(parts) = NEW.captures(text) {
        let month_of_scheme = format!("{}{}", &parts[1], &parts[2]);
        // Five digits since 2015: a shorter number there has lost a zero, to a spreadsheet perhaps.
        let n_digits = if month_of_scheme.as_str() < "1501" { 4 } else { 5 };
        let exists = month_of_scheme.as_str() >= "0704" && is_month(&parts[2]) && parts[3].len() == n_digits;
        return exists.then(|| format!("{month_of_scheme}.{}", &parts[3]));
    }
    let parts = OLD.captures(text)?;
    let in_use = parts[2] >= *"91" || parts[2] <= *"07";
    let exists = in_use && is_month(&parts[3]) && ARXIV_ARCHIVES.contains(&&parts[1]);
    exists.then(|| format!("{}/{}{}{}", &parts[1], &parts[2], &parts[3], &parts[4]))
}

/// Sites whose pages are named by arXiv ids: arXiv, its mirrors, and those that show its papers.
#[rustfmt::skip]
const ARXIV_HOSTS: [&str; 18] = [
    "arxiv.org", "export.arxiv.org", "browse.arxiv.org", "lanl.arxiv.org", "de.arxiv.org", "es.arxiv.org",
    "cn.arxiv.org", "xxx.lanl.gov", "ar5iv.org", "ar5iv.labs.arxiv.org", "alphaxiv.org", "huggingface.co",
    "hf.co", "scirate.com", "arxiv-vanity.com", "semanticscholar.org", "api.semanticscholar.org", "inspirehep.net",
];

/// Whether what follows on one of [`ARXIV_HOSTS`] is an arXiv id.
fn is_arxiv_page(page: &str) -> bool {
    #[rustfmt::skip]
    const PAGES: [&str; 12] = [
        "abs", "pdf", "html", "format", "ps", "e-print", "src", "tex", "papers", "overview", "arxiv", "audio",
    ];
    PAGES.iter().any(|known| page.eq_ignore_ascii_case(known))
}

fn is_month(digits: &str) -> bool {
    ("01"..="12").contains(&digits)
}

fn canonical_pmid(text: &str) -> Option<String> {
    /// The `.0` comes from tables that hold ids as floating-point numbers.
    static PMID: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^(?:(?i:(?:pubmed|medline|pmid|med)(?: ?u?id)?):? *)?(?i:nlm)?0*([1-9][0-9]{0,8})(\.0)?(?i: ?\[(?:pm|u)id\])?\.?$",
        )
    });

    /// A search for one at PubMed.
    static TERM: LazyLock<Regex> = LazyLock::new(|| {
        pattern(concat!(
            r"^(?i:(?:https?://)?(?:www\.)?(?:pubmed\.)?ncbi\.nlm\.nih\.gov/(?:pubmed/?)?\?(?:[^#]*&)?term=)",
            r"([0-9]+)(?i:(?:\[|%5B)(?:uid|pmid)(?:\]|%5D))?(?:[&#]|$)",
        ))
    });

    let asked = TERM.captures(text).and_then(|parts| parts.get(1)).map(|id| id.as_str());
    let text = asked.unwrap_or(text);
    let text = if let Some(path) = url_path(text, &["pubmed.ncbi.nlm.nih.gov", "pubmed.gov"]) {
        path
    } else if let Some(path) = url_path(text, &["europepmc.org"]) {
        ["article/", "abstract/"]
            .iter()
            .find_map(|page| path.strip_prefix(page)?.strip_prefix("MED/"))?
            .to_owned()
    } else if let Some(path) = url_path(text, &["ncbi.nlm.nih.gov"]) {
        path.strip_prefix("pubmed/")?.to_owned()
    } else {
        text.to_owned()
    };
    PMID.captures(&text).map(|parts| parts[1].to_owned())
}

fn canonical_corpus_id(text: &str) -> Option<String> {
    static CORPUS_ID: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^(?i:corpusid:\s*)?0*([1-9][0-9]{0,11})(\.0)?$"));

    let path = url_path(text, &["api.semanticscholar.org", "semanticscholar.org"]);
    CORPUS_ID.captures(path.as_deref().unwrap_or(text)).map(|parts| parts[1].to_owned())
}

fn canonical_openalex(text: &str) -> Option<String> {
    static WORK: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?:works/)?[Ww]([1-9][0-9]{3,11})$"));

    let path = url_path(text, &["openalex.org", "api.openalex.org"]);
    WORK.captures(path.as_deref().unwrap_or(text)).map(|parts| format!("W{}", &parts[1]))
}

fn canonical_pmcid(text: &str) -> Option<String> {
    static PMCID: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^(?i:(?:pmcid:? *)?pmc)? ?0*([1-9][0-9]{0,9})(\.[0-9]+)?$"));

    let hosts = ["ncbi.nlm.nih.gov", "pmc.ncbi.nlm.nih.gov", "europepmc.org"];
    let path = url_path(text, &hosts);
    let text = match &path {
        // `pmc/articles/PMC3539452/pdf/…`: the part that says PMC, or, as OpenAlex has it, a number behind `articles`;
        // other pages there are not papers.
        Some(path) => {
            let says_pmc = |part: &&str| part.len() > 3 && part.to_ascii_uppercase().starts_with("PMC");
            let number = || path.strip_prefix("pmc/articles/").or_else(|| path.strip_prefix("articles/"));
            path.split('/').find(says_pmc).or_else(|| number()?.split('/').next())?
        }
        None => text,
    };
    PMCID.captures(text).map(|parts| format!("PMC{}", &parts[1]))
}

fn canonical_acl(text: &str) -> Option<String> {
    static OLD: LazyLock<Regex> = LazyLock::new(|| pattern(r"^([A-Za-z][0-9]{2}-[0-9]{4})(v[0-9]+)?$"));
    static NEW: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^((?:19|20)[0-9]{2}\.[a-z0-9_]+(?:-[a-z0-9_]+)+\.[0-9]+)(v[0-9]+)?$"));

    let path = if let Some(path) = url_path(text, &["aclanthology.org"]) {
        Some(path)
    } else if let Some(path) = url_path(text, &["aclweb.org"]) {
        Some(path.strip_prefix("anthology/")?.to_owned())
    } else {
        None
    };
    let text = path.as_deref().unwrap_or(text);
    let endings = [".pdf", ".bib", ".xml", ".endf"];
    let text = endings.iter().find_map(|ending| text.strip_suffix(ending)).unwrap_or(text);
    if let Some(parts) = OLD.captures(text) {
        return Some(parts[1].to_ascii_uppercase());
    }
    NEW.captures(&text.to_ascii_lowercase()).map(|parts| parts[1].to_owned())
}

fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("a pattern written in this file is a valid one")
}
