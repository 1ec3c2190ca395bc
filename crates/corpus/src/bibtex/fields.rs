//! The fields of a BibTeX entry, in the names and forms of the tools that write them, as a record's.

use serde_json::Value;

use crate::bibliography::{ENTRY_TYPE, OWN_ID, Reference, distinct};
use crate::identifier::IdentifierKind;
use crate::markup::decode_references;
use crate::record::MAX_CATEGORIES;
use crate::tex::{self, decode, decode_verbatim, split_outside_braces};

/// The record of an entry's fields: names in lower case, values as TeX.
pub(super) fn reference(kind: &str, fields: Vec<(String, String)>) -> Reference {
    let mut reference = Reference::default();
    let mut raw = Raw { fields };

    let title = raw.text("title");
    let subtitle = raw.text("subtitle");
    reference.add("title", [title, subtitle].into_iter().flatten().collect::<Vec<_>>().join(": "));
    reference.add("abstract", raw.text("abstract").unwrap_or_default());
    reference.add("authors", raw.take("author").map(|tex| names(&tex)).unwrap_or_default());
    reference.add("editors", raw.take("editor").map(|tex| names(&tex)).unwrap_or_default());
    dates(&mut raw, &mut reference);
    for name in ["journal", "journaltitle", "booktitle"] {
        let venue = raw.text(name).unwrap_or_default();
        let journal = venue.strip_prefix('\\').and_then(aas_journal);
        reference.add("venue", journal.map_or(venue, str::to_owned));
    }
    identifiers(&mut raw, &mut reference);
    if let Some(language) = raw.text("language").or_else(|| raw.text("langid")) {
        reference.add("language", language);
    }
    // TeX's dash between numbers.
    reference.add("pages", raw.text("pages").unwrap_or_default().replace('–', "-"));
    reference.add("categories", categories(&mut raw));
    reference.add(ENTRY_TYPE, kind);
    for (name, tex) in raw.fields {
        let name = extra_name(&name);
        reference.add(&name, decode(&tex));
    }
    reference
}

/// The journal that a macro of the American Astronomical Society's stands for, by which NASA ADS names journals.
fn aas_journal(name: &str) -> Option<&'static str> {
    #[rustfmt::skip]
    const JOURNALS: [(&str, &str); 36] = [
        ("aap", "Astronomy and Astrophysics"), ("aapr", "Astronomy and Astrophysics Reviews"),
        ("aaps", "Astronomy and Astrophysics Supplement Series"), ("actaa", "Acta Astronomica"), ("aj", "The Astronomical Journal"),
        ("ao", "Applied Optics"), ("apj", "The Astrophysical Journal"), ("apjl", "The Astrophysical Journal Letters"),
        ("apjs", "The Astrophysical Journal Supplement Series"), ("aplett", "Astrophysics Letters"), ("apspr", "Astrophysics Space Physics Research"),
        ("apss", "Astrophysics and Space Science"), ("araa", "Annual Review of Astronomy and Astrophysics"),
        ("azh", "Astronomicheskii Zhurnal"), ("baas", "Bulletin of the American Astronomical Society"), ("grl", "Geophysical Research Letters"),
        ("gca", "Geochimica et Cosmochimica Acta"), ("icarus", "Icarus"), ("jcap", "Journal of Cosmology and Astroparticle Physics"),
        ("jcp", "Journal of Chemical Physics"), ("jgr", "Journal of Geophysical Research"), ("jqsrt", "Journal of Quantitative Spectroscopy and Radiative Transfer"),
        ("mnras", "Monthly Notices of the Royal Astronomical Society"), ("na", "New Astronomy"), ("nat", "Nature"),
        ("nar", "New Astronomy Reviews"), ("pasa", "Publications of the Astronomical Society of Australia"),
        ("pasj", "Publications of the Astronomical Society of Japan"), ("pasp", "Publications of the Astronomical Society of the Pacific"),
        ("physrep", "Physics Reports"), ("planss", "Planetary and Space Science"), ("pra", "Physical Review A"),
        ("prd", "Physical Review D"), ("prl", "Physical Review Letters"), ("solphys", "Solar Physics"), ("ssr", "Space Science Reviews"),
    ];
    JOURNALS.iter().find(|(known, _)| *known == name).map(|(_, journal)| *journal)
}

/// The name in `extra` of a field that no field of the paper holds: its own, but for names that mean
/// something else to us.
pub(crate) fn extra_name(name: &str) -> String {
    match name {
        "id" | "text" | "summary" | "authors" | "bibtex" | "ris" | "extra" | "paper_id" | "external_ids" => {
            format!("bibtex_{name}")
        }
        name => name.to_owned(),
    }
}

/// Fields that were not read yet.
struct Raw {
    fields: Vec<(String, String)>,
}

