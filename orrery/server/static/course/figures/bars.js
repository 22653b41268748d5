// Figure: numbers of a claim of the ledger as bars, means over its seeds.
import { Bars } from "../../kit/bars.js";
import { Waiting } from "../../kit/controls.js";
import { Figure } from "../../kit/figure.js";
import { percent } from "../../kit/format.js";
import { html } from "../../kit/html.js";
import { useStyle } from "../../kit/style.js";
import { MeasuredBadge, mean, useMeasured } from "./measured.js";

/** `of`: the claim; `items`: [[label, name of the number, whether to mark it], …], shares from 0 to 1. */
export function MeasuredBars({ of, title, items, caption }) {
  const measured = useMeasured(of);
  const ready = useStyle("course/figures/figures.css");
  if (!measured || !ready) return html`<${Waiting} what="Reading what was measured" />`;
  const seeds = Object.keys(measured.measured);
  return html`
    <${Figure} title=${title} caption=${caption}
      table=${{ columns: ["", "mean", ...seeds.map((seed) => `seed ${seed}`)],
        rows: items.map(([label, name]) => [label, mean(measured, name), ...seeds.map((seed) => measured.measured[seed][name])]) }}>
      <div class="wide-labels"><${Bars} label=${title} max=${1} format=${(share) => percent(share, 0)}
        items=${items.map(([label, name, marked]) => ({ key: name, label: unbroken(label), value: mean(measured, name), mark: marked }))} /></div>
      <${MeasuredBadge} of=${measured} />
    <//>`;
}

const unbroken = (text) => text.replaceAll(" ", "\u00a0"); // bars are made for tokens, and make plain spaces visible
