// Text as its tokens: a chip each, with what cannot be seen made visible, and the id below where wanted.
import { html, names } from "./html.js";
import { visible } from "./format.js";

/**
 * `tokens`: [{id, text, special, kind, title, shade, below}], kind a class of the page's own, shade 0 to 1 for the
 * background, below what stands under the chip in place of its id.
 * `chosen`, `onChoose(index)`: one is picked out, by mouse, focus or arrow keys. `ids`: show them.
 */
export function Tokens({ label, tokens, chosen, onChoose, onHover, ids = false }) {
  const move = (event, index) => {
    const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tokens.length - 1 }[event.key];
    if (to === undefined || to < 0 || to >= tokens.length) return;
    event.preventDefault();
    onChoose(to);
    event.currentTarget.parentElement.children[to]?.focus();
  };
  return html`
    <div class=${names("tokens", ids && "with-ids")} role=${onChoose ? "listbox" : "list"} aria-label=${label} aria-orientation=${onChoose ? "horizontal" : undefined}>
      ${tokens.map((token, index) => html`
        <span key=${index} role=${onChoose ? "option" : "listitem"} aria-selected=${onChoose ? index === chosen : undefined}
          tabindex=${onChoose ? (index === (chosen ?? 0) ? 0 : -1) : undefined}
          class=${names("token", `tint-${index % 4}`, token.special && "special", token.kind, index === chosen && "chosen")}
          title=${token.title} data-id=${token.id} style=${token.shade === undefined ? undefined : { "--shade": token.shade }}
          onClick=${onChoose && (() => onChoose(index))} onKeyDown=${onChoose && ((event) => move(event, index))}
          onMouseEnter=${onHover && (() => onHover(index))} onMouseLeave=${onHover && (() => onHover(null))}>
          <span class="token-text">${token.text === "" ? "∅" : visible(token.text)}</span>
          ${ids && html`<small class="number">${token.below ?? token.id}</small>`}
        </span>`)}
    </div>`;
}
