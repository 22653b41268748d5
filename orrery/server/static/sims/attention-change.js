// What a model says without some of its heads: how much less, or more, it expects each token of the text.
import { Bars } from "../kit/bars.js";
import { Button } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { number, percent, visible } from "../kit/format.js";
import { html } from "../kit/html.js";
import { Tokens } from "../kit/tokens.js";

const MOST = 3; // nats at which a change has its full colour

/** `off`: [layer, head] pairs; `onAll`: switch all on again. */
export function Change({ result, place, off, onAll }) {
  const { tokens, ids, logprobs, logprobs_after: after, likely } = result.answer;
  const change = Array.from(after.data, (value, t) => value - logprobs.data[t]);
  const title = "What is lost without a head";
  if (off.length === 0) {
    return html`<${Figure} title=${title}><p class="small muted">All heads are on. Switch one off above, and the model runs again on a copy of its weights in which this head adds nothing.</p><//>`;
  }
  const mean = change.reduce((sum, value) => sum + value, 0) / Math.max(1, change.length);
  const next = likely[place.at];
  const listed = off.map(([layer, head]) => `layer ${layer}, head ${head}`).join("; ");
  const table = { columns: ["token", "ln p before", "ln p after", "change"], rows: change.map((value, t) => [tokens[t + 1], logprobs.data[t], after.data[t], value]) };
  return html`
    <${Figure} title=${title} result=${result} table=${table}
      caption="Above, each token of the text by how much the log-probability that the model gives it has changed, in nats: orange for less, blue for more. Below, the
        likeliest next tokens after the chosen one; a line marks the whole model's probability.">
      <div class="stack attention-change">
        <p class="small" aria-live="polite">Off: ${listed}. The text's tokens have become
          <strong class="number" data-name="mean" data-value=${mean}> ${number(Math.abs(mean), 3)} nats</strong> ${mean < 0 ? "less" : "more"} expected on average.
          <${Button} kind="quiet" onClick=${onAll}>All on again<//></p>
        <${Tokens} label="Tokens by change" tokens=${tokens.map((text, t) => ({ text, id: ids[t], special: t === 0, ...changed(t, change, logprobs.data, after.data) }))} />
        <h4>Next after “${visible(tokens[place.at])}”</h4>
        <${Bars} label="Next tokens" format=${(p) => percent(p)}
          items=${next.map((one) => ({ key: one.id, label: one.text, value: one.after, ghost: one.before, note: `was ${percent(one.before)}` }))} />
      </div>
    <//>`;
}

/** The colour and the words of one token's change. */
function changed(t, change, before, after) {
  if (t === 0) return { title: "given" };
  const value = change[t - 1];
  return {
    kind: value < 0 ? "less" : "more", shade: Math.min(1, Math.abs(value) / MOST),
    title: `${number(value, 2)} nats: ${percent(Math.exp(before[t - 1]))} → ${percent(Math.exp(after[t - 1]))}`,
  };
}
