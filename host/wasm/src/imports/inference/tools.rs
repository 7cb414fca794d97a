//! Generations with tools: what is particular to them.

use super::{PATIENCE, Running, View};
use crate::imports::wit::corral::host::inference::{
    Error, HostToolGeneration, Tool, ToolCall, ToolChoice, ToolEvent, ToolMessage, Toolbox,
};
use corral_inference as backend;
use wasmtime::component::Resource;

/// An answer under way that may call tools.
pub struct RunningTools(pub(super) Running);

impl HostToolGeneration for View<'_> {
    async fn next(
        &mut self,
        running: Resource<RunningTools>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<ToolEvent>, Error>> {
        let RunningTools(running) = self.table.get_mut(&running)?;
        let next = tokio::time::timeout(PATIENCE, running.next(max));
        let events = match self.calls.time("next", next).await {
            Err(_elapsed) => return Ok(Ok(vec![ToolEvent::Waiting])),
            Ok(Err(error)) => return Ok(Err(error.into())),
            Ok(Ok(events)) => events,
        };
        running.settle(&events, self.record, self.allowance);
        Ok(Ok(events.into_iter().filter_map(told).collect()))
    }

    async fn drop(&mut self, running: Resource<RunningTools>) -> wasmtime::Result<()> {
        self.table.delete(running)?;
        Ok(())
    }
}

/// A conversation, and what the guest offers.
pub(super) fn dialogue(messages: Vec<ToolMessage>, toolbox: Toolbox) -> backend::Dialogue {
    let Toolbox { tools, choice, parallel } = toolbox;
    backend::Dialogue {
        turns: messages.into_iter().map(backend::Turn::from).collect(),
        tools: tools.into_iter().map(backend::Tool::from).collect(),
        choice: choice.into(),
        parallel,
    }
}

/// Log-probabilities are never told with tools: the options that ask for them are refused.
fn told(event: backend::Event) -> Option<ToolEvent> {
    Some(match event {
        backend::Event::Delta(text) => ToolEvent::Delta(text),
        backend::Event::Call(call) => ToolEvent::Call(call.into()),
        backend::Event::Done { finish, usage } => ToolEvent::Done(super::done(finish, usage)),
        backend::Event::Scored(_) => return None,
    })
}

impl From<ToolMessage> for backend::Turn {
    fn from(message: ToolMessage) -> Self {
        match message {
            ToolMessage::Plain(message) => Self::Plain(message.into()),
            ToolMessage::Calls(calls) => Self::Calls {
                content: calls.content,
                calls: calls.calls.into_iter().map(backend::ToolCall::from).collect(),
            },
            ToolMessage::Outcome(outcome) => Self::Outcome { call: outcome.call, content: outcome.content },
        }
    }
}

impl From<Tool> for backend::Tool {
    fn from(Tool { name, description, parameters, strict }: Tool) -> Self {
        Self { name, description, parameters, strict }
    }
}

impl From<ToolChoice> for backend::Choice {
    fn from(choice: ToolChoice) -> Self {
        match choice {
            ToolChoice::None => Self::None,
            ToolChoice::Auto => Self::Auto,
            ToolChoice::Required => Self::Required,
            ToolChoice::Named(name) => Self::Named(name),
        }
    }
}

impl From<ToolCall> for backend::ToolCall {
    fn from(ToolCall { id, name, arguments }: ToolCall) -> Self {
        Self { id, name, arguments }
    }
}

impl From<backend::ToolCall> for ToolCall {
    fn from(backend::ToolCall { id, name, arguments }: backend::ToolCall) -> Self {
        Self { id, name, arguments }
    }
}
