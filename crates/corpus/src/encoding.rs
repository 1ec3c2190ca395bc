//! Bytes in whatever encoding to UTF-8, while they are read.
//!
//! UTF-8 stays as it is. UTF-16 is known by its byte order mark or its zeros. In any other file the lines that
//! are not UTF-8 are read in the encoding that they look like, guessed once: files that were put together
//! from several exports hold lines of both. Byte order marks go at the start of every line, since files
//! that were joined have them in the middle; and the line ends of old Macs become `\n`.

use std::io::{self, BufRead, ErrorKind, Read};
use std::sync::{Arc, OnceLock};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE};
use memchr::memmem;

/// How much is taken in at a time, and how much of the text an encoding is guessed from.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;

/// The encoding other than UTF-8 that a text turned out to have (in part), once it was met.
pub(crate) type Found = Arc<OnceLock<&'static str>>;

/// Reads a text of any encoding as UTF-8.
pub(crate) struct Utf8Reader<R> {
    inner: R,
    /// Bytes taken in and not decoded yet.
    raw: Vec<u8>,
    /// Text to be given, from `position` on.
    ready: Vec<u8>,
    position: usize,
    mode: Mode,
    found: Found,
    /// Whether the inner reader is at its end, and the fault that it ended with.
    has_ended: bool,
    error: Option<io::Error>,
    has_old_line_ends: bool,
}

enum Mode {
    /// Nothing was decoded yet.
    Start,
    Utf8,
    /// Line by line; those that are not UTF-8 are in this encoding. Unless `keeps_utf8`, so are all with a
    /// character beyond ASCII: in encodings of several bytes a short line can be UTF-8 by chance.
    Lines {
        encoding: &'static Encoding,
        keeps_utf8: bool,
    },
    /// All in one encoding.
    Stream(Decoder),
}

impl<R: Read> Utf8Reader<R> {
    pub(crate) fn new(inner: R, found: Found) -> Self {
        Self {
            inner,
            raw: Vec::new(),
            ready: Vec::new(),
            position: 0,
            mode: Mode::Start,
            found,
            has_ended: false,
            error: None,
            has_old_line_ends: false,
        }
    }

    /// Decodes more, or gives the fault of reading once all before it was given.
    fn refill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.position = 0;
        while self.ready.is_empty() {
            self.take_in();
            let n_bytes = if self.has_ended { self.raw.len() } else { whole_length(&self.raw) };
            if n_bytes == 0 {
                if !self.has_ended {
                    continue;
                }
                self.finish_stream();
                return match self.error.take() {
                    Some(error) if self.ready.is_empty() => Err(error),
                    error => {
                        self.error = error;
                        Ok(())
                    }
                };
            }
            self.decode(n_bytes);
            self.raw.drain(..n_bytes);
        }
        Ok(())
    }

    fn take_in(&mut self) {
        let mut wanted = CHUNK_BYTES;
        while !self.has_ended && self.raw.len() < wanted {
            let start = self.raw.len();
            self.raw.resize(wanted, 0);
            match self.inner.read(&mut self.raw[start..]) {
                Ok(n_read) => {
                    self.raw.truncate(start + n_read);
                    self.has_ended = n_read == 0;
                }
                Err(error) => {
                    self.raw.truncate(start);
                    if error.kind() != ErrorKind::Interrupted {
                        self.has_ended = true;
                        self.error = Some(error);
                    }
                }
            }
            // Where no character ends in all that was taken in, more is needed.
            if self.raw.len() == wanted && whole_length(&self.raw) == 0 {
                wanted += CHUNK_BYTES;
            }
        }
    }

    /// Adds the first `n_bytes` of `raw` to `ready`.
    fn decode(&mut self, n_bytes: usize) {
        if matches!(self.mode, Mode::Start) {
            self.start(n_bytes);
        }
        let raw = &self.raw[..n_bytes];
        let start = self.ready.len();
        if let Mode::Stream(decoder) = &mut self.mode {
            decode_stream(decoder, raw, false, &mut self.ready);
        } else if std::str::from_utf8(raw).is_ok()
            && !matches!(self.mode, Mode::Lines { keeps_utf8: false, .. })
        {
            self.ready.extend_from_slice(raw);
        } else {
            if matches!(self.mode, Mode::Utf8) {
                self.mode = guess(raw);
            }
            if let Mode::Lines { encoding, keeps_utf8 } = self.mode {
                let _ = self.found.set(encoding.name());
                for line in raw.split_inclusive(|&byte| byte == b'\n') {
                    decode_line(line, encoding, keeps_utf8, &mut self.ready);
                }
            } else if let Mode::Stream(decoder) = &mut self.mode {
                let _ = self.found.set(decoder.encoding().name());
                decode_stream(decoder, raw, false, &mut self.ready);
            }
        }
        remove_marks(&mut self.ready, start);
        if self.has_old_line_ends {
            self.ready[start..].iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
        }
    }

    fn start(&mut self, n_bytes: usize) {
        let raw = &self.raw[..n_bytes];
        self.mode = match utf16(raw) {
            Some(encoding) => {
                let _ = self.found.set(encoding.name());
                Mode::Stream(encoding.new_decoder_with_bom_removal())
            }
            // Its escapes are ASCII, so that it would pass for UTF-8.
            None if memmem::find(raw, b"\x1b$").is_some() => guess(raw),
            None => Mode::Utf8,
        };
        if let Mode::Stream(decoder) = &self.mode {
            let _ = self.found.set(decoder.encoding().name());
        }
        self.has_old_line_ends = raw.contains(&b'\r') && !raw.contains(&b'\n');
    }

    fn finish_stream(&mut self) {
        if let Mode::Stream(decoder) = &mut self.mode {
            decode_stream(decoder, &[], true, &mut self.ready);
            self.mode = Mode::Utf8;
        }
    }
}

