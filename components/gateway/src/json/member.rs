//! Where in a JSON text a member stands. Its own text keeps the order of its keys, which a `Value` does not.

use super::Scanner;

/// The text of the member that `path` leads to, as the client wrote it. As in `parse`, of equal keys the
/// last one counts. None if it is not there.
pub fn text<'t>(document: &'t str, path: &[&str]) -> Option<&'t str> {
    let document = document.strip_prefix('\u{feff}').unwrap_or(document);
    path.iter().try_fold(document, |object, name| member(object, name))
}

/// The texts of an array's items, as the client wrote them. None of what is no array.
pub fn items(array: &str) -> Vec<&str> {
    let mut scanner = Scanner::new(array);
    let mut items = Vec::new();
    scanner.space();
    if !scanner.take("[") {
        return items;
    }
    loop {
        scanner.space();
        let Some(item) = scanner.span(|scanner| scanner.value(0)) else { return items };
        items.push(item);
        scanner.space();
        if !scanner.take(",") {
            return items;
        }
    }
}

fn member<'t>(object: &'t str, name: &str) -> Option<&'t str> {
    let mut scanner = Scanner::new(object);
    let mut found = None;
    scanner.space();
    let _opened = scanner.take("{");
    loop {
        scanner.space();
        if scanner.peek() != Some(b'"') {
            return found;
        }
        let key = scanner.span(Scanner::string)?;
        scanner.space();
        let _separated = scanner.take(":");
        scanner.space();
        let value = scanner.span(|scanner| scanner.value(0))?;
        if serde_json::from_str::<String>(key).is_ok_and(|key| key == name) {
            found = Some(value);
        }
        scanner.space();
        if !scanner.take(",") {
            return found;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{items, text};

    #[test]
    fn a_member_is_given_as_it_was_written() {
        let document =
            "\u{feff} {\"a\": 1, \"sch\\u0065ma\" : {\"z\":1, \"a\" :[ ]} , \"b\": {\"c\": \"}\\\"\"}}";
        assert_eq!(text(document, &["schema"]), Some("{\"z\":1, \"a\" :[ ]}"));
        assert_eq!(text(document, &["schema", "a"]), Some("[ ]"));
        assert_eq!(text(document, &["b", "c"]), Some("\"}\\\"\""));
        assert_eq!(text(document, &["a"]), Some("1"));
    }

    #[test]
    fn of_equal_keys_the_last_one_counts() {
        assert_eq!(text(r#"{"a":{"b":1},"a":{"b":2,"b":3}}"#, &["a", "b"]), Some("3"));
    }

    #[test]
    fn items_are_given_as_they_were_written() {
        assert_eq!(
            items("[ {\"b\":1, \"a\":[2,3]} ,\"x,]\",7 ]"),
            ["{\"b\":1, \"a\":[2,3]}", "\"x,]\"", "7"]
        );
        assert!(items("[]").is_empty() && items("{}").is_empty() && items("").is_empty());
    }

    #[test]
    fn what_is_not_there_is_none() {
        for (document, path) in [
            ("{}", ["a"]),
            ("[1]", ["a"]),
            ("1", ["a"]),
            ("", ["a"]),
            (r#"{"b":{"a":1}}"#, ["a"]),
            ("\"a\"", ["a"]),
        ] {
            assert_eq!(text(document, &path), None, "{document}");
        }
    }
}
