// Simulation 2: the dot product. Two arrows that the reader drags; then two rows of a real model's embedding.
import { Bars } from "../kit/bars.js";
import { Button } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { number } from "../kit/format.js";
import { html } from "../kit/html.js";
import { useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { multiply } from "./dot.model.js";
import { Plane, SIZE } from "./dot.plane.js";
import { Rows } from "./dot.rows.js";

const DEFAULTS = { a: [3, 1], b: [1.5, 2.5], model: "", first: "7", second: "9" };
const EXAMPLES = [["Same way", [3, 1], [1.5, 0.5]], ["Square", [3, 1], [-1, 3]], ["Opposite", [3, 1], [-2, -1]]];

/** `part`: "arrows" or "rows" to show one of the two alone. */
export default function Dot({ part }) {
  const [state, setState] = useUrlState("dot", DEFAULTS);
  if (!useStyle("sims/dot.css")) return null;
  return html`
    ${part !== "rows" && html`<${Arrows} a=${pair(state.a)} b=${pair(state.b)} setState=${setState} />`}
    ${part !== "arrows" && html`<${Rows} state=${state} setState=${setState} />`}`;
}

/** Two numbers within the picture, whatever the address says. */
const pair = (values) => [0, 1].map((i) => Math.min(SIZE, Math.max(-SIZE, values[i] ?? 0)));

function Arrows({ a, b, setState }) {
  const found = multiply(a, b);
  const terms = ["first", "second"].map((name, i) => ({ label: `${number(a[i], 1)}\u00a0×\u00a0${number(b[i], 1)}`, value: found.terms[i], key: name }));
  const items = [...terms, { label: "sum", value: found.dot, mark: true, key: "sum" }];
  const table = {
    columns: ["number", "a", "b", "product"],
    rows: [["first", a[0], b[0], found.terms[0]], ["second", a[1], b[1], found.terms[1]], ["sum", "", "", found.dot]],
  };
  return html`
    <${Figure} title="Two arrows" table=${table}
      caption="Multiply the arrows number by number and add up: that is the dot product. It is also the length of a times
        the shadow that b throws on it, so it is large where both point the same way, 0 at a right angle, and negative where they disagree.">
      <div class="columns dot">
        <${Plane} a=${a} b=${b} onA=${(tip) => setState({ a: tip })} onB=${(tip) => setState({ b: tip })} />
        <div class="stack">
          <${Bars} label="Products, and their sum" signed=${true} max=${Math.max(4, ...items.map((item) => Math.abs(item.value)))} items=${items} digits=${2} />
          <dl class="sums number" aria-live="polite">
            <div><dt><var>a</var> · <var>b</var></dt><dd data-name="dot" data-value=${found.dot}>${number(found.dot, 2)}</dd></div>
            <div><dt>length of <var>a</var> × shadow of <var>b</var></dt><dd>${number(found.lengths[0], 2)} × ${number(found.shadow, 2)}</dd></div>
            <div><dt>angle between them</dt><dd data-name="degrees" data-value=${found.degrees}>${number(found.degrees, 1)}°</dd></div>
            <div><dt>cosine: the same with both lengths taken out</dt><dd data-name="cosine" data-value=${found.cosine}>${number(found.cosine, 3)}</dd></div>
          </dl>
          <div class="row">${EXAMPLES.map(([name, one, other]) => html`<${Button} key=${name} onClick=${() => setState({ a: one, b: other })}>${name}<//>`)}</div>
        </div>
      </div>
    <//>`;
}
