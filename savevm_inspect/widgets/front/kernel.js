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
    this.asked = 0;
    /** @type {Map<number, {resolve: (answer: any) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
  }

  /**
   * @param {any} question @param {boolean} [always] waits for as long as the kernel has other things to do
   * @returns {Promise<any>} the answer, with its bytes if it has any; fails if there is none
   */
  ask(question, always = false) {
    return new Promise((resolve, reject) => {
      if (!this.send) throw new Error("no kernel");
      this.asked += 1;
      const key = this.asked;
      const late = () => {
        this.waiting.delete(key);
        reject(new Error("no answer"));
      };
      const timer = always ? 0 : setTimeout(late, WAIT_MS);
      const answered = (/** @type {any} */ answer) => {
        clearTimeout(timer);
        resolve(answer);
      };
      this.waiting.set(key, { resolve: answered, reject });
      this.send({ ...question, key });
    });
  }

  /** @param {any} message @param {DataView[]} [buffers] */
  receive(message, buffers = []) {
    if ("position" in message) {
      if (!this.position.waits()) this.moved(message.position); // else the page has moved on
      return;
    }
    const [first] = buffers;
    const bytes = first && new Uint8Array(first.buffer, first.byteOffset, first.byteLength);
    this.waiting.get(message.key)?.resolve({ ...message, bytes });
    this.waiting.delete(message.key);
  }

  /** Nothing more comes. */
  lose() {
    this.send = null;
    for (const { reject } of this.waiting.values()) reject(new Error("no kernel"));
    this.waiting.clear();
  }
}
