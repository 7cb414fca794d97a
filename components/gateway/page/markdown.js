// Shows Markdown as it comes. streaming-markdown only reads it; what is shown is made here, of elements that can do
// nothing.
//
// HTML in it is shown as the text that it is, pictures are links, and links lead to http, https and mailto alone.

import * as smd from './smd.js';
import { iconButton, make } from './dom.js';
import { copy } from './clipboard.js';

// A text made to be hard takes the reader time by its square; what comes after so many characters is shown as it is.
const LONGEST = 60_000;
const SAFE = /^(https?:\/\/|mailto:)/i;

const NAMES = new Map([
  [smd.PARAGRAPH, 'p'],
  [smd.BLOCKQUOTE, 'blockquote'],
  [smd.LINE_BREAK, 'br'],
  [smd.RULE, 'hr'],
  [smd.ITALIC_AST, 'em'],
  [smd.ITALIC_UND, 'em'],
  [smd.STRONG_AST, 'strong'],
  [smd.STRONG_UND, 'strong'],
  [smd.STRIKE, 'del'],
  [smd.CODE_INLINE, 'code'],
  [smd.LIST_UNORDERED, 'ul'],
  [smd.LIST_ORDERED, 'ol'],
  [smd.LIST_ITEM, 'li'],
  [smd.EQUATION_BLOCK, 'code'],
  [smd.EQUATION_INLINE, 'code'],
]);
const HEADINGS = [smd.HEADING_1, smd.HEADING_2, smd.HEADING_3, smd.HEADING_4, smd.HEADING_5, smd.HEADING_6];

export class Prose {
  #element;
  #parser;
  // The element that grows, and those around it.
  #open;
  // The level of the last heading: none is left out, and the page's own are above.
  #level = 2;
  #length = 0;
  // Where the rest of a very long one is.
  #plain = null;

  constructor(element) {
    this.#element = element;
    this.clear();
  }

  clear() {
    this.#element.replaceChildren();
    this.#open = [this.#element];
    this.#level = 2;
    this.#length = 0;
    this.#plain = null;
    this.#parser = smd.parser({
      data: undefined,
      add_token: (_, type) => this.#begin(type),
      end_token: () => this.#end(),
      add_text: (_, text) => this.#top.append(text),
      set_attr: (_, name, value) => this.#set(name, value),
    });
  }

  write(text) {
    if (!this.#plain) {
      const room = LONGEST - this.#length;
      this.#length += text.length;
      smd.parser_write(this.#parser, text.slice(0, room));
      if (this.#length <= LONGEST) return;
      this.#plain = this.#element.appendChild(make('p', { class: 'plain' }));
      text = text.slice(room);
    }
    this.#plain.append(text);
  }

  // No more will come.
  end() {
    if (!this.#plain) smd.parser_end(this.#parser);
  }

  get #top() {
    return this.#open.at(-1);
  }

  #begin(type) {
    this.#open.push(this.#made(type, this.#top));
  }

  // The element that takes what is in it, put where it belongs.
  #made(type, parent) {
    const level = HEADINGS.indexOf(type);
    if (level >= 0) {
      this.#level = Math.min(level + 3, this.#level + 1, 6);
      return parent.appendChild(make(`h${this.#level}`));
    }
    if (type === smd.CODE_FENCE || type === smd.CODE_BLOCK) return code(parent);
    if (type === smd.LINK || type === smd.RAW_URL || type === smd.IMAGE) return parent.appendChild(make('a'));
    if (type === smd.CHECKBOX) return parent.appendChild(make('span', { class: 'task' }, '☐ '));
    if (type === smd.TABLE) return table(parent);
    if (type === smd.TABLE_ROW) return row(parent);
    if (type === smd.TABLE_CELL) return cell(parent);
    return parent.appendChild(make(NAMES.get(type) ?? 'span'));
  }

  #end() {
    if (this.#open.length > 1) this.#open.pop();
  }

  #set(name, value) {
    const element = this.#top;
    if (name === smd.HREF || name === smd.SRC) link(element, value, name === smd.SRC);
    if (name === smd.CHECKED) element.textContent = '☑ ';
    if (name === smd.START && /^\d{1,9}$/.test(value)) element.setAttribute('start', value);
    if (name === smd.LANG) element.closest('.code').querySelector('.bar span').textContent = value.slice(0, 30);
  }
}

// What does not lead where it may stays a text.
function link(element, target, isPicture) {
  if (isPicture && !element.hasChildNodes()) element.append('Picture: ');
  if (!SAFE.test(target)) return;
  element.href = target;
  element.target = '_blank';
  element.rel = 'noopener noreferrer';
}

function code(parent) {
  const text = make('code');
  const button = iconButton('copy', 'Copy this code', (event) => copy(text.textContent, event.currentTarget));
  const bar = make('div', { class: 'bar' }, make('span', {}, 'text'), button);
  // What may be wider than the page must be reachable without a mouse.
  const pre = make('pre', { tabindex: 0, role: 'group', 'aria-label': 'Code' }, text);
  parent.append(make('div', { class: 'code' }, bar, pre));
  return text;
}

function table(parent) {
  const made = make('table');
  parent.append(make('div', { class: 'table', tabindex: 0, role: 'group', 'aria-label': 'Table' }, made));
  return made;
}

// The first row is the table's head.
function row(parent) {
  const part = parent.tHead ? (parent.tBodies[0] ?? parent.createTBody()) : parent.createTHead();
  return part.appendChild(make('tr'));
}

function cell(parent) {
  const isHead = parent.parentElement?.tagName === 'THEAD';
  return parent.appendChild(make(isHead ? 'th' : 'td', { scope: isHead ? 'col' : undefined }));
}
