//! Files of several formats that were put together into one (`cat library.bib scopus.ris > all.txt`).
//!
//! A reader of lines that meets, where none of its records is open, the first line of a record in another format ends
//! there and gives the lines up; [`Records`](crate::Records) reads on with the reader of that format.

use crate::bibtex;
use crate::tagged::{self, Layout};

/// How the records of a format stand in lines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Marks {
    /// BibTeX's blocks.
    Bibtex,
    /// Lines with tags.
    Tags(Layout),
}

/// The marks with which a line begins a record, where it surely does.
pub(crate) fn begins(line: &[u8]) -> Option<Marks> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    if bibtex::surely_begins_entry(line) {
        return Some(Marks::Bibtex);
    }
    let layouts = [Layout::Ris, Layout::Medline, Layout::WebOfScience, Layout::Refer];
    layouts.into_iter().find(|layout| tagged::surely_begins_record(line, *layout)).map(Marks::Tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines_of_records_are_known() {
        for (line, expected) in [
            ("@article{key,", Some(Marks::Bibtex)),
            ("@string{jx = {J. of X}}", Some(Marks::Bibtex)),
            ("TY  - JOUR", Some(Marks::Tags(Layout::Ris))),
            ("\u{feff}TY  - JOUR", Some(Marks::Tags(Layout::Ris))),
            ("PMID- 31000009", Some(Marks::Tags(Layout::Medline))),
            ("PT J", Some(Marks::Tags(Layout::WebOfScience))),
            ("FN Clarivate Analytics Web of Science", Some(Marks::Tags(Layout::WebOfScience))),
            ("%0 Journal Article", Some(Marks::Tags(Layout::Refer))),
            ("%0 of all", None),
            ("% TY  - JOUR", None),
            ("@home (a league) and", None),
            ("PT Journal", None),
            ("TI  - A title", None),
            ("PMID- see below", None),
            ("PMID- ", None),
            ("FN 2020", None),
            ("", None),
        ] {
            assert_eq!(begins(line.as_bytes()), expected, "{line}");
        }
    }
}
