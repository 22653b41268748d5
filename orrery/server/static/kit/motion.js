// Movement, for those who want it.
import { signal } from "./html.js";

const query = matchMedia("(prefers-reduced-motion: reduce)");

/** Whether the reader has asked for less movement: animations then become single steps. */
export const reduced = signal(query.matches);
query.addEventListener("change", () => {
  reduced.value = query.matches;
});
