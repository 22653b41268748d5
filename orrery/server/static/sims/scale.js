// Simulation 14: from micro to macro. The same algorithm at every size, on log scales, and one prompt for all that run here.
import { useCompute } from "../kit/api.js";
import { Segmented, TextInput, Trouble, Waiting } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { integer, short, significant, superscript } from "../kit/format.js";
import { html, names, useState } from "../kit/html.js";
import { useModels } from "../kit/models.js";
import { href, useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { axis, place, times, training } from "./scale.model.js";

const DEFAULTS = { measure: "parameters", text: "What is the capital of France?" };
const MOST_HERE = 6; // models of this machine that are set beside the others
const MEASURES = [
  ["parameters", "Parameters", "Numbers that training sets."],
  ["tokens", "Data", "Tokens that it was trained on. GPT-2's makers tell the gigabytes of their text, not its tokens."],
  ["training", "Compute", "Multiplications and additions of its whole training: its makers' own figure where they give one, else three forward passes for every token."],
  ["context", "Context", "Tokens that it can read at once."],
];

/** `part`: "sizes" or "prompt" to show one of the two alone. */
export default function Scale({ part }) {
  const [state, setState] = useUrlState("scale", DEFAULTS);
  const ready = useStyle("sims/scale.css");
  const list = useModels("base", "assistant");
  const here = list && chosen(list);
  const bases = here?.filter((model) => model.kind === "base") ?? []; // what is tuned from one has its size, and read what it read
  const { result, error } = useCompute("scale", here ? { models: bases.map((model) => model.name) } : null);
  if (!ready) return null;
  const sizes = result?.answer.sizes.map((size) => ({ ...size, tokens: size.tokens ?? bases.find((model) => model.name === size.name)?.tokens }));
  return html`
    ${error && html`<${Trouble}>${error}<//>`}
    ${part !== "prompt" && (sizes ? html`<${Sizes} sizes=${sizes} result=${result} measure=${state.measure} setState=${setState} />` : !error && html`<${Waiting} what="Counting" />`)}
    ${part !== "sizes" && sizes && html`<${Prompt} sizes=${sizes} here=${here} text=${state.text} setState=${setState} />`}`;
}

/** Base models first. */
function chosen(list) {
  const sorted = [...list].sort((a, b) => (a.kind === b.kind ? 0 : a.kind === "base" ? -1 : 1));
  return sorted.slice(0, MOST_HERE);
}

const measured = (size, measure) => (measure === "training" ? training(size) : size[measure]) || null;

function Sizes({ sizes, result, measure, setState }) {
  const [, , about] = MEASURES.find(([name]) => name === measure) ?? MEASURES[0];
  const [against, setAgainst] = useState(null);
  const known = sizes.map((size) => measured(size, measure));
  const { low, high, ticks } = axis(known.filter(Boolean));
  const base = sizes.find((size) => size.name === against) ?? sizes.find((size) => size.kind === "here") ?? sizes[0];
  const unit = measured(base, measure);
  const table = {
    columns: ["model", "parameters", "tokens read", "FLOPs of training", "context", "layers", "width", "where from"],
    rows: sizes.map((size) => [size.name, size.parameters, significant(size.tokens), significant(training(size)), size.context, size.layers, size.width, size.source || "run here"]),
  };
  const line = (size, value) => html`
    <span class="scale-name">${size.name}${size.kind === "elsewhere" && html` <small>not run here</small>`}</span>
    <span class="scale-track">${ticks.map((tick) => html`<i key=${tick} style=${{ left: `${100 * place(10 ** tick, low, high)}%` }}></i>`)}
      ${value && html`<b class=${size.kind} style=${{ left: `${100 * place(value, low, high)}%` }}></b>`}</span>
    <span class="number">${value ? html`<span data-model=${size.name} data-value=${value}>${value < 1e15 ? short(value) : significant(value, 2)}</span>` : "not told"}</span>
    <span class="number muted">${value && unit ? `× ${factor(times(value, unit))}` : ""}</span>`;
  return html`
    <${Figure} title="How large, how much, how long" result=${result} table=${table}
      caption="Equal steps to the right are equal factors, not equal differences. Hollow marks are models that are not run here; the table names where their figures are from."
      controls=${html`<div class="row">
        <${Segmented} label="What to compare" value=${measure} options=${MEASURES.map(([name, text]) => [name, text])} onInput=${(name) => setState({ measure: name })} />
        <span class="small muted">${about}</span></div>`}>
      <ol class="scale" aria-label="Models, the smallest first">
        ${sizes.map((size, i) => html`<li key=${size.name} class=${names(size.name === base.name && "base")}>
          <button type="button" title=${size.source || "a model of a run"} aria-pressed=${size.name === base.name} onClick=${() => setAgainst(size.name)}>${line(size, known[i])}</button></li>`)}
        <li class="scale-axis" aria-hidden="true"><span></span><span class="scale-track">${ticks.map((tick) => html`
          <em key=${tick} style=${{ left: `${100 * place(10 ** tick, low, high)}%` }}>10${superscript(tick)}</em>`)}</span></li>
      </ol>
      <p class="small muted">The last column is how many times as much as <strong>${base.name}</strong>; choose another line to compare with that.</p>
    <//>`;
}

const factor = (value) => (value >= 100 || value === 1 ? short(value) : significant(value, 2));

function Prompt({ sizes, here, text, setState }) {
  if (!here.length) return html`<p class="empty">No model of your own yet: <a href=${href("start")}>start a run</a>, and it answers here.</p>`;
  return html`
    <${Figure} title="One prompt, every model that is here" result=${{ shows: "orrery.inference.engine.Engine" }}
      caption="Each goes on with the likeliest token, again and again. The program is the same for all of them; only the numbers in it differ."
      controls=${html`<${TextInput} label="Text to go on with" value=${text} maxLength=${200} wait=${300} onInput=${(now) => setState({ text: now })} />`}>
      <ul class="scale-writing">
        ${here.map((model) => html`<${Continuation} key=${model.name} model=${model} text=${text} />`)}
        <li class="muted"><span>not run here</span><span>${sizes.filter((size) => size.kind === "elsewhere").map((size) => size.name).join(", ")}</span></li>
      </ul>
    <//>`;
}

function Continuation({ model, text }) {
  const { result, error } = useCompute("writing", { model: model.name, text, max_tokens: 32 });
  return html`
    <li><span>${model.name}<br /><small class="muted">${integer(model.parameters)} parameters</small></span>
      <span>${error ? html`<${Trouble}>${error}<//>` : result ? html`<span class="muted">${text}</span><span data-writer=${model.name}>${result.answer.text}</span>` : "…"}
        ${result && html` <small class="muted number">${result.ms.toFixed(0)} ms</small>`}</span></li>`;
}
