//! Chooses the next token: penalties, bounds, temperature, and the grammar if there is one.
//!
//! A sampler is made where the job is made, so that a bad grammar is refused there; it owns its
//! state, knows nothing of the context and goes to the engine thread with its job.

mod grammar;
pub(crate) mod schema;

use std::{sync::Arc, thread};

use llama_cpp_2::{
    context::LlamaContext,
    model::LlamaModel,
    sampling::LlamaSampler,
    token::{LlamaToken, data::LlamaTokenData, data_array::LlamaTokenDataArray, logit_bias::LlamaLogitBias},
};

use crate::{Bias, Constraint, Error, calling::binding::Binding, input::Settings};

/// Tokens at the end of prompt and answer that the repeat penalty looks at.
const PENALTY_WINDOW: usize = 64;
/// A grammar or schema comes from a guest; this bounds the work of llama.cpp's recursive parsers, and gives them room for
/// references that lead far. Of the room is taken what is used.
const MAX_CONSTRAINT: usize = 64 << 10;
const STACK: usize = 64 << 20;

/// The grammar allows nothing that the model could say next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stuck;

/// What a grammar binds.
#[derive(Debug, Clone)]
pub(crate) enum Bound {
    /// The whole answer.
    Answer(Constraint),
    /// The calls in it, or in its place.
    Calls(Binding),
}

/// One job's way of choosing tokens.
pub(crate) struct Sampler {
    chain: LlamaSampler,
    grammar: Option<LlamaSampler>,
    /// The grammar points into the model's vocabulary.
    _model: Arc<LlamaModel>,
}

impl Sampler {
    /// A sampler for an answer to `prompt`.
    pub fn new(
        model: &Arc<LlamaModel>,
        settings: &Settings,
        biases: &[Bias],
        bound: Option<&Bound>,
        prompt: &[LlamaToken],
    ) -> Result<Self, Error> {
        let grammar = bound.map(|bound| grammar(model, bound)).transpose()?;
        let biased = (!biases.is_empty()).then(|| bias(model, biases)).transpose()?;
        let steps = biased.into_iter().chain(steps(model, settings, prompt));
        let chain = LlamaSampler::chain(steps, true);
        Ok(Self { chain, grammar, _model: Arc::clone(model) })
    }

    /// The token for output `index` of the last step.
    pub fn sample(&mut self, context: &LlamaContext<'_>, index: i32) -> Result<LlamaToken, Stuck> {
        let Some(grammar) = &mut self.grammar else {
            return Ok(self.chain.sample(context, index));
        };
        // Asking the grammar about one token is much cheaper than about all of them, and mostly
        // the first choice is allowed.
        let mut candidates = context.token_data_array_ith(index);
        self.chain.apply(&mut candidates);
        let mut token = candidates.selected_token().ok_or(Stuck)?;
        if !allowed(grammar, token) {
            let mut candidates = context.token_data_array_ith(index);
            grammar.apply(&mut candidates);
            if candidates.data.iter().all(|candidate| candidate.logit() == f32::NEG_INFINITY) {
                return Err(Stuck);
            }
            self.chain.apply(&mut candidates);
            token = candidates.selected_token().ok_or(Stuck)?;
            // llama.cpp aborts the process on a token that its grammar did not allow.
            if !allowed(grammar, token) {
                return Err(Stuck);
            }
        }
        self.chain.accept(token);
        match grammar.try_accept(token) {
            Ok(()) => Ok(token),
            Err(error) => {
                tracing::warn!(%error, "the grammar refused a token that it had allowed");
                Err(Stuck)
            }
        }
    }
}

fn allowed(grammar: &mut LlamaSampler, token: LlamaToken) -> bool {
    let mut single = LlamaTokenDataArray::new(vec![LlamaTokenData::new(token, 1.0, 0.0)], false);
    grammar.apply(&mut single);
    single.data.first().is_some_and(|candidate| candidate.logit() != f32::NEG_INFINITY)
}

