//! Cuts a text into parts that are sent one by one, at the borders of paragraphs where it can.
//!
//! Not here: passages. The application cuts each part into those.

/// Bytes that a part has at most: what the embedding model reads in seconds, so that a request stays short.
pub(super) const MOST: usize = 64 << 10;

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'t> {
    pub(super) text: &'t str,
    /// Characters of the text before it.
    pub(super) offset: usize,
}

/// The parts that are more than blanks. Together they are the whole text.
pub(super) fn cut(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut rest, mut offset) = (text, 0);
    while !rest.is_empty() {
        let (part, further) = rest.split_at(end(rest));
        if !part.trim().is_empty() {
            parts.push(Part { text: part, offset });
        }
        offset += part.chars().count();
        rest = further;
    }
    parts
}

/// Where the first part ends: above 0, unless the text is empty.
fn end(text: &str) -> usize {
    if text.len() <= MOST {
        return text.len();
    }
    let window = &text[..text.floor_char_boundary(MOST)];
    // A border in the first half would make more parts than needed; a lesser one further on is better.
    let borders = ["\n\n", "\n\r\n", "\n", ". ", " "];
    borders
        .iter()
        .filter_map(|border| Some(window.rfind(border)? + border.len()))
        .find(|end| *end > MOST / 2)
        .unwrap_or(window.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(text: &str) -> String {
        cut(text).iter().map(|part| part.text).collect()
    }

    #[test]
    fn a_short_text_is_one_part() {
        assert_eq!(cut("Hello.\n\nBye."), [Part { text: "Hello.\n\nBye.", offset: 0 }]);
        assert_eq!(cut(""), []);
        assert_eq!(cut(" \n\t\n"), []);
    }

    #[test]
    fn a_long_text_is_cut_between_paragraphs_and_nothing_is_lost() {
        let paragraph = format!("{}end.\n\n", "Grüße und Wörter. ".repeat(60));
        let text = paragraph.repeat(200);
        let parts = cut(&text);
        assert!(parts.len() > 3);
        assert_eq!(joined(&text), text);
        for (index, part) in parts.iter().enumerate() {
            assert!(part.text.len() <= MOST);
            assert!(part.text.ends_with("end.\n\n"), "part {index}");
            let start: String = text.chars().skip(part.offset).take(9).collect();
            assert!(part.text.starts_with(&start), "part {index}");
        }
    }

    #[test]
    fn a_text_without_paragraphs_is_cut_at_lines_then_words_then_anywhere() {
        let lines = "one line of words\n".repeat(10_000);
        assert!(cut(&lines).iter().all(|part| part.text.ends_with('\n')));
        let words = "words ".repeat(30_000);
        assert!(cut(&words).iter().all(|part| part.text.ends_with(' ')));
        let letters = "語".repeat(50_000);
        assert_eq!(joined(&letters), letters);
        assert!(cut(&letters).iter().all(|part| part.text.len() <= MOST));
    }
}
