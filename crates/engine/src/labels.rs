//! Names for groups of papers: the terms that set them apart.
//!
//! A term is a word or two neighbouring words, by stem. It is scored by the log-odds of a paper's having
//! it, in the group against elsewhere, with an informative Dirichlet prior from all papers, over its standard
//! deviation (Monroe, Colaresi and Quinn, *Fightin' Words*, 2008). Papers are counted, not uses, so that no paper
//! names its group alone.

use std::collections::{HashMap, HashSet};

/// Terms of a label.
const MAX_TERMS: usize = 3;
/// How many times as common as elsewhere a term must be to set a group apart.
const LEAST_LIFT: f64 = 2.0;
/// How many papers the prior counts as.
const PRIOR_PAPERS: f64 = 20.0;

/// The terms of one paper: for each the form in which it stands there.
pub(crate) type Terms = HashMap<String, String>;

/// The terms of a text.
pub(crate) fn terms_of(text: &str) -> Terms {
    let words = cognate_keyword::words_of(text);
    let mut terms = Terms::new();
    for word in &words {
        // Numbers and single letters name nothing.
        if word.stem.chars().filter(|c| c.is_alphabetic()).count() > 1 {
            terms.entry(word.stem.clone()).or_insert_with(|| word.surface.to_lowercase());
        }
    }
    for pair in words.windows(2) {
        let [first, second] = pair else { continue };
        let are_neighbours = second.position == first.position + 1;
        if are_neighbours && terms.contains_key(&first.stem) && terms.contains_key(&second.stem) {
            let surface = format!("{} {}", first.surface.to_lowercase(), second.surface.to_lowercase());
            terms.entry(format!("{} {}", first.stem, second.stem)).or_insert(surface);
        }
    }
    terms
}

/// How many papers have each term.
pub(crate) struct Background {
    n_papers: usize,
    counts: HashMap<String, usize>,
}

impl Background {
    pub(crate) fn of<'a>(papers: impl Iterator<Item = &'a Terms>) -> Self {
        let mut background = Self { n_papers: 0, counts: HashMap::new() };
        for terms in papers {
            background.n_papers += 1;
            for stem in terms.keys() {
                *background.counts.entry(stem.clone()).or_default() += 1;
            }
        }
        background
    }

    /// The terms that set `group` apart from the papers of the background that are not in it, best first.
    pub(crate) fn label(&self, group: &[&Terms]) -> Vec<String> {
        let mut forms: HashMap<&str, HashMap<&str, usize>> = HashMap::new();
        for terms in group {
            for (stem, surface) in *terms {
                *forms.entry(stem).or_default().entry(surface).or_default() += 1;
            }
        }
        let least = if group.len() > 2 { 2 } else { 1 };
        let mut scored: Vec<(f64, &str, &str)> = Vec::new();
        for (stem, surfaces) in &forms {
            let n_group: usize = surfaces.values().sum();
            if n_group < least || self.lift(stem, n_group, group.len()) < LEAST_LIFT {
                continue;
            }
            let commonest = surfaces.iter().max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0)));
            let Some((surface, _)) = commonest else { continue };
            scored.push((self.score(stem, n_group, group.len()), stem, surface));
        }
        // Where a pair and its words say the same, the pair says it better.
        let n_words = |stem: &str| stem.split(' ').count();
        scored.sort_by(|a, b| {
            b.0.total_cmp(&a.0).then(n_words(b.1).cmp(&n_words(a.1))).then_with(|| a.1.cmp(b.1))
        });
        let mut chosen: Vec<(&str, &str)> = Vec::new();
        for (_, stem, surface) in scored {
            let words: HashSet<&str> = stem.split(' ').collect();
            let is_new = chosen.iter().all(|(other, _)| other.split(' ').all(|word| !words.contains(word)));
            if is_new {
                chosen.push((stem, surface));
            }
            if chosen.len() == MAX_TERMS {
                break;
            }
        }
        chosen.into_iter().map(|(_, surface)| surface.to_owned()).collect()
    }

    /// The share of the group's papers that have the term, by that of the others; infinite where no other has it.
    fn lift(&self, stem: &str, n_group: usize, n_in_group: usize) -> f64 {
        let n_outside = self.counts.get(stem).map_or(0, |n| n.saturating_sub(n_group)) as f64;
        let n_others = self.n_papers.saturating_sub(n_in_group) as f64;
        n_group as f64 * n_others / (n_outside * n_in_group as f64)
    }

    fn score(&self, stem: &str, n_group: usize, n_in_group: usize) -> f64 {
        let n_all = self.counts.get(stem).copied().unwrap_or(0).max(n_group) as f64;
        let papers = self.n_papers.max(n_in_group) as f64;
        let prior = PRIOR_PAPERS * (n_all + 0.5) / (papers + 1.0);
        let log_odds = |with: f64, of: f64| {
            let with = with + prior;
            (with / (of + PRIOR_PAPERS - with).max(f64::MIN_POSITIVE)).ln()
        };
        let (inside, outside) = (n_group as f64, n_all - n_group as f64);
        let difference = log_odds(inside, n_in_group as f64) - log_odds(outside, papers - n_in_group as f64);
        difference / (1.0 / (inside + prior) + 1.0 / (outside + prior)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_what_the_group_has_and_others_have_not() {
        let group: Vec<Terms> = [
            "Topological insulators in thin films: a study of models",
            "Thin films of a topological insulator, and their models",
            "A model of topological insulators",
        ]
        .map(terms_of)
        .into();
        let others: Vec<Terms> =
            ["A model of bats", "Models of sleep", "A study of thin ice", "Films about models"]
                .map(terms_of)
                .into();
        let background = Background::of(group.iter().chain(&others));
        let label = background.label(&group.iter().collect::<Vec<_>>());
        assert_eq!(label[0], "topological insulators");
        assert!(!label.iter().any(|term| term.contains("model")), "{label:?}");
        assert!(background.label(&[]).is_empty());
    }
}
