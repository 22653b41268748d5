// Figure: groups of completions, right or wrong as the reader says, and the advantages that each estimator gives them.
import { useCompute } from "../../kit/api.js";
import { Segmented, Trouble } from "../../kit/controls.js";
import { Figure } from "../../kit/figure.js";
import { number } from "../../kit/format.js";
import { html, names } from "../../kit/html.js";
import { useUrlState } from "../../kit/route.js";
import { useStyle } from "../../kit/style.js";
import { advantages, dropped } from "./advantages.model.js";

const DEFAULTS = { easy: [1, 1, 1, 1, 1, 1, 1, 0], even: [1, 0, 1, 0, 0, 1, 0, 1], hard: [0, 0, 0, 0, 0, 0, 0, 0], by: "group" };
const GROUPS = [["easy", "An easy sum"], ["even", "One that it solves half the time"], ["hard", "A hard one"]];
const ESTIMATORS = { group: "GRPO", batch: "REINFORCE++", none: "Dr. GRPO" };

export function AdvantagesFigure() {
  const [state, setState] = useUrlState("groups", DEFAULTS);
  const ready = useStyle("course/figures/advantages.css");
  const by = ESTIMATORS[state.by] ? state.by : DEFAULTS.by;
  const group = (name) => (state[name].length === DEFAULTS[name].length ? state[name] : DEFAULTS[name]); // the address may hold anything
  const rewards = GROUPS.map(([name]) => group(name));
  const { result, error } = useCompute("advantages", { rewards });
  if (!ready) return null;
  const found = Object.fromEntries(Object.keys(ESTIMATORS).map((one) => [one, advantages(rewards, one)]));
  const largest = Math.max(1e-6, ...Object.values(found).flat(2).map(Math.abs));
  const toggle = (name, index) => setState({ [name]: group(name).map((old, i) => (i === index ? 1 - old : old)) });
  return html`
    <${Figure} title="Eight completions of each prompt, judged against each other" result=${result}
      table=${{ columns: ["prompt", "completion", "reward", ...Object.values(ESTIMATORS)],
        rows: GROUPS.flatMap(([name, title], g) => group(name).map((reward, i) => [title, i + 1, reward, ...Object.keys(ESTIMATORS).map((one) => found[one][g][i])])) }}
      caption="Press a completion to make it right or wrong. A group that is all right or all wrong has no spread and nothing to teach; divided by its own
        spread, a single success among failures counts most."
      controls=${html`<${Segmented} label="Estimator" value=${by} options=${Object.entries(ESTIMATORS)} onInput=${(one) => setState({ by: one })} />`}>
      ${GROUPS.map(([name, title], g) => html`
        <div class="group" role="group" aria-label=${title} key=${name}>
          <p class="small"><strong>${title}</strong> <span class="muted">${dropped(group(name)) ? "all equal: dropped" : `${group(name).filter(Boolean).length} of 8 right`}</span></p>
          <div class=${names("group-row", dropped(group(name)) && "dropped")}>
            ${group(name).map((reward, i) => {
              const value = found[by][g][i];
              const height = `${(50 * Math.abs(value)) / largest}%`;
              return html`
                <button type="button" key=${i} class=${names("completion", reward ? "right" : "wrong")} aria-pressed=${Boolean(reward)}
                  aria-label=${`completion ${i + 1}, ${reward ? "right" : "wrong"}, advantage ${number(value)}`} onClick=${() => toggle(name, i)}>
                  <span class="verdict" aria-hidden="true">${reward ? "✓" : "✗"}</span>
                  <span class="column" aria-hidden="true"><span class=${value < 0 ? "down" : "up"} style=${{ height }}></span></span>
                  <span class="number" aria-hidden="true" data-name=${`advantage-${name}`} data-value=${value}>${number(value)}</span>
                </button>`;
            })}
          </div>
        </div>`)}
      ${error && html`<${Trouble}>${error}<//>`}
    <//>`;
}
