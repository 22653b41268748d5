// Chapter A: numbers as programs.
import { compute } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { html } from "../kit/html.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { SearchFigure } from "./figures/search.js";

export default function Programs() {
  return html`<${Chapter} number="A" sections=${[
    ["three", "Three programs for one table", Three],
    ["search", "The rule found by search", Search],
    ["models", "What models have to do with it", Models],
  ]} />`;
}

function Three() {
  return html`
    <p>Write down some numbers: 1, 4, 9, 16. A program that gives them back can be a list: asked for the third, it looks and says 9. It is always right about what stands in
      it, it costs a line for each number, and asked for the fifth it has nothing to say.</p>
    <p>The second program is the rule behind the list: <code>x * x</code>. It is shorter than the list and it has an answer for every x. Somebody had to see it, though. The third
      program is the same rule, found by a machine that saw nothing: it tried expressions, the shortest first, until one gave all the rows.</p>
    <p>Which of the three is understanding? They agree wherever they were compared. The difference shows only at rows that were not given.</p>
    <${SearchFigure} />`;
}

function Search() {
  return html`
    <p>The search is short enough to be read. Expressions are made from smaller ones; two that have the same value for every x count as one, or there would be far
      too many. It takes no account
      of meaning: it prefers what is short, and that is all the taste it has.</p>
    <${Source} name="orrery.server.studio.sims.program_search.program_search" />
    <p>Give it two rows of the squares and several rules fit that have nothing to do with squares. Each further row takes some of them away. What remains with a few
      rows is still a guess, since
      there are always more rules that agree so far, among them <code>x * (x % 10)</code>, which is right up to nine. That the shortest is the right one is no law.
      It is a bet that the world is simpler
      than the list of what one has seen of it, and it is known as Occam's razor.</p>
    <p>The digits of π are the other end. They have a rule, but none that can be said in so few signs, and for the first two or three of them the search finds
      something that fits by accident and says nonsense next. For all that it
      can tell, such a table is its own shortest program.</p>
    <${Quiz} chapter="A" id="two" question="The search is given two rows only: 1 gives 3, 2 gives 5. What does the shortest rule that it finds say for 20?" truth=${two}
      options=${[
        { text: "41: it finds 2x + 1", why: "Here the bet on the short rule comes out as we would have it, though other rules fit the two rows as well." },
        { text: "Something else", why: "Two rows leave many rules, and the shortest in these signs need not be the one that we had in mind." },
      ]} />`;
}

/** Ask the engine: what the shortest rule through (1, 3) and (2, 5) says for 20. */
async function two() {
  const { answer } = await compute("program-search", { x: [1, 2], y: [3, 5], next: [3, 4, 20] });
  const [rule] = answer.rules;
  return { right: rule.next[2] === 41 ? 0 : 1, says: `It found ${rule.text}, which says ${rule.next[2]}.` };
}

function Models() {
  return html`
    <p>A neural network is the same affair with other means. Its programs are settings of its weights, its search is the slope of <a href=${href("course/3")}>chapter
      3</a>, and what it prefers is
      not the shortest text but what the slope reaches first. It can end as a list: with enough weights it gives back every row that it was shown and nothing
      sensible besides. Or it
      can end as a rule. Both have the same loss on the rows that were given, and so the loss that counts is the one on rows that were held back.</p>
    <p>Our own models are somewhere between. They spell words whose letters they were never shown 81 to 82% as often rightly as words that were spelled to them, and words
      that nobody ever wrote 47 to 60% as
      often (<a href=${href("ledger/memorised_or_new")}>memorised_or_new</a>): neither a list nor a rule that is sure of itself.</p>
    <${Quiz} chapter="A" id="list" question="A model has a loss of nearly zero on its training rows. Has it found the rule?"
      options=${[
        { text: "Yes, nothing is left to learn", why: "A list has a loss of zero, too." },
        { text: "One cannot tell from that", right: true, why: "List and rule agree on the given rows. Hold some back, and they part." },
        { text: "No, it has overfitted", why: "It may have, and it may as well have found the rule. The given rows do not say which." },
      ]} />`;
}
