//! What a query says: the one box of the page, of HTTP and of the command line.
//!
//! Most queries are plain text: a question, some words, a pasted abstract. Marks mean something only where
//! whoever typed them meant something by them:
//! - a query of phrases in quotation marks alone requires them, and so does `+"a phrase"` anywhere;
//! - a phrase within a longer query is preferred;
//! - `-word`, `OR`, `NOT`, `neuro*` and `author:`, `year:`, `venue:`, `category:`, `title:` are read in queries of at most
//!   [`MAX_WORDS`] words without the punctuation of sentences, because running text has hyphens, colons and
//!   odds ratios of its own.
//!
//! A `-word` that comes first is plain text as well; `-author:…` and the like leave out wherever they stand. `x NOT y`
//! and `x AND NOT y`, as other databases have it, are `x -y`.
//!
//! What does not parse is plain text, so that there is no query that is wrong.

mod boolean;

use cognate_keyword::{Field, Query};

use crate::filter::{Clause, Condition, DASHES, Filter, YearRange};
pub(crate) use boolean::boolean;

/// Words up to which a query may have operators.
const MAX_WORDS: usize = 20;
/// Words up to which a query of phrases alone is one: a longer text in quotation marks was pasted with them.
const MAX_PHRASE_WORDS: usize = 50;
/// Letters that the beginning of a word has at least.
const MIN_PREFIX: usize = 3;

/// A query as it was understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Understood {
    /// What is asked by meaning: the query without its operators. Empty where only filters are left.
    pub(crate) text: String,
    /// What is asked by words.
    pub(crate) words: Query,
    /// Which papers may be answers.
    pub(crate) filter: Filter,
    /// The first part that looks like an operator and was read as the words it is made of: a `-word` at the very
    /// start, `year:` with what is no year.
    pub(crate) as_text: Option<String>,
}

/// Reads a query.
pub(crate) fn understand(query: &str) -> Understood {
    let query = query.trim();
    let mut understood = read(query);
    if understood.as_text.is_some() {
        return understood;
    }
    // Running text begins so (`-omics data`), but whoever meant to leave the word out is told, and at least gets no
    // other word for it.
    let first = match query.strip_prefix('-').and_then(quoted) {
        Some((_, len)) => &query[..=len],
        None => query.split_whitespace().next().unwrap_or_default(),
    };
    let is_shouted = !query.contains(char::is_lowercase);
    if (first.starts_with('-') || first == "NOT" && !is_shouted)
        && understood.text.starts_with(first)
        && query.split_whitespace().count() <= MAX_WORDS
    {
        let mut parts = first.split(|c: char| !c.is_alphabetic()).filter(|part| !part.is_empty()).peekable();
        if parts.peek().is_some() {
            understood.as_text = Some(first.to_owned());
            parts.for_each(|part| understood.words.keep_spelling(part));
        }
    }
    understood
}

fn read(query: &str) -> Understood {
    let tokens = tokens(query);
    let n_words = query.split_whitespace().count();
    let is_marked = |token: &Token<'_>| token.is_phrase || token.is_operator();
    if !tokens.iter().any(is_marked) {
        return plain(query);
    }
    let last = tokens.len() - 1;
    let ends_sentence: Vec<bool> = tokens.iter().map(Token::ends_sentence).collect();
    let is_running = n_words > MAX_WORDS || ends_sentence[..last].contains(&true);
    let has_operators = !is_running && !ends_sentence[last];
    // A title in capitals has words like others.
    let is_shouted = !query.contains(char::is_lowercase);
    let mut as_text = None;
    let items = if has_operators {
        let (mut items, unread) = items(&tokens, is_shouted);
        let unread = either_as_text(&mut items).or(unread);
        as_text = unread;
        items
    } else {
        items_without_operators(&tokens)
    };
    let is_phrases_alone = items.iter().all(|item| item.content.is_phrase() || !item.content.is_text())
        && items.iter().any(|item| item.content.is_phrase())
        && n_words <= MAX_PHRASE_WORDS;
    if is_running && !is_phrases_alone {
        return plain(query);
    }
    Understood { as_text, ..build(&items, is_phrases_alone) }
}

