//! One file from the hub into the staging folder: resumed where it stopped, and checked whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use ureq::Body;
use ureq::http::{Response, StatusCode, Uri, header};

use crate::digest::Digest;
use crate::error::HubError;
use crate::folder::{at, length_of, remove_file};
use crate::http::{Client, Failure, shown};
use crate::listing::WantedFile;

/// A broken connection counts as progress, and not towards giving up, once it brought this many bytes.
const PROGRESS: u64 = 1 << 20;

/// The way of one file from its address on the hub to `part`.
pub(crate) struct Transfer<'a> {
    pub(crate) client: &'a Client,
    /// What the file must be.
    pub(crate) file: &'a WantedFile,
    /// Where the hub has it.
    pub(crate) address: &'a Uri,
    /// Where it goes. What lies there already is kept as the beginning of the file.
    pub(crate) part: &'a Path,
}

impl Transfer<'_> {
    /// Downloads the file and checks it. `on_bytes` is told how many bytes are there, which can go back.
    ///
    /// # Errors
    /// Those of the network, after trying again; [`HubError::Broken`] if the whole file was wrong twice, in
    /// which case `part` is gone; [`HubError::Io`].
    pub(crate) fn run(&self, on_bytes: &mut dyn FnMut(u64)) -> Result<Digest, HubError> {
        let expected = &self.file.expected;
        let mut broken_once = false;
        loop {
            self.fill(on_bytes)?;
            let digest = Digest::of_file(self.part).map_err(at("read", self.part))?;
            if digest.is(expected) {
                return Ok(digest);
            }
            remove_file(self.part)?;
            on_bytes(0);
            let found = digest.hash_like(&expected.hash);
            if broken_once {
                return Err(HubError::Broken {
                    file: self.file.path.clone(),
                    expected: expected.hash.to_string(),
                    found: found.to_string(),
                    address: shown(self.address),
                });
            }
            tracing::warn!(
                "{}: expected {}, found {found}; downloading it once more",
                self.file.path,
                expected.hash
            );
            broken_once = true;
        }
    }

    /// Brings `part` to the size of the file, over as many connections as it takes, and onto the disk.
    fn fill(&self, on_bytes: &mut dyn FnMut(u64)) -> Result<(), HubError> {
        let size = self.file.expected.size;
        let mut backoff = self.client.backoff();
        let mut furthest = length_of(self.part)?.unwrap_or(0);
        loop {
            let held = match length_of(self.part)? {
                Some(held) if held == size => break,
                Some(held) if held < size => held,
                _ => {
                    remove_file(self.part)?;
                    0
                }
            };
            on_bytes(held);
            let Err(failure) = self.receive(held, on_bytes) else { continue };
            let reached = length_of(self.part)?.unwrap_or(0);
            if failure.passing && reached >= furthest.saturating_add(PROGRESS) {
                furthest = reached;
                backoff.progressed();
            }
            backoff.wait_after(failure)?;
        }
        // Opened anew, so that a part which an earlier run completed is on the disk as well.
        let flushed = File::options().append(true).open(self.part).and_then(|file| file.sync_all());
        flushed.map_err(at("flush", self.part))
    }

    /// One connection: appends what it brings to `part`, which holds `held` bytes, or writes it anew where the
    /// server starts from the beginning.
    fn receive(&self, held: u64, on_bytes: &mut dyn FnMut(u64)) -> Result<(), Failure> {
        let size = self.file.expected.size;
        let response = self.client.get(self.address, held).map_err(|failure| match *failure.error {
            // What we hold is longer than the server's file, or it cannot resume.
            HubError::Status { status: 416, .. } if held > 0 => self.restart(*failure.error),
            _ => failure,
        })?;
        let start = match start_of(&response, size) {
            Some(start) if start == held || start == 0 => start,
            start => return Err(self.restart(self.wrong_length(start.unwrap_or(0)))),
        };
        if let Some(announced) = response.body().content_length()
            && announced > size - start
        {
            // Not worth a second attempt, nor a byte on the disk: this is another file.
            return Err(Failure::lasting(self.wrong_length(start.saturating_add(announced))));
        }
        let cannot_write = |source| Failure::lasting(at("write", self.part)(source));
        let mut options = OpenOptions::new();
        let options =
            if start > 0 { options.append(true) } else { options.write(true).truncate(true).create(true) };
        let mut out = options.open(self.part).map_err(cannot_write)?;
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 1 << 16];
        let mut there = start;
        loop {
            let n = match body.read(&mut buffer) {
                Ok(0) if there == size => return Ok(()),
                Ok(0) => return Err(Failure::passing(self.wrong_length(there))),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::connection(self.address, error.into())),
            };
            if n as u64 > size - there {
                return Err(self.restart(self.wrong_length(there.saturating_add(n as u64))));
            }
            out.write_all(&buffer[..n]).map_err(cannot_write)?;
            there += n as u64;
            on_bytes(there);
        }
    }

    /// Drops what there is, since it does not fit what the server has, so that the next attempt starts anew.
    fn restart(&self, error: HubError) -> Failure {
        match remove_file(self.part) {
            Ok(()) => Failure::passing(error),
            Err(error) => Failure::lasting(error),
        }
    }

    fn wrong_length(&self, found: u64) -> HubError {
        let file = self.file.path.clone();
        HubError::Length { file, expected: self.file.expected.size, found, attempts: 1 }
    }
}

/// The offset in the file at which the response's body starts, or None if it is not a piece of a file of `size`
/// bytes that reaches to its end.
fn start_of(response: &Response<Body>, size: u64) -> Option<u64> {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return Some(0);
    }
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    parse_content_range(range, size)
}

/// `bytes START-END/SIZE`, where END is the last byte and SIZE may be `*` (RFC 9110, section 14.4).
fn parse_content_range(text: &str, size: u64) -> Option<u64> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = range.trim().split_once('-')?;
    let (start, end): (u64, u64) = (start.trim().parse().ok()?, end.trim().parse().ok()?);
    let total_fits = total.trim() == "*" || total.trim().parse() == Ok(size);
    (total_fits && start <= end && end.checked_add(1) == Some(size)).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(parse_content_range(text, 100), expected, "{text}")
        };
        check("bytes 40-99/100", Some(40));
        check("bytes 40-99/*", Some(40));
        for text in [
            "",
            "bytes 40-98/100",
            "bytes 40-99/101",
            "bytes */100",
            "40-99/100",
            "bytes 100-99/100",
            "bytes 0-18446744073709551615/*",
            "bytes -99/100",
        ] {
            check(text, None);
        }
    }
}
