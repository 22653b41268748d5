// The same beginning with and without a space at its end: what a base model expects next.
import { useCompute } from "../../kit/api.js";
import { Bars } from "../../kit/bars.js";
import { TextInput, Trouble } from "../../kit/controls.js";
import { Figure } from "../../kit/figure.js";
import { percent } from "../../kit/format.js";
import { html } from "../../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../../kit/models.js";
import { href, useUrlState } from "../../kit/route.js";

const DEFAULTS = { text: "The capital of Peru is", model: "" };
const SHOWN = 6;

export function TrailingSpace() {
  const [state, setState] = useUrlState("trailing", DEFAULTS);
  const list = useModels("base");
  const model = modelOr(list, state.model);
  const text = state.text.trimEnd();
  const plain = useCompute("next-token", model ? { model, text, top: SHOWN } : null);
  const spaced = useCompute("next-token", model ? { model, text: `${text} `, top: SHOWN } : null);
  const sides = [["without", "No space at the end", plain], ["with", "A space at the end", spaced]];
  const table = plain.result && spaced.result && {
    columns: ["place", "next, without", "probability", "next, with", "probability"],
    rows: plain.result.answer.texts.map((one, i) => [i + 1, one, Math.exp(plain.result.answer.logprobs[i]), spaced.result.answer.texts[i], Math.exp(spaced.result.answer.logprobs[i])]),
  };
  const error = plain.error ?? spaced.error;
  return html`
    <${Figure} title="One space too many" result=${spaced.result} table=${table}
      caption="Words carry the space before them. A space at the end is a token of its own, and the model has read what follows such a token: not words, but
        mostly digits, which stand alone."
      controls=${html`<div class="row"><${TextInput} label="A beginning" value=${state.text} wait=${200} maxLength=${300} onInput=${(typed) => setState({ text: typed })} />
        ${list?.length === 0 ? html`<p class="empty">No base model yet: <a href=${href("start")}>a run makes one</a>.</p>`
          : html`<${ModelPicker} list=${list} value=${model} onInput=${(name) => setState({ model: name })} />`}</div>`}>
      ${error ? html`<${Trouble}>${error}<//>` : html`
        <div class="columns">${sides.map(([key, title, { result }]) => html`
          <section key=${key} class="stack" data-side=${key} aria-label=${title}>
            <h4>${title}</h4>
            ${result && html`<${Bars} label=${`Likeliest next tokens: ${title}`} max=${1} format=${(p) => percent(p)}
              items=${result.answer.texts.map((one, i) => ({ label: one, value: Math.exp(result.answer.logprobs[i]) }))} />`}
          </section>`)}</div>`}
    <//>`;
}
