//! How tokens are chosen: penalties, biases, and the odds that are told.

#![expect(clippy::unwrap_used, reason = "a test that cannot ask its engine has failed")]

use crate::harness::{
    as_it_comes, chat, config, engine, greedy, in_a_minute, long_prompt, run, session, soon,
};
use corral_inference::{Bias, Engine, Error, Event, Input, Options, Role, Scored};

/// The text and the scored tokens of an answer.
async fn scored(engine: &Engine, input: Input, options: Options) -> (String, Vec<Scored>) {
    let mut generation = engine.generate(input, options, in_a_minute()).await.unwrap();
    let (mut text, mut tokens) = (String::new(), Vec::new());
    loop {
        for event in generation.next(16).await.unwrap() {
            match event {
                Event::Delta(delta) => text.push_str(&delta),
                Event::Scored(scored) => tokens.extend(scored),
                Event::Call(_) => {}
                Event::Done { .. } => return (text, tokens),
            }
        }
    }
}

fn bytes(tokens: &[Scored]) -> Vec<u8> {
    tokens.iter().flat_map(|token| token.chosen.bytes.clone()).collect()
}

#[tokio::test]
async fn the_odds_of_an_answer_are_those_of_its_tokens() {
    let engine = engine(config()).await;
    let input = || chat(&[(Role::User, "Say some words with é and 🐎, please.")]);
    let options = Options { log_probabilities: Some(5), ..greedy(24) };
    let (text, tokens) = scored(&engine, input(), options).await;
    assert_eq!(String::from_utf8_lossy(&bytes(&tokens)), text);
    for token in &tokens {
        assert_eq!(token.likeliest.len(), 5);
        assert_eq!(token.likeliest[0], token.chosen, "greedy takes the likeliest");
        let odds: Vec<f32> = token.likeliest.iter().map(|candidate| candidate.log_probability).collect();
        assert!(odds.is_sorted_by(|a, b| a >= b) && odds[0] <= 0.0, "{odds:?}");
        assert!(odds.iter().map(|odds| odds.exp()).sum::<f32>() <= 1.0001);
    }
    let plain = run(&engine, input(), greedy(24)).await;
    assert_eq!(plain.text, text, "telling them changes nothing");
}

#[tokio::test]
async fn with_the_default_settings_what_is_cached_says_nearly_what_is_read() {
    // Without flash attention llama.cpp's kernels round differently for one token and for many.
    const TOLERANCE: f32 = 0.1;
    let engine = engine(as_it_comes()).await;
    let input = || Input::Prompt(long_prompt(120));
    let options = || Options { log_probabilities: Some(1), owner: session("a"), ..greedy(1) };
    let (_, read) = scored(&engine, input(), options()).await;
    let (_, cached) = scored(&engine, input(), options()).await;
    soon("the second prompt was cached", || engine.load().cached_tokens > 100).await;
    let apart = (read[0].likeliest[0].log_probability - cached[0].likeliest[0].log_probability).abs();
    assert!(apart < TOLERANCE, "{apart}: {read:?} {cached:?}");
}

#[tokio::test]
async fn tokens_of_a_stop_string_are_not_told() {
    let engine = engine(config()).await;
    let input = || Input::Prompt("One, two, three, four,".into());
    let options = Options { log_probabilities: Some(0), ..greedy(16) };
    let (whole, tokens) = scored(&engine, input(), options.clone()).await;
    let [before, stop] =
        [&tokens[..5], &tokens[5..8]].map(|tokens| String::from_utf8(bytes(tokens)).unwrap());
    assert_eq!(whole.find(&stop), Some(before.len()), "it was meant to come once: {whole:?}");
    let (text, tokens) = scored(&engine, input(), Options { stop: vec![stop], ..options }).await;
    assert_eq!((&text, bytes(&tokens)), (&before, before.clone().into_bytes()));
    assert!(tokens.iter().all(|token| token.likeliest.is_empty()));
}

#[tokio::test]
async fn a_bias_forbids_a_token_or_allows_no_other() {
    let engine = engine(config()).await;
    let input = || Input::Prompt("The capital of France is".into());
    let options = |biases| Options { biases, log_probabilities: Some(0), ..greedy(3) };
    let (_, plain) = scored(&engine, input(), options(vec![])).await;
    let first = plain[0].chosen.id;
    let (_, without) = scored(&engine, input(), options(vec![Bias { token: first, amount: -100.0 }])).await;
    assert!(without.iter().all(|token| token.chosen.id != first));
    let (_, only) = scored(&engine, input(), options(vec![Bias { token: first, amount: 100.0 }])).await;
    assert!(only.iter().all(|token| token.chosen.id == first));
    let unknown = options(vec![Bias { token: 10_000_000, amount: 1.0 }]);
    let refused = engine.generate(input(), unknown, in_a_minute()).await.err();
    assert!(matches!(refused, Some(Error::InvalidArgument(what)) if what.contains("10000000")));
}

#[tokio::test]
async fn penalties_make_an_answer_repeat_itself_less() {
    let engine = engine(config()).await;
    let input = || Input::Prompt("ha ha ha ha ha ha ha ha".into());
    let options = Options { log_probabilities: Some(0), ..greedy(24) };
    let repeated = async |options| {
        let (_, tokens) = scored(&engine, input(), options).await;
        let mut ids: Vec<u32> = tokens.iter().map(|token| token.chosen.id).collect();
        ids.sort_unstable();
        ids.dedup();
        tokens.len() - ids.len()
    };
    let plain = repeated(options.clone()).await;
    assert!(plain > 15, "the model was meant to repeat itself: {plain}");
    for less in [
        Options { frequency_penalty: Some(2.0), ..options.clone() },
        Options { presence_penalty: Some(2.0), repeat_penalty: Some(1.5), ..options.clone() },
        Options { repeat_penalty: Some(2.0), ..options },
    ] {
        let fewer = repeated(less.clone()).await;
        assert!(fewer < plain, "{fewer} of {plain} with {less:?}");
    }
}
