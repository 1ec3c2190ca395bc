use super::*;

/// What is understood, a line for each part that there is.
fn told(query: &str) -> String {
    let Understood { text, words, filter, .. } = understand(query);
    let mut lines = vec![text.clone()];
    let plain = Query::parse(&text);
    let marked = if words == plain { "plain" } else { "marked" };
    lines.push(format!("{marked}{}", if words.is_restricted() { ", restricted" } else { "" }));
    for (name, clauses) in [("must", filter.must), ("must_not", filter.must_not)] {
        lines.extend(clauses.iter().map(|clause| format!("{name} {clause:?}")));
    }
    lines.join(" | ")
}

fn check(query: &str, expected: &str) {
    assert_eq!(told(query), expected, "{query}");
}

/// Whether a query is what another one is that is made by hand.
fn check_words(query: &str, make: impl FnOnce(&mut Query)) {
    let mut expected = Query::default();
    make(&mut expected);
    assert_eq!(understand(query).words, expected, "{query}");
}

#[test]
fn a_range_of_years_may_have_spaces_and_any_dash() {
    for query in
        ["soil year:2015 - 2018", "soil year:2015 – 2018", "soil year:2015–2018", "year:2015 -2018 soil"]
    {
        assert_eq!(told(query), told("soil year:2015-2018"), "{query}");
    }
    assert_ne!(told("soil year:2015 - 20180"), told("soil year:2015-2018"));
}

#[test]
fn fields_are_left_out_and_joined_as_other_databases_write_it() {
    for (query, same) in [
        ("NOT author:Smith falls", "-author:Smith falls"),
        ("NOT year:2015 falls", "-year:2015 falls"),
        ("author:Smith or author:Kim", "author:Smith OR author:Kim"),
        ("author:Smith | author:Kim falls", "author:Smith OR author:Kim falls"),
        ("\"quantum\" AND \"field\"", "\"quantum\" \"field\""),
        ("(\"ice\" OR \"vitamin D\") AND \"falls\"", "\"ice\" OR \"vitamin D\" \"falls\""),
    ] {
        assert_eq!(understand(query), understand(same), "{query}");
    }
    assert_eq!(told("salt or ice"), told("salt or ice").replace("marked", "plain"));
}

#[test]
fn others_who_wrote_a_paper_are_no_words() {
    for query in ["Smith et al. 2015", "Smith et al 2015", "Smith et al., 2015"] {
        assert_eq!(understand(query).words.term_texts(), Query::parse("Smith 2015").term_texts(), "{query}");
    }
    assert_eq!(understand("et alia").words, Query::parse("et alia"));
}

#[test]
fn what_is_left_out_of_nothing_is_told() {
    assert_eq!(understand("NOT ice").as_text.as_deref(), Some("NOT"));
    assert_eq!(understand("TO BE OR NOT").as_text, None);
    assert_eq!(understand("-\"weak lensing\" galaxies").as_text.as_deref(), Some("-\"weak lensing\""));
}

#[test]
fn running_text_has_no_operators() {
    let texts = [
        "how do bats avoid collisions?",
        "We study dark matter halos. So-called \"cuspy\" profiles are compared with \"cored\" ones in many galaxies.",
        "the 12\" mirror and the 14\" telescope",
        "a telescope of 5' 10\" and its 2\" eyepiece",
        "\"unbalanced",
        "balanced \" not",
        "-omics data integration",
        "- a list",
        "x -1 and 2 - 3",
        "The odds ratio OR was 2.1; the risk -adjusted ratio was 1.4.",
        "Author: Smith",
        "note:this year:soon",
        "title: a \\\"o",
        "NOT",
        "C++ and k-means++",
        "OR",
        "a* search",
        "Fe* and k-means*",
        "http://example.org/x:y",
    ];
    for text in texts {
        let as_text = text.starts_with("-omics").then(|| "-omics".to_owned());
        let mut expected = Understood { as_text, ..plain(text) };
        expected.words.keep_spelling("omics");
        assert_eq!(understand(text), expected, "{text}");
    }
    let long = format!("{} -word author:Smith OR year:2020 \"two words\" neuro*", "word ".repeat(20));
    assert_eq!(understand(&long), plain(long.trim()));
}

