// A conversation: its turns on the page, and its session at the service, made with the first message or document.
//
// It goes on when another one is looked at.

import * as api from './api.js';
import * as memory from './memory.js';
import { Answer } from './answer.js';
import { announce, make } from './dom.js';
import { Documents } from './documents.js';
import { events } from './events.js';
import { broken, Failure, of, ofEvent } from './failure.js';
import { Turn } from './turn.js';

// How often a busy service is asked again without being told to.
const TRIES = 3;
const NEAR = 90;

export class Conversation {
  turns = [];
  #control = null;
  // Turns that the service has of it, as far as is known.
  #stored = 0;
  #creating = null;
  #page;

  // `page` is what a conversation may ask of the page: `changed`, `edit` and `askAfresh`.
  constructor(page, id = null) {
    this.#page = page;
    this.id = id;
    this.element = make('div', { class: 'turns', role: 'log', 'aria-label': 'Conversation', 'aria-live': 'off' });
    this.documents = new Documents(this, () => page.changed(this));
  }

  get isBusy() {
    return this.#control !== null;
  }

  get isEmpty() {
    return this.turns.length === 0;
  }

  get scroller() {
    return this.element.parentElement;
  }

  // Reads what the service has of it.
  async load() {
    const { history } = await api.readSession(this.id);
    this.#stored = history.length;
    for (const { user, ai } of history) {
      this.#append(user).add(Answer.complete(this, ai, memory.note(this.id, user, ai)));
    }
    this.documents.load();
    this.#page.changed(this);
  }

  // The session's id; it is made where there is none.
  session() {
    this.#creating ??= this.id ? Promise.resolve(this.id) : api.createSession().then(
      (id) => {
        this.id = id;
        this.#page.changed(this);
        return id;
      },
      (failure) => {
        this.#creating = null;
        throw failure;
      },
    );
    return this.#creating;
  }

  ask(question) {
    const turn = this.#append(question);
    return this.#run(turn, turn.begin(), { key: fresh() });
  }

  // Another answer to the last question. The conversation goes on from it; the one before stays to be looked at, if it
  // was complete.
  again() {
    const turn = this.turns.at(-1);
    if (!turn || this.isBusy) return;
    this.#page.focus();
    if (turn.last.isStored) return this.#run(turn, turn.begin(), { key: fresh(), replaces: this.#stored });
    turn.last.reset();
    // Where another answer was stopped or failed, the one before it is still there.
    const replaces = turn.answers.length > 1 ? this.#stored : undefined;
    return this.#run(turn, turn.last, { key: fresh(), replaces });
  }

  stop() {
    this.#control?.abort();
  }

  // Changes what is shown, and follows its end if the reader was there.
  keepingPlace(change) {
    const scroller = this.scroller;
    const follows = scroller && scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
    change();
    if (follows) scroller.scrollTop = scroller.scrollHeight;
  }

  #append(question) {
    const turn = new Turn(this, question);
    this.turns.push(turn);
    this.element.append(turn.element);
    return turn;
  }

  // `attempt` is `{key, replaces}`: its name, and the number of the turn in whose place it comes.
  async #run(turn, answer, attempt, tried = 0) {
    const control = (this.#control = new AbortController());
    this.#page.changed(this);
    try {
      await this.#answered(turn, answer, attempt, control.signal);
      this.#storedOne(attempt);
      const { sources, trimmed } = answer;
      const places = sources.map(({ text, ...place }) => place);
      memory.setNote(this.id, turn.question, answer.text, { sources: places, trimmed });
    } catch (error) {
      if (control.signal.aborted) answer.stopped();
      else this.#failed(turn, answer, error instanceof Failure ? error : of(error), attempt, tried);
    } finally {
      if (this.#control === control) this.#control = null;
      this.#page.changed(this);
    }
  }

  #storedOne({ replaces }) {
    if (replaces === undefined) this.#stored += 1;
  }

  async #answered(turn, answer, attempt, signal) {
    const session = await this.session();
    memory.remember(session, turn.question);
    if (this.documents.isBusy) {
      answer.wait('Reading your documents first…');
      await Promise.race([this.documents.settled(), aborted(signal)]);
      answer.wait('Thinking…');
    }
    signal.throwIfAborted();
    const response = await api.answer(session, turn.question, attempt, signal);
    let complete = false;
    try {
      // To the stream's own end: what the service still does for the next turn would be stopped with it.
      for await (const event of events(response)) {
        if (event.name === 'error') throw ofEvent(event.data);
        complete ||= answer.take(event);
      }
    } catch (error) {
      if (!complete) throw error instanceof Failure || signal.aborted ? error : broken();
    }
    if (!complete) throw broken();
  }

  #failed(turn, answer, failure, attempt, tried) {
    const retry = () => this.#retry(turn, answer, failure, attempt);
    const button = (words, onclick) => make('button', { type: 'button', class: 'pill', onclick }, words);
    const ways = {
      retry: button('Try again', retry),
      fresh: button('Ask in a new conversation', () => this.#page.askAfresh(this, turn.question)),
      edit: button('Change the message', () => this.#edit(turn)),
      reload: button('Show it as it is now', () => location.reload()),
    };
    // A message that has an answer already stays.
    if (turn.answers.length > 1) delete ways.edit;
    const text = answer.failed(failure.message, failure.ways.flatMap((way) => ways[way] ?? []));
    if (failure.after && tried < TRIES) this.#countDown(text, failure, () => this.#retry(turn, answer, failure, attempt, tried + 1));
  }

  // A busy service is asked again by itself, unless something else happens first.
  #countDown(text, failure, retry) {
    let left = failure.after;
    const show = () => (text.textContent = `${failure.message} Trying again in ${left} s.`);
    const timer = setInterval(() => {
      if (!text.isConnected || this.isBusy) return clearInterval(timer);
      left -= 1;
      if (left > 0) return show();
      clearInterval(timer);
      retry();
    }, 1000);
    show();
  }

  async #retry(turn, answer, failure, attempt, tried = 0) {
    if (this.isBusy) return;
    // The buttons go with the failure; the keyboard stays somewhere.
    if (answer.element.contains(document.activeElement)) this.#page.focus();
    answer.reset();
    const complete = failure.kind === 'broken' ? await this.#completeElsewhere(turn, attempt) : null;
    if (complete === null) return this.#run(turn, answer, attempt, tried);
    this.#storedOne(attempt);
    turn.drop(answer);
    turn.add(Answer.complete(this, complete));
    announce(complete);
    this.#page.changed(this);
  }

  // Where the connection was lost with the last bytes, the service may have the whole answer.
  async #completeElsewhere(turn, { replaces }) {
    try {
      const { history } = await api.readSession(this.id);
      const last = history.at(-1);
      const before = turn.answers.at(-2)?.text;
      const isNew = replaces === undefined ? history.length > this.#stored : last?.ai !== before;
      return isNew && last.user === turn.question ? last.ai : null;
    } catch {
      return null;
    }
  }

  #edit(turn) {
    this.turns = this.turns.filter((other) => other !== turn);
    turn.element.remove();
    this.#page.edit(this, turn.question);
  }
}

// The name of one attempt to say something. Browsers have `randomUUID` only with TLS.
function fresh() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const aborted = (signal) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
