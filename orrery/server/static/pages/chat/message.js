// One message: what is said, thought, called and answered; the tokens it is made of; what can be done with it.
import { Button } from "../../kit/controls.js";
import { percent, visible } from "../../kit/format.js";
import { html, names, useEffect, useRef, useState } from "../../kit/html.js";
import { Tokens } from "../../kit/tokens.js";
import { blocks, chips, place } from "./chat.model.js";

/** `chat`: as useChat gives it; `how()`: the settings to write with; `busy`: a reply is being written. */
export function Message({ message, chat, how, busy, last, onEdit }) {
  const [asTokens, setAsTokens] = useState(false);
  const [copied, setCopied] = useState(false);
  const isUser = message.role === "user";
  const text = message.content;
  const copy = async () => {
    setCopied(await copies(text));
    setTimeout(() => setCopied(false), 1500);
  };
  const look = () => {
    setAsTokens(!asTokens);
    chat.read(message.id);
  };
  const ended = message.finish_reason !== "stop" && ENDED[message.finish_reason];
  const again = !isUser && last && html`<${Again} message=${message} chat=${chat} how=${how} busy=${busy} />`;
  if (message.role === "tool") {
    return html`<div class="chat-result" data-id=${message.id}><p><span class="muted">→</span> ${text}</p>
      ${last && html`<div class="chat-actions">${again}${ended && html`<span class="muted small">${ended}</span>`}</div>`}</div>`;
  }
  const actions = html`
    <div class="chat-actions">
      <${Branches} message=${message} onGo=${chat.goTo} busy=${busy} />
      ${text && html`<${Button} kind="quiet" onClick=${copy}>${copied ? "Copied" : "Copy"}<//>`}
      ${isUser
        ? html`<${Button} kind="quiet" disabled=${busy} onClick=${onEdit}>Edit<//>`
        : html`<${Button} kind="quiet" pressed=${asTokens} onClick=${look}>Tokens<//>`}
      ${again}
    </div>`;
  return html`
    <article class=${names("chat-message", message.role)} data-id=${message.id} aria-label=${isUser ? "You" : `Answer of ${message.model}`}>
      ${!isUser && html`<header class="chat-who"><span>${message.model}</span>${actions}</header>`}
      ${asTokens && !isUser
        ? html`<${TokenView} message=${message} chat=${chat} how=${how} busy=${busy} onBranch=${() => setAsTokens(false)} />`
        : html`<div class="chat-said"><${Said} message=${message} /></div>`}
      ${isUser && actions}
      ${ended && html`<p class="muted small">${ended}</p>`}
    </article>`;
}

/** Take a text to the clipboard -> whether the browser did. */
const copies = (text) => navigator.clipboard.writeText(text).then(() => true, () => false);

const ENDED = { stopped: "stopped here", length: "cut off: no room for more tokens", calls: "ended: too many tool calls" };

/** Another answer to the question that this one answers. */
function Again({ message, chat, how, busy }) {
  const at = chat.view.messages.findIndex((one) => one.id === message.id);
  const question = chat.view.messages.slice(0, at).findLast((one) => one.role === "user");
  const greedy = how().sampling.temperature === 0;
  return html`<${Button} kind="quiet" disabled=${busy} onClick=${() => chat.again(question.id, how())}
    title=${greedy ? "At temperature 0 the same model gives the same answer again" : undefined}>Regenerate<//>`;
}

/** ‹2/3›: the branches that part here. */
function Branches({ message, onGo, busy }) {
  const { place: at, of, before, after } = place(message);
  if (of < 2) return null;
  return html`
    <span class="chat-branches" role="group" aria-label="Branches">
      <${Button} kind="quiet" label="Earlier branch" disabled=${busy || !before} onClick=${() => onGo(before)}>‹<//>
      <span class="number small">${at}/${of}</span>
      <${Button} kind="quiet" label="Later branch" disabled=${busy || !after} onClick=${() => onGo(after)}>›<//>
    </span>`;
}

/** What a message says, thought and calls first. */
function Said({ message }) {
  return html`
    ${message.reasoning && html`<${Thought} text=${message.reasoning} />`}
    ${blocks(message.content).map((block, at) => (block.code ? html`<${Code} key=${at} ...${block} />` : html`<p key=${at} class="chat-text">${block.text}</p>`))}
    ${message.calls.map((call, at) => html`<${Call} key=${at} ...${call} />`)}
    ${!message.content && !message.calls.length && !message.reasoning && html`<p class="muted small">(it says nothing)</p>`}`;
}

function Thought({ text }) {
  return html`<details class="chat-thought" open><summary>Thought</summary><p class="chat-text">${text}</p></details>`;
}

