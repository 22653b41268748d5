// Figure: a base model goes on with the beginning of a document, whatever that is.
import { useCompute } from "../../kit/api.js";
import { Segmented, Slider, TextInput, Trouble, Waiting } from "../../kit/controls.js";
import { Figure } from "../../kit/figure.js";
import { number } from "../../kit/format.js";
import { html } from "../../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../../kit/models.js";
import { href, useUrlState } from "../../kit/route.js";

const BEGINNINGS = [
  ["What is the capital of France?", "a question"],
  ["Q: What is the capital of France?\nA:", "a page of questions"],
  ["Once upon a time", "a story"],
  ["To make tea, first", "a how-to"],
];

export function ContinueFigure() {
  const [state, setState] = useUrlState("continue", { model: "", text: BEGINNINGS[0][0], temperature: 0, seed: 0 });
  const list = useModels("base");
  const model = modelOr(list, state.model);
  const asked = model && state.text ? { model, text: state.text, max_tokens: 60, temperature: state.temperature, seed: state.seed } : null;
  const { result, error } = useCompute("writing", asked);
  const answer = asked && !error ? result?.answer : null;
  const surprise = answer && -answer.logprobs.reduce((sum, one) => sum + one, 0) / Math.max(1, answer.logprobs.length);
  return html`
    <${Figure} title="It goes on" result=${result}
      caption="The text before is the beginning of some document, and the model writes what such a document says next. Nothing in it knows of a reader who wants an answer."
      controls=${html`
        <div class="row"><${ModelPicker} list=${list} value=${model} onInput=${(name) => setState({ model: name })} />
          <${Segmented} label="Beginnings" value=${state.text} options=${BEGINNINGS} onInput=${(text) => setState({ text })} /></div>
        <${TextInput} label="The document so far" rows=${2} value=${state.text} wait=${400} maxLength=${400} onInput=${(text) => setState({ text })} />
        <${Slider} label="temperature" value=${state.temperature} min=${0} max=${1.5} step=${0.1} onInput=${(temperature) => setState({ temperature })} />`}>
      ${list?.length === 0 && html`<p class="empty">No base model yet: <a href=${href("start")}>a run makes one</a>.</p>`}
      ${asked && !answer && !error && html`<${Waiting} what="The model reads" />`}
      ${answer && html`<p class="continued" aria-live="polite" data-written=${answer.text}><span class="muted">${state.text}</span>${answer.text}${answer.ended
        ? html` <span class="muted">(the document ends)</span>` : "…"}</p>
        <p class="small muted">Its surprise at its own words is ${number(surprise, 2)} nats a token.</p>`}
      ${error && html`<${Trouble}>${error}<//>`}
    <//>`;
}
