//! Schemas, what becomes of them, and that llama.cpp's parser takes it.

use super::*;
use crate::sampling::grammar;

fn made(schema: &str) -> String {
    let grammar = to_grammar(schema).unwrap_or_else(|refusal| panic!("{schema}: {refusal}"));
    grammar::check(&grammar, |_token| false)
        .unwrap_or_else(|refusal| panic!("{schema}: {refusal}: {grammar}"));
    grammar
}

/// By the schema's check, or by the grammar's.
fn refused(schema: &str) -> String {
    to_grammar(schema).and_then(|grammar| grammar::check(&grammar, |_token| false)).expect_err(schema)
}

#[test]
fn ordinary_schemas_are_made_grammars() {
    let person = r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"Person","type":"object",
        "description":"d","properties":{"name":{"type":"string","title":"Name","default":"x","examples":["y"],
        "format":"email"},"age":{"type":"integer","minimum":0},"tags":{"type":"array","items":{"type":"string"},
        "uniqueItems":true},"size":{"type":"number","minimum":1.5,"multipleOf":0.5},"next":{"anyOf":
        [{"$ref":"#/$defs/Person"},{"type":"null"}]}},"required":["name"],"$defs":{"Person":{"type":"object",
        "properties":{"next":{"$ref":"#/$defs/Person"}},"additionalProperties":false}}}"##;
    for schema in [
        "{}",
        person,
        r#"{"type":["string","null"],"maxLength":4294967295}"#,
        r#"{"type":"string","pattern":"\\d+"}"#,
        r#"{"type":"object","additionalProperties":{"type":"integer"}}"#,
        r#"{"type":"object","properties":{"pattern":{"type":"string"},"$ref":{"type":"string"}}}"#,
        r#"{"enum":[{"pattern":"(","minLength":2,"maxLength":1}]}"#,
        r#"{"allOf":[{"properties":{"a":{}}},{"required":["a"]},{"properties":{"b":{}}}]}"#,
        r#"{"type":"string","allOf":[{"enum":["a","b"]},{"enum":["b"]}]}"#,
    ] {
        made(schema);
    }
}

#[test]
fn members_stay_in_their_order() {
    let grammar =
        made(r#"{"type":"object","properties":{"b":{"const":1},"a":{"const":2}},"required":["a","b"]}"#);
    let root = grammar.lines().find(|line| line.starts_with("root ")).unwrap_or_default();
    assert!(root.find("b-kv") < root.find("a-kv"), "{grammar}");
}

#[test]
fn classes_and_anchors_of_patterns_are_kept_to() {
    let grammar = made(r#"{"type":"string","pattern":"^\\d{3}-\\w$"}"#);
    assert!(grammar.contains("root-1 ::= [0-9]\n") && !grammar.contains("string ::="), "{grammar}");
}

#[test]
fn integers_are_within_their_bounds() {
    // Of 100 and more, the converter by itself takes 15 for one.
    assert!(!made(r#"{"type":"integer","minimum":100}"#).contains("[1] ([0-9]{1,"));
    assert!(!made(r#"{"type":"integer","maximum":-100}"#).contains("[1] ([0-9]{1,"));
    made(r#"{"type":"integer","minimum":1750000000000000}"#);
    made(r#"{"type":"integer","exclusiveMinimum":-0.5,"maximum":0}"#);
    made(r#"{"type":["integer","null"],"minimum":175000000000000000,"maximum":175000000000000009}"#);
    for schema in [
        r#"{"type":"integer","minimum":175000000000000000}"#,
        r#"{"type":"integer","maximum":-175000000000000000}"#,
        r#"{"type":"integer","minimum":3,"exclusiveMaximum":3}"#,
    ] {
        assert!(refused(schema).contains("no integer"), "{schema}");
    }
}

#[test]
fn one_schema_in_all_of_is_that_schema() {
    let alone = made(
        r##"{"allOf":[{"$ref":"#/$defs/a"}],"title":"t","$defs":{"a":{"type":"string","maxLength":5}}}"##,
    );
    assert!(alone.contains("char{0,5}"), "{alone}");
    let recursive = r##"{"$ref":"#/definitions/Node","definitions":{"Node":{"type":"object","properties":
        {"next":{"description":"d","allOf":[{"$ref":"#/definitions/Node"}]}}}}}"##;
    made(recursive);
}

#[test]
fn what_would_be_made_another_grammar_is_refused() {
    for (schema, why) in [
        (r#"{"type":"string","minLength":3,"maxLength":2}"#, "minLength"),
        (r#"{"type":"array","items":{},"minItems":3,"maxItems":2}"#, "minItems"),
        (r#"{"type":"string","minLength":3000}"#, "3000"),
        (r#"{"items":[{"properties":{"a":{"pattern":"^a{3,2}$"}}}]}"#, "a pattern has"),
        (r#"{"allOf":[{"type":"string"},{"maxLength":5}]}"#, "allOf"),
        (r#"{"allOf":[{"type":"object"},{"title":"x"}]}"#, "allOf"),
        (r##"{"$ref":"#/nowhere"}"##, "nowhere"),
        (r##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}}}"##, "begins with itself"),
        (r#"{"type":"strin"}"#, "not of its kind"),
        ("{", "not JSON"),
    ] {
        let refusal = refused(schema);
        assert!(refusal.contains(why), "{schema}: {refusal}");
    }
}

#[test]
fn what_the_converter_would_follow_without_end_is_refused() {
    let loops = [
        r##"{"allOf":[{"$ref":"#/$defs/a"},{"properties":{"x":{}}}],"$defs":{"a":{"$ref":"#/$defs/a"}}}"##,
        r##"{"$ref":"#/$defs/a","$defs":{"a":{"properties":{"b":{"allOf":[{"$ref":"#/$defs/a"},{"required":[]}]}}}}}"##,
    ];
    for schema in loops {
        assert!(refused(schema).contains("leads to itself"), "{schema}");
    }
    let level = |level: usize, next: &str| {
        let part = format!(r#"{{"allOf":[{next},{{"required":[]}}]}}"#);
        format!(r#""d{level}":{{"properties":{{"a":{part},"b":{part},"c":{part},"d":{part},"e":{part}}}}}"#)
    };
    let levels = |count: usize| {
        let next = |next| format!(r##"{{"$ref":"#/$defs/d{next}"}}"##);
        let all: String = (0..count).map(|number| level(number, &next(number + 1)) + ",").collect();
        format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{all}"d{count}":{{"properties":{{"x":{{}}}}}}}}}}"##)
    };
    made(&levels(3));
    assert!(refused(&levels(12)).contains("too many rules"));
    assert!(refused(&levels(40)).contains("lead to one another"));
}

#[test]
fn names_that_are_too_long_or_too_many_are_refused() {
    let named = |name: &str| format!(r#"{{"properties":{{"{name}":{{}}}},"additionalProperties":true}}"#);
    made(&named(&"a".repeat(90)));
    for name in ["a".repeat(60_000), "_".repeat(20_000)] {
        assert!(refused(&named(&name)).contains("256 bytes"));
    }
    assert!(refused(&format!(r##"{{"$ref":"#/{}"}}"##, "_".repeat(257))).contains("256 bytes"));
    let many: Vec<_> = (0..257).map(|number| format!(r#""p{number}":{{}}"#)).collect();
    assert!(refused(&format!(r#"{{"properties":{{{}}}}}"#, many.join(","))).contains("256 properties"));
    assert!(refused(r#"{"type":["object","object"],"properties":{"a":{}}}"#).contains("twice"));
}