/** A call of a tool. */
export function Call({ name, arguments: given }) {
  const told = Object.entries(given).map(([key, value]) => `${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
  return html`<p class="chat-call"><span class="muted">calls</span> <code>${name}(${told.join(", ")})</code></p>`;
}

function Code({ language, text }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => setCopied(await copies(text));
  return html`
    <div class="chat-code"><header><span>${language || "code"}</span><${Button} kind="quiet" label="Copy this code" onClick=${copy}>${copied ? "Copied" : "Copy"}<//></header>
      <pre tabindex="0"><code>${text}</code></pre></div>`;
}

/** A message as its tokens; one is picked out, with what else could stand in its place. */
function TokenView({ message, chat, how, busy, onBranch }) {
  const tokens = chat.tokens[message.id];
  const [at, setAt] = useState(0);
  if (!tokens) return html`<p class="waiting" role="status">Reading the tokens…</p>`;
  if (!tokens.length) return html`<p class="muted small">(no token was written)</p>`;
  const shown = chips(tokens);
  const chosen = shown[Math.min(at, shown.length - 1)];
  const view = shown.map(({ text, token }) => ({
    id: token.id, text, special: token.kind === "end", shade: 1,
    kind: names("chat-token", `sure-${sureness(token.logprob)}`),
    title: `${visible(text)}: ${token.logprob === null ? "given" : percent(Math.exp(token.logprob))}`,
  }));
  const take = (other) => {
    chat.branch(message.id, chosen.to - 1, other, how());
    onBranch();
  };
  return html`
    <${Tokens} label="Tokens of the answer" tokens=${view} chosen=${Math.min(at, shown.length - 1)} onChoose=${setAt} />
    <${Alternatives} token=${chosen.token} temperature=${message.temperature ?? 0} busy=${busy} onTake=${take} />`;
}

/** 0 (unlikely) to 3 (nearly certain), for the shade of a token. */
const sureness = (logprob) => (logprob === null || logprob > Math.log(0.9) ? 3 : logprob > Math.log(0.5) ? 2 : logprob > Math.log(0.1) ? 1 : 0);

/** What could stand in a token's place, with both probabilities; each can be gone on from. */
export function Alternatives({ token, temperature, onTake, busy }) {
  const box = useRef(null);
  useEffect(() => box.current?.scrollIntoView?.({ block: "nearest" }), [token]);
  if (!token.top.length) return html`<p class="muted small">This token was given, so nothing is known of what else could stand here.</p>`;
  const rest = 1 - token.top.reduce((sum, one) => sum + Math.exp(one.logprob), 0);
  const hasOwn = token.top.some((one) => one.id === token.id);
  const rows = hasOwn ? token.top : [...token.top, { id: token.id, text: token.text, logprob: token.logprob, shaped: token.shaped }];
  const shaped = (one) => (temperature > 0 ? percent(Math.exp(one.shaped)) : one.id === token.top[0].id ? "takes it" : "–");
  const after = temperature === 0 ? "greedy" : `temperature ${temperature}`;
  return html`
    <div class="chat-alternatives" ref=${box} role="group" aria-label="What could stand here">
      <div class="chat-alternative head"><span>instead</span><span></span><span class="number">raw</span><span class="number">${after}</span></div>
      ${rows.map((one) => html`
        <button type="button" key=${one.id} class=${names("chat-alternative", one.id === token.id && "own")} disabled=${busy || one.id === token.id}
          aria-label=${one.id === token.id ? `${visible(one.text)}, which was written` : `Go on from ${visible(one.text)}`} onClick=${() => onTake(one)}>
          <code>${visible(one.text)}</code>
          <span class="bar-track"><span class="bar-fill" style=${{ width: `${100 * Math.exp(one.logprob)}%` }}></span></span>
          <span class="number" data-value=${Math.exp(one.logprob)}>${percent(Math.exp(one.logprob))}</span>
          <span class="number muted" data-shaped=${Math.exp(one.shaped)}>${shaped(one)}</span>
        </button>`)}
      <p class="muted small">All others ${percent(Math.max(0, rest))}. Raw is the model's own probability, beside it ${temperature === 0
        ? "what greedy choice makes of it" : "that after the temperature, before top k and top p"}.
        Choose another token and the answer goes on from there, as a branch.</p>
    </div>`;
}

const BLOCKS = { tool: "chat-call", call: "chat-call raw", think: "chat-text thinking", text: "chat-text" };

/**
 * The reply that is being written. Text is appended as it comes, so that nothing is drawn twice, and once a frame: a
 * fast model writes several tokens between two of them.
 */
export function Writing({ chat, model, onGrow }) {
  const box = useRef(null);
  useEffect(() => {
    let [kind, node, waiting, frame] = [null, null, "", 0];
    const flush = () => {
      frame = 0;
      if (waiting) node.append(waiting);
      waiting = "";
      onGrow();
    };
    const end = chat.live.watch((event) => {
      const now = event.type === "tool" ? "tool" : event.kind;
      if (now !== kind || now === "tool") {
        flush();
        kind = now;
        if (now === "end") return;
        node = document.createElement("p");
        node.className = BLOCKS[now];
        box.current.append(node);
      }
      const text = event.type === "tool" ? `→ ${event.text}` : event.text;
      if (now !== "end" && text !== "<think>" && text !== "</think>") waiting += text;
      frame ||= requestAnimationFrame(flush);
    });
    return () => {
      cancelAnimationFrame(frame);
      end();
    };
  }, []);
  return html`
    <article class="chat-message assistant writing" aria-label=${`${model} writes`} aria-busy="true">
      <header class="chat-who">${model}</header>
      <div ref=${box}></div><span class="chat-cursor" aria-hidden="true"></span>
    </article>`;
}

/** A question with its text in a box: Enter sends, Escape leaves it as it was. */
export function Editing({ text, onSend, onCancel }) {
  const [now, setNow] = useState(text);
  const box = useRef(null);
  useEffect(() => {
    box.current.focus();
    box.current.setSelectionRange(text.length, text.length);
  }, []);
  const keys = (event) => {
    if (event.key === "Escape") return event.stopPropagation(), onCancel();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return undefined;
    event.preventDefault();
    return now.trim() && onSend(now);
  };
  return html`
    <div class="chat-message user editing">
      <textarea ref=${box} aria-label="Edit the question" rows=${Math.min(10, now.split("\n").length + 1)} value=${now} onInput=${(event) => setNow(event.target.value)} onKeyDown=${keys}></textarea>
      <div class="row"><${Button} disabled=${!now.trim()} onClick=${() => onSend(now)}>Ask this instead<//><${Button} kind="quiet" onClick=${onCancel}>Cancel<//></div>
    </div>`;
}

