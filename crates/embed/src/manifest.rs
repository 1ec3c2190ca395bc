//! `models/NAME.toml`: where a model comes from, and the size and hash of each of its files.

use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::EmbedError;
use crate::hash::sha256_hex_of_file;

/// What is known of a published model. Its file lies beside the model's folder: `models/NAME.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelManifest {
    /// The model's name, which is also that of its folder.
    pub name: String,
    /// SPDX identifier of the weights' licence, empty when unknown.
    #[serde(default)]
    pub licence: String,
    /// What to put before a query, where the model's own `prompts` say nothing.
    #[serde(default)]
    pub query_prefix: String,
    /// What to put before a passage, where the model's own `prompts` say nothing.
    #[serde(default)]
    pub passage_prefix: String,
    /// The repository on the Hugging Face hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub: Option<HubSource>,
    /// A Python package that carries the same files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pypi: Option<PypiSource>,
    /// Every file that is needed. At least one.
    pub files: Vec<ManifestFile>,
}

/// A revision of a repository on the Hugging Face hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubSource {
    /// `owner/name`.
    pub repository: String,
    /// The commit, 40 hex digits.
    pub revision: String,
}

/// A Python package that carries a model's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PypiSource {
    /// The package's name.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// Where the files lie inside its wheel.
    pub folder: String,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Path inside the model's folder, with `/`; never leads out of it.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256, 64 lowercase hex digits.
    pub sha256: String,
}

impl ModelManifest {
    /// Reads and validates a manifest.
    ///
    /// # Errors
    /// [`EmbedError::Read`] (also when it does not exist), [`EmbedError::ManifestSyntax`] or
    /// [`EmbedError::ManifestValue`].
    pub fn read(path: &Path) -> Result<Self, EmbedError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| EmbedError::Read { path: path.to_owned(), source })?;
        let manifest: Self = toml::from_str(&text).map_err(|source| EmbedError::ManifestSyntax {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        manifest.validate(path)?;
        Ok(manifest)
    }

    /// Validates the manifest and writes it, so that `path` holds either what it held or all of it.
    ///
    /// # Errors
    /// [`EmbedError::ManifestValue`] or [`EmbedError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), EmbedError> {
        self.validate(path)?;
        let text = toml::to_string(self).expect("a struct of strings and numbers has a TOML form");
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
        let write = || {
            let mut file = std::fs::File::create(&temporary)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&temporary, path)
        };
        write().map_err(|source| EmbedError::Write { path: path.to_owned(), source })
    }

    /// Checks the size and hash of every file under `dir`.
    ///
    /// # Errors
    /// [`EmbedError::Missing`], [`EmbedError::Damaged`] or [`EmbedError::Read`] for the first file that
    /// is not as described.
    pub fn verify(&self, dir: &Path) -> Result<(), EmbedError> {
        for file in &self.files {
            let path = dir.join(&file.path);
            let size = match std::fs::metadata(&path) {
                Ok(metadata) => metadata.len(),
                Err(source) => return Err(self.unreadable(path, source)),
            };
            file.check_size(&path, size, || self.repair())?;
            match sha256_hex_of_file(&path) {
                Ok(sha256) => file.check_sha256(&path, &sha256, || self.repair())?,
                Err(source) => return Err(self.unreadable(path, source)),
            }
        }
        Ok(())
    }

    /// The entry of the file at `path` inside the model's folder.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&ManifestFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// What a user can do about a missing or damaged file, as the end of an error's message.
    #[must_use]
    pub fn repair(&self) -> String {
        let name = &self.name;
        match (&self.pypi, &self.hub) {
            (Some(_), Some(_)) => {
                format!("run `scripts/fetch-model {name}` or `cognate model pull {name}` to mend it")
            }
            (Some(_), None) => format!("run `scripts/fetch-model {name}` to mend it"),
            (None, Some(_)) => format!("run `cognate model pull {name}` to mend it"),
            (None, None) => "put the published file in its place".to_owned(),
        }
    }

    fn unreadable(&self, path: PathBuf, source: std::io::Error) -> EmbedError {
        if source.kind() == std::io::ErrorKind::NotFound {
            EmbedError::Missing { path, repair: self.repair() }
        } else {
            EmbedError::Read { path, source }
        }
    }

    fn validate(&self, path: &Path) -> Result<(), EmbedError> {
        let refuse = |field: String, expected, found: &str| EmbedError::ManifestValue {
            path: path.to_owned(),
            field,
            expected,
            found: found.to_owned(),
        };
        if !stays_inside(&self.name) {
            return Err(refuse("name".to_owned(), "a name that can be a folder's", &self.name));
        }
        if self.files.is_empty() {
            return Err(refuse("files".to_owned(), "at least one file", ""));
        }
        for (row, file) in self.files.iter().enumerate() {
            if !stays_inside(&file.path) {
                let expected = "a relative path inside the model's folder";
                return Err(refuse(format!("files[{row}].path"), expected, &file.path));
            }
            let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            if file.sha256.len() != 64 || !file.sha256.bytes().all(is_hex) {
                let expected = "64 lowercase hex digits";
                return Err(refuse(format!("files[{row}].sha256"), expected, &file.sha256));
            }
        }
        Ok(())
    }
}

