// Copies text, and shows on the button that it did.

import { announce, dress, make } from './dom.js';

const SHOWN = 1600;

export async function copy(text, button) {
  const label = button.getAttribute('aria-label');
  const done = await written(text);
  announce(done ? 'Copied' : 'This browser does not let the page copy');
  if (!done || button.dataset.done) return;
  button.dataset.done = 'yes';
  dress(button, 'check', 'Copied');
  setTimeout(() => {
    delete button.dataset.done;
    dress(button, 'copy', label);
  }, SHOWN);
}

async function written(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without TLS browsers have no such clipboard, except on the machine itself.
    return commanded(text);
  }
}

function commanded(text) {
  const focused = document.activeElement;
  const field = make('textarea', { class: 'hidden', readonly: true });
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  focused?.focus();
  return done;
}