fn steps(model: &LlamaModel, settings: &Settings, prompt: &[LlamaToken]) -> Vec<LlamaSampler> {
    let mut steps = Vec::new();
    if settings.repeat_penalty != 1.0 {
        let window = i32::try_from(PENALTY_WINDOW).unwrap_or(i32::MAX);
        let penalties = LlamaSampler::penalties(model.n_vocab(), window, settings.repeat_penalty, 0.0, 0.0);
        let recent = &prompt[prompt.len().saturating_sub(PENALTY_WINDOW)..];
        steps.push(penalties.with_tokens(recent));
    }
    if settings.frequency_penalty != 0.0 || settings.presence_penalty != 0.0 {
        // All of the answer counts, and nothing of the prompt.
        let answer = i32::try_from(settings.max_tokens).unwrap_or(i32::MAX);
        let (frequency, presence) = (settings.frequency_penalty, settings.presence_penalty);
        steps.push(LlamaSampler::penalties(model.n_vocab(), answer, 1.0, frequency, presence));
    }
    if settings.temperature == 0.0 {
        steps.push(LlamaSampler::greedy());
        return steps;
    }
    if settings.top_k > 0 {
        steps.push(LlamaSampler::top_k(i32::try_from(settings.top_k).unwrap_or(i32::MAX)));
    }
    if settings.top_p < 1.0 {
        steps.push(LlamaSampler::top_p(settings.top_p, 1));
    }
    if settings.min_p > 0.0 {
        steps.push(LlamaSampler::min_p(settings.min_p, 1));
    }
    steps.push(LlamaSampler::temp(settings.temperature));
    // llama.cpp takes u32::MAX as "choose a seed", which no caller who names one means.
    let seed = settings.seed.map_or(u32::MAX, |seed| seed.min(u32::MAX - 1));
    steps.push(LlamaSampler::dist(seed));
    steps
}

fn bias(model: &LlamaModel, biases: &[Bias]) -> Result<LlamaSampler, Error> {
    let vocabulary = model.n_vocab();
    let known = |bias: &Bias| match i32::try_from(bias.token) {
        Ok(token) if token < vocabulary => Ok(LlamaLogitBias::new(LlamaToken(token), bias.amount)),
        _ => Err(invalid(format!("the model has {vocabulary} tokens, and none is {}", bias.token))),
    };
    let biases = biases.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    Ok(LlamaSampler::logit_bias(vocabulary, &biases))
}

fn grammar(model: &LlamaModel, bound: &Bound) -> Result<LlamaSampler, Error> {
    thread::scope(|scope| {
        let compiling = thread::Builder::new().name("grammar".into()).stack_size(STACK);
        let thread = compiling
            .spawn_scoped(scope, || compiled(model, bound))
            .map_err(|error| Error::Unavailable(format!("starting a thread for a grammar: {error}")))?;
        thread.join().map_err(|_panic| Error::Unavailable("a grammar's thread panicked".into()))?
    })
}

fn compiled(model: &LlamaModel, bound: &Bound) -> Result<LlamaSampler, Error> {
    match bound {
        Bound::Answer(Constraint::Grammar(grammar)) => {
            check_length("constraint", grammar)?;
            compile(model, grammar, None)
        }
        Bound::Answer(Constraint::JsonSchema(schema)) => {
            check_length("constraint", schema)?;
            let grammar = schema::to_grammar(schema)
                .map_err(|why| invalid(format!("the JSON schema cannot be made a grammar: {why}")))?;
            compile(model, &grammar, None)
        }
        Bound::Calls(binding) => {
            check_length("schema of all tools and the answer", &binding.schema)?;
            compile(model, &binding.grammar()?, binding.trigger)
        }
    }
}

/// Binds from the `trigger` on, if there is one.
fn compile(model: &LlamaModel, grammar: &str, trigger: Option<&str>) -> Result<LlamaSampler, Error> {
    let is_token = |token: &str| model.vocab().tokenize(token.as_bytes(), false, true).len() == 1;
    grammar::check(grammar, is_token).map_err(|why| invalid(format!("the grammar cannot be used: {why}")))?;
    match trigger {
        Some(trigger) => LlamaSampler::grammar_lazy(model, grammar, "root", [trigger], &[]),
        None => LlamaSampler::grammar(model, grammar, "root"),
    }
    .map_err(|error| invalid(format!("the grammar cannot be used: {error}")))
}

fn check_length(what: &str, text: &str) -> Result<(), Error> {
    match text.len() > MAX_CONSTRAINT {
        true => Err(invalid(format!("the {what} is longer than {MAX_CONSTRAINT} bytes"))),
        false => Ok(()),
    }
}

fn invalid(message: String) -> Error {
    Error::InvalidArgument(message)
}
