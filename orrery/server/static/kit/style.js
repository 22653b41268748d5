// Style sheets of single pages and simulations, loaded with them.
import { useState, useEffect } from "./html.js";

const loaded = new Map();

/** Load a style sheet below /static/ -> whether it is there: draw nothing before. */
export function useStyle(path) {
  const [ready, setReady] = useState(loaded.get(path) === true);
  useEffect(() => {
    if (loaded.get(path) === true) return setReady(true);
    if (!loaded.has(path)) loaded.set(path, load(path));
    Promise.resolve(loaded.get(path)).then(() => {
      loaded.set(path, true);
      setReady(true);
    });
    return undefined;
  }, [path]);
  return ready;
}

function load(path) {
  return new Promise((resolve) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = `/static/${path}`;
    link.onload = resolve;
    link.onerror = resolve; // a page without its style is still a page
    document.head.append(link);
  });
}
