// What the reader's browser remembers, under one prefix; where it may not, it lasts as long as the page.
import { signal } from "./html.js";

const PREFIX = "orrery.";
const memory = new Map();

/** The value kept under `key`, or `fallback`. */
export function recall(key, fallback) {
  try {
    const text = localStorage.getItem(PREFIX + key);
    return text === null ? (memory.get(key) ?? fallback) : JSON.parse(text);
  } catch {
    return memory.get(key) ?? fallback;
  }
}

/** Keep a value. */
export function keep(key, value) {
  memory.set(key, value);
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // storage is full or switched off: `memory` has it
  }
}

/** A signal that is kept: `kept("course", {})`. */
export function kept(key, fallback) {
  const value = signal(recall(key, fallback));
  value.subscribe((now) => keep(key, now));
  return value;
}

/** The parts of the course that are done: {"3": {"quiz-slope": true, "read": true}}. */
export const progress = kept("course", {});

/** Mark something of a chapter as done. */
export function mark(chapter, what, value = true) {
  const of = { ...(progress.value[chapter] ?? {}), [what]: value };
  progress.value = { ...progress.value, [chapter]: of };
}
