// The list of conversations, newest first; beside the page where there is room, before it where there is none.

import * as memory from './memory.js';
import { dress, find, icon, iconButton, make } from './dom.js';

const narrow = matchMedia('(max-width: 820px)');

export class Sidebar {
  #choose;
  #remove;

  // `choose` gets an id, or null for a new conversation; `remove` an id.
  constructor({ choose, remove }) {
    this.#choose = choose;
    this.#remove = remove;
    const fresh = find('new');
    fresh.append(icon('plus'), make('span', {}, 'New conversation'));
    fresh.addEventListener('click', () => this.#chosen(null));
    dress(find('menu'), 'menu', 'Conversations').addEventListener('click', () => this.#show(!this.#isShown));
    find('scrim').addEventListener('click', () => this.#show(false));
    find('sidebar').addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || !narrow.matches) return;
      event.stopPropagation();
      this.#show(false);
    });
    narrow.addEventListener('change', () => this.#show(!narrow.matches, { quietly: true }));
    this.#show(!narrow.matches, { quietly: true });
  }

  // `busy` are the ids of conversations that are being answered.
  render(current, busy) {
    const items = memory.sessions().map(({ id, title }) => {
      const name = make('span', { class: 'name' }, title || 'Untitled');
      const open = make('button', { type: 'button', class: 'session', title, 'aria-current': id === current && 'true', onclick: () => this.#chosen(id) }, name);
      if (busy.has(id)) open.append(make('span', { class: 'busy' }, make('span', { class: 'hidden' }, 'is being answered')));
      return make('li', { 'data-id': id }, open, iconButton('bin', `Delete “${title}”`, () => this.#remove(id, title)));
    });
    find('recent').hidden = !items.length;
    find('sessions').hidden = !items.length;
    this.#renew(items);
  }

  // The list is made anew whenever a conversation changes; the keyboard stays where it was.
  #renew(items) {
    const list = find('sessions');
    const held = list.contains(document.activeElement) ? document.activeElement : null;
    const part = held?.classList.contains('icon') ? '.icon' : '.session';
    const id = held?.closest('li').dataset.id;
    list.replaceChildren(...items);
    if (held) (list.querySelector(`li[data-id="${CSS.escape(id)}"] ${part}`) ?? find('new')).focus();
  }

  get #isShown() {
    return find('menu').getAttribute('aria-expanded') === 'true';
  }

  #chosen(id) {
    if (narrow.matches) this.#show(false, { quietly: true });
    this.#choose(id);
  }

  // Where it covers the page, the page behind it cannot be reached, nor it when it is away.
  #show(shown, { quietly = false } = {}) {
    const covers = shown && narrow.matches;
    find('menu').setAttribute('aria-expanded', String(shown));
    document.documentElement.dataset.sidebar = shown ? 'shown' : 'away';
    find('sidebar').inert = !shown;
    find('page').inert = covers;
    find('scrim').hidden = !covers;
    if (!quietly) (covers ? find('new') : find('menu')).focus();
  }
}
