// Takes files that are dropped anywhere on the page.

import { find } from './dom.js';

export function acceptDrops(add) {
  const zone = find('drop');
  const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
  // Every element below the pointer is entered and left: those that are entered are counted.
  let depth = 0;
  const end = () => {
    depth = 0;
    zone.hidden = true;
  };
  addEventListener('dragenter', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth += 1;
    zone.hidden = false;
  });
  addEventListener('dragover', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
  });
  addEventListener('dragleave', (event) => {
    if (!holdsFiles(event)) return;
    depth -= 1;
    if (depth <= 0) end();
  });
  // Without this a browser would open the file in place of the page.
  addEventListener('drop', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    end();
    const files = [...event.dataTransfer.files];
    if (files.length) add(files);
  });
}
