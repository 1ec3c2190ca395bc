//! Files that a command writes: never those that it reads.

use std::path::{Path, PathBuf};

use same_file::{Handle, is_same_file};

use super::InvalidInput;

/// Refuses to write `output`, which `option` names, where it is one of the `inputs` by whatever path or link, or lies in a
/// folder that is one. `-` stands for a standard stream.
///
/// # Errors
/// [`InvalidInput`].
pub(crate) fn refuse_input<'a>(
    option: &str,
    output: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), InvalidInput> {
    let Some(input) = inputs.into_iter().find(|input| is_read(output, input)) else { return Ok(()) };
    Err(InvalidInput(format!(
        "{option}: `{}` would overwrite what is read from `{}`; name another file",
        output.display(),
        input.display()
    )))
}

fn is_read(output: &Path, input: &Path) -> bool {
    if output == Path::new("-") {
        return false;
    }
    let is_file = output.is_file();
    if input == Path::new("-") {
        let handles = Handle::from_path(output).ok().zip(Handle::stdin().ok());
        return is_file && handles.is_some_and(|(output, input)| output == input);
    }
    if is_file && is_same_file(output, input).unwrap_or(false) {
        return true;
    }
    if !input.is_dir() {
        return false;
    }
    let is_inside = resolved(output).zip(input.canonicalize().ok());
    is_inside.is_some_and(|(output, folder)| output.starts_with(folder))
        || (is_file
            && cognate_corpus::files_in(input)
                .is_ok_and(|files| files.iter().any(|file| is_same_file(output, file).unwrap_or(false))))
}

/// A path without links, of a file that need not be there yet.
fn resolved(path: &Path) -> Option<PathBuf> {
    let of_new = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Some(folder.unwrap_or(Path::new(".")).canonicalize().ok()?.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(of_new)
}
