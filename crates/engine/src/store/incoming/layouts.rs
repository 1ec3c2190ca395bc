//! Few records, written in every format that is text: what this program writes, and what others do.

use cognate_corpus::export::{ExportFormat, Exported, FeedMeta, export};
use cognate_corpus::{IdentifierKind, Paper, PaperId, identity};
use serde_json::{Map, Value, json};

/// What a record says, each part from few words, so that records overlap.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    pub(super) title: Option<&'static str>,
    pub(super) abstract_text: Option<&'static str>,
    pub(super) authors: Vec<&'static str>,
    pub(super) year: Option<i16>,
    pub(super) volume: Option<&'static str>,
    pub(super) doi: Option<&'static str>,
    pub(super) pmid: Option<&'static str>,
    pub(super) key: Option<&'static str>,
}

/// An abstract as long as those of Daily Papers are.
const LONG: &str = "Tides turn twice a day, and so do the boats that are moored at the mouth of the river. We follow them for a \
                    year and give a model of their turning, which no one had asked for before this work.";

/// A format of files.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Layout {
    Ours(ExportFormat),
    Tsv,
    Csl,
    Crossref,
    Nbib,
    PubmedXml,
    PubmedText,
    Ciw,
    Enw,
    RefWorks,
    Ovid,
    OaiXml,
    DailyPapers,
}

impl Layout {
    /// All that are text; sheets of workbooks are read as tables are.
    pub(super) const ALL: [Self; 20] = [
        Self::Ours(ExportFormat::Json),
        Self::Ours(ExportFormat::Jsonl),
        Self::Ours(ExportFormat::Csv),
        Self::Ours(ExportFormat::Bibtex),
        Self::Ours(ExportFormat::Ris),
        Self::Ours(ExportFormat::EndnoteXml),
        Self::Ours(ExportFormat::Csl),
        Self::Ours(ExportFormat::Atom),
        Self::Tsv,
        Self::Csl,
        Self::Crossref,
        Self::Nbib,
        Self::PubmedXml,
        Self::PubmedText,
        Self::Ciw,
        Self::Enw,
        Self::RefWorks,
        Self::Ovid,
        Self::OaiXml,
        Self::DailyPapers,
    ];

    /// What of a record the format holds, with what it cannot be without.
    pub(super) fn fitted(self, mut said: Said, n: usize) -> Said {
        const PMIDS: [&str; 6] = ["31234561", "31234562", "31234563", "31234564", "31234565", "31234566"];

        if matches!(self, Self::Nbib | Self::PubmedText) {
            said.pmid = said.pmid.or(Some(PMIDS[n % PMIDS.len()]));
        } else if !matches!(
            self,
            Self::Ours(_) | Self::Tsv | Self::Csl | Self::PubmedXml | Self::Ciw | Self::Ovid
        ) {
            said.pmid = None;
        }
        if !matches!(self, Self::Ours(ExportFormat::Bibtex | ExportFormat::Ris)) {
            said.key = None;
        }
        if self == Self::DailyPapers {
            let (title, abstract_text) = (said.title, said.abstract_text);
            said = Said {
                title,
                abstract_text,
                authors: Vec::new(),
                year: None,
                volume: None,
                doi: None,
                pmid: None,
                key: None,
            };
        }
        let has_volume = !matches!(self, Self::OaiXml | Self::PubmedText | Self::Ovid);
        said.volume = said.volume.filter(|_| has_volume);
        // An answer wraps records, which are told from other objects by their titles.
        let needs_title = matches!(self, Self::PubmedText | Self::Ovid | Self::DailyPapers | Self::Crossref);
        let says_something = said.title.is_some() || said.doi.is_some() || !said.authors.is_empty();
        if needs_title || !says_something {
            said.title = said.title.or(Some("Editorial"));
        }
        // Without one, or with a short one, what follows would pass for it.
        if self == Self::DailyPapers {
            said.abstract_text = Some(LONG);
        } else if self == Self::PubmedText {
            said.abstract_text = said.abstract_text.or(Some("On tides at quays."));
        }
        said
    }

