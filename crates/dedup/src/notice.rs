//! Publications about another one that carry its title: corrections, comments, replies, retractions.

/// A publication about another one that carries its title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Erratum, corrigendum, correction, addendum.
    Correction,
    /// A comment on a paper, or a discussion of it.
    Comment,
    /// An answer to a comment.
    Reply,
    /// A notice of retraction, or that it may come to one.
    Retraction,
}

/// What the words around a title say of what has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// It is about the paper of that title.
    Other(Notice),
    /// It is an editorial, a letter, a summary or a supplement of that title: about the paper, unless both stand on
    /// one page, where a source has put the name of the section to the title.
    Section,
}

#[rustfmt::skip]
const CORRECTIONS: [&str; 43] = [
    "addenda", "addendum", "berichtigung", "berichtigungen", "clarification", "correcao", "correccion", "correcciones",
    "correction", "corrections", "correctif", "correzione", "correzioni", "corrigenda", "corrigendum", "errata",
    "erratas", "erratum", "errores", "ispravak", "ispravka", "korrektur", "korrekturen", "korrigendum", "oprava",
    "poprawka", "rattelse", "rectificacion", "rectificatif", "rectification", "rettelse", "rettifica", "sprostowanie",
    "исправление", "исправления", "опечатка", "поправка", "勘误", "勘誤", "更正", "訂正", "正誤表", "정정",
];
#[rustfmt::skip]
const RETRACTIONS: [&str; 13] = [
    "removal", "retractacion", "retraction", "retractions", "retratacao", "ritrattazione", "rucknahme", "withdrawal",
    "withdrawals", "отзыв", "撤回", "撤稿", "철회",
];
#[rustfmt::skip]
const REPLIES: [&str; 15] = [
    "antwort", "erwiderung", "rejoinder", "replica", "replies", "replik", "reply", "reponse", "resposta", "respuesta",
    "risposta", "ответ", "回复", "答复", "답변",
];
#[rustfmt::skip]
const COMMENTS: [&str; 14] = [
    "comentario", "comentarios", "comment", "commentaire", "commentaires", "commenti", "commento", "comments", "critique",
    "kommentar", "kommentare", "regarding", "комментарий", "评论",
];
/// Sections of journals, and what goes with a paper.
#[rustfmt::skip]
const SECTIONS: [&str; 27] = [
    "appendix", "commentary", "commentaries", "companion", "correspondence", "discussant", "discussion", "editor",
    "editorial", "editors", "highlight", "highlights", "letter", "letters", "podcast", "reader", "readers", "reviewer",
    "reviewers", "spotlight", "summary", "supplement", "supplementary", "supporting", "video", "viewpoint", "webinar",
];
/// So many words in front of a title may name what is about it: "Correction for Moss et al., …".
const MAX_FRONT: usize = 8;
/// So many behind it: "… : a response to Moss and Vale".
const MAX_BACK: usize = 6;

fn of_word(word: &str) -> Option<Notice> {
    let lists = [
        (&CORRECTIONS[..], Notice::Correction),
        (&RETRACTIONS[..], Notice::Retraction),
        (&REPLIES[..], Notice::Reply),
        (&COMMENTS[..], Notice::Comment),
    ];
    lists.into_iter().find(|(words, _)| words.contains(&word)).map(|(_, notice)| notice)
}

/// Of the words in front of another paper's title and behind it, in a title that has more words; `None` where they
/// say nothing of what they stand for, as a subtitle.
pub(crate) fn around_title(front: &[String], back: &[String]) -> Option<About> {
    in_front(front).or_else(|| behind(back))
}

/// Of a title that begins with what it is and a colon: "Authors' reply: …".
pub(crate) fn of_label(title: &str) -> Option<Notice> {
    #[rustfmt::skip]
    const BESIDE: [&str; 20] = [
        "a", "author", "authors", "concern", "editor", "editorial", "editors", "expression", "in", "invited", "letter", "note",
        "notice", "of", "on", "publisher", "re", "response", "the", "to",
    ];
    let (label, _) = title.split_once(':')?;
    let words = cognate_corpus::matching::words(label);
    let is_label = words.iter().all(|word| BESIDE.contains(&word.as_str()) || of_word(word).is_some());
    match in_front(&words) {
        Some(About::Other(notice)) if is_label => Some(notice),
        _ => None,
    }
}

