// The service's interface. Every function gives what was asked for, or throws a Failure.

import { expired, of, ofResponse } from './failure.js';

// Where the service is: this file is in its folder `page`, whatever prefix is before.
export const BASE = new URL('..', import.meta.url);

const JSON_TYPE = { 'content-type': 'application/json' };

async function call(path, { method = 'GET', body, headers = {}, signal } = {}) {
  const request = { method, signal, headers: { ...(body && JSON_TYPE), ...headers } };
  if (body) request.body = JSON.stringify(body);
  let response;
  try {
    response = await fetch(new URL(path, BASE), request);
  } catch (error) {
    throw signal?.aborted ? error : of(error);
  }
  if (!response.ok) throw await ofResponse(response);
  return response;
}

const read = async (path, options) => (await call(path, options)).json();
const named = (id) => encodeURIComponent(id);

export async function createSession() {
  return (await read('api/v1/chat/session', { method: 'POST' })).session_id;
}

export const readSession = (id) => read(`api/v1/chat/session/${named(id)}`);

// True also if it was gone before.
export async function deleteSession(id) {
  try {
    await call(`api/v1/chat/session/${named(id)}`, { method: 'DELETE' });
  } catch (failure) {
    if (failure.kind !== expired().kind) throw failure;
  }
}

// The same key twice is one turn, however often it is tried. With `replaces` it takes the place of the newest turn.
export function answer(session, message, { key, replaces }, signal) {
  const headers = { 'idempotency-key': key };
  const body = { session_id: session, message, replaces };
  return call('api/v1/chat/chat/stream', { method: 'POST', body, headers, signal });
}

const documents = (session, id) =>
  `api/v1/chat/documents${id === undefined ? '' : `/${named(id)}`}?session_id=${named(session)}`;

export const storeDocument = (session, document, signal) =>
  call('api/v1/chat/documents', { method: 'POST', body: { session_id: session, documents: [document] }, signal });
export const listDocuments = async (session) => (await read(documents(session))).documents;
export const readDocument = (session, id) => read(documents(session, id));
export const deleteDocument = (session, id) => call(documents(session, id), { method: 'DELETE' });

// The name of the model that answers where nobody chooses, or nothing.
export async function modelName() {
  const { data } = await read('v1/models');
  return data.find((model) => !/minilm|embed/i.test(model.id))?.id ?? '';
}
