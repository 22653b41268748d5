// Simulation 6: the live tokenizer. One text in two vocabularies, the merges of a word, and a vocabulary of the reader's own.
import { get, useCompute } from "../kit/api.js";
import { Button, Select, TextInput, Trouble } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { integer, number } from "../kit/format.js";
import { html, useEffect, useMemo, useRef, useState } from "../kit/html.js";
import { useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { Tokens } from "../kit/tokens.js";
import { Merges } from "./tokenizer.merges.js";
import { meeting, spansOf } from "./tokenizer.model.js";
import { SmallBPE } from "./tokenizer.train.js";

const DEFAULTS = { text: "Seven strawberries cost 12.50 at a naïve café.", left: "characters", right: "", chosen: 3, step: 0 };
const EXAMPLES = [
  ["Letters", "How many r are in strawberry?"],
  ["Numbers", "12345 + 678 = 13023, in 2026"],
  ["White space", "if x:\n    return  x \n\tdone "],
  ["Scripts", "Good morning. Доброе утро. सुप्रभात। 早上好。"],
  ["Emoji", "👍🏽 👩‍👩‍👧 🇩🇪 é"],
];

/** `parts`: which of the figures to show; all three on a page of its own. */
export default function Tokenizer({ parts = ["text", "merges", "train"] }) {
  const [state, setState] = useUrlState("tokenizer", DEFAULTS);
  const ready = useStyle("sims/tokenizer.css");
  const [list, trouble] = useVocabularies();
  const nameOr = (wanted) => (list?.some((one) => one.name === wanted) ? wanted : list?.[0]?.name);
  const left = nameOr(state.left);
  const right = nameOr(state.right);
  const asked = (vocabulary) => (vocabulary && state.text ? { vocabulary, text: state.text } : null);
  const answers = [useCompute("tokenize", asked(left)), useCompute("tokenize", asked(right))];
  if (!ready) return null;
  const answer = state.text ? answers[1].result?.answer : null;
  const word = answer?.words[answer.chips[Math.min(state.chosen, answer.chips.length - 1)]?.word];
  return html`
    ${trouble && html`<${Trouble}>${trouble}<//>`}
    ${parts.includes("text") && html`<${TwoVocabularies} list=${list} names=${[left, right]} answers=${answers} state=${state} setState=${setState} />`}
    ${parts.includes("merges") && html`<${Merges} vocabulary=${right} word=${word} waiting=${!answer} step=${state.step} onStep=${(step) => setState({ step })} />`}
    ${parts.includes("train") && html`<${SmallBPE} />`}`;
}

function useVocabularies() {
  const [[list, trouble], set] = useState([null, null]);
  useEffect(() => {
    get("/api/vocabularies").then((found) => set([found, null]), (error) => set([null, error.message]));
  }, []);
  return [list, trouble];
}

function TwoVocabularies({ list, names, answers, state, setState }) {
  const [hovered, setHovered] = useState(null); // [side, chip]
  const shown = answers.map((one) => (state.text ? one.result?.answer : null));
  const spans = useMemo(() => shown.map((answer) => answer && spansOf(answer)), shown);
  const chosen = Math.min(state.chosen, (shown[1]?.chips.length ?? 1) - 1);
  const [side, place] = hovered ?? [1, chosen];
  const span = spans[side]?.[place];
  const choose = (which, index) => {
    const to = which === 1 ? index : meeting(spans[1] ?? [], spans[0][index])[0];
    if (to !== undefined) setState({ chosen: to, step: 0 });
  };
  const options = (list ?? []).map((one) => [one.name, labelOf(one)]);
  const pick = (key) => (name) => setState({ [key]: name, chosen: 0, step: 0 });
  const error = answers.map((one) => one.error).find(Boolean);
  return html`
    <${Figure} title="One text, two vocabularies" table=${shown[1] && tableOf(shown[1])} result=${answers[1].result} note=${names[1] && `vocabulary ${names[1]}`}
      caption="A model never sees letters, only the numbers below the chips. Point at a chip to find the same text on the other side; choose one to follow its word."
      controls=${html`
        <${TextInput} label="Text" rows=${2} value=${state.text} wait=${120} maxLength=${2000} onInput=${(text) => setState({ text, chosen: 0, step: 0 })} />
        <div class="row" role="group" aria-label="Examples">${EXAMPLES.map(([name, text]) => html`
          <${Button} key=${name} kind="quiet" onClick=${() => setState({ text, chosen: 0, step: 0 })}>${name}<//>`)}</div>`}>
      ${error && html`<${Trouble}>${error}<//>`}
      <div class="tokenizer-panes">
        ${["left", "right"].map((key, which) => html`
          <section key=${key} class="tokenizer-pane" aria-label=${which ? "In the second vocabulary" : "In the first vocabulary"}>
            <${Select} label=${which ? "Second vocabulary" : "First vocabulary"} value=${names[which]} options=${options} onInput=${pick(key)} />
            ${shown[which]
              ? html`<${Pane} answer=${shown[which]} label=${`The text as tokens of ${names[which]}`} chosen=${which === 1 ? chosen : undefined}
                  linked=${meeting(spans[which], span)} onChoose=${(index) => choose(which, index)}
                  onHover=${(index) => setHovered(index === null ? null : [which, index])} />`
              : html`<p class="empty">${state.text ? "…" : "Type something."}</p>`}
          </section>`)}
      </div>
      ${shown[1] && html`<${Facts} answer=${shown[1]} chip=${shown[1].chips[chosen]} />`}
      ${list && !list.some((one) => one.kind === "folder") && html`<p class="small muted tokenizer-hint">To compare with GPT-2, put its <code>encoder.json</code> and <code>vocab.bpe</code> into
        a folder <code>gpt2</code> beside the runs and reload; any folder with a <code>tokenizer.json</code> of byte-level BPE works the same way.</p>`}
    <//>`;
}

const BUILT_IN = { characters: "characters, numbered as in Unicode", bytes: "bytes, before any merge" };
const labelOf = ({ name, kind }) => BUILT_IN[name] ?? (kind === "run" ? `${name}, learnt for this run` : name);

/** One side: how many tokens, the chips, and the ids alone as the model gets them. */
function Pane({ answer, label, chosen, linked, onChoose, onHover }) {
  const { tokens, chips, characters, bytes } = answer;
  const box = useRef(null);
  const act = useRef({});
  act.current = { onChoose, onHover };
  const hover = (index) => act.current.onHover(index);
  // Thousands of chips are drawn when they change; what is under the mouse changes oftener, and only marks some of them.
  const drawn = useMemo(() => {
    const ids = chips.map((chip) => tokens.slice(chip.first, chip.first + chip.count).map((token) => token.id));
    return html`
      <${Tokens} label=${label} ids=${true} chosen=${chosen} onChoose=${(index) => act.current.onChoose(index)} onHover=${hover} tokens=${chips.map((chip, index) => ({
        id: ids[index].join(" "), text: chip.shown, title: chip.count > 1 ? `${chip.count} tokens together` : undefined,
      }))} />
      <p class="tokenizer-ids" role="img" aria-label=${`The ids alone: ${tokens.length} numbers`}>
        ${ids.map((some, index) => html`<span key=${index} onMouseEnter=${() => hover(index)} onMouseLeave=${() => hover(null)}>${some.join(", ")}</span>${index + 1 < ids.length ? ", " : ""}`)}</p>`;
  }, [answer, label, chosen]);
  useEffect(() => {
    const [shown, alone] = [".tokens", ".tokenizer-ids"].map((name) => box.current.querySelector(name).children);
    const marked = linked.flatMap((index) => [shown[index], alone[index]]).filter(Boolean);
    for (const one of marked) one.classList.add("linked");
    return () => marked.forEach((one) => one.classList.remove("linked"));
  });
  return html`
    <div class="stack" ref=${box}>
      <p class="tokenizer-count"><strong data-name="tokens" data-value=${tokens.length}>${integer(tokens.length)}</strong> tokens${" "}
        <span class="muted small">for ${integer(characters)} characters, ${integer(bytes)} bytes: ${number(bytes / tokens.length, 2)} bytes a token</span></p>
      ${drawn}
    </div>`;
}

/** What there is to know of the chosen chip, and of the text as a whole. */
function Facts({ answer, chip }) {
  const tokens = answer.tokens.slice(chip.first, chip.first + chip.count);
  const merged = tokens.some((token) => token.rank !== null);
  return html`
    <div class="columns tokenizer-about">
      <dl class="tokenizer-facts" aria-live="polite">
        <dt>chosen</dt><dd><code>${chip.shown}</code>${chip.count > 1 ? html` <span class="muted">${chip.count} tokens that are a character only together</span>` : ""}</dd>
        <dt>position</dt><dd class="number">${chip.first}${chip.count > 1 ? `–${chip.first + chip.count - 1}` : ""} of ${answer.tokens.length}, from byte ${tokens[0].start}</dd>
        <dt>id</dt><dd class="number">${tokens.map((token) => token.id).join(", ")}</dd>
        <dt>bytes</dt><dd class="number">${tokens.map((token) => token.bytes).join(" | ")}</dd>
        <dt>rank</dt><dd class="number">${merged ? tokens.map((token) => token.rank ?? "–").join(", ") : "none:"}${" "}
          <span class="muted">${merged ? "of its merge: lower ones come first" : "no merge made it"}</span></dd>
      </dl>
      ${answer.warnings.length > 0 && html`<div class="stack"><p class="small muted">What may trip a model here:</p>
        <ul class="tokenizer-warnings">${answer.warnings.map((warning) => html`<li key=${warning}>${warning}</li>`)}</ul></div>`}
    </div>`;
}

const tableOf = ({ tokens }) => ({
  columns: ["position", "id", "text", "bytes", "rank"],
  rows: tokens.map((token, index) => [index, token.id, token.shown, token.bytes, token.rank ?? "none"]),
});
