//! What is refused here never comes to llama.cpp, and what is not, it takes.

use super::*;

fn refused(grammar: &str) -> String {
    check(grammar, |token| token == "<s>").expect_err(grammar)
}

#[test]
fn what_llama_cpp_takes_passes() {
    for grammar in [
        "root ::= \"x\"",
        "# a comment\n\nroot ::= # more\n  a b | \"\\\"(((\" | c\n\na ::= [^(\\]-] [a-z0-9_-]\r\nb ::= (\"x\" |\n  \"y\"\n)* .\n\
         c ::= \"\" | <s> !<s> <[12]>",
        "root ::= \"a\"{2} \"b\"{2,} \"c\" {0,2000} (\"d\" \"e\"?)+ \"f\"{1,5000} \"g\"{0}",
        "root ::= item*\nitem ::= \"(\" root \")\" | (\"a\"* \"b\"*)*",
        "root ::= \"a\" root | tail\ntail ::= \"b\" tail |",
        "root ::= \"\\x41\\u00e9\\U0001F600\" [é-ü]",
    ] {
        assert_eq!(check(grammar, |token| token == "<s>"), Ok(()), "{grammar}");
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    for (grammar, why) in [
        ("", "no rule named root"),
        ("other ::= \"x\"", "no rule named root"),
        ("root ::= other", "other is not defined"),
        ("root ::= (", "')'"),
        ("root ::= \"x", "a character"),
        ("root ::= [a-", "a character"),
        ("root ::= \"\\d\"", "an escape that is known"),
        ("root ::= \"\\x4\"", "2 digits"),
        ("root = \"x\"", "'::='"),
        ("root ::= \"x\"\nroot ::= \"y\" )", "line 2"),
        ("root ::= *", "nothing"),
        ("root ::= \"\"?", "nothing"),
        ("root ::= \"a\"{0}*", "nothing"),
        ("root ::= \"a\"{x}", "a number"),
        ("root ::= \"a\"{1", "'}'"),
        ("root ::= <t>", "a token that the model has"),
        ("root ::= <[4294967296]>", "a token that the model has"),
        ("root ::= <s", "a token such as"),
        ("root ::= \"\0\"", "a zero"),
        ("root ::= a_b", "end of the line"),
    ] {
        let refusal = refused(grammar);
        assert!(refusal.contains(why), "{grammar}: {refusal}");
    }
}

#[test]
fn what_would_fill_the_memory_is_refused() {
    let many: String = (0..=MAX_RULES).map(|number| format!("r{number} ::= \"b\"\n")).collect();
    assert!(refused(&many).contains("rules"));
    assert!(refused(&format!("root ::= {}", "(".repeat(MAX_NESTING + 1))).contains("nested"));
    assert!(refused(&format!("{} ::= \"x\"", "r".repeat(MAX_NAME + 1))).contains("name"));
    assert!(refused("root ::= \"a\"{3,2}").contains("at least 3 and at most 2"));
    assert!(refused("root ::= \"a\"{2001}").contains("2001 times"));
    assert!(refused("root ::= \"a\"{99999999999999999999}").contains("a number"));
    assert!(refused("root ::= (\"a\"{0,100}){0,100}").contains("repeats itself"));
    assert!(refused("root ::= \"a\"{100}{100}").contains("repeats itself"));
    assert!(refused(&format!("root ::= {}", "\"a\"{0,2000} ".repeat(17))).contains("elements"));
    assert!(refused(&format!("root ::= \"{}\"{{2000}}", "a".repeat(17))).contains("elements"));
}

#[test]
fn rules_that_begin_with_themselves_are_refused() {
    for grammar in [
        "root ::= root \"x\" | \"y\"",
        "root ::= b root\nb ::= c\nc ::= \"\"",
        "root ::= a root \"x\" | \"y\"\na ::= b\nb ::= \"z\" | \"\"",
        "root ::= \"x\" a\na ::= (\"y\"?) (\"\" a)+",
        "root ::= \"x\"\na ::= b{0,5} c\nb ::= \"b\"\nc ::= a | \"c\"",
        "root ::= root",
    ] {
        assert!(refused(grammar).contains("begins with itself"), "{grammar}");
    }
}

#[test]
fn beginnings_without_number_are_refused() {
    let levels = |rule: &dyn Fn(usize) -> String| {
        let rules: String = (0..60).map(|level| format!("r{level} ::= {}\n", rule(level + 1))).collect();
        format!("root ::= r0\n{rules}r60 ::= \"x\"")
    };
    assert!(refused(&levels(&|next| format!("r{next} | r{next}"))).contains("too many ways"));
    assert!(refused(&levels(&|next| format!("r{next} \"a\" | r{next} \"b\""))).contains("too many ways"));
    let nested = "root ::= a{0,2000}\na ::= b{0,2000} | \"\"\nb ::= c{0,2000} | \"\"\nc ::= \"c\"";
    assert!(refused(nested).contains("too many ways"));
    let tail = format!("root ::= \"x\" {}\na ::= b{{0,2000}}\nb ::= \"b\" | \"\"", "a ".repeat(9));
    assert!(refused(&tail).contains("too many ways"));
}
