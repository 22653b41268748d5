// Two rows of a real model's embedding, multiplied number by number, and the tokens nearest to the first.
import { useCompute } from "../kit/api.js";
import { Bars } from "../kit/bars.js";
import { TextInput, Trouble, Waiting } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { number, visible } from "../kit/format.js";
import { html } from "../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../kit/models.js";
import { href } from "../kit/route.js";

const [WIDE, HIGH] = [640, 90]; // of the picture's own pixels, for each strip

export function Rows({ state, setState }) {
  const list = useModels("base", "assistant");
  const model = modelOr(list, state.model);
  const { result, error } = useCompute("embedding", model ? { model, first: state.first, second: state.second, top: 10 } : null);
  if (list?.length === 0) return html`<p class="empty">No model yet: <a href=${href("start")}>start a run</a>, and its rows appear here.</p>`;
  const found = result?.answer;
  return html`
    <${Figure} title="Two rows of a model" result=${result} table=${found && tableOf(found)}
      caption="Every token has a row of numbers that training has set. Their dot product is the same sum, only longer; choose a neighbour to put it in the second place."
      controls=${html`<div class="row dot-source">
        <${ModelPicker} list=${list} value=${model} onInput=${(name) => setState({ model: name })} />
        <${TextInput} label="First token" value=${state.first} mono=${true} maxLength=${40} wait=${150} onInput=${(first) => setState({ first })} />
        <${TextInput} label="Second token" value=${state.second} mono=${true} maxLength=${40} wait=${150} onInput=${(second) => setState({ second })} />
      </div>`}>
      ${error && html`<${Trouble}>${error}<//>`}
      ${!found ? !error && html`<${Waiting} what="Reading the model" />` : html`
        <div class="columns dot">
          <div class="stack">
            <${Strip} name=${visible(found.first.text)} values=${found.first.vector.data} />
            <${Strip} name=${`× ${visible(found.second.text)}`} values=${found.second.vector.data} />
            <${Strip} name="= products" values=${found.products.data} products=${true} />
            <p class="small muted number">${found.products.shape[0]} numbers each. <${Cut} row=${found.first} /> <${Cut} row=${found.second} /></p>
          </div>
          <div class="stack">
            <dl class="sums number" aria-live="polite">
              <div><dt>sum of the products</dt><dd data-name="row-dot" data-value=${found.dot}>${number(found.dot, 2)}</dd></div>
              <div><dt>lengths</dt><dd>${number(found.first.norm, 2)} and ${number(found.second.norm, 2)}</dd></div>
              <div><dt>cosine</dt><dd data-name="row-cosine" data-value=${found.cosine}>${number(found.cosine, 3)}</dd></div>
              <div><dt>two tokens at random: about ±</dt><dd>${number(found.typical, 2)}</dd></div>
            </dl>
            <h4>Nearest to <span class="mono">${visible(found.first.text)}</span>, by cosine</h4>
            <${Bars} label="Nearest tokens" max=${1} digits=${3} onPick=${(index) => setState({ second: found.neighbours[index].text })}
              items=${found.neighbours.map((one) => ({ label: one.text, value: one.cosine, mark: one.id === found.second.id }))} />
          </div>
        </div>`}
    <//>`;
}

/** That a text is more than one token, and which one is meant. */
function Cut({ row }) {
  if (row.pieces.length === 1) return null;
  return html`${visible(row.pieces.join(""))} is ${row.pieces.length} tokens here (${row.pieces.map(visible).join(" | ")}): the first is taken.`;
}

/** Numbers as bars up and down. */
function Strip({ name, values, products = false }) {
  const most = Math.max(1e-12, ...values.map(Math.abs));
  const step = WIDE / values.length;
  const bars = [...values].map((value, i) => {
    const height = (Math.abs(value) / most) * (HIGH / 2 - 2);
    return html`<rect key=${i} class=${value < 0 ? "minus" : "plus"} x=${i * step} width=${Math.max(0.5, step - 0.8)} y=${value < 0 ? HIGH / 2 : HIGH / 2 - height} height=${height}>
      <title>number ${i + 1}: ${number(value, 3)}</title></rect>`;
  });
  return html`
    <div class="dot-strip"><p class="small mono">${name}</p>
      <svg viewBox=${`0 0 ${WIDE} ${HIGH}`} preserveAspectRatio="none" role="img" aria-label=${`${name}: ${values.length} ${products ? "products" : "numbers"}`}>
        <path class="axis" d=${`M0,${HIGH / 2}H${WIDE}`} />${bars}</svg></div>`;
}

function tableOf({ first, second, products }) {
  return {
    columns: ["number", visible(first.text), visible(second.text), "product"],
    rows: [...products.data].map((value, i) => [i + 1, first.vector.data[i], second.vector.data[i], value]),
  };
}
