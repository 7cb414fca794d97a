// Chat logic in JavaScript: the last eight turns, the passages nearest to the question, and the model.
//
// The contract is in wit/turns.wit; componentize-js makes a component of this file, `npm run build`.

import { get as setting } from 'corral:host/config@0.1.0';
import { embed } from 'corral:host/embedding@0.1.0';
import { generate } from 'corral:host/inference@0.1.0';
import { append, get as session } from 'corral:host/sessions@0.1.0';
import { isEmpty, query } from 'corral:host/vectors@0.1.0';

const TURNS = 8;
const PASSAGES = 3;
const ANSWER_TOKENS = 256;

// What a host error is to the person who asked. Every other one means that it does not work now.
const TOLD = new Set(['context-overflow', 'overloaded', 'invalid-argument', 'deadline', 'no-such-model']);

/** Calls the host, whose errors come as exceptions with a payload. */
function asked(call) {
  try {
    return call();
  } catch (error) {
    const payload = error.payload ?? {};
    if (payload.tag === 'not-found') throw { tag: 'session-not-found' };
    throw TOLD.has(payload.tag) ? payload : { tag: 'unavailable' };
  }
}

/** The passages of the session's documents that are nearest to the text. */
function passages(turn) {
  if (isEmpty(turn.session)) return [];
  const { values } = embed([turn.message], 'query');
  return query(turn.session, values, PASSAGES);
}

/** Each line of a passage marked, so that nothing in it ends the quotation. */
function quoted(text) {
  return text.trim().split(/\r\n|[\n\r\v\f\x85\u2028\u2029]/).map((line) => `> ${line}`).join('\n');
}

/** What the model is given: system prompt and finished turns as they are stored, passages in the open message only. */
function messages(turn, history, hits) {
  const system = setting('system_prompt') ?? 'You are a helpful assistant. Answer briefly.';
  const quotations = hits.map((hit) => quoted(hit.passage.text)).join('\n\n');
  const open = hits.length === 0 ? turn.message : `From documents:\n\n${quotations}\n\nMessage to answer:\n${turn.message}`;
  return [
    { role: 'system', content: system },
    ...history.flatMap(({ user, ai }) => [{ role: 'user', content: user }, { role: 'assistant', content: ai }]),
    { role: 'user', content: open },
  ];
}

function source({ passage, distance }) {
  const found = (key) => passage.metadata.find((entry) => entry.key === key)?.value;
  const [start, end] = [Number.parseInt(found('start')), Number.parseInt(found('end'))];
  return {
    id: passage.id,
    document: found('document') ?? passage.id,
    text: passage.text,
    span: start <= end ? { start, end } : undefined,
    score: 1 - distance,
    metadata: passage.metadata,
  };
}

class Reply {
  constructor(turn, generation, sources) {
    this.turn = turn;
    this.generation = generation;
    this.first = [{ tag: 'sources', val: sources }];
    this.text = '';
    this.ended = false;
  }

  next(max) {
    if (this.first.length > 0) return this.first.splice(0);
    if (this.ended) return [];
    return asked(() => this.generation.next(max)).map((event) => this.told(event));
  }

  told(event) {
    switch (event.tag) {
      case 'delta':
        this.text += event.val;
        return event;
      case 'done':
        this.ended = true;
        return { tag: 'done', val: { ...event.val, persisted: this.stored() } };
      default:
        return { tag: 'waiting' };
    }
  }

  /** Once only: after `unavailable` the host goes on trying by itself. */
  stored() {
    try {
      append(this.turn.session, { user: this.turn.message, ai: this.text }, this.turn.id);
      return true;
    } catch (error) {
      console.error(`turn not stored: ${error.payload?.tag}`);
      return false;
    }
  }
}

export const turns = {
  Reply,

  answer(turn) {
    const { options } = turn;
    const stored = asked(() => session(turn.session, TURNS));
    if (stored === undefined) throw { tag: 'session-not-found' };
    const hits = asked(() => passages(turn));
    const input = { tag: 'chat', val: messages(turn, stored.history, hits) };
    const generation = asked(() => generate(options.model, input, {
      maxTokens: options.maxTokens ?? ANSWER_TOKENS,
      temperature: options.temperature,
      topP: options.topP,
      biases: [],
      seed: options.seed,
      stop: options.stop,
      owner: { tag: 'session', val: turn.session },
    }));
    return new Reply(turn, generation, hits.map(source));
  },
};
