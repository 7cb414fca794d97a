// Asks the host every two seconds how it is, and shows it.

import * as api from './api.js';
import { application, deployment, model } from './apps.js';
import { find, make } from './dom.js';
import { Metrics } from './metrics.js';
import { histogram, POINTS, tile } from './plot.js';

const EVERY = 2000;
// Rates are over so many readings: the host counts the tokens of an answer when it ends.
const SMOOTHED = 5;

// What is plotted: how each number comes out of two readings.
const SERIES = [
  { title: 'Tokens generated', unit: 'a second', of: (now, before) => now.rate('corral_inference_generated_tokens_total', before) },
  { title: 'Generations under way', of: (now) => now.sum('corral_inference_running'), most: (now) => now.sum('corral_inference_slots'), unit: (now) => `of ${now.sum('corral_inference_slots')}` },
  { title: 'Waiting for a place', unit: 'in the queue', of: (now) => now.sum('corral_inference_queued') },
  { title: 'Key-value cache', unit: '% in use', most: () => 100, of: (now) => share(now.sum('corral_inference_kv_tokens'), now.sum('corral_inference_kv_capacity_tokens')) },
  { title: 'Requests', unit: 'a second', of: (now, before) => now.rate('corral_http_requests_total', before) },
  { title: 'Failures', unit: 'a second', of: (now, before) => now.rate('corral_http_requests_total', before, ({ status }) => status >= '500') },
  { title: 'Requests under way', unit: (now) => `on ${now.sum('corral_http_connections')} connections`, of: (now) => now.sum('corral_http_requests_in_flight') },
  { title: 'Turns not stored yet', unit: 'tried again', of: (now) => now.sum('corral_sessions_waiting_turns') },
];

const HISTOGRAMS = [
  { title: 'Requests', name: 'corral_http_request_duration_seconds' },
  { title: 'First tokens', name: 'corral_first_token_seconds' },
  { title: 'Sessions', name: 'corral_import_duration_seconds', filter: (labels) => labels.interface === 'sessions' },
  { title: 'Vectors', name: 'corral_import_duration_seconds', filter: (labels) => labels.interface === 'vectors' },
];

const points = SERIES.map(() => []);
const places = new Map();
const readings = [];
let timer = 0;
// What the tables show: they are made anew only when it changes.
let shown = '';

const share = (part, whole) => (whole ? (100 * part) / whole : 0);
const rounded = (number) => (number >= 100 ? Math.round(number) : Number(number.toFixed(1)));
const given = (value, now) => (typeof value === 'function' ? value(now) : value);

async function refresh() {
  clearTimeout(timer);
  try {
    const [text, apps, models, readiness] = await Promise.all([api.metrics(), api.apps(), api.models(), api.readiness()]);
    show(new Metrics(text), apps, models, readiness);
    find('stale').hidden = true;
  } catch (error) {
    if (error instanceof api.Unauthorized) return ask(error.message);
    find('stale').hidden = false;
    find('stale').textContent = `${error.message} What is shown is older.`;
  }
  clearTimeout(timer);
  timer = setTimeout(refresh, EVERY);
}

function show(now, apps, models, { checks }) {
  const before = readings[0];
  SERIES.forEach(({ of }, index) => {
    points[index].push(of(now, before));
    points[index].splice(0, points[index].length - POINTS);
  });
  readings.push(now);
  if (readings.length > SMOOTHED) readings.shift();
  find('tiles').replaceChildren(...SERIES.map((series, index) => tile({
    title: series.title,
    value: String(rounded(points[index].at(-1))),
    unit: given(series.unit, now),
    points: points[index],
    most: series.most?.(now),
  })));
  find('histograms').replaceChildren(...HISTOGRAMS.map(({ title, name, filter }) => histogram({ title, buckets: now.histogram(name, filter) })));
  find('health').replaceChildren(...Object.entries(checks).map(([name, state]) => make('li', { class: state === 'ok' ? 'good' : state !== 'not loaded' && 'bad' }, `${name} ${state}`)));
  const told = JSON.stringify([apps, models]);
  if (told === shown) return;
  shown = told;
  const all = apps.map(place);
  if (find('apps').childElementCount !== all.length) find('apps').replaceChildren(...all.map(({ whole }) => whole));
  all.forEach(({ table }, index) => renew(table, [application(apps[index], refresh)]));
  renew(find('models'), models.map((each) => model(each, refresh)));
}

// An application's table, and below it the form, which stays: somebody may be typing there.
function place(app) {
  if (!places.has(app.name)) {
    const table = make('div');
    places.set(app.name, { table, whole: make('div', {}, table, deployment(app, refresh)) });
  }
  return places.get(app.name);
}

// What is made anew keeps the keyboard on the button that it was on.
function renew(part, made) {
  const called = (element) => element.getAttribute('aria-label') ?? element.textContent;
  const held = part.contains(document.activeElement) ? called(document.activeElement) : null;
  part.replaceChildren(...made);
  if (held !== null) [...part.querySelectorAll('button')].find((button) => called(button) === held)?.focus();
}

// Shows the door, and why it is shut.
function ask(why = '') {
  clearTimeout(timer);
  api.forgetToken();
  look(false);
  find('wrong').textContent = why;
  find('token').focus();
}

function look(isIn) {
  find('door').hidden = isIn;
  find('view').hidden = !isIn;
  find('leave').hidden = !isIn;
  if (!isIn) find('health').replaceChildren();
}

find('door').addEventListener('submit', async (event) => {
  event.preventDefault();
  api.setToken(find('token').value.trim());
  find('token').value = '';
  look(true);
  await refresh();
});
find('leave').addEventListener('click', () => ask());

if (api.hasToken()) {
  look(true);
  refresh();
} else {
  ask();
}
