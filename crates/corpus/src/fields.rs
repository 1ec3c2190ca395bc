//! The names under which sources hold each field of a paper.
//!
//! A name is folded ([`fold_name`]): `Publication Title`, `publicationTitle` and `publication_title` are one.
//! A dot goes into an object (`primarylocation.source.displayname`); as a column's name it counts as nothing. Of
//! several names that a record has, the one further to the front is read, and the others stay in `extra`.

/// Names of a title, also those that only a record's title has.
#[rustfmt::skip]
pub(crate) const TITLE: &[&str] = &[
    "title", "articletitle", "documenttitle", "primarytitle", "papertitle", "titles", "maintitle", "booktitletext", "displayname",
    "shorttitle", "originaltitle", "itemtitle", "titledisplay", "preprinttitle", "studytitle",
];
#[rustfmt::skip]
pub(crate) const ABSTRACT: &[&str] = &[
    "abstract", "abstracttext", "abstractnote", "abstractinvertedindex", "paperabstract", "abstracts", "indexedabstract",
    "notesabstract", "abstractlocal", "summary", "descriptions", "description", "text", "preprintabstract", "briefsummary", "ab",
];
#[rustfmt::skip]
pub(crate) const AUTHORS: &[&str] = &[
    "authorfullnames", "authors", "author", "authorlist", "authorships", "authorships.author.displayname", "authorshipsrawauthorname", "creators",
    "creator", "authornames", "authornameslist", "firstauthors", "authorlist.author", "authorstring", "contributors", "names.authors",
    "names.inventors", "names.books", "names", "bookauthors", "authfullnames", "authordisplay", "publicationinfo.authors",
    "preprintauthors", "zauthors",
];
pub(crate) const GROUP_AUTHORS: &[&str] =
    &["groupauthors", "groupauthor", "bookgroupauthors", "names.corp", "names.bookcorp"];
#[rustfmt::skip]
pub(crate) const EDITORS: &[&str] = &["editors", "editor", "bookeditors", "editornames", "names.bookeditors", "names.editors"];
#[rustfmt::skip]
pub(crate) const YEAR: &[&str] = &[
    "year", "publicationyear", "pubyear", "publishedyear", "publishyear", "yearofpublication", "journalinfo.yearofpublication",
    "yearpublished", "yearpub", "publicationinfo.year", "source.publishyear", "produceddateyi", "publicationdateyi",
];
#[rustfmt::skip]
pub(crate) const DATE: &[&str] = &[
    "publicationdate", "published", "date", "issued", "datepublished", "preprintdate", "publisheddate", "firstpublicationdate", "publishtime",
    "dateofpublication", "coverdate", "publishedonline", "publishedprint", "pubdate", "publishedat", "publicationdateonline", "dates", "earliestdate",
    "imprints.date", "thesisinfo.date", "publicationdates", "produceddates", "defensedates", "pdate", "odate",
];
#[rustfmt::skip]
pub(crate) const VENUE: &[&str] = &[
    "venue", "journal", "journalref", "booktitle", "containertitle", "publicationtitle", "sourcetitle", "journaltitle", "journalname",
    "journalbook", "fulljournalname", "journalinfo.journal.title", "primarylocation.source.displayname", "hostvenue.displayname",
    "venue.raw", "proceedingstitle", "conferencename", "conferencetitle", "secondarytitle", "publicationname", "pub", "journals",
    "anthologytitle", "eventtitle", "alternatetitle", "journalabbreviation", "journalisoabbreviation", "journalabbr", "periodical",
    "container", "publication", "pubtitle", "publicationinfo.journaltitle", "server",
    "source.title", "source.sourcetitle", "journaltitles", "conferencetitles", "booktitles", "proceeding", "preprintplatform", "so", "sourcedisplayname",
];
/// In some tables the venue has the name that databases have elsewhere; their other columns tell which.
#[rustfmt::skip]
pub(crate) const SOURCE_IS_VENUE: &[&str] = &[
    "gsrank", "citesurl", "workid", "plink", "coverdate", "emtreedrugindextermsmajorfocus", "profileid", "fileattached", "websites",
];
#[rustfmt::skip]
pub(crate) const VOLUME: &[&str] = &["volume", "vol", "journalvolume", "biblio.volume", "journalinfo.volume", "journal.volume", "publicationinfo.journalvolume", "source.volume", "container.volume", "volumes"];
#[rustfmt::skip]
pub(crate) const ISSUE: &[&str] = &["issue", "number", "issuenumber", "biblio.issue", "journalinfo.issue", "journal.issue", "journalissue.issue", "publicationinfo.journalissue", "journal.number", "source.issue", "container.issue", "issueidentifier", "issues"];
#[rustfmt::skip]
pub(crate) const PAGES: &[&str] = &["pages", "page", "pagination", "pageinfo", "pagerange", "journal.pages", "source.pages.range"];
pub(crate) const FIRST_PAGE: &[&str] = &[
    "pagestart",
    "startpage",
    "firstpage",
    "biblio.firstpage",
    "beginningpage",
    "startingpage",
    "publicationinfo.pagestart",
    "container.firstpage",
];
pub(crate) const LAST_PAGE: &[&str] = &[
    "pageend",
    "endpage",
    "lastpage",
    "biblio.lastpage",
    "endingpage",
    "publicationinfo.pageend",
    "container.lastpage",
];
pub(crate) const ARTICLE_NUMBER: &[&str] =
    &["artno", "articlenumber", "elocationid", "artnumber", "publicationinfo.artid"];
