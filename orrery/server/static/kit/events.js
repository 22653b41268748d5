// The one stream of events that this tab has: everything that is watched comes through it. Closed while the tab is hidden.
import { signal } from "./html.js";

/** Whether the studio is heard. */
export const connected = signal(true);

const watchers = new Map(); // topic -> {onMessage, after}
let source = null;
let pending = 0;

/**
 * Watch "runs" or "run:NAME" -> a function that ends it. `onMessage(message)` gets each message of the topic
 * (orrery/server/studio/events.py); `after()` says which event was seen last: from there on it goes, whatever was missed.
 */
export function watch(topic, onMessage, after) {
  const watcher = { onMessage, after };
  watchers.set(topic, [...(watchers.get(topic) ?? []), watcher]);
  soon();
  return () => {
    const left = watchers.get(topic).filter((one) => one !== watcher);
    if (left.length) watchers.set(topic, left);
    else watchers.delete(topic);
    soon();
  };
}

/** Several changes in a row are one new connection. */
function soon(wait = 0) {
  clearTimeout(pending);
  pending = setTimeout(connect, wait);
}

function connect() {
  source?.close();
  source = null;
  if (!watchers.size) connected.value = true; // as far as anybody asks
  if (!watchers.size || document.hidden) return;
  const seen = ([topic, all]) => (all.every((one) => one.after) ? [`${topic}:${Math.min(...all.map((one) => one.after()))}`] : []);
  const after = [...watchers].flatMap(seen);
  const query = new URLSearchParams({ watch: [...watchers.keys()].join(","), after: after.join(",") });
  const opened = new EventSource(`/api/events?${query}`);
  source = opened;
  opened.onopen = () => {
    connected.value = true;
  };
  opened.onmessage = (event) => {
    const message = JSON.parse(event.data);
    for (const watcher of watchers.get(message.topic) ?? []) watcher.onMessage(message);
  };
  opened.onerror = () => {
    connected.value = false;
    if (opened === source && opened.readyState === EventSource.CLOSED) soon(2000); // refused: the browser does not try again
  };
}

document.addEventListener("visibilitychange", () => soon());
