// What the chat page works out without the page: tokens as blocks of text, branches, which tokens belong to which message.

/**
 * Text as paragraphs and code blocks: [{code: false, text}, {code: true, language, text}]. A code block that has not
 * ended is one all the same, so that it does not jump when it does.
 */
export function blocks(text) {
  const found = [];
  let lines = [];
  let fence = null;
  const flush = (block) => {
    if (lines.length || block.code) found.push({ ...block, text: lines.join("\n") });
    lines = [];
  };
  for (const line of text.split("\n")) {
    const mark = line.match(/^```\s*(\S*)\s*$/);
    if (mark && fence === null) {
      flush({ code: false });
      fence = mark[1];
    } else if (mark && mark[1] === "") {
      flush({ code: true, language: fence });
      fence = null;
    } else {
      lines.push(line);
    }
  }
  flush(fence === null ? { code: false } : { code: true, language: fence });
  return found.filter((block) => block.code || block.text.trim() !== "");
}

/**
 * The chips of a message: one for each token, but for the tokens of a character that comes in several, which are one.
 * Each: {text, from, to, token}, the last of its tokens being the one that is chosen by it.
 */
export function chips(tokens) {
  const found = [];
  let from = 0;
  tokens.forEach((token, index) => {
    if (token.text === "" && index < tokens.length - 1) return;
    found.push({ text: token.text, from, to: index + 1, token });
    from = index + 1;
  });
  return found;
}

/** The messages of a reply that were written in these rounds, from the last one back: {message number: tokens}. */
export function tokensByMessage(messages, saved, rounds) {
  const written = messages.filter((message) => saved.includes(message.id) && message.role === "assistant");
  const count = Math.min(written.length, rounds.length);
  return Object.fromEntries(Array.from({ length: count }, (_, back) => [written.at(-1 - back).id, rounds.at(-1 - back)]));
}

/** Where a message stands among those in its place: {place: 2, of: 3, before, after}, numbers of messages. */
export function place(message) {
  const at = message.beside.indexOf(message.id);
  return { place: at + 1, of: message.beside.length, before: message.beside[at - 1], after: message.beside[at + 1] };
}

/** The last question of a branch, and the message that it follows on: {question, after}; null where there is none. */
export function lastQuestion(messages) {
  const at = messages.findLastIndex((message) => message.role === "user");
  return at < 0 ? null : { question: messages[at], after: messages[at - 1]?.id ?? null };
}
