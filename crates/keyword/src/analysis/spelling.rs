//! British and American spellings of one word.

use typos_vars::{Category, VARS};
use unicase::UniCase;

/// The American spelling of a folded word that only others spell as it stands: `tumour` is `tumor`.
///
/// The table is VarCon's, as typos-vars has it. A rule such as `-our` to `-or` would do harm to `four`.
pub(super) fn american(folded: &str) -> &str {
    let Some(entries) = VARS.find(&UniCase::new(folded)) else { return folded };
    let is_american = |&&(categories, _): &&(u8, _)| categories & Category::American as u8 != 0;
    match entries {
        [(_, variants)] if !entries.iter().any(|entry| is_american(&entry)) => {
            variants[0].first().copied().unwrap_or(folded)
        }
        _ => folded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn british_words_become_american_and_no_others_change() {
        let pairs = [
            ("tumour", "tumor"),
            ("behaviour", "behavior"),
            ("leukaemia", "leukemia"),
            ("oestrogen", "estrogen"),
            ("modelling", "modeling"),
            ("polarisation", "polarization"),
            ("fibre", "fiber"),
            ("sulphur", "sulfur"),
        ];
        for (british, expected) in pairs {
            assert_eq!(american(british), expected);
            assert_eq!(american(expected), expected);
        }
        for word in ["four", "hour", "precise", "exercise", "wise", "analyses", "sar", "2", "深度", ""] {
            assert_eq!(american(word), word);
        }
    }
}
