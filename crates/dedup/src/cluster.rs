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
    let matched_to = match mode {
        ClusterMode::Complete => stars(n_records, &duplicates, &forbidden),
        ClusterMode::Connected => {
            let alone = (0..n_records).map(|place| vec![place]).collect();
            chains(alone, &duplicates, &forbidden)
        }
    };
    let mut groups: BTreeMap<usize, Vec<Place>> = BTreeMap::new();
    add(&mut groups, &matched_to, Verdict::Duplicate);

    // What stays may still be like something else that stays: for a person to decide, about the surest pairs that link
    // all of them. Around one record alone some would not be asked about, and never the kept records of two groups.
    let stays = |place: usize| matched_to[place].is_none();
    let reviews: Vec<Link> = links.into_iter().filter(|link| stays(link.a) && stays(link.b)).collect();
    let mut members: Vec<Vec<usize>> = (0..n_records).map(|place| vec![place]).collect();
    for (&keep, others) in &groups {
        members[keep].extend(others.iter().map(|other| other.place));
    }
    let to_review = chains(members, &reviews, &forbidden);
    add(&mut groups, &to_review, Verdict::Review);
    groups.into_iter().map(|(keep, others)| Group { keep, others }).collect()
}

/// Puts every matched record into the group of the record at the end of its way.
fn add(groups: &mut BTreeMap<usize, Vec<Place>>, matched_to: &[Option<usize>], verdict: Verdict) {
    for (place, &to) in matched_to.iter().enumerate() {
        let Some(to) = to else { continue };
        let mut keep = to;
        while let Some(next) = matched_to[keep] {
            keep = next;
        }
        groups.entry(keep).or_default().push(Place { place, matched_to: to, verdict });
    }
}

/// For each record the one that it is matched to, directly; `None` for those that stay. In order of preference each
/// stays unless it is linked to one that stays already, and those that do not stay go to the one of greatest
/// probability.
fn stars(n_records: usize, links: &[Link], forbidden: &HashSet<(usize, usize)>) -> Vec<Option<usize>> {
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
    let mut matched_to: Vec<Option<usize>> = vec![None; n_records];
    for &place in order.iter().filter(|&&place| !stays[place]) {
        let meets_forbidden = |head: usize| {
            members[head].iter().any(|&other| forbidden.contains(&(place.min(other), place.max(other))))
        };
        // Links come with the greatest probability first, and so do neighbours.
        let head = neighbours[place].iter().copied().find(|&head| stays[head] && !meets_forbidden(head));
        matched_to[place] = head;
        head.iter().for_each(|&head| members[head].push(place));
    }
    matched_to
}

/// For each record the one before it in a tree of the surest links to the preferred record of its component; `None`
/// for that one. Components are joined by the surest links first, unless that would bring a forbidden pair together.
/// `members` has for each record itself and those that are in its group already.
fn chains(
    mut members: Vec<Vec<usize>>,
    links: &[Link],
    forbidden: &HashSet<(usize, usize)>,
) -> Vec<Option<usize>> {
    let n_records = members.len();
    let mut component: Vec<usize> = (0..n_records).collect();
    let mut neighbours: Vec<Vec<usize>> = vec![Vec::new(); n_records];
    for link in links {
        let (x, y) = (component[link.a], component[link.b]);
        let clash = |&a: &usize| members[y].iter().any(|&b| forbidden.contains(&(a.min(b), a.max(b))));
        if x == y || (!forbidden.is_empty() && members[x].iter().any(clash)) {
            continue;
        }
        neighbours[link.a].push(link.b);
        neighbours[link.b].push(link.a);
        let (small, large) = if members[x].len() <= members[y].len() { (x, y) } else { (y, x) };
        let moved = std::mem::take(&mut members[small]);
        moved.iter().for_each(|&place| component[place] = large);
        members[large].extend(moved);
    }
    let mut matched_to = vec![None; n_records];
    let mut seen = vec![false; n_records];
    for keep in 0..n_records {
        if std::mem::replace(&mut seen[keep], true) {
            continue;
        }
        let mut waiting = vec![keep];
        while let Some(place) = waiting.pop() {
            for &other in &neighbours[place] {
                if !std::mem::replace(&mut seen[other], true) {
                    matched_to[other] = Some(place);
                    waiting.push(other);
                }
            }
        }
    }
    matched_to
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
        assert_eq!(complete.len(), 1);
        assert_eq!(
            (complete[0].keep, complete[0].others.len()),
            (2, 1),
            "1 is surer of 2, and 0 does not match 2"
        );
        let connected = groups(3, &links, ClusterMode::Connected);
        assert_eq!(
            connected[0].others.iter().map(|p| (p.place, p.matched_to)).collect::<Vec<_>>(),
            [(1, 0), (2, 1)]
        );
    }

    #[test]
    fn a_record_goes_to_the_surest_of_those_that_stay() {
        let duplicate = |place, matched_to| Place { place, matched_to, verdict: Verdict::Duplicate };
        let found = groups(3, &[link(0, 2, 0.91), link(1, 2, 0.99)], ClusterMode::Complete);
        assert_eq!(found, [Group { keep: 1, others: vec![duplicate(2, 1)] }]);
        let found = groups(3, &[link(0, 1, 0.91), link(1, 2, 0.99)], ClusterMode::Complete);
        assert_eq!(
            found,
            [Group { keep: 2, others: vec![duplicate(1, 2)] }],
            "2 stays, though it comes later"
        );
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
            let mut in_groups = HashSet::new();
            for group in &found {
                prop_assert!(!group.others.is_empty());
                let members: Vec<usize> = group.others.iter().map(|p| p.place).chain([group.keep]).collect();
                for other in &group.others {
                    prop_assert!(in_groups.insert(other.place), "in two groups: {}", other.place);
                }
                for other in &group.others {
                    prop_assert!(members.contains(&other.matched_to));
                    let is_link = |l: &&Link| (l.a, l.b) == (other.place.min(other.matched_to), other.place.max(other.matched_to));
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
