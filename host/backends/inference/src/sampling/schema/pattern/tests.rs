//! Patterns, and what they become.

use super::*;

#[test]
fn ordinary_patterns_become_the_converters() {
    for (pattern, becomes) in [
        (r"^[0-9]{4}-[0-9]{2}$", r"^[0-9]{4}[\x2D][0-9]{2}$"),
        (r"^[a-z]+(-[a-z]+)*$", r"^[a-z]+(?:[\x2D][a-z]+)*$"),
        (r"^\d{3,}\s\w?$", r"^[0-9]{3,}[ ][0-9A-Za-z_]?$"),
        (r"^a\.b*?|[\d_-]$", r"^[a][\x2E][b]*|[0-9\x5F\x2D]$"),
        (r"^(?:é|\u00fc)$", r"^(?:[é]|[ü])$"),
        (r"^\$$", r"^[\x24]$"),
        (r#"^"\\\n$"#, r#"^(?:\\")(?:\\\\)(?:\\n)$"#),
        (r#"^.[^\n"a]\D$"#, r#"^[^"\\\x7F\x00-\x1F][^a"\\\x7F\x00-\x1F][^0-9"\\\x7F\x00-\x1F]$"#),
        (r"^[ -~]$", r"^[\x20-\x21\x23-\x5B\x5D-\x7E]$"),
        ("^$", "^$"),
        ("ab", r#"^[^"\\\x7F\x00-\x1F]*(?:[a][b])[^"\\\x7F\x00-\x1F]*$"#),
        (r"^a\$", r#"^(?:[a][\x24])[^"\\\x7F\x00-\x1F]*$"#),
    ] {
        assert_eq!(converted(pattern).as_deref(), Ok(becomes), "{pattern}");
    }
    for pattern in [
        r"^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$",
        r"^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        r"^P(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?$",
        r"^(\+\d{1,3})?[ -]?\(?\d{3}\)?[ -]?\d{3}[ -]?\d{4}$",
        r"^(https?:\/\/)?([\w-]+\.)+[\w-]+(\/[\w.\/?%&=-]*)?$",
        r"^(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.\w+)*))?$",
    ] {
        assert!(converted(pattern).is_ok(), "{pattern}");
    }
}

#[test]
fn what_cannot_be_said_is_refused_without_its_words() {
    for (pattern, why) in [
        ("^(?=secret)$", "a look around"),
        ("^(?<secret>a)$", "a group with a name"),
        (r"^\bsecret$", "no meaning here"),
        (r"^(secret)\1$", "no meaning here"),
        (r"^\p{L}$", "no meaning here"),
        (r"^\u12$", "no character"),
        ("^secret^$", "an anchor"),
        ("^secret)$", "closes none"),
        ("^(secret$", "not closed"),
        ("^[secret$", "not closed"),
        ("^*secret$", "a repetition of nothing"),
        ("^s**$", "a repetition of nothing"),
        ("^s{3,2}$", "not below it"),
        ("^s{,2}$", "not below it"),
        ("^s{2$", "a brace that is not closed"),
        ("^[z-a]$", "backwards"),
        (r#"^["\\]$"#, "a class of nothing"),
        ("^\u{1}$", "control"),
    ] {
        let refusal = converted(pattern).expect_err(pattern);
        assert!(refusal.contains(why) && !refusal.contains("secret"), "{pattern}: {refusal}");
    }
    assert!(converted(&"a".repeat(MAX_LENGTH + 1)).is_err());
    assert!(converted(&format!("^{}{}$", "(".repeat(50), ")".repeat(50))).is_err());
}

#[test]
fn choices_that_llama_cpp_would_try_for_ever_are_refused() {
    for pattern in [
        format!("^{}$", "[^d]?".repeat(60)),
        format!("^{}$", "([^d]?[^d]?)".repeat(30)),
        "^([^d]?){60}$".to_owned(),
        "^(([^d]?)*[^d]*){60}$".to_owned(),
    ] {
        assert!(converted(&pattern).is_err_and(|refusal| refusal.contains("left out")), "{pattern}");
    }
}