#[rustfmt::skip]
pub(crate) const PUBLISHER: &[&str] = &[
    "publisher", "publishername", "bookpublisher", "primarylocation.source.hostorganizationname", "journal.publisher", "imprints.publisher",
    "source.publisher", "publishers", "journalpublishers",
];
#[rustfmt::skip]
pub(crate) const ISSN: &[&str] = &["issn", "issns", "pissn", "eissn", "issnprint", "issnelectronic", "journalinfo.journal.issn", "journalinfo.journal.essn", "journalinfo.journal.eissn", "primarylocation.source.issn", "journal.issns", "source.issn", "container.identifier", "journalissns", "journaleissns"];
pub(crate) const ISBN: &[&str] = &["isbn", "isbns", "eisbn", "isbnprint", "printisbn", "electronicisbn"];
#[rustfmt::skip]
pub(crate) const LANGUAGE: &[&str] = &[
    "language", "lang", "languages", "languageoforiginaldocument", "languageofarticle", "originallanguage", "journal.language",
];
#[rustfmt::skip]
pub(crate) const KIND: &[&str] = &[
    "type", "entrytype", "itemtype", "documenttype", "doctype", "subtypedescription", "contenttype", "articletype", "publicationtype",
    "publicationtypes", "typeofreference", "documentidentifier", "pubtypelist.pubtype", "pubtypelist", "pubtype", "types.resourcetypegeneral",
    "types.resourcetype", "types", "resourcetype.@resourcetypegeneral", "resourcetype.subtype", "resourcetype.type", "doctypes",
    "aggregationtype", "genre",
];
/// Names under which a source says what kind of article one is.
pub(crate) const ARTICLE_KIND: &[&str] = &["genre"];
#[rustfmt::skip]
pub(crate) const CATEGORIES: &[&str] = &[
    "categories", "authorkeywords", "keywords", "keyword", "keywordlist.keyword", "keywordlist", "manualtags", "tags", "subjects", "subject", "meshterms",
    "meshheadinglist.meshheading", "meshheadinglist", "indexkeywords", "keywordsplus", "automatictags", "ieeeterms", "category", "fieldsofstudy",
    "s2fieldsofstudy", "fos", "concepts", "concepts.displayname", "topics", "topics.displayname", "aikeywords", "authkeywords", "indexterms.authorterms.terms",
    "indexterms.ieeeterms.terms", "preprintcategory", "conditions",
];
#[rustfmt::skip]
pub(crate) const URL: &[&str] = &[
    "url", "link", "articleurl", "links.selfhtml", "links.html", "links.record", "links", "urls", "landingpageurl", "primarylocation.landingpageurl", "abstracturl", "doilink", "sourceurls",
    "externalurl", "fulltexturl", "puburl", "downloadurl", "dimensionsurl", "articlelink", "ee", "htmlurl", "urlabs", "studyurl", "uri", "uris",
];
pub(crate) const SOURCE: &[&str] = &["source", "sourcex", "database", "nameofdatabase", "databaseprovider"];
pub(crate) const MONTH: &[&str] =
    &["month", "publishedmonth", "pubmonth", "publicationmonth", "source.publishmonth"];
pub(crate) const DAY: &[&str] = &["day", "pubday"];

