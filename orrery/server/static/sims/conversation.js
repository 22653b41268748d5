// Simulation 16: a conversation as training sees it. Roles, tokens, what is trained on, and how likely a model finds it.
import { useCompute } from "../kit/api.js";
import { Button, Segmented, Select, Trouble } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { integer, number, significant } from "../kit/format.js";
import { html, names, useState } from "../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../kit/models.js";
import { href, useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { Tokens } from "../kit/tokens.js";
import { Editor } from "./conversation.editor.js";
import { chipsOf, isConversation, surprises } from "./conversation.model.js";

const DEFAULTS = { kind: "calculator", number: 3, messages: null, model: "", below: "logprob" };

export default function Conversation() {
  const [state, setState] = useUrlState("conversation", DEFAULTS);
  const ready = useStyle("sims/conversation.css");
  const list = useModels("assistant", "base");
  const model = modelOr(list, state.model || list?.find((one) => one.kind === "assistant")?.name);
  const sample = useCompute("conversation-sample", { kind: state.kind, number: state.number });
  const messages = isConversation(state.messages) ? state.messages : sample.result?.answer.messages;
  const seen = useCompute("conversation", model && messages ? { model, messages } : null);
  if (!ready) return null;
  const pick = (changes) => setState({ messages: null, ...changes });
  const answer = seen.error ? null : seen.result?.answer;
  return html`
    <${Figure} title="A conversation as training sees it" result=${seen.result} table=${answer && tableOf(answer)}
      caption="What the assistant writes is trained on, up to the token that ends its turn; all else is only read. Structure is placed by id, so nothing that a user types can open or close a turn."
      controls=${html`
        <div class="row conversation-controls">
          <${Select} label="Example" value=${state.kind} options=${(sample.result?.answer.kinds ?? [state.kind]).map((kind) => [kind, kind])} onInput=${(kind) => pick({ kind, number: 0 })} />
          <${Button} onClick=${() => pick({ number: state.number + 1 })}>Another one<//>
          ${list?.length === 0 ? html`<p class="empty">No model yet: <a href=${href("start")}>a run makes one</a>.</p>`
            : html`<${ModelPicker} label="Read by" list=${list} value=${model} onInput=${(name) => setState({ model: name })} />`}
          <${Segmented} label="Below each token" value=${state.below} options=${[["logprob", "Log-probabilities"], ["id", "Ids"]]} onInput=${(below) => setState({ below })} />
        </div>`}>
      ${(seen.error ?? sample.error) && html`<${Trouble}>${seen.error ?? sample.error}<//>`}
      ${answer && html`<${Seen} answer=${answer} below=${state.below} />`}
    <//>
    ${messages && html`
      <${Figure} title="Change it"><${Editor} messages=${messages} onChange=${(next) => setState({ messages: next })} /><//>`}`;
}

function Seen({ answer, below }) {
  const [chosen, setChosen] = useState(null); // the first token of a chip
  const told = surprises(answer);
  const turns = answer.turns.map((turn) => ({ ...turn, tokens: chipsOf(answer, turn) }));
  const one = turns.flatMap((turn) => turn.tokens.map((token) => ({ ...token, role: turn.role }))).find((token) => token.first === chosen);
  return html`
    <div class="stack">
      <p class="small"><strong class="number" data-name="trained" data-value=${answer.trained}>${integer(answer.trained)}</strong> of ${integer(answer.ids.length)} tokens are trained on.
        ${answer.loss === null ? " There is nothing to learn from it." : html` Their mean surprise, which fine-tuning lowers, is
          <strong class="number" data-name="loss" data-value=${answer.loss}> ${number(answer.loss, 3)}</strong> nats; that of the others, which it ignores, ${number(told.others, 3)}.`}</p>
      ${answer.neutralised > 0 && html`<p class="small conversation-note" role="status">${integer(answer.neutralised)} strings that look like reserved tokens were broken up by an invisible
        character, <code>U+200B</code>, behind their <code>${"<"}</code>. They are plain text: the conversation still has ${answer.turns.length} turns, and no more.</p>`}
      <ol class="conversation-turns" aria-label="Turns">
        ${turns.map((turn, t) => html`
          <li key=${t} data-role=${turn.role}>
            <span class="conversation-role">${turn.role}</span>
            <${Tokens} label=${`Turn ${t + 1}, ${turn.role}`} ids=${true} chosen=${placeOf(turn, chosen)}
              onChoose=${(index) => setChosen(turn.tokens[index].first)}
              tokens=${turn.tokens.map((token) => ({
                id: token.id, text: token.text, special: token.reserved, below: underneath(token, below),
                kind: names("seen", token.trained ? "trained" : "masked"), shade: token.trained ? Math.min(1, -token.logprob / 4) : 0,
                title: `${token.trained ? "trained on" : "only read"}, log-probability ${number(token.logprob, 3)}`,
              }))} />
          </li>`)}
      </ol>
      <p class="small muted conversation-legend"><span class="token seen trained">underlined</span> trained on, the darker the more surprising
        <span class="token seen masked">plain</span> only read <span class="token special">dashed</span> a reserved token, placed by id</p>
      <p class="small" aria-live="polite" data-name="chosen">${one ? about(one) : "Choose a token to see more of it."}</p>
    </div>`;
}

/** Which chip of the turn begins with this token; undefined where none does. */
function placeOf({ tokens }, first) {
  const place = tokens.findIndex((token) => token.first === first);
  return place < 0 ? undefined : place;
}

const underneath = (token, below) => (below === "id" ? token.id : token.trained ? number(token.logprob, 2) : "–");

const about = (token) => html`<code>${token.text}</code>, id ${token.id}, position ${token.first}, in a turn of ${token.role}: ${token.trained ? "trained on" : "only read"}.
  ${token.first === 0 ? " Nothing comes before it." : html` The model gives it a probability of ${significant(Math.exp(token.logprob))}: a surprise of ${number(-token.logprob / Math.LN2, 2)} bits.`}`;

function tableOf(answer) {
  const rows = answer.turns.flatMap((turn) => chipsOf(answer, turn).map((token) => [
    token.first, turn.role, token.text, token.id, token.trained ? "trained on" : "only read", token.logprob,
  ]));
  return { columns: ["position", "turn of", "text", "id", "mask", "log-probability"], rows };
}
