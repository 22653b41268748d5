// One chat as the page has it: what the database holds, the reply that is being written, the tokens that are known.
import { get, post, remove, stream } from "../../kit/api.js";
import { useEffect, useRef, useState } from "../../kit/html.js";
import { tokensByMessage } from "./chat.model.js";

const EMPTY = { id: null, model: null, system: null, messages: [] };
export const TOP = 8; // alternatives of each token

/**
 * `const chat = useChat(7, {onNumber})`: {view, tokens, live, error, writing, ask, again, branch, stop, goTo, read, drop}.
 * `view`: as GET /api/chats/7 gives it. `tokens`: {message number: its tokens}. `live`: where tokens that come are pushed.
 * `onNumber(number)` is called when the first question begins a chat.
 */
export function useChat(number, { onNumber }) {
  const [view, setView] = useState(EMPTY);
  const [tokens, setTokens] = useState({});
  const [error, setError] = useState(null);
  const [writing, setWriting] = useState(null); // what the reply that is being written follows on: {upTo, question}
  const live = useRef(new Live());
  const here = useRef(null);
  const control = useRef(null);

  useEffect(() => {
    if (number === here.current) return; // it has just been begun here
    control.current?.abort();
    here.current = number;
    setWriting(null);
    setError(null);
    setTokens({});
    if (number === null) return setView(EMPTY);
    get(`/api/chats/${number}`).then((found) => here.current === number && setView(found), (problem) => setError(problem.message));
    return undefined;
  }, [number]);
  useEffect(() => () => control.current?.abort(), []); // the reader has left: so ends the reply, and is kept

  /** Let a reply be written -> false where it was refused or has failed. */
  const write = async (path, body, { upTo, question, known = [] }) => {
    setError(null);
    setWriting({ upTo, question });
    live.current.begin();
    control.current = new AbortController();
    const chat = here.current;
    try {
      await stream(`/api/chats/${chat}/${path}`, body, (event) => {
        if (here.current !== chat) return;
        if (event.type === "token" || event.type === "tool") live.current.push(merged(event, live.current.count, known));
        if (event.type !== "done") return;
        setView(event.chat);
        const written = tokensByMessage(event.chat.messages, event.saved, live.current.rounds());
        setTokens((old) => ({ ...old, ...written }));
        live.current.say(event);
      }, { signal: control.current.signal });
    } catch (problem) {
      if (problem.name === "AbortError" || here.current !== chat) return true;
      setError(problem.message);
      get(`/api/chats/${chat}`).then(setView, () => {}); // what was said before it failed is kept
      setWriting(null);
      return false;
    }
    if (here.current === chat) setWriting(null);
    return true;
  };

  /** Ask `text` after a message (null: at the beginning) -> false where it was refused or has failed. */
  const ask = async (text, after, how) => {
    if (here.current === null) {
      try {
        const begun = await post("/api/chats", { model: how.model, system: how.system });
        here.current = begun.id;
        onNumber(begun.id);
      } catch (problem) {
        return setError(problem.message), false;
      }
    }
    const at = view.messages.findIndex((message) => message.id === after);
    return write("ask", { ...how, text, after }, { upTo: at + 1, question: text });
  };

  /** Let the question be answered again. */
  const again = (question, how) => {
    const at = view.messages.findIndex((message) => message.id === question);
    return write("answer", { ...how, question }, { upTo: at + 1 });
  };

  /** Write a message anew from its token `index` on, with another token there. */
  const branch = (message, index, other, how) => {
    const at = view.messages.findIndex((one) => one.id === message);
    const before = tokens[message].slice(0, index);
    const known = [...before, { ...tokens[message][index], ...other }];
    return write("answer", { ...how, instead: message, tokens: known.map((token) => token.id) }, { upTo: at, known });
  };

  const stop = async () => {
    try {
      await post(`/api/chats/${here.current}/stop`, {});
    } catch (problem) {
      setError(problem.message);
    }
  };

  /** Go on with the branch of another message. */
  const goTo = async (message) => {
    try {
      setView(await post(`/api/chats/${here.current}/head`, { message }));
    } catch (problem) {
      setError(problem.message);
    }
  };

  /** Fetch the tokens of a message that was not written while the page watched. */
  const read = async (message) => {
    if (tokens[message]) return;
    try {
      const found = await get(`/api/chats/${here.current}/tokens/${message}?top=${TOP}`);
      setTokens((old) => ({ ...old, [message]: found.tokens }));
    } catch (problem) {
      setError(problem.message);
    }
  };

  /** Delete the chat -> whether it is gone. */
  const drop = async () => {
    try {
      await remove(`/api/chats/${here.current}`);
      return true;
    } catch (problem) {
      setError(problem.message);
      return false;
    }
  };

  return { view, tokens, live: live.current, error, writing, ask, again, branch, stop, goTo, read, drop };
}

/** A token that was given has no probabilities of its own: those that the page knows of it are shown. */
function merged(event, place, known) {
  return event.type === "token" && event.logprob === null && known[place] ? { ...known[place], text: event.text, kind: event.kind } : event;
}

/** Tokens as they come, for whoever shows them at once: `watch(onEvent)`; `rounds()` are the messages of the reply. */
class Live {
  constructor() {
    this.watcher = null;
    this.begin();
  }

  begin() {
    this.events = [];
    this.count = 0;
    this.ended = null;
  }

  push(event) {
    this.events.push(event);
    if (event.type === "token") this.count += 1;
    this.watcher?.(event);
  }

  /** How the reply has ended. */
  say(done) {
    this.ended = done;
  }

  /** Hand over what has come and what comes -> a function that ends it. */
  watch(onEvent) {
    this.events.forEach(onEvent);
    this.watcher = onEvent;
    return () => {
      this.watcher = null;
    };
  }

  rounds() {
    const rounds = [[]];
    for (const [at, event] of this.events.entries()) {
      if (event.type === "token") rounds.at(-1).push(event);
      else if (this.events[at + 1]?.type === "token") rounds.push([]);
    }
    return rounds.filter((round) => round.length > 0);
  }
}
