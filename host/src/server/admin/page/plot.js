// Plots: a line over time, and the bars of a histogram. Each says in words what it shows.

import { draw, make } from './dom.js';
import { duration, quantile } from './metrics.js';

const WIDTH = 240;
const HEIGHT = 64;
// Five minutes, read every two seconds.
export const POINTS = 150;
const FEWEST = 30;

// A number and its last minutes. `most` is the scale's top, where the number has one.
export function tile({ title, value, unit, points, most }) {
  const top = most || Math.max(1, ...points) * 1.1;
  // The first minute has the whole width, and then shrinks as more comes.
  const wide = Math.max(points.length, FEWEST) - 1;
  const x = (index) => WIDTH - (points.length - 1 - index) * (WIDTH / wide);
  const y = (point) => HEIGHT - 2 - (Math.min(point, top) / top) * (HEIGHT - 6);
  const line = points.map((point, index) => `${index ? 'L' : 'M'}${x(index).toFixed(1)} ${y(point).toFixed(1)}`).join('');
  const area = points.length ? `${line}L${WIDTH} ${HEIGHT}L${x(0).toFixed(1)} ${HEIGHT}Z` : '';
  const plot = draw('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    draw('path', { class: 'area', d: area }), draw('path', { class: 'line', d: line }));
  return make('figure', { class: 'tile' },
    make('figcaption', {}, title),
    make('p', { class: 'value' }, value, make('span', { class: 'quiet' }, ` ${unit}`)), plot);
}

export function histogram({ title, buckets }) {
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  const used = trimmed(buckets);
  const most = Math.max(1, ...used.map(({ count }) => count));
  const step = WIDTH / Math.max(1, used.length);
  const bars = used.map(({ to, count }, index) => {
    const height = count ? Math.max(2, (count / most) * (HEIGHT - 4)) : 0;
    const bar = draw('rect', { x: index * step + 1, y: HEIGHT - height, width: Math.max(1, step - 2), height, rx: 2 });
    bar.append(draw('title', {}, `up to ${duration(to)}: ${count}`));
    return bar;
  });
  const plot = draw('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, ...bars);
  const ends = make('p', { class: 'ends quiet' }, make('span', {}, used.length ? `≤ ${duration(used[0].to)}` : ''),
    make('span', {}, used.length ? `≤ ${duration(used.at(-1).to)}` : ''));
  const facts = total ? `half within ${duration(quantile(buckets, 0.5))}, 95 of 100 within ${duration(quantile(buckets, 0.95))}` : 'none yet';
  return make('figure', { class: 'tile' }, make('figcaption', {}, title, make('span', { class: 'quiet' }, ` ${total}`)), plot, ends,
    make('p', { class: 'quiet facts' }, facts));
}

// Without the empty buckets at both ends.
function trimmed(buckets) {
  const first = buckets.findIndex(({ count }) => count);
  const last = buckets.findLastIndex(({ count }) => count);
  return first < 0 ? [] : buckets.slice(first, last + 1);
}
