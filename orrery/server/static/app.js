// The shell: navigation, the page that the address names, the theme.
import { SourceDrawer } from "./kit/code.js";
import { Trouble } from "./kit/controls.js";
import { connected } from "./kit/events.js";
import { html, names, render, signal, useEffect, useRef, useState } from "./kit/html.js";
import { href, route } from "./kit/route.js";
import { keep, progress, recall } from "./kit/store.js";
import { chapters, menu, pages } from "./pages.js";

const THEMES = ["system", "light", "dark"];
const theme = signal(recall("theme-choice", "system"));
const system = matchMedia("(prefers-color-scheme: dark)");

function applyTheme() {
  const dark = theme.value === "dark" || (theme.value === "system" && system.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  try {
    localStorage.setItem("orrery.theme", dark ? "dark" : "light"); // read by theme.js before the first paint
  } catch {
    // it is chosen anew next time
  }
}

system.addEventListener("change", applyTheme);
theme.subscribe((chosen) => {
  keep("theme-choice", chosen);
  applyTheme();
});

function Nav() {
  const [open, setOpen] = useState(false);
  const here = route.value.parts.join("/");
  useEffect(() => setOpen(false), [here]);
  // Of the pages that the address lies in, the innermost: "sims/lanes" has a place of its own beside "sims".
  const inside = menu.flatMap((group) => group.items.map(([path]) => path)).filter((path) => here === path || here.startsWith(`${path}/`));
  const current = inside.sort((a, b) => b.length - a.length)[0];
  return html`
    <nav class=${names("nav", open && "open")} aria-label="Pages">
      <div class="nav-top">
        <a class="brand" href="#/"><img src="/static/icon.svg" alt="" />Orrery</a>
        <button type="button" class="button nav-toggle" aria-expanded=${open} onClick=${() => setOpen(!open)}>Menu</button>
      </div>
      ${menu.map((group) => html`
        <div class="nav-group" key=${group.title}><h2>${group.title}</h2>
          <ul>${group.items.map(([path, title]) => html`
            <li key=${path}><a href=${href(path)} aria-current=${path === current ? "page" : undefined}>${title}</a>
              ${path === "course" && route.value.parts[0] === "course" && html`<${Chapters} />`}</li>`)}</ul>
        </div>`)}
      <div class="nav-foot">
        <label class="select"><span>Theme</span>
          <select value=${theme.value} onChange=${(event) => { theme.value = event.target.value; }}>
            ${THEMES.map((one) => html`<option key=${one} value=${one}>${one[0].toUpperCase() + one.slice(1)}</option>`)}
          </select></label>
      </div>
    </nav>`;
}

function Chapters() {
  const here = route.value.parts[1];
  return html`
    <ul class="nav-chapters">${chapters.map((one) => html`
      <li key=${one.number}><a href=${href(`course/${one.number}`)} aria-current=${String(one.number) === here ? "page" : undefined}>
        <span class="ordinal">${one.number}</span><span>${one.title}</span>
        ${progress.value[one.number]?.read && html`<span class="done" aria-label="read">✓</span>`}</a></li>`)}</ul>`;
}

function Page() {
  const { parts, params } = route.value;
  const name = parts[0] ?? "";
  const [state, setState] = useState({});
  const main = useRef(null);
  useEffect(() => {
    const page = Object.hasOwn(pages, name) ? pages[name] : null;
    document.title = page && page.title !== "Orrery" ? `${page.title} – Orrery` : "Orrery";
    if (!page) return setState({ name, error: `There is no page “${name}”: choose one from the menu.` });
    let here = true; // a page that comes late does not take the place of the next one
    page.load().then(
      (module) => here && setState({ name, View: module.default }),
      () => here && setState({ name, error: "The page could not be loaded: is the studio still running?" }),
    );
    return () => {
      here = false;
    };
  }, [name]);
  useEffect(() => {
    if (parts.length < 3) window.scrollTo(0, 0);
  }, [parts.join("/")]);
  const shown = state.name === name;
  return html`
    <main class="page" id="main" ref=${main} tabindex="-1">
      ${!connected.value && html`<p class="offline small" role="status">The studio does not answer. A training goes on without it; this page goes on when it is back.</p>`}
      ${shown && state.error && html`<div class="narrow"><${Trouble}>${state.error}<//></div>`}
      ${shown && state.View && html`<${state.View} parts=${parts.slice(1)} params=${params} />`}
    </main>`;
}

function Shell() {
  const skip = (event) => {
    event.preventDefault(); // the address holds the route: a link to #main would leave the page
    document.getElementById("main").focus();
  };
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the page</a>
    <div class="shell"><${Nav} /><${Page} /></div>
    <${SourceDrawer} />`;
}

render(html`<${Shell} />`, document.getElementById("app"));