fn in_front(words: &[String]) -> Option<About> {
    if words.len() > MAX_FRONT {
        return None;
    }
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    let is_concern = has("expression") && has("concern");
    let is_response = words.iter().enumerate().any(|(at, word)| {
        matches!(word.as_str(), "response" | "responses")
            && words.get(at + 1).is_none_or(|next| matches!(next.as_str(), "to" | "on" | "from" | "by"))
    });
    if is_concern {
        return Some(About::Other(Notice::Retraction));
    }
    if is_response {
        return Some(About::Other(Notice::Reply));
    }
    if words.first().is_some_and(|first| first == "re") && words.len() <= 3 {
        return Some(About::Other(Notice::Comment));
    }
    if let Some(notice) = words.iter().find_map(|word| of_word(word)) {
        return Some(About::Other(notice));
    }
    let is_review = has("review") && (has("book") || has("peer"));
    (is_review || words.iter().any(|word| SECTIONS.contains(&word.as_str()))).then_some(About::Section)
}

fn behind(words: &[String]) -> Option<About> {
    let is_by = |word: &String| {
        matches!(
            word.as_str(),
            "a" | "an" | "the" | "our" | "by" | "author" | "authors" | "invited" | "publisher"
        )
    };
    let said = &words[words.iter().take_while(|word| is_by(word)).count()..];
    let (first, last) = (said.first()?, said.last()?);
    if words.len() > MAX_BACK {
        return None;
    }
    let is_by_authors = words.iter().any(|word| word.starts_with("author"));
    let is_response = matches!(first.as_str(), "response" | "responses")
        && (is_by_authors || said.get(1).is_none_or(|next| matches!(next.as_str(), "to" | "from" | "by")));
    if is_response {
        return Some(About::Other(Notice::Reply));
    }
    // Not "correction of the axis", which is a subject.
    let names_other = said
        .get(1)
        .is_none_or(|next| matches!(next.as_str(), "to" | "on" | "from" | "by" | "notice" | "note"));
    let notice = of_word(first).filter(|_| names_other);
    if let Some(notice) = notice.or_else(|| of_word(last).filter(|_| said.len() <= 2)) {
        return Some(About::Other(notice));
    }
    let is_section = |word: &String| SECTIONS.contains(&word.as_str());
    (is_section(first) || is_section(last)).then_some(About::Section)
}

