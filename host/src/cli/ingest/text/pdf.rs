//! The text of a PDF file.

use super::Error;
use pdf_extract::{Document, Error as PdfError, OutputError, PlainTextOutput};

pub(super) fn text(file: &[u8]) -> Result<String, Error> {
    let document = Document::load_mem(file).map_err(|error| match error {
        PdfError::Decryption(_) | PdfError::InvalidPassword => Error::Encrypted,
        other => Error::Malformed(other.to_string()),
    })?;
    // What can be read without a password is decrypted by now, and this entry gone.
    if document.trailer.has(b"Encrypt") {
        return Err(Error::Encrypted);
    }
    let mut laid_out = String::new();
    pdf_extract::output_doc(&document, &mut PlainTextOutput::new(&mut laid_out))
        .map_err(|error: OutputError| Error::Malformed(error.to_string()))?;
    let text = tidy(&laid_out);
    if text.is_empty() { Err(Error::NoText) } else { Ok(text) }
}

/// Lines without blanks at their ends, and one empty line where there were several. Words are spelled in letters, for
/// nobody asks for them in glyphs.
fn tidy(laid_out: &str) -> String {
    let mut text = String::with_capacity(laid_out.len());
    let mut empty = false;
    for line in laid_out.lines().map(spelled) {
        let line = line.trim_end();
        if line.is_empty() {
            empty = !text.is_empty();
            continue;
        }
        if empty {
            text.push('\n');
            empty = false;
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// A line with ligatures as their letters, and without what is not shown.
fn spelled(line: &str) -> String {
    let mut spelled = String::with_capacity(line.len());
    for glyph in line.chars() {
        match glyph {
            // A zero is a glyph that the font gives no meaning; the other says where a word may be parted.
            '\0' | '\u{ad}' => {}
            'ﬀ' => spelled.push_str("ff"),
            'ﬁ' => spelled.push_str("fi"),
            'ﬂ' => spelled.push_str("fl"),
            'ﬃ' => spelled.push_str("ffi"),
            'ﬄ' => spelled.push_str("ffl"),
            'ﬅ' | 'ﬆ' => spelled.push_str("st"),
            letter => spelled.push(letter),
        }
    }
    spelled
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    /// A file of one page that draws this.
    fn file(drawing: &str) -> Vec<u8> {
        encoded("WinAnsiEncoding", drawing)
    }

    fn encoded(encoding: &str, drawing: &str) -> Vec<u8> {
        let objects = [
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R \
             /Resources << /Font << /F1 5 0 R >> >> >>"
                .to_owned(),
            format!("<< /Length {} >>\nstream\n{drawing}\nendstream", drawing.len()),
            format!("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /{encoding} >>"),
        ];
        let mut file = "%PDF-1.4\n".to_owned();
        let mut places = Vec::new();
        for (object, number) in objects.iter().zip(1..) {
            places.push(file.len());
            write!(file, "{number} 0 obj\n{object}\nendobj\n").unwrap();
        }
        let table = file.len();
        write!(file, "xref\n0 {}\n0000000000 65535 f \n", places.len() + 1).unwrap();
        for place in &places {
            writeln!(file, "{place:010} 00000 n ").unwrap();
        }
        let size = places.len() + 1;
        write!(file, "trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n").unwrap();
        file.into_bytes()
    }

    #[test]
    fn lines_of_a_page_are_read() {
        let drawing =
            "BT /F1 12 Tf 72 720 Td (The lighthouse was built in 1908.) Tj 0 -14 Td (It is red.) Tj ET";
        let text = text(&file(drawing)).unwrap();
        assert!(text.contains("The lighthouse was built in 1908."), "{text}");
        assert!(text.contains("It is red."), "{text}");
    }

    #[test]
    fn ligatures_are_read_as_their_letters() {
        let drawing = r"BT /F1 12 Tf 72 720 Td (of\336ce, \337oor) Tj ET";
        let read = text(&encoded("MacRomanEncoding", drawing)).unwrap();
        assert!(read.contains("office, floor"), "{read}");
        assert_eq!(
            tidy("ﬀ ﬁ ﬂ ﬃ ﬄ ﬅ ﬆ dic\u{ad}tion\0ary größe"),
            "ff fi fl ffi ffl st st dictionary größe\n"
        );
    }

    #[test]
    fn pages_of_pictures_have_no_text() {
        assert!(matches!(text(&file("0 0 100 100 re f")), Err(Error::NoText)));
    }

    #[test]
    fn a_broken_file_is_an_error_not_a_panic() {
        let whole = file("BT /F1 12 Tf (Hello) Tj ET");
        for broken in [b"%PDF-1.4\nnothing".to_vec(), whole[..whole.len() / 2].to_vec(), b"".to_vec()] {
            let read = super::super::apart(move || text(&broken), super::super::TIME);
            assert!(matches!(read, Err(Error::Malformed(_) | Error::NoText)), "{read:?}");
        }
    }

    #[test]
    fn a_file_with_a_password_is_said_to_be_encrypted() {
        let plain = String::from_utf8(file("BT /F1 12 Tf (Hello) Tj ET")).unwrap();
        let filler = "0".repeat(64);
        let encryption = format!(
            "/Encrypt << /Filter /Standard /V 1 /R 2 /Length 40 /P -4 /O <{filler}> /U <{filler}> >> \
             /ID [<00> <00>] /Root"
        );
        let locked = plain.replacen("/Root", &encryption, 1);
        assert!(matches!(text(locked.as_bytes()), Err(Error::Encrypted)));
    }
}
