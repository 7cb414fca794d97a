//! What a file is called as a document, and its parts: readable, unique, and legal in the REST interface.
//!
//! A file's name is its path with `:` for `/`. What may not stand in a name, or would make it another
//! file's, is written as `%` and two hexadecimal digits for each byte. A file of several parts has
//! documents called `NAME (0001)`, `NAME (0002)` and so on.

use anyhow::{anyhow, bail};
use sha2::{Digest as _, Sha256};
use std::{
    fmt::Write,
    path::{Component, Path},
};

/// Bytes of an id, as the REST interface bounds it, less those of a part's number.
const MOST: usize = 128 - NUMBER;
/// Bytes of ` (0001)`.
const NUMBER: usize = 7;
/// Parts that can be told apart by four digits.
pub(super) const MOST_PARTS: usize = 9999;

/// The name of the file at a path, as the path was given.
pub(super) fn of(path: &Path) -> anyhow::Result<String> {
    let mut name = String::new();
    for component in path.components() {
        let text = match component {
            Component::CurDir => continue,
            Component::RootDir => "",
            other => other.as_os_str().to_str().ok_or_else(|| {
                anyhow!("its name is not UTF-8, so it cannot be a document's; --id NAME gives it one")
            })?,
        };
        if !name.is_empty() || matches!(component, Component::Normal(_)) && path.has_root() {
            name.push(':');
        }
        escape(text, &mut name);
    }
    if numbered(&name).is_some() {
        name.truncate(name.len() - 1);
        name.push_str("%29");
    }
    Ok(shortened(name))
}

/// A name that a person chose.
pub(super) fn chosen(name: &str) -> anyhow::Result<String> {
    if name.is_empty() || name.len() > MOST {
        bail!("--id {name:?}: expected 1 to {MOST} bytes");
    }
    if name.contains(|c: char| c == '#' || c == '/' || c.is_control()) {
        bail!("--id {name:?}: '#', '/' and control characters cannot be in a document's name");
    }
    if matches!(name, "." | "..") || numbered(name).is_some() {
        bail!("--id {name:?}: this would be no name of its own; choose another");
    }
    Ok(name.to_owned())
}

/// The id of one of a file's parts, counted from 0.
pub(super) fn part(name: &str, index: usize, parts: usize) -> String {
    if parts == 1 { name.to_owned() } else { format!("{name} ({:04})", index + 1) }
}

/// The name of the file that a document is a part of.
pub(super) fn of_part(id: &str) -> &str {
    numbered(id).unwrap_or(id)
}

/// What stands before ` (0001)`, if that is how it ends.
fn numbered(id: &str) -> Option<&str> {
    let (name, number) = id.strip_suffix(')')?.rsplit_once(" (")?;
    (number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(name)
}

fn escape(text: &str, name: &mut String) {
    for character in text.chars() {
        if matches!(character, '%' | '#' | ':' | '/') || character.is_control() {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a String cannot fail.
                let _ = write!(name, "%{byte:02X}");
            }
        } else {
            name.push(character);
        }
    }
}

/// Names that are too long keep their end, which tells most, behind a hash of the whole.
fn shortened(name: String) -> String {
    if name.len() <= MOST {
        return name;
    }
    let hash: String = Sha256::digest(&name).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let start = name.ceil_char_boundary(name.len() - (MOST - hash.len() - '…'.len_utf8()));
    format!("{hash}…{}", &name[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str) -> String {
        of(Path::new(path)).unwrap()
    }

    #[test]
    fn a_name_is_the_path_with_colons() {
        assert_eq!(name("docs/guide.md"), "docs:guide.md");
        assert_eq!(name("./docs//guide.md"), "docs:guide.md");
        assert_eq!(name("/srv/a b.txt"), ":srv:a b.txt");
        assert_eq!(name("../a.txt"), "..:a.txt");
        assert_eq!(name("größe.txt"), "größe.txt");
    }

    #[test]
    fn no_two_paths_share_a_name() {
        assert_eq!(name("a:b#c%d.txt"), "a%3Ab%23c%25d.txt");
        assert_eq!(name("a\nb"), "a%0Ab");
        assert_eq!(name("a (0001)"), "a (0001%29");
        assert_ne!(name("a (0001)"), part(&name("a"), 0, 2));
        let long = |tail: &str| name(&format!("{}/{tail}", "ä".repeat(200)));
        assert!(long("one.txt").len() <= MOST && long("one.txt").ends_with("ä:one.txt"));
        assert_ne!(name(&format!("x{}", "y".repeat(300))), name(&format!("z{}", "y".repeat(300))));
    }

    #[test]
    fn parts_are_numbered_and_known_by_their_file() {
        assert_eq!(part("a.md", 0, 1), "a.md");
        assert_eq!(part("a.md", 1, 12), "a.md (0002)");
        assert_eq!(of_part("a.md (0002)"), "a.md");
        assert_eq!(of_part("a.md (2)"), "a.md (2)");
        assert_eq!(of_part(&part("a (0001%29", 8, 9)), "a (0001%29");
    }

    #[test]
    fn a_chosen_name_must_be_legal() {
        assert_eq!(chosen("handbook").unwrap(), "handbook");
        for name in ["", "a/b", "a#b", "a\tb", "..", "a (0001)", &"x".repeat(122)] {
            assert!(chosen(name).is_err(), "{name}");
        }
    }
}
