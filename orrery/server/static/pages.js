// Every page: its route, its title, and how it is loaded. What is not in here is not in the studio.
import { chapters } from "./course/chapters.js";
import { simulations } from "./sims/simulations.js";

/** First part of the route -> the page. A page is a component that takes {parts, params} of the route. */
export const pages = {
  "": { title: "Orrery", load: () => import("./pages/home.js") },
  arena: { title: "Arena", load: () => import("./pages/arena.js") },
  chat: { title: "Chat", load: () => import("./pages/chat.js") },
  compare: { title: "Compare runs", load: () => import("./pages/compare.js") },
  course: { title: "Course", load: () => import("./pages/course.js") },
  label: { title: "Labelling desk", load: () => import("./pages/label.js") },
  ledger: { title: "Ledger", load: () => import("./pages/ledger.js") },
  rank: { title: "Rank answers", load: () => import("./pages/rank.js") },
  runs: { title: "Runs", load: () => import("./pages/runs.js") },
  sims: { title: "Simulations", load: () => import("./pages/simulations.js") },
  start: { title: "Start a training", load: () => import("./pages/start.js") },
};

/** The menu beside the pages: [route, title]. The chapters stand below the course while the reader is in it. */
export const menu = [
  { title: "Learn", items: [["course", "The course"], ["sims", "Simulations"]] },
  { title: "Train", items: [["runs", "Runs"], ["start", "Start a training"], ["compare", "Compare runs"]] },
  { title: "Talk", items: [["chat", "Chat"], ["sims/lanes", "Four lanes"], ["arena", "Arena"]] },
  { title: "Teach", items: [["rank", "Rank answers"], ["label", "Labelling desk"]] },
  { title: "Check", items: [["ledger", "Ledger"]] },
];

export { chapters, simulations };
