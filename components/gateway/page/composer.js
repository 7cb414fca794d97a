// Where people write: the message, the files that go with it, and the button that sends or stops.

import * as memory from './memory.js';
import { dress, find, icon, iconButton, make } from './dom.js';
import { ACCEPT } from './files.js';

const TALLEST = 220;

export class Composer {
  #field = find('message');
  #send = find('send');
  #conversation = null;
  #act;

  // `act` has `ask`, `stop` and `add` (files).
  constructor(act) {
    this.#act = act;
    const files = find('files');
    files.accept = ACCEPT;
    files.addEventListener('change', () => {
      act.add([...files.files]);
      files.value = '';
      this.focus();
    });
    dress(find('attach'), 'clip', 'Add documents').addEventListener('click', () => files.click());
    find('composer').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#field.addEventListener('keydown', (event) => {
      // Enter also ends the choosing of characters in many scripts.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      if (!this.#conversation.isBusy) this.#submit();
    });
    this.#field.addEventListener('input', () => {
      memory.setDraft(this.#conversation.id, this.#field.value);
      this.#fit();
    });
  }

  // Shows the conversation's own unsent text.
  attach(conversation) {
    this.#conversation = conversation;
    this.#field.value = memory.draft(conversation.id);
    this.render();
  }

  render() {
    const { isBusy, documents } = this.#conversation;
    dress(this.#send, isBusy ? 'stop' : 'send', isBusy ? 'Stop the answer' : 'Send');
    this.#send.classList.toggle('stop', isBusy);
    find('uploads').replaceChildren(...documents.uploads.map((upload) => this.#upload(upload)));
    this.#fit();
  }

  write(text) {
    this.#field.value = text;
    memory.setDraft(this.#conversation.id, text);
    this.#fit();
    this.focus();
  }

  focus() {
    this.#field.focus();
  }

  get isEmpty() {
    return !this.#field.value.trim();
  }

  #submit() {
    if (this.#conversation.isBusy) return this.#act.stop();
    const text = this.#field.value.trim();
    this.focus();
    if (!text) return;
    this.write('');
    this.#act.ask(text);
  }

  #fit() {
    this.#field.style.height = 'auto';
    this.#field.style.height = `${Math.min(this.#field.scrollHeight, TALLEST)}px`;
    this.#send.disabled = this.isEmpty && !this.#conversation.isBusy;
  }

  #upload(upload) {
    const { documents } = this.#conversation;
    const dismiss = iconButton('close', `${upload.problem ? 'Dismiss' : 'Cancel'} ${upload.name}`, () => {
      documents.cancel(upload);
      this.focus();
    });
    const name = make('span', { class: 'name' }, upload.name);
    if (upload.problem) {
      return make('li', { class: 'problem' }, icon('note'), name, make('span', { class: 'why' }, upload.problem), dismiss);
    }
    const progress = make('progress', { 'aria-label': `Reading ${upload.name}`, max: upload.parts || 1 });
    // Before the first part is read there is nothing to show but that something happens.
    if (upload.done) progress.value = upload.done;
    const share = upload.parts > 1 ? make('span', { class: 'fine' }, `${upload.done} of ${upload.parts}`) : null;
    return make('li', {}, icon('page'), name, progress, share, dismiss);
  }
}
