// A list of any length, of which only the rows in sight are in the page.
import { element } from "./dom.js";
import { scale } from "./outline.js";

export class VirtualList {
  /**
   * @param {string} label @param {number} rowHeight
   * @param {(first: number, count: number) => Node[]} rowsOf draws rows
   */
  constructor(label, rowHeight, rowsOf) {
    this.rowHeight = rowHeight;
    this.rowsOf = rowsOf;
    this.count = 0;
    this.top = 0;
    this.own = -1;
    this.spacer = element("div", { class: "spacer" });
    this.content = element("div", { class: "content" });
    this.node = element("div", { class: "virtual", tabindex: "0", role: "listbox", "aria-label": label }, this.content, this.spacer);
    this.node.addEventListener("scroll", () => {
      if (Math.round(this.node.scrollTop) === this.own) return; // by us, to a row that a pixel does not tell apart
      this.top = this.#scale().topOf(this.node.scrollTop);
      this.draw();
    });
    this.node.addEventListener("wheel", (event) => {
      if (event.ctrlKey || !event.deltaY) return;
      event.preventDefault();
      this.scrollTo(this.top + event.deltaY / this.rowHeight);
    }, { passive: false });
  }

  #scale() {
    return scale(this.count, this.rowHeight, this.node.clientHeight);
  }

  /** @returns {number} rows in sight */
  get visible() {
    return Math.max(Math.floor(this.node.clientHeight / this.rowHeight), 1);
  }

  /** @param {number} count */
  resize(count) {
    this.count = count;
    this.scrollTo(this.top);
  }

  /** @param {number} top the first row in sight */
  scrollTo(top) {
    const { height, pixelOf } = this.#scale();
    this.top = Math.min(Math.max(top, 0), Math.max(this.count - this.node.clientHeight / this.rowHeight, 0));
    this.spacer.style.height = `${height}px`;
    this.node.scrollTop = pixelOf(this.top);
    this.own = Math.round(this.node.scrollTop);
    this.draw();
  }

  /** @param {number} row to be in sight */
  reveal(row) {
    if (row < Math.ceil(this.top) || row >= Math.floor(this.top) + this.visible) this.scrollTo(row - Math.floor(this.visible / 3));
    else this.draw();
  }

  draw() {
    const first = Math.floor(this.top);
    const rows = this.rowsOf(first, Math.min(this.visible + 2, this.count - first));
    this.content.style.transform = `translateY(${(first - this.top) * this.rowHeight}px)`;
    this.content.replaceChildren(...rows);
  }
}
