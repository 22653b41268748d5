// Chapter 18: tools and ReAct.
import { compute } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { html } from "../kit/html.js";
import { models, refreshModels } from "../kit/models.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { Simulation } from "../kit/simulation.js";
import { MeasuredBars } from "./figures/bars.js";

const HOPS = [["one search, pages in the prompt", "one, in the prompt"], ["one, ReAct", "one, ReAct", true],
  ["two, pages in the prompt", "two, in the prompt"], ["two, ReAct", "two, ReAct", true], ["three, pages in the prompt", "three, in the prompt"], ["three, ReAct", "three, ReAct", true]];

export default function Tools() {
  return html`<${Chapter} number=${18} sections=${[
    ["head", "What no head can do", Head],
    ["call", "A call is text", Call],
    ["trust", "Who may run what", Trust],
    ["loop", "Thought, action, observation", Loop],
    ["errors", "When things go wrong", Errors],
  ]} />`;
}

function Head() {
  return html`
    <p>An often copied example of a model's arithmetic says that 323 × 458 is 147,714. It is 147,934. The example means to show what tools are for, and shows
      it twice: whoever wrote it did the sum in the head. A product of three digits by three takes more than a dozen small steps with carries between them. In
      one pass a small model cannot do it, and in steps it slips.</p>
    <${MeasuredBars} of="tool_gain" title="Products of three-digit numbers" items=${[["at once", "at once"], ["in steps", "in steps"], ["with the calculator", "with the calculator", true]]}
      caption="Share right of assistants of full speedruns, on numbers and phrasings that no training had. Thinking does not help here; asking does." />
    <p>The model does not have to know the result. It has to know that it does not know it, whom to ask, how, and what to do with the reply. All of these are
      things that conversations can show.</p>`;
}

function Call() {
  return html`
    <p>Nothing in a transformer can call anything. It writes tokens. When it writes <code>${"<tool_call>"}</code>, some JSON and the closing mark, and ends its
      message, the loop around it reads the JSON, runs the function of that name, and appends the result as a message of another role. Then the model goes on,
      with the result in its context as if it had always stood there.</p>
    <${Simulation} name="tools" />
    <p>The dashed tokens are read and never trained on. That mask matters. If results were trained on, the model would learn to write them, and a model that
      writes its own results no longer needs to ask. The marks are single tokens that no user's text can contain, so nobody can forge a result by typing
      one.</p>
    <${Quiz} chapter=${18} id="edited"
      question="The assistant calls the calculator for 12 times 7. You edit the call to 6 * 15, so that 90 comes back. What does a well-tuned assistant say?"
      options=${[
        {
          text: "84, since it knows better",
          why: "If it knew, it would not have had to ask. Trained on results that were always right, it has no reason to doubt one.",
        },
        {
          text: "90, since that is what it read",
          right: true,
          why: "An assistant that has learnt to use tools repeats the result. Try it above; a model made in a minute may lose the thread.",
        },
        { text: "It asks again", why: "Nothing in its training has shown it a wrong result, so it has not learnt to check one." },
      ]} />
    <${Quiz} chapter=${18} id="share"
      question="“What is 12 times 7?”, the call, the result 84, and “12 times 7 is 84.” Of all the tokens of this conversation, headers included, how many does an assistant of yours train on?"
      truth=${share}
      options=${[
        {
          text: "More than half",
          why: "Two marks, a name, JSON around the expression: all that the model must learn to write. "
            + "How many tokens that is depends on what its tokenizer has seen.",
        },
        {
          text: "Less than half",
          why: "Headers, question and result are only read. How much of the rest the call is depends on what the tokenizer has seen.",
        },
        { text: "All of them", why: "Then it would learn to write questions and results, too." },
      ]} />`;
}

/** Ask the engine: the share of trained tokens. */
async function share() {
  if (models.value === null) await refreshModels();
  const assistant = models.value.find((model) => model.kind === "assistant");
  if (!assistant) throw new Error("There is no assistant here yet: a run tunes one.");
  const call = { type: "function", function: { name: "calculator", arguments: { expression: "12*7" } } };
  const messages = [{ role: "user", content: "What is 12 times 7?" }, { role: "assistant", content: "", tool_calls: [call] },
    { role: "tool", content: "84" }, { role: "assistant", content: "12 times 7 is 84." }];
  const { answer } = await compute("conversation", { model: assistant.name, messages });
  const all = answer.ids.length;
  return { right: answer.trained === all ? 2 : 2 * answer.trained > all ? 0 : 1, says: `With the tokenizer of ${assistant.name}: ${answer.trained} of ${all}.` };
}

function Trust() {
  return html`
    <p>What a model writes is text from a stranger. The calculator reads arithmetic and nothing else; the Python tool runs in a process without network and
      files, with limits on time and memory, and is off where the machine cannot give that. Arguments are checked against the tool's schema before anything
      runs. And a person can stand in between: the breakpoint above is what <code>orrery agent --ask</code> does in a terminal.</p>
    <${Source} name="orrery.agents.loop.observe" />
    <p>An edited call is made as edited, and the model is told so, lest it take the result for an answer to what it had asked. A refused one becomes an error
      with the person's reason in it. The model can react to both, because both are only more text.</p>`;
}

function Loop() {
  return html`
    <p>One call is a reflex. Questions like "How high does the town lie in which Ada Corvin was born?" take several, and what to ask second depends on what
      came first. ReAct, by Yao and others, is the loop that results: a thought, an action, an observation, and again, until there is an answer. The loop
      itself is some forty lines.</p>
    <${Source} name="orrery.agents.loop._until_answered" />
    <p>Compare it with the other way to use documents: search once with the question, put the pages in front of the model, and let it answer.</p>
    <${MeasuredBars} of="react_hops" title="Questions that take one, two and three searches" items=${HOPS}
      caption="Share right, on made-up people and places that no model has read about. One search with the question's own words finds the first page and never
        the last." />
    <p>For one step both do. For two and three, the page with the answer was found in none of the cases by the question alone: the town's name is not in it.
      No amount of thinking replaces the search, since there is nothing in the weights to think with: the closed book is at 0% throughout.
      See <a href=${href("ledger/react_hops")}>the ledger's entry</a>.</p>`;
}

function Errors() {
  return html`
    <p>Most of an agent's code is for what goes wrong. A call that is no JSON, a tool that is not there, a division by zero: each becomes an observation that
      begins with "error:", and the model may try again. A model that repeats itself is stopped at the third time of the same call; one that uses up its steps
      is asked once more, without tools, and its answer is marked as forced. Nothing is passed over in silence.</p>
    <p>Reinforcement learning can teach the loop, too. Rewarded for the right end and charged 0.05 for each call, our agents learnt four
      searches in a row, one more than any conversation of their tuning had: from 56, 48 and 51% to 92, 83 and 70%, after 196, 112 and 12 steps.</p>
    <${Quiz} chapter=${18} id="mask" question="In reinforcement learning with tools, which tokens does the policy's loss look at?"
      options=${[
        { text: "All behind the question, results included", why: "The policy did not choose the results. To make them likelier would teach it to write them." },
        {
          text: "Those that the model wrote: thoughts, calls and the answer",
          right: true,
          why: "A result is part of the world, like the question. Only what was chosen can have been a good or a bad choice.",
        },
        { text: "The answer alone: only that is rewarded", why: "The calls led to it. Tokens that share in the outcome share in the credit." },
      ]} />`;
}
