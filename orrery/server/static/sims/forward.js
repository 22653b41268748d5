// Simulation 10: the whole forward pass. Every part with its shape, its numbers, and the sum behind each of them;
// what each depth would say; a weight changed on a copy.
import { useCompute } from "../kit/api.js";
import { TextInput, Toggle, Trouble, Waiting } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { integer, visible } from "../kit/format.js";
import { Heat } from "../kit/heat.js";
import { html, names, useMemo } from "../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../kit/models.js";
import { href, useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { Cell } from "./forward-cell.js";
import { Edit, editsOf } from "./forward-edit.js";
import { Lens } from "./forward-lens.js";
import { AFTER, ATTENTION, BEFORE, MLP, PARTS, rowsOf, within } from "./forward.model.js";

const DEFAULTS = {
  model: "", text: "Mara went to the market. Mara went to the", part: "logits", layer: 1, head: 0, row: -1, column: -1,
  weight: "final_norm.weight", weightRow: -1, factor: 1, change: false,
};
const MOST = 18; // pixels of a cell's side
const LEAST = 7; // below which a matrix is moved and not drawn smaller

export default function Forward() {
  const [state, setState] = useUrlState("forward", DEFAULTS);
  const ready = useStyle("sims/forward.css");
  const list = useModels("base", "assistant");
  const model = modelOr(list, state.model);
  const wanted = { model, text: state.text, edits: editsOf(state) };
  const { result, error } = useCompute("forward", model ? wanted : null);
  const asked = useMemo(() => wanted, [result]); // what the answer belongs to, while another is on its way
  if (!ready || !list) return html`<${Waiting} what="Reading the models" />`;
  if (!model) return html`<p class="empty">There is no model yet. <a href=${href("start")}>Start a run</a>, and its numbers can be read here.</p>`;
  const controls = html`
    <div class="row forward-asked">
      <${ModelPicker} list=${list} value=${model} onInput=${(name) => setState({ model: name, weight: DEFAULTS.weight, factor: 1 })} />
      <${TextInput} label="Text" value=${state.text} onInput=${(text) => setState({ text, row: -1 })} wait=${250} maxLength=${400} />
    </div>`;
  if (!result) return html`<${Figure} title="From text to the next token" controls=${controls}>${error ? html`<${Trouble}>${error}<//>` : html`<${Waiting} what="Running" />`}<//>`;
  const { answer } = result;
  const place = {
    part: answer.parts.some((one) => one.name === state.part) ? state.part : "logits",
    layer: within(state.layer, answer.layers, 0), head: within(state.head, answer.heads, 0),
    row: within(state.row, answer.tokens.length, answer.tokens.length - 1), column: state.column,
  };
  const shared = { asked, answer, place, state, setState };
  return html`
    <${Pass} ...${shared} controls=${controls} error=${error} />
    <${Lens} ...${shared} result=${result} />
    <${Edit} ...${shared} result=${result} />`;
}

/** The map, the numbers of the chosen part, and the sum behind the chosen number. */
function Pass({ asked, answer, place, state, setState, controls, error }) {
  const { part, layer, head, row } = place;
  const changed = asked.edits.length > 0 && state.change;
  const wanted = { ...asked, part, layer, head, row };
  const { result, error: trouble } = useCompute("forward-part", { ...wanted, change: changed });
  const shown = useMemo(() => wanted, [result]);
  const numbers = result?.answer.values.shape[0] === answer.tokens.length ? result.answer : null;
  const columns = numbers?.names ?? numbers?.columns.map(String);
  const table = numbers && {
    columns: ["token", ...columns.slice(0, 24).map(visible)],
    rows: answer.tokens.map((token, t) => [`${t} ${visible(token)}`, ...numbers.values.data.slice(t * columns.length, t * columns.length + Math.min(24, columns.length))]),
  };
  return html`
    <${Figure} title="From text to the next token" controls=${controls} table=${table} result=${result}
      caption="A part's rows are the tokens. Choose a part to see its numbers, blue above 0 and orange below, and a number to see the sum that made it; layers and heads count from 0, as in the code.">
      <div class="forward">
        <${Map} answer=${answer} place=${place} setState=${setState} />
        <div class="stack">
          <div>
            <h4>${titleOf(place)} <span class="number muted">${shapeOf(answer, part)}</span></h4>
            <p class="small muted">${PARTS[part][1]}</p>
          </div>
          ${asked.edits.length > 0 && html`<${Toggle} label="Show what the edit has changed" value=${state.change} onInput=${(change) => setState({ change })} />`}
          ${numbers && html`
            <div class="forward-heat" style=${{ "--least": `${LEAST * columns.length}px` }}>
              <${Heat} label=${titleOf(place)} values=${numbers.values} cell=${MOST} rowNames=${answer.tokens.map((token, t) => `${t} ${visible(token)}`)}
                columnNames=${numbers.names ? numbers.names.map((name) => `“${visible(name)}”`) : columns.map((c) => `number ${c}`)}
                chosen=${[row, Math.max(0, numbers.columns.indexOf(place.column))]} onChoose=${(r, c) => setState({ row: r, column: numbers.columns[c] })} />
            </div>
            ${numbers.width > columns.length && html`<p class="small muted">${columns.length} of ${integer(numbers.width)} columns.</p>`}
            <${Cell} asked=${shown} numbers=${numbers} column=${place.column} tokens=${answer.tokens} />`}
        </div>
      </div>
      ${(error || trouble) && html`<${Trouble}>${error ?? trouble}<//>`}
    <//>`;
}

const inBlock = (part) => ![...BEFORE, ...AFTER].flat().includes(part);
const whose = (part, layer) => (inBlock(part) ? `block ${layer}, ${isMlp(part) ? "MLP" : "attention"}: ` : "");
const titleOf = ({ part, layer, head }) => capital(`${whose(part, layer)}${PARTS[part][0]}${perHead(part) ? ` of head ${head}` : ""}`);
const capital = (text) => text[0].toUpperCase() + text.slice(1);
const isMlp = (part) => MLP.flat().includes(part);
const perHead = (part) => ATTENTION.slice(1, 5).flat().includes(part);
const shapeOf = (answer, name) => answer.parts.find((part) => part.name === name).shape.map(integer).join(" × ");

/** The whole pass: a button for each part, with its shape. One block is open; the others stand before and after it. */
function Map({ answer, place, setState }) {
  const { layers, heads, parts } = answer;
  const one = (name) => html`
    <button key=${name} type="button" class=${names("part", name === place.part && "chosen")} aria-pressed=${name === place.part}
      onClick=${() => setState({ part: name, column: -1 })}>${PARTS[name][0]} <small class="number">${shapeOf(answer, name)}</small></button>`;
  const rows = (all) => rowsOf(all, parts).map((row) => html`<div class="part-row" key=${row[0]}>${row.map(one)}</div>`);
  const choice = (what, size, value) => size > 1 && html`
    <label class="part-choice">${what}
      <select value=${value} aria-label=${what} onChange=${(event) => setState({ [what]: Number(event.target.value) })}>
        ${Array.from({ length: size }, (_, index) => html`<option key=${index} value=${index}>${index}</option>`)}</select></label>`;
  return html`
    <div class="pass" role="group" aria-label="Parts of the pass, in their order">
      ${rows(BEFORE)}
      <div class="pass-block">
        <div class="pass-head"><strong>Block ${place.layer}</strong> <span class="muted">of ${layers}</span> ${choice("layer", layers, place.layer)} ${choice("head", heads, place.head)}</div>
        <div class="pass-group"><span class="pass-name">Attention</span>${rows(ATTENTION)}</div>
        <div class="pass-group"><span class="pass-name">MLP</span>${rows(MLP)}</div>
      </div>
      ${rows(AFTER)}
    </div>`;
}