#[test]
fn phrases_alone_are_required() {
    for query in [
        "\"dark matter\"",
        "“dark matter”",
        "„dark matter“",
        "«dark matter»",
        "+\"dark matter\"",
        "\"dark matter\".",
    ] {
        check_words(query, |words| words.require_any(&["dark matter"]));
        assert_eq!(understand(query).text, "dark matter");
    }
    check_words("\"dark matter\" \"dwarf galaxies\"", |words| {
        words.require_any(&["dark matter"]);
        words.require_any(&["dwarf galaxies"]);
    });
    check_words("\"dark matter\" OR \"dark energy\"", |words| {
        words.require_any(&["dark matter", "dark energy"])
    });
    check_words("(\"dark matter\" OR \"dark energy\")", |words| {
        words.require_any(&["dark matter", "dark energy"])
    });
    check_words("\"dark matter\" -halo", |words| {
        words.require_any(&["dark matter"]);
        words.exclude("halo");
    });
    check_words("\"dark matter\" author:Frenk", |words| words.require_any(&["dark matter"]));
    check_words("\"We study dark matter. It is dark.\"", |words| {
        words.require_any(&["We study dark matter. It is dark."]);
    });
}

#[test]
fn a_first_word_with_a_hyphen_is_text_and_said_to_be() {
    for query in ["-quetzalcoatlos flight", "-quetzalcoatlos flight -bird", "-quetzalcoatlos"] {
        let understood = understand(query);
        assert_eq!(understood.as_text.as_deref(), Some("-quetzalcoatlos"), "{query}");
        assert!(understood.text.starts_with("-quetzalcoatlos"), "{query}");
    }
    for query in ["flight -quetzalcoatlos", "-author:Frenk halos", "- a list", "-1 x"] {
        assert_eq!(understand(query).as_text, None, "{query}");
    }
    let mut spelled = Query::parse("quetzalcoatlos flight");
    spelled.keep_spelling("quetzalcoatlos");
    assert_eq!(understand("-quetzalcoatlos flight").words, spelled);
    assert_ne!(spelled, Query::parse("quetzalcoatlos flight"));
}

#[test]
fn a_phrase_in_a_longer_query_is_preferred() {
    check_words("\"dark matter\" halos", |words| {
        words.prefer("dark matter");
        words.add_words("halos");
    });
    check_words("what is \"dark matter\"?", |words| {
        words.add_words("what is");
        words.prefer("dark matter");
    });
    check_words("halos +\"dark matter\"", |words| {
        words.add_words("halos");
        words.require_any(&["dark matter"]);
    });
}

#[test]
fn words_are_left_out_begun_and_chosen() {
    check_words("dark matter -halo -\"weak lensing\"", |words| {
        words.add_words("dark matter");
        words.exclude("halo");
        words.exclude("weak lensing");
    });
    check("dark matter -halo", "dark matter | marked, restricted");
    check_words("neuro* of mice", |words| {
        words.add_prefix("neuro");
        words.add_words("of mice");
    });
    check_words("+neuro* of mice", |words| {
        words.require_prefix(None, "neuro");
        words.add_words("of mice");
    });
    check_words("mice -neuro*", |words| {
        words.add_words("mice");
        words.exclude_prefix("neuro");
    });
    check_words("title:neuro* mice", |words| {
        words.require_prefix(Some(Field::Title), "neuro");
        words.add_words("mice");
    });
    check("bees OR wasps", "bees wasps | plain");
    check_words("title:\"dark matter\" halos", |words| {
        words.require_in(Field::Title, "dark matter");
        words.add_words("halos");
    });
}

