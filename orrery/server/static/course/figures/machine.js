// Figure: the studio as a machine. Memory (contexts and their caches), devices (tools), disk (runs and database), as they are now.
import { get, post } from "../../kit/api.js";
import { Button, TextInput, Trouble } from "../../kit/controls.js";
import { Figure } from "../../kit/figure.js";
import { integer, number, percent } from "../../kit/format.js";
import { html, useEffect, useState } from "../../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../../kit/models.js";
import { useUrlState } from "../../kit/route.js";
import { useStyle } from "../../kit/style.js";

const EVERY = 1000; // ms between looks
const TABLES = { chats: "chats", messages: "messages of chats", rankings: "rankings", labels: "labelled answers", label_edits: "edits of them",
guidelines: "version(s) of the guidelines", votes: "votes in the arena" };

/** Bytes as people say them. */
export function bytes(count) {
  const [unit, size] = [["GB", 1e9], ["MB", 1e6], ["kB", 1e3], ["bytes", 1]].find(([, least]) => count >= least) ?? ["bytes", 1];
  return `${number(count / size, size > 1 && count / size < 100 ? 1 : 0)} ${unit}`;
}

/** What the machine says of itself, read again and again while the page is looked at. */
function useMachine() {
  const [state, setState] = useState({ machine: null, error: null });
  useEffect(() => {
    let here = true;
    const look = async () => {
      if (!document.hidden) {
        await get("/api/machine").then((machine) => here && setState({ machine, error: null }), (error) => here && setState((old) => ({ ...old, error: error.message })));
      }
      if (here) timer = setTimeout(look, EVERY);
    };
    let timer = setTimeout(look, 0);
    return () => {
      here = false;
      clearTimeout(timer);
    };
  }, []);
  return state;
}

export function MachineFigure() {
  const ready = useStyle("course/figures/machine.css");
  const [state, setState] = useUrlState("machine", { model: "", text: "What is 12 times 7?" });
  const list = useModels("assistant");
  const model = modelOr(list, state.model);
  const { machine, error } = useMachine();
  const [reply, setReply] = useState(null);
  const ask = async () => {
    setReply({ busy: true });
    try {
      const asked = { model, messages: [{ role: "user", content: state.text }], max_tokens: 96, temperature: 0 };
      const { choices, usage } = await post("/v1/chat/completions", asked);
      setReply({ text: choices[0].message.content, model, tokens: usage.total_tokens });
    } catch (problem) {
      setReply({ error: problem.message });
    }
  };
  if (!ready) return null;
  return html`
    <${Figure} title="This machine, now" table=${machine && tableOf(machine)} note="read once a second from the engine and the database"
      caption=${"A conversation takes a part of the context, and each of its tokens takes its keys and values while the answer is written. Ask something longer and it " +
        "takes more; chats, answers and votes show up on the disk."}
      controls=${html`<div class="row"><${ModelPicker} list=${list} value=${model} onInput=${(name) => setState({ model: name })} />
        <${TextInput} label="A question" value=${state.text} maxLength=${300} onInput=${(text) => setState({ text })} onEnter=${ask} />
        <${Button} onClick=${ask} disabled=${!model || !state.text.trim() || reply?.busy}>${reply?.busy ? "Asking…" : "Ask"}<//></div>`}>
      <div aria-live="polite">${reply?.text !== undefined && html`<p class="small">${reply.model} says: <em>${reply.text || "(nothing)"}</em></p>`}
        ${(reply?.error ?? error) && html`<${Trouble}>${reply?.error ?? error}<//>`}</div>
      ${machine && html`<div class="machine">
        <section><h4>Memory: contexts</h4>
          ${machine.memory.length ? machine.memory.map((one) => html`<${Memory} key=${one.model} of=${one} tokens=${reply?.model === one.model ? reply.tokens : null}
            />`) : html`<p class="empty">No model is loaded: the first question loads one.</p>`}</section>
        <section><h4>Devices: tools</h4><ul>${machine.devices.map((one) => html`<li key=${one.name}><strong>${one.name}</strong><br /><span
          class="muted small">${one.about}</span></li>`)}</ul></section>
        <section><h4>Disk: what lasts</h4><ul>${machine.disk.map((one) => html`<li key=${one.what} data-disk=${one.what} data-value=${one.rows ?? one.bytes}>
          ${one.rows === null ? html`<strong>${one.what}</strong> ${bytes(one.bytes)}`
            : html`<strong>${integer(one.rows)}</strong> ${TABLES[one.what] ?? one.what}`}</li>`)}</ul></section>
      </div>`}
    <//>`;
}

/** `tokens`: of the last conversation with this model, null where there was none yet. */
function Memory({ of, tokens }) {
  return html`
    <div class="memory" data-model=${of.model} data-held=${of.held} data-token-bytes=${of.token_bytes}>
      <p><strong>${of.model}</strong> <span class="muted small">context of ${integer(of.context)} tokens</span></p>
      ${tokens !== null && html`
        <div class="gauge" role="img" aria-label=${`${integer(tokens)} of ${integer(of.context)} tokens`}><span style=${{ width: percent(tokens / of.context) }}></span></div>
        <p class="small number" data-name="conversation" data-value=${tokens}>This conversation: ${integer(tokens)} tokens
          × ${bytes(of.token_bytes)} = <strong>${bytes(tokens * of.token_bytes)}</strong> of keys and values.</p>`}
      <p class="small number muted">The engine’s cache: ${integer(of.held)} of ${integer(of.capacity)} tokens in use; ${bytes(of.bytes)} with
        the weights; ${of.running} running, ${of.waiting} waiting.</p>
    </div>`;
}

const tableOf = (machine) => ({
  columns: ["part", "what", "number", "unit"],
  rows: [
    ...machine.memory.flatMap((one) => [["memory", one.model, one.held, "tokens held"], ["memory", one.model, one.token_bytes, "bytes a token"], ["memory",
      one.model, one.bytes, "bytes in all"]]),
    ...machine.devices.map((one) => ["devices", one.name, 1, "tool"]),
    ...machine.disk.map((one) => ["disk", one.what, one.rows ?? one.bytes, one.rows === null ? "bytes" : "rows"]),
  ],
});
