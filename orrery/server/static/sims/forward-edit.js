// A weight changed on a copy of the model, and what it says then.
import { Bars } from "../kit/bars.js";
import { Button, Select, Slider, Toggle } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { percent, visible } from "../kit/format.js";
import { html } from "../kit/html.js";

/** What the state asks to be changed, as the engine takes it. */
export const editsOf = ({ weight, weightRow, factor }) => (factor === 1 ? [] : [{ name: weight, factor, rows: weightRow < 0 ? null : [weightRow] }]);

/** Choose a parameter, all of it or a row, and scale it. */
export function Edit({ answer, place, state, setState, result }) {
  const found = answer.parameters.find((one) => one.name === state.weight) ?? answer.parameters[0];
  const rows = found.shape[0];
  const shown = answer.likely[place.row];
  const table = { columns: ["next token", "before", "after"], rows: shown.map((one) => [one.text, one.before, one.after]) };
  return html`
    <${Figure} title="Change a weight" table=${table} result=${result}
      caption="The change is made on a copy; everything above shows the copy. Halve the last norm and all scores are halved, which is a temperature of 2; set a token's
        row of the embedding to 0 and the model can no longer read that token.">
      <div class="columns">
        <div class="stack">
          <${Select} label="Parameter" value=${found.name} onInput=${(weight) => setState({ weight, weightRow: -1 })}
            options=${answer.parameters.map((one) => [one.name, `${one.name}  ${one.shape.join(" × ")}`])} />
          <${Toggle} label="Only one row" value=${state.weightRow >= 0} onInput=${(one) => setState({ weightRow: one ? 0 : -1 })} />
          ${state.weightRow >= 0 && html`<${Slider} label="row" value=${Math.min(state.weightRow, rows - 1)} min=${0} max=${rows - 1} step=${1}
            onInput=${(weightRow) => setState({ weightRow: Math.round(weightRow) })} />`}
          <${Slider} label="times" value=${state.factor} min=${-2} max=${4} step=${0.1} digits=${2} onInput=${(factor) => setState({ factor })} />
          <div class="row"><${Button} disabled=${state.factor === 1} onClick=${() => setState({ factor: 1 })}>As it was<//>
            <${Button} onClick=${() => setState({ weight: "token_embedding.weight", weightRow: answer.ids[place.row], factor: 0 })}>Forget “${visible(answer.tokens[place.row])}”<//></div>
        </div>
        <div class="stack forward-after">
          <p class="small">Next after token ${place.row}, “${visible(answer.tokens[place.row])}”${state.factor === 1 ? "" : "; a line marks what it was"}:</p>
          <${Bars} label="Next tokens" format=${(p) => percent(p)}
            items=${shown.map((one) => ({ key: one.id, label: one.text, value: one.after, ...(state.factor === 1 ? {} : { ghost: one.before, note: `was ${percent(one.before)}` }) }))} />
        </div>
      </div>
    <//>`;
}
