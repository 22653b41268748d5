// The guidelines beside the labelling desk: read, and changed as a new version.
import { Button } from "../../kit/controls.js";
import { html, useState } from "../../kit/html.js";

/** `guidelines`: {version, text}; `onSave(text)` -> whether it was saved. */
export function Guidelines({ guidelines, onSave }) {
  const [text, setText] = useState(null);
  const save = async () => (await onSave(text)) && setText(null);
  return html`
    <aside class="guidelines" aria-label="Guidelines">
      <header><h2>Guidelines</h2><span class="muted small">version ${Math.max(1, guidelines.version)}</span></header>
      ${text === null
        ? html`${guidelines.text.split(/\n\s*\n/).map((part, index) => html`<p key=${index}>${part}</p>`)}
            <div><${Button} kind="quiet" onClick=${() => setText(guidelines.text)}>Change them<//></div>`
        : html`
          <label class="text-input"><span>A new version; answers keep the one that they were written under</span>
            <textarea rows="14" value=${text} onInput=${(event) => setText(event.target.value)}></textarea></label>
          <div class="row"><${Button} kind="primary" onClick=${save} disabled=${!text.trim()}>Save as new version<//>
            <${Button} kind="quiet" onClick=${() => setText(null)}>Leave them<//></div>`}
    </aside>`;
}
