// Where a number comes from: which model, how many steps old, how long it took, and the Python that made it.
import { showSource } from "./code.js";
import { html } from "./html.js";
import { number } from "./format.js";

/** `result` as `useCompute` gives it; `text` adds words of the page's own. */
export function Badge({ result, text }) {
  if (!result) return html`<p class="badge" aria-hidden="true">…</p>`;
  const { model, ms, shows } = result;
  return html`
    <p class="badge">
      ${model && html`<span>${model.run}/${model.stage}</span><span>step ${model.step.toLocaleString("en-US")}</span>`}
      ${text && html`<span>${text}</span>`}
      ${ms !== undefined && html`<span>${number(ms, ms < 10 ? 1 : 0)} ms</span>`}
      ${shows && html`<button type="button" onClick=${() => showSource(shows)}>${shows.split(".").slice(-2).join(".")}</button>`}
    </p>`;
}
