// Dark and light: what the system prefers, unless the person chose. Loaded before anything is painted.

const KEY = 'corral:theme';
const root = document.documentElement;
const preference = matchMedia('(prefers-color-scheme: dark)');

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function isDark() {
  return root.dataset.theme ? root.dataset.theme === 'dark' : preference.matches;
}

// Chooses the other one. A choice that equals the system's is no choice: the page follows the system again.
export function toggle() {
  const theme = isDark() ? 'light' : 'dark';
  const own = (theme === 'dark') !== preference.matches;
  apply(own ? theme : null);
  try {
    own ? localStorage.setItem(KEY, theme) : localStorage.removeItem(KEY);
  } catch {
    // A browser that keeps nothing: the choice holds until the page is left.
  }
}

// Calls back now and whenever the theme may have changed.
export function onChange(changed) {
  preference.addEventListener('change', changed);
  addEventListener('storage', (event) => {
    if (event.key !== KEY) return;
    apply(stored());
    changed();
  });
  changed();
}

function apply(theme) {
  if (theme === 'dark' || theme === 'light') root.dataset.theme = theme;
  else delete root.dataset.theme;
}

apply(stored());
