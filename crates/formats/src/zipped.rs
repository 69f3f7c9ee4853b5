//! Zip archives: each member is emitted as an [`EmbeddedFile`]. An archive within an archive is
//! opened; one nested more deeply is not.

use crate::detect::{Kind, detect};
use crate::package::Package;
use crate::{Context, EmbeddedFile, Emit, Extracted, ReadError, emit_omitted};
use std::ops::ControlFlow;

/// How many archives a file may be nested in.
const MAX_ARCHIVE_DEPTH: u32 = 2;

pub fn read(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let mut package = Package::open(bytes, context)?;
    let names = package.names().to_vec();
    let mut unsafe_paths = 0;
    for (at, name) in names.into_iter().enumerate() {
        let Some(name) = name else {
            unsafe_paths += usize::from(!package.is_folder(at));
            continue;
        };
        if is_clutter(&name) {
            continue;
        }
        let flow = match package.read_at(at) {
            Ok(bytes)
                if context.archive_depth + 1 >= MAX_ARCHIVE_DEPTH
                    && detect(&name, &bytes) == Some(Kind::Zip) =>
            {
                emit(Err(ReadError::new(
                    "archives nested more than two deep are not opened",
                )
                .in_part(&name)))
            }
            Ok(bytes) => emit(Ok(Extracted::EmbeddedFile(EmbeddedFile {
                name,
                bytes,
                line: None,
            }))),
            Err(error) => emit(Err(error.in_part(&name))),
        };
        // Once the limit on unpacked bytes is reached, every further member would fail with the
        // same error.
        if flow.is_break() || package.is_exhausted() {
            return Ok(());
        }
    }
    let _: ControlFlow<()> = emit_omitted(
        unsafe_paths,
        "member whose path leaves the archive",
        "members whose paths leave the archive",
        emit,
    );
    Ok(())
}

/// Files that operating systems and tools leave in archives for themselves.
fn is_clutter(name: &str) -> bool {
    name.starts_with("__MACOSX/")
        || name
            .split('/')
            .any(|part| matches!(part, ".DS_Store" | "Thumbs.db" | "desktop.ini" | ".git"))
}

#[cfg(test)]
mod tests {
    use crate::testing::{extract, extract_within, zip};
    use crate::{Extracted, Kind};

    #[test]
    fn members_with_unsafe_paths_are_omitted() {
        let bytes = zip(&[
            ("a/b.txt", "text"),
            ("../c.txt", "out"),
            ("__MACOSX/a", "x"),
            ("/d.txt", "abs"),
        ]);
        let (items, errors) = extract(Kind::Zip, &bytes);
        assert!(errors.is_empty(), "{errors:?}");
        let names: Vec<&str> = items
            .iter()
            .filter_map(|i| {
                if let Extracted::EmbeddedFile(p) = i {
                    Some(p.name.as_str())
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(names, ["a/b.txt", "d.txt"]);
        assert_eq!(
            items.last(),
            Some(&Extracted::Omitted(
                "1 member whose path leaves the archive".into()
            ))
        );
    }

    #[test]
    fn zip_bombs_and_nested_archives_are_limited() {
        let zeros = "0".repeat(1 << 20);
        let bytes = zip(&[("a.txt", "small"), ("bomb.txt", &zeros), ("later.txt", "x")]);
        assert!(bytes.len() < 10_000);
        let (items, errors) = extract_within(Kind::Zip, &bytes, 1000, 0);
        assert_eq!(items.len(), 1);
        assert_eq!(
            errors,
            ["bomb.txt: the archive unpacks to more than 1000 bytes"]
        );
        let inner = String::from_utf8_lossy(&zip(&[])).into_owned();
        let outer = zip(&[("inner.zip", &inner)]);
        assert_eq!(extract_within(Kind::Zip, &outer, 1 << 20, 0).0.len(), 1);
        assert!(extract_within(Kind::Zip, &outer, 1 << 20, 1).1[0].contains("not opened"));
    }
}
