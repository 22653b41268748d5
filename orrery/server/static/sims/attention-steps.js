// One head, step by step: query · key, scaled, masked, softmax, and the values mixed, with the model's own numbers.
import { useCompute } from "../kit/api.js";
import { Trouble, Waiting } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { number, percent, significant, visible } from "../kit/format.js";
import { html, names, useEffect, useState } from "../kit/html.js";
import { row } from "./attention.model.js";

const MIXED = 4; // values shown one by one

/** `asked`: the request of the whole picture; `place`: {layer, head, at}. */
export function Steps({ asked, tokens, place }) {
  const { layer, head, at } = place;
  const { result, error } = useCompute("attention-head", { ...asked, layer, head, query: at });
  const [picked, setPicked] = useState(null);
  useEffect(() => setPicked(null), [layer, head, at, asked.text, asked.model]);
  const title = `Layer ${layer}, head ${head}, from “${visible(tokens[at])}”, step by step`;
  const there = result && result.answer.dots.data.length === tokens.length;
  if (!there) return html`<${Figure} title=${title}>${error ? html`<${Trouble}>${error}<//>` : html`<${Waiting} what="Working it out" />`}<//>`;
  const { query, keys, values, dots, scores, weights, mixed } = result.answer;
  const order = Array.from(weights.data.keys()).sort((a, b) => weights.data[b] - weights.data[a] || a - b);
  const s = picked ?? order[0];
  const C = query.data.length;
  const key = row(keys, s);
  const rows = tokens.map((token, t) => [t, token, dots.data[t], scores.data[t], t <= at ? "seen" : "hidden", weights.data[t]]);
  return html`
    <${Figure} title=${title} result=${result} table=${{ columns: ["position", "token", "query · key", "÷ √C", "mask", "weight"], rows }}
      caption=${`A head is ${C} numbers wide. The query says what the token looks for, a key what a token offers to be found by, a value what it hands over;
        all three are made from what this layer reads, and queries and keys are turned by their positions before they meet.`}>
      <ol class="head-steps">
        <li><h4>Compare</h4>
          <p class="small">The query of “${visible(tokens[at])}” times the key of “${visible(tokens[s])}”, number by number; the products add up to
            <strong class="number" data-name="dot" data-value=${dots.data[s]}> ${number(dots.data[s], 2)}</strong>. Choose another key in the rows of step 2.</p>
          <${Strips} rows=${[["query", query.data], [`key of ${visible(tokens[s])}`, key], ["product", key.map((value, c) => value * query.data[c])]]} /></li>
        <li><h4>Scale, mask, softmax</h4>
          <p class="small">Divided by √${C} = ${number(Math.sqrt(C), 2)}, so that wider heads do not shout; tokens ahead are hidden; softmax makes weights of the rest, which add up to 1.</p>
          <${Rows} tokens=${tokens} answer=${result.answer} at=${at} order=${order} chosen=${s} onChoose=${setPicked} /></li>
        <li><h4>Mix the values</h4>
          <p class="small">Each value counts as much as its weight. What comes out goes through the output matrix and is added to the stream.</p>
          <${Strips} rows=${mixing(tokens, weights.data, values, mixed.data, order)} /></li>
      </ol>
      ${error && html`<${Trouble}>${error}<//>`}
    <//>`;
}

/** The values with the largest weights, each times its weight; the rest; and their sum. */
function mixing(tokens, weights, values, mixed, order) {
  const shown = order.slice(0, MIXED).filter((s) => weights[s] > 0);
  const parts = shown.map((s) => row(values, s).map((value) => weights[s] * value));
  const rest = Array.from(mixed, (value, c) => value - parts.reduce((sum, part) => sum + part[c], 0));
  const rows = shown.map((s, i) => [`${percent(weights[s], 0)} of ${visible(tokens[s])}`, parts[i]]);
  if (weights.filter((weight) => weight > 0).length > shown.length) rows.push(["all others", rest]);
  return [...rows, ["sum", mixed]];
}

/** Vectors one below the other: blue above 0, orange below, the stronger the further; each scaled by its own largest. */
function Strips({ rows }) {
  return html`
    <div class="strips">${rows.map(([name, vector]) => {
      const values = Array.from(vector);
      const largest = Math.max(1e-12, ...values.map(Math.abs));
      return html`
        <span class="strip-name">${name}</span>
        <span class="strip" role="img" aria-label=${`${name}: ${values.slice(0, 6).map((value) => significant(value, 2)).join(", ")} …`}>${values.map((value, c) => html`
          <span key=${c} class=${value < 0 ? "below" : "above"} style=${{ "--share": Math.abs(value) / largest }} title=${`${c}: ${significant(value)}`}></span>`)}</span>
        <span class="strip-most number" title="largest">±${significant(largest, 2)}</span>`;
    })}</div>`;
}

/** A line for each token: its score, scaled, and its weight. `order`: which stand first; those ahead stand last. */
function Rows({ tokens, answer, at, order, chosen, onChoose }) {
  const { dots, scores, weights } = answer;
  return html`
    <div class="table-scroll head-rows" tabindex="0" role="region" aria-label="Scores and weights of all tokens">
      <table>
        <thead><tr><th scope="col">token</th><th scope="col" class="number">query · key</th><th scope="col" class="number">scaled</th><th scope="col" colspan="2">weight</th></tr></thead>
        <tbody>${order.map((s) => html`
          <tr key=${s} class=${names(s === chosen && "chosen", s > at && "ahead")}>
            <td><button type="button" aria-pressed=${s === chosen} onClick=${() => onChoose(s)}><small class="muted number">${s}</small> <span class="mono">${visible(tokens[s])}</span></button></td>
            <td class="number">${number(dots.data[s], 2)}</td>
            <td class="number" data-name="score" data-value=${scores.data[s]}>${s > at ? html`<s>${number(scores.data[s], 2)}</s> −∞` : number(scores.data[s], 2)}</td>
            <td class="weight-bar"><span style=${{ width: `${100 * weights.data[s]}%` }}></span></td>
            <td class="number" data-name="weight" data-value=${weights.data[s]}>${percent(weights.data[s])}</td>
          </tr>`)}</tbody>
      </table>
    </div>`;
}
