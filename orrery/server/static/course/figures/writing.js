// The same beginning gone on with greedily and by drawing, with the share of it that repeats itself.
import { useCompute } from "../../kit/api.js";
import { Button, TextInput, Trouble } from "../../kit/controls.js";
import { Figure } from "../../kit/figure.js";
import { percent } from "../../kit/format.js";
import { html } from "../../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../../kit/models.js";
import { href, useUrlState } from "../../kit/route.js";

const DEFAULTS = { model: "", text: "Once upon a time", seed: 1 };
const WAYS = [["Greedy", 0], ["Drawn, temperature 0.7", 0.7], ["Drawn, temperature 1", 1]];

export function Writing() {
  const [state, setState] = useUrlState("writing", DEFAULTS);
  const list = useModels("base", "assistant");
  const model = modelOr(list, state.model);
  const ask = (temperature) => (model ? { model, text: state.text, max_tokens: 80, temperature, seed: state.seed } : null);
  const written = WAYS.map(([, temperature]) => useCompute("writing", ask(temperature)));
  if (list?.length === 0) return html`<p class="empty">No model yet: <a href=${href("start")}>start a run</a>, and it writes here.</p>`;
  const shown = written.map(({ result }) => result?.answer);
  const table = { columns: ["how", "text", "repeated"], rows: WAYS.map(([name], i) => [name, shown[i]?.text ?? "", shown[i]?.repeated ?? 0]) };
  return html`
    <${Figure} title="One beginning, three ways to go on" result=${written[0].result} note=${`seed ${state.seed}`} table=${table}
      caption="Eighty tokens each. Below each text stands how many of its runs of four tokens have stood there before."
      controls=${html`<div class="row">
        <${ModelPicker} list=${list} value=${model} onInput=${(name) => setState({ model: name })} />
        <${TextInput} label="Beginning" value=${state.text} maxLength=${200} wait=${300} onInput=${(text) => setState({ text })} />
        <${Button} onClick=${() => setState({ seed: state.seed + 1 })}>Draw again<//></div>`}>
      <div class="columns">
        ${WAYS.map(([name], i) => html`
          <div key=${name}>
            <h4>${name}</h4>
            ${written[i].error && html`<${Trouble}>${written[i].error}<//>`}
            <p class="small" style=${{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>${shown[i] ? html`<span class="muted">${state.text}</span>${shown[i].text}` : "…"}</p>
            ${shown[i] && html`<p class="small muted number" data-name=${`repeated-${i}`} data-value=${shown[i].repeated}>${percent(shown[i].repeated, 0)} repeated</p>`}
          </div>`)}
      </div>
    <//>`;
}
