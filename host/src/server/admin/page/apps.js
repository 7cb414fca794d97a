// The applications: their generations, and what an operator can do about them.

import * as api from './api.js';
import { make, say } from './dom.js';

const STATES = { serving: 'serves', canary: 'on trial', draining: 'ends its requests', kept: 'kept' };

// `changed` is called when something was done.
export function application(app, changed) {
  const newest = [...app.generations].sort((one, other) => other.number - one.number);
  const canary = newest.find((generation) => generation.state === 'canary');
  const head = ['Generation', 'State', 'Weight', 'Requests', 'Logic', 'Made', 'By', ''];
  const rows = newest.map((generation) => row(app, generation, canary, changed));
  const table = make('table', {},
    make('thead', {}, make('tr', {}, ...head.map((title) => title ? make('th', { scope: 'col' }, title) : make('td')))),
    make('tbody', {}, ...rows));
  const title = make('h3', {}, app.name, make('span', { class: 'quiet' }, ` ${app.route}`));
  const note = app.note ? make('p', { class: 'bad' }, app.note) : null;
  return make('article', { class: 'card' }, title, note,
    make('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `Generations of ${app.name}` }, table));
}

function row(app, generation, canary, changed) {
  const { number, state, requests, logic, gateway, made, by } = generation;
  const trial = generation.canary;
  const weight = trial ? trial.weight : state === 'serving' ? 100 - (canary?.canary.weight ?? 0) : 0;
  const act = (label, action, question) => make('button', { type: 'button', onclick: () => run(label, action, question, changed) }, label);
  const actions = [];
  if (state === 'canary') {
    actions.push(act('Promote', () => api.promote(app.name), `Have generation ${number} answer all requests of ${app.name}?`));
    actions.push(act('End the trial', () => api.rollBack(app.name), `End the trial of generation ${number}?`));
  }
  if (state === 'kept') {
    actions.push(act(`Return to ${number}`, () => api.rollBack(app.name, number), `Have generation ${number} of ${app.name} serve again?`));
  }
  const counts = trial && `, ${trial.failed} of ${trial.answered} failed`;
  const cells = [
    make('td', {}, String(number)),
    make('td', {}, make('span', { class: `state ${state}` }, STATES[state] ?? state), counts),
    make('td', {}, `${weight} %`),
    make('td', {}, String(requests)),
    make('td', {}, make('code', { title: logic ?? gateway }, (logic ?? gateway).slice(0, 10))),
    make('td', {}, new Date(made).toLocaleString()),
    make('td', {}, by),
    make('td', { class: 'actions' }, ...actions),
  ];
  return make('tr', {}, ...cells);
}

// The form that deploys a file. It stays as it is while the table beside it is made anew.
export function deployment(app, changed) {
  const id = (name) => `${name}-${app.name}`;
  const file = make('input', { id: id('file'), type: 'file', accept: '.wasm', required: true });
  const part = make('select', { id: id('part') }, make('option', { value: 'logic' }, 'chat logic'), make('option', { value: 'gateway' }, 'gateway'));
  const share = make('input', { id: id('share'), type: 'number', min: 0, max: 100, step: 'any', placeholder: 'all', inputmode: 'decimal' });
  const label = (name, text, field) => make('div', {}, make('label', { for: id(name) }, text), field);
  const button = make('button', { type: 'submit', class: 'primary' }, `Deploy to ${app.name}`);
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    say(`Verifying, compiling and trying ${file.files[0].name}…`);
    const query = { component: part.value, ...(share.value && { weight: share.value }) };
    try {
      await api.deploy(app.name, file.files[0], query);
      say(`${file.files[0].name} is deployed to ${app.name}.`);
      file.value = '';
    } catch (error) {
      say(`Not deployed: ${error.message}`, true);
    } finally {
      button.disabled = false;
      changed();
    }
  };
  return make('form', { class: 'card deploy', onsubmit: submit }, label('file', 'Component (.wasm)', file), label('part', 'As', part),
    label('share', 'For so many percent', share), button);
}

export function model({ name, state, progress, cause, running, queued }, changed) {
  const isThere = state === 'ready' || state === 'loading' || state === 'down';
  const verb = isThere ? 'unload' : 'load';
  const label = `${isThere ? 'Unload' : 'Load'} ${name}`;
  const question = isThere ? `Take ${name} out of service?` : null;
  const button = make('button', { type: 'button', onclick: () => run(label, () => api.changeModel(name, verb), question, changed) }, label);
  const share = progress === undefined ? '' : ` ${Math.round(progress * 100)} %`;
  return make('article', { class: 'card line' }, make('h3', {}, name), make('span', { class: `state ${state}` }, state + share),
    make('span', { class: 'quiet' }, `${running} under way, ${queued} waiting`), cause ? make('span', { class: 'bad' }, cause) : null, button);
}

async function run(label, action, question, changed) {
  if (question && !(await agreed(question, label))) return;
  try {
    await action();
    say(`Done: ${label}.`);
  } catch (error) {
    say(`${label}: ${error.message}`, true);
  }
  changed();
}

function agreed(question, verb) {
  return new Promise((resolve) => {
    const dialog = make('dialog', { 'aria-label': question }, make('p', {}, question));
    dialog.append(make('div', { class: 'ways' },
      make('button', { type: 'button', onclick: () => dialog.close('') }, 'Leave it'),
      make('button', { type: 'button', class: 'primary', onclick: () => dialog.close('yes') }, verb)));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
