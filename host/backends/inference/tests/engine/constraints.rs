//! Answers that a grammar or a JSON schema binds.

use crate::harness::{chat, config, engine, greedy, in_a_minute, run};
use corral_inference::{Config, Constraint, Engine, Error, Finish, Input, Options, Role};
use serde_json::Value;

const PROMPTS: u32 = 50;

/// A schema, and what every answer to it is.
struct Shape {
    about: &'static str,
    schema: &'static str,
    holds: fn(&Value) -> bool,
}

const SHAPES: [Shape; 5] = [
    Shape {
        about: "a person",
        schema: r#"{"type":"object","properties":{"name":{"type":"string","maxLength":12},
            "age":{"type":"integer","minimum":0,"maximum":120}},"required":["name","age"],
            "additionalProperties":false}"#,
        holds: |value| {
            let name = value["name"].as_str().is_some_and(|name| name.chars().count() <= 12);
            name && value["age"].as_u64().is_some_and(|age| age <= 120) && has_just(value, 2)
        },
    },
    Shape {
        about: "some colours",
        schema: r#"{"type":"array","items":{"enum":["red","green","blue"]},"minItems":1,"maxItems":4}"#,
        holds: |value| {
            let colours = ["red", "green", "blue"];
            let known = |item: &Value| item.as_str().is_some_and(|item| colours.contains(&item));
            value.as_array().is_some_and(|items| (1..=4).contains(&items.len()) && items.iter().all(known))
        },
    },
    Shape {
        about: "a place",
        schema: r#"{"type":"object","properties":{"place":{"type":"object","properties":
            {"city":{"type":"string","maxLength":16},"capital":{"type":"boolean"}},
            "required":["city","capital"],"additionalProperties":false}},"required":["place"],
            "additionalProperties":false}"#,
        holds: |value| value["place"]["city"].is_string() && value["place"]["capital"].is_boolean(),
    },
    Shape {
        about: "a date, or null",
        schema: r#"{"oneOf":[{"type":"string","pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},{"type":"null"}]}"#,
        holds: |value| value.is_null() || value.as_str().is_some_and(is_date),
    },
    Shape {
        about: "one of two kinds of things",
        schema: r##"{"$ref":"#/$defs/kind","$defs":{"kind":{"anyOf":[{"const":"animal"},
            {"type":"object","properties":{"legs":{"type":"integer","minimum":0,"maximum":8}},
            "required":["legs"],"additionalProperties":false}]}}}"##,
        holds: |value| value == "animal" || value["legs"].as_u64().is_some_and(|legs| legs <= 8),
    },
];

fn has_just(value: &Value, keys: usize) -> bool {
    value.as_object().is_some_and(|object| object.len() == keys)
}

fn is_date(text: &str) -> bool {
    let numbers: Vec<_> = text.split('-').map(str::len).collect();
    numbers == [4, 2, 2] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit())
}

/// Asks for a shape, as one of many does at its own temperature, and says how the answer ended.
async fn ask(engine: &Engine, number: u32) -> Result<Finish, String> {
    let shape = &SHAPES[number as usize % SHAPES.len()];
    let question = format!("Number {number}: describe {} as JSON.", shape.about);
    let options = Options {
        constraint: Some(Constraint::JsonSchema(shape.schema.into())),
        temperature: Some([0.0, 0.7, 1.5][number as usize % 3]),
        seed: Some(number),
        ..greedy(100)
    };
    let answer = run(engine, chat(&[(Role::User, &question)]), options).await;
    let told = format!("{number}: {:?}, {:?}", answer.finish, answer.text);
    match (answer.finish, serde_json::from_str(&answer.text)) {
        (Finish::Stop, Ok(value)) if (shape.holds)(&value) => Ok(Finish::Stop),
        // Between two parts of a value any amount of blanks is allowed, so that it may not come to its end.
        (Finish::Length, Err(error)) if error.is_eof() => Ok(Finish::Length),
        _ => Err(told),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_prompts_are_answered_in_the_shape_of_their_schemas() {
    let engine = engine(Config { n_ubatch: 128, ..config() }).await;
    let asked = (0..PROMPTS).map(|number| {
        let engine = engine.clone();
        tokio::spawn(async move { ask(&engine, number).await })
    });
    let (mut wrong, mut complete) = (Vec::new(), [0; SHAPES.len()]);
    for (number, answer) in asked.collect::<Vec<_>>().into_iter().enumerate() {
        match answer.await.unwrap() {
            Ok(finish) => complete[number % SHAPES.len()] += u32::from(finish == Finish::Stop),
            Err(told) => wrong.push(told),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(
        complete.iter().all(|answers| *answers > 0),
        "a grammar that no answer comes to the end of: {complete:?}"
    );
}

#[tokio::test]
async fn a_grammar_binds_and_a_bad_one_is_refused() {
    let engine = engine(config()).await;
    let with =
        |grammar: &str| Options { constraint: Some(Constraint::Grammar(grammar.into())), ..greedy(20) };
    let answer = run(&engine, chat(&[(Role::User, "Hi")]), with(r#"root ::= "no" | "maybe""#)).await;
    assert!(["no", "maybe"].contains(&answer.text.as_str()), "{}", answer.text);
    let schema = |text: &str| Options { constraint: Some(Constraint::JsonSchema(text.into())), ..greedy(20) };
    let nested = format!("{}1{}", "[".repeat(300), "]".repeat(300));
    for bad in [
        with("root ::= ("),
        with("other ::= \"x\""),
        with("root ::= root \"x\""),
        // On these llama.cpp aborts, fills the memory, or never ends.
        with("root ::= b root\nb ::= c\nc ::= \"\""),
        with("root ::= \"a\"{3,2}"),
        with("root ::= <no such token>"),
        schema("{"),
        schema(&nested),
        schema(r#"{"type":"string","minLength":3,"maxLength":2}"#),
        schema(r##"{"allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"$ref":"#/$defs/a"}}}"##),
    ] {
        let refused = engine.generate(Input::Prompt("x".into()), bad.clone(), in_a_minute()).await;
        assert!(matches!(refused.err(), Some(Error::InvalidArgument(_))), "{bad:?}");
    }
}

#[tokio::test]
async fn classes_in_a_pattern_bind() {
    let engine = engine(config()).await;
    let schema = r#"{"type":"string","pattern":"^\\d{3}-\\d{4}$"}"#;
    let options = Options { constraint: Some(Constraint::JsonSchema(schema.into())), ..greedy(60) };
    let answer = run(&engine, chat(&[(Role::User, "A telephone number?")]), options).await;
    let number: String = serde_json::from_str(&answer.text).unwrap();
    assert!(number.len() == 8 && number.chars().all(|next| next == '-' || next.is_ascii_digit()), "{number}");
}

/// The converter calls itself for each: on a thread of the usual size that would end the process.
#[tokio::test]
async fn a_long_chain_of_references_is_refused() {
    const LINKS: usize = 1500;
    let engine = engine(config()).await;
    let link = |link| format!(r##""d{link}":{{"items":{{"$ref":"#/$defs/d{}"}}}},"##, link + 1);
    let links: String = (0..LINKS).map(link).collect();
    let schema = format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{links}"d{LINKS}":{{"const":1}}}}}}"##);
    let options = Options { constraint: Some(Constraint::JsonSchema(schema)), ..greedy(1) };
    let refused = engine.generate(Input::Prompt("x".into()), options, in_a_minute()).await;
    assert!(matches!(refused.err(), Some(Error::InvalidArgument(why)) if why.contains("rules")));
}
