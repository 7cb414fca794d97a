// What this browser remembers: which conversations there are, what is not sent yet, and what the service does not keep
// of an answer. Of what was said, only titles.

import { BASE } from './api.js';

const MOST = 100;
const LONGEST_TITLE = 80;
// Applications under one host name have paths of their own.
const place = `corral:${BASE.pathname}:`;

function read(storage, key, otherwise) {
  try {
    return JSON.parse(storage.getItem(place + key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function write(storage, key, value) {
  try {
    if (value === undefined) storage.removeItem(place + key);
    else storage.setItem(place + key, JSON.stringify(value));
  } catch {
    // Full, or a browser that keeps nothing: the page works all the same until it is left.
  }
}

// `[{id, title, at}]`, the one used last first.
export function sessions() {
  const list = read(localStorage, 'sessions', []);
  return Array.isArray(list) ? list.filter((session) => typeof session?.id === 'string') : [];
}

export function remember(id, title) {
  const list = sessions();
  const known = list.find((session) => session.id === id);
  const first = { id, title: known?.title ?? shortened(title), at: Date.now() };
  const kept = [first, ...list.filter((session) => session.id !== id)];
  kept.slice(MOST).forEach((session) => write(localStorage, `notes:${session.id}`));
  write(localStorage, 'sessions', kept.slice(0, MOST));
}

export function forget(id) {
  write(localStorage, 'sessions', sessions().filter((session) => session.id !== id));
  for (const kind of ['notes', 'draft']) write(localStorage, `${kind}:${id}`);
  if (current() === id) setCurrent(null);
}

// Calls back when another tab has changed the list.
export function onSessionsElsewhere(changed) {
  addEventListener('storage', (event) => event.key === `${place}sessions` && changed());
}

// Each tab has a conversation of its own.
export const current = () => read(sessionStorage, 'current', null);
export const setCurrent = (id) => write(sessionStorage, 'current', id ?? undefined);

export const draft = (id) => read(localStorage, `draft:${id ?? ''}`, '');
export const setDraft = (id, text) => write(localStorage, `draft:${id ?? ''}`, text || undefined);

// What is noted of a turn, found by what was said in it.
export const note = (id, question, answer) => read(localStorage, `notes:${id}`, {})[digest(question, answer)] ?? {};

export function setNote(id, question, answer, note) {
  const notes = { ...read(localStorage, `notes:${id}`, {}), [digest(question, answer)]: note };
  write(localStorage, `notes:${id}`, notes);
}

function shortened(title) {
  const line = title.replace(/\s+/g, ' ').trim();
  return line.length > LONGEST_TITLE ? `${line.slice(0, LONGEST_TITLE - 1)}…` : line;
}

// FNV-1a: short, and the text cannot be read back.
function digest(...texts) {
  let hash = 0x811c9dc5;
  for (const character of texts.join('\0')) hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193);
  return (hash >>> 0).toString(36);
}
