// The messages of a conversation, each to be edited, or all of them as JSON.
import { Button, Segmented, TextInput, Toggle, Trouble } from "../kit/controls.js";
import { html, useState } from "../kit/html.js";
import { add, attack, change, KINDS, parse } from "./conversation.model.js";

/** `messages` as the API has them; `onChange(messages)`. */
export function Editor({ messages, onChange }) {
  const [how, setHow] = useState("messages");
  return html`
    <div class="stack">
      <div class="row">
        <${Segmented} label="How to edit" value=${how} options=${[["messages", "Messages"], ["json", "JSON"]]} onInput=${setHow} />
        <${Button} onClick=${() => onChange(attack(messages))}>Let the user attack<//>
      </div>
      ${how === "json" ? html`<${AsJson} messages=${messages} onChange=${onChange} />` : html`
        <ol class="conversation-messages" aria-label="Messages">${messages.map((message, index) => html`
          <${One} key=${index} message=${message} place=${index + 1} onChange=${(fields) => onChange(change(messages, index, fields))}
            onRemove=${messages.length > 1 && (() => onChange(messages.filter((_, i) => i !== index)))} />`)}</ol>
        <div class="row" role="group" aria-label="Add a message"><span class="small muted">Add</span>${Object.entries(KINDS).map(([kind, [name]]) => html`
          <${Button} key=${kind} kind="quiet" onClick=${() => onChange(add(messages, kind))} disabled=${kind === "system" && messages[0].role === "system"}>${name}<//>`)}</div>`}
    </div>`;
}

function One({ message, place, onChange, onRemove }) {
  const { role, content, tool_calls: calls, reasoning_content: reasoning, weight = 1 } = message;
  const rows = (text) => Math.min(5, Math.floor(String(text ?? "").length / 60) + String(text ?? "").split("\n").length);
  const field = (label, value, key) => html`<${TextInput} label=${label} rows=${rows(value)} value=${value ?? ""} wait=${150} maxLength=${4000}
    onInput=${(text) => onChange({ [key]: text })} />`;
  return html`
    <li>
      <div class="row"><strong class="small">${place}. ${role}</strong>
        ${role === "assistant" && html`<${Toggle} label="trained on" value=${weight !== 0} onInput=${(on) => onChange({ weight: on ? 1 : 0 })} />`}
        ${onRemove && html`<${Button} kind="quiet" label=${`Remove message ${place}`} onClick=${onRemove}>Remove<//>`}</div>
      ${reasoning !== undefined && field(`What ${role} ${place} thinks`, reasoning, "reasoning_content")}
      ${(content || !calls) && field(`What ${role} ${place} says`, content, "content")}
      ${calls?.map((call, index) => html`<${Call} key=${index} call=${call} label=${`Call ${index + 1} of message ${place}`}
        onChange=${(next) => onChange({ tool_calls: calls.map((old, i) => (i === index ? next : old)) })} />`)}
    </li>`;
}

/** A tool call, as the JSON that the assistant writes. */
function Call({ call, label, onChange }) {
  const [trouble, setTrouble] = useState(null);
  const { name, arguments: given } = call.function ?? {};
  const type = (text) => {
    try {
      onChange({ ...call, function: JSON.parse(text) });
      setTrouble(null);
    } catch (error) {
      setTrouble(`This is not JSON yet: ${error.message}`);
    }
  };
  return html`<${TextInput} label=${label} mono=${true} rows=${2} value=${JSON.stringify({ name, arguments: given })} wait=${150} onInput=${type} />
    ${trouble && html`<${Trouble}>${trouble}<//>`}`;
}

function AsJson({ messages, onChange }) {
  const [trouble, setTrouble] = useState(null);
  const type = (text) => {
    const read = parse(text);
    setTrouble(read.trouble ?? null);
    if (read.messages) onChange(read.messages);
  };
  return html`<${TextInput} label="Messages, as the API has them: paste a conversation here" mono=${true} rows=${14} value=${JSON.stringify(messages, null, 1)} wait=${250} onInput=${type} />
    ${trouble && html`<${Trouble}>${trouble}<//>`}`;
}