    /// The end of a file's name.
    pub(super) fn extension(self) -> String {
        format!("{self:?}").to_lowercase().replace(['(', ')'], "")
    }

    /// A file of records, each [fitted](Self::fitted).
    pub(super) fn file(self, records: &[Said]) -> String {
        match self {
            Self::Ours(format) => ours(format, records),
            Self::Tsv => table(records),
            Self::Csl => Value::from(records.iter().map(csl).collect::<Vec<_>>()).to_string(),
            Self::Crossref => {
                let items: Vec<Value> = records.iter().map(csl).collect();
                json!({"status": "ok", "message": {"total-results": items.len(), "items": items}}).to_string()
            }
            Self::Nbib => records.iter().map(nbib).collect(),
            Self::PubmedXml => {
                let articles: String = records.iter().map(pubmed_xml).collect();
                format!("<?xml version=\"1.0\"?>\n<PubmedArticleSet>\n{articles}</PubmedArticleSet>\n")
            }
            Self::PubmedText => {
                let citations = records.iter().zip(1..).map(|(said, n)| pubmed_text(said, n));
                citations.collect::<Vec<_>>().join("\n\n")
            }
            Self::Ciw => {
                let records: String = records.iter().map(ciw).collect();
                format!("FN Clarivate Analytics Web of Science\nVR 1.0\n{records}EF")
            }
            Self::Enw => records.iter().map(enw).collect::<Vec<_>>().join("\n"),
            Self::RefWorks => records.iter().map(refworks).collect::<Vec<_>>().join("\n"),
            Self::Ovid => records.iter().zip(1..).map(|(said, n)| ovid(said, n)).collect(),
            Self::OaiXml => {
                let records: String = records.iter().zip(1..).map(|(said, n)| oai(said, n)).collect();
                format!(
                    "<?xml version=\"1.0\"?>\n<OAI-PMH xmlns=\"http://www.openarchives.org/OAI/2.0/\"><ListRecords>\n\
                     {records}</ListRecords></OAI-PMH>\n"
                )
            }
            Self::DailyPapers => {
                let papers = records.iter().map(|said| {
                    format!(
                        "{}\n\n{}\n",
                        said.title.unwrap_or_default(),
                        said.abstract_text.unwrap_or_default()
                    )
                });
                format!("Daily Papers\n\nMay 1\n\n{}", papers.collect::<Vec<_>>().join("\n"))
            }
        }
    }
}

fn paper(said: &Said) -> Paper {
    let own = |text: &str| text.to_owned();
    let mut paper = Paper::new(PaperId::new("x").unwrap());
    paper.title = said.title.map(own);
    paper.abstract_text = said.abstract_text.map(own);
    paper.authors = said.authors.iter().map(|name| own(name)).collect();
    paper.year = said.year;
    paper.volume = said.volume.map(own);
    let ids = [(IdentifierKind::Doi, said.doi), (IdentifierKind::Pmid, said.pmid)];
    paper.external_ids = ids.into_iter().filter_map(|(kind, id)| Some((kind, own(id?)))).collect();
    if let Some(key) = said.key {
        paper.extra.insert("citation_key".to_owned(), key.into());
    }
    // The one that reading it gives, which most formats do not write then.
    paper.id = match said.pmid {
        Some(pmid) => PaperId::new(format!("PMID:{pmid}")).unwrap(),
        None => identity::content_id(&paper),
    };
    paper
}

fn ours(format: ExportFormat, records: &[Said]) -> String {
    let meta = FeedMeta {
        title: String::new(),
        id: "x".to_owned(),
        link: None,
        updated: jiff::Timestamp::UNIX_EPOCH,
    };
    let mut bytes = Vec::new();
    let papers = records.iter().map(|said| Exported { paper: paper(said), score: None });
    export(format, &mut bytes, papers, &meta).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    // Of most formats no record has an id that somebody gave it.
    match format {
        ExportFormat::Csv => text.replacen("id,", "label,", 1),
        ExportFormat::Json | ExportFormat::Jsonl => {
            let ids = records.iter().map(|said| format!("\"id\":\"{}\",", paper(said).id));
            ids.fold(text, |text, id| text.replace(&id, ""))
        }
        _ => text,
    }
}

