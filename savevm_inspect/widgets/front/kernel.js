// What a player and its kernel say to each other, whatever carries it: anywidget's messages, or a comm of the notebook.

const WAIT_MS = 4000;
const CALM_MS = 60;

/**
 * Calls a function with the newest value, no more often than the kernel can follow.
 * @param {(value: number) => void} action
 */
export function calmly(action) {
  let timer = 0;
  let newest = 0;
  return {
    call(/** @type {number} */ value) {
      newest = value;
      timer ||= window.setTimeout(() => {
        timer = 0;
        action(newest);
      }, CALM_MS);
    },
    waits: () => timer !== 0,
  };
}

/** The kernel may not be there yet, or be gone at any time: then questions fail, and the player goes on with what it has. */
export class Kernel {
  /** @param {((content: any) => void)|null} send @param {(position: number) => void} moved gets positions set in Python */
  constructor(send, moved) {
    this.send = send;
    this.moved = moved;
    this.position = calmly((position) => this.send?.({ position }));
    /** @type {Map<string|number, {resolve: (answer: any) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
  }

  /**
   * @param {string|number} key what its answer is known by @param {any} content
   * @returns {Promise<any>} fails if there is no answer
   */
  ask(key, content) {
    return new Promise((resolve, reject) => {
      if (!this.send) throw new Error("no kernel");
      const timer = setTimeout(() => reject(new Error("no answer")), WAIT_MS);
      const answered = (/** @type {any} */ answer) => {
        clearTimeout(timer);
        resolve(answer);
      };
      this.waiting.set(key, { resolve: answered, reject });
      this.send(content);
    });
  }

  /** @param {number} event @returns {Promise<any>} */
  bytes(event) {
    return this.ask(event, { ask: "bytes", event });
  }

  /** @param {any} message @param {DataView[]} [buffers] */
  receive(message, buffers = []) {
    if ("position" in message) {
      if (!this.position.waits()) this.moved(message.position); // else the page has moved on
      return;
    }
    const [key, answer] = "run" in message ? ["run", buffers[0]] : [message.event, message];
    this.waiting.get(key)?.resolve(answer);
    this.waiting.delete(key);
  }

  /** Nothing more comes. */
  lose() {
    this.send = null;
    for (const { reject } of this.waiting.values()) reject(new Error("no kernel"));
    this.waiting.clear();
  }
}
