// Simulation 11: loss as surprise. The reader bets on the next token, then sees −ln p beside the model's; or the model's alone.
import { useCompute } from "../kit/api.js";
import { Button, Segmented, TextInput, Trouble, Waiting } from "../kit/controls.js";
import { html } from "../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../kit/models.js";
import { href, useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { Betting } from "./surprise.betting.js";
import { Reading } from "./surprise.reading.js";

const DEFAULTS = { model: "", mode: "bet", source: "unread", number: 1, text: "The cat sat on the mat." };
const MODES = [["bet", "Bet yourself"], ["read", "The model alone"]];
const SOURCES = [["unread", "An unread text"], ["own", "Your own"]];

export default function Surprise() {
  const [state, setState] = useUrlState("surprise", DEFAULTS);
  const ready = useStyle("sims/surprise.css");
  const list = useModels("base", "assistant");
  const model = modelOr(list, state.model);
  const unread = useCompute("unread", state.source === "unread" ? { number: state.number } : null);
  const text = state.source === "own" ? state.text : unread.result?.answer.text;
  const { result, error } = useCompute("surprise", model && text ? { model, text } : null);
  if (!ready) return null;
  if (list?.length === 0) return html`<p class="empty">No model yet: <a href=${href("start")}>start a run</a>, and you can bet against it.</p>`;
  const controls = html`
    <div class="row surprise-source">
      <${ModelPicker} list=${list} value=${model} onInput=${(name) => setState({ model: name })} />
      <${Segmented} label="What to do" value=${state.mode} options=${MODES} onInput=${(mode) => setState({ mode })} />
      <${Segmented} label="Which text" value=${state.source} options=${SOURCES} onInput=${(source) => setState({ source })} />
      ${state.source === "unread" && html`<${Button} onClick=${() => setState({ number: state.number + 1 })}>Another text<//>`}
    </div>
    ${state.source === "own" && html`<${TextInput} label="Text" value=${state.text} rows=${3} maxLength=${600} wait=${250} onInput=${(typed) => setState({ text: typed })} />`}`;
  const trouble = unread.error ?? error;
  const View = state.mode === "bet" ? Betting : Reading;
  const read = result?.answer.places.map((place) => place.text).join("");
  const current = read?.normalize("NFC") === text?.normalize("NFC") && result?.model.name === model; // else the next answer is on its way
  const waiting = text === "" ? html`<p class="empty">Type something for the model to read.</p>` : html`<${Waiting} what="The model reads the text" />`;
  return html`
    <div class="stack">${controls}
      ${trouble ? html`<${Trouble}>${trouble}<//>` : text && current ? html`<${View} key=${`${model} ${text}`} result=${result} />` : waiting}</div>`;
}
