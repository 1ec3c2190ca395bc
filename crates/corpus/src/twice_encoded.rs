//! UTF-8 that was read as Windows-1252 and written as UTF-8 again: "marÃ©es" of "marées".

use std::borrow::Cow;

use encoding_rs::WINDOWS_1252;

/// The text as it was before, where parts of it were encoded twice.
///
/// Only letters of European scripts and signs of punctuation are found: what else two signs in a row may be is what
/// they say, as a letter before quotation marks.
pub(crate) fn repaired(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.contains(LEADS) {
        return Cow::Borrowed(text);
    }
    let mut repaired = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(LEADS) {
        let before = rest[..at].chars().next_back().or_else(|| repaired.chars().next_back());
        repaired.push_str(&rest[..at]);
        rest = &rest[at..];
        let (first, n_bytes) = match twice_encoded(rest, before) {
            Some(found) => found,
            None => (rest.chars().next().unwrap_or_default(), rest.chars().next().map_or(0, char::len_utf8)),
        };
        repaired.push(first);
        rest = &rest[n_bytes..];
    }
    repaired.push_str(rest);
    Cow::Owned(repaired)
}

/// What the first bytes of Latin letters, of Greek and Cyrillic ones and of punctuation are in Windows-1252.
const LEADS: [char; 9] = ['Â', 'Ã', 'Ä', 'Å', 'Î', 'Ï', 'Ð', 'Ñ', 'â'];

/// The character that a text begins with, encoded twice, and how many bytes that takes. `before` is the character in
/// front of it.
fn twice_encoded(text: &str, before: Option<char>) -> Option<(char, usize)> {
    let mut chars = text.char_indices();
    let lead = u8::try_from(u32::from(chars.next()?.1)).ok()?;
    let n_more = if lead < 0xe0 { 1 } else { 2 };
    let mut bytes = [lead, 0, 0];
    let mut end = 0;
    for byte in &mut bytes[1..=n_more] {
        let (at, c) = chars.next()?;
        end = at + c.len_utf8();
        *byte = match c {
            // The second byte of "à" is a space that does not break, which many programs make one that does; behind a
            // capital letter this is "Ã" itself ("IRMÃ").
            ' ' if lead == 0xc3 && !before.is_some_and(char::is_uppercase) => 0xa0,
            _ => continuation(c)?,
        };
    }
    let decoded = std::str::from_utf8(&bytes[..=n_more]).ok()?.chars().next()?;
    let is_likely = lead < 0xe0 || matches!(decoded, '\u{2000}'..='\u{22ff}');
    is_likely.then_some((decoded, end))
}

/// The byte of a character in Windows-1252, if it is one that goes on in UTF-8.
fn continuation(c: char) -> Option<u8> {
    let mut buffer = [0; 4];
    let (bytes, _, has_unknown) = WINDOWS_1252.encode(c.encode_utf8(&mut buffer));
    let [byte] = *bytes else { return None };
    (!has_unknown && (0x80..=0xbf).contains(&byte)).then_some(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_twice_is_read_once() {
        fn check(text: &str, expected: &str) {
            assert_eq!(repaired(text), expected, "{text}");
        }
        let twice = |text: &str| encoding_rs::WINDOWS_1252.decode(text.as_bytes()).0.into_owned();
        for text in
            ["Noël Çelik", "Ébène – l’été", "Łódź and Œuvre", "Ελλάς", "Москва", "“quoted” … ≤ 5", "3 °C"]
        {
            check(&twice(text), text);
            check(text, text);
        }
        check("dâ€™hiver Ã  OrlÃ©ans", "d’hiver à Orléans");
        check("INFORMAÇÃO, IRMÃ E CAFÉ », la santé »", "INFORMAÇÃO, IRMÃ E CAFÉ », la santé »");
        check("Ångström, Ähnlich, âme, Ñandú", "Ångström, Ähnlich, âme, Ñandú");
        check("Ã", "Ã");
    }
}
