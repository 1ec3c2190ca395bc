//! Papers that are shown in one colour: those of a field.

use std::collections::HashMap;

use crate::atlas::MapGroup;

/// Groups of papers that a map tells apart; the last is that of all other papers.
pub const MAX_MAP_GROUPS: usize = 10;
/// Groups below which whole categories tell more than their first parts do.
const FEW_GROUPS: usize = 4;

/// The groups of papers with these first categories, and for each paper its group.
pub(super) fn grouped(categories: &[Option<&str>]) -> (Vec<MapGroup>, Vec<u8>) {
    let field = |category: &'_ str| category.split('.').next().unwrap_or_default().len();
    let count = |name: &dyn Fn(&str) -> usize| {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for category in categories.iter().flatten() {
            *counts.entry(&category[..name(category)]).or_default() += 1;
        }
        let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
        counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        counts
    };
    let mut name: &dyn Fn(&str) -> usize = &field;
    let mut counts = count(name);
    if counts.len() < FEW_GROUPS {
        name = &str::len;
        counts = count(name);
    }
    counts.truncate(MAX_MAP_GROUPS - 1);
    let numbers: HashMap<&str, u8> =
        counts.iter().enumerate().map(|(number, (group, _))| (*group, number as u8)).collect();
    let others = counts.len() as u8;
    let group_of: Vec<u8> = categories
        .iter()
        .map(|category| {
            category.and_then(|category| numbers.get(&category[..name(category)]).copied()).unwrap_or(others)
        })
        .collect();
    let mut groups: Vec<MapGroup> =
        counts.iter().map(|(group, n)| MapGroup { name: Some((*group).to_owned()), n_papers: *n }).collect();
    let n_others = group_of.iter().filter(|group| **group == others).count();
    if n_others > 0 {
        groups.push(MapGroup { name: None, n_papers: n_others });
    }
    (groups, group_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_fields_or_where_there_are_few_categories() {
        let check = |categories: &[&str], expected: &[&str]| {
            let categories: Vec<Option<&str>> = categories.iter().map(|name| Some(*name)).collect();
            let (groups, group_of) = grouped(&categories);
            let names: Vec<&str> = groups.iter().map(|group| group.name.as_deref().unwrap_or("-")).collect();
            assert_eq!(names, expected);
            assert!(group_of.iter().all(|group| usize::from(*group) < groups.len()));
        };
        check(&[], &[]);
        check(&["cs.CL", "cs.LG", "cs.LG"], &["cs.LG", "cs.CL"]);
        check(&["cs.CL", "cs.LG", "math.AG", "hep-th", "q-bio.NC"], &["cs", "hep-th", "math", "q-bio"]);
        let many: Vec<String> = (0..20).map(|i| format!("field-{i:02}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let (groups, _) = grouped(&many.iter().map(|name| Some(*name)).collect::<Vec<_>>());
        assert_eq!((groups.len(), groups[9].n_papers), (MAX_MAP_GROUPS, 11));
    }
}
