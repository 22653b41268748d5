// A vocabulary learnt from the reader's own text, merge by merge.
import { useCompute } from "../kit/api.js";
import { Chart } from "../kit/chart.js";
import { Segmented, Slider, TextInput, Trouble } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { integer, number } from "../kit/format.js";
import { html, useMemo, useState } from "../kit/html.js";
import { useUrlState } from "../kit/route.js";
import { keep, recall } from "../kit/store.js";
import { Tokens } from "../kit/tokens.js";
import { chipsOf, encodeWord, ranksOf } from "./tokenizer.model.js";

const DEFAULTS = { from: "world", merges: 60 };
const MERGES = 512;
const OWN = "The text of your own is kept in this browser, and a longer one teaches more: a page of it, or up to 100,000 characters.";

export function SmallBPE() {
  const [state, setState] = useUrlState("small-bpe", DEFAULTS);
  const [text, setText] = useState(recall("small-bpe.text", OWN));
  const own = state.from === "own";
  const { result, error } = useCompute("small-bpe", own && !text ? null : { text: own ? text : "", merges: MERGES });
  const type = (typed) => {
    keep("small-bpe.text", typed);
    setText(typed);
  };
  const answer = result?.answer;
  const most = answer?.learnt.length ?? MERGES;
  const merges = Math.min(state.merges, most);
  return html`
    <${Figure} title="A vocabulary of your own" result=${result} table=${answer && tableOf(answer)}
      caption="The pair that stands in the text most often becomes a token, again and again. The first merges save much and the later ones little, which is why vocabularies stop growing somewhere."
      controls=${html`
        <${Segmented} label="Text to learn from" value=${state.from} options=${[["world", "Pages of the embedded world"], ["own", "Your own text"]]} onInput=${(from) => setState({ from })} />
        ${own && html`<${TextInput} label="Your text" rows=${5} value=${text} maxLength=${100000} wait=${400} onInput=${type} />`}
        <${Slider} label="merges" value=${merges} min=${0} max=${most} step=${1} onInput=${(to) => setState({ merges: Math.round(to) })} />`}>
      ${error && html`<${Trouble}>${error}<//>`}
      ${own && !text ? html`<p class="empty">Type or paste a text.</p>` : answer && html`<${Learnt} answer=${answer} merges=${merges} />`}
    <//>`;
}

function Learnt({ answer, merges }) {
  const { learnt, totals, words } = answer;
  const ranks = useMemo(() => ranksOf(learnt), [learnt]);
  const [x, lines] = useMemo(() => [[...totals.data.keys()], [{ label: "tokens", values: [...totals.data], colour: 1 }]], [totals]);
  const chips = useMemo(() => words.flatMap((word) => chipsOf(encodeWord(word, ranks, merges), ranks)), [words, ranks, merges]);
  const marks = useMemo(() => [{ x: merges, y: totals.data[merges], chosen: true }], [totals, merges]);
  const last = learnt[merges - 1];
  return html`
    <div class="columns small-bpe">
      <div class="stack">
        <p><strong class="number" data-name="total" data-value=${totals.data[merges]}>${integer(totals.data[merges])}</strong> tokens${" "}
          <span class="muted small">for ${integer(totals.data[0])} bytes: ${number(totals.data[0] / totals.data[merges], 2)} bytes a token, with ${256 + merges} tokens in the vocabulary</span></p>
        <p class="small" aria-live="polite">${last
          ? html`Merge ${merges}: <code>${last.left}</code> + <code>${last.right}</code> became <code>${last.shown}</code>; they stood together ${integer(last.count)} times.`
          : "No merge yet: every byte is a token."}
          ${learnt.length < MERGES ? html` <span class="muted">After ${learnt.length} merges no pair stands in this text twice.</span>` : ""}</p>
        <${Chart} label=${`Tokens of the text: ${totals.data[0]} before the first merge, ${totals.data[learnt.length]} after ${learnt.length}`} x=${x} lines=${lines} marks=${marks}
          xLabel="merges" yLabel="tokens of the text" height=${220} legend=${false} />
      </div>
      <div class="stack">
        <p class="small muted">The beginning of the text:</p>
        <${Tokens} label="The beginning of the text in tokens" tokens=${chips.map(({ ids, text }) => ({ id: ids.join(" "), text, kind: ids.includes(255 + merges) && merges > 0 ? "new" : "" }))} />
      </div>
    </div>`;
}

const tableOf = ({ learnt, totals }) => ({
  columns: ["merge", "left", "right", "token", "stood together", "tokens after"],
  rows: learnt.map((one, index) => [index + 1, one.left, one.right, one.shown, one.count, totals.data[index + 1]]),
});
