// Where the reader is: everything after the #, so that a link restores what was on the screen.
//
//     #/course/6/softmax?softmax.logits=2,1,0&softmax.temperature=0.7
import { batch, signal, useEffect, useRef, useState } from "./html.js";

/** The parts of the path and its parameters. */
export const route = signal(parse(location.hash));

export function parse(hash) {
  const [, path, query = ""] = hash.match(/^#?\/?([^?]*)\??(.*)$/s);
  return { parts: path.split("/").filter(Boolean).map(decoded), params: new URLSearchParams(query) };
}

/** A part of the path; what is no percent encoding was typed as it is. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

window.addEventListener("hashchange", () => {
  route.value = parse(location.hash);
});

/** The address of a page: href("course/6", {step: 3}). */
export function href(path, params = {}) {
  const query = new URLSearchParams(params).toString();
  return `#/${path}${query ? `?${query}` : ""}`;
}

/** Go to a page. */
export const go = (path, params) => {
  location.hash = href(path, params).slice(1);
};

let pending = 0;

/** Change parameters without a new entry in the history; undefined takes one out. */
export function setParams(changes) {
  const { parts, params } = route.peek();
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) params.delete(name);
    else params.set(name, value);
  }
  // Browsers refuse more than some two hundred changes of the address in half a minute: one is made a while after the last.
  clearTimeout(pending);
  pending = setTimeout(() => {
    const here = parse(location.hash).parts;
    if (here.join("/") !== parts.join("/")) return; // the reader has gone on meanwhile
    history.replaceState(history.state, "", href(parts.map(encodeURIComponent).join("/"), params));
  }, 200);
}

/**
 * State that the address holds: `const [state, setState] = useUrlState("softmax", {logits: [2, 1], temperature: 1})`.
 * Values have the types of their defaults: number, boolean, string, array of numbers; others are JSON.
 * A value equal to its default is left out of the address.
 */
export function useUrlState(prefix, defaults) {
  const read = () => readState(route.peek().params, prefix, defaults);
  const [state, set] = useState(read);
  const now = useRef(state);
  now.current = state;
  useEffect(() => {
    const changed = () => set(read());
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, [prefix]);
  const setState = (changes) => {
    const next = { ...now.current, ...changes };
    now.current = next;
    batch(() => set(next));
    setParams(
      Object.fromEntries(
        Object.keys(changes).map((name) => {
          const text = write(next[name]);
          return [`${prefix}.${name}`, text === write(defaults[name]) ? undefined : text];
        }),
      ),
    );
  };
  return [state, setState];
}

export function readState(params, prefix, defaults) {
  const state = { ...defaults };
  for (const [name, fallback] of Object.entries(defaults)) {
    const text = params.get(`${prefix}.${name}`);
    if (text !== null) state[name] = readValue(text, fallback);
  }
  return state;
}

function readValue(text, fallback) {
  if (typeof fallback === "string") return text;
  if (typeof fallback === "boolean") return text === "true";
  if (typeof fallback === "number") return Number.isFinite(Number(text)) && text !== "" ? Number(text) : fallback;
  if (Array.isArray(fallback) && fallback.every((entry) => typeof entry === "number")) {
    const numbers = text.split(",").filter(Boolean).map(Number);
    return numbers.every(Number.isFinite) ? numbers : fallback;
  }
  try {
    return JSON.parse(text);
  } catch {
    return fallback;
  }
}

function write(value) {
  if (Array.isArray(value) && value.every((entry) => typeof entry === "number")) return value.join(",");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
