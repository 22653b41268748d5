// Simulation 8: softmax. Scores that the reader drags become probabilities; with scores that overflow float32.
import { useCompute } from "../kit/api.js";
import { Bars } from "../kit/bars.js";
import { Button, Segmented, Slider, TextInput, Toggle, Trouble } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { number, percent, significant } from "../kit/format.js";
import { html, useState } from "../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../kit/models.js";
import { useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { softmax } from "./softmax.model.js";

const DEFAULTS = { logits: [2, 1, 0.2, -1], temperature: 1, naive: false, source: "yours", model: "", text: "The capital of" };
const LETTERS = "abcdefghijkl";

export default function Softmax() {
  const [state, setState] = useUrlState("softmax", DEFAULTS);
  const ready = useStyle("sims/softmax.css");
  const [named, setNamed] = useState(null);
  const checked = useCompute("softmax", { logits: state.logits, temperature: state.temperature });
  if (!ready) return null;
  const steps = softmax(state.logits, state.temperature); // drawn at once; the engine's own result follows and is compared
  const label = (index) => named?.[index] ?? LETTERS[index] ?? String(index);
  const shown = state.naive ? steps.naive : steps.probabilities;
  const broken = shown.some(Number.isNaN);
  const set = (index, value) => setState({ logits: state.logits.map((old, i) => (i === index ? value : old)) });
  const steepest = Math.max(10, ...state.logits.map(Math.abs));
  const table = {
    columns: ["token", "score", "score / T", "− largest", "e to that", "probability"],
    rows: state.logits.map((score, i) => [label(i), score, steps.scaled[i], steps.shifted[i], steps.powers[i], steps.probabilities[i]]),
  };
  return html`
    <${Figure} title="Scores become probabilities" table=${table} result=${checked.result}
      caption="Only differences between scores matter: add the same number to all of them and nothing changes. That is why the largest may be taken off first, and then no power of e is above 1."
      controls=${html`
        <${Segmented} label="Where the scores come from" value=${state.source} options=${[["yours", "Your scores"], ["model", "A model's scores"]]}
          onInput=${(source) => setState({ source })} />
        ${state.source === "model" && html`<${FromModel} state=${state} setState=${setState} onScores=${(logits, texts) => { setNamed(texts); setState({ logits }); }} />`}`}>
      <div class="columns">
        <div class="stack softmax-scores" role="group" aria-label="Scores">
          ${state.logits.map((score, index) => html`<${Slider} key=${index} label=${`score of ${label(index)}`} value=${score} min=${-steepest} max=${steepest} step=${0.1} digits=${2}
            onInput=${(value) => set(index, value)} />`)}
          <${Slider} label="temperature" value=${state.temperature} min=${0.05} max=${5} step=${0.05} log=${true} digits=${2} onInput=${(temperature) => setState({ temperature })} />
          <div class="row">
            <${Button} onClick=${() => setState({ logits: [...state.logits, 0] })} disabled=${state.logits.length >= 12}>Add a score<//>
            <${Button} onClick=${() => setState({ logits: state.logits.slice(0, -1) })} disabled=${state.logits.length <= 1}>Remove one<//>
            <${Button} onClick=${() => { setNamed(null); setState({ logits: [100, 99, 98], temperature: 1, naive: true, source: "yours" }); }}>Overflow it<//>
            <${Button} kind="quiet" onClick=${() => { setNamed(null); setState(DEFAULTS); }}>Reset<//>
          </div>
        </div>
        <div class="stack">
          ${broken
            ? html`<${Trouble}>e<sup>${significant(Math.max(...steps.scaled))}</sup> is more than the largest number that float32 holds, 3.4 × 10³⁸. It becomes
                infinite, and infinite over infinite is no number. Take off the largest score first and nothing overflows.<//>`
            : html`<${Bars} label="Probabilities" max=${1} items=${shown.map((p, i) => ({ label: label(i), value: p }))} format=${(p) => percent(p)} />`}
          <${Toggle} label="Without taking off the largest" value=${state.naive} onInput=${(naive) => setState({ naive })} />
          <p class="small muted number" aria-live="polite">Entropy <span data-name="entropy" data-value=${steps.entropy}>${number(steps.entropy, 3)}</span> nats:
            as unsure as between ${number(Math.exp(steps.entropy), 2)} equal choices.
            ${checked.result && html` The engine's float32 differs by ${significant(difference(checked.result.answer, steps), 1)} at most.`}</p>
        </div>
      </div>
      ${checked.error && html`<${Trouble}>${checked.error}<//>`}
    <//>`;
}

/** The largest difference between the engine's probabilities and those drawn here. */
function difference(answer, steps) {
  if (answer.probabilities.data.length !== steps.probabilities.length) return 0; // the next answer is on its way
  return Math.max(...steps.probabilities.map((p, i) => Math.abs(p - answer.probabilities.data[i])));
}

/** Take the scores of the likeliest next tokens after a text, from a model of a run. */
function FromModel({ state, setState, onScores }) {
  const list = useModels("base", "assistant");
  const model = modelOr(list, state.model);
  const { result, error, busy } = useCompute("next-token", model ? { model, text: state.text, top: 8 } : null);
  const take = () => onScores(result.answer.scores.map((score) => Number(score.toFixed(2))), result.answer.texts);
  return html`
    <div class="row softmax-source">
      <${ModelPicker} list=${list} value=${model} onInput=${(name) => setState({ model: name })} />
      <${TextInput} label="Text so far" value=${state.text} onInput=${(text) => setState({ text })} wait=${250} maxLength=${400} />
      <${Button} kind="primary" disabled=${!result || busy} onClick=${take}>Take its eight likeliest<//>
    </div>
    ${error && html`<${Trouble}>${error}<//>`}`;
}
