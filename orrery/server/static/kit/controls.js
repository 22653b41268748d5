// What a reader sets things with. All are native elements underneath: keyboard and screen reader come with them.
import { html, names, useEffect, useId, useRef, useState } from "./html.js";

/**
 * A slider with a number box beside it.
 * `log`: the slider moves in factors (min above 0). `onInput(value)` while it moves. `digits` in the box.
 */
export function Slider({ label, value, min, max, step = 0.01, log = false, digits, onInput, hint, disabled }) {
  const id = useId();
  const places = digits ?? Math.max(0, -Math.floor(Math.log10(step)));
  const toSlider = (v) => (log ? Math.log(v / min) / Math.log(max / min) : v);
  const fromSlider = (s) => (log ? min * (max / min) ** s : s);
  const clamp = (v) => Math.min(max, Math.max(min, v));
  return html`
    <div class="slider">
      <label for=${id}>${label}</label>
      <input type="range" id=${id} min=${log ? 0 : min} max=${log ? 1 : max} step=${log ? 0.002 : step} disabled=${disabled}
        value=${toSlider(clamp(value))} aria-valuetext=${value.toFixed(places)}
        onInput=${(event) => onInput(Number(fromSlider(Number(event.target.value)).toPrecision(6)))} />
      <${NumberBox} label=${`${label}, as a number`} value=${value} min=${min} max=${max} step=${log ? "any" : step} digits=${places}
        disabled=${disabled} onInput=${(v) => onInput(clamp(v))} />
      ${hint && html`<p class="hint">${hint}</p>`}
    </div>`;
}

/** A number to type: taken over on Enter and when the reader leaves it; what is no number is put back. */
export function NumberBox({ label, value, min, max, step, digits = 2, onInput, disabled }) {
  const [text, setText] = useState(null);
  const finish = () => {
    if (text === null) return;
    const given = Number(text);
    if (text.trim() !== "" && Number.isFinite(given)) onInput(given);
    setText(null);
  };
  return html`<input class="number-box" type="number" aria-label=${label} min=${min} max=${max} step=${step} disabled=${disabled}
    value=${text ?? Number(value.toFixed(digits))} onInput=${(event) => setText(event.target.value)} onBlur=${finish}
    onChange=${finish} onKeyDown=${(event) => event.key === "Enter" && finish()} />`;
}

/** Of a few choices one: `options` are [value, text] pairs. */
export function Segmented({ label, value, options, onInput }) {
  const name = useId();
  return html`
    <fieldset class="segmented">
      <legend class="hidden-visually">${label}</legend>
      ${options.map(([option, text]) => html`
        <label key=${option} class=${names(option === value && "chosen")}>
          <input type="radio" name=${name} value=${option} checked=${option === value} onChange=${() => onInput(option)} />${text}
        </label>`)}
    </fieldset>`;
}

/** Of many choices one: `options` are [value, text] pairs. */
export function Select({ label, value, options, onInput, disabled }) {
  return html`
    <label class="select"><span>${label}</span>
      <select value=${value} disabled=${disabled} onChange=${(event) => onInput(event.target.value)}>
        ${options.map(([option, text]) => html`<option key=${option} value=${option}>${text}</option>`)}
      </select>
    </label>`;
}

/** On or off. */
export function Toggle({ label, value, onInput, disabled }) {
  return html`
    <label class="toggle">
      <input type="checkbox" role="switch" checked=${value} disabled=${disabled} onChange=${(event) => onInput(event.target.checked)} />
      <span>${label}</span>
    </label>`;
}

/** Something that is done: `kind` "primary" once on a page, "quiet" for the small ones. */
export function Button({ kind, label, onClick, disabled, children, title, type = "button", pressed }) {
  return html`<button type=${type} class=${names("button", kind)} aria-label=${label} aria-pressed=${pressed} title=${title}
    disabled=${disabled} onClick=${onClick}>${children}</button>`;
}

/** A line of text, or several (`rows`). `onInput` while it is typed, after `wait` ms of rest. */
export function TextInput({ label, value, onInput, rows, maxLength, placeholder, wait = 0, mono, onEnter }) {
  const [text, setText] = useState(value);
  const timer = useRef(0);
  useEffect(() => setText(value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const typed = (event) => {
    const now = event.target.value;
    setText(now);
    clearTimeout(timer.current);
    if (wait) timer.current = setTimeout(() => onInput(now), wait);
    else onInput(now);
  };
  const keys = (event) => onEnter && event.key === "Enter" && !event.shiftKey && (event.preventDefault(), onEnter());
  const shared = { value: text, onInput: typed, onKeyDown: keys, maxLength, placeholder, class: names(mono && "mono"), spellcheck: false };
  return html`
    <label class="text-input"><span>${label}</span>
      ${rows ? html`<textarea rows=${rows} ...${shared}></textarea>` : html`<input type="text" ...${shared} />`}
    </label>`;
}

/** Something went wrong: what, and what mends it. */
export const Trouble = ({ children }) => children && html`<p class="trouble" role="alert">${children}</p>`;

/** What is shown while something is read for the first time. */
export const Waiting = ({ what = "Reading" }) => html`<p class="waiting" role="status">${what}…</p>`;
