//! The text of an HTML page, laid out without line breaks of our own.

use super::Error;
use html2text::{config, render::TextDecorator};

/// Columns that a line may have: more than any paragraph should, since a break in it means nothing.
const WIDTH: usize = 20_000;

pub(super) fn text(page: &[u8]) -> Result<String, Error> {
    let laid_out = config::with_decorator(Plain)
        .no_table_borders()
        .allow_width_overflow()
        .string_from_read(page, WIDTH)
        .map_err(|error| Error::Malformed(error.to_string()))?;
    let mut text = String::with_capacity(laid_out.len());
    // Rules are drawn as wide as a line may be.
    let lines = laid_out.lines().filter(|line| line.is_empty() || line.contains(|c| c != '─'));
    for line in lines {
        squeeze(line.trim_end(), &mut text);
        text.push('\n');
    }
    Ok(text)
}

/// Cells are padded to their column's width; two blanks show as much. What a line begins with stays.
fn squeeze(line: &str, text: &mut String) {
    let start = line.len() - line.trim_start_matches(' ').len();
    let (indent, rest) = line.split_at(start);
    text.push_str(indent);
    let mut blanks = 0;
    for character in rest.chars() {
        blanks = if character == ' ' { blanks + 1 } else { 0 };
        if blanks <= 2 {
            text.push(character);
        }
    }
}

/// Headings and lists as in Markdown; links, emphasis and pictures are just their words.
#[derive(Clone)]
struct Plain;

impl TextDecorator for Plain {
    type Annotation = ();

    fn decorate_link_start(&mut self, _url: &str) -> (String, ()) {
        nothing()
    }

    fn decorate_link_end(&mut self) -> String {
        String::new()
    }

    fn decorate_em_start(&self) -> (String, ()) {
        nothing()
    }

    fn decorate_em_end(&self) -> String {
        String::new()
    }

    fn decorate_strong_start(&self) -> (String, ()) {
        nothing()
    }

    fn decorate_strong_end(&self) -> String {
        String::new()
    }

    fn decorate_strikeout_start(&self) -> (String, ()) {
        nothing()
    }

    fn decorate_strikeout_end(&self) -> String {
        String::new()
    }

    fn decorate_code_start(&self) -> (String, ()) {
        nothing()
    }

    fn decorate_code_end(&self) -> String {
        String::new()
    }

    fn decorate_preformat_first(&self) {}

    fn decorate_preformat_cont(&self) {}

    fn decorate_image(&mut self, _source: &str, title: &str) -> (String, ()) {
        (title.to_owned(), ())
    }

    fn header_prefix(&self, level: usize) -> String {
        "#".repeat(level) + " "
    }

    fn quote_prefix(&self) -> String {
        "> ".to_owned()
    }

    fn unordered_item_prefix(&self) -> String {
        "* ".to_owned()
    }

    fn ordered_item_prefix(&self, number: i64) -> String {
        format!("{number}. ")
    }

    fn make_subblock_decorator(&self) -> Self {
        Self
    }
}

fn nothing() -> (String, ()) {
    (String::new(), ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_its_words_in_whole_lines() {
        let long = "A sentence that is said again. ".repeat(40);
        let page = format!(
            "<html><head><title>T</title><style>p {{}}</style><script>alert(1)</script></head><body>\
             <h2>Lighthouses</h2><p>{long}</p><p>See <a href='https://example.org'>the <b>list</b></a>.</p>\
             <hr><ul><li>Westerhever</li><li>Pellworm &amp; Amrum</li></ul>\
             <table><tr><th>Name</th><th>Built</th></tr><tr><td>Westerheversand</td><td>1908</td></tr></table>\
             </body></html>"
        );
        let text = text(page.as_bytes()).unwrap();
        assert_eq!(
            text.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>(),
            [
                "## Lighthouses",
                long.trim_end(),
                "See the list.",
                "* Westerhever",
                "* Pellworm & Amrum",
                "Name  Built",
                "Westerheversand 1908",
            ]
        );
    }

    #[test]
    fn nesting_without_end_is_read_or_refused_but_ends() {
        let page = "<div>".repeat(20_000) + "deep";
        let read = super::super::apart(move || text(page.as_bytes()), super::super::TIME);
        assert!(read.is_err() || read.is_ok_and(|text| text.contains("deep")));
    }
}