/// Notices say what they are at the start ("Erratum to: …", "Comment on …") or at the end ("… Erratum").
pub(crate) fn of_title(words: &[String]) -> Option<Notice> {
    let of = |word: &str, follows: Option<&str>| match word {
        "correction" | "corrections" | "clarification" if matches!(follows, None | Some("to" | "for")) => {
            Some(Notice::Correction)
        }
        "correction" | "corrections" | "clarification" => None,
        "comment" | "comments" if matches!(follows, None | Some("on")) => Some(Notice::Comment),
        "discussion" if matches!(follows, Some("of" | "on")) => Some(Notice::Comment),
        "reply" | "rejoinder" if matches!(follows, None | Some("to")) => Some(Notice::Reply),
        "response" if follows == Some("to") => Some(Notice::Reply),
        "retraction" if matches!(follows, None | Some("notice" | "note" | "of" | "to")) => {
            Some(Notice::Retraction)
        }
        "withdrawal" if follows == Some("notice") => Some(Notice::Retraction),
        // What a word of another language says at the start of a title that is its own is not known.
        word => of_word(word).filter(|notice| *notice == Notice::Correction && word != "errores"),
    };
    if words.len() < 2 {
        return None;
    }
    let is_at = |at: usize, wanted: &[&str]| {
        wanted.iter().enumerate().all(|(n, wanted)| words.get(at + n).is_some_and(|word| word == wanted))
    };
    let start = usize::from(matches!(
        words[0].as_str(),
        "a" | "author" | "authors" | "publisher" | "editorial" | "editors"
    ));
    if is_at(start, &["expression", "of", "concern"]) {
        return Some(Notice::Retraction);
    }
    if ["retraction", "withdrawal", "removal"].iter().any(|what| is_at(start, &["notice", "of", what])) {
        return Some(Notice::Retraction);
    }
    if is_at(0, &["fe", "de"]) && words.get(2).is_some_and(|word| word.starts_with("err")) {
        return Some(Notice::Correction);
    }
    let at_start = words.get(start).and_then(|word| {
        let follows = words.get(start + 1).map(String::as_str);
        // "Correction: …" has its title behind; so "Comments" alone would be any title's word.
        of(word, follows).or_else(|| of(word, None).filter(|notice| *notice == Notice::Correction))
    });
    // Not "correction": quantum errors have one.
    let last = words.last().filter(|word| !word.starts_with("correction") && *word != "clarification");
    at_start.or_else(|| last.and_then(|word| of(word, None)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_told_from_papers() {
        fn check(text: &str, expected: Option<Notice>) {
            let words = cognate_corpus::matching::words(text);
            assert_eq!(of_title(&words), expected, "{text}");
        }
        check("Erratum: On the mass of stars", Some(Notice::Correction));
        check("On the mass of stars (Erratum)", Some(Notice::Correction));
        check("Author correction: On the mass of stars", Some(Notice::Correction));
        check("Comment on \"On the mass of stars\"", Some(Notice::Comment));
        check("Discussion of \"On the mass of stars\" by Ada Lovelace", Some(Notice::Comment));
        check("Reply to Comment on the mass", Some(Notice::Reply));
        check("Retraction notice to the mass of stars", Some(Notice::Retraction));
        check("Editorial expression of concern: On the mass of stars", Some(Notice::Retraction));
        check("Fe de erratas de La masa de las estrellas", Some(Notice::Correction));
        check("Berichtigung zu: Die Masse der Sterne", Some(Notice::Correction));
        check("Comments in source code", None);
        check("Response of cells to light", None);
        check("Respuesta de las estrellas a la luz", None);
        check("Quantum error correction", None);
        check("Expression of receptors in stars", None);
    }

    #[test]
    fn labels_before_a_colon_name_notices() {
        assert_eq!(of_label("Re: The mass of stars"), Some(Notice::Comment));
        assert_eq!(of_label("Authors' reply: the mass of stars"), Some(Notice::Reply));
        assert_eq!(of_label("Antwort: Die Masse der Sterne"), Some(Notice::Reply));
        for paper in
            ["Eyelid retraction: a review", "Correction of the axis: a review", "Editorial: stars", "Stars"]
        {
            assert_eq!(of_label(paper), None, "{paper}");
        }
    }

    #[test]
    fn words_around_a_title_say_what_is_about_it() {
        fn check(front: &str, back: &str, expected: Option<About>) {
            let [front, back] = [front, back].map(cognate_corpus::matching::words);
            assert_eq!(around_title(&front, &back), expected, "{front:?} {back:?}");
        }
        let other = |notice| Some(About::Other(notice));
        check("Expression of Concern:", "", other(Notice::Retraction));
        check("Correction for Moss et al.,", "", other(Notice::Correction));
        check("In response to", "", other(Notice::Reply));
        check("Authors' reply:", "", other(Notice::Reply));
        check("Re:", "", other(Notice::Comment));
        check("Letter regarding the article", "", other(Notice::Comment));
        check("Kommentar zu", "", other(Notice::Comment));
        check("", "(Correction)", other(Notice::Correction));
        check("", ": authors' response", other(Notice::Reply));
        check("", ": a response to Moss", other(Notice::Reply));
        check("", "– Berichtigung", other(Notice::Correction));
        check("", "更正", other(Notice::Correction));
        check("Guest editorial:", "", Some(About::Section));
        check("Book review:", "", Some(About::Section));
        check("", ": summary for policymakers", Some(About::Section));
        check("", "- Discussion", Some(About::Section));
        check("", ": a survey of harbours", None);
        check("", ": correction of the axis", None);
        check("", ": immune response", None);
        check("Pictures of", "", None);
    }
}
