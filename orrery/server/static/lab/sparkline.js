// A curve the size of a word.
import { significant } from "../kit/format.js";
import { html } from "../kit/html.js";

const [WIDTH, HEIGHT] = [96, 24];

/** `values`: in order; `colour`: 1–8. What is drawn is said in words, too. */
export function Sparkline({ values, colour = 1, label }) {
  if (values.length < 2) return html`<span class="muted">–</span>`;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const at = (value, index) => `${((index / (values.length - 1)) * WIDTH).toFixed(1)},${(HEIGHT - 2 - ((value - low) / (high - low || 1)) * (HEIGHT - 4)).toFixed(1)}`;
  return html`
    <svg class="sparkline" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} width=${WIDTH} height=${HEIGHT} role="img" aria-label=${`${label}: from ${significant(values[0])} to ${significant(values.at(-1))}`}>
      <polyline points=${values.map(at).join(" ")} fill="none" stroke=${`var(--series-${colour})`} stroke-width="1.5" stroke-linejoin="round" />
    </svg>`;
}
