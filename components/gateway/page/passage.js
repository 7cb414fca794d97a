// Opens a source: the passage that an answer drew on, marked in the document around it.

import * as api from './api.js';
import { make } from './dom.js';
import { characters } from './files.js';
import { of } from './failure.js';
import { openSheet } from './sheet.js';

// What people know a source by.
export function sourceName({ document_id: id, metadata = {} }) {
  const name = metadata.title || metadata.source || id;
  const page = metadata.page && `, page ${metadata.page}`;
  const part = metadata.parts > 1 && `, part ${metadata.part}`;
  return name + (page || part || '');
}

export async function openPassage(session, source) {
  const body = openSheet(sourceName(source));
  const state = make('p', { class: 'fine' }, 'Opening…');
  body.append(state);
  try {
    const { chunks } = await api.readDocument(session, source.document_id);
    state.remove();
    body.append(...marked(chunks, source));
    body.querySelector('mark')?.scrollIntoView({ block: 'center' });
  } catch (error) {
    const gone = source.text ? 'The document is not there any more. This is the passage that was read:' : of(error).message;
    state.textContent = gone;
    if (source.text) body.append(make('p', { class: 'document' }, make('mark', {}, source.text)));
  }
}

// The document's text with the passage marked. Passages overlap: each adds what those before did not have.
function marked(chunks, source) {
  const cited = chunks.find((chunk) => chunk.id === source.id);
  if (!cited) return [make('p', { class: 'document' }, make('mark', {}, source.text ?? ''))];
  const text = chunks.reduce((whole, { text, start }) => {
    const shared = Math.max(0, whole.length - start);
    return whole.concat([...text].slice(shared));
  }, []);
  const part = (from, to) => text.slice(from, to).join('');
  const end = cited.start + characters(cited.text);
  const mark = make('mark', { tabindex: -1 }, part(cited.start, end));
  const legend = make('p', { class: 'fine' }, 'The answer drew on the marked passage.');
  const whole = make('div', { class: 'document', tabindex: 0, role: 'region', 'aria-label': 'The document' },
    part(0, cited.start), mark, part(end));
  return [legend, whole];
}