impl ManifestFile {
    pub(crate) fn check_size(
        &self,
        path: &Path,
        size: u64,
        repair: impl FnOnce() -> String,
    ) -> Result<(), EmbedError> {
        if size == self.size {
            return Ok(());
        }
        Err(EmbedError::Damaged {
            path: path.to_owned(),
            expected: format!("{} bytes", self.size),
            found: format!("{size}"),
            repair: repair(),
        })
    }

    pub(crate) fn check_sha256(
        &self,
        path: &Path,
        sha256: &str,
        repair: impl FnOnce() -> String,
    ) -> Result<(), EmbedError> {
        if sha256 == self.sha256 {
            return Ok(());
        }
        Err(EmbedError::Damaged {
            path: path.to_owned(),
            expected: format!("SHA-256 {}", self.sha256),
            found: sha256.to_owned(),
            repair: repair(),
        })
    }
}

/// Whether a path, on any system, names something below the folder it is joined to.
pub(crate) fn stays_inside(path: &str) -> bool {
    let below = |component| matches!(component, Component::Normal(_));
    !path.is_empty() && !path.contains(['\\', ':', '\0']) && Path::new(path).components().all(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> ModelManifest {
        ModelManifest {
            name: "tiny".to_owned(),
            licence: "Apache-2.0".to_owned(),
            query_prefix: "query: ".to_owned(),
            passage_prefix: String::new(),
            hub: Some(HubSource { repository: "owner/tiny".to_owned(), revision: "0".repeat(40) }),
            pypi: None,
            files: vec![ManifestFile {
                path: "sub/a.json".to_owned(),
                size: 2,
                // Of `{}`.
                sha256: "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a".to_owned(),
            }],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.toml");
        manifest().write(&path).unwrap();
        assert_eq!(ModelManifest::read(&path).unwrap(), manifest());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn the_committed_manifest_is_valid() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/all-MiniLM-L6-v2.toml");
        let manifest = ModelManifest::read(&path).unwrap();
        let weights = manifest.file("model.safetensors").unwrap();
        assert_eq!(weights.sha256, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db");
    }

    #[test]
    fn a_wrong_value_is_refused_by_field() {
        let check = |change: fn(&mut ModelManifest), field: &str| {
            let mut manifest = manifest();
            change(&mut manifest);
            match manifest.validate(Path::new("tiny.toml")) {
                Err(EmbedError::ManifestValue { field: found, .. }) => assert_eq!(found, field),
                other => panic!("{field}: {other:?}"),
            }
        };
        check(|m| m.name = "../tiny".to_owned(), "name");
        check(|m| m.name.clear(), "name");
        check(|m| m.files.clear(), "files");
        check(|m| m.files[0].path = "../a.json".to_owned(), "files[0].path");
        check(|m| m.files[0].path = "/etc/passwd".to_owned(), "files[0].path");
        check(|m| m.files[0].path = "c:\\a".to_owned(), "files[0].path");
        check(|m| m.files[0].sha256 = "44".to_owned(), "files[0].sha256");
        check(|m| m.files[0].sha256 = "X".repeat(64), "files[0].sha256");
    }

    #[test]
    fn verifying_names_the_file_and_the_mend() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sub/a.json");
        let check = |content: Option<&str>, expected: &str| {
            match content {
                Some(content) => std::fs::write(&file, content).unwrap(),
                None => drop(std::fs::remove_file(&file)),
            }
            let message = manifest().verify(folder.path()).unwrap_err().to_string();
            assert!(message.contains("sub/a.json"), "{message}");
            assert!(message.contains("`cognate model pull tiny`"), "{message}");
            assert!(message.contains(expected), "{message}");
        };
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        check(None, "found none");
        check(Some("{"), "expected 2 bytes, found 1");
        check(Some("[]"), "expected SHA-256 44136f");
        std::fs::write(&file, "{}").unwrap();
        manifest().verify(folder.path()).unwrap();
    }
}