/// A query without operators.
fn plain(query: &str) -> Understood {
    // Who else wrote a paper is said by no word of it.
    let words = match ["et al.", "et al"].iter().find_map(|others| query.split_once(others)) {
        Some((before, after)) if before.ends_with(' ') && !after.starts_with(char::is_alphanumeric) => {
            Query::parse(&format!("{before}{after}"))
        }
        _ => Query::parse(query),
    };
    Understood { text: query.to_owned(), words, ..Understood::default() }
}

/// A part of a query between white space, or within quotation marks.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Token<'a> {
    /// `+`, `-` or nothing.
    sign: &'a str,
    /// The name before a colon, if it is that of a field.
    field: Option<FieldName>,
    text: &'a str,
    is_phrase: bool,
    /// All of it as it stands in the query.
    whole: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum FieldName {
    Author,
    Year,
    Venue,
    Category,
    Title,
}

impl FieldName {
    fn of(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "author" => Self::Author,
            "year" => Self::Year,
            "venue" => Self::Venue,
            "category" => Self::Category,
            "title" => Self::Title,
            _ => return None,
        })
    }
}

impl<'a> Token<'a> {
    fn is_operator(&self) -> bool {
        let is_word = matches!(self.text, "OR" | "NOT");
        !self.sign.is_empty() || self.field.is_some() || is_word || self.prefix().is_some()
    }

    /// The beginning of a word that `neuro*` means.
    fn prefix(&self) -> Option<&'a str> {
        let prefix = self.text.strip_suffix('*').filter(|_| !self.is_phrase)?;
        let is_word = prefix.chars().all(char::is_alphanumeric) && prefix.chars().count() >= MIN_PREFIX;
        is_word.then_some(prefix)
    }

    /// Whether a sentence ends with it. An initial ends none.
    fn ends_sentence(&self) -> bool {
        // A name's full stop ends no sentence: `category:cs.`.
        if self.field.is_some() {
            return false;
        }
        let word = self.text.trim_end_matches(|c: char| ")]}\"”’'".contains(c));
        let before = word.trim_end_matches(['.', '!', '?', ';']);
        let is_short = before.chars().count() == 1 || before == "al";
        !self.is_phrase && before.len() < word.len() && !is_short
    }
}

/// The parts of a query, in order.
fn tokens(query: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = query;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "([{".contains(c));
        let Some(first) = rest.chars().next() else { return tokens };
        let is_first = tokens.is_empty();
        let sign_len = match first {
            '-' if is_first => usize::from(field_of(&rest[1..]).is_some()),
            '-' if rest[1..].starts_with(|c: char| c.is_alphabetic() || opens(c)) => 1,
            '+' if rest[1..].starts_with(|c: char| c.is_alphabetic() || opens(c)) => 1,
            _ => 0,
        };
        let after_sign = &rest[sign_len..];
        let field = field_of(after_sign);
        let value_at = sign_len + field.map_or(0, |(_, len)| len);
        let spaced_years = match field {
            Some((FieldName::Year, _)) => spaced_years(&rest[value_at..]),
            _ => None,
        };
        let (text, is_phrase, len) = match (quoted(&rest[value_at..]), spaced_years) {
            (Some((inner, len)), _) => (inner, true, value_at + len),
            (None, Some(years)) => (years, false, value_at + years.len()),
            (None, None) => {
                let len = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (&rest[value_at.min(len)..len], false, len)
            }
        };
        tokens.push(Token {
            sign: &rest[..sign_len],
            field: field.map(|(field, _)| field),
            text,
            is_phrase,
            whole: &rest[..len],
        });
        rest = &rest[len..];
        if is_phrase || spaced_years.is_some() {
            // Punctuation behind it is no word.
            rest = rest.trim_start_matches(|c: char| ".,;:!?)]}".contains(c));
        }
    }
}

/// The field that a text begins with the name of, and the length of that and its colon, which no space follows.
fn field_of(text: &str) -> Option<(FieldName, usize)> {
    let at = text.find(':').filter(|at| text[*at + 1..].starts_with(|c: char| !c.is_whitespace()))?;
    FieldName::of(&text[..at]).map(|field| (field, at + 1))
}

