// One number of the pass, and the products that add up to it.
import { useCompute } from "../kit/api.js";
import { Badge } from "../kit/badge.js";
import { Bars } from "../kit/bars.js";
import { Trouble } from "../kit/controls.js";
import { significant, visible } from "../kit/format.js";
import { html } from "../kit/html.js";
import { adds } from "./forward.model.js";

/** `asked`: the request that `numbers` answer; `column`: the chosen one, below 0 for the first. */
export function Cell({ asked, numbers, column, tokens }) {
  const at = Math.max(0, numbers.columns.indexOf(column));
  const { row } = asked;
  const { result, error } = useCompute("forward-cell", { ...asked, column: numbers.columns[at] });
  if (error) return html`<${Trouble}>${error}<//>`;
  if (!result) return null;
  const { value, terms, others, count, left_is: left, right_is: right } = result.answer;
  const name = numbers.names ? `“${visible(numbers.names[at])}”` : `number ${numbers.columns[at]}`;
  const items = terms.map((term) => ({
    key: term.name, label: term.name, value: term.product, note: right ? `${significant(term.left)} × ${significant(term.right)}` : "",
  }));
  if (count > terms.length) items.push({ key: "others", label: `${count - terms.length}\u00a0others`, value: others });
  return html`
    <section class="forward-cell" aria-label="The sum behind the number">
      <h4>Token ${row} “${visible(tokens[row])}”, ${name}: <span class="number" data-name="cell" data-value=${value}>${significant(value, 5)}</span></h4>
      <p class="small muted">${said(left, right, count)}${count > terms.length ? `; the largest ${terms.length} are named` : ""}.
        ${count > 0 && html` They add up to <span class="number" data-name="sum" data-value=${adds(result.answer)}>${significant(adds(result.answer), 5)}</span>.`}</p>
      <${Bars} label="Products" items=${items} signed=${true} format=${(product) => significant(product)} />
      <${Badge} result=${result} />
    </section>`;
}

/** What is multiplied by what. */
function said(left, right, count) {
  if (count === 0) return `0: ${left}`;
  if (!right) return count === 1 ? left : `${count} numbers, ${left}`;
  return count === 1 ? `${left}, times ${right}` : `${count} products of ${left} and ${right}`;
}
