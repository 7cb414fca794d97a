// Reads a response of server-sent events, one by one. A comment comes as the event `ping`.

export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let name = 'message';
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split('\n');
      rest = lines.pop();
      for (const line of lines.map((line) => line.replace(/\r$/, ''))) {
        if (line === '' && data.length) {
          yield { name, data: JSON.parse(data.join('\n')) };
          name = 'message';
          data = [];
        } else if (line.startsWith(':')) {
          yield { name: 'ping' };
        } else if (line.startsWith('event:')) {
          name = line.slice(6).trim();
        } else if (line.startsWith('data:')) {
          data.push(line.slice(5));
        }
      }
    }
  } finally {
    // Whoever listens no longer has the answer stopped.
    reader.cancel().catch(() => {});
  }
}
