//! Filters as Milvus reads them.

use cognate_corpus::ExternalId;
use cognate_engine::{Clause, Condition, DateRange, Filter, SoughtWord, days, sought_name};
use jiff::civil::Date;

use crate::layout::{self, AuthorPart, NO_DAY, NO_TITLE, NO_YEAR, field};

/// True of no paper.
pub(crate) const NONE: &str = "id == \"\"";
/// True of every paper.
pub(crate) const ALL: &str = "id != \"\"";

/// The papers that pass a filter; empty for all.
pub(crate) fn of_filter(filter: &Filter) -> String {
    let mut conditions: Vec<String> = filter.must.iter().map(of_clause).collect();
    if !filter.should.is_empty() {
        conditions.push(any(filter.should.iter().map(of_clause)));
    }
    conditions.extend(filter.must_not.iter().map(|clause| format!("not ({})", of_clause(clause))));
    all(conditions)
}

fn of_clause(clause: &Clause) -> String {
    match clause {
        Clause::Condition(condition) => of_condition(condition),
        Clause::Filter(filter) if filter.is_empty() => format!("not ({NONE})"),
        Clause::Filter(filter) => of_filter(filter),
    }
}

fn of_condition(condition: &Condition) -> String {
    match condition {
        Condition::Year(range) => {
            between(field::YEAR, NO_YEAR, range.first.map(i64::from), range.last.map(i64::from))
        }
        Condition::PublicationDate(range) => of_dates(*range),
        Condition::Categories(names) => {
            contains_any(field::CATEGORIES, names.iter().map(|name| quoted(&layout::category(name))))
        }
        Condition::Author(name) => of_author(name),
        Condition::Venue(name) => match layout::spaced(name).as_str() {
            " " => NONE.to_owned(),
            // The words are of letters and digits: nothing in them stands for anything else.
            words => format!("{} like {}", field::VENUE, quoted(&format!("%{words}%"))),
        },
        Condition::HasAbstract(wanted) => format!("{} == {wanted}", field::HAS_ABSTRACT),
        Condition::Ids(ids) => of_ids(ids.iter().map(String::as_str)),
        // Those of a data folder, of which there is none here; parts of the map are refused before.
        Condition::Rows(_) | Condition::Region(_) => NONE.to_owned(),
    }
}

/// Published on one of these days; where only the year is known, all of it lies in the range.
fn of_dates(range: DateRange) -> String {
    let day = |date: Date| i64::from(days(date));
    let of_days = between(field::DAY, NO_DAY, range.first.map(day), range.last.map(day));
    let first = range.first.map(|date| i64::from(date.year()) + i64::from(date.day_of_year() > 1));
    let last =
        range.last.map(|date| i64::from(date.year()) - i64::from(date.day_of_year() < date.days_in_year()));
    let of_years = between(field::YEAR, NO_YEAR, first, last);
    any([of_days, all(vec![format!("{} == {NO_DAY}", field::DAY), of_years])].into_iter())
}

/// The papers of a day and of all later ones.
pub(crate) fn since(day: Date) -> String {
    of_dates(DateRange { first: Some(day), last: None })
}

/// By an author whose name has all words of this one.
fn of_author(name: &str) -> String {
    let word = |word: &String| AuthorPart::Word(word.clone());
    let letter = |letter: &char| vec![AuthorPart::Letter(*letter)];
    // What one name has to have, each in one of some forms: several ways to read the words.
    let mut readings: Vec<Vec<Vec<AuthorPart>>> = vec![Vec::new()];
    for sought in sought_name(name) {
        let ways: Vec<Vec<Vec<AuthorPart>>> = match &sought {
            SoughtWord::Word(spellings) => vec![vec![spellings.iter().map(word).collect()]],
            SoughtWord::Initial(initial) => vec![vec![letter(initial)]],
            SoughtWord::Initials(whole, letters) => {
                vec![vec![vec![word(whole)]], letters.iter().map(letter).collect()]
            }
        };
        let with = |way: &Vec<_>| readings.iter().map(|before| [&before[..], &way[..]].concat()).collect();
        readings = ways.iter().flat_map(|way| -> Vec<_> { with(way) }).collect();
    }
    any(readings.into_iter().map(of_parts))
}

