// Bars with names and values: probabilities, scores, counts.
import { html, names } from "./html.js";
import { number, visible } from "./format.js";

/**
 * `items`: [{label, value, note, muted, mark, ghost}], values from 0 to `max` (or negative to positive with `signed`).
 * `ghost`: another value, drawn as a line across the bar. `onPick(index)` makes them buttons.
 */
export function Bars({ label, items, max, signed = false, digits = 3, onPick, format }) {
  const largest = max ?? Math.max(1e-12, ...items.map((item) => Math.abs(item.value)), ...items.map((item) => Math.abs(item.ghost ?? 0)));
  const show = format ?? ((value) => number(value, digits));
  const width = (value) => `${(100 * Math.min(1, Math.abs(value) / largest)) / (signed ? 2 : 1)}%`;
  return html`
    <ol class=${names("bars", signed && "signed")} aria-label=${label}>
      ${items.map((item, index) => {
        const inside = html`
          <span class="bar-label">${visible(item.label)}</span>
          <span class="bar-track"><span class=${names("bar-fill", item.value < 0 && "negative")} style=${{ width: width(item.value) }}></span>
            ${item.ghost !== undefined && html`<span class="bar-ghost" style=${{ left: width(item.ghost) }}></span>`}</span>
          <span class="bar-value number" data-value=${item.value}>${show(item.value)}${item.note && html` <small>${item.note}</small>`}</span>`;
        return html`<li key=${item.key ?? index} class=${names(item.muted && "off", item.mark && "marked")}>
          ${onPick ? html`<button type="button" onClick=${() => onPick(index)}>${inside}</button>` : inside}</li>`;
      })}
    </ol>`;
}
