// How a word becomes tokens: merge by merge, always the pair of lowest rank.
import { useCompute } from "../kit/api.js";
import { Button, Slider, Trouble } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { visible } from "../kit/format.js";
import { html, names, useEffect, useState } from "../kit/html.js";
import { reduced } from "../kit/motion.js";

const PAUSE = 700; // ms between steps
const NO_WORD = "Characters are never merged. Choose a vocabulary of bytes or of a run as the second one to follow a word.";

/** `word` of the text in `vocabulary`; `step` and `onStep`: which state is shown. `waiting`: the word is not known yet. */
export function Merges({ vocabulary, word, waiting, step, onStep }) {
  const { result, error } = useCompute("merges", vocabulary && word ? { vocabulary, word } : null);
  const [playing, setPlaying] = useState(false);
  const steps = result?.answer.steps ?? [];
  const last = steps.length - 1;
  const here = Math.min(step, last);
  useEffect(() => {
    if (!playing) return undefined;
    if (here >= last) return setPlaying(false);
    const timer = setTimeout(() => onStep(reduced.value ? last : here + 1), reduced.value ? 0 : PAUSE);
    return () => clearTimeout(timer);
  }, [playing, here, last]);
  if (!word || error || last < 0) {
    const why = error ? html`<${Trouble}>${error}<//>` : html`<p class="empty">${word || waiting ? "…" : NO_WORD}</p>`;
    return html`<${Figure} title="The merges of a word">${why}<//>`;
  }
  const now = steps[here];
  const table = {
    columns: ["step", "parts", "next pair", "rank"],
    rows: steps.map((one, index) => [index, one.parts.join(" "), one.merged === null ? "none left" : pairOf(one).join(" + "), one.merged === null ? "–" : one.ranks[one.merged]]),
  };
  const play = () => {
    if (here >= last) onStep(0);
    setPlaying(true);
  };
  return html`
    <${Figure} title=${`The merges of “${visible(word)}”`} table=${table} result=${result} note=${`vocabulary ${vocabulary}`}
      caption="A word starts as bytes. Of all neighbours that some merge joins, those of the lowest rank, learnt first, are joined; then again, until no pair has a rank. Merges never cross a word.">
      <div class="stack">
        <ol class="merge-line" aria-label="Parts of the word, with the ranks of neighbouring pairs between them">
          ${now.parts.map((part, index) => html`
            <li key=${index} class="row" style=${{ gap: 0 }}>
              <span class=${names("merge-part", here > 0 && steps[here - 1].merged === index && "new")}>${part}<small>${now.ids[index]}</small></span>
              ${index < now.ranks.length && html`<span class=${names("merge-rank", now.merged === index && "next")} data-value=${now.ranks[index] ?? ""}>${now.ranks[index] ?? "·"}</span>`}
            </li>`)}
        </ol>
        <p class="small" aria-live="polite" data-name="merge">${told(now, here)}</p>
        <div class="row">
          <${Button} onClick=${() => onStep(here - 1)} disabled=${here === 0}>Back<//>
          <${Button} kind="primary" onClick=${() => onStep(here + 1)} disabled=${here >= last}>Merge the next pair<//>
          <${Button} onClick=${playing ? () => setPlaying(false) : play} disabled=${last === 0}>${playing ? "Pause" : "Play"}<//>
        </div>
        ${last > 0 && html`<${Slider} label="step" value=${here} min=${0} max=${last} step=${1} onInput=${(to) => onStep(Math.round(to))} />`}
      </div>
    <//>`;
}

const pairOf = ({ parts, merged }) => [parts[merged], parts[merged + 1]];

function told(state, step) {
  if (state.merged !== null) {
    const [left, right] = pairOf(state);
    return html`${step === 0 ? "As bytes. " : ""}Next: <code>${left}</code> + <code>${right}</code>, rank ${state.ranks[state.merged]}, the lowest of the pairs.`;
  }
  return `No pair has a rank${step === 0 ? "" : " any more"}: ${state.parts.length === 1 ? "the word is one token" : `the word is ${state.parts.length} tokens`}.`;
}
