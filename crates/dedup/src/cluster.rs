//! From judged pairs to clusters, each around the record to keep.
//!
//! Records are numbered here by their place in order of preference: 0 is the one that is kept before all others.
//! So the result depends on the records and the pairs only, not on the order in which they came.

use std::collections::{BTreeMap, HashSet};

use crate::request::ClusterMode;
use crate::verdict::Verdict;

/// A pair of places, the smaller first, and what was found about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// The record that is preferred.
    pub a: usize,
    /// The other.
    pub b: usize,
    /// That both are of the same paper, from 0 to 1.
    pub probability: f64,
    /// What is to be done about the two.
    pub verdict: Verdict,
    /// A person said that these are two papers: they never meet in a cluster.
    pub is_forbidden: bool,
}

/// A record in a cluster, and the one that it is matched to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The record.
    pub place: usize,
    /// The one that it is matched to.
    pub matched_to: usize,
    /// Which one was compared with that: the record itself or, where a person decides, one that is dropped for it.
    pub through: usize,
    /// `Duplicate` or `Review`.
    pub verdict: Verdict,
}

/// A record to keep and those that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The one that stays.
    pub keep: usize,
    /// The others.
    pub others: Vec<Place>,
}

/// Groups of at least two, in order of the kept record. Every record is dropped or asked about in one group at most;
/// the kept record of one group may be asked about in another.
#[must_use]
pub fn groups(n_records: usize, links: &[Link], mode: ClusterMode) -> Vec<Group> {
    let mut links = links.to_vec();
    links.sort_by(|x, y| y.probability.total_cmp(&x.probability).then((x.a, x.b).cmp(&(y.a, y.b))));
    let forbidden: HashSet<(usize, usize)> =
        links.iter().filter(|link| link.is_forbidden).map(|link| (link.a, link.b)).collect();
    links.retain(|link| !link.is_forbidden);
    let duplicates: Vec<Link> = links.iter().copied().filter(|l| l.verdict == Verdict::Duplicate).collect();
    let alone: Vec<usize> = (0..n_records).collect();
    let matches = match mode {
        ClusterMode::Complete => stars(n_records, &duplicates, &forbidden),
        ClusterMode::Connected => chains(&alone, &duplicates, &forbidden),
    };
    let mut groups: BTreeMap<usize, Vec<Place>> = BTreeMap::new();
    let heads = add(&mut groups, (&alone, &matches), Verdict::Duplicate);

    // What stays may still be like something else that stays, itself or by what is dropped for it: for a person to
    // decide, about the surest pairs that link all of them. Around one record alone some would not be asked about, and
    // never the kept records of two groups.
    let to_review = chains(&heads, &links, &forbidden);
    add(&mut groups, (&heads, &to_review), Verdict::Review);
    groups.into_iter().map(|(keep, others)| Group { keep, others }).collect()
}

/// What a record is matched to.
#[derive(Debug, Clone, Copy)]
struct Matched {
    to: usize,
    through: usize,
}

/// Puts every matched record into the group of the record at the end of its way. `heads` has for each record the one in
/// whose group it was before; given back are those in whose group it is now.
fn add(
    groups: &mut BTreeMap<usize, Vec<Place>>,
    (heads, matches): (&[usize], &[Option<Matched>]),
    verdict: Verdict,
) -> Vec<usize> {
    let end = |place: usize| {
        let mut head = heads[place];
        while let Some(matched) = matches[head] {
            head = heads[matched.to];
        }
        head
    };
    for (place, matched) in matches.iter().enumerate() {
        let Some(Matched { to, through }) = *matched else { continue };
        groups.entry(end(to)).or_default().push(Place { place, matched_to: to, through, verdict });
    }
    (0..heads.len()).map(end).collect()
}

/// For each record the one that it is matched to, directly; `None` for those that stay. In order of preference each
/// stays unless it is linked to one that stays already, and those that do not stay go to the one of greatest
/// probability.
fn stars(n_records: usize, links: &[Link], forbidden: &HashSet<(usize, usize)>) -> Vec<Option<Matched>> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); n_records];
    let mut neighbours: Vec<Vec<usize>> = vec![Vec::new(); n_records];
    for link in links {
        neighbours[link.a].push(link.b);
        neighbours[link.b].push(link.a);
    }
    let order: Vec<usize> = (0..n_records).filter(|&place| !neighbours[place].is_empty()).collect();
    let mut stays = vec![false; n_records];
    for &place in &order {
        stays[place] = !neighbours[place].iter().any(|&other| stays[other]);
    }
    let mut matches: Vec<Option<Matched>> = vec![None; n_records];
    for &place in order.iter().filter(|&&place| !stays[place]) {
        let meets_forbidden = |head: usize| {
            members[head].iter().any(|&other| forbidden.contains(&(place.min(other), place.max(other))))
        };
        // Links come with the greatest probability first, and so do neighbours.
        let head = neighbours[place].iter().copied().find(|&head| stays[head] && !meets_forbidden(head));
        matches[place] = head.map(|to| Matched { to, through: place });
        head.iter().for_each(|&head| members[head].push(place));
    }
    matches
}

