//! Answers of an engine that has stock Spin's ways, and of one that has not.

use super::*;
use crate::{Bias, Constraint, Message, Role};
use corral_spin_testing::llm::Scripted;

fn question(text: &str) -> Input {
    Input::Chat(vec![Message { role: Role::User, content: text.into() }])
}

fn spin(llm: Scripted) -> (Spin, Arc<Scripted>) {
    let llm = Arc::new(llm);
    (Spin::new(llm.clone(), vec!["llama2-chat".into(), "other".into()], 4096), llm)
}

/// All events, asked for one by one.
fn events(answer: &mut dyn Generation) -> Vec<Event> {
    let mut all = Vec::new();
    loop {
        match answer.next(1).unwrap() {
            Step::Events(events) if events.is_empty() => return all,
            Step::Events(events) => all.extend(events),
            Step::Waiting => {}
        }
    }
}

fn told(llm: Scripted, options: Options) -> (String, Finish, Usage) {
    let (spin, _) = spin(llm);
    let mut answer = spin.generate(None, question("Hi"), options).unwrap();
    match &events(&mut *answer)[..] {
        [Event::Delta(text), Event::Done { finish, usage }] => (text.clone(), *finish, *usage),
        [Event::Done { finish, usage }] => (String::new(), *finish, *usage),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_engine_that_repeats_the_prompt_and_counts_it_twice_is_understood() {
    for llm in [Scripted::stock(" Hello, I am here.", 5), Scripted::plain(" Hello, I am here.", 5)] {
        let (text, finish, usage) = told(llm, Options::default());
        assert_eq!((text.as_str(), finish), (" Hello, I am here.", Finish::Stop));
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (Scripted::PROMPT_TOKENS, 5));
    }
}

#[test]
fn stop_strings_cut_the_text_and_the_limit_is_told() {
    let stop = Options { stop: vec!["I am".into()], max_tokens: Some(5), ..Options::default() };
    assert_eq!(told(Scripted::stock("Hello, I am here.", 5), stop).0, "Hello, ");
    let short = Options { max_tokens: Some(5), ..Options::default() };
    assert_eq!(told(Scripted::stock("Hello, I am", 5), short).1, Finish::Length);
    let held = Options { stop: vec!["here.!".into()], ..Options::default() };
    assert_eq!(told(Scripted::plain("I am here.", 5), held).0, "I am here.");
    assert_eq!(told(Scripted::stock("", 1), Options::default()).0, "");
}

#[test]
fn an_empty_answer_and_its_end_come_once() {
    let (spin, llm) = spin(Scripted::stock("x", 1));
    let mut answer = spin.generate(Some("other"), question("Hi"), Options::default()).unwrap();
    assert_eq!(llm.asked().len(), 0, "asked only when the first event is");
    assert_eq!(events(&mut *answer).len(), 2);
    assert_eq!(answer.next(9).unwrap(), Step::Events(Vec::new()));
    assert_eq!(llm.asked()[0].0, "other");
}

#[test]
fn what_spin_can_be_told_is_and_the_context_bounds_the_answer() {
    let (spin, llm) = spin(Scripted::stock("x", 1));
    let options = Options {
        max_tokens: Some(9000),
        temperature: Some(0.3),
        top_k: Some(0),
        top_p: Some(0.8),
        repeat_penalty: Some(1.2),
        seed: None,
        owner: Some(crate::Owner::Session("s".into())),
        min_p: Some(0.0),
        ..Options::default()
    };
    let input = question("Hi");
    let room = 4096 - spin.count_tokens(None, &input).unwrap();
    events(&mut *spin.generate(None, input, options).unwrap());
    let (model, prompt, parameters) = llm.asked().remove(0);
    assert_eq!((model.as_str(), prompt.as_str()), ("llama2-chat", "[INST] Hi [/INST]"));
    let expected = Parameters {
        max_tokens: room,
        repeat_penalty: 1.2,
        repeat_penalty_last_n: 64,
        temperature: 0.3,
        top_k: NO_BOUND_HERE,
        top_p: 0.8,
    };
    assert_eq!(parameters, expected);
}

const NO_BOUND_HERE: u32 = 1 << 20;

#[test]
fn what_spin_cannot_be_told_is_refused_by_name() {
    let (spin, llm) = spin(Scripted::stock("x", 1));
    let refused = |options: Options| match spin.generate(None, question("Hi"), options) {
        Err(Error::InvalidArgument(what)) => what,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("not refused"),
    };
    let none = Options::default;
    for (options, name) in [
        (Options { seed: Some(1), ..none() }, "seed"),
        (Options { min_p: Some(0.1), ..none() }, "min_p"),
        (Options { frequency_penalty: Some(0.5), ..none() }, "frequency_penalty"),
        (Options { presence_penalty: Some(0.5), ..none() }, "presence_penalty"),
        (Options { biases: vec![Bias { token: 1, amount: 1.0 }], ..none() }, "logit_bias"),
        (Options { constraint: Some(Constraint::Grammar("root ::= \"x\"".into())), ..none() }, "grammar"),
        (Options { log_probabilities: Some(0), ..none() }, "log-probabilities"),
        (Options { adapter: Some("a".into()), ..none() }, "adapter"),
    ] {
        let what = refused(options);
        assert!(what.starts_with(name) || what.contains(name) && what.contains("corral_url"), "{what}");
    }
    // Out of range is out of range, whoever answers.
    assert!(refused(Options { top_p: Some(1.5), ..none() }).contains("top_p"));
    // Without chance a seed changes nothing.
    let greedy = Options { seed: Some(1), temperature: Some(0.0), ..none() };
    assert!(spin.generate(None, question("Hi"), greedy).is_ok());
    assert_eq!(llm.asked().len(), 0);
}

#[test]
fn errors_are_the_contracts() {
    let (spin, _) = spin(Scripted::failing(llm::Error::ModelNotSupported));
    assert!(matches!(spin.describe(Some("gone")), Err(Error::NoSuchModel)));
    let failed = |error| {
        let (spin, _) = self::spin(Scripted::failing(error));
        let mut answer = spin.generate(None, question("Hi"), Options::default()).unwrap();
        let error = answer.next(8).unwrap_err();
        assert_eq!(answer.next(8).unwrap(), Step::Events(Vec::new()));
        error
    };
    assert_eq!(failed(llm::Error::ModelNotSupported), Error::NoSuchModel);
    assert_eq!(
        failed(llm::Error::Runtime("out of memory".into())),
        Error::Unavailable("out of memory".into())
    );
    assert!(matches!(failed(llm::Error::InvalidInput("no access".into())), Error::Unavailable(_)));
    let long = spin.generate(None, question(&"word ".repeat(4000)), Options::default()).err();
    assert!(matches!(long, Some(Error::ContextOverflow { need, have: 4095 }) if need > 4095), "{long:?}");
}
