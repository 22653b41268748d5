// A picture with its words, its numbers as a table for who would rather read them, and where they come from.
import { Badge } from "./badge.js";
import { html, useId, useState } from "./html.js";

/**
 * `table`: {columns: ["token", "probability"], rows: [[…], …]}, the same numbers as in the picture.
 * `result` or `source`: for the badge. `controls`: what sets the picture, above it.
 */
export function Figure({ title, caption, table, result, note, controls, children }) {
  const [asTable, setAsTable] = useState(false);
  const id = useId();
  return html`
    <figure class="figure" aria-labelledby=${id}>
      <header>
        <h3 id=${id}>${title}</h3>
        ${table && html`<button type="button" class="button quiet" aria-pressed=${asTable} onClick=${() => setAsTable(!asTable)}>
          ${asTable ? "Show as picture" : "Show as table"}</button>`}
      </header>
      ${controls && html`<div class="figure-controls">${controls}</div>`}
      <div class="figure-body">${asTable ? html`<${Table} ...${table} />` : children}</div>
      ${caption && html`<figcaption>${caption}</figcaption>`}
      ${(result || note) && html`<${Badge} result=${result ?? {}} text=${note} />`}
    </figure>`;
}

/** Rows of values; numbers stand right-aligned, counts in full, others to six digits. At most `most` are shown. */
export function Table({ columns, rows, most = 200 }) {
  const numeric = columns.map((_, c) => rows.length > 0 && rows.every((row) => typeof row[c] === "number"));
  return html`
    <div class="table-scroll" tabindex="0" role="region" aria-label="Numbers as a table">
      <table>
        <thead><tr>${columns.map((name, c) => html`<th key=${c} scope="col" class=${numeric[c] ? "number" : ""}>${name}</th>`)}</tr></thead>
        <tbody>${rows.slice(0, most).map((row, r) => html`<tr key=${r}>${row.map((value, c) => html`
          <td key=${c} class=${numeric[c] ? "number" : ""}>${numeric[c] && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value}</td>`)}</tr>`)}</tbody>
      </table>
      ${rows.length > most && html`<p class="muted small">${rows.length - most} more rows</p>`}
    </div>`;
}
