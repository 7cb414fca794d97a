// What an empty conversation shows.

import { icon, make } from './dom.js';

const IDEAS = [
  ['Explain something', 'Explain how a lighthouse lens works, in three short paragraphs.'],
  ['Draft something', 'Draft a short, friendly note that moves our meeting to Thursday.'],
  ['Compare things', 'Compare Redis and SQLite for keeping sessions, as a table.'],
];

// `write` gets the text of an idea that was chosen; `browse` opens the choice of files.
export function welcome({ write, browse }) {
  const ideas = IDEAS.map(([title, text]) => {
    const button = make('button', { type: 'button', class: 'idea', onclick: () => write(text) });
    button.append(make('strong', {}, title), make('span', {}, text));
    return make('li', {}, button);
  });
  const drop = make('button', { type: 'button', class: 'dropzone', onclick: browse }, icon('page'));
  drop.append(make('span', {}, make('strong', {}, 'Bring your documents.'), ' Drop text, Markdown or HTML anywhere here, and ask about it.'));
  return make(
    'div', { class: 'welcome' },
    make('img', { src: new URL('mark.svg', import.meta.url), width: 56, height: 56, alt: '' }),
    make('h2', {}, 'What is on your mind?'),
    make('p', {}, 'Ask anything. The conversation is remembered while it goes on, and answers say which documents they draw on.'),
    drop,
    make('ul', { class: 'ideas', 'aria-label': 'Ideas to begin with' }, ...ideas),
  );
}
