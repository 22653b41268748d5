// Simulation 13: temperature. A model's scores for one text, what temperature and filters make of them, and real draws.
import { useCompute } from "../kit/api.js";
import { Button, Segmented, Slider, TextInput, Trouble, Waiting } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { integer, number, percent, visible } from "../kit/format.js";
import { html, names, useMemo } from "../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../kit/models.js";
import { href, useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { choose, deviation, entropy, softmax } from "./temperature.model.js";

const DEFAULTS = { model: "", text: "Once upon a time", temperature: 1, topK: 0, topP: 1, minP: 0, draws: 200, seed: 0 };
const AS_IT_IS = { temperature: 1, topK: 0, topP: 1, minP: 0, seed: 0 };
const SHOWN = 14; // tokens with a bar of their own
const CERTAIN = 1.96; // standard deviations: 95 of 100 counts fall within so many

export default function Temperature() {
  const [state, setState] = useUrlState("temperature", DEFAULTS);
  const ready = useStyle("sims/temperature.css");
  const list = useModels("base", "assistant");
  const model = modelOr(list, state.model);
  const { result, error } = useCompute("next-token", model ? { model, text: state.text, top: SHOWN } : null);
  const { temperature, topK, topP, minP, draws, seed } = state;
  const asked = { model, text: state.text, temperature, top_k: topK, top_p: topP, min_p: minP, draws, seed };
  const drawn = useCompute("draws", model && seed ? asked : null);
  const logits = result?.answer.logits.data;
  const plain = useMemo(() => logits && softmax(logits), [logits]);
  const now = useMemo(() => logits && choose(logits, { temperature, topK, topP, minP }), [logits, temperature, topK, topP, minP]);
  if (!ready) return null;
  if (list?.length === 0) return html`<p class="empty">No model yet: <a href=${href("start")}>start a run</a>, and its scores appear here.</p>`;
  // Where another model was chosen, its draws may come before its scores: they wait for these.
  const counted = seed && result && drawn.result?.model.name === result.model.name ? drawn.result.answer : null;
  const items = now && !error ? rows(result.answer, plain, now, counted) : []; // what is there is not of a text that was refused
  return html`
    <${Figure} title="One model, one text, many ways to choose" result=${counted ? drawn.result : result} table=${tableOf(items, counted)}
      caption="The model's scores stay as they are; temperature and filters only change how a token is chosen from them.
        The upright line is the model's own probability, and what a filter cuts is grey."
      controls=${html`
        <div class="row temperature-source">
          <${ModelPicker} list=${list} value=${model} onInput=${(name) => setState({ model: name })} />
          <${TextInput} label="Text so far" value=${state.text} onInput=${(text) => setState({ text })} wait=${250} maxLength=${400} />
        </div>`}>
      ${(error ?? drawn.error) && html`<${Trouble}>${error ?? drawn.error}<//>`}
      <div class="columns temperature">
        <div class="stack">
          <${Slider} label="temperature" value=${temperature} min=${0} max=${2.5} step=${0.05} onInput=${(value) => setState({ temperature: value })} />
          <${Slider} label="top k" value=${topK} min=${0} max=${40} step=${1} digits=${0} onInput=${(value) => setState({ topK: Math.round(value) })} hint=${topK === 0 ? "0 keeps all" : null} />
          <${Slider} label="top p" value=${topP} min=${0.01} max=${1} step=${0.01} onInput=${(value) => setState({ topP: value })} />
          <${Slider} label="min p" value=${minP} min=${0} max=${1} step=${0.01} onInput=${(value) => setState({ minP: value })} />
          <div class="row">
            <${Button} kind="primary" disabled=${!items.length} onClick=${() => setState({ seed: seed + 1 })}>Draw ${integer(draws)}${seed ? " others" : ""}<//>
            <${Segmented} label="How many draws" value=${draws} options=${[200, 2000, 20000].map((n) => [n, integer(n)])} onInput=${(n) => setState({ draws: n })} />
            <${Button} kind="quiet" onClick=${() => setState(AS_IT_IS)}>Reset<//>
          </div>
          ${items.length > 0 && html`<${Words} plain=${plain} now=${now} />`}
          ${counted && items.length > 0 && html`<${Verdict} counted=${counted} seed=${seed} />`}
        </div>
        ${items.length ? html`<${DrawnBars} items=${items} draws=${counted ? draws : 0} />` : !error && html`<${Waiting} what="The model reads the text" />`}
      </div>
    <//>`;
}

/** A row for each of the likeliest tokens, and one for all others together. */
function rows(answer, plain, now, counted) {
  const items = answer.ids.map((id, i) => ({
    key: id, label: answer.texts[i], own: plain[id], value: now.probabilities[id], count: counted?.counts.data[id], cut: now.probabilities[id] === 0,
  }));
  const rest = now.order.slice(answer.ids.length);
  const sum = (values) => rest.reduce((total, id) => total + values[id], 0);
  if (rest.length) {
    const value = sum(now.probabilities);
    items.push({ key: "others", label: `${integer(rest.length)} others`, words: true, own: sum(plain), value, count: counted && sum(counted.counts.data), cut: value === 0 });
  }
  return items;
}

function tableOf(items, counted) {
  const columns = ["token", "model's own probability", "probability now", ...(counted ? ["drawn"] : [])];
  return { columns, rows: items.map((item) => [visible(item.label), item.own, item.value, ...(counted ? [item.count] : [])]) };
}

function Words({ plain, now }) {
  const [before, after] = [entropy(plain), entropy(now.probabilities)];
  return html`<p class="small muted number" aria-live="polite">
    <span data-name="kept" data-value=${now.kept}>${integer(now.kept)}</span> of ${integer(plain.length)} tokens can be drawn.
    Entropy <span data-name="entropy" data-value=${after}>${number(after, 2)}</span> nats, as unsure as between ${number(Math.exp(after), 1)} equal choices;
    the model's own is <span data-name="own-entropy" data-value=${before}>${number(before, 2)}</span>.</p>`;
}

function Verdict({ counted, seed }) {
  if (!counted.freedom) return html`<p class="small muted" aria-live="polite">Seed ${seed}. There is nothing to compare: one token takes all the draws.</p>`;
  const odd = counted.chance < 0.01 ? "That is rare luck: draw again, and it should not stay so." : "So the draws are what the bars promise.";
  return html`<p class="small muted number" aria-live="polite">Seed ${seed}. The dot is the share that was drawn, the line where 95 of 100 such shares fall.
    χ² = <span data-name="chi-square" data-value=${counted.chi_square}>${number(counted.chi_square, 1)}</span> over ${counted.freedom} degrees of freedom:
    luck alone is at least as far off in ${percent(counted.chance, 0)} of all cases. ${odd}</p>`;
}

/** Bars of probabilities; with draws also a dot for the share that was drawn, and where 95% of such shares fall. */
function DrawnBars({ items, draws }) {
  const named = items.filter((item) => !item.words); // all others together may be more than any: they have no bar
  const most = Math.max(...named.map((item) => Math.max(item.value, item.own, draws ? item.count / draws : 0)));
  const left = (share) => `${(100 * Math.min(1, Math.max(0, share))) / most}%`;
  return html`
    <ol class="bars drawn" aria-label="Next tokens">
      ${items.map((item) => {
        const spread = draws ? (CERTAIN * deviation(draws, item.value)) / draws : 0;
        const [low, high] = [Math.max(0, item.value - spread), Math.min(most, item.value + spread)];
        return html`
          <li key=${item.key} class=${names(item.cut && "off")}>
            <span class=${names("bar-label", item.words && "in-words")}>${item.words ? item.label : visible(item.label)}</span>
            ${item.words ? html`<span></span>` : html`<span class="bar-track">
              <span class="bar-fill" style=${{ width: left(item.value) }}></span>
              <span class="bar-ghost" style=${{ left: left(item.own) }}></span>
              ${draws > 0 && !item.cut && html`<span class="drawn-band" style=${{ left: left(low), width: left(high - low) }}></span>
                <span class="drawn-dot" style=${{ left: left(item.count / draws) }}></span>`}
            </span>`}
            <span class="bar-value number"><span data-value=${item.value}>${item.cut ? "cut" : percent(item.value)}</span>
              ${draws > 0 && html` <small data-count=${item.count}>${integer(item.count)}×</small>`}</span>
          </li>`;
      })}
    </ol>`;
}
