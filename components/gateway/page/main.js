// Puts the page together: which conversation is shown, and what happens when something in it changes.

import * as api from './api.js';
import * as memory from './memory.js';
import * as theme from './theme.js';
import { announce, dress, find, icon, make } from './dom.js';
import { Composer } from './composer.js';
import { Conversation } from './conversation.js';
import { acceptDrops } from './drop.js';
import { confirmed } from './sheet.js';
import { of } from './failure.js';
import { Sidebar } from './sidebar.js';
import { welcome } from './welcome.js';

const main = find('main');
// Those that are being answered go on while another is shown.
const open = new Map();
let shown = null;

const page = {
  changed(conversation) {
    if (conversation.id) open.set(conversation.id, conversation);
    if (conversation === shown) render();
    renderList();
  },
  focus: () => composer.focus(),
  edit(conversation, text) {
    if (conversation !== shown) return;
    composer.write(text);
    render();
  },
  askAfresh(conversation, question) {
    forget(conversation.id);
    show(null);
    ask(question);
  },
};

const composer = new Composer({ ask, stop: () => shown.stop(), add: (files) => shown.documents.add(files) });
const sidebar = new Sidebar({ choose: show, remove });

function ask(text) {
  const asked = shown;
  const began = asked.id;
  asked.ask(text);
  // What was written before there was a session belongs to none.
  if (!began) memory.setDraft(null, '');
  main.scrollTop = main.scrollHeight;
}

// Shows the conversation of an id, or a new one.
async function show(id) {
  let conversation = id && open.get(id);
  const known = Boolean(conversation);
  conversation ||= new Conversation(page, id);
  shown = conversation;
  memory.setCurrent(id);
  if (id) open.set(id, conversation);
  main.replaceChildren(conversation.element);
  composer.attach(conversation);
  render();
  renderList();
  composer.focus();
  if (!id || known) return toEnd();
  await load(conversation);
}

async function load(conversation) {
  const state = make('p', { class: 'fine loading' }, 'Opening the conversation…');
  conversation.element.append(state);
  try {
    await conversation.load();
    state.remove();
    if (conversation === shown) toEnd();
  } catch (error) {
    open.delete(conversation.id);
    lost(conversation, state, of(error));
  }
}

// A conversation that cannot be opened: forgotten by the service, or out of reach.
function lost(conversation, state, failure) {
  const isGone = failure.kind === 'expired';
  const again = () => (isGone ? (forget(conversation.id), show(null)) : show(conversation.id));
  const button = make('button', { type: 'button', class: 'pill', onclick: again }, isGone ? 'Begin a new one' : 'Try again');
  const text = make('p', {}, failure.message);
  state.replaceWith(make('div', { class: 'failure', role: 'alert' }, icon('note'), text, make('div', { class: 'ways' }, button)));
}

function forget(id) {
  open.get(id)?.stop();
  open.delete(id);
  if (id) memory.forget(id);
}

async function remove(id, title) {
  const explanation = `“${title}” and its documents are deleted from the service, for good.`;
  if (!(await confirmed('Delete this conversation?', explanation, 'Delete'))) return;
  try {
    open.get(id)?.stop();
    await api.deleteSession(id);
  } catch (error) {
    announce(of(error).message);
    return confirmed('It could not be deleted', of(error).message, 'Try again').then((again) => again && remove(id, title));
  }
  forget(id);
  announce('The conversation is deleted');
  if (shown.id === id) show(null);
  else renderList();
}

function render() {
  const isNew = !shown.id && shown.isEmpty;
  const title = memory.sessions().find((session) => session.id === shown.id)?.title ?? 'New conversation';
  find('title').textContent = title;
  document.title = isNew ? 'Corral' : `${title} · Corral`;
  if (shown.id) memory.setCurrent(shown.id);
  const empty = main.querySelector('.welcome');
  if (!isNew) empty?.remove();
  else if (!empty) main.prepend(welcome({ write: (text) => composer.write(text), browse: () => find('files').click() }));
  const count = shown.documents.files.length;
  const label = count ? `Documents (${count})` : 'Documents';
  find('documents').replaceChildren(icon('page'), make('span', {}, label));
  find('documents').setAttribute('aria-label', label);
  composer.render();
  renderLatest();
}

function renderList() {
  const busy = [...open.values()].filter((conversation) => conversation.isBusy);
  sidebar.render(shown?.id, new Set(busy.map((conversation) => conversation.id)));
}

function renderLatest() {
  find('latest').hidden = main.scrollHeight - main.scrollTop - main.clientHeight < 160;
}

function toEnd() {
  main.scrollTop = main.scrollHeight;
}

function listen() {
  find('documents').addEventListener('click', () => shown.documents.open());
  dress(find('latest'), 'down', 'To the end').addEventListener('click', toEnd);
  main.addEventListener('scroll', renderLatest, { passive: true });
  find('theme').addEventListener('click', () => (theme.toggle(), renderTheme()));
  theme.onChange(renderTheme);
  acceptDrops((files) => shown.documents.add(files));
  memory.onSessionsElsewhere(renderList);
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || document.querySelector('dialog[open]') || !shown.isBusy) return;
    shown.stop();
    composer.focus();
  });
}

function renderTheme() {
  const dark = theme.isDark();
  dress(find('theme'), dark ? 'sun' : 'moon', dark ? 'Light colours' : 'Dark colours');
}

listen();
await show(memory.current());
api.modelName().then((name) => (find('model').textContent = name), () => {});
