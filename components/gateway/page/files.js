// Turns files into documents, in the browser: their text, in parts that the service takes, named as `corral ingest` does.

// The same as the command line's, so that a file is the same documents whichever way it came.
const MOST_BYTES = 64 << 10;
const LARGEST = 64 << 20;
const LONGEST_NAME = 121;

// What browsers can be asked to offer; any other text can be dropped as well.
export const ACCEPT = '.txt,.text,.md,.markdown,.html,.htm,.csv,.tsv,.json,.yaml,.yml,.toml,.xml,.log,.rst,text/*';

// The documents of a file: `{id, text, metadata}`. Throws an Error whose message is for the person.
export async function documentsOf(file) {
  if (/\.pdf$/i.test(file.name)) throw new Error('PDF files are read by the command: corral ingest');
  if (file.size > LARGEST) throw new Error('larger than 64 MiB');
  const bytes = await file.arrayBuffer();
  const text = textOf(file.name, bytes);
  const parts = cut(text).filter((part) => part.text.trim());
  if (!parts.length) throw new Error('there is no text in it');
  const sha256 = await hash(bytes);
  const name = documentName(file.name);
  return parts.map((part, index) => ({
    id: parts.length === 1 ? name : `${name} (${String(index + 1).padStart(4, '0')})`,
    text: part.text,
    metadata: {
      source: file.name,
      ...(sha256 && { sha256 }),
      part: index + 1,
      parts: parts.length,
      offset: part.offset,
    },
  }));
}

function textOf(name, bytes) {
  let text;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('not a text in UTF-8');
  }
  if (text.includes('\0')) throw new Error('not a text');
  return /\.x?html?$/i.test(name) ? textOfHtml(text) : text;
}

const BLOCKS = 'p,div,section,article,h1,h2,h3,h4,h5,h6,li,tr,pre,blockquote,figcaption,dt,dd,header,footer';

// The one place where the page's policy lets a text be read as HTML.
const policy = globalThis.trustedTypes?.createPolicy('inert', { createHTML: (html) => html });

// Read into a document of its own, in which nothing is loaded and nothing runs; only its text comes out.
function textOfHtml(html) {
  const inert = new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, 'text/html');
  inert.querySelectorAll('script,style,noscript,template,svg').forEach((element) => element.remove());
  inert.querySelectorAll(BLOCKS).forEach((element) => element.append('\n\n'));
  inert.querySelectorAll('br').forEach((element) => element.replaceWith('\n'));
  return inert.body.textContent.replace(/[ \t]+/g, ' ').replace(/\n\s*\n\s*/g, '\n\n').trim();
}

// Parts of at most so many bytes, between paragraphs where it can be. Together they are the whole text.
function cut(text) {
  const parts = [];
  let offset = 0;
  for (let rest = text; rest; ) {
    const part = rest.slice(0, end(rest));
    parts.push({ text: part, offset });
    offset += characters(part);
    rest = rest.slice(part.length);
  }
  return parts;
}

function end(text) {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(MOST_BYTES));
  if (read === text.length) return read;
  const window = text.slice(0, read);
  const ends = ['\n\n', '\n\r\n', '\n', '. ', ' '].map((border) => window.lastIndexOf(border) + border.length);
  return ends.find((end) => end > read / 2) ?? read;
}

// As the service counts them: pairs of surrogates are one.
export function characters(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

// What has a meaning in ids and addresses is written as its code.
function documentName(name) {
  let legal = name.replace(/[#%:/\u0000-\u001f\u007f]/g, (character) =>
    `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  const bytes = (text) => new TextEncoder().encode(text).length;
  while (bytes(legal) > LONGEST_NAME) legal = [...legal].slice(1).join('');
  return legal;
}

// Browsers compute it only with TLS or on the machine itself; without it a file counts as changed.
async function hash(bytes) {
  if (!crypto.subtle) return '';
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
