// Chat: talk with any model of any run; every answer can be looked into, written anew, and gone on from at any token.
import { Button, Trouble, Waiting } from "../kit/controls.js";
import { html, names, useEffect, useLayoutEffect, useRef, useState } from "../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../kit/models.js";
import { go, href, route, useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { lastQuestion } from "./chat/chat.model.js";
import { Editing, Message, Writing } from "./chat/message.js";
import { Chats, DEFAULTS, howOf, Settings } from "./chat/settings.js";
import { TOP, useChat } from "./chat/state.js";

const TRY = ["What is 12 times 7?", "Tell me a story about a cat.", "How do you spell planet?"];
const NEAR = 120; // pixels from the end of the page within which it follows what is written

export default function Chat({ parts }) {
  const ready = useStyle("pages/chat/chat.css");
  const number = parts[0] ? Number(parts[0]) : null;
  const [state, setState] = useUrlState("chat", DEFAULTS);
  const list = useModels("base", "assistant");
  const chat = useChat(number, { onNumber: begun });
  const [editing, setEditing] = useState(null);
  const atEnd = useRef(true);
  const model = modelOr(list, state.model || chat.view.model || list?.find((one) => one.kind === "assistant")?.name);
  const isBase = list?.find((one) => one.name === model)?.kind === "base";
  const how = () => howOf(state, model, TOP);
  const busy = chat.writing !== null;
  const { messages } = chat.view;
  useEffect(() => setEditing(null), [number, messages]);
  useEffect(() => {
    if (chat.view.id !== null) setState({ system: chat.view.system ?? "" }); // a chat goes on with its own
  }, [chat.view.id]);
  useEffect(() => {
    const look = () => {
      atEnd.current = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - NEAR;
    };
    window.addEventListener("scroll", look, { passive: true });
    return () => window.removeEventListener("scroll", look);
  }, []);
  const follow = () => atEnd.current && window.scrollTo(0, document.documentElement.scrollHeight);
  useLayoutEffect(() => void follow(), [messages, busy]);
  if (!ready) return null;
  if (!list) return html`<div class="wide"><h1>Chat</h1><${Waiting} what="Reading the models" /></div>`;
  if (list.length === 0) {
    return html`<div class="narrow"><h1>Chat</h1><p class="empty">There is no model to talk with yet: <a href=${href("start")}>a run makes one</a>.</p></div>`;
  }
  const send = (text, after) => {
    atEnd.current = true;
    setEditing(null);
    return chat.ask(text, after, how());
  };
  const drop = async () => (await chat.drop()) && go("chat");
  const upTo = busy ? messages.slice(0, chat.writing.upTo) : messages;
  const ended = chat.live.ended;
  return html`
    <div class="wide">
      <div class="page-head"><div><h1>Chat</h1>
        <p>Talk with any model of your runs. Press “Tokens” at an answer to see what else it could have said, and let it go on from there.</p></div>
        <div class="row chat-top">
          <${ModelPicker} list=${list} value=${model} onInput=${(name) => setState({ model: name })} />
          ${number !== null && html`<${Remove} key=${number} onRemove=${drop} /><a class="button" href=${href("chat")}>New chat</a>`}
        </div></div>
      <div class="chat">
        <div class=${names("chat-main", !messages.length && !busy && "fresh")}>
          <section class="chat-thread" aria-label="Conversation">
            ${!messages.length && !busy && html`<${Welcome} isBase=${isBase} model=${model} onTry=${(text) => send(text, null)} />`}
            ${upTo.map((message, at) => (editing === message.id
              ? html`<${Editing} key=${message.id} text=${message.content} onCancel=${() => setEditing(null)}
                  onSend=${(text) => send(text, upTo[at - 1]?.id ?? null)} />`
              : html`<${Message} key=${message.id} message=${message} chat=${chat} how=${how} busy=${busy} last=${at === upTo.length - 1} onEdit=${() => setEditing(message.id)} />`))}
            ${busy && chat.writing.question !== undefined && html`
              <article class="chat-message user"><div class="chat-said"><p class="chat-text">${chat.writing.question}</p></div></article>`}
            ${busy && html`<${Writing} chat=${chat} model=${model} onGrow=${follow} />`}
            ${chat.error && html`<${Trouble}>${chat.error}<//>`}
            ${!busy && ended && ended.chat.id === chat.view.id && html`<p class="chat-took number" role="status">${ended.tokens} tokens in ${Math.round(ended.ms)} ms</p>`}
          </section>
          <${Composer} busy=${busy} isBase=${isBase} onSend=${(text) => send(text, messages.at(-1)?.id ?? null)} onStop=${chat.stop}
            onEditLast=${() => setEditing(lastQuestion(messages)?.question.id ?? null)} />
        </div>
        <aside class="chat-aside"><${Settings} state=${state} setState=${setState} /><${Chats} here=${chat.view.id} changed=${`${number} ${messages.length}`} /></aside>
      </div>
    </div>`;
}

/** The chat has a number now: the address says so, with the settings as they are. */
const begun = (number) => go(`chat/${number}`, route.peek().params);

/** What there is to try before anything has been said. */
function Welcome({ model, isBase, onTry }) {
  return html`
    <div class="chat-welcome">
      <p class="muted"><strong>${model}</strong> ${isBase
        ? "is a base model: it knows no turns, and goes on with your text."
        : "is as small as the run that made it. It answers what it was trained for, and invents the rest. Try:"}</p>
      ${!isBase && html`<div class="row">${TRY.map((text) => html`<${Button} key=${text} onClick=${() => onTry(text)}>${text}<//>`)}</div>`}
    </div>`;
}

/** Deleting takes two presses. */
function Remove({ onRemove }) {
  const [sure, setSure] = useState(false);
  return html`<${Button} kind="quiet" onClick=${() => (sure ? onRemove() : setSure(true))}>${sure ? "Really delete it" : "Delete"}<//>`;
}

/** Where the question is typed. Enter sends, Shift and Enter break the line, Escape stops, ↑ edits the last question. */
function Composer({ busy, isBase, onSend, onStop, onEditLast }) {
  const [text, setText] = useState("");
  const box = useRef(null);
  useEffect(() => {
    const keys = (event) => event.key === "Escape" && busy && onStop();
    window.addEventListener("keydown", keys);
    return () => window.removeEventListener("keydown", keys);
  }, [busy]);
  const send = async () => {
    if (busy || !text.trim()) return;
    setText("");
    box.current.focus();
    if (!(await onSend(text))) setText((now) => now || text); // refused: nobody should have to type it twice
  };
  const keys = (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && text === "" && !busy) {
      event.preventDefault();
      onEditLast();
    }
  };
  return html`
    <div class="chat-composer">
      <textarea ref=${box} aria-label=${isBase ? "Text to go on with" : "Your message"} rows=${Math.min(8, text.split("\n").length)} value=${text} maxLength=${100000}
        placeholder=${isBase ? "A text for the model to go on with" : "Ask something"} onInput=${(event) => setText(event.target.value)} onKeyDown=${keys}></textarea>
      ${busy ? html`<${Button} onClick=${onStop}>Stop<//>` : html`<${Button} kind="primary" disabled=${!text.trim()} onClick=${send}>Send<//>`}
      <p class="muted small chat-keys"><kbd>Enter</kbd> sends · <kbd>Shift</kbd> <kbd>Enter</kbd> new line · <kbd>Esc</kbd> stops · <kbd>↑</kbd> edits the last question</p>
    </div>`;
}
