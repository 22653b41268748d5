// Figure: the clipped objective against the ratio of new to old probability.
import { useCompute } from "../../kit/api.js";
import { Chart } from "../../kit/chart.js";
import { Slider, Trouble } from "../../kit/controls.js";
import { Figure } from "../../kit/figure.js";
import { number } from "../../kit/format.js";
import { html } from "../../kit/html.js";
import { useUrlState } from "../../kit/route.js";
import { clipped } from "./clipping.model.js";

const DEFAULTS = { advantage: 1, low: 0.2, high: 0.2, ratio: 1.1 };

export function ClippingFigure() {
  const [state, setState] = useUrlState("clip", DEFAULTS);
  const { advantage, low, high, ratio } = state;
  const { result, error } = useCompute("clipping", { advantage, low, high });
  const here = clipped(ratio, advantage, low, high);
  const curve = result?.answer;
  return html`
    <${Figure} title="A step that may only go so far" result=${result}
      table=${curve && { columns: ["ratio", "loss", "slope"], rows: [...curve.ratios.data].map((at, i) => [at, curve.losses.data[i], curve.slopes.data[i]]) }}
      caption="The ratio says how much likelier a token has become since it was sampled. Once it has moved far enough in the direction that its advantage asks
        for, the slope is 0 and nothing pushes it on; in the other direction nothing is clipped, so that mistakes can be undone.">
      <div class="columns">
        <div class="stack">
          <${Slider} label="advantage" value=${advantage} min=${-2} max=${2} step=${0.1} digits=${1} onInput=${(value) => setState({ advantage: value })} />
          <${Slider} label="clip below 1 by" value=${low} min=${0} max=${0.5} step=${0.01} onInput=${(value) => setState({ low: value })} />
          <${Slider} label="clip above 1 by" value=${high} min=${0} max=${0.5} step=${0.01} onInput=${(value) => setState({ high: value })} />
          <${Slider} label="ratio of this token" value=${ratio} min=${0.4} max=${1.8} step=${0.01} onInput=${(value) => setState({ ratio: value })} />
          <p class="small">Loss <span class="number">${number(here.loss, 2)}</span>, slope <span class="number" data-name="clip-slope" data-value=${here.slope}>${number(here.slope, 2)}</span>:
            ${here.slope === 0 ? " it is clipped, and this token teaches nothing more." : here.slope < 0 ? " the token becomes likelier." : " the token becomes less likely."}</p>
        </div>
        <div>${curve && html`<${Chart} label="Loss and slope against the ratio" x=${[...curve.ratios.data]} xLabel="ratio, new over old" height=${250}
          lines=${[{ label: "loss", values: [...curve.losses.data], colour: 1 }, { label: "slope by log p", values: [...curve.slopes.data], colour: 2, dashed: true }]} />`}</div>
      </div>
      ${error && html`<${Trouble}>${error}<//>`}
    <//>`;
}