/// The range of years that a text begins with, with white space around its dash: `2015 - 2018`.
fn spaced_years(text: &str) -> Option<&str> {
    let after_year = |text: &str| -> Option<usize> {
        let len = text.bytes().take_while(u8::is_ascii_digit).count();
        (len == 4).then_some(len)
    };
    let first = after_year(text)?;
    let dash = text[first..].trim_start();
    let last = dash.strip_prefix(DASHES)?.trim_start();
    let end = text.len() - last.len() + after_year(last)?;
    let is_end = !text[end..].starts_with(|c: char| c.is_alphanumeric() || c == '-');
    let is_spaced = text[..end].contains(char::is_whitespace);
    (is_end && is_spaced).then_some(&text[..end])
}

fn opens(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '‟' | '«' | '»' | '＂' | '「' | '『')
}

fn closes(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '‟' | '«' | '»' | '＂' | '」' | '』')
}

/// The phrase in quotation marks at the start of a text, and how long it is with them. A mark before white space
/// opens none, and one that is followed by a letter closes none.
fn quoted(text: &str) -> Option<(&str, usize)> {
    let open = text.chars().next().filter(|c| opens(*c))?.len_utf8();
    let inner = &text[open..];
    if inner.starts_with(char::is_whitespace) {
        return None;
    }
    let mut before = '"';
    for (at, c) in inner.char_indices() {
        if closes(c) && at > 0 && !before.is_whitespace() && before != '\\' {
            let end = at + c.len_utf8();
            let is_end = inner[end..].chars().next().is_none_or(|next| !next.is_alphanumeric());
            if is_end {
                return Some((&inner[..at], open + end));
            }
        }
        before = c;
    }
    None
}

