// A whole text as a model finds it: the surprise of every token and word, and what it all comes to.
import { Bars } from "../kit/bars.js";
import { Segmented } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { integer, number, percent, visible } from "../kit/format.js";
import { html, useState } from "../kit/html.js";
import { Tokens } from "../kit/tokens.js";
import { perplexity, total, words } from "./surprise.model.js";

const STRONG = 6; // nats that have the strongest colour: one in four hundred

export function Reading({ result }) {
  const { places, uniform, bytes } = result.answer;
  const [by, setBy] = useState("token");
  const [chosen, setChosen] = useState(0);
  const parts = by === "token" ? places : words(places);
  const sums = total(places, bytes);
  const at = Math.min(chosen, parts.length - 1);
  const place = by === "token" ? places[at] : null;
  const table = { columns: ["token", "word", "surprise, nats", "probability", "rank"], rows: places.map((one) => [visible(one.text), one.word + 1, one.surprise, Math.exp(-one.surprise), one.rank]) };
  return html`
    <${Figure} title="What surprises the model" result=${result} table=${table}
      caption="The loss that training lowers is the mean of these surprises, and nothing else.
        The surprise of a word, or of the text, is the sum of its tokens': probabilities multiply, so their logarithms add.">
      <div class="stack">
        <${Segmented} label="By token or by word" value=${by} options=${[["token", "By token"], ["word", "By word"]]} onInput=${(value) => { setBy(value); setChosen(0); }} />
        <${Tokens} label="The text, darker where it surprised" chosen=${at} onChoose=${setChosen}
          tokens=${parts.map((part) => ({ text: part.text, kind: "surprising", shade: Math.min(1, part.surprise / STRONG), title: `${number(part.surprise, 2)} nats` }))} />
        <div class="columns">
          <div class="stack" aria-live="polite">
            <p><strong class="mono">${visible(parts[at].text)}</strong> surprised it
              by <span class="number" data-name="chosen" data-value=${parts[at].surprise}>${number(parts[at].surprise, 2)}</span> nats,
              a probability of ${percent(Math.exp(-parts[at].surprise), 2)}.</p>
            ${place ? html`<${Bars} label="What it expected here" max=${1} format=${(p) => percent(p)}
                items=${place.likeliest.map((id, i) => ({ label: place.texts[i], value: place.probabilities[i], mark: id === place.id }))} />`
              : html`<p class="small muted">All its tokens together, each given those before it.</p>`}
          </div>
          <dl class="sums number">
            <div><dt>The whole text</dt><dd><span data-name="total" data-value=${sums.total}>${number(sums.total, 1)}</span> nats</dd></div>
            <div><dt>A token: the loss</dt><dd><span data-name="mean" data-value=${sums.mean}>${number(sums.mean, 3)}</span> nats</dd></div>
            <div><dt>Knowing nothing: ln ${integer(Math.exp(uniform))}</dt><dd>${number(uniform, 3)} nats</dd></div>
            <div><dt>Perplexity, e to the loss</dt><dd>${number(perplexity(sums.mean), 1)} choices</dd></div>
            <div><dt>For comparing tokenizers</dt><dd><span data-name="bits" data-value=${sums.bits}>${number(sums.bits, 2)}</span> bits a byte</dd></div>
          </dl>
        </div>
      </div>
    <//>`;
}