#[test]
fn fields_become_filters() {
    check("dark matter author:Frenk", "dark matter | plain | must Condition(Author(\"Frenk\"))");
    check("AUTHOR:\"Łukasz Kaiser\"", " | plain | must Condition(Author(\"Łukasz Kaiser\"))");
    check(
        "halos year:2015-2020 category:astro-ph,gr-qc",
        "halos | plain | must Condition(Year(YearRange { first: Some(2015), last: Some(2020) })) | \
         must Condition(Categories([\"astro-ph\", \"gr-qc\"]))",
    );
    check(
        "halos category:\"Medicine, General\"",
        "halos | plain | must Condition(Categories([\"Medicine, General\"]))",
    );
    check("-author:Frenk halos", "halos | plain | must_not Condition(Author(\"Frenk\"))");
    check("-author:Frenk", " | plain | must_not Condition(Author(\"Frenk\"))");
    check("halos -venue:Nature", "halos | plain | must_not Condition(Venue(\"Nature\"))");
    check(
        "halos author:Frenk OR author:White",
        "halos | plain | must Filter(Filter { must: [], should: [Condition(Author(\"Frenk\")), \
         Condition(Author(\"White\"))], must_not: [] })",
    );
}

#[test]
fn years_are_read_as_people_write_them() {
    let range = |text: &str| match understand(&format!("halos year:{text}")).filter.must.as_slice() {
        [Clause::Condition(Condition::Year(range))] => (range.first, range.last),
        other => panic!("{text}: {other:?}"),
    };
    for text in ["2019-2020", "2019–2020", "2019—2020", "2019..2020", "2019-2020."] {
        assert_eq!(range(text), (Some(2019), Some(2020)), "{text}");
    }
    assert_eq!(range(">=2019"), (Some(2019), None));
    assert_eq!(range(">2019"), (Some(2020), None));
    assert_eq!(range("<=2019"), (None, Some(2019)));
    assert_eq!(range("<2019"), (None, Some(2018)));
    assert_eq!(range("2019-"), (Some(2019), None));
}

#[test]
fn what_looks_like_a_filter_and_is_none_is_said_to_be_text() {
    for part in ["year:2020-2010", "year:2019,2020", "-title:halo"] {
        let understood = understand(&format!("halos {part}"));
        assert_eq!(understood.as_text.as_deref(), Some(part));
        assert!(understood.filter.must.is_empty());
    }
    assert_eq!(understand("halos year:2020").as_text, None);
    check("halos category:cs.", "halos | plain | must Condition(Categories([\"cs\"]))");
    check("halos author:Frenk.", "halos | plain | must Condition(Author(\"Frenk\"))");
}

#[test]
fn not_leaves_out_as_in_other_databases() {
    for query in ["dark matter NOT halo", "dark matter AND NOT halo"] {
        check_words(query, |words| {
            words.add_words("dark matter");
            words.exclude("halo");
        });
    }
    check_words("dark matter NOT \"weak lensing\"", |words| {
        words.add_words("dark matter");
        words.exclude("weak lensing");
    });
    check("halos NOT author:Frenk", "halos | plain | must_not Condition(Author(\"Frenk\"))");
    for query in ["NOT", "NOT halo", "halo NOT", "TO BE OR NOT TO BE", "halo AND matter"] {
        assert!(!understand(query).words.is_restricted(), "{query}");
    }
}

#[test]
fn a_filter_or_a_word_is_words_and_said_to_be() {
    for (query, part, text) in [
        ("author:\"O'Neill\" OR vitamin", "author:\"O'Neill\"", "O'Neill vitamin"),
        ("vitamin OR author:Frenk", "author:Frenk", "vitamin Frenk"),
        ("vitamin OR title:falls", "title:falls", "vitamin falls"),
    ] {
        let understood = understand(query);
        assert_eq!(understood.as_text.as_deref(), Some(part));
        assert_eq!(understood.text, text);
        assert!(understood.filter.is_empty() && !understood.words.is_restricted());
    }
}

proptest::proptest! {
    #[test]
    fn every_text_is_understood_and_nothing_but_marks_is_lost(
        text in "\\PC{0,80}|([\"“”„«»+\\-:*() .?]|OR|author:|year:2020|title:|a|word|é|深){0,40}"
    ) {
        let understood = understand(&text);
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
        proptest::prop_assert!(letters(&understood.text) <= letters(&text));
        let has_marks = text.contains(|c: char| opens(c) || closes(c) || "+-:*".contains(c)) || text.contains("OR");
        proptest::prop_assert!(has_marks || understood == plain(text.trim()));
    }
}