impl<R: Read> Read for Utf8Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.fill_buf()?.read(buffer)?;
        self.consume(n_bytes);
        Ok(n_bytes)
    }
}

impl<R: Read> BufRead for Utf8Reader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.ready.len() {
            self.refill()?;
        }
        Ok(&self.ready[self.position..])
    }

    fn consume(&mut self, n_bytes: usize) {
        self.position += n_bytes;
    }
}

/// Up to where `raw` can be decoded without what follows: behind its last line, else behind a byte that is a
/// character by itself in every encoding, else behind its last whole character of UTF-8.
fn whole_length(raw: &[u8]) -> usize {
    /// From here on ASCII can be the second byte of a character in encodings of East Asia.
    const FIRST_TRAILING: u8 = 0x30;
    if let Some(at) = memchr::memrchr(b'\n', raw) {
        return at + 1;
    }
    if let Some(at) = raw.iter().rposition(|&byte| byte < FIRST_TRAILING) {
        return at + 1;
    }
    let last = raw.iter().rposition(|&byte| byte & 0xc0 != 0x80).unwrap_or(0);
    match std::str::from_utf8(&raw[last..]) {
        Ok(_) => raw.len(),
        Err(_) => last,
    }
}

/// UTF-16 by its byte order mark, or by zeros in every other of the first bytes.
fn utf16(raw: &[u8]) -> Option<&'static Encoding> {
    match raw {
        [0xff, 0xfe, ..] => return Some(UTF_16LE),
        [0xfe, 0xff, ..] => return Some(UTF_16BE),
        _ => {}
    }
    let start = &raw[..raw.len().min(1024)];
    let n_zeros = |from: usize| start.iter().skip(from).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd) = (n_zeros(0), n_zeros(1));
    let n_pairs = start.len() / 2;
    if n_pairs > 0 && 5 * odd > 2 * n_pairs && 8 * even <= odd {
        Some(UTF_16LE)
    } else if n_pairs > 0 && 5 * even > 2 * n_pairs && 8 * odd <= even {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// The encoding that the lines which are not UTF-8 look like.
fn guess(raw: &[u8]) -> Mode {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    let mut has_utf8 = false;
    for line in raw.split_inclusive(|&byte| byte == b'\n') {
        match std::str::from_utf8(line) {
            Ok(text) if !text.contains('\x1b') => {
                has_utf8 |= text.chars().any(|c| c >= '\u{80}' && c != '\u{feff}')
            }
            _ => drop(detector.feed(line, false)),
        }
    }
    detector.feed(&[], true);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    match encoding {
        _ if encoding == ISO_2022_JP => Mode::Stream(encoding.new_decoder_without_bom_handling()),
        _ if encoding == UTF_8 => Mode::Lines { encoding: encoding_rs::WINDOWS_1252, keeps_utf8: true },
        _ => Mode::Lines { encoding, keeps_utf8: encoding.is_single_byte() || has_utf8 },
    }
}

fn decode_line(line: &[u8], encoding: &'static Encoding, keeps_utf8: bool, text: &mut Vec<u8>) {
    if line.is_ascii() || (keeps_utf8 && std::str::from_utf8(line).is_ok()) {
        text.extend_from_slice(line);
        return;
    }
    // A line of both: a UTF-8 export into which a table in another encoding was pasted.
    let (mut n_characters, mut n_invalid) = (0, 0);
    for chunk in line.utf8_chunks() {
        n_characters += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        n_invalid += usize::from(!chunk.invalid().is_empty());
    }
    if !keeps_utf8 || !encoding.is_single_byte() || n_invalid >= n_characters {
        text.extend_from_slice(encoding.decode_without_bom_handling(line).0.as_bytes());
        return;
    }
    for chunk in line.utf8_chunks() {
        text.extend_from_slice(chunk.valid().as_bytes());
        text.extend_from_slice(encoding.decode_without_bom_handling(chunk.invalid()).0.as_bytes());
    }
}

fn decode_stream(decoder: &mut Decoder, raw: &[u8], is_last: bool, text: &mut Vec<u8>) {
    let mut decoded =
        String::with_capacity(decoder.max_utf8_buffer_length(raw.len()).unwrap_or(raw.len() * 3 + 16));
    // With room for all of it, one call takes all of it.
    let _ = decoder.decode_to_string(raw, &mut decoded, is_last);
    text.extend_from_slice(decoded.as_bytes());
}

/// Removes every byte order mark at the start of a line, from `start` on.
fn remove_marks(text: &mut Vec<u8>, start: usize) {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    if memmem::find(&text[start..], MARK).is_none() {
        return;
    }
    let mut kept = Vec::with_capacity(text.len() - start);
    let mut from = start;
    for at in memmem::find_iter(&text[start..], MARK).map(|at| start + at) {
        if at == start || at == from || text[at - 1] == b'\n' {
            kept.extend_from_slice(&text[from..at]);
            from = at + MARK.len();
        }
    }
    kept.extend_from_slice(&text[from..]);
    text.truncate(start);
    text.append(&mut kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `bytes` in pieces of `n_bytes`, as a pipe might give them.
    fn read(bytes: &[u8], n_bytes: usize) -> (String, Option<&'static str>) {
        struct Pieces<'a>(&'a [u8], usize);
        impl Read for Pieces<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let n_bytes = self.1.min(buffer.len());
                self.0.read(&mut buffer[..n_bytes])
            }
        }
        let found = Found::default();
        let mut text = Vec::new();
        Utf8Reader::new(Pieces(bytes, n_bytes), Arc::clone(&found)).read_to_end(&mut text).unwrap();
        (String::from_utf8(text).unwrap(), found.get().copied())
    }

    fn check(bytes: &[u8], expected: &str, encoding: Option<&str>) {
        for n_bytes in [1, 7, CHUNK_BYTES] {
            assert_eq!(
                read(bytes, n_bytes),
                (expected.to_owned(), encoding_name(encoding)),
                "{expected:.40}"
            );
        }
    }

    fn encoding_name(name: Option<&str>) -> Option<&'static str> {
        name.map(|name| Encoding::for_label(name.as_bytes()).unwrap().name())
    }

    #[test]
    fn utf8_stays_and_marks_go_wherever_they_are() {
        check("a é – 山\nb".as_bytes(), "a é – 山\nb", None);
        check("\u{feff}a\n\u{feff}b\u{feff}".as_bytes(), "a\nb\u{feff}", None);
        check(b"", "", None);
        check(b"TY  - JOUR\rER  - \r", "TY  - JOUR\nER  - \n", None);
        check(b"a\r\nb\rc", "a\r\nb\rc", None);
    }

    #[test]
    fn utf16_is_read_with_and_without_its_mark() {
        let text = "id,title\n1,Küste – 山 😀\n";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        check(&little, text, Some("utf-16le"));
        check(&big, text, Some("utf-16be"));
        check(&[&[0xff, 0xfe], little.as_slice()].concat(), text, Some("utf-16le"));
        check(&[&[0xfe, 0xff], big.as_slice()].concat(), text, Some("utf-16be"));
    }

    #[test]
    fn code_pages_are_guessed_from_the_lines_that_are_not_utf8() {
        let western = "id;title\n1;Küstenschutz für fünf Jahre – größer\n2;Müller, Jörg\n";
        check(&encoding_rs::WINDOWS_1252.encode(western).0, western, Some("windows-1252"));
        let russian = "заголовок;автор\nПриливы и торговля в гаванях;Иванов Её\n";
        check(&encoding_rs::WINDOWS_1251.encode(russian).0, russian, Some("windows-1251"));
        let japanese = "title,author\n潮汐と貿易に関する研究,山田太郎\nひらがなとカタカナ,鈴木\n";
        check(&encoding_rs::SHIFT_JIS.encode(japanese).0, japanese, Some("shift_jis"));
        check(&encoding_rs::ISO_2022_JP.encode(japanese).0, japanese, Some("iso-2022-jp"));
    }

    #[test]
    fn a_file_of_both_keeps_its_utf8() {
        let mut both = "title\nKüste – eins\n".as_bytes().to_vec();
        both.extend_from_slice(b"M\xfcller, J\xf6rg \x96 zwei\n");
        both.extend_from_slice("Größe drei\n".as_bytes());
        both.extend_from_slice("In einer Zeile é è ".as_bytes());
        both.extend_from_slice(b"und \xfc\n");
        check(
            &both,
            "title\nKüste – eins\nMüller, Jörg – zwei\nGröße drei\nIn einer Zeile é è und ü\n",
            Some("windows-1252"),
        );
    }

    #[test]
    fn a_long_text_without_line_ends_is_cut_between_characters() {
        let text = "山".repeat(CHUNK_BYTES);
        assert_eq!(read(text.as_bytes(), CHUNK_BYTES), (text, None));
        let western = "größer als ".repeat(CHUNK_BYTES / 4);
        let (read, encoding) = read(&encoding_rs::WINDOWS_1252.encode(&western).0, CHUNK_BYTES);
        assert_eq!((read == western, encoding), (true, Some("windows-1252")));
    }
}
