//! Output byte for byte: files, and streams that strip no styles.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::exit::{CommandError, heard};
use crate::stream::is_stream;

/// Writes all of `text`.
///
/// # Errors
/// The text cannot be written.
pub fn print(out: &mut dyn Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes `text` to `file`, as [`save`] does, or to standard output if there is no file or it is `-`. Gives the file that was
/// written.
///
/// # Errors
/// The file cannot be written, or exists already without `force`, and what to do; standard output cannot be written.
pub fn save_or_print<'a>(
    file: Option<&'a Path>,
    text: &str,
    force: bool,
) -> Result<Option<&'a Path>, CommandError> {
    let Some(path) = file.filter(|path| !is_stream(path)) else {
        heard(print(&mut io::stdout().lock(), text))?;
        return Ok(None);
    };
    let saved = save(path, text, force);
    saved.map(|()| Some(path)).map_err(|error| {
        let path = path.display().to_string();
        if error.kind() == ErrorKind::AlreadyExists {
            return CommandError::new(
                &format!("{path:?} already exists"),
                "Name another file, or replace this one with --force, which loses its comments.",
            );
        }
        CommandError::new(
            &format!("{path:?} cannot be written: {error}"),
            "Check the directory and its permissions, then run the command again.",
        )
    })
}

/// Writes `text` to a new file, or with `force` over an existing one.
///
/// The text is written to a file beside it, which then takes its name: whatever goes wrong, a full disk or a power cut,
/// an existing file has all of its old text or all of the new. It keeps its permissions and its owner, and a symbolic link
/// stays a link. Where the folder takes no new file, or the file cannot be replaced, as with one that a container mounts
/// by itself, an existing file is written over in place.
///
/// # Errors
/// The file cannot be written, or exists already ([`AlreadyExists`](ErrorKind::AlreadyExists)) without `force`.
pub fn save(path: &Path, text: &str, force: bool) -> io::Result<()> {
    let known = match fs::metadata(path) {
        Ok(_) if !force => return Err(ErrorKind::AlreadyExists.into()),
        Ok(known) => Some(known),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    match known {
        // A pipe or a device, such as /dev/stdout, has nothing to lose.
        Some(known) if !known.is_file() => {
            print(&mut File::options().write(true).open(path)?, text)
        }
        Some(known) => {
            let target = fs::canonicalize(path)?;
            // Who may not write to the file must not get round that by replacing it.
            File::options().append(true).open(&target)?;
            match replace(&target, text, &known) {
                Err(error) if needs_its_place(&error) => print(
                    &mut File::options().write(true).truncate(true).open(&target)?,
                    text,
                ),
                result => result,
            }
        }
        None => {
            let target = new_target(path);
            let file = beside(&target, text, None)?;
            let file = if force {
                file.persist(target)
            } else {
                file.persist_noclobber(target)
            };
            file.map(|_| ()).map_err(|error| error.error)
        }
    }
}

/// Where a new file goes: where a symbolic link that leads nowhere points to.
fn new_target(path: &Path) -> PathBuf {
    match fs::read_link(path) {
        Ok(link) => path.parent().unwrap_or(Path::new("")).join(link),
        Err(_) => path.to_owned(),
    }
}

fn replace(target: &Path, text: &str, known: &Metadata) -> io::Result<()> {
    let file = beside(target, text, Some(known))?;
    file.persist(target)
        .map(|_| ())
        .map_err(|error| error.error)
}

/// A file with this text in the folder of `target`. It disappears if it is dropped.
fn beside(target: &Path, text: &str, known: Option<&Metadata>) -> io::Result<NamedTempFile> {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = Builder::new();
    builder.prefix(".tagwarden-");
    for_everybody(&mut builder);
    let mut file = builder.tempfile_in(folder)?;
    print(&mut file, text)?;
    if let Some(known) = known {
        keep_owner(file.as_file(), known);
        file.as_file().set_permissions(known.permissions())?;
    }
    // Otherwise the name may be on the disk before the text is.
    file.as_file().sync_all()?;
    Ok(file)
}

/// Whether an existing file can only be written in its place.
fn needs_its_place(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::ResourceBusy
            | ErrorKind::CrossesDevices
    )
}

/// Lets a new file have the permissions that the process's mask leaves. Temporary files are the owner's alone.
#[cfg(unix)]
fn for_everybody(builder: &mut Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(PermissionsExt::from_mode(0o666));
}

#[cfg(not(unix))]
fn for_everybody(_: &mut Builder<'_, '_>) {}

/// Gives the file the owner and the group of the one that it replaces, as far as this user may.
#[cfg(unix)]
fn keep_owner(file: &File, known: &Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    // Only the superuser may give a file away, and everybody may choose among the own groups.
    let _ = fchown(file, Some(known.uid()), Some(known.gid()))
        .or_else(|_| fchown(file, None, Some(known.gid())));
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &Metadata) {}
