// What went wrong, in words for the person, and the ways on from there.

// `retry`: the same again. `fresh`: the same in a new conversation. `edit`: the message goes back to be changed.
// `reload`: the conversation is read anew.
export class Failure extends Error {
  constructor(message, ways = [], { after, kind } = {}) {
    super(message);
    this.ways = ways;
    // Seconds until it is worth trying again.
    this.after = after;
    this.kind = kind;
  }
}

const LONGEST_WAIT = 60;

// Of an answer that is not the one asked for.
export async function ofResponse(response) {
  const { status } = response;
  const detail = words(await response.json().catch(() => null));
  if (status === 404 && /session/i.test(detail)) return expired();
  if (status === 401 || status === 403) {
    return new Failure('You are not signed in, or not any more. Sign in and reload this page.', ['retry']);
  }
  if (status === 409) return new Failure('This conversation has gone on elsewhere, in another window perhaps.', ['reload']);
  if (status === 413) return new Failure(`That is more than the service takes at once. ${detail}`.trim(), ['edit']);
  if (status === 400 || status === 422) return new Failure(detail || 'The service does not take that.', ['edit']);
  if (status === 429 || status === 503) {
    const after = Math.min(Number(response.headers.get('retry-after')) || 5, LONGEST_WAIT);
    return new Failure(detail || 'The service is busy.', ['retry'], { after, kind: 'busy' });
  }
  if (status === 504) return new Failure('That took longer than the service allows.', ['retry', 'edit']);
  return new Failure(detail || 'Something went wrong on the side of the service.', ['retry']);
}

export function expired() {
  const message = 'This conversation has expired: the service has forgotten it, its documents too.';
  return new Failure(message, ['fresh'], { kind: 'expired' });
}

// Of anything that was thrown.
export function of(error) {
  if (error instanceof Failure) return error;
  if (navigator.onLine === false) return new Failure('You are offline. Try again when the network is back.', ['retry']);
  return new Failure('The service cannot be reached.', ['retry']);
}

export function broken() {
  const message = 'The connection was lost before the answer was complete.';
  return new Failure(message, ['retry'], { kind: 'broken' });
}

// The error event of a stream that had begun.
export function ofEvent(data) {
  return new Failure(words(data) || 'The answer broke off.', ['retry']);
}

// `detail` is a sentence, or a list of what is wrong.
function words(body) {
  const detail = body?.detail ?? body?.error?.message;
  if (typeof detail === 'string') return detail;
  if (!Array.isArray(detail)) return '';
  return detail.map((problem) => String(problem.msg ?? '').replace(/^Value error, /, '')).join('. ');
}
