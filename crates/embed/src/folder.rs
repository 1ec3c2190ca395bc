//! Finding a model's folder, and reading its files with the manifest's hashes checked.

use std::path::{Path, PathBuf};

use crate::EmbedError;
use crate::hash::sha256_hex;
use crate::manifest::{ModelManifest, stays_inside};

/// The folders in which models are looked up by name, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRoots {
    dirs: Vec<PathBuf>,
}

impl ModelRoots {
    /// Exactly these folders.
    #[must_use]
    pub fn new(dirs: Vec<PathBuf>) -> Self {
        Self { dirs }
    }

    /// `$COGNATE_MODELS`; `./models`; `models` beside the executable, and two folders above it (for
    /// `target/release`); `cognate/models` in the user's data folder (`$XDG_DATA_HOME`, else
    /// `~/.local/share`); `models` in the source tree that the executable was built from, so that a copy of it
    /// finds what was fetched there.
    #[must_use]
    pub fn from_environment() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let executable = std::env::current_exe().and_then(|path| path.canonicalize()).ok();
        let beside = executable.as_deref().and_then(Path::parent);
        let above = beside.and_then(Path::parent).and_then(Path::parent);
        let data =
            variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/share")));
        let dirs = [
            variable("COGNATE_MODELS"),
            Some(PathBuf::from("models")),
            beside.map(|dir| dir.join("models")),
            above.map(|dir| dir.join("models")),
            data.map(|dir| dir.join("cognate/models")),
            Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(|dir| dir.join("models")),
        ];
        Self { dirs: dirs.into_iter().flatten().collect() }
    }

    /// The folders, in the order in which they are looked in.
    #[must_use]
    pub fn dirs(&self) -> &[PathBuf] {
        &self.dirs
    }
}

/// A model's folder, with the manifest `FOLDER.toml` beside it if there is one.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    dir: PathBuf,
    name: String,
    manifest: Option<ModelManifest>,
}

/// A file of a model: its bytes are those that the manifest describes, where it describes any.
pub(crate) struct ModelFile {
    pub(crate) bytes: Vec<u8>,
    pub(crate) sha256: String,
}

impl ModelFolder {
    /// Finds a model: `name_or_dir` is a model's folder, or the name of one in one of `roots`.
    ///
    /// The files are not read yet: [`Encoder::load`](crate::Encoder::load) checks each one that it reads,
    /// and [`verify`](Self::verify) all of them.
    ///
    /// # Errors
    /// [`EmbedError::ModelNotFound`] if there is no such folder, [`EmbedError::ManifestSyntax`] or
    /// [`EmbedError::ManifestValue`] if its manifest is damaged.
    pub fn locate(name_or_dir: &str, roots: &ModelRoots) -> Result<Self, EmbedError> {
        let given = Path::new(name_or_dir);
        // A folder that merely has the model's name hides no model.
        if given.join("modules.json").is_file() {
            return Self::open(given);
        }
        if stays_inside(name_or_dir) {
            let candidates = roots.dirs.iter().map(|root| root.join(name_or_dir));
            if let Some(dir) = candidates.into_iter().find(|dir| dir.is_dir()) {
                return Self::open(&dir);
            }
        }
        if given.is_dir() {
            return Self::open(given);
        }
        Err(EmbedError::ModelNotFound { name: name_or_dir.to_owned(), looked_in: roots.dirs.clone() })
    }

    fn open(dir: &Path) -> Result<Self, EmbedError> {
        // `.` and `..` have no name of their own.
        let named =
            if dir.file_name().is_some() { dir.to_owned() } else { dir.canonicalize().unwrap_or_default() };
        let name = named.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // Appended, since `with_extension` would cut `bge-small-en-v1.5` short.
        let manifest = named.with_file_name(format!("{name}.toml"));
        let manifest = if manifest.is_file() { Some(ModelManifest::read(&manifest)?) } else { None };
        let name = manifest.as_ref().map_or(name, |manifest| manifest.name.clone());
        Ok(Self { dir: dir.to_owned(), name, manifest })
    }