/// By an author whose name has all of these, each in one of some forms.
fn of_parts(mut parts: Vec<Vec<AuthorPart>>) -> String {
    parts.sort_unstable();
    parts.dedup();
    let key = |key: i64| key.to_string();
    match parts.as_slice() {
        [] => NONE.to_owned(),
        [one] => contains_any(field::AUTHORS, one.iter().map(|part| key(part.key()))),
        several => {
            let pairs = several.iter().enumerate().flat_map(|(at, a)| {
                several[at + 1..].iter().map(move |b| {
                    let keys = a.iter().flat_map(|a| b.iter().map(move |b| layout::pair_key(a, b)));
                    contains_any(field::AUTHORS, keys.map(key))
                })
            });
            all(pairs.collect())
        }
    }
}

fn between(name: &str, unknown: i64, first: Option<i64>, last: Option<i64>) -> String {
    let mut conditions = vec![format!("{name} > {unknown}")];
    conditions.extend(first.map(|first| format!("{name} >= {first}")));
    conditions.extend(last.map(|last| format!("{name} <= {last}")));
    all(conditions)
}

/// The papers of these ids.
pub(crate) fn of_ids<'a>(ids: impl IntoIterator<Item = &'a str>) -> String {
    let ids: Vec<String> = ids.into_iter().map(quoted).collect();
    if ids.is_empty() { NONE.to_owned() } else { format!("{} in [{}]", field::ID, ids.join(", ")) }
}

/// The papers whose ids come behind this one.
pub(crate) fn behind(id: &str) -> String {
    format!("{} > {}", field::ID, quoted(id))
}

/// The papers that have one of these identifiers.
pub(crate) fn of_identifiers(identifiers: &[ExternalId]) -> String {
    contains_any(
        field::IDENTIFIERS,
        identifiers.iter().map(|own| quoted(&layout::identifier(own.kind, &own.value))),
    )
}

/// The papers with a title of these words; `None` for a title without words.
pub(crate) fn of_title(title: &str) -> Option<String> {
    let key = layout::title_key(title);
    (key != NO_TITLE).then(|| format!("{} == {key}", field::TITLE))
}

/// The papers that have one of these terms.
pub(crate) fn of_any_term<'a>(terms: impl Iterator<Item = &'a str>) -> String {
    contains_any(field::TERMS, terms.map(|term| layout::term_key(term).to_string()))
}

/// The papers that have the term with this key.
pub(crate) fn of_key(key: u32) -> String {
    format!("array_contains({}, {key})", field::TERMS)
}

/// The papers that have all of these terms.
pub(crate) fn of_all_terms<'a>(terms: impl Iterator<Item = &'a str>) -> String {
    let keys: Vec<String> = terms.map(|term| layout::term_key(term).to_string()).collect();
    if keys.is_empty() {
        return NONE.to_owned();
    }
    format!("array_contains_all({}, [{}])", field::TERMS, keys.join(", "))
}

fn contains_any(name: &str, values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    if values.is_empty() {
        return NONE.to_owned();
    }
    format!("array_contains_any({name}, [{}])", values.join(", "))
}

/// What passes all of these; empty for no condition.
pub(crate) fn all(mut conditions: Vec<String>) -> String {
    conditions.retain(|condition| !condition.is_empty());
    match conditions.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        several => several.iter().map(|one| format!("({one})")).collect::<Vec<_>>().join(" and "),
    }
}

/// What passes one of these.
pub(crate) fn any(conditions: impl Iterator<Item = String>) -> String {
    let conditions: Vec<String> = conditions.collect();
    match conditions.as_slice() {
        [] => NONE.to_owned(),
        [one] => one.clone(),
        several => several.iter().map(|one| format!("({one})")).collect::<Vec<_>>().join(" or "),
    }
}