/// Family and given name.
fn parts(name: &str) -> (&str, &str) {
    let (given, family) = name.split_once(' ').unwrap_or(("", name));
    (family, given)
}

fn inverted(name: &str) -> String {
    let (family, given) = parts(name);
    format!("{family}, {given}")
}

/// A line for each value that there is, the value behind its tag.
fn lines(said: &[(&str, Option<String>)]) -> String {
    said.iter().filter_map(|(tag, value)| Some(format!("{tag}{}\n", value.as_ref()?))).collect()
}

fn each(tag: &str, names: &[&str]) -> String {
    names.iter().map(|name| format!("{tag}{}\n", inverted(name))).collect()
}

fn own(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

fn year(said: &Said) -> Option<String> {
    said.year.map(|year| year.to_string())
}

fn table(records: &[Said]) -> String {
    let mut table = "Title\tAbstract\tAuthors\tYear\tVolume\tDOI\tPMID\n".to_owned();
    for said in records {
        let authors = said.authors.join("; ");
        let cells = [
            said.title.unwrap_or_default(),
            said.abstract_text.unwrap_or_default(),
            &authors,
            &year(said).unwrap_or_default(),
            said.volume.unwrap_or_default(),
            said.doi.unwrap_or_default(),
            said.pmid.unwrap_or_default(),
        ];
        table.push_str(&(cells.join("\t") + "\n"));
    }
    table
}

fn csl(said: &Said) -> Value {
    let mut item = Map::new();
    item.insert("type".to_owned(), json!("article-journal"));
    let authors: Vec<Value> =
        said.authors.iter().map(|name| json!({"family": parts(name).0, "given": parts(name).1})).collect();
    for (name, value) in [
        ("title", json!(said.title)),
        ("abstract", json!(said.abstract_text)),
        ("author", json!(authors)),
        ("issued", said.year.map_or(Value::Null, |year| json!({"date-parts": [[year]]}))),
        ("volume", json!(said.volume)),
        ("DOI", json!(said.doi)),
        ("PMID", json!(said.pmid)),
    ] {
        if !value.is_null() && value != json!([]) {
            item.insert(name.to_owned(), value);
        }
    }
    Value::Object(item)
}

fn nbib(said: &Said) -> String {
    lines(&[("PMID- ", own(said.pmid)), ("TI  - ", own(said.title)), ("AB  - ", own(said.abstract_text))])
        + &each("FAU - ", &said.authors)
        + &lines(&[
            ("DP  - ", year(said)),
            ("VI  - ", own(said.volume)),
            ("LID - ", said.doi.map(|doi| format!("{doi} [doi]"))),
        ])
        + "\n"
}

fn pubmed_xml(said: &Said) -> String {
    let element = |name: &str, text: Option<String>| {
        text.map_or_else(String::new, |text| format!("<{name}>{text}</{name}>"))
    };
    let authors: String = said
        .authors
        .iter()
        .map(|name| {
            let (family, given) = parts(name);
            format!("<Author><LastName>{family}</LastName><ForeName>{given}</ForeName></Author>")
        })
        .collect();
    let date = year(said).map(|year| format!("<Year>{year}</Year>"));
    let doi = said.doi.map_or_else(String::new, |doi| format!("<ArticleId IdType=\"doi\">{doi}</ArticleId>"));
    format!(
        "<PubmedArticle><MedlineCitation>{}<Article><Journal><JournalIssue>{}{}</JournalIssue></Journal>{}{}\
         <AuthorList>{authors}</AuthorList></Article></MedlineCitation><PubmedData><ArticleIdList>{doi}\
         </ArticleIdList></PubmedData></PubmedArticle>\n",
        element("PMID", own(said.pmid)),
        element("Volume", own(said.volume)),
        element("PubDate", date),
        element("ArticleTitle", own(said.title)),
        element("Abstract", said.abstract_text.map(|text| format!("<AbstractText>{text}</AbstractText>"))),
    )
}

fn pubmed_text(said: &Said, n: usize) -> String {
    let initials = |name: &&str| {
        let (family, given) = parts(name);
        format!("{family} {}", &given[..given.len().min(1)])
    };
    let authors: Vec<String> = said.authors.iter().map(initials).collect();
    let authors = if authors.is_empty() { String::new() } else { authors.join(", ") + ".\n\n" };
    let year = said.year.map_or_else(String::new, |year| format!(" {year};"));
    let doi = said.doi.map_or_else(String::new, |doi| format!("DOI: {doi}\n"));
    format!(
        "{n}. J Quays.{year}\n\n{}\n\n{authors}{}\n\n{doi}PMID: {}\n",
        said.title.unwrap_or_default(),
        said.abstract_text.unwrap_or_default(),
        said.pmid.unwrap_or_default()
    )
}

fn ciw(said: &Said) -> String {
    let mut names = said.authors.iter().map(|name| inverted(name));
    let first = names.next().map(|name| format!("AF {name}\n")).unwrap_or_default();
    let others: String = names.map(|name| format!("   {name}\n")).collect();
    "PT J\n".to_owned()
        + &first
        + &others
        + &lines(&[
            ("TI ", own(said.title)),
            ("AB ", own(said.abstract_text)),
            ("PY ", year(said)),
            ("VL ", own(said.volume)),
            ("DI ", own(said.doi)),
            ("PM ", own(said.pmid)),
        ])
        + "ER\n\n"
}

fn enw(said: &Said) -> String {
    "%0 Journal Article\n".to_owned()
        + &each("%A ", &said.authors)
        + &lines(&[
            ("%T ", own(said.title)),
            ("%X ", own(said.abstract_text)),
            ("%D ", year(said)),
            ("%V ", own(said.volume)),
            ("%R ", own(said.doi)),
        ])
}

fn refworks(said: &Said) -> String {
    "RT Journal Article\n".to_owned()
        + &each("A1 ", &said.authors)
        + &lines(&[
            ("T1 ", own(said.title)),
            ("AB ", own(said.abstract_text)),
            ("YR ", year(said)),
            ("VO ", own(said.volume)),
            ("DO ", own(said.doi)),
        ])
}

fn ovid(said: &Said, n: usize) -> String {
    let field = |label: &str, value: Option<String>| {
        value.map_or_else(String::new, |value| format!("{label}\n  {value}\n"))
    };
    let authors: Vec<String> = said.authors.iter().map(|name| inverted(name)).collect();
    let authors = Some(authors.join("; ")).filter(|authors| !authors.is_empty());
    format!("<{n}>\n")
        + &field("Unique Identifier", own(said.pmid))
        + &field("Title", own(said.title))
        + &field("Authors Full Name", authors)
        + &field("Abstract", own(said.abstract_text))
        + &field("Digital Object Identifier", own(said.doi))
        + &field("Year of Publication", year(said))
        + "\n"
}

fn oai(said: &Said, n: usize) -> String {
    let element = |name: &str, text: Option<String>| {
        text.map_or_else(String::new, |text| format!("<dc:{name}>{text}</dc:{name}>"))
    };
    let authors: String = said.authors.iter().map(|name| element("creator", Some(inverted(name)))).collect();
    format!(
        "<record><header><identifier>oai:quays.example.org:{n}</identifier></header><metadata><oai_dc:dc \
         xmlns:oai_dc=\"http://www.openarchives.org/OAI/2.0/oai_dc/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\
         {}{authors}{}{}{}</oai_dc:dc></metadata></record>\n",
        element("title", own(said.title)),
        element("description", own(said.abstract_text)),
        element("date", year(said)),
        element("identifier", said.doi.map(|doi| format!("doi:{doi}"))),
    )
}
