// Reads Prometheus' text, and turns counters into rates.

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

export class Metrics {
  #samples = new Map();

  constructor(text, at = Date.now()) {
    this.at = at;
    for (const line of text.split('\n')) {
      const [, name, labels, value] = LINE.exec(line) ?? [];
      if (!name) continue;
      if (!this.#samples.has(name)) this.#samples.set(name, []);
      const given = Object.fromEntries([...(labels ?? '').matchAll(LABEL)].map(([, key, value]) => [key, value]));
      this.#samples.get(name).push({ labels: given, value: Number(value) });
    }
  }

  // The samples of a name that a filter lets through, added up.
  sum(name, filter = () => true) {
    return (this.#samples.get(name) ?? []).filter(({ labels }) => filter(labels)).reduce((sum, { value }) => sum + value, 0);
  }

  // A histogram: `[{to, count}]`, each bucket by itself.
  histogram(name, filter = () => true) {
    const upTo = new Map();
    for (const { labels, value } of this.#samples.get(`${name}_bucket`) ?? []) {
      if (filter(labels)) upTo.set(labels.le, (upTo.get(labels.le) ?? 0) + value);
    }
    const bounds = [...upTo].map(([to, count]) => ({ to: to === '+Inf' ? Infinity : Number(to), count })).sort((a, b) => a.to - b.to);
    return bounds.map(({ to, count }, index) => ({ to, count: count - (bounds[index - 1]?.count ?? 0) }));
  }

  // How fast a counter has grown since an earlier reading, by the second. A host that was restarted counts from 0.
  rate(name, before, filter) {
    const grown = this.sum(name, filter) - (before?.sum(name, filter) ?? 0);
    return before ? Math.max(0, grown) / ((this.at - before.at) / 1000) : 0;
  }
}

// The bound below which a share of the observations lies: as exact as buckets are.
export function quantile(buckets, share) {
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  let seen = 0;
  for (const { to, count } of buckets) {
    seen += count;
    if (total && seen >= share * total) return to;
  }
  return NaN;
}

export function duration(seconds) {
  if (Number.isNaN(seconds)) return 'none yet';
  if (seconds === Infinity) return 'over 5 min';
  if (seconds < 1) return `${Number((seconds * 1000).toPrecision(3))} ms`;
  return seconds < 60 ? `${seconds} s` : `${seconds / 60} min`;
}
