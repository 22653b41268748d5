// Movement, for those who want it.
import { signal } from "./html.js";

const query = matchMedia("(prefers-reduced-motion: reduce)");

/** Whether the reader has asked for less movement: animations then become single steps. */
export const reduced = signal(query.matches);
query.addEventListener("change", () => {
  reduced.value = query.matches;
});

/**
 * Call `frame(t)` with t from 0 to 1 over `ms` -> a function that stops it. With reduced motion: once, with 1.
 */
export function animate(frame, ms) {
  if (reduced.value) {
    frame(1);
    return () => {};
  }
  let id = 0;
  const start = performance.now();
  const next = (now) => {
    const t = Math.min(1, (now - start) / ms);
    frame(t);
    if (t < 1) id = requestAnimationFrame(next);
  };
  id = requestAnimationFrame(next);
  return () => cancelAnimationFrame(id);
}
