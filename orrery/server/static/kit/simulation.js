// A simulation, loaded when it is shown, on a page of its own or within a chapter.
import { Trouble, Waiting } from "./controls.js";
import { html, useEffect, useState } from "./html.js";
import { simulations } from "../sims/simulations.js";

/** `<${Simulation} name="softmax" />`; further properties are handed to the simulation. */
export function Simulation({ name, ...rest }) {
  const [state, setState] = useState({});
  useEffect(() => {
    let here = true;
    const found = simulations.find((one) => one.name === name);
    if (!found) setState({ error: `There is no simulation ${name}.` });
    else found.load().then(
      (module) => here && setState({ View: module.default }),
      () => here && setState({ error: "The simulation could not be loaded: is the studio still running?" }),
    );
    return () => {
      here = false;
    };
  }, [name]);
  if (state.error) return html`<${Trouble}>${state.error}<//>`;
  return state.View ? html`<${state.View} ...${rest} />` : html`<div class="simulation-wait"><${Waiting} what="Loading" /></div>`;
}
