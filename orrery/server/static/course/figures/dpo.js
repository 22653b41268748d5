// Figure: DPO's loss of one pair. The reader sets how far the policy has moved on each completion, and beta.
import { useCompute } from "../../kit/api.js";
import { Bars } from "../../kit/bars.js";
import { Chart } from "../../kit/chart.js";
import { Segmented, Slider, Trouble } from "../../kit/controls.js";
import { Figure } from "../../kit/figure.js";
import { number, percent } from "../../kit/format.js";
import { html } from "../../kit/html.js";
import { useUrlState } from "../../kit/route.js";
import { dpoLoss } from "./dpo.model.js";

const DEFAULTS = { chosen: 2, rejected: -3, beta: 0.1, loss: "sigmoid" };
const TOKENS = 20;

export function DPOFigure() {
  const [state, setState] = useUrlState("dpo", DEFAULTS);
  const { result, error } = useCompute("dpo-loss", { ...state, tokens: TOKENS });
  const margin = state.chosen - state.rejected;
  const here = dpoLoss(margin, state.beta, state.loss, TOKENS);
  const curve = result?.answer;
  const rewards = [state.beta * state.chosen, state.beta * state.rejected];
  return html`
    <${Figure} title="The loss of one pair" result=${result}
      table=${curve && { columns: ["margin h", "loss", "slope"], rows: [...curve.margins.data].map((at, i) => [at, curve.losses.data[i], curve.slopes.data[i]]) }}
      caption="Each completion's log-ratio says how much likelier the policy finds it than the reference does. Only their difference counts: lower both by the
        same amount and nothing changes, which is why the chosen completion may become less likely while the loss falls."
      controls=${html`<${Segmented} label="Loss" value=${state.loss} options=${[["sigmoid", "DPO"], ["ipo", "IPO"]]} onInput=${(loss) => setState({ loss })} />`}>
      <div class="columns">
        <div class="stack">
          <${Slider} label="log-ratio of the chosen" value=${state.chosen} min=${-20} max=${20} step=${0.5} digits=${1} onInput=${(chosen) => setState({ chosen })} />
          <${Slider} label="log-ratio of the rejected" value=${state.rejected} min=${-20} max=${20} step=${0.5} digits=${1} onInput=${(rejected) => setState({ rejected })} />
          <${Slider} label="beta" value=${state.beta} min=${0.01} max=${1} step=${0.01} log=${true} digits=${2} onInput=${(beta) => setState({ beta })} />
          <p class="small">Margin h = <span class="number">${number(margin, 1)}</span> nats; loss <span class="number" data-name="dpo-loss" data-value=${here.value}>${number(here.value, 3)}</span>.
            ${state.loss === "sigmoid"
              ? html` Bradley and Terry would have the chosen one win <span class="number">${percent(1 / (1 + Math.exp(-(rewards[0] - rewards[1]))))}</span> of the time.`
              : html` IPO aims at a margin of <span class="number">${number(TOKENS / (2 * state.beta), 0)}</span> nats over ${TOKENS} tokens, and not beyond.`}</p>
          <${Bars} label="What a step does" signed=${true} max=${Math.max(0.1, Math.abs(here.slope))} items=${[
            { label: "chosen\u00a0up", value: -here.slope }, { label: "rejected\u00a0up", value: here.slope }]} />
        </div>
        <div>
          ${curve && html`<${Chart} label="Loss and slope against the margin" x=${[...curve.margins.data]} xLabel="margin h, nats" height=${250}
            lines=${[{ label: "loss", values: [...curve.losses.data], colour: 1 }, { label: "its slope", values: [...curve.slopes.data], colour: 2, dashed: true }]} />`}
        </div>
      </div>
      ${error && html`<${Trouble}>${error}<//>`}
    <//>`;
}
