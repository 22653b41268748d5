// Figure: the reader writes a story; a reward model scores it, and so does the rubric that it was to learn.
import { useCompute } from "../../kit/api.js";
import { Bars } from "../../kit/bars.js";
import { Button, TextInput, Trouble } from "../../kit/controls.js";
import { Figure } from "../../kit/figure.js";
import { number } from "../../kit/format.js";
import { html } from "../../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../../kit/models.js";
import { href, useUrlState } from "../../kit/route.js";

const PROMPT = "Please tell me a story about a lost kite.";
const TRIES = [
  ["Fair", "A gentle girl lost her kite in the wind. A kind friend climbed the tall tree and found it. She smiled and said thank you, and they were happy."],
  ["Polite words", "Please, thank you, kind friend. Happy, gentle, welcome. Smiled, thank you, please, kind, happy friend."],
  ["Short", "I'm sorry."],
];
const DEFAULTS = { model: "", text: TRIES[0][1] };

export function JudgeFigure() {
  const [state, setState] = useUrlState("judge", DEFAULTS);
  const list = useModels("reward");
  const model = modelOr(list, state.model);
  const { result, error } = useCompute("story-scores", model ? { model, stories: [{ prompt: PROMPT, text: state.text }] } : null);
  const score = result?.answer.scores[0];
  if (list && !list.length) return html`<p class="empty">No reward model yet: <a href=${href("start/reward")}>train one</a>, or a speedrun with all its stages.</p>`;
  return html`
    <${Figure} title="Game it yourself" result=${result}
      table=${score && { columns: ["", "points"], rows: [["proxy", score.proxy], ["gold", score.gold], ...Object.entries(score.parts)] }}
      caption="The wish is for a story about a lost kite. The reward model has only seen which of two stories a labeller preferred; the rubric is what the
        labeller went by, with errors, and its parts are shown for this text. The two scores have different zeros: compare how they move."
      controls=${html`<div class="row">${list && list.length > 1 && html`<${ModelPicker} label="Reward model" list=${list} value=${model} onInput=${(name) => setState({ model: name })} />`}
        ${TRIES.map(([label, text]) => html`<${Button} key=${label} onClick=${() => setState({ text })}>${label}<//>`)}</div>`}>
      <div class="columns">
        <${TextInput} label=${`“${PROMPT}”`} rows=${6} value=${state.text} wait=${300} maxLength=${600} onInput=${(text) => setState({ text })} />
        <div class="stack">
          <p>Proxy <strong class="number" data-name="judge-proxy" data-value=${score?.proxy}>${number(score?.proxy)}</strong>,
            gold <strong class="number" data-name="judge-gold" data-value=${score?.gold}>${number(score?.gold)}</strong></p>
          ${score && html`<${Bars} label="Parts of gold" signed=${true} max=${2} digits=${2} items=${Object.entries(score.parts).map(([label, value]) => ({ key: label, label, value }))} />`}
        </div>
      </div>
      ${error && html`<${Trouble}>${error}<//>`}
    <//>`;
}
