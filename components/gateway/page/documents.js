// A conversation's documents: given by the person, with progress; listed and removed in a sheet.

import * as api from './api.js';
import * as memory from './memory.js';
import { announce, icon, iconButton, make } from './dom.js';
import { of } from './failure.js';
import { documentsOf } from './files.js';
import { openSheet } from './sheet.js';

// How often a busy service is asked again with the same part.
const TRIES = 10;

export class Documents {
  // Files on their way, or that did not arrive.
  uploads = [];
  // By file: `{name, ids}`.
  files = [];
  #conversation;
  #changed;
  #queue = Promise.resolve();
  #sheet = null;

  constructor(conversation, changed) {
    this.#conversation = conversation;
    this.#changed = () => {
      if (this.#sheet?.isConnected) this.#list();
      changed();
    };
  }

  get isBusy() {
    return this.uploads.some((upload) => !upload.problem);
  }

  // When nothing is on its way any more.
  settled() {
    return this.#queue;
  }

  async load() {
    try {
      this.files = grouped(await api.listDocuments(this.#conversation.id));
      this.#changed();
    } catch {
      // The count is a convenience; opening the sheet tries again, and says what is wrong.
    }
  }

  // One after the other: the service reads each as fast as it can.
  add(files) {
    for (const file of files) {
      const upload = { name: file.name, done: 0, parts: 0, control: new AbortController() };
      this.uploads.push(upload);
      this.#queue = this.#queue.then(() => this.#send(file, upload));
    }
    this.#changed();
  }

  cancel(upload) {
    upload.control.abort();
    this.#finish(upload);
  }

  async #send(file, upload) {
    const { signal } = upload.control;
    if (signal.aborted) return;
    try {
      const documents = await documentsOf(file);
      upload.parts = documents.length;
      this.#changed();
      const session = await this.#conversation.session();
      memory.remember(session, file.name);
      for (const document of documents) {
        await stored(session, document, signal);
        upload.done += 1;
        this.#changed();
      }
      announce(`${file.name} can be asked about now`);
      await this.load();
      this.#finish(upload);
    } catch (error) {
      if (signal.aborted) return;
      upload.problem = error.message;
      announce(`${file.name}: ${error.message}`);
      this.#changed();
    }
  }

  #finish(upload) {
    this.uploads = this.uploads.filter((other) => other !== upload);
    this.#changed();
  }

  async open() {
    this.#sheet = openSheet('Documents');
    this.#list();
    if (!this.#conversation.id) return;
    try {
      this.files = grouped(await api.listDocuments(this.#conversation.id));
      this.#changed();
    } catch (error) {
      this.#sheet.append(make('p', { class: 'failure', role: 'alert' }, of(error).message));
    }
  }

  #list() {
    const explanation = 'Answers in this conversation draw on these. Drop files anywhere on the page to add some.';
    const rows = this.files.map((file) => {
      const passages = `${file.passages} ${file.passages === 1 ? 'passage' : 'passages'}`;
      const remove = iconButton('bin', `Remove ${file.name}`, () => this.#remove(file));
      const text = make('span', { class: 'name' }, file.name);
      return make('li', {}, icon('page'), text, make('span', { class: 'fine' }, passages), remove);
    });
    const list = rows.length
      ? make('ul', { class: 'files', 'aria-label': 'Documents' }, ...rows)
      : make('p', { class: 'nothing' }, 'None yet.');
    this.#sheet.replaceChildren(make('p', { class: 'fine' }, explanation), list);
  }

  async #remove(file) {
    try {
      for (const id of file.ids) await api.deleteDocument(this.#conversation.id, id);
    } catch (error) {
      this.#sheet.append(make('p', { class: 'failure', role: 'alert' }, of(error).message));
      return;
    }
    announce(`${file.name} is removed`);
    this.files = this.files.filter((other) => other !== file);
    this.#changed();
    (this.#sheet.querySelector('button') ?? this.#sheet.parentElement.querySelector('button')).focus();
  }
}

// Stores one part, with patience for a busy service.
async function stored(session, document, signal) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await api.storeDocument(session, document, signal);
    } catch (failure) {
      if (!failure.after || tried === TRIES) throw failure;
      await new Promise((resolve) => setTimeout(resolve, failure.after * 1000));
      signal.throwIfAborted();
    }
  }
}

// Parts of a file are one line.
function grouped(documents) {
  const files = new Map();
  for (const { id, chunks, metadata } of documents) {
    const name = metadata.title || metadata.source || id.replace(/ \(\d{4}\)$/, '');
    const file = files.get(name) ?? { name, ids: [], passages: 0 };
    file.ids.push(id);
    file.passages += chunks;
    files.set(name, file);
  }
  return [...files.values()].sort((one, other) => one.name.localeCompare(other.name));
}
