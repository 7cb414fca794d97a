// A sheet beside the conversation. The browser keeps the keyboard in it and gives it back; Escape closes it.

import { iconButton, make } from './dom.js';

// Opens one, and gives the place for its content.
export function openSheet(title) {
  const heading = make('h2', { id: 'sheet-title' }, title);
  const close = iconButton('close', 'Close', () => sheet.close());
  const body = make('div', { class: 'body' });
  const sheet = make('dialog', { class: 'sheet', 'aria-labelledby': 'sheet-title' }, make('div', { class: 'head' }, heading, close), body);
  sheet.addEventListener('click', (event) => event.target === sheet && sheet.close());
  sheet.addEventListener('close', () => sheet.remove());
  document.body.append(sheet);
  sheet.showModal();
  return body;
}

// Asks before something is lost. True if the person agrees.
export function confirmed(question, explanation, verb) {
  return new Promise((resolve) => {
    const answer = (value) => () => dialog.close(value);
    const buttons = make(
      'div', { class: 'ways' },
      make('button', { type: 'button', class: 'pill', onclick: answer('') }, 'Keep it'),
      make('button', { type: 'button', class: 'pill danger', onclick: answer('yes') }, verb),
    );
    const dialog = make('dialog', { class: 'ask', 'aria-labelledby': 'ask-title' },
      make('h2', { id: 'ask-title' }, question), make('p', {}, explanation), buttons);
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
