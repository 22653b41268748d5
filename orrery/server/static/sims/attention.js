// Simulation 9: attention. Every head of a model on the reader's text; one head step by step; heads switched off.
import { useCompute } from "../kit/api.js";
import { TextInput, Toggle, Trouble, Waiting } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { percent, visible } from "../kit/format.js";
import { html, useMemo, useState } from "../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../kit/models.js";
import { href, useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { headOf, row, switched } from "./attention.model.js";
import { Change } from "./attention-change.js";
import { Arcs, HeadGrid } from "./attention-parts.js";
import { Steps } from "./attention-steps.js";

const DEFAULTS = {
  model: "", text: "Mara went to the market. Mara went to the", at: -1, layer: 1, head: 0, off: [],
};

export default function Attention() {
  const [state, setState] = useUrlState("attention", DEFAULTS);
  const ready = useStyle("sims/attention.css");
  const list = useModels("base", "assistant");
  const model = modelOr(list, state.model);
  const off = pairs(state.off);
  const wanted = { model, text: state.text, heads_off: off.map(([layer, head]) => ({ layer, head })) };
  const { result, error } = useCompute("attention", model ? wanted : null);
  const asked = useMemo(() => wanted, [result]); // what the answer belongs to, while another is on its way
  if (!ready || !list) return html`<${Waiting} what="Reading the models" />`;
  if (!model) return html`<p class="empty">There is no model yet. <a href=${href("start")}>Start a run</a>, and its heads can be watched here.</p>`;
  const controls = html`
    <div class="row attention-asked">
      <${ModelPicker} list=${list} value=${model} onInput=${(name) => setState({ model: name, off: [] })} />
      <${TextInput} label="Text" value=${state.text} onInput=${(text) => setState({ text, at: -1 })} wait=${250} maxLength=${400} />
    </div>`;
  if (!result) return html`<${Figure} title="Who looks at whom" controls=${controls}>${error ? html`<${Trouble}>${error}<//>` : html`<${Waiting} what="Looking" />`}<//>`;
  const place = placeOf(state, result.answer);
  return html`
    <${Heads} result=${result} error=${error} place=${place} off=${off} setState=${setState} controls=${controls} />
    <${Steps} asked=${asked} tokens=${result.answer.tokens} place=${place} />
    <${Change} result=${result} place=${place} off=${off} onAll=${() => setState({ off: [] })} />`;
}

/** The heads that are off as [layer, head] pairs; the address has them in one row: 1,0,2,1. */
const pairs = (off) => Array.from({ length: Math.floor(off.length / 2) }, (_, i) => off.slice(2 * i, 2 * i + 2));

/** The head and the token that are looked at, kept within what is there; the last token where none is named. */
function placeOf({ layer, head, at }, { weights, tokens }) {
  const [L, H] = weights.shape;
  const within = (index, size) => Math.max(0, Math.min(size - 1, Math.round(index)));
  return { layer: within(layer, L), head: within(head, H), at: at < 0 ? tokens.length - 1 : within(at, tokens.length) };
}

/** All heads as small maps, and the arcs of the one that is chosen, or pointed at. */
function Heads({ result, error, place, off, setState, controls }) {
  const [pointed, setPointed] = useState(null); // what the pointer rests on: {layer, head} or {at}
  const { tokens, weights } = result.answer;
  const shown = { ...place, ...pointed };
  const looks = row(headOf(weights, shown.layer, shown.head), shown.at);
  const isOff = off.some(([l, h]) => l === place.layer && h === place.head);
  const strongest = looks.indexOf(Math.max(...looks));
  return html`
    <${Figure} title="Who looks at whom" controls=${controls} result=${result}
      table=${{ columns: ["from", "position", "to", "weight"], rows: looks.slice(0, shown.at + 1).map((weight, s) => [tokens[shown.at], s, tokens[s], weight]) }}
      caption="Each small map is a head: a row for each token that looks, a column for each it looks at, the darker the more; layers and heads count from 0, as in the
        code. The arcs show where the chosen token looks, as thick as the weight: back, or at itself, never ahead.">
      <${Arcs} tokens=${tokens} looks=${looks} at=${shown.at} chosen=${place.at} onChoose=${(at) => setState({ at })} onPoint=${(at) => setPointed(at === null ? null : { at })} />
      <div class="attention-heads">
        <${HeadGrid} weights=${weights} chosen=${[place.layer, place.head]} off=${off} at=${shown.at}
          onChoose=${(layer, head) => setState({ layer, head })} onPoint=${(layer, head) => setPointed(layer === null ? null : { layer, head })} />
        <div class="stack">
          <p aria-live="polite"><strong>Layer ${shown.layer}, head ${shown.head}.</strong> “${visible(tokens[shown.at])}” looks most at “${visible(tokens[strongest])}”:
            <span class="number" data-name="strongest" data-value=${looks[strongest]}> ${percent(looks[strongest])}</span> of what this head hands it comes from there.</p>
          <p class="small muted">Point at a map or a token to look, choose it to stay. Arrow keys move along the tokens and through the maps.</p>
          <${Toggle} label=${`Switch layer ${place.layer}, head ${place.head} off`} value=${isOff} onInput=${() => setState({ off: switched(off, place.layer, place.head).flat() })} />
        </div>
      </div>
      ${error && html`<${Trouble}>${error}<//>`}
    <//>`;
}
