// A question and its answers: one, or several if the person asked for others.

import { dress, make } from './dom.js';
import { Answer } from './answer.js';

export class Turn {
  answers = [];
  #shown = 0;
  #pager;
  #conversation;

  constructor(conversation, question) {
    this.#conversation = conversation;
    this.question = question;
    const said = make('div', { class: 'question' }, make('h2', { class: 'hidden' }, 'You'), make('p', {}, question));
    this.element = make('article', { class: 'turn' }, said);
    this.#pager = make('div', { class: 'pager', role: 'group', 'aria-label': 'Answers to this' });
  }

  get answer() {
    return this.answers[this.#shown];
  }

  get last() {
    return this.answers.at(-1);
  }

  // A new answer, waiting to grow.
  begin() {
    return this.add(new Answer(this.#conversation));
  }

  add(answer) {
    this.answers.push(answer);
    this.#turnTo(this.answers.length - 1);
    return answer;
  }

  // Takes the newest answer back, for another one in its place.
  drop(answer) {
    this.answers = this.answers.filter((other) => other !== answer);
    if (this.answers.length) this.#turnTo(this.answers.length - 1);
  }

  #turnTo(index) {
    this.element.querySelector(':scope > .answer')?.remove();
    this.#pager.remove();
    this.#shown = index;
    this.element.append(this.answer.element);
    if (this.answers.length < 2) return;
    const step = (picture, label, to) => {
      const button = dress(make('button', { type: 'button', class: 'icon', onclick: () => this.#step(to, label) }), picture, label);
      button.disabled = !this.answers[to];
      return button;
    };
    const isReplaced = this.answers.slice(index + 1).some((later) => later.isStored);
    const place = make('span', {}, `${index + 1} of ${this.answers.length}${isReplaced ? ', replaced' : ''}`);
    this.#pager.replaceChildren(step('left', 'Answer before', index - 1), place, step('right', 'Answer after', index + 1));
    this.answer.element.querySelector('.actions').prepend(this.#pager);
  }

  #step(to, label) {
    this.#turnTo(to);
    const same = this.#pager.querySelector(`[aria-label="${label}"]`);
    (same.disabled ? this.#pager.querySelector('button:enabled') : same).focus();
  }
}
