// The admin interface, with the token that this tab knows.

const KEY = 'corral:admin-token';

export const hasToken = () => Boolean(sessionStorage.getItem(KEY));
export const setToken = (token) => sessionStorage.setItem(KEY, token);
export const forgetToken = () => sessionStorage.removeItem(KEY);

// The host wants another token.
export class Unauthorized extends Error {}

async function call(path, options = {}) {
  const headers = { authorization: `Bearer ${sessionStorage.getItem(KEY)}`, 'x-corral-actor': 'admin page', ...options.headers };
  const response = await fetch(path, { ...options, headers }).catch(() => {
    throw new Error('The host cannot be reached.');
  });
  if (response.status === 401) throw new Unauthorized('This is not the token.');
  // Not being ready is an answer too.
  if (response.ok || path === 'readyz') return response;
  const { detail } = await response.json().catch(() => ({}));
  throw new Error(detail ?? `The host answered ${response.status}.`);
}

const read = async (path) => (await call(path)).json();
const post = async (path, query = {}, body) =>
  (await call(`${path}?${new URLSearchParams(query)}`, { method: 'POST', body })).json();

export const metrics = async () => (await call('metrics')).text();
export const apps = async () => (await read('apps')).apps;
export const models = async () => (await read('models')).models;
export const readiness = () => read('readyz');

const app = (name) => `apps/${encodeURIComponent(name)}`;

export const deploy = (name, file, query) => post(`${app(name)}/deploy`, query, file);
export const rollBack = (name, to) => post(`${app(name)}/rollback`, to === undefined ? {} : { to });
export const promote = (name) => post(`${app(name)}/promote`);
export const changeModel = (name, verb) => post(`models/${name}/${verb}`);
