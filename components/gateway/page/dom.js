// Makes elements. Text is always text: nothing on this page parses HTML.

// An element with attributes; those that begin with `on` are listeners, those that are false or undefined are left out.
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

export const find = (id) => document.getElementById(id);

const PATHS = {
  menu: 'M4 7h16M4 12h16M4 17h10',
  plus: 'M12 5v14M5 12h14',
  send: 'M12 19V5M6 11l6-6 6 6',
  stop: 'M8 8h8v8H8z',
  clip: 'M20 11.5l-8.2 8.2a5 5 0 0 1-7-7l8.5-8.5a3.3 3.3 0 0 1 4.7 4.7l-8.5 8.5a1.7 1.7 0 0 1-2.4-2.4l7.8-7.8',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  again: 'M19 6v5h-5M5 18v-5h5M18.2 11A7 7 0 0 0 6.4 7.8M5.8 13a7 7 0 0 0 11.8 3.2',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  close: 'M6 6l12 12M18 6L6 18',
  bin: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5',
  page: 'M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6',
  left: 'M14 6l-6 6 6 6',
  right: 'M10 6l6 6-6 6',
  down: 'M12 5v14M6 13l6 6 6-6',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M19 5l-1.4 1.4M6.4 17.6L5 19',
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z',
  note: 'M12 8v5M12 16.5v.1M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
};

const SVG = 'http://www.w3.org/2000/svg';

// A picture of 24 × 24; what it means is said beside it.
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

// Gives a button its picture and its name: for the eye on pointing, for a screen reader always.
export function dress(button, picture, label) {
  button.replaceChildren(icon(picture));
  button.setAttribute('aria-label', label);
  button.title = label;
  return button;
}

export function iconButton(picture, label, onclick) {
  return dress(make('button', { type: 'button', class: 'icon', onclick }), picture, label);
}

// Tells a screen reader, and nobody else.
export function announce(text) {
  // The same text twice would not be read twice.
  find('status').replaceChildren(make('p', {}, text));
}