/// A text as a literal.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(condition: Condition) -> Clause {
        Clause::Condition(condition)
    }

    #[test]
    fn filters_become_expressions() {
        assert_eq!(of_filter(&Filter::default()), "");
        let year = condition(Condition::Year("2020-2023".parse().unwrap()));
        let filter = Filter { must: vec![year.clone()], ..Filter::default() };
        assert_eq!(of_filter(&filter), "(year > -32768) and (year >= 2020) and (year <= 2023)");
        let categories = condition(Condition::Categories(vec!["cs.CL ".to_owned(), "math".to_owned()]));
        let filter = Filter {
            must: vec![categories],
            must_not: vec![condition(Condition::HasAbstract(false))],
            should: vec![year, condition(Condition::Venue("J. of X".to_owned()))],
        };
        assert_eq!(
            of_filter(&filter),
            "(array_contains_any(categories, [\"cs.cl\", \"math\"])) \
             and (((year > -32768) and (year >= 2020) and (year <= 2023)) or (venue like \"% j of x %\")) \
             and (not (has_abstract == false))"
        );
    }

    #[test]
    fn dates_are_days_or_whole_years() {
        let filter = |text: &str| of_condition(&Condition::PublicationDate(text.parse().unwrap()));
        assert_eq!(
            filter("1970-01-02:1971-12-31"),
            "((day > -2147483648) and (day >= 1) and (day <= 729)) \
             or ((day == -2147483648) and ((year > -32768) and (year >= 1971) and (year <= 1971)))"
        );
    }

    #[test]
    fn what_no_paper_can_be_is_said_so() {
        assert_eq!(of_condition(&Condition::Author(" . ".to_owned())), NONE);
        assert_eq!(of_condition(&Condition::Venue("—".to_owned())), NONE);
        assert_eq!(of_condition(&Condition::Categories(Vec::new())), NONE);
        assert_eq!(of_ids([]), NONE);
        let empty = Filter { must_not: vec![Clause::Filter(Filter::default())], ..Filter::default() };
        assert_eq!(of_filter(&empty), "not (not (id == \"\"))");
    }

    #[test]
    fn names_of_authors_are_pairs_of_words() {
        let expression = of_condition(&Condition::Author("J. Müller".to_owned()));
        let word = |word: &str| AuthorPart::Word(word.to_owned());
        for spelling in ["muller", "mueller"] {
            let key = layout::pair_key(&AuthorPart::Letter('j'), &word(spelling));
            assert!(expression.contains(&key.to_string()), "{expression}");
        }
        let three = of_condition(&Condition::Author("Ann Bo Chen".to_owned()));
        assert_eq!(three.matches("array_contains_any").count(), 3);
    }

    #[test]
    fn initials_behind_a_family_name_are_a_word_or_letters() {
        let expression = |name: &str| of_condition(&Condition::Author(name.to_owned()));
        let word = |word: &str| AuthorPart::Word(word.to_owned());
        let has = |a: &AuthorPart, b: &AuthorPart| {
            contains_any(field::AUTHORS, [layout::pair_key(a, b).to_string()].into_iter())
        };
        let (a, s, family) = (AuthorPart::Letter('a'), AuthorPart::Letter('s'), word("uluagac"));
        let pairs = |words: [(&AuthorPart, &AuthorPart); 3]| all(words.map(|(a, b)| has(a, b)).to_vec());
        let of_letters = pairs([(&family, &a), (&family, &s), (&a, &s)]);
        let of_words = has(&word("as"), &family);
        let both = expression("Uluagac AS");
        assert!(both.starts_with(&format!("({of_words}) or (")), "{both}");
        for part in of_letters.split(" and ") {
            assert!(both.contains(part), "{both}");
        }
        // A name that is shouted has no initials, and one letter twice is asked for once.
        assert_eq!(expression("ULUAGAC AS"), of_words);
        assert!(expression("Lee JJ").contains(&has(&word("lee"), &AuthorPart::Letter('j'))));
        assert_eq!(expression("Lee JJ").matches("array_contains_any").count(), 2);
    }

    #[test]
    fn literals_cannot_be_left() {
        assert_eq!(of_ids(["a\" or \"b", "c\\"]), r#"id in ["a\" or \"b", "c\\"]"#);
    }
}