    /// Checks the size and SHA-256 of every file of the manifest. Without one there is nothing to check.
    ///
    /// # Errors
    /// [`EmbedError::Missing`], [`EmbedError::Damaged`] or [`EmbedError::Read`], which name the first such
    /// file and the mend.
    pub fn verify(&self) -> Result<(), EmbedError> {
        self.manifest.as_ref().map_or(Ok(()), |manifest| manifest.verify(&self.dir))
    }

    /// The model's name: the manifest's, else the folder's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The manifest beside the folder.
    #[must_use]
    pub fn manifest(&self) -> Option<&ModelManifest> {
        self.manifest.as_ref()
    }

    /// What a user can do about a missing or damaged file, as the end of an error's message.
    pub(crate) fn repair(&self) -> String {
        self.manifest.as_ref().map_or_else(
            || "put the file that was published with the model in its place".to_owned(),
            ModelManifest::repair,
        )
    }

    /// Reads a file and checks it against the manifest.
    pub(crate) fn read(&self, path: &str) -> Result<ModelFile, EmbedError> {
        self.read_if_present(path)?
            .ok_or_else(|| EmbedError::Missing { path: self.dir.join(path), repair: self.repair() })
    }

    /// The same; `None` if there is no such file and the manifest does not ask for one.
    pub(crate) fn read_if_present(&self, path: &str) -> Result<Option<ModelFile>, EmbedError> {
        let full = self.dir.join(path);
        let expected = self.manifest.as_ref().and_then(|manifest| manifest.file(path));
        let bytes = match std::fs::read(&full) {
            Ok(bytes) => bytes,
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => match expected {
                Some(_) => {
                    return Err(EmbedError::Missing { path: full, repair: self.repair() });
                }
                None => return Ok(None),
            },
            Err(source) => return Err(EmbedError::Read { path: full, source }),
        };
        if let Some(expected) = expected {
            expected.check_size(&full, bytes.len() as u64, || self.repair())?;
        }
        let sha256 = sha256_hex(&bytes);
        if let Some(expected) = expected {
            expected.check_sha256(&full, &sha256, || self.repair())?;
        }
        Ok(Some(ModelFile { bytes, sha256 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(dir: &Path) {
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(dir.join("modules.json"), "[]").unwrap();
    }

    #[test]
    fn the_first_root_that_has_the_name_wins() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        model(&first.join("a-v1.5"));
        model(&second.join("a-v1.5"));
        model(&second.join("owner/b"));
        let roots = ModelRoots::new(vec![first.clone(), second.clone()]);

        let check = |name: &str, expected: &Path| {
            let found = ModelFolder::locate(name, &roots).unwrap();
            assert_eq!(found.dir(), expected);
            assert_eq!(found.name(), expected.file_name().unwrap().to_str().unwrap());
        };
        check("a-v1.5", &first.join("a-v1.5"));
        check("owner/b", &second.join("owner/b"));
        check(second.join("a-v1.5").to_str().unwrap(), &second.join("a-v1.5"));

        for name in ["c", "../second/a-v1.5", "", "a-v1"] {
            let error = ModelFolder::locate(name, &roots).unwrap_err();
            assert!(matches!(error, EmbedError::ModelNotFound { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn the_manifest_lies_beside_the_folder() {
        let root = tempfile::tempdir().unwrap();
        model(&root.path().join("a-v1.5"));
        let manifest = root.path().join("a-v1.5.toml");
        std::fs::write(&manifest, "name = ").unwrap();
        let roots = ModelRoots::new(vec![root.path().to_owned()]);
        let error = ModelFolder::locate("a-v1.5", &roots).unwrap_err();
        assert!(matches!(error, EmbedError::ManifestSyntax { .. }), "{error}");

        let sha256 = sha256_hex(b"[]");
        let text = format!("name = 'b'\n[[files]]\npath = 'modules.json'\nsize = 2\nsha256 = '{sha256}'\n");
        std::fs::write(&manifest, text).unwrap();
        let found = ModelFolder::locate("a-v1.5", &roots).unwrap();
        assert_eq!(found.name(), "b");
        found.verify().unwrap();
        std::fs::write(root.path().join("a-v1.5/modules.json"), "{}").unwrap();
        assert!(matches!(found.verify(), Err(EmbedError::Damaged { .. })));
        assert!(matches!(found.read("modules.json"), Err(EmbedError::Damaged { .. })));
    }
}