/// A field's name in lower case with its letters and digits alone, but for a sign at its start that programs put
/// there: `_id` and `@id` are not `id`.
pub(crate) fn fold_name(name: &str) -> String {
    /// Vocabularies whose terms some interfaces give with their prefix: `dc:title`, `prism:doi`.
    const VOCABULARIES: [&str; 3] = ["dc", "dcterms", "prism"];
    let name = name.trim();
    let name = name
        .split_once(':')
        .filter(|(prefix, _)| VOCABULARIES.contains(prefix))
        .map_or(name, |(_, term)| term);
    let start = name.chars().next().filter(|c| matches!(c, '_' | '@' | '#' | '$'));
    let mut folded = String::with_capacity(name.len());
    folded.extend(start);
    if name.is_ascii() {
        folded.extend(name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()));
    } else {
        folded.extend(name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase));
    }
    // `#` alone counts rows.
    if folded.is_empty() { name.to_owned() } else { folded }
}

/// Whether a folded name is one of title or abstract: what tells a record from other objects.
pub(crate) fn names_text(key: &str) -> bool {
    is_any(TITLE, key) || is_any(ABSTRACT, key)
}

/// Whether a folded name is one that titles and abstracts alone have; `text` and `description` are everybody's.
pub(crate) fn names_text_surely(key: &str) -> bool {
    const SHARED: [&str; 8] = [
        "displayname",
        "shorttitle",
        "originaltitle",
        "summary",
        "descriptions",
        "description",
        "text",
        "ab",
    ];
    names_text(key) && !SHARED.contains(&key)
}

/// Whether a folded name is that of a field which papers have beside their title.
pub(crate) fn names_detail(key: &str) -> bool {
    const IDENTIFIERS: [&str; 12] = [
        "doi",
        "dois",
        "pmid",
        "pmcid",
        "arxivid",
        "paperid",
        "corpusid",
        "externalids",
        "pubmedid",
        "issn",
        "isbn",
        "bibcode",
    ];
    let groups = [ABSTRACT, AUTHORS, YEAR, DATE, VENUE, VOLUME, PAGES, &IDENTIFIERS];
    groups.into_iter().any(|names| is_any(names, key))
        && !matches!(key, "text" | "description" | "summary" | "names" | "date" | "page")
}

/// Whether a folded name is one by which records are found in tables at all.
pub(crate) fn is_known(key: &str) -> bool {
    let groups = [
        TITLE,
        GROUP_AUTHORS,
        KIND,
        ISSUE,
        CATEGORIES,
        URL,
        LANGUAGE,
        PUBLISHER,
        FIRST_PAGE,
        SOURCE,
        MONTH,
        &["id"],
    ];
    names_detail(key) || groups.into_iter().any(|names| is_any(names, key))
}

/// Whether a folded name is one of those who edited a work.
pub(crate) fn names_editors(key: &str) -> bool {
    is_any(EDITORS, key)
}

/// Whether a folded column's name, or one without dots, is among `names`.
fn is_any(names: &[&str], key: &str) -> bool {
    names.iter().any(|name| {
        *name == key || (name.contains('.') && name.split('.').flat_map(str::chars).eq(key.chars()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded() {
        for (name, expected) in [
            ("Journal/Book", "journalbook"),
            ("Author/s", "authors"),
            ("Art. No.", "artno"),
            ("journal-ref", "journalref"),
            ("_id", "_id"),
            ("@id", "@id"),
            ("UT (Unique WOS ID)", "utuniquewosid"),
            ("#", "#"),
            (" Título ", "título"),
            ("prism:issueIdentifier", "issueidentifier"),
            ("dc:title", "title"),
            ("a:title", "atitle"),
        ] {
            assert_eq!(fold_name(name), expected);
        }
    }

    #[test]
    fn every_name_is_folded_and_stands_once_in_its_list() {
        for names in [
            TITLE,
            ABSTRACT,
            AUTHORS,
            GROUP_AUTHORS,
            EDITORS,
            YEAR,
            DATE,
            VENUE,
            VOLUME,
            ISSUE,
            PAGES,
            FIRST_PAGE,
            LAST_PAGE,
            ARTICLE_NUMBER,
            PUBLISHER,
            ISSN,
            ISBN,
            LANGUAGE,
            KIND,
            CATEGORIES,
            URL,
            SOURCE,
            MONTH,
            DAY,
        ] {
            let mut seen = std::collections::BTreeSet::new();
            for name in names {
                assert!(name.split('.').all(|part| fold_name(part) == part) && seen.insert(name), "{name}");
            }
        }
    }
}
