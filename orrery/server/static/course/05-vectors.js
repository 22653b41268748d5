// Chapter 5: from characters to vectors.
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { integer, percent } from "../kit/format.js";
import { html } from "../kit/html.js";
import { useModels } from "../kit/models.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { Simulation } from "../kit/simulation.js";

export default function Vectors() {
  return html`<${Chapter} number=${5} sections=${[
    ["numbers", "A number for each character", Numbers],
    ["rows", "A row for each number", Rows],
    ["places", "And a row for each place", Places],
    ["learnt", "Nobody writes the rows", Learnt],
    ["lengths", "What a row does not say", Lengths],
  ]} />`;
}

function Numbers() {
  return html`
    <p>A model multiplies and adds. Before it can read, text has to become numbers, and what it writes has to become text again. The
      simplest way is a list: write down every character that occurs, and let each stand for its place in the list. microGPT, which we
      build in the <a href=${href("course/7")}>chapter after next</a>, learns given names. Its list has the 26 letters, and one entry more,
      BOS, which says that a name begins or ends: 27 tokens.</p>
    <${Source} name="orrery.scratch.microgpt.Characters" />
    <p>A <em>token</em> is whatever has an entry in the list, and its number is its <em>id</em>. Below, the same text is cut by two lists:
      into characters, with the numbers that Unicode gives them, and into the longer pieces that a model of yours has learnt. Why pieces
      are better than characters is the subject of <a href=${href("course/11")}>chapter 11</a>; for now it only matters that either way a
      text is a row of ids.</p>
    <${Simulation} name="tokenizer" parts=${["text"]} />
    <${Quiz} chapter=${5} id="names" question="You shuffle the list, so that every character gets another number, and train the model anew with the new list. What changes?"
      options=${[
        { text: "Nothing that matters: it learns as well as before.", right: true, why:
          "Ids are names. Each picks out a row, and rows are learnt; which row belongs to which letter makes no difference, as long as reading and writing use " +
          "the same list." },
        { text: "It learns worse, because neighbours in the alphabet now have distant numbers.", why:
          "That would be so if ids were amounts. They are never added or compared; each only says which row is meant." },
        { text: "It learns better, because the order no longer misleads it.", why: "There was nothing that could mislead: no step of the computation knows that 4 is less than 5." },
      ]} />`;
}

function Rows() {
  const list = useModels("base", "assistant");
  const one = list?.[0];
  return html`
    <p>Ids are no amounts: that <code>e</code> is 4 and <code>z</code> is 25 does not make <code>z</code> six times as much of anything. To
      compute with the number itself would tell the model something false. So a token gets a whole row of numbers instead, as many as the
      model is wide, and is free to be like another token in one of them and unlike it in the next. The rows of all tokens make a table,
      the <em>embedding</em>: as many rows as there are tokens, as many columns as the model is wide.</p>
    <p>In books this is a multiplication: a vector with a 1 at the token's place and 0 elsewhere, times the table. Every product but one row's
      is with 0, so nobody multiplies. The row is looked up. In microGPT the table has 27 rows of 16 numbers, 432 of its 4,192
      parameters. ${one ? html` In <code>${one.name}</code>, the newest model here, it has ${integer(one.vocab_size)} rows
        of ${integer(one.width)}: ${integer(one.vocab_size * one.width)} numbers, ${percent((one.vocab_size * one.width) / one.parameters, 0)} of all it has.` : ""}</p>
    <${Quiz} chapter=${5} id="size" question="A model has a vocabulary of 1,024 tokens and is 128 wide. You double the vocabulary. How many numbers does the embedding gain?"
      options=${[
        { text: "1,024", why: "Each new token needs a row, and a row has as many numbers as the model is wide." },
        { text: "131,072", right: true, why: "1,024 new rows of 128 numbers. A model of one million parameters would grow by an eighth, without a single block more: vocabularies cost." },
        { text: "None: the rows are shared.", why: "A row belongs to one token. Some models do share the whole table with their output layer, which saves a second one." },
      ]} />`;
}

function Places() {
  return html`
    <p>The two <code>m</code> of <em>emma</em> have the same row. Yet it matters which came first, and attention, in
      the <a href=${href("course/6")}>next chapter</a>, looks at a set of rows and not at their order: without help, one layer of it could not
      tell <em>emma</em> from <em>mema</em> when it asks what follows. So a second table has a row for each place, and the row of the token and the row of the place are
      added, number by number. It is the first line of microGPT's forward pass; what <code>rms_norm</code> does
      to the sum is told in <a href=${href("course/7/stream")}>chapter 7</a>:</p>
    <${Source} name="orrery.scratch.microgpt.forward" />
    <p>Adding seems to mix what should stay apart. But 16 numbers leave room: a table can keep tokens in some directions and places in others,
      and training arranges that where it helps. Most larger models do it in another way. They add nothing and turn the queries and keys within
      attention by an angle that grows with the place, so that what counts is how far apart two tokens stand. This is called rotary embedding, and
      the models that you train here have it.</p>`;
}

function Learnt() {
  return html`
    <p>The table begins as noise: every number is drawn around 0 with a spread of 0.08. It has no special rule of learning either. Its entries
      are parameters like any other, with a gradient from the loss, and a step of training moves them against it. The gradient of
      a looked-up row is what arrives there by the chain rule, and a row that was not looked up gets none.</p>
    <p>Watch it happen. Every dot is a letter's row of 16 numbers, seen in the plane in which they differ most.</p>
    <${Simulation} name="embeddings" />
    <p>Letters that are used alike are pushed alike: what a good row for <code>e</code> must bring about, what may follow it, is much of what a good
      row for <code>a</code> must. That is all that “similar meaning, similar vector” says. It holds for letters, for words and, in the
      search of <a href=${href("course/19")}>chapter 19</a>, for whole paragraphs; and likeness is measured by the dot product
      of <a href=${href("course/1")}>chapter 1</a>.</p>
    <${Quiz} chapter=${5} id="unseen" question="A token is in the vocabulary, but no text of microGPT's training contains it. What is in its row of the token table after training?"
      options=${[
        { text: "Zeros.", why: "Nobody set it to zero. It was drawn at random like all the others." },
        { text: "The average of all rows.", why: "Nothing moves it there: without being looked up it has no gradient, and microGPT lets nothing decay." },
        { text: "The random numbers that it began with.", right: true, why:
          "No lookup, no gradient, no step. If such a token ever appears, the model reads noise. In large models such glitch tokens have caused strange " +
          "outbursts." },
      ]} />`;
}

function Lengths() {
  return html`
    <p>A row has a direction and a length, and it is tempting to read the length as weight: one often hears that important words have longer
      vectors. Orrery's <a href=${href("ledger/embedding_norms")}>ledger</a> has measured it on its ten-minute models, in three worlds. Words that
      carry the meaning are on average <em>shorter</em> than the little ones between them, such as <em>the</em> and <em>of</em> (11.6 to 11.9 against 12.1
      to 12.6), and length does not follow how often a token was read (rank correlations from −0.05 to 0.14). The claim is refuted, for
      these models: others, trained otherwise, may differ.</p>
    <p>Nor does one column of the table stand for one property. Directions do, where anything does: turn the tables of microGPT, and
      every matrix that reads from their rows or adds to them, in the same way, and it computes the same.</p>`;
}
