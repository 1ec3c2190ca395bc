//! What to do with the papers that a search found: take them along, save the search, hear of what is new.

use super::address::{self, Address};
use super::filters;
use super::item::Link;
use super::search::Params;

/// Papers in a file of those that fit best.
pub(super) const MAX_BEST: usize = 1_000;
/// Longest filters in the address of a file.
const MAX_FILTER_BYTES: usize = 2_000;
/// The forms of files, with their names in the interface.
pub(super) const FORMATS: [(&str, &str); 5] =
    [("BibTeX", "bibtex"), ("RIS", "ris"), ("CSV", "csv"), ("EndNote", "endnote-xml"), ("JSONL", "jsonl")];

/// What to do with a list of papers.
pub(super) struct Actions {
    /// Files of the papers that fit best; none where there is no question.
    pub(super) best: Vec<Link>,
    /// Files of every paper that has a word of the query, or passes the filters.
    pub(super) all: Vec<Link>,
    /// What those are.
    pub(super) all_are: &'static str,
    /// Where the form that saves is sent to.
    pub(super) save_to: String,
    /// What it sends.
    pub(super) fields: Vec<(&'static str, String)>,
    /// The hits on the map.
    pub(super) map: Option<String>,
}

impl Actions {
    /// For a state of the page; whether it is of papers like one.
    pub(super) fn new(params: &Params, is_like: bool) -> Self {
        let filters = filters::fields(filters::conditions(params, None));
        let asks = !params.query().is_empty();
        let with = |address: Address, fields: &[(&'static str, &str)]| {
            let address = fields.iter().fold(address, |address, (name, value)| address.with(name, value));
            filters.iter().fold(address, |address, (name, value)| address.with(name, value))
        };
        let files = |address: &Address| -> Vec<Link> {
            let file = |(text, format): (&str, &str)| Link {
                href: address.clone().with("format", format).into_text(),
                text: text.to_owned(),
            };
            FORMATS.into_iter().map(file).collect()
        };
        let (mode, sort) = (params.mode.trim(), params.sort.trim());
        let (q, like) = (params.query(), params.like.trim());
        let limit = &*MAX_BEST.to_string();
        // An address that is repeated for every form of file has room for a short list alone.
        let has_room = filters.iter().map(|(_, value)| value.len()).sum::<usize>() <= MAX_FILTER_BYTES;
        let best = match (asks, is_like) {
            _ if !has_room => None,
            (_, true) => {
                let path = format!("/v1{}/similar", address::paper(like));
                Some(with(Address::new(&path), &[("sort", sort), ("limit", limit)]))
            }
            (true, false) => {
                let fields = [("q", q), ("mode", mode), ("sort", sort), ("limit", limit)];
                Some(with(Address::new("/v1/search"), &fields))
            }
            (false, false) => None,
        };
        let all = (has_room && !is_like).then(|| with(Address::new("/v1/export"), &[("q", q)]));
        let mut fields = if is_like { vec![("like", like)] } else { vec![("q", q), ("mode", mode)] };
        fields.retain(|(_, value)| !value.is_empty());
        let fields = fields.into_iter().map(|(name, value)| (name, value.to_owned()));
        let fields = fields.chain(filters.iter().cloned()).collect();
        Self {
            best: best.as_ref().map(files).unwrap_or_default(),
            all: all.as_ref().map(files).unwrap_or_default(),
            all_are: if asks { "Every paper with a word of the question" } else { "All of these papers" },
            save_to: String::new(),
            fields,
            map: asks.then(|| params.address_at("/map").into_text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_what_the_page_shows() {
        let params = Params { q: "ice & snow".to_owned(), year: "2019".to_owned(), ..Params::default() };
        let actions = Actions::new(&params, false);
        assert_eq!(actions.best[0].href, "/v1/search?q=ice+%26+snow&limit=1000&year=2019&format=bibtex");
        assert_eq!(actions.all[4].href, "/v1/export?q=ice+%26+snow&year=2019&format=jsonl");
        assert_eq!(actions.fields, [("q", "ice & snow".to_owned()), ("year", "2019".to_owned())]);
        let like = Params { like: "a/b?c".to_owned(), ..Params::default() };
        let actions = Actions::new(&like, true);
        assert_eq!(actions.best[1].href, "/v1/papers/a/b%3Fc/similar?limit=1000&format=ris");
        assert!(actions.all.is_empty() && actions.map.is_none());
        let region = Params { region: "0.0_9.0_0.9".to_owned(), ..params };
        let actions = Actions::new(&region, false);
        let filter = ("filter", r#"{"must":[{"region":"0.0_9.0_0.9"}]}"#.to_owned());
        assert!(actions.fields.contains(&filter), "{:?}", actions.fields);
        assert!(actions.all[0].href.contains("filter=%7B%22must%22"), "{}", actions.all[0].href);
    }
}