/// Something that is asked for.
#[derive(Debug, Clone, PartialEq)]
struct Item<'a> {
    content: Content<'a>,
    /// As it stands in the query, and the words of it without sign and field.
    whole: &'a str,
    words: &'a str,
    /// Whether `OR` stands between the item before and this one.
    is_alternative: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Content<'a> {
    Word(&'a str),
    Prefix(&'a str),
    Phrase(&'a str),
    /// A word or phrase that must be there.
    Required(&'a str),
    /// The beginning of a word that must be there.
    RequiredPrefix(&'a str),
    Excluded(&'a str),
    ExcludedPrefix(&'a str),
    InTitle(&'a str),
    PrefixInTitle(&'a str),
    Condition(Condition),
    ExcludedCondition(Condition),
}

impl Content<'_> {
    fn is_phrase(&self) -> bool {
        matches!(self, Self::Phrase(_) | Self::Required(_))
    }

    fn is_condition(&self) -> bool {
        matches!(self, Self::Condition(_) | Self::ExcludedCondition(_))
    }

    /// Whether it says something of what is wanted, rather than what is left out.
    fn is_text(&self) -> bool {
        matches!(
            self,
            Self::Word(_) | Self::Prefix(_) | Self::Phrase(_) | Self::Required(_) | Self::RequiredPrefix(_)
        )
    }

    /// The part of it that has a meaning.
    fn text(&self) -> Option<&str> {
        match self {
            Self::Word(text) | Self::Prefix(text) | Self::Phrase(text) => Some(text),
            Self::Required(text) | Self::InTitle(text) => Some(text),
            Self::RequiredPrefix(text) | Self::PrefixInTitle(text) => Some(text),
            Self::Excluded(_) | Self::ExcludedPrefix(_) | Self::Condition(_) | Self::ExcludedCondition(_) => {
                None
            }
        }
    }
}

/// What tokens ask for where operators are read, and the first that is none after all.
fn items<'a>(tokens: &[Token<'a>], is_shouted: bool) -> (Vec<Item<'a>>, Option<String>) {
    let mut items: Vec<Item<'a>> = Vec::new();
    let (mut is_alternative, mut is_excluded) = (false, false);
    let mut as_text = None;
    for (at, token) in tokens.iter().enumerate() {
        let next = tokens.get(at + 1);
        let stands_between = !items.is_empty() && next.is_some() && !is_alternative && !is_excluded;
        // Between fields nothing else can be meant; between other words `or` is one.
        let is_between_fields = items.last().is_some_and(|item| item.content.is_condition())
            && next.is_some_and(|next| next.field.is_some());
        let says_or = token.whole == "OR" || is_between_fields && matches!(token.whole, "or" | "|");
        if !token.is_phrase && says_or && stands_between {
            is_alternative = true;
            continue;
        }
        // Phrases that must both be there are so without it.
        let is_between_phrases = items.last().is_some_and(|item| item.content.is_phrase())
            && next.is_some_and(|next| next.is_phrase && next.field.is_none());
        if !token.is_phrase && token.whole == "AND" && is_between_phrases {
            continue;
        }
        // `x AND NOT y` is `x NOT y`.
        let has_not = |token: Option<&Token<'_>>| token.is_some_and(|token| token.whole == "NOT");
        if stands_between && !is_shouted && token.whole == "AND" && has_not(next) && at + 2 < tokens.len() {
            continue;
        }
        // Before a word that comes first it is one; nobody writes it so before a field.
        let leads = items.is_empty() && next.is_some_and(|next| next.field.is_some());
        if (stands_between && !is_shouted || leads) && token.whole == "NOT" {
            is_excluded = true;
            continue;
        }
        let sign = if std::mem::take(&mut is_excluded) && token.sign.is_empty() { "-" } else { token.sign };
        let content = content(&Token { sign, ..*token });
        let is_meant = token.field.is_some_and(|field| {
            field != FieldName::Year || token.text.contains(|c: char| c.is_ascii_digit())
        });
        if content.is_none() && is_meant {
            as_text.get_or_insert_with(|| token.whole.to_owned());
        }
        let content = content.unwrap_or(Content::Word(token.whole));
        let is_alternative = std::mem::take(&mut is_alternative);
        items.push(Item { content, whole: token.whole, words: token.text, is_alternative });
    }
    (items, as_text)
}

/// A filter beside a word with `OR` between them would leave out what only has the word: it becomes words, the first of
/// which is told.
fn either_as_text(items: &mut [Item<'_>]) -> Option<String> {
    let mut as_text = None;
    for group in items.chunk_by_mut(|_, next| next.is_alternative) {
        if group.len() == 1 || group.iter().all(|item| matches!(item.content, Content::Condition(_))) {
            continue;
        }
        for item in group.iter_mut().filter(|item| !item.content.is_text()) {
            as_text.get_or_insert_with(|| item.whole.to_owned());
            item.content = Content::Word(item.words);
        }
    }
    as_text
}

/// What a token asks for; `None` where it is no operator after all.
fn content<'a>(token: &Token<'a>) -> Option<Content<'a>> {
    let text = token.text;
    if let Some(field) = token.field {
        let text = if token.is_phrase { text } else { text.trim_end_matches(['.', ',', ';']) };
        let condition = match field {
            FieldName::Author => Condition::Author(text.to_owned()),
            FieldName::Venue => Condition::Venue(text.to_owned()),
            FieldName::Year => Condition::Year(years(text)?),
            // What stands in quotation marks is one name, commas and all.
            FieldName::Category if token.is_phrase => Condition::Categories(vec![text.trim().to_owned()]),
            FieldName::Category => Condition::Categories(text.split(',').map(str::to_owned).collect()),
            FieldName::Title if token.sign != "-" => {
                return Some(token.prefix().map_or(Content::InTitle(text), Content::PrefixInTitle));
            }
            FieldName::Title => return None,
        };
        let has_words = text.chars().any(char::is_alphanumeric);
        return match token.sign {
            _ if !has_words => None,
            "-" => Some(Content::ExcludedCondition(condition)),
            _ => Some(Content::Condition(condition)),
        };
    }
    Some(match (token.sign, token.prefix()) {
        ("-", Some(prefix)) => Content::ExcludedPrefix(prefix),
        ("+", Some(prefix)) => Content::RequiredPrefix(prefix),
        (_, Some(prefix)) => Content::Prefix(prefix),
        ("-", None) => Content::Excluded(text),
        ("+", None) => Content::Required(text),
        _ if token.is_phrase => Content::Phrase(text),
        _ => Content::Word(token.whole),
    })
}

/// Years as people write them: `2019-2020` with any dash, `2019..2020`, `>=2019`, `<2020`.
fn years(text: &str) -> Option<YearRange> {
    let dashed = text.replace("..", "-");
    let bound =
        |sign: &str| dashed.strip_prefix(sign).and_then(|year| year.trim().parse::<YearRange>().ok()?.first);
    if let Some(first) = bound(">=").or_else(|| bound("≥")) {
        return Some(YearRange { first: Some(first), last: None });
    }
    if let Some(last) = bound("<=").or_else(|| bound("≤")) {
        return Some(YearRange { first: None, last: Some(last) });
    }
    if let Some(before) = bound(">") {
        return Some(YearRange { first: Some(before.checked_add(1)?), last: None });
    }
    if let Some(after) = bound("<") {
        return Some(YearRange { first: None, last: Some(after.checked_sub(1)?) });
    }
    dashed.parse().ok()
}

/// What tokens ask for where only quotation marks are read.
fn items_without_operators<'a>(tokens: &[Token<'a>]) -> Vec<Item<'a>> {
    let item = |token: &Token<'a>| {
        let is_phrase = token.is_phrase && token.field.is_none();
        let content = match token.sign {
            "+" if is_phrase => Content::Required(token.text),
            "" if is_phrase => Content::Phrase(token.text),
            _ => Content::Word(token.whole),
        };
        Item { content, whole: token.whole, words: token.text, is_alternative: false }
    };
    tokens.iter().map(item).collect()
}

