// One answer as it is seen: waiting, growing, complete, stopped or failed, with what belongs to it.

import { announce, icon, iconButton, make } from './dom.js';
import { copy } from './clipboard.js';
import { Prose } from './markdown.js';
import { openPassage, sourceName } from './passage.js';

export class Answer {
  text = '';
  // `waiting`, `growing`, `done`, `stopped` or `failed`.
  state = 'waiting';
  sources = [];
  trimmed = null;
  #conversation;
  #prose;
  #parts = {};
  #frame = 0;
  // How much of the text is on the page.
  #shown = 0;

  constructor(conversation) {
    this.#conversation = conversation;
    const part = (name, ...more) => (this.#parts[name] = make('div', { class: name }, ...more));
    this.element = make('div', { class: 'answer' }, make('h2', { class: 'hidden' }, 'Answer'));
    this.element.append(part('waiting'), part('prose'), part('notices'), part('sources'), part('actions'));
    this.#prose = new Prose(this.#parts.prose);
    this.wait('Thinking…');
  }

  // A complete answer, as the service or this browser remembers it.
  static complete(conversation, text, { sources = [], trimmed = null } = {}) {
    const answer = new Answer(conversation);
    Object.assign(answer, { text, sources, trimmed });
    answer.#end('done');
    return answer;
  }

  get isStored() {
    return this.state === 'done';
  }

  wait(why) {
    this.state = 'waiting';
    this.element.setAttribute('aria-busy', 'true');
    const dots = make('span', { class: 'dots', 'aria-hidden': 'true' }, make('i'), make('i'), make('i'));
    this.#parts.waiting.replaceChildren(dots, make('span', {}, why));
  }

  // One event of the stream. True when it was the last one.
  take(event) {
    this.#conversation.keepingPlace(() => this.#take(event));
    return event.name === 'done';
  }

  #take({ name, data }) {
    if (name === 'ping' && this.state === 'waiting') this.wait('Many are asking. Waiting for a free place…');
    if (name === 'sources') this.sources = data.sources;
    if (name === 'trimmed') this.trimmed = data;
    if (name === 'delta') this.#grow(data.text);
    if (name === 'done') this.#complete(data);
  }

  stopped() {
    this.#conversation.keepingPlace(() => {
      this.#end('stopped');
      this.#notice('Stopped. What is not complete is not remembered.');
      this.#action(iconButton('again', 'Ask again', () => this.#conversation.again()), 'Ask again');
    });
    announce('Stopped');
  }

  // `ways` are buttons: what can be done about it.
  failed(message, ways) {
    this.#end('failed');
    const text = make('p', {}, message);
    const row = make('div', { class: 'ways' }, ...ways);
    const failure = make('div', { class: 'failure', role: 'alert' }, icon('note'), text, row);
    this.#conversation.keepingPlace(() => this.#parts.notices.append(failure));
    return text;
  }

  // Before another try of the same.
  reset() {
    this.text = '';
    this.sources = [];
    this.trimmed = null;
    this.#shown = 0;
    this.#prose.clear();
    for (const name of ['notices', 'sources', 'actions']) this.#parts[name].replaceChildren();
    this.wait('Thinking…');
  }

  #grow(text) {
    this.text += text;
    this.state = 'growing';
    this.#parts.waiting.replaceChildren();
    this.element.classList.add('growing');
    this.#frame ||= requestAnimationFrame(() => this.#show());
  }

  #show() {
    this.#frame = 0;
    const more = this.text.slice(this.#shown);
    this.#shown = this.text.length;
    this.#conversation.keepingPlace(() => this.#prose.write(more));
  }

  #complete({ usage, finish_reason, persisted }) {
    this.#end('done', usage);
    if (finish_reason === 'length') this.#notice('The answer ends here because it reached the longest length allowed.');
    if (!persisted) this.#notice('The service could not save this turn yet. It goes on trying.');
    announce(this.text);
  }

  #end(state, usage) {
    cancelAnimationFrame(this.#frame);
    this.state = state;
    this.element.removeAttribute('aria-busy');
    this.element.classList.remove('growing');
    this.#parts.waiting.replaceChildren();
    this.#show();
    this.#prose.end();
    const trimmed = this.trimmed && leftOut(this.trimmed);
    if (trimmed) this.#notice(trimmed);
    if (this.sources.length) this.#showSources();
    if (!this.text) return;
    this.#action(iconButton('copy', 'Copy the answer', (event) => copy(this.text, event.currentTarget)));
    if (state !== 'done') return;
    const again = iconButton('again', 'Another answer', () => this.#conversation.again());
    again.classList.add('again');
    this.#action(again);
    if (usage) this.#parts.actions.append(make('span', { class: 'fine usage' }, measured(usage)));
  }

  #notice(text) {
    this.#parts.notices.append(make('p', { class: 'notice' }, icon('note'), make('span', {}, text)));
  }

  #action(button, words) {
    if (words) button.append(make('span', {}, words));
    this.#parts.actions.append(button);
  }

  #showSources() {
    const label = make('span', { class: 'eyebrow' }, 'Sources');
    const items = this.sources.map((source, index) => {
      const open = () => openPassage(this.#conversation.id, source);
      const number = make('span', { class: 'number', 'aria-hidden': 'true' }, String(index + 1));
      const name = make('span', { class: 'name' }, sourceName(source));
      return make('li', {}, make('button', { type: 'button', class: 'chip', 'aria-haspopup': 'dialog', onclick: open }, number, name));
    });
    this.#parts.sources.replaceChildren(label, make('ul', { 'aria-label': 'Sources of this answer' }, ...items));
  }
}

// What was left out of the prompt so that it fits, as a sentence.
function leftOut({ turns = 0, sources = 0, retrieval_unavailable: unavailable }) {
  const count = (number, one, many) => (number ? [`${number} ${number === 1 ? one : many}`] : []);
  const parts = [...count(turns, 'earlier turn', 'earlier turns'), ...count(sources, 'passage', 'passages')];
  const sentences = [];
  if (parts.length) sentences.push(`To fit what the model can read at once, ${parts.join(' and ')} had to be left out.`);
  if (unavailable) sentences.push('Your documents could not be searched just now: this answer is without them.');
  return sentences.join(' ');
}

function measured({ completion_tokens: tokens, first_token_ms: first, total_ms: total }) {
  const words = `${tokens} ${tokens === 1 ? 'token' : 'tokens'}`;
  const seconds = (total - first) / 1000;
  return tokens > 1 && seconds > 0 ? `${words}, ${Math.round((tokens - 1) / seconds)} a second` : words;
}
