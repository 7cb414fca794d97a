//! `corral settings`: every setting as a page of Markdown, out of the runtime.toml that comes with Corral. Not for
//! people: the page is docs/settings.md, and a test says when it is not this any more.
//!
//! That the file has every setting with its default, the tests of `config.rs` show.

use std::{fmt::Write as _, io::Write as _, mem, process::ExitCode};

const SHIPPED: &str = include_str!("../../../runtime.toml");

const HEAD: &str = "\
# Settings

<!-- Written by `corral settings` out of runtime.toml; change that file, and write this one anew. -->

[runtime.toml](../runtime.toml) as a page. ";

/// A table of the file.
#[derive(Default)]
struct Table {
    name: String,
    about: String,
    rows: Vec<Row>,
}

/// Settings that share an explanation.
struct Row {
    /// With their defaults; none for what is unset.
    settings: Vec<(String, Option<String>)>,
    about: String,
}

pub(super) fn run() -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(page(SHIPPED)?.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn page(file: &str) -> anyhow::Result<String> {
    let (head, tables) = read(file);
    let mut page = format!("{HEAD}{head}\n");
    for Table { name, about, rows } in tables {
        write!(page, "\n## `[{name}]`\n\n{about}\n")?;
        if rows.is_empty() {
            continue;
        }
        page += "\n| setting | default | |\n|---|---|---|\n";
        for Row { settings, about } in rows {
            let names: Vec<_> = settings.iter().map(|(name, _)| format!("`{name}`")).collect();
            let values: Vec<_> = settings.iter().map(|(_, value)| shown(value.as_deref())).collect();
            writeln!(page, "| {} | {} | {} |", names.join("<br>"), values.join("<br>"), cell(&about))?;
        }
    }
    Ok(page)
}

/// What the file says first, and its tables.
fn read(file: &str) -> (String, Vec<Table>) {
    let (mut head, mut comment, mut tables) = (String::new(), String::new(), Vec::<Table>::new());
    let mut lines = file.lines();
    while let Some(line) = lines.next() {
        // Settings without a default are comments without a space.
        let (unset, text) = match line.strip_prefix('#') {
            Some(text) if !text.starts_with(' ') => (true, text),
            _ => (false, line),
        };
        if let Some(words) = line.strip_prefix("# ") {
            comment += if comment.is_empty() { "" } else { " " };
            comment += words;
        } else if let Some(name) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            let about = mem::take(&mut comment);
            tables.push(Table { name: name.to_owned(), about, rows: Vec::new() });
        } else if let Some((name, value)) = text.split_once(" = ") {
            let value = match value {
                r#"""""# => {
                    let text: Vec<_> = lines.by_ref().take_while(|line| !line.ends_with(r#"""""#)).collect();
                    format!("\"{} …\"", text.join(" ").split(". ").next().unwrap_or_default())
                }
                value => value.to_owned(),
            };
            let setting = (name.to_owned(), (!unset).then_some(value));
            let rows = tables.last_mut().map(|table| &mut table.rows);
            match rows {
                Some(rows) if comment.is_empty() && !rows.is_empty() => {
                    rows.iter_mut().last().into_iter().for_each(|row| row.settings.push(setting.clone()));
                }
                Some(rows) => rows.push(Row { settings: vec![setting], about: mem::take(&mut comment) }),
                None => {}
            }
        } else if line.is_empty() && tables.is_empty() {
            head = mem::take(&mut comment);
        }
    }
    (head, tables)
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "unset".to_owned(), |value| format!("`{}`", cell(value)))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_docs_is_current() {
        let page = page(SHIPPED).unwrap();
        let shown: &str = include_str!("../../../docs/settings.md");
        assert!(page == shown, "run `target/release/corral settings > docs/settings.md`");
    }

    #[test]
    fn settings_are_told_with_their_defaults_and_those_of_one_explanation_together() {
        let file = "# About\n# all.\n\n# A part.\n[part]\n# One | two.\nkey = 1\nother = \"x\"\n# Three.\n#unset = 4\n";
        let page = page(file).unwrap();
        for part in [
            "About all.\n",
            "## `[part]`\n\nA part.\n",
            "| `key`<br>`other` | `1`<br>`\"x\"` | One \\| two. |",
            "| `unset` | unset | Three. |",
        ] {
            assert!(page.contains(part), "{page}");
        }
    }
}
