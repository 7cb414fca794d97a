// Makes elements. Text is always text: nothing on this page parses HTML.

export function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

const SVG = 'http://www.w3.org/2000/svg';

export function draw(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

export const find = (id) => document.getElementById(id);

// What has happened, for the eye and for a screen reader.
export function say(text, isBad = false) {
  const said = make('p', { class: isBad ? 'bad' : '' }, text);
  find('said').replaceChildren(said);
  if (!isBad) setTimeout(() => said.remove(), 8000);
}