/// For each head the record before it in a tree of the surest links to the preferred head of its component; `None` for
/// that one, and for records that are no heads. `heads` has for each record the one in whose group it is, often itself.
/// Components are joined by the surest links first, unless that would bring a forbidden pair together.
fn chains(heads: &[usize], links: &[Link], forbidden: &HashSet<(usize, usize)>) -> Vec<Option<Matched>> {
    let n_records = heads.len();
    let mut component = heads.to_vec();
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); n_records];
    heads.iter().enumerate().for_each(|(place, &head)| members[head].push(place));
    // From each head the links out of its group: its own end, and the other.
    let mut neighbours: Vec<Vec<(usize, usize)>> = vec![Vec::new(); n_records];
    for link in links {
        let (x, y) = (component[link.a], component[link.b]);
        let clash = |&a: &usize| members[y].iter().any(|&b| forbidden.contains(&(a.min(b), a.max(b))));
        if x == y || (!forbidden.is_empty() && members[x].iter().any(clash)) {
            continue;
        }
        neighbours[heads[link.a]].push((link.a, link.b));
        neighbours[heads[link.b]].push((link.b, link.a));
        let (small, large) = if members[x].len() <= members[y].len() { (x, y) } else { (y, x) };
        let moved = std::mem::take(&mut members[small]);
        moved.iter().for_each(|&place| component[place] = large);
        members[large].extend(moved);
    }
    let mut matches = vec![None; n_records];
    let mut seen = vec![false; n_records];
    for first in 0..n_records {
        if std::mem::replace(&mut seen[first], true) {
            continue;
        }
        let mut waiting = vec![first];
        while let Some(head) = waiting.pop() {
            for &(own, other) in &neighbours[head] {
                if !std::mem::replace(&mut seen[heads[other]], true) {
                    matches[heads[other]] = Some(Matched { to: own, through: other });
                    waiting.push(heads[other]);
                }
            }
        }
    }
    matches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn link(a: usize, b: usize, probability: f64) -> Link {
        let verdict = if probability >= 0.9 { Verdict::Duplicate } else { Verdict::Review };
        Link { a, b, probability, verdict, is_forbidden: false }
    }

    #[test]
    fn a_chain_does_not_merge_its_ends_unless_asked() {
        let links = [link(0, 1, 0.95), link(1, 2, 0.99)];
        let complete = groups(3, &links, ClusterMode::Complete);
        let dropped = Place { place: 1, matched_to: 2, through: 1, verdict: Verdict::Duplicate };
        let asked = Place { place: 2, matched_to: 0, through: 1, verdict: Verdict::Review };
        let expected = [Group { keep: 0, others: vec![asked] }, Group { keep: 2, others: vec![dropped] }];
        assert_eq!(complete, expected, "1 is surer of 2; whether 0 is what 1 is, a person decides");
        let connected = groups(3, &links, ClusterMode::Connected);
        assert_eq!(
            connected[0].others.iter().map(|p| (p.place, p.matched_to)).collect::<Vec<_>>(),
            [(1, 0), (2, 1)]
        );
    }

    #[test]
    fn a_record_goes_to_the_surest_of_those_that_stay() {
        let duplicate =
            |place, matched_to| Place { place, matched_to, through: place, verdict: Verdict::Duplicate };
        let asked =
            |place, matched_to, through| Place { place, matched_to, through, verdict: Verdict::Review };
        let found = groups(3, &[link(0, 2, 0.91), link(1, 2, 0.99)], ClusterMode::Complete);
        let groups_of = |keep, other, question| {
            let kept = Group { keep, others: vec![other] };
            [Group { keep: 0, others: vec![question] }, kept]
        };
        assert_eq!(found, groups_of(1, duplicate(2, 1), asked(1, 0, 2)));
        let found = groups(3, &[link(0, 1, 0.91), link(1, 2, 0.99)], ClusterMode::Complete);
        assert_eq!(found, groups_of(2, duplicate(1, 2), asked(2, 0, 1)), "2 stays, though it comes later");
    }

    #[test]
    fn every_record_that_stays_and_may_be_another_is_asked_about() {
        // 0 and 1 each stay for another record, and may be one; 5 may be 4, which may be 1.
        let links = [link(0, 2, 0.95), link(1, 3, 0.95), link(0, 1, 0.5), link(1, 4, 0.4), link(4, 5, 0.6)];
        let found = groups(6, &links, ClusterMode::Complete);
        let members = |group: &Group| -> Vec<(usize, usize, Verdict)> {
            group.others.iter().map(|other| (other.place, other.matched_to, other.verdict)).collect()
        };
        let expected = [
            (2, 0, Verdict::Duplicate),
            (1, 0, Verdict::Review),
            (4, 1, Verdict::Review),
            (5, 4, Verdict::Review),
        ];
        assert_eq!((found[0].keep, members(&found[0])), (0, expected.to_vec()));
        assert_eq!((found[1].keep, members(&found[1])), (1, vec![(3, 1, Verdict::Duplicate)]));
    }

    #[test]
    fn what_is_like_a_dropped_record_is_asked_about() {
        // 2 is dropped for 1, and may be 3 or 0, which neither 1 nor anything else is compared with.
        let links = [link(1, 2, 0.95), link(2, 3, 0.5), link(0, 2, 0.4)];
        let found = groups(4, &links, ClusterMode::Complete);
        let place = |place, matched_to, through, verdict| Place { place, matched_to, through, verdict };
        let expected = [
            Group { keep: 0, others: vec![place(1, 0, 2, Verdict::Review), place(3, 2, 3, Verdict::Review)] },
            Group { keep: 1, others: vec![place(2, 1, 2, Verdict::Duplicate)] },
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_a_person_said_is_kept_apart() {
        let forbidden = Link { is_forbidden: true, ..link(0, 2, 0.99) };
        for mode in [ClusterMode::Complete, ClusterMode::Connected] {
            let found = groups(3, &[link(0, 1, 0.99), link(1, 2, 0.95), forbidden], mode);
            assert_eq!(found.len(), 1);
            assert_eq!((found[0].keep, found[0].others.len()), (0, 1));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(6), ..ProptestConfig::with_cases(512) })]

        #[test]
        fn every_group_keeps_one_and_every_other_is_matched(
            raw in prop::collection::vec((0..12_usize, 0..12_usize, 0.3..1.0_f64, prop::bool::weighted(0.1)), 0..40),
            connected: bool,
        ) {
            let mut seen = HashSet::new();
            let links: Vec<Link> = raw
                .into_iter()
                .filter(|&(a, b, ..)| a != b && seen.insert((a.min(b), a.max(b))))
                .map(|(a, b, p, is_forbidden)| Link { is_forbidden, ..link(a.min(b), a.max(b), p) })
                .collect();
            let mode = if connected { ClusterMode::Connected } else { ClusterMode::Complete };
            let found = groups(12, &links, mode);
            let mut reversed = links.clone();
            reversed.reverse();
            prop_assert_eq!(&groups(12, &reversed, mode), &found);
            // Whatever may be one paper is in one group, or in two that are linked by questions, unless a person said no.
            if links.iter().all(|link| !link.is_forbidden) {
                let mut head: Vec<usize> = (0..12).collect();
                for other in found.iter().flat_map(|group| &group.others) {
                    let (from, to) = (head[other.through], head[other.matched_to]);
                    head.iter_mut().filter(|head| **head == from).for_each(|head| *head = to);
                    let (from, to) = (head[other.place], head[other.through]);
                    head.iter_mut().filter(|head| **head == from).for_each(|head| *head = to);
                }
                for link in &links {
                    prop_assert_eq!(head[link.a], head[link.b], "{:?} is asked about nowhere", link);
                }
            }
            let mut in_groups = HashSet::new();
            for group in &found {
                prop_assert!(!group.others.is_empty());
                let members: Vec<usize> = group.others.iter().map(|p| p.place).chain([group.keep]).collect();
                for other in &group.others {
                    prop_assert!(in_groups.insert(other.place), "in two groups: {}", other.place);
                }
                let dropped_for = |place: usize| found.iter().find(|group| {
                    group.others.iter().any(|o| o.place == place && o.verdict == Verdict::Duplicate)
                }).map(|group| group.keep);
                for other in &group.others {
                    let is_member = |place: usize| {
                        members.contains(&place) || dropped_for(place).is_some_and(|keep| members.contains(&keep))
                    };
                    prop_assert!(is_member(other.matched_to));
                    prop_assert!(other.through == other.place || dropped_for(other.through) == Some(other.place));
                    let is_link = |l: &&Link| (l.a, l.b) == (other.through.min(other.matched_to), other.through.max(other.matched_to));
                    let link = links.iter().find(is_link);
                    prop_assert!(link.is_some_and(|link| !link.is_forbidden));
                    if other.verdict == Verdict::Duplicate && mode == ClusterMode::Complete {
                        prop_assert_eq!(other.matched_to, group.keep);
                    }
                }
                for l in links.iter().filter(|l| l.is_forbidden) {
                    prop_assert!(!(members.contains(&l.a) && members.contains(&l.b)), "{:?} {:?}", l, group);
                }
            }
        }
    }
}
