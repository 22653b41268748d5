// One lane of simulation 17: an answer, token by token, and what another model thinks of it.
import { Select, Trouble } from "../kit/controls.js";
import { number, percent, visible } from "../kit/format.js";
import { html, names, useState } from "../kit/html.js";
import { Tokens } from "../kit/tokens.js";
import { total } from "./lanes.model.js";

const STRONG = 4; // nats at which a token has the full colour

/**
 * `parts`: the place of the first token that differs; `deltas`: how much likelier the judge finds each token; `waits`: asked and
 * not yet done; `list`: the models that the lane may have.
 */
export function Lane({ name, lane, scored, isReference, waits, parts, deltas, judge, list, onModel, onRemove }) {
  const [at, setAt] = useState(null);
  const { tokens, results, done, error } = lane;
  const token = at === null ? null : tokens[at];
  const view = tokens.map((one, index) => ({
    id: one.id, text: one.text, special: one.kind === "end", title: told(one, deltas?.[index]),
    kind: names("lane-token", one.kind, index === parts && "parts", deltas && shade(deltas[index])),
    shade: deltas ? Math.min(1, Math.abs(deltas[index] ?? 0) / STRONG) : undefined,
  }));
  return html`
    <section class="lane" aria-label=${`Lane of ${name}`} data-model=${name}>
      <header>
        <${Select} label=${isReference ? "Model, compared with" : "Model"} value=${name} options=${(list ?? []).map((model) => [model.name, model.name])} onInput=${onModel} />
        ${onRemove && html`<button type="button" class="button quiet" aria-label=${`Remove the lane of ${name}`} onClick=${onRemove}>×</button>`}
      </header>
      ${error && html`<${Trouble}>${error}<//>`}
      ${!tokens.length && !error && html`<p class="waiting" role="status">${done ? "It says nothing." : waits ? "Waiting for its first token…" : "Not asked yet: ask all."}</p>`}
      ${rounds(tokens.length, results).map(({ from, to, answers }, i) => html`
        ${from < to && html`<${Tokens} key=${i} label=${i ? `Tokens of ${name}, after the tool` : `Tokens of ${name}`} tokens=${view.slice(from, to)}
          chosen=${at !== null && at >= from && at < to ? at - from : undefined} onChoose=${(place) => setAt(from + place)} />`}
        ${answers.map((text, n) => html`<p key=${n} class="lane-result"><span class="muted">tool →</span> ${text}</p>`)}`)}
      <p class="lane-facts muted small number" role="status">
        ${done && html`<span>${done.tokens} tokens</span><span>${Math.round(done.ms)} ms</span>
          <span>${parts === null ? (isReference ? "the others are compared with this" : "says the same") : `differs from token ${parts + 1} on`}</span>`}
        ${deltas && html`<span>Σ <span data-name="total" data-value=${total(deltas)}>${signed(total(deltas))}</span> nats by ${judge}</span>`}
      </p>
      ${scored?.error && html`<${Trouble}>${scored.error}<//>`}
      ${token && html`<${Chosen} token=${token} other=${scored?.tokens?.[at]} judge=${judge} />`}
    </section>`;
}

/** The tokens between one tool's answer and the next: [{from, to, answers}]. */
function rounds(count, results) {
  const ends = [...new Set(results.map((result) => result.at))];
  const found = ends.map((end, i) => ({ from: ends[i - 1] ?? 0, to: end, answers: results.filter((result) => result.at === end).map((result) => result.text) }));
  return [...found, { from: ends.at(-1) ?? 0, to: count, answers: [] }];
}

/** The token that is picked out: how likely it was, what else could have stood there, and what the judge says. */
function Chosen({ token, other, judge }) {
  return html`
    <div class="lane-chosen small">
      <p><code>${visible(token.text)}</code> <span class="number" data-name="probability" data-value=${Math.exp(token.logprob)}>${percent(Math.exp(token.logprob))}</span>${other &&
        html` · ${judge}: <span class="number" data-name="judged" data-value=${Math.exp(other.logprob)}>${percent(Math.exp(other.logprob))}</span>`}</p>
      <ol class="lane-others">${(other ?? token).top.map((one) => html`
        <li key=${one.id}><code>${visible(one.text)}</code> <span class="number muted">${percent(Math.exp(one.logprob))}</span></li>`)}</ol>
    </div>`;
}

const shade = (delta) => (delta === null || delta === undefined ? "" : delta < 0 ? "less" : "more");
const signed = (value) => `${value > 0 ? "+" : ""}${number(value, 2)}`;
const told = (token, delta) => `${visible(token.text)} · id ${token.id} · log-probability ${number(token.logprob, 3)}${delta === null || delta === undefined ? "" : ` · ${signed(delta)} nats`}`;