fn build(items: &[Item<'_>], is_phrases_alone: bool) -> Understood {
    let mut understood = Understood::default();
    // Words in a row are read together, so that compounds and sentences are seen.
    let mut words: Vec<&str> = Vec::new();
    for group in items.chunk_by(|_, next| next.is_alternative) {
        let conditions: Vec<&Condition> = group
            .iter()
            .filter_map(|item| {
                if let Content::Condition(condition) = &item.content { Some(condition) } else { None }
            })
            .collect();
        if conditions.len() == group.len() {
            understood.filter.must.push(any_of(&conditions));
            continue;
        }
        let phrases: Vec<&str> = group.iter().filter_map(|item| item.content.text()).collect();
        if is_phrases_alone && group.len() > 1 && phrases.len() == group.len() {
            understood.words.require_any(&phrases);
            continue;
        }
        for item in group {
            if !matches!(item.content, Content::Word(_)) && !words.is_empty() {
                understood.words.add_words(&words.join(" "));
                words.clear();
            }
            match &item.content {
                Content::Word(text) => words.push(text),
                Content::Prefix(text) => understood.words.add_prefix(text),
                Content::Phrase(text) if is_phrases_alone => understood.words.require_any(&[text]),
                Content::Phrase(text) => understood.words.prefer(text),
                Content::Required(text) => understood.words.require_any(&[text]),
                Content::RequiredPrefix(text) => understood.words.require_prefix(None, text),
                Content::PrefixInTitle(text) => understood.words.require_prefix(Some(Field::Title), text),
                Content::Excluded(text) => understood.words.exclude(text),
                Content::ExcludedPrefix(text) => understood.words.exclude_prefix(text),
                Content::InTitle(text) => understood.words.require_in(Field::Title, text),
                Content::Condition(condition) => {
                    understood.filter.must.push(Clause::Condition(condition.clone()));
                }
                Content::ExcludedCondition(condition) => {
                    understood.filter.must_not.push(Clause::Condition(condition.clone()));
                }
            }
        }
    }
    if !words.is_empty() {
        understood.words.add_words(&words.join(" "));
    }
    understood.text = items.iter().filter_map(|item| item.content.text()).collect::<Vec<_>>().join(" ");
    understood
}

/// The clause that one of these conditions is true.
fn any_of(conditions: &[&Condition]) -> Clause {
    let mut clauses = conditions.iter().map(|condition| Clause::Condition((*condition).clone()));
    match conditions.len() {
        1 => clauses.next().expect("there is one"),
        _ => Clause::Filter(Filter { should: clauses.collect(), ..Filter::default() }),
    }
}

#[cfg(test)]
mod tests;
