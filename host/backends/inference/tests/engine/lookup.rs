//! Guessing ahead: faster where an answer repeats, and the same answer everywhere.

use crate::harness::{chat, config, engine, greedy, run, session};
use corral_inference::{Config, Constraint, Finish, Input, Options, Role};

fn inputs() -> [Input; 3] {
    [
        Input::Prompt("One horse, two horses, three horses, four horses, five horses, six".into()),
        chat(&[(Role::User, "Repeat after me: the red horse and the blue horse ate the green hay, thrice.")]),
        Input::Prompt("Once upon a time".into()),
    ]
}

#[tokio::test]
async fn guessing_changes_no_answer() {
    let plain = engine(config()).await;
    let guessing = engine(Config { lookup: 8, ..config() }).await;
    for input in inputs() {
        for options in [greedy(48), Options { temperature: Some(0.8), seed: Some(5), ..greedy(48) }] {
            let expected = run(&plain, input.clone(), options.clone()).await;
            let answer = run(&guessing, input.clone(), options).await;
            assert_eq!((answer.text, answer.finish), (expected.text, expected.finish));
            assert_eq!(answer.usage.completion_tokens, expected.usage.completion_tokens);
        }
    }
    let load = guessing.load();
    assert!(load.guessed_right_tokens > 10 && load.guessed_right_tokens < load.guessed_tokens, "{load:?}");
    assert_eq!(plain.load().guessed_tokens, 0);
}

#[tokio::test]
async fn a_guess_ends_with_the_answer_and_leaves_nothing_in_the_cache() {
    let engine = engine(Config { lookup: 16, parallel: 1, ..config() }).await;
    let [counting, ..] = inputs();
    let options = || Options { owner: session("a"), ..greedy(7) };
    let first = run(&engine, counting.clone(), options()).await;
    assert_eq!((first.finish, first.usage.completion_tokens), (Finish::Length, 7));
    let held = first.usage.prompt_tokens + 6;
    assert!(engine.load().kv_tokens <= held, "{:?}", engine.load());
    let again = run(&engine, counting, options()).await;
    assert_eq!(again.text, first.text);
}

#[tokio::test]
async fn a_grammar_binds_guesses_too() {
    let engine = engine(Config { lookup: 8, ..config() }).await;
    let constraint = Some(Constraint::Grammar(r#"root ::= ("ha " | "ho ")+"#.into()));
    let answer =
        run(&engine, Input::Prompt("ha ho ha ho ha ho".into()), Options { constraint, ..greedy(20) }).await;
    assert!(answer.text.split_whitespace().all(|word| "ha ho h".contains(word)), "{}", answer.text);
}
