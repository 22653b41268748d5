// Chapter B: Software 1.0, 2.0 and 3.0 on one task.
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { html } from "../kit/html.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { SoftwaresFigure } from "./figures/softwares.js";

export default function Software() {
  return html`<${Chapter} number="B" sections=${[
    ["task", "One task, three ways", Task],
    ["difference", "What differs", Difference],
    ["choice", "Which to take", Choice],
  ]} />`;
}

function Task() {
  return html`
    <p>Karpathy has named three kinds of software. In the first, people write the program. In the second, people collect examples and a search finds the program as
      weights; what is written by hand is the
      architecture and the data. In the third, a model that has read a great deal is already there, and the program is a text that it goes on with.</p>
    <p>They are best compared on one task. Here it is to say what a question about a person asks for: a birthplace, a job, an employer, an instrument, a food or a
      nickname. Change the
      rules, give the weights more examples, take another model.</p>
    <${SoftwaresFigure} />`;
}

function Difference() {
  return html`
    <p>The rules above took a minute to write and get 29 of the 30 right, for whoever wrote them knew English. Each error can be pointed at: no rule has the
      word <em>employs</em>. Each can be mended, too, by one who looks, and
      each line that is added may break another.</p>
    <p>The weights know no English. With six labelled questions, one of each kind, they get 13 right, with 24 of them 24, and with all 59 every one. Nobody told them
      which words matter, and the list of those that they found
      is a fair set of rules. But with few examples there are names of people among them, who happened to be the ones that were asked about.</p>
    <${Source} name="orrery.server.studio.sims.three_softwares.Learner" />
    <p>The prompt has no examples and no training for this task. It works as far as the model has learnt what questions and answers are. One base model of the sample run, which
      trained for a quarter of a minute, got 7 of 30, hardly more than
      chance; a model that has read its pages of questions well can be tried by choosing it. That is the third kind's nature: nothing is written for the task, and
      everything depends on what was
      read before. Models of a million numbers learn next to nothing from examples in a prompt (<a
      href=${href("ledger/in_context_learning")}>in_context_learning</a>); large ones do.</p>
    <${Quiz} chapter="B" id="fault" question="Each of the three gets the same question wrong. In which can you find out why by reading the program?"
      options=${[
        { text: "In the rules", right: true, why: "They are the program, and they are read as they run: no line has a word of the question, or the wrong line comes first." },
        { text: "In the weights", why: "One can print the weights of the words, and with this few it even helps. In a network there is nothing like it to be read." },
        { text: "In the prompt", why: "The prompt can be read, but it is the smaller part of the program. The larger is in the model's weights." },
      ]} />`;
}

function Choice() {
  return html`
    <p>The kinds are often told as a succession, the later replacing the earlier. On a task as small as this the first is the cheapest, the surest and the fastest.
      The second pays where people can label and cannot say how they
      know: is this a cat, does this sound kind. The third pays where there are no examples yet, or a new task every hour. Most systems have all three: Orrery's calculator is
      a program of the first kind, called by a model of the second, which is told in words, the third, when to call it.</p>
    <${Quiz} chapter="B" id="examples" question="A new kind of question is to be told apart, “what does this person fear?”, and there is no labelled example of it. What is quickest to change?"
      options=${[
        { text: "The rules or the prompt", right: true, why: "One line in either. Whether the prompt then works depends on whether the model has met such questions." },
        { text: "The weights", why: "They need examples of the new kind, and examples have to be found and labelled first." },
        { text: "All three alike", why: "Two of them are changed by writing a line, the third by collecting data." },
      ]} />`;
}