impl Raw {
    fn take(&mut self, name: &str) -> Option<String> {
        let position = self.fields.iter().position(|(field, _)| field == name)?;
        Some(self.fields.remove(position).1)
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.take(name).map(|tex| decode(&tex)).filter(|text| !text.is_empty())
    }

    fn verbatim(&mut self, name: &str) -> Option<String> {
        self.take(name).map(|tex| decode_verbatim(&tex)).filter(|text| !text.is_empty())
    }
}

fn names(tex: &str) -> Vec<Value> {
    super::names::names(tex).into_iter().map(Value::from).collect()
}

/// BibLaTeX's `date`, or a year with perhaps a month and a day (`month = "5~" # may` has both).
fn dates(raw: &mut Raw, reference: &mut Reference) {
    let year = raw.text("year");
    let date = raw.text("date");
    let month = raw.text("month");
    let day = raw.text("day");
    let own = raw.text("publicationdate");
    let month_has_day = month.as_ref().is_some_and(|month| {
        month.contains(|c: char| c.is_ascii_digit()) && month.contains(|c: char| c.is_alphabetic())
    });
    if let Some(date) = own.as_ref().or(date.as_ref()) {
        // Of a range its beginning; signs for "about" and "perhaps" behind a date say no other day.
        let start = date.split('/').map(str::trim).find(|part| !part.is_empty() && *part != "..");
        let start = start.unwrap_or_default().trim_end_matches(['~', '?', '%']);
        // `2020/05/01` is no range.
        let is_slashed = date.split('/').count() == 3 && date.split('/').all(|part| part.trim().len() <= 4);
        reference.add("publication_date", if is_slashed { date } else { start });
    } else if let (Some(year), Some(month)) = (&year, &month)
        && (month_has_day || day.is_some())
    {
        let is_number = month.chars().all(|c| c.is_ascii_digit());
        let day = day.as_deref().unwrap_or_default();
        let date = if is_number { format!("{year}-{month}-{day}") } else { format!("{day} {month} {year}") };
        reference.add("publication_date", date);
    }
    reference.add("year", year.unwrap_or_default());
    if !reference.has("publication_date") {
        reference.add("month", month.unwrap_or_default());
    }
}

fn identifiers(raw: &mut Raw, reference: &mut Reference) {
    if let Some(own) = raw.verbatim("paperid") {
        reference.add(OWN_ID, own);
    }
    for (name, kind) in [
        ("doi", IdentifierKind::Doi),
        ("arxiv", IdentifierKind::Arxiv),
        ("arxivid", IdentifierKind::Arxiv),
        ("pmid", IdentifierKind::Pmid),
        ("pmcid", IdentifierKind::Pmcid),
        ("pmc", IdentifierKind::Pmcid),
        ("aclid", IdentifierKind::Acl),
    ] {
        if let Some(text) = raw.verbatim(name) {
            reference.add_identifier(kind, &text);
        }
    }
    if let Some(eprint) = raw.verbatim("eprint") {
        let archive = raw.text("archiveprefix").or_else(|| raw.text("eprinttype")).unwrap_or_default();
        let kind = match archive.to_lowercase().as_str() {
            "arxiv" => Some(IdentifierKind::Arxiv),
            "pubmed" => Some(IdentifierKind::Pmid),
            // Many exports leave the archive out; Web of Science and others put their own links there.
            "" => IdentifierKind::Arxiv.canonical(&eprint).map(|_| IdentifierKind::Arxiv),
            _ => None,
        };
        match kind {
            Some(kind) => reference.add_identifier(kind, &eprint),
            None => reference.add("eprint", eprint),
        }
    }
    // Some tools put several addresses into one field.
    for url in raw.verbatim("url").unwrap_or_default().split_whitespace() {
        if reference.has("url") {
            reference.add("other_url", url);
        } else {
            reference.add_url(url.to_owned());
        }
    }
}

/// Keywords between semicolons or commas, authors' own first (Scopus has both); arXiv's class before all.
fn categories(raw: &mut Raw) -> Vec<Value> {
    let class = raw.text("primaryclass");
    let listed =
        ["author_keywords", "author-keywords", "keywords", "keyword"].iter().find_map(|name| raw.take(name));
    // Web of Science puts every field into braces twice.
    let listed = decode_references(listed.as_deref().unwrap_or_default());
    let listed = tex::without_outer_braces(&listed);
    let mut parts = split_outside_braces(listed, ";");
    if parts.len() == 1 {
        parts = split_outside_braces(listed, ",");
    }
    // One more than a record may have is enough to have it refused.
    let keywords = parts.into_iter().take(MAX_CATEGORIES + 1).map(decode);
    distinct(class.into_iter().chain(keywords)).into_iter().map(Value::from).collect()
}
