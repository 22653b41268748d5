// The pictures of simulation 9: a small map for each head, and the line of tokens with its arcs.
import { percent, visible } from "../kit/format.js";
import { html, names, useEffect, useLayoutEffect, useRef } from "../kit/html.js";
import { arc, headOf, placed } from "./attention.model.js";

const HEIGHT = 130; // of the arcs, in pixels
const THICKEST = 12;

/**
 * A map a head, a row a layer. `off`: pairs that are switched off; `at`: the row that is marked.
 * Arrow keys move; `onPoint(layer, head)`, or (null) when the pointer leaves.
 */
export function HeadGrid({ weights, chosen, off, at, onChoose, onPoint }) {
  const [L, H] = weights.shape;
  const grid = useRef(null);
  const move = (event, layer, head) => {
    const [dl, dh] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [0, 0];
    const [l, h] = [layer + dl, head + dh];
    if ((!dl && !dh) || l < 0 || h < 0 || l >= L || h >= H) return;
    event.preventDefault();
    onChoose(l, h);
    grid.current.querySelectorAll("button")[l * H + h].focus();
  };
  const size = H > 6 ? 44 : H > 3 ? 60 : 84;
  return html`
    <div class="head-grid" ref=${grid} role="group" aria-label="Heads, a row a layer" style=${{ gridTemplateColumns: `auto repeat(${H}, ${size}px)` }} onMouseLeave=${() => onPoint(null)}>
      <span></span>${range(H).map((head) => html`<span key=${head} class="small muted head-name">head ${head}</span>`)}
      ${range(L).map((layer) => html`
        <span key=${`l${layer}`} class="small muted layer-name">layer ${layer}</span>
        ${range(H).map((head) => {
          const isOff = off.some(([l, h]) => l === layer && h === head);
          const here = chosen[0] === layer && chosen[1] === head;
          return html`
            <button key=${`${layer}.${head}`} type="button" class=${names("head-map", here && "chosen", isOff && "off")} aria-pressed=${here} tabindex=${here ? 0 : -1}
              aria-label=${`layer ${layer}, head ${head}${isOff ? ", switched off" : ""}`} onClick=${() => onChoose(layer, head)} onMouseEnter=${() => onPoint(layer, head)}
              onKeyDown=${(event) => move(event, layer, head)}><${Map} values=${headOf(weights, layer, head)} at=${at} /></button>`;
        })}`)}
    </div>`;
}

const range = (size) => Array.from({ length: size }, (_, index) => index);

/** One head's weights, a pixel each. The square root of the weight is shown, so that small ones can be seen. */
function Map({ values, at }) {
  const canvas = useRef(null);
  const T = values.shape[0];
  useEffect(() => {
    const paint = () => {
      const context = canvas.current.getContext("2d");
      context.clearRect(0, 0, T, T);
      context.fillStyle = getComputedStyle(canvas.current).getPropertyValue("--positive");
      context.fillRect(0, 0, 1, 1);
      const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
      const picture = context.createImageData(T, T);
      for (let i = 0; i < T * T; i += 1) picture.data.set([red, green, blue, 255 * Math.sqrt(values.data[i])], 4 * i);
      context.putImageData(picture, 0, 0);
    };
    paint();
    const theme = new MutationObserver(paint);
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => theme.disconnect();
  }, [values.data, T]);
  return html`<canvas ref=${canvas} width=${T} height=${T}></canvas><span class="head-row" style=${{ top: `${(100 * at) / T}%`, height: `${100 / T}%` }}></span>`;
}

/**
 * The tokens in a line, with arcs from one of them to those it looks at. `looks`: its weights. `at`: whose they are;
 * `chosen`: the one that stays when the pointer leaves.
 */
export function Arcs({ tokens, looks, at, chosen, onChoose, onPoint }) {
  const box = useRef(null);
  const places = placed(tokens.map(visible));
  const width = places.at(-1).left + places.at(-1).width;
  useLayoutEffect(() => {
    box.current.scrollLeft = places[chosen].left + places[chosen].width - 0.9 * box.current.clientWidth;
  }, [chosen, tokens.join("|")]);
  const keys = (event, index) => {
    const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tokens.length - 1 }[event.key];
    if (to === undefined || to < 0 || to >= tokens.length) return;
    event.preventDefault();
    onChoose(to);
    event.currentTarget.parentElement.children[to].focus();
  };
  const past = looks.slice(0, at);
  return html`
    <div class="arcs" ref=${box}>
      <svg width=${width} height=${HEIGHT} aria-hidden="true">
        ${past.map((weight, s) => weight > 0.005 && html`
          <path key=${s} d=${arc(places[at].middle, places[s].middle, HEIGHT, HEIGHT - 8)} stroke-width=${Math.max(0.75, THICKEST * weight)} />`)}
      </svg>
      <div class="arc-tokens" role="listbox" aria-label="Tokens: choose the one that looks" aria-orientation="horizontal" style=${{ width: `${width}px` }} onMouseLeave=${() => onPoint(null)}>
        ${tokens.map((token, s) => html`
          <span key=${s} role="option" aria-selected=${s === chosen} tabindex=${s === chosen ? 0 : -1} class=${names("arc-token", s === at && "looking", s > at && "ahead")}
            style=${{ width: `${places[s].width}px`, "--weight": s <= at ? looks[s] : 0 }} onClick=${() => onChoose(s)} onMouseEnter=${() => onPoint(s)}
            onKeyDown=${(event) => keys(event, s)} data-value=${looks[s]}>
            <span>${visible(token)}</span><small class="number">${s <= at && looks[s] >= 0.005 ? percent(looks[s], 0) : ""}</small>
          </span>`)}
      </div>
    </div>`;
}
